//! Change events as people write them, for tests and previews: what is left out is filled in.

use super::{ChangeEvent, Op, Origin};
use crate::{
    key::Key,
    nearest::did_you_mean,
    position::Position,
    time::Timestamp,
    value::{Object, Value},
};

/// The parts of an event.
const PARTS: [&str; 10] =
    ["op", "before", "after", "key", "occurred_at", "origin", "source", "epoch", "position", "id"];

/// 2026-01-01T00:00:00Z: when a written event happened that does not say.
const WRITTEN_AT: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// What is wrong with a written event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenProblem {
    /// The part, where it is one.
    pub part: Option<&'static str>,
    /// The reason and the mend.
    pub message: String,
}

impl ChangeEvent {
    /// Reads written events of a source: a JSON array, or one event, or one behind the other as in JSON lines.
    pub fn read_written(source: &str, json: &str) -> Result<Vec<Self>, String> {
        let mut values = Vec::new();
        for value in serde_json::Deserializer::from_str(json).into_iter() {
            match value {
                Ok(Value::Array(list)) if values.is_empty() => values = list,
                Ok(value) => values.push(value),
                Err(error) => return Err(format!("event {}: {error}", values.len() + 1)),
            }
        }
        let event = |(index, value): (usize, Value)| {
            let wrong = |message: String| format!("event {}: {message}", index + 1);
            match value {
                Value::Object(parts) => {
                    Self::written(source, index + 1, parts).map_err(|problem| wrong(problem.message))
                }
                other => Err(wrong(format!("it is {}, and no object", other.kind()))),
            }
        };
        values.into_iter().enumerate().map(event).collect()
    }

    /// The event of its parts, of which all but the images may be left out. `before` and `after` may be JSON in a text.
    ///
    /// Left out, the operation is told by the images; the key is the field `id` of the row, else the first that ends in
    /// `_id`, else the first; the position is `place`, in epoch 1; the time is the beginning of 2026.
    pub fn written(source: &str, place: usize, mut parts: Object) -> Result<Self, WrittenProblem> {
        if let Some(unknown) = parts.keys().find(|name| !PARTS.contains(&&***name)) {
            let mend = did_you_mean(unknown, PARTS).unwrap_or_else(|| format!("it has {}", PARTS.join(", ")));
            return Err(problem(None, format!("an event has no `{unknown}`; {mend}")));
        }
        let mut take = |name: &str| parts.shift_remove(name).filter(|value| *value != Value::Null);
        let before = image("before", take("before"))?;
        let after = image("after", take("after"))?;
        let key = take("key");
        let op = match take("op") {
            None => implied(before.is_some(), after.is_some())?,
            Some(word) => op(&word)?,
        };
        fits(op, before.is_some(), after.is_some())?;
        let key = key_of(key, after.as_ref().or(before.as_ref()))?;
        let occurred_at = match take("occurred_at") {
            None => WRITTEN_AT,
            Some(value) => time(&value).ok_or_else(|| {
                problem(Some("occurred_at"), "occurred_at is no time; write one such as \"2026-07-01T09:30:00Z\"")
            })?,
        };
        let origin = match take("origin").as_ref().map(Value::as_str) {
            None | Some(Some("user")) => Origin::User,
            Some(Some("ttl")) => Origin::Ttl,
            Some(_) => {
                let message = "there is no such origin; write \"user\", or \"ttl\" for the table's time to live";
                return Err(problem(Some("origin"), message));
            }
        };
        let source = text("source", take("source"))?.unwrap_or_else(|| source.to_owned());
        let epoch = match take("epoch") {
            None => Some(1),
            Some(Value::Number(number)) => number.as_str().parse().ok(),
            Some(_) => None,
        };
        let epoch = epoch.ok_or_else(|| problem(Some("epoch"), "epoch is no whole number; write one from 1"))?;
        let position = match take("position") {
            Some(Value::Number(number)) => number.to_string(),
            other => text("position", other)?.unwrap_or_else(|| place.to_string()),
        };
        let position = Position::parse(&position).map_err(|error| problem(Some("position"), error.to_string()))?;
        let id = text("id", take("id"))?.unwrap_or_else(|| Self::id_at(&source, epoch, &position));
        Ok(Self { id, source, op, key, before, after, occurred_at, epoch, position, origin })
    }
}

