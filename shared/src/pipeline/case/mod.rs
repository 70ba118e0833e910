//! Tests beside a pipeline: an event in, what becomes of it out.
//!
//! ```toml
//! [[tests]]
//! name = "who agreed to mail is a contact"
//! event = { after = { email = "Ada@Example.com", marketing_consent = true } }
//! fields = { email = "ada@example.com" }
//! ```
//!
//! Nothing here reads a file or prints: the `freshet` command does, and the console.

mod data;
mod grammar;
mod mismatch;
mod run;
mod same;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub(super) use self::grammar::read;
pub use self::{
    mismatch::{FieldMismatch, Mismatch},
    run::Bench,
};
use super::{PipelineError, problem::Findings, syntax};
use crate::{
    delivery::Step,
    event::ChangeEvent,
    lookup::Rows,
    value::{Object, Value},
};

/// One test of a pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// The line in which it begins.
    pub line: usize,
    given: Given,
    /// The rows that lookups find, by the lookups' names; others are missing.
    lookups: BTreeMap<String, Value>,
    settings: Object,
    destination_key: Option<String>,
    expected: Expected,
}

/// What goes in.
#[derive(Clone, Debug, PartialEq)]
enum Given {
    Event(Box<ChangeEvent>),
    /// A file beside the pipeline's.
    File(String),
}

/// What has to come out.
#[derive(Clone, Debug, PartialEq)]
enum Expected {
    /// Of one event.
    Outcome(Box<Expectation>),
    /// Of several, those that are filtered left out.
    Deliveries(Vec<Expectation>),
}

/// What has to become of an event; what it does not say may be anything.
#[derive(Clone, Debug, Default, PartialEq)]
struct Expectation {
    verdict: Option<Verdict>,
    /// All mapped fields.
    fields: Option<Object>,
    /// A part of the reason why it fails.
    error: Option<String>,
    request: Option<ExpectedRequest>,
}

/// What a pipeline decides on an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Filtered,
    Deliver(Step),
}

/// The request that a delivery alone makes; what is not said may be anything.
#[derive(Clone, Debug, Default, PartialEq)]
struct ExpectedRequest {
    method: Option<String>,
    url: Option<String>,
    /// The address from the host on.
    path: Option<String>,
    body: Option<Body>,
}

/// A request's body.
#[derive(Clone, Debug, PartialEq)]
enum Body {
    /// Byte for byte.
    Text(String),
    /// By value, whatever its spaces and the order of its names.
    Json(Value),
}

impl Verdict {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Filtered => "filtered",
            Self::Deliver(step) => step.as_str(),
        }
    }
}

impl Case {
    /// The event that stands in it; `None` where it names a file.
    pub fn event(&self) -> Option<&ChangeEvent> {
        match &self.given {
            Given::Event(event) => Some(event),
            Given::File(_) => None,
        }
    }

    /// The file that it names.
    pub fn file(&self) -> Option<&str> {
        match &self.given {
            Given::Event(_) => None,
            Given::File(file) => Some(file),
        }
    }

    /// The rows that its lookups find.
    pub fn rows(&self) -> Rows {
        Rows::Given(self.lookups.clone())
    }

    /// Whether it wants an event to fail.
    pub fn wants_a_failure(&self) -> bool {
        match &self.expected {
            Expected::Outcome(outcome) => outcome.error.is_some(),
            Expected::Deliveries(deliveries) => deliveries.iter().any(|delivery| delivery.error.is_some()),
        }
    }
}

/// The tests in a document, or everything that is wrong with them. `place` is where the text comes from.
pub fn cases(place: &str, text: &str) -> Result<Vec<Case>, PipelineError> {
    let mut found = Findings::new(text);
    let cases = syntax::parse(&mut found).map(|table| read(&table, &mut found));
    let (problems, _) = found.into_sorted();
    match cases {
        Some(cases) if problems.is_empty() => Ok(cases),
        _ => Err(PipelineError { place: place.to_owned(), problems }),
    }
}
