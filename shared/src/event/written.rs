//! Change events as people write them, for tests and previews: what is left out is filled in.

use serde::Deserialize;

use super::{ChangeEvent, Op, Origin};
use crate::{
    key::Key,
    position::Position,
    time::Timestamp,
    value::{Object, Value},
};

/// 2026-01-01T00:00:00Z: when a written event happened that does not say.
const WRITTEN_AT: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// An event in which all but the images may be left out.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: Option<String>,
    source: Option<String>,
    op: Option<Op>,
    key: Option<Key>,
    before: Option<Value>,
    after: Option<Value>,
    occurred_at: Option<Timestamp>,
    epoch: Option<u64>,
    position: Option<Position>,
    #[serde(default)]
    origin: Origin,
}

impl ChangeEvent {
    /// Reads written events of a source: a JSON array, or one event, or one behind the other as in JSON lines.
    ///
    /// Left out, the operation is told by the images; the key is the field `id` of the row, else the first that ends in
    /// `_id`, else the first; the position is the place in the text, from 1; the time is the beginning of 2026.
    pub fn read_written(source: &str, json: &str) -> Result<Vec<Self>, String> {
        let place = |index: usize, error: &dyn std::fmt::Display| format!("event {}: {error}", index + 1);
        let written: Vec<Written> = if json.trim_start().starts_with('[') {
            serde_json::from_str(json).map_err(|error| error.to_string())?
        } else {
            let stream = serde_json::Deserializer::from_str(json).into_iter();
            stream
                .enumerate()
                .map(|(index, read)| read.map_err(|error| place(index, &error)))
                .collect::<Result<_, _>>()?
        };
        let events = written.into_iter().enumerate();
        events.map(|(index, written)| written.fill(source, index).map_err(|why| place(index, &why))).collect()
    }
}

impl Written {
    fn fill(self, source: &str, index: usize) -> Result<ChangeEvent, String> {
        let row = self.after.as_ref().or(self.before.as_ref());
        let op = self.op.unwrap_or(match (&self.before, &self.after) {
            (Some(_), None) => Op::Delete,
            (None, _) => Op::Create,
            (Some(_), Some(_)) => Op::Update,
        });
        let key = match (self.key, row.and_then(Value::as_object)) {
            (Some(key), _) => key,
            (None, Some(row)) => key_of(row).ok_or("has a row without fields, and no `key`")?,
            (None, None) => return Err("has no `after`, no `before` and no `key`: what is it about?".to_owned()),
        };
        let position = match self.position {
            Some(position) => position,
            None => Position::parse(&(index + 1).to_string()).map_err(|error| error.to_string())?,
        };
        let (source, epoch) = (self.source.unwrap_or_else(|| source.to_owned()), self.epoch.unwrap_or(1));
        Ok(ChangeEvent {
            id: self.id.unwrap_or_else(|| ChangeEvent::id_at(&source, epoch, &position)),
            source,
            op,
            key,
            before: self.before,
            after: self.after,
            occurred_at: self.occurred_at.unwrap_or(WRITTEN_AT),
            epoch,
            position,
            origin: self.origin,
        })
    }
}

fn key_of(row: &Object) -> Option<Key> {
    let named = |wanted: &dyn Fn(&str) -> bool| row.iter().find(|(name, _)| wanted(name));
    let (name, value) =
        named(&|name| name == "id").or_else(|| named(&|name| name.ends_with("_id"))).or_else(|| row.first())?;
    Some(Key::single(name, value.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn what_is_no_event_says_which() {
        for (json, message) in [
            (r#"{"after":{"id":1}} {"afetr":{"id":1}}"#, "event 2: unknown field `afetr`"),
            (r#"[{"after":{}}]"#, "event 1: has a row without fields"),
            ("{}", "event 1: has no `after`, no `before` and no `key`"),
            ("[{", "EOF"),
            (r#"{"op":"made","after":{"id":1}}"#, "event 1: unknown variant `made`"),
        ] {
            let error = ChangeEvent::read_written("customers", json).unwrap_err();
            assert!(error.starts_with(message), "{json}: {error}");
        }
    }
}
