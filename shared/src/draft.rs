//! Drafts: pipelines that people write in the console, before they are published.

use crate::time::Timestamp;

/// How long a draft is kept after its last change, in seconds: 90 days.
pub const KEPT_SECONDS: i64 = 90 * 24 * 3_600;

/// A pipeline that somebody is writing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Its id: random, of letters and digits, `-` and `_`.
    pub id: String,
    /// Grows with every write; 0 of one that was never written. What was read at one edit is written only at the same.
    pub edit: u64,
    /// The TOML document as far as it has come.
    pub document: String,
    /// The pipeline that it changes, with the version that it began from; `None` of a new one.
    pub base: Option<(String, u64)>,
    /// Who wrote it last, by name.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The mark of the page that kept it last by itself, while its person typed; `None` where the person pressed a button.
    pub page: Option<String>,
}
