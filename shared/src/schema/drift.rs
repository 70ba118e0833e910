//! Drift that pipelines have noticed: the source's rows are no longer as they knew them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Kind, Schema};
use crate::time::Timestamp;

/// How many notices are kept of a source: the newest.
const MAX_NOTICES: usize = 200;

/// A drift that has been told; each once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What drifted.
    #[serde(flatten)]
    pub drift: Drift,
    /// The pipeline's version.
    pub version: u64,
    /// When the first such event arrived.
    pub at: Timestamp,
}

/// A field that a pipeline uses is of a kind that it was not of when the pipeline's version became effective.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Drift {
    /// The pipeline.
    pub pipeline: String,
    /// The field's path in the row.
    pub path: String,
    /// What it is now.
    pub kind: Kind,
}

impl fmt::Display for Drift {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, kind, .. } = self;
        match kind {
            Kind::Absent => write!(out, "rows lack the field `{path}`, which they had"),
            kind => write!(out, "the field `{path}` is {}, which it was not", in_a_sentence(*kind)),
        }
    }
}

const fn in_a_sentence(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Number => "a number",
        Kind::Boolean => "true or false",
        Kind::List => "a list",
        Kind::Object => "an object",
        Kind::Null => "null",
        Kind::Absent => "absent",
    }
}

impl Schema {
    /// Whether a drift has been told.
    pub fn is_noted(&self, drift: &Drift) -> bool {
        self.notices.iter().any(|notice| notice.drift == *drift)
    }

    /// Notes that a drift has been told.
    pub fn note(&mut self, notice: Notice) {
        match self.notices.iter_mut().find(|known| known.drift == notice.drift) {
            Some(known) if known.at <= notice.at => {}
            Some(known) => *known = notice,
            None => self.notices.push(notice),
        }
        self.notices.sort_by(|a, b| (a.at, &a.drift).cmp(&(b.at, &b.drift)));
        let excess = self.notices.len().saturating_sub(MAX_NOTICES);
        self.notices.drain(..excess);
    }
}
