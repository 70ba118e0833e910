//! Values that a field's kind does not suit: nothing that Freshet refuses, and most likely something that the vendor does.

use shared::{
    destination::{Action, FieldType},
    preview::Fate,
    value::Value,
};

use crate::{trial::read, words};

/// How much of a value is quoted, in characters.
const MOST_QUOTED: usize = 40;

/// A field that gets what its kind does not suit.
#[derive(Debug, PartialEq, Eq)]
pub struct Doubt {
    /// The field's name.
    pub field: String,
    /// What it takes, and what it would get.
    pub message: String,
}

/// The fields of an action that get, in what would become of some records, values of another kind.
pub fn doubts(action: &Action, fates: &[Fate]) -> Vec<Doubt> {
    let rows = || {
        fates.iter().filter_map(|fate| match fate {
            Fate::Sent(delivery, ..) | Fate::Skipped(delivery, _) | Fate::Failed(Some(delivery), _) => {
                Some(&delivery.fields)
            }
            Fate::Filtered | Fate::Failed(None, _) => None,
        })
    };
    let doubt = |name: &str, label: &str, kind: FieldType| {
        let values = || rows().filter_map(|fields| fields.get(name));
        let example = read(values().find(|value| !suits(kind, value))?);
        let many = values().filter(|value| !suits(kind, value)).count();
        let many = words::count(u64::try_from(many).unwrap_or(u64::MAX), "record has", "records have");
        let example: String = example.chars().take(MOST_QUOTED).collect();
        let message = format!("{label} takes {}; {many} something else for it, such as “{example}”.", called(kind));
        Some(Doubt { field: name.to_owned(), message })
    };
    action.fields.iter().filter_map(|field| doubt(&field.name, &field.label, field.r#type)).collect()
}

const fn called(kind: FieldType) -> &'static str {
    match kind {
        FieldType::Email => "an e-mail address",
        FieldType::Phone => "a telephone number",
        FieldType::Url => "a web address",
        FieldType::Number => "a number",
        FieldType::Boolean => "true or false",
        FieldType::Text | FieldType::Time | FieldType::Json => "another kind of value",
    }
}

/// Whether a value may be of a kind. It errs to the value's side: vendors read dates and texts in many ways.
fn suits(kind: FieldType, value: &Value) -> bool {
    let text = match value {
        // Nothing is no value of another kind.
        Value::Null => return true,
        value => read(value),
    };
    let text = text.trim();
    match kind {
        _ if text.is_empty() => true,
        FieldType::Email => text
            .split_once('@')
            .is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !text.contains(char::is_whitespace)),
        FieldType::Phone => text.chars().filter(char::is_ascii_digit).count() >= 5,
        FieldType::Url => text.contains('.') && !text.contains(char::is_whitespace),
        FieldType::Number => text.parse::<f64>().is_ok(),
        FieldType::Boolean => ["true", "false"].contains(&text.to_lowercase().as_str()),
        FieldType::Text | FieldType::Time | FieldType::Json => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_suits_a_kind_or_does_not() {
        for (kind, good, bad) in [
            (
                FieldType::Email,
                r#"["ada@example.com","a.b+c@mail.example"," ",null]"#,
                r#"["lovelace","@x.y","a b@x.y","a@x",7]"#,
            ),
            (FieldType::Phone, r#"["+44 20 7946 0018",442079460018]"#, r#"["none","12"]"#),
            (FieldType::Url, r#"["https://example.com","example.com/a"]"#, r#"["no page"]"#),
            (FieldType::Number, r#"[1,"19.90",-3e5]"#, r#"["pro",true]"#),
            (FieldType::Boolean, r#"[true,"False"]"#, r#"[1,"yes"]"#),
            (FieldType::Text, r#"["x",1,{"a":1}]"#, "[]"),
            (FieldType::Time, r#"["yesterday",1]"#, "[]"),
        ] {
            for (values, expected) in [(good, true), (bad, false)] {
                let Value::Array(values) = Value::from_json(values.as_bytes()).unwrap() else { unreachable!() };
                for value in values {
                    assert_eq!(suits(kind, &value), expected, "{kind:?} {value:?}");
                }
            }
        }
    }
}
