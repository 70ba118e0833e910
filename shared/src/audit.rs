//! What people changed: who, what, before, after, when.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// How much is kept of a value before or after a change, in bytes: an item of DynamoDB has room for 400 KB.
pub const MOST_KEPT: usize = 100_000;

/// One change that a person made, or tried to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When it began.
    pub at: Timestamp,
    /// Tells it from another of the same millisecond.
    pub id: String,
    /// Whom the identity provider knows by this: never changes, and is given to nobody else.
    pub person: String,
    /// The person's name, as it was then.
    pub name: String,
    /// What was done: `publish`, `pause`, `retry`.
    pub action: String,
    /// To what: `pipeline customers-to-hubspot`.
    pub subject: String,
    /// What was there before; `None` where there was nothing.
    pub before: Option<String>,
    /// What is there after it; `None` where nothing is.
    pub after: Option<String>,
    /// What came of it.
    pub outcome: AuditOutcome,
}

/// What came of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditOutcome {
    /// It began. Where an entry stays so, nobody knows whether the change was made.
    Begun,
    /// It was made.
    Done,
    /// It was not made, and why.
    Failed(String),
}

impl AuditEntry {
    /// Its place among all entries, which it sorts by: time, then id.
    pub fn place(&self) -> String {
        format!("{}#{}", self.at.to_rfc3339(), self.id)
    }
}

/// A value as it is kept: cut at [`MOST_KEPT`], and said so.
pub fn kept(value: &str) -> String {
    if value.len() <= MOST_KEPT {
        return value.to_owned();
    }
    let end = value.floor_char_boundary(MOST_KEPT);
    format!("{}\n… and {} bytes more", &value[..end], value.len() - end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        assert_eq!(kept("short"), "short");
        // Each é has two bytes, and the first begins at 1: none ends at an even place.
        let long = format!("a{}", "é".repeat(MOST_KEPT));
        let whole = &long[..MOST_KEPT - 1];
        assert_eq!(kept(&long), format!("{whole}\n… and {} bytes more", MOST_KEPT + 2));
    }
}
