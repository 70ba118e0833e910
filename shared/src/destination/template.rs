//! Templates in a connector's file: text, and JSON, with placeholders that stand for what is known when a request is
//! made.
//!
//! A placeholder is a name in braces. A JSON string that is nothing but a placeholder becomes the placeholder's value,
//! whatever its type; inside a longer string it becomes text.

use serde::{Deserialize, Deserializer, de};

use super::scalar::Scalar;
use crate::value::{Object, Value};

/// What a placeholder stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// `{setting.<name>}`: a setting of the destination.
    Setting(String),
    /// `{match}`: the text of the match field, by which the vendor tells rows.
    Match,
    /// `{destination_key}`: the vendor's own id of the row.
    DestinationKey,
    /// `{trace}`: a short text made of the delivery's id, for vendors that name what failed by it.
    Trace,
    /// `{fields}`: the mapped fields.
    Fields,
    /// `{field.<name>}`: one mapped field; where it is not mapped, the member that it would be is left out.
    Field(String),
    /// `{other_fields}`: the mapped fields that have no `{field.<name>}` in the same item.
    OtherFields,
    /// `{delivery.id}`: the delivery's id.
    Id,
    /// `{delivery.type}`: `<source>.<op>`.
    Type,
    /// `{delivery.occurred_at}`: when the change happened, in RFC 3339.
    OccurredAt,
    /// `{delivery.occurred_at.seconds}`: the same, in whole seconds since 1970.
    OccurredAtSeconds,
    /// `{items}`: the batch's items, in an envelope.
    Items,
    /// `{job}`: the id of a job of the vendor's, in an address at which it is asked after.
    Job,
}

/// Every placeholder, for messages.
const KNOWN: &str = "{setting.<name>}, {match}, {destination_key}, {trace}, {fields}, {field.<name>}, {other_fields}, \
                     {delivery.id}, {delivery.type}, {delivery.occurred_at}, {delivery.occurred_at.seconds}, {items}, \
                     {job}";

impl Placeholder {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "match" => Self::Match,
            "destination_key" => Self::DestinationKey,
            "trace" => Self::Trace,
            "fields" => Self::Fields,
            "other_fields" => Self::OtherFields,
            "delivery.id" => Self::Id,
            "delivery.type" => Self::Type,
            "delivery.occurred_at" => Self::OccurredAt,
            "delivery.occurred_at.seconds" => Self::OccurredAtSeconds,
            "items" => Self::Items,
            "job" => Self::Job,
            _ => match name.split_once('.')? {
                ("setting", name) => Self::Setting(name.to_owned()),
                ("field", name) => Self::Field(name.to_owned()),
                _ => return None,
            },
        })
    }
}

/// Text with placeholders.
#[derive(Clone, Debug, PartialEq)]
pub struct Text(Vec<Part>);

/// A piece of a [`Text`].
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Text that stands as it is.
    Literal(String),
    /// What a placeholder stands for.
    Placeholder(Placeholder),
}

impl Text {
    fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let (literal, behind) = rest.split_at(open);
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            let name = behind.find('}').map(|close| &behind[1..close]);
            let placeholder = name.and_then(Placeholder::parse);
            let (Some(name), Some(placeholder)) = (name, placeholder) else {
                return Err(format!(
                    "{:?} is no placeholder\nwrite one of {KNOWN}",
                    behind.chars().take(40).collect::<String>()
                ));
            };
            parts.push(Part::Placeholder(placeholder));
            rest = &behind[name.len() + 2..];
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    /// Its pieces, in order.
    pub fn parts(&self) -> &[Part] {
        &self.0
    }

