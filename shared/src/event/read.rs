//! Reading an event's JSON in one pass. transform reads each event once, and most of an event is its images.

use jiter::{Jiter, Peek};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::value::RawValue;

use super::{ChangeEvent, Op, Origin};
use crate::{
    key::Key,
    position::{Position, PositionError},
    time::Timestamp,
    value::{self, Value, ValueError},
};

/// Why a text is not a [`ChangeEvent`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// It is no JSON, or a row is none.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// It has a field twice.
    #[error("duplicate field `{0}`")]
    Duplicate(&'static str),
    /// It lacks a field.
    #[error("missing field `{0}`")]
    Missing(&'static str),
    /// A field is none of the values that it can be.
    #[error("`{field}` is not {expected}")]
    Field {
        /// Its name.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// The position is none.
    #[error(transparent)]
    Position(#[from] PositionError),
}

impl ChangeEvent {
    /// Reads an event. Its images are checked, and their fields become values when they are asked for.
    pub fn from_json(json: &str) -> Result<Self, EventError> {
        let mut parser = Jiter::new(json.as_bytes());
        let mut parts = Parts::default();
        let not_an_object = EventError::Field { field: "the event", expected: "an object" };
        let mut next = match parser.peek().map_err(value::json_error)? {
            Peek::Object => Part::of(parser.known_object().map_err(value::json_error)?),
            _ => return Err(not_an_object),
        };
        while let Some(part) = next {
            let peek = parser.peek().map_err(value::json_error)?;
            parts.read(part, &mut parser, json, peek)?;
            next = Part::of(parser.next_key().map_err(value::json_error)?);
        }
        parser.finish().map_err(value::json_error)?;
        parts.whole()
    }
}

/// The field of an event.
#[derive(Clone, Copy)]
enum Part {
    Id,
    Source,
    Op,
    Key,
    Before,
    After,
    OccurredAt,
    Epoch,
    Position,
    Origin,
    /// Of a newer release.
    Unknown,
}

impl Part {
    fn of(name: Option<&str>) -> Option<Self> {
        Some(match name? {
            "id" => Self::Id,
            "source" => Self::Source,
            "op" => Self::Op,
            "key" => Self::Key,
            "before" => Self::Before,
            "after" => Self::After,
            "occurred_at" => Self::OccurredAt,
            "epoch" => Self::Epoch,
            "position" => Self::Position,
            "origin" => Self::Origin,
            _ => Self::Unknown,
        })
    }
}

/// A row, or null.
struct Image(Option<Value>);

#[derive(Default)]
struct Parts {
    id: Option<String>,
    source: Option<String>,
    op: Option<Op>,
    key: Option<Key>,
    before: Option<Image>,
    after: Option<Image>,
    occurred_at: Option<Timestamp>,
    epoch: Option<u64>,
    position: Option<Position>,
    origin: Option<Origin>,
}

impl Parts {
    fn read(&mut self, part: Part, parser: &mut Jiter<'_>, json: &str, peek: Peek) -> Result<(), EventError> {
        match part {
            Part::Id => put("id", &mut self.id, text("id", parser, peek)?.to_owned()),
            Part::Source => put("source", &mut self.source, text("source", parser, peek)?.to_owned()),
            Part::Op => {
                let op = match text("op", parser, peek)? {
                    "create" => Op::Create,
                    "update" => Op::Update,
                    "delete" => Op::Delete,
                    "read" => Op::Read,
                    _ => return wrong("op", "create, update, delete or read"),
                };
                put("op", &mut self.op, op)
            }
            Part::Key => match value::parse(parser, peek, 0)? {
                Value::Object(attributes) if !attributes.is_empty() => put("key", &mut self.key, Key::new(attributes)),
                _ => wrong("key", "an object of key attributes"),
            },
            Part::Before => put("before", &mut self.before, Image(value::row(parser, json, peek)?)),
            Part::After => put("after", &mut self.after, Image(value::row(parser, json, peek)?)),
            Part::OccurredAt => {
                let millis = number("occurred_at", "milliseconds since 1970", parser, peek)?;
                put("occurred_at", &mut self.occurred_at, Timestamp::from_millis(millis))
            }
            Part::Epoch => put("epoch", &mut self.epoch, number("epoch", "a whole number", parser, peek)?),
            Part::Position => put("position", &mut self.position, Position::parse(text("position", parser, peek)?)?),
            Part::Origin => {
                let origin = match text("origin", parser, peek)? {
                    "user" => Origin::User,
                    "ttl" => Origin::Ttl,
                    _ => return wrong("origin", "user or ttl"),
                };
                put("origin", &mut self.origin, origin)
            }
            Part::Unknown => Ok(parser.known_skip(peek).map_err(value::json_error)?),
        }
    }

    fn whole(self) -> Result<ChangeEvent, EventError> {
        Ok(ChangeEvent {
            id: self.id.ok_or(EventError::Missing("id"))?,
            source: self.source.ok_or(EventError::Missing("source"))?,
            op: self.op.ok_or(EventError::Missing("op"))?,
            key: self.key.ok_or(EventError::Missing("key"))?,
            before: self.before.and_then(|Image(row)| row),
            after: self.after.and_then(|Image(row)| row),
            occurred_at: self.occurred_at.ok_or(EventError::Missing("occurred_at"))?,
            epoch: self.epoch.ok_or(EventError::Missing("epoch"))?,
            position: self.position.ok_or(EventError::Missing("position"))?,
            origin: self.origin.unwrap_or_default(),
        })
    }
}

fn put<T>(field: &'static str, part: &mut Option<T>, value: T) -> Result<(), EventError> {
    match part.replace(value) {
        None => Ok(()),
        Some(_) => Err(EventError::Duplicate(field)),
    }
}

fn wrong<T>(field: &'static str, expected: &'static str) -> Result<T, EventError> {
    Err(EventError::Field { field, expected })
}

fn text<'p>(field: &'static str, parser: &'p mut Jiter<'_>, peek: Peek) -> Result<&'p str, EventError> {
    if peek == Peek::String { Ok(parser.known_str().map_err(value::json_error)?) } else { wrong(field, "a text") }
}

fn number<T: std::str::FromStr>(
    field: &'static str,
    expected: &'static str,
    parser: &mut Jiter<'_>,
    peek: Peek,
) -> Result<T, EventError> {
    if !peek.is_num() {
        return wrong(field, expected);
    }
    let digits = parser.known_number_bytes(peek).map_err(value::json_error)?;
    let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    number.map_or_else(|| wrong(field, expected), Ok)
}

/// From JSON only, as [`ChangeEvent::from_json`].
impl<'de> Deserialize<'de> for ChangeEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::from_json(raw.get()).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"id":"customers/1/7","source":"customers","op":"update","key":{"id":"c-1"},"before":null,"after":{"id":"c-1","n":1.50},"occurred_at":-5,"epoch":3,"position":"7","origin":"ttl","newer":{"a":[1]}}"#;

    #[test]
    fn fields_come_in_any_order_and_unknown_ones_are_passed_over() {
        let event = ChangeEvent::from_json(EVENT).unwrap();
        assert_eq!((event.op, event.before.clone(), event.origin), (Op::Update, None, Origin::Ttl));
        assert_eq!(event.after, Some(Value::from_json(br#"{"id":"c-1","n":1.50}"#).unwrap()));
        assert_eq!((event.occurred_at, event.epoch), (Timestamp::from_millis(-5), 3));
        let turned = r#" { "position" : "7" , "origin":"ttl", "epoch":3,"occurred_at":-5,"after":{"id":"c-1","n":1.50},
            "key":{"id":"c-1"},"op":"update","source":"customers","id":"customers/1/7" } "#;
        assert_eq!(ChangeEvent::from_json(turned).unwrap(), event);
        assert_eq!(serde_json::from_str::<ChangeEvent>(EVENT).unwrap(), event);
    }

    #[test]
    fn what_is_none_is_refused_with_the_reason() {
        for (from, to, reason) in [
            (r#""op":"update""#, r#""op":"made""#, "`op` is not create, update, delete or read"),
            (r#""op":"update","#, "", "missing field `op`"),
            (r#""id":"customers/1/7""#, r#""id":7"#, "`id` is not a text"),
            (r#"{"id":"c-1"},"before""#, r#"{},"before""#, "`key` is not an object of key attributes"),
            (r#""epoch":3"#, r#""epoch":-3"#, "`epoch` is not a whole number"),
            (r#""epoch":3"#, r#""epoch":"3""#, "`epoch` is not a whole number"),
            (r#""epoch":3"#, r#""epoch":3,"epoch":3"#, "duplicate field `epoch`"),
            ("-5", "1.5", "`occurred_at` is not milliseconds since 1970"),
            (r#""position":"7""#, r#""position":"x""#, "x"),
            (r#""n":1.50"#, r#""n":1.50,"n":2"#, "the name \"n\" appears twice"),
            (r#""n":1.50"#, r#""n":01"#, "not valid JSON"),
            ("}}", "}} x", "not valid JSON"),
        ] {
            let json = EVENT.replacen(from, to, 1);
            assert_ne!(json, EVENT, "{from}");
            let error = ChangeEvent::from_json(&json).unwrap_err().to_string();
            assert!(error.contains(reason), "{to}: {error}");
        }
        assert!(ChangeEvent::from_json("[]").unwrap_err().to_string().contains("the event"));
    }
}
