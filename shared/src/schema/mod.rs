//! What is known of the rows of a source, learned as its events pass: which fields there are and of which kinds, since
//! when and until when. Names and kinds alone; no value is kept.

mod drift;
mod kind;
mod learn;
mod merge;
mod sample;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::{
    drift::{Drift, Notice},
    kind::{Kind, Kinds},
};
use crate::{
    time::Timestamp,
    value::{Part, Value},
};

/// How deep fields are known: `address.geo.lat` is the deepest.
pub const MAX_DEPTH: usize = 3;

/// How many paths are kept of a source. With the bounds of a path and of the kinds, a schema stays below 250 KB as JSON,
/// of the 400 KB of an item ("Quotas and limits", `DynamoDB` guide).
pub const MAX_PATHS: usize = 300;

/// How long a path may be, in bytes.
const MAX_PATH_BYTES: usize = 200;

/// How many rows with a field have to be seen before a further kind of it is news to a pipeline.
pub const EARLY: u64 = 20;

/// What is known of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// All of its events, deletes included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Seen>,
    /// The rows that were learned from: a sample of those events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Seen>,
    /// What names a row: the key's attributes, and the kind of each. Empty where no event has told yet.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub key: BTreeMap<String, Kind>,
    /// The fields by path: `email`, `address.city`.
    #[serde(default)]
    pub fields: BTreeMap<String, Field>,
    /// So many more paths there are at least, which are not kept.
    #[serde(default)]
    pub more: usize,
    /// The drift of pipelines that has been told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
}

/// When something was seen, by the arrival of its event on the backbone; and how often. The count is approximate: what
/// comes again is counted again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// First.
    pub first: Timestamp,
    /// Last.
    pub last: Timestamp,
    /// How often.
    pub count: u64,
}

/// A field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The kinds that it has been.
    pub kinds: BTreeMap<Kind, Seen>,
    /// When it had been seen [`EARLY`] times; what it was up to then is what it usually is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<Timestamp>,
}

impl Seen {
    /// Once.
    pub const fn once(at: Timestamp) -> Self {
        Self { first: at, last: at, count: 1 }
    }

    fn add(into: &mut Option<Self>, other: Self) {
        *into = Some(into.map_or(other, |seen| seen.and(other)));
    }

    fn and(self, other: Self) -> Self {
        Self {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
            count: self.count.saturating_add(other.count),
        }
    }
}

impl Field {
    /// How many rows had it.
    pub fn sightings(&self) -> u64 {
        self.present().map(|seen| seen.count).fold(0, u64::saturating_add)
    }

    /// A field that these rows did not have.
    fn lacked_by(rows: Option<Seen>) -> Self {
        Self { kinds: rows.into_iter().map(|seen| (Kind::Absent, seen)).collect(), settled: None }
    }

    fn present(&self) -> impl Iterator<Item = &Seen> {
        self.kinds.iter().filter(|(kind, _)| **kind != Kind::Absent).map(|(_, seen)| seen)
    }

    fn add(&mut self, kind: Kind, seen: Seen) {
        self.kinds.entry(kind).and_modify(|known| *known = known.and(seen)).or_insert(seen);
    }

    fn settle(&mut self) {
        if self.settled.is_none() && self.sightings() >= EARLY {
            self.settled = self.present().map(|seen| seen.last).max();
        }
    }
}

impl Schema {
    /// The fields' paths, and the kinds that each has been, null and absent among them.
    pub fn fields(&self) -> impl Iterator<Item = (&str, impl Iterator<Item = Kind>)> {
        self.fields.iter().map(|(path, field)| (path.as_str(), field.kinds.keys().copied()))
    }

    /// The kinds of a field that are no news to who has accepted what was known at a time: those seen by then, and those
    /// among its first [`EARLY`] sightings. Null is never news, and of a field that is hardly known nothing is.
    pub fn accepted(&self, path: &str, at: Timestamp) -> Kinds {
        let Some((field, settled)) = self.fields.get(path).and_then(|field| Some((field, field.settled?))) else {
            return Kinds::ALL;
        };
        let known = field.kinds.iter().filter(|(_, seen)| seen.first <= at.max(settled)).map(|(kind, _)| *kind);
        known.chain([Kind::Null]).collect()
    }
}

fn depth(path: &str) -> usize {
    path.split('.').count()
}

/// What a row has at a path. `None` where something above it is null, which says nothing of the field.
pub(crate) fn kind_at(row: &Value, path: &str) -> Option<Kind> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    match row.as_object().and_then(|fields| fields.part(first)) {
        None if *row == Value::Null => None,
        None => Some(Kind::Absent),
        Some(Part::Json(json)) if rest.is_none() => Some(Kind::of_json(json)),
        // It was checked when the row was read.
        Some(Part::Json(json)) => kind_at(&Value::from_json(json.as_bytes()).unwrap_or_default(), rest?),
        Some(Part::Value(value)) => rest.map_or_else(|| Some(Kind::of(value)), |rest| kind_at(value, rest)),
    }
}

#[cfg(test)]
mod tests;
