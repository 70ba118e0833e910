//! An event whose data is a JSON object.

use shared::{
    key::Key,
    time::Timestamp,
    value::{Object, Value, ValueError},
};

use crate::source::Source;

/// What an event's data tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The row, or whatever the key names.
    pub key: Key,
    /// The whole object.
    pub after: Value,
    /// When it happened, where a field is to tell.
    pub occurred_at: Option<Timestamp>,
}

/// Why data is no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Nothing.
    #[error("the data is empty; an event is a JSON object, so make its producer write one, or none at all")]
    Empty,
    /// Not JSON, although it begins like an aggregate.
    #[error(
        "the data is not JSON; it begins like an aggregate of the Kinesis Producer Library, but its digest is not that \
         of its content: it was damaged on its way, or cut"
    )]
    Damaged,
    /// Not JSON.
    #[error("the data is not a JSON object: {0}; make its producer write one")]
    Json(#[from] ValueError),
    /// JSON, but no object.
    #[error("the data is {0}, where an event is a JSON object; make its producer write one")]
    Kind(&'static str),
    /// A key field is missing or of no use.
    #[error(
        "the event's field {field:?}, which the source's key names, is {found}, where a key is text, a number, or true \
         or false; correct the producer, or the source's key in the stack's variables"
    )]
    Key {
        /// The field.
        field: String,
        /// `missing`, or what it is.
        found: &'static str,
    },
    /// The time field is missing or of no use.
    #[error(
        "the event's field {field:?}, which the source's occurred_at names, is {found}, where it is whole milliseconds \
         since 1970; correct the producer, or the source's occurred_at in the stack's variables"
    )]
    OccurredAt {
        /// The field.
        field: String,
        /// `missing`, or what it is.
        found: &'static str,
    },
}

/// Reads an event as its source says. `magic`: see [`crate::aggregate::Data`].
pub fn read(data: &[u8], magic: bool, partition_key: &str, source: &Source) -> Result<Event, EventError> {
    if data.is_empty() {
        return Err(EventError::Empty);
    }
    let fields = match Value::from_json(data) {
        Ok(Value::Object(fields)) => fields,
        Ok(other) => return Err(EventError::Kind(other.kind())),
        Err(_) if magic => return Err(EventError::Damaged),
        Err(error) => return Err(error.into()),
    };
    let key = match &source.key {
        Some(names) => key(&fields, names)?,
        None => Key::single("partition_key", partition_key),
    };
    let occurred_at = source.occurred_at.as_ref().map(|field| occurred_at(&fields, field)).transpose()?;
    Ok(Event { key, after: Value::Object(fields), occurred_at })
}

fn key(fields: &Object, names: &[String]) -> Result<Key, EventError> {
    let attribute = |name: &String| match fields.get(name.as_str()) {
        Some(value @ (Value::String(_) | Value::Number(_) | Value::Bool(_))) => Ok((name.clone(), value.clone())),
        other => Err(EventError::Key { field: name.clone(), found: other.map_or("missing", Value::kind) }),
    };
    names.iter().map(attribute).collect::<Result<Object, _>>().map(Key::new)
}

fn occurred_at(fields: &Object, field: &str) -> Result<Timestamp, EventError> {
    let value = fields.get(field);
    let millis = match value {
        Some(Value::Number(number)) => number.as_i64(),
        _ => None,
    };
    millis.map(Timestamp::from_millis).ok_or_else(|| EventError::OccurredAt {
        field: field.to_owned(),
        found: match value {
            None => "missing",
            Some(Value::Number(_)) => "a number that is not whole, or too great",
            Some(other) => other.kind(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(json: &str) -> Source {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_source_names_key_and_time() {
        let data = br#"{"visitor":"v-1","page":"/","at":1763800000123,"shop":7,"exact":0.10}"#;
        let source = source(r#"{"name":"views","key":["visitor","shop"],"occurred_at":"at"}"#);
        let event = read(data, false, "p", &source).unwrap();
        assert_eq!(event.key.canonical(), r#"{"shop":7,"visitor":"v-1"}"#);
        assert_eq!(event.occurred_at, Some(Timestamp::from_millis(1_763_800_000_123)));
        assert_eq!(event.after.to_json().as_bytes(), data);
    }

    #[test]
    fn without_names_the_partition_key_is_the_key() {
        let event = read(b"{}", false, "p-1", &source(r#"{"name":"views"}"#)).unwrap();
        assert_eq!(event.key.canonical(), r#"{"partition_key":"p-1"}"#);
        assert_eq!(event.occurred_at, None);
    }

    #[test]
    fn what_a_source_names_has_to_be_there() {
        let keyed = source(r#"{"name":"views","key":["id"]}"#);
        for (data, found) in
            [("{}", "missing"), (r#"{"id":null}"#, "null"), (r#"{"id":[1]}"#, "a list"), (r#"{"id":{}}"#, "an object")]
        {
            let error = read(data.as_bytes(), false, "p", &keyed).unwrap_err();
            assert_eq!(error, EventError::Key { field: "id".into(), found });
        }
        let timed = source(r#"{"name":"views","occurred_at":"at"}"#);
        for (data, found) in [
            ("{}", "missing"),
            (r#"{"at":"2025-01-01"}"#, "text"),
            (r#"{"at":1.5}"#, "a number that is not whole, or too great"),
        ] {
            let error = read(data.as_bytes(), false, "p", &timed).unwrap_err();
            assert_eq!(error, EventError::OccurredAt { field: "at".into(), found });
        }
    }
}