    /// The placeholders in it.
    pub fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.0.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Placeholder(placeholder) => Some(placeholder),
        })
    }

    /// Where it is nothing but one placeholder: that.
    pub fn whole(&self) -> Option<&Placeholder> {
        match self.0.as_slice() {
            [Part::Placeholder(placeholder)] => Some(placeholder),
            _ => None,
        }
    }

    /// The text, with what `value` says for each placeholder.
    pub fn render<E>(&self, value: &mut impl FnMut(&Placeholder) -> Result<String, E>) -> Result<String, E> {
        self.0.iter().try_fold(String::new(), |mut text, part| {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Placeholder(placeholder) => text.push_str(&value(placeholder)?),
            }
            Ok(text)
        })
    }
}

/// Text, or a number or boolean taken as its text.
impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Scalar(text) = Scalar::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// JSON with placeholders in its strings. In a connector's file it is written as JSON in a string, as the vendor's own
/// documentation shows it; its order of names is the order on the wire.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// A string that is one placeholder, or has some in it.
    Text(Text),
    /// A list.
    Array(Vec<Json>),
    /// Named values.
    Object(Vec<(String, Json)>),
    /// Anything else.
    Literal(Value),
}

impl Json {
    fn of(value: Value) -> Result<Self, String> {
        Ok(match value {
            Value::String(text) => Self::Text(Text::parse(&text)?),
            Value::Array(items) => Self::Array(items.into_iter().map(Self::of).collect::<Result<_, _>>()?),
            Value::Object(fields) => Self::Object(
                fields
                    .into_iter()
                    .map(|(name, value)| Ok((name.to_string(), Self::of(value)?)))
                    .collect::<Result<_, String>>()?,
            ),
            other => Self::Literal(other),
        })
    }

    /// All placeholders in it.
    pub fn placeholders(&self) -> Vec<&Placeholder> {
        match self {
            Self::Text(text) => text.placeholders().collect(),
            Self::Array(items) => items.iter().flat_map(Self::placeholders).collect(),
            Self::Object(fields) => fields.iter().flat_map(|(_, value)| value.placeholders()).collect(),
            Self::Literal(_) => Vec::new(),
        }
    }

    /// The value, with what `value` says for each placeholder; `None` where that is nothing.
    ///
    /// What is nothing is left out of its list or object, and an object that has lost all its members so is nothing
    /// itself: a vendor takes an empty object for something to write.
    pub fn render<E>(
        &self,
        value: &mut impl FnMut(&Placeholder) -> Result<Option<Value>, E>,
    ) -> Result<Option<Value>, E> {
        Ok(Some(match self {
            Self::Text(text) => match text.whole() {
                Some(placeholder) => return value(placeholder),
                None => Value::String(text.render(&mut |placeholder| {
                    let value = value(placeholder)?.unwrap_or_default();
                    Ok(text_of(&value).unwrap_or_else(|| value.to_json()))
                })?),
            },
            Self::Array(items) => {
                let rendered = items.iter().filter_map(|item| item.render(value).transpose());
                Value::Array(rendered.collect::<Result<_, E>>()?)
            }
            Self::Object(fields) => {
                let mut object = Object::new();
                for (name, template) in fields {
                    if let Some(field) = template.render(value)? {
                        object.insert(name.clone(), field);
                    }
                }
                if object.is_empty() && !fields.is_empty() {
                    return Ok(None);
                }
                Value::Object(object)
            }
            Self::Literal(value) => value.clone(),
        }))
    }

    /// What stands before and behind `{items}`, as JSON, with what `value` says for the other placeholders. Behind is
    /// empty where there is no `{items}`.
    pub fn around_items<E>(
        &self,
        value: &mut impl FnMut(&Placeholder) -> Result<Option<Value>, E>,
    ) -> Result<(String, String), E> {
        let mut pieces = vec![String::new()];
        self.write(&mut pieces, value)?;
        let mut pieces = pieces.into_iter();
        Ok((pieces.next().unwrap_or_default(), pieces.collect()))
    }

