//! What a vendor would say of one record: whether its fields are there, known, and of their types.

use shared::{
    destination::{Field, FieldType, Values},
    value::{Number, Value},
};

use super::{
    backwards::Captured,
    catalogue::{Endpoint, text_of},
};

/// By what the vendor tells the record's row; `None` for an event, and where the value is missing.
pub fn key(endpoint: &Endpoint, record: &Captured) -> Option<String> {
    let field = || record.fields.get(endpoint.match_field.as_deref()?).filter(|value| **value != Value::Null);
    record.matched.clone().or_else(|| field().map(text_of)).filter(|key| !key.trim().is_empty())
}

/// What is wrong with a record to apply, in the words that a vendor might find.
pub fn problem(endpoint: &Endpoint, record: &Captured) -> Option<String> {
    let action = endpoint.action;
    if let Some(name) = &endpoint.match_field
        && key(endpoint, record).is_none()
    {
        return Some(format!("{name} is required: it tells which row is meant"));
    }
    let is_absent = |field: &&Field| record.fields.get(&*field.name).is_none_or(is_nothing);
    if let Some(field) = action.fields.iter().filter(|field| field.required).find(is_absent) {
        return Some(format!("{} is required", field.name));
    }
    // The match field's value may stand in a place of its own only.
    let matched = || Some((endpoint.match_field.as_deref()?, Value::from(record.matched.as_deref()?)));
    let apart = matched().filter(|(name, _)| !record.fields.contains_key(*name));
    let fields = record.fields.iter().map(|(name, value)| (&**name, value));
    fields.chain(apart.as_ref().map(|(name, value)| (*name, value))).find_map(|(name, value)| {
        if action.values == Values::Text && value.as_str().is_none() {
            return Some(format!("{name} is {}, not text", value.kind()));
        }
        match action.field(name) {
            Some(_) if is_nothing(value) => None,
            Some(field) => wrong(field.r#type, value).map(|what| format!("{name} {} is {what}", text_of(value))),
            None if action.other_fields || endpoint.match_field.as_deref() == Some(name) => None,
            None => Some(format!("Property {name} does not exist")),
        }
    })
}

/// Null, or the empty text by which a vendor that takes only text is told the same.
pub fn is_nothing(value: &Value) -> bool {
    *value == Value::Null || value.as_str() == Some("")
}

/// What a value is not, where it is not of the type.
fn wrong(r#type: FieldType, value: &Value) -> Option<&'static str> {
    let text = value.as_str();
    let (fits, wanted) = match r#type {
        FieldType::Text => (text.is_some(), "no text"),
        FieldType::Email => (text.is_some_and(is_email), "no valid email address"),
        FieldType::Phone => (text.is_some_and(is_phone), "no valid phone number"),
        FieldType::Url => (text.is_some_and(is_url), "no valid address"),
        FieldType::Number => {
            (matches!(value, Value::Number(_)) || text.is_some_and(|text| Number::parse(text).is_ok()), "no number")
        }
        FieldType::Boolean => {
            (matches!(value, Value::Bool(_)) || matches!(text, Some("true" | "false")), "neither true nor false")
        }
        FieldType::Json => (matches!(value, Value::Array(_) | Value::Object(_)), "no list or object"),
        // Every vendor has its own ways to write a time.
        FieldType::Time => return None,
    };
    (!fits).then_some(wanted)
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && domain.contains('.') && !domain.contains('@') && !text.contains(char::is_whitespace)
    })
}

fn is_phone(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    digits >= 3 && text.chars().all(|character| character.is_ascii_digit() || "+-(). ".contains(character))
}

/// Vendors take an address without its scheme too.
fn is_url(text: &str) -> bool {
    let parses =
        |text: &str| url::Url::parse(text).is_ok_and(|url| url.host_str().is_some_and(|host| host.contains('.')));
    parses(text) || parses(&format!("https://{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_of_their_types() {
        let of = |json: &str| Value::from_json(json.as_bytes()).unwrap();
        for (r#type, good, bad) in [
            (FieldType::Text, r#""x""#, "7"),
            (FieldType::Email, r#""Ada+x@mail.example""#, r#""nobody""#),
            (FieldType::Email, r#""a@b.c""#, r#""a@b@c.d""#),
            (FieldType::Email, r#""a@b.c""#, r#""a b@c.d""#),
            (FieldType::Phone, r#""+44 20 7946 0018""#, r#""call me""#),
            (FieldType::Url, r#""https://example.com/a.png""#, r#""not an address""#),
            (FieldType::Url, r#""example.com""#, "7"),
            (FieldType::Number, "129.90", r#""many""#),
            (FieldType::Number, r#""129.90""#, "true"),
            (FieldType::Boolean, "false", "0"),
            (FieldType::Boolean, r#""true""#, r#""yes""#),
            (FieldType::Json, "[1]", r#""[1]""#),
        ] {
            assert_eq!(wrong(r#type, &of(good)), None, "{type:?} {good}");
            assert!(wrong(r#type, &of(bad)).is_some(), "{type:?} {bad}");
        }
    }
}
