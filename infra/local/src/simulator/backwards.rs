//! Reads a record out of a request: the template that made it, matched backwards.
//!
//! What a template does not say is refused, as a vendor's strict schema would.

use shared::{
    destination::{Json, Part, Placeholder},
    value::{Object, Value},
};

use super::catalogue::{Settings, text_of};

/// What a request says of one record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Captured {
    /// The mapped fields, wherever the template has them.
    pub fields: Object,
    /// The match field's value, where it has a place of its own.
    pub matched: Option<String>,
    /// The vendor's own id of the row.
    pub destination_key: Option<String>,
    /// The trace by which an answer names the record.
    pub trace: Option<String>,
    /// The delivery's id.
    pub id: Option<String>,
    /// The event's type.
    pub r#type: Option<String>,
    /// When the change happened.
    pub occurred_at: Option<String>,
}

/// The record that a value of this template holds, or why the value is none of it. `at` names the value's place.
pub fn capture(template: &Json, value: &Value, settings: &Settings, at: &str) -> Result<Captured, String> {
    let mut reader = Reader { settings, captured: Captured::default() };
    reader.json(template, value, at)?;
    Ok(reader.captured)
}

/// The items of an array's envelope, or why the body is none of it.
pub fn items<'v>(envelope: &Json, body: &'v Value, settings: &Settings, at: &str) -> Result<&'v [Value], String> {
    match (envelope, body) {
        (Json::Array(only), Value::Array(items)) if is_items(only) => Ok(items),
        (Json::Object(members), Value::Object(object)) => {
            no_others(members, object, at)?;
            let mut found = None;
            for (name, member) in members {
                let at = format!("{at}.{name}");
                let value = object.get(&**name).ok_or_else(|| format!("{at} is missing"))?;
                if member.placeholders().contains(&&Placeholder::Items) {
                    found = Some(items(member, value, settings, &at)?);
                } else {
                    capture(member, value, settings, &at)?;
                }
            }
            found.ok_or_else(|| format!("{at} has no items"))
        }
        _ => Err(format!("{at} is {}, and something else belongs here", body.kind())),
    }
}

fn is_items(list: &[Json]) -> bool {
    matches!(list, [Json::Text(text)] if text.whole() == Some(&Placeholder::Items))
}

fn no_others(members: &[(String, Json)], object: &Object, at: &str) -> Result<(), String> {
    let known = |name: &str| members.iter().any(|(member, _)| member == name);
    object.keys().find(|name| !known(name)).map_or(Ok(()), |name| Err(format!("{at}.{name} is not known")))
}

/// Whether a template may have been left out: where no field of it is mapped.
fn may_be_absent(template: &Json) -> bool {
    match template {
        Json::Text(text) => matches!(text.whole(), Some(Placeholder::Field(_))),
        Json::Object(members) => !members.is_empty() && members.iter().all(|(_, member)| may_be_absent(member)),
        Json::Array(_) | Json::Literal(_) => false,
    }
}

struct Reader<'a> {
    settings: &'a Settings,
    captured: Captured,
}