    fn write<E>(
        &self,
        pieces: &mut Vec<String>,
        value: &mut impl FnMut(&Placeholder) -> Result<Option<Value>, E>,
    ) -> Result<(), E> {
        let push = |pieces: &mut Vec<String>, text: &str| {
            if let Some(last) = pieces.last_mut() {
                last.push_str(text);
            }
        };
        match self {
            Self::Text(text) if text.whole() == Some(&Placeholder::Items) => pieces.push(String::new()),
            Self::Array(items) => {
                push(pieces, "[");
                for (index, item) in items.iter().enumerate() {
                    push(pieces, if index > 0 { "," } else { "" });
                    item.write(pieces, value)?;
                }
                push(pieces, "]");
            }
            Self::Object(fields) => {
                push(pieces, "{");
                for (index, (name, field)) in fields.iter().enumerate() {
                    push(pieces, if index > 0 { "," } else { "" });
                    push(pieces, &Value::from(name.as_str()).to_json());
                    push(pieces, ":");
                    field.write(pieces, value)?;
                }
                push(pieces, "}");
            }
            leaf => push(pieces, &leaf.render(value)?.unwrap_or_default().to_json()),
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let value = Value::from_json(text.as_bytes()).map_err(|error| {
            de::Error::custom(format!("{error}\nwrite the vendor's JSON, with placeholders in its strings"))
        })?;
        Self::of(value).map_err(de::Error::custom)
    }
}

/// A value as text: numbers by their digits, booleans as `true` and `false`, null as the empty text. `None` for lists
/// and objects.
pub fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Bool(bool) => Some(bool.to_string()),
        Value::Number(number) => Some(number.as_str().to_owned()),
        Value::String(text) => Some(text.clone()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::ValueError;

    fn json(text: &str) -> Json {
        Json::of(Value::from_json(text.as_bytes()).unwrap()).unwrap()
    }

    fn value_of(placeholder: &Placeholder) -> Result<Option<Value>, ValueError> {
        Ok(Some(match placeholder {
            Placeholder::Fields => Value::from_json(br#"{"n":1.50}"#)?,
            Placeholder::Setting(name) => Value::from(format!("<{name}>")),
            Placeholder::Field(name) if name == "absent" => return Ok(None),
            _ => Value::Null,
        }))
    }

    fn rendered(text: &str) -> Option<String> {
        json(text).render(&mut value_of).unwrap().map(|value| value.to_json())
    }

    #[test]
    fn a_whole_placeholder_keeps_its_type_and_a_part_becomes_text() {
        let text = rendered(r#"{"b":"{fields}","a":["x-{setting.s}-{match}",7,null]}"#);
        assert_eq!(text.as_deref(), Some(r#"{"b":{"n":1.50},"a":["x-<s>-",7,null]}"#));
    }

    #[test]
    fn what_is_not_mapped_is_left_out_and_null_is_not() {
        let text = rendered(r#"{"a":"{field.absent}","b":{"c":"{field.absent}"},"d":["{field.absent}"],"e":{}}"#);
        assert_eq!(text.as_deref(), Some(r#"{"d":[],"e":{}}"#));
        let text = rendered(r#"{"a":"{field.null}","b":"x{field.absent}"}"#);
        assert_eq!(text.as_deref(), Some(r#"{"a":null,"b":"x"}"#));
        assert_eq!(rendered(r#"{"a":{"b":"{field.absent}"}}"#), None);
    }

    #[test]
    fn an_envelope_is_cut_at_its_items() {
        let template = json(r#"{"data":{"type":"{setting.t}","list":["{items}"]},"n":1}"#);
        let (before, behind) = template.around_items(&mut value_of).unwrap();
        assert_eq!(before, r#"{"data":{"type":"<t>","list":["#);
        assert_eq!(behind, r#"]},"n":1}"#);
    }

    #[test]
    fn what_is_no_placeholder_is_refused() {
        for text in ["{", "{}", "{unknown}", "a {match", "{setting}", "{{match}}"] {
            assert!(Text::parse(text).unwrap_err().contains("{delivery.id}"), "{text}");
        }
        assert_eq!(Text::parse("plain").unwrap().placeholders().count(), 0);
    }
}