fn text(part: &'static str, value: Option<Value>) -> Result<Option<String>, WrittenProblem> {
    match value {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(problem(Some(part), format!("{part} is {}; write it in quotes", other.kind()))),
    }
}

/// Whether an event of this kind has such images.
fn fits(op: Op, before: bool, after: bool) -> Result<(), WrittenProblem> {
    let is = format!("an event of op \"{}\"", op.as_str());
    match op {
        Op::Delete if after => {
            let message = format!("{is} has no `after`; write the row that is gone as `before`");
            Err(problem(Some("after"), message))
        }
        Op::Create | Op::Read if before => Err(problem(Some("before"), format!("{is} has no `before`; take it away"))),
        Op::Create | Op::Update | Op::Read if !after => {
            Err(problem(Some("op"), format!("{is} has the row as `after`; add it")))
        }
        _ => Ok(()),
    }
}

fn key_of(key: Option<Value>, row: Option<&Value>) -> Result<Key, WrittenProblem> {
    match key {
        Some(Value::Object(attributes)) if !attributes.is_empty() => return Ok(Key::new(attributes)),
        Some(other) => {
            let message =
                format!("the key is {}; write the key attributes, such as {{ customer_id = \"c-1\" }}", other.kind());
            return Err(problem(Some("key"), message));
        }
        None => {}
    }
    let row = row.and_then(Value::as_object).ok_or_else(|| problem(None, "an event without a row needs its `key`"))?;
    let named = |wanted: &dyn Fn(&str) -> bool| row.iter().find(|(name, _)| wanted(name));
    named(&|name| name == "id")
        .or_else(|| named(&|name| name.ends_with("_id")))
        .or_else(|| row.first())
        .map(|(name, value)| Key::single(name, value.clone()))
        .ok_or_else(|| problem(None, "the row has no fields, so the event needs its `key`"))
}

fn problem(part: Option<&'static str>, message: impl Into<String>) -> WrittenProblem {
    WrittenProblem { part, message: message.into() }
}

/// A row, as an object or as JSON in a text.
fn image(part: &'static str, value: Option<Value>) -> Result<Option<Value>, WrittenProblem> {
    let value = match value {
        Some(Value::String(json)) => Value::from_json(json.as_bytes())
            .map_err(|error| {
                problem(
                    Some(part),
                    format!("`{part}` is text that is no JSON ({error}); write the row as a table or as JSON"),
                )
            })
            .map(Some)?,
        value => value,
    };
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(row @ Value::Object(_)) => Ok(Some(row)),
        Some(other) => Err(problem(Some(part), format!("`{part}` is {}; write the row as a table", other.kind()))),
    }
}

fn implied(before: bool, after: bool) -> Result<Op, WrittenProblem> {
    match (before, after) {
        (false, true) => Ok(Op::Create),
        (true, true) => Ok(Op::Update),
        (true, false) => Ok(Op::Delete),
        (false, false) => Err(problem(
            None,
            "an event needs the row `after` the change, or `before` it where it was deleted; add one",
        )),
    }
}

fn op(word: &Value) -> Result<Op, WrittenProblem> {
    const OPS: [Op; 4] = [Op::Create, Op::Update, Op::Delete, Op::Read];
    let text = word.as_str().unwrap_or_default();
    OPS.into_iter().find(|op| op.as_str() == text).ok_or_else(|| {
        let words = OPS.map(Op::as_str);
        let mend = did_you_mean(text, words).unwrap_or_else(|| format!("write one of {}", words.join(", ")));
        problem(Some("op"), format!("op cannot be {}; {mend}", word.to_json()))
    })
}