impl Reader<'_> {
    fn json(&mut self, template: &Json, value: &Value, at: &str) -> Result<(), String> {
        let other = || Err(format!("{at} is {}, and something else belongs here", value.kind()));
        match (template, value) {
            (Json::Text(text), value) => match (text.whole(), value) {
                (Some(placeholder), value) => self.take(placeholder, value, at),
                (None, Value::String(string)) => self.text(text.parts(), string, at),
                (None, _) => other(),
            },
            (Json::Object(members), Value::Object(object)) => {
                no_others(members, object, at)?;
                members.iter().try_for_each(|(name, member)| {
                    let at = format!("{at}.{name}");
                    match object.get(&**name) {
                        Some(value) => self.json(member, value, &at),
                        None if may_be_absent(member) => Ok(()),
                        None => Err(format!("{at} is missing")),
                    }
                })
            }
            (Json::Array(templates), Value::Array(values)) => self.list(templates, values, at),
            (Json::Literal(literal), value) if literal == value => Ok(()),
            _ => other(),
        }
    }

    /// Where values are fewer than templates, the first of those that may be absent are.
    fn list(&mut self, templates: &[Json], values: &[Value], at: &str) -> Result<(), String> {
        let mut absent = templates.len().saturating_sub(values.len());
        let mut rest = values.iter().enumerate();
        for template in templates {
            if absent > 0 && may_be_absent(template) {
                absent -= 1;
                continue;
            }
            let (index, value) = rest.next().ok_or_else(|| format!("{at} has too few members"))?;
            self.json(template, value, &format!("{at}.{index}"))?;
        }
        rest.next().map_or(Ok(()), |_| Err(format!("{at} has more members than belong here")))
    }

    /// Text with placeholders between literals: each reaches as far as the literal behind it.
    fn text(&mut self, parts: &[Part], text: &str, at: &str) -> Result<(), String> {
        let unlike = || format!("{at} is not of the form that belongs here");
        let mut rest = text;
        for (index, part) in parts.iter().enumerate() {
            match part {
                Part::Literal(literal) => rest = rest.strip_prefix(literal.as_str()).ok_or_else(unlike)?,
                Part::Placeholder(Placeholder::Setting(name)) => {
                    rest = rest.strip_prefix(self.settings.get(name)).ok_or_else(unlike)?;
                }
                Part::Placeholder(placeholder) => {
                    let end = match parts.get(index + 1) {
                        Some(Part::Literal(literal)) => rest.find(literal.as_str()).ok_or_else(unlike)?,
                        _ => rest.len(),
                    };
                    let (value, behind) = rest.split_at(end);
                    self.take(placeholder, &Value::from(value), at)?;
                    rest = behind;
                }
            }
        }
        if rest.is_empty() { Ok(()) } else { Err(unlike()) }
    }

    fn take(&mut self, placeholder: &Placeholder, value: &Value, at: &str) -> Result<(), String> {
        let place = match placeholder {
            Placeholder::Setting(name) if value.as_str() == Some(self.settings.get(name)) => return Ok(()),
            Placeholder::Setting(name) => return Err(format!("{at} is not {:?}", self.settings.get(name))),
            Placeholder::Fields | Placeholder::OtherFields => {
                let fields = value.as_object().ok_or_else(|| format!("{at} is {}, not an object", value.kind()))?;
                self.captured.fields.extend(fields.clone());
                return Ok(());
            }
            Placeholder::Field(name) => {
                self.captured.fields.insert(name.clone(), value.clone());
                return Ok(());
            }
            Placeholder::Match => &mut self.captured.matched,
            Placeholder::DestinationKey => &mut self.captured.destination_key,
            Placeholder::Trace => &mut self.captured.trace,
            Placeholder::Id => &mut self.captured.id,
            Placeholder::Type => &mut self.captured.r#type,
            Placeholder::OccurredAt | Placeholder::OccurredAtSeconds => &mut self.captured.occurred_at,
            Placeholder::Items | Placeholder::Job => return Err(format!("{at} has what no item can have")),
        };
        match value {
            Value::String(_) | Value::Number(_) => *place = Some(text_of(value)),
            other => return Err(format!("{at} is {}, not a text", other.kind())),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use shared::destination::connector;

    use super::*;

    /// A template, as it would stand in a connector's file.
    fn template(json: &str) -> Json {
        #[derive(Deserialize)]
        struct File {
            item: Json,
        }
        toml::from_str::<File>(&format!("item = '''{json}'''")).unwrap().item
    }

    fn read(item: &str, value: &str) -> Result<Captured, String> {
        let settings = Settings::of(connector("hubspot").unwrap(), &Object::new());
        capture(&template(item), &Value::from_json(value.as_bytes()).unwrap(), &settings, "item")
    }

    #[test]
    fn placeholders_give_back_what_they_stood_for() {
        let item = r#"{"id":"{match}","of":"{setting.id_property}","row":"{destination_key}","trace":"{trace}",
            "event":["{delivery.id}","{delivery.type}","{delivery.occurred_at}"],"a":"{field.a}","rest":"{other_fields}"}"#;
        let value = r#"{"id":"x","of":"email","row":"7","trace":"t","event":["i","s.create","2026-01-01T00:00:00.000Z"],
            "a":1.50,"rest":{"b":[true,null]}}"#;
        let captured = read(item, value).unwrap();
        assert_eq!(Value::Object(captured.fields).to_json(), r#"{"a":1.50,"b":[true,null]}"#);
        let text = |text: Option<String>| text.unwrap();
        assert_eq!((text(captured.matched), text(captured.destination_key)), ("x".into(), "7".into()));
        assert_eq!((text(captured.trace), text(captured.id)), ("t".into(), "i".into()));
        assert_eq!((text(captured.r#type), text(captured.occurred_at).len()), ("s.create".into(), 24));
    }

    #[test]
    fn text_is_taken_out_of_longer_text() {
        let captured =
            read(r#"{"path":"/of/{field.a}/by/{setting.id_property}-{match}"}"#, r#"{"path":"/of/x/by/email-7-8"}"#);
        let captured = captured.unwrap();
        assert_eq!((captured.fields["a"].as_str(), captured.matched.as_deref()), (Some("x"), Some("7-8")));
        for value in [r#"{"path":"/of/x"}"#, r#"{"path":"/of/x/by/phone-7"}"#, r#"{"path":7}"#] {
            read(r#"{"path":"/of/{field.a}/by/{setting.id_property}-{match}"}"#, value).unwrap_err();
        }
    }

    #[test]
    fn only_what_is_not_mapped_may_be_absent() {
        let item = r#"{"a":"{field.a}","place":{"b":"{field.b}"},"list":["{field.c}","end"],"type":"x"}"#;
        let fields = |value: &str| Value::Object(read(item, value).unwrap().fields).to_json();
        assert_eq!(fields(r#"{"list":["end"],"type":"x"}"#), "{}");
        assert_eq!(fields(r#"{"a":null,"place":{"b":2},"list":[3,"end"],"type":"x"}"#), r#"{"a":null,"b":2,"c":3}"#);
        for (value, reason) in [
            (r#"{"list":["end"]}"#, "item.type is missing"),
            (r#"{"list":["end"],"type":"y"}"#, "item.type is not of the form"),
            (r#"{"list":["end"],"type":"x","more":1}"#, "item.more is not known"),
            (r#"{"list":["end","end","end"],"type":"x"}"#, "item.list has more members"),
            (r#"{"list":[],"type":"x"}"#, "item.list has too few members"),
            (r#"{"place":{"z":1},"list":["end"],"type":"x"}"#, "item.place.z is not known"),
        ] {
            let error = read(item, value).unwrap_err();
            assert!(error.starts_with(reason), "{error}");
        }
    }

    #[test]
    fn items_are_found_in_their_envelope() {
        let envelope = template(r#"{"data":{"type":"job","list":["{items}"]}}"#);
        let settings = Settings::of(connector("hubspot").unwrap(), &Object::new());
        let found = |body: &str| {
            let body = Value::from_json(body.as_bytes()).unwrap();
            items(&envelope, &body, &settings, "body").map(<[Value]>::len)
        };
        assert_eq!(found(r#"{"data":{"type":"job","list":[1,2]}}"#), Ok(2));
        assert_eq!(found(r#"{"data":{"type":"job","list":[],"dry":true}}"#), Err("body.data.dry is not known".into()));
        assert_eq!(found(r#"{"data":{"list":[]}}"#), Err("body.data.type is missing".into()));
        assert!(found(r#"{"data":{"type":"job","list":{}}}"#).unwrap_err().contains("body.data.list is"));
    }
}
