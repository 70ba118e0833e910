//! What a person sees while the demo runs. [`render`] is pure; [`screen`] puts its lines on a terminal, or leaves a
//! line now and then where there is none.

mod render;
mod screen;

pub use render::{plain, render};
pub use screen::Screen;

/// All that the view shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// How long the demo has been running, in milliseconds.
    pub elapsed_ms: u64,
    /// How many changes were written.
    pub changes: u64,
    /// How many are to be written before the pace slackens or the demo ends.
    pub wanted: u64,
    /// What is going on, in a few words.
    pub doing: String,
    /// A row for each pipeline.
    pub pipelines: Vec<PipelineRow>,
    /// In how many keys the order was broken.
    pub broken_keys: usize,
    /// The destinations' pages: name and URL.
    pub pages: Vec<(String, String)>,
    /// The last deliveries, newest last, a line each.
    pub recent: Vec<String>,
}

/// What is shown of one pipeline.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PipelineRow {
    /// The source's name.
    pub source: String,
    /// The destination's name.
    pub destination: String,
    /// How many change events the stack captured of the source.
    pub captured: u64,
    /// How many of its deliveries stand in the stack's failures.
    pub failed: u64,
    /// What the check says; `None` where the destination is one's own endpoint, which the check cannot see.
    pub checked: Option<Checked>,
}

/// What the check says of one pipeline.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checked {
    /// The destination has it.
    pub delivered: u64,
    /// Not meant for it.
    pub filtered: u64,
    /// It held it already.
    pub unchanged: u64,
    /// A newer one was delivered instead.
    pub superseded: u64,
    /// Not there yet.
    pub waiting: u64,
    /// Source's acknowledgement to destination's 2xx, in milliseconds: the median of the last deliveries.
    pub freshness_ms: Option<u64>,
}
