//! What a destination received, as the check and the view are told it.

use std::fmt;

use super::values::Values;

/// One thing that a destination took, or refused for good. What it refused for the moment (429, 5xx) is not told.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// When the destination answered, in milliseconds since 1970.
    pub at_ms: i64,
    /// Whether it took it with a 2xx; otherwise it refused it for good.
    pub accepted: bool,
    /// What was sent.
    pub sent: Sent,
}

/// What was sent to a destination.
#[derive(Clone, Debug, PartialEq)]
pub enum Sent {
    /// A row to hold.
    Upsert {
        /// The name under which the destination knows the row: the value of the match key.
        key: String,
        /// All mapped fields, the match key among them.
        values: Values,
    },
    /// A row to hold no more.
    Remove {
        /// The name under which the destination knows the row.
        key: String,
    },
    /// An event to keep.
    Append {
        /// The idempotency key, where the destination is told one.
        id: Option<String>,
        /// All mapped fields.
        values: Values,
    },
}

impl fmt::Display for Sent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upsert { key, values } => write!(out, "upsert {key}: {values}"),
            Self::Remove { key } => write!(out, "remove {key}"),
            Self::Append { values, .. } => write!(out, "event {values}"),
        }
    }
}