/// Milliseconds since 1970, or RFC 3339.
fn time(value: &Value) -> Option<Timestamp> {
    let millis = match value {
        Value::Number(number) => number.as_i64()?,
        Value::String(text) => text.parse::<jiff::Timestamp>().ok()?.as_millisecond(),
        _ => return None,
    };
    Some(Timestamp::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(json: &str) -> Result<ChangeEvent, String> {
        ChangeEvent::read_written("customers", json).map(|mut events| events.remove(0))
    }

    #[test]
    fn what_is_left_out_is_filled_in() {
        let json = r#"{"after":{"email":"a@b.example","customer_id":"c-1"}}
                      {"before":{"id":7},"after":{"id":7,"plan":null}} {"op":"read","after":{"x":1},"position":"99"}
                      {"before":{"id":7}, "origin":"ttl"}"#;
        let events = ChangeEvent::read_written("customers", json).unwrap();
        let told: Vec<_> =
            events.iter().map(|event| (event.op, event.key.canonical(), event.position.to_string())).collect();
        assert_eq!(
            told,
            [
                (Op::Create, r#"{"customer_id":"c-1"}"#.to_owned(), "1".to_owned()),
                (Op::Update, r#"{"id":7}"#.to_owned(), "2".to_owned()),
                (Op::Read, r#"{"x":1}"#.to_owned(), "99".to_owned()),
                (Op::Delete, r#"{"id":7}"#.to_owned(), "4".to_owned()),
            ]
        );
        assert_eq!((events[3].id.as_str(), events[3].origin), ("customers/1/4", Origin::Ttl));
        let whole = serde_json::to_string(&events).unwrap();
        assert_eq!(ChangeEvent::read_written("other", &whole).unwrap(), events, "a whole event stays as it is");
    }

    #[test]
    fn every_part_can_be_told() {
        let json =
            r#"{"before":"{\"a\":null}","key":{"a":1},"occurred_at":"1970-01-01T00:00:01Z","epoch":3,"position":7}"#;
        let told = one(json).unwrap();
        assert_eq!((told.op, told.id.as_str()), (Op::Delete, "customers/3/7"));
        assert_eq!((told.key.canonical(), told.occurred_at.millis()), (r#"{"a":1}"#.to_owned(), 1_000));
        assert_eq!(told.before.unwrap().to_json(), r#"{"a":null}"#);
        assert_eq!(one(r#"{"op":"delete","key":{"a":1}}"#).unwrap().before, None, "a source may tell keys only");
        let long = r#"{"after":{"id":12345678901234567890123456789012345678}}"#;
        assert_eq!(one(long).unwrap().after.unwrap().to_json(), r#"{"id":12345678901234567890123456789012345678}"#);
    }

    #[test]
    fn what_is_no_event_says_which_and_why() {
        for (json, says) in [
            (r#"{"after":{"id":1}} {"afetr":{"id":1}}"#, "event 2: an event has no `afetr`; did you mean `after`?"),
            (r#"[{"after":{}}]"#, "event 1: the row has no fields"),
            ("{}", "event 1: an event needs the row `after`"),
            ("[{", "event 1: EOF"),
            ("[1]", "event 1: it is a number, and no object"),
            (r#"{"op":"updat","after":{"id":1}}"#, "event 1: op cannot be \"updat\"; did you mean `update`?"),
            (r#"{"op":"delete","after":{"id":1}}"#, "event 1: an event of op \"delete\" has no `after`"),
            (r#"{"op":"create","before":{},"after":{}}"#, "event 1: an event of op \"create\" has no `before`"),
            (r#"{"op":"update","before":{}}"#, "event 1: an event of op \"update\" has the row as `after`"),
            (r#"{"op":"delete"}"#, "event 1: an event without a row needs its `key`"),
            (r#"{"after":[1]}"#, "event 1: `after` is a list"),
            (r#"{"after":"{"}"#, "event 1: `after` is text that is no JSON (not valid JSON at byte 1"),
            (r#"{"after":{"id":1},"key":"c-1"}"#, "event 1: the key is text"),
            (r#"{"after":{"id":1},"occurred_at":"soon"}"#, "event 1: occurred_at is no time"),
            (r#"{"after":{"id":1},"origin":"me"}"#, "event 1: there is no such origin"),
            (r#"{"after":{"id":1},"epoch":-1}"#, "event 1: epoch is no whole number"),
            (r#"{"after":{"id":1},"position":"x"}"#, "event 1: \"x\" is not a position"),
            (r#"{"after":{"id":1},"source":1}"#, "event 1: source is a number"),
        ] {
            let error = one(json).unwrap_err();
            assert!(error.starts_with(says), "{json}: {error}");
        }
    }
}
