//! How what came differs from what a test expects.

use crate::value::{Object, Value};

use super::same::same;

/// One difference. `delivery` is the place among the deliveries, from 1, where the test expects several.
#[derive(Clone, Debug, PartialEq)]
pub enum Mismatch {
    /// The test cannot be decided: its file cannot be read, or a setting is missing.
    Undecided(String),
    /// Another number of deliveries.
    Count {
        /// How many the test has.
        expected: usize,
        /// What each event came to that was not filtered.
        actual: Vec<String>,
    },
    /// Something else becomes of the event.
    Outcome {
        /// Which delivery.
        delivery: Option<usize>,
        /// What the test says.
        expected: String,
        /// What it is.
        actual: String,
    },
    /// Other fields.
    Fields {
        /// Which delivery.
        delivery: Option<usize>,
        /// Those that differ.
        fields: Vec<FieldMismatch>,
    },
    /// Another method or address.
    Request {
        /// Which delivery.
        delivery: Option<usize>,
        /// `method`, `url` or `path`.
        part: &'static str,
        /// What the test says.
        expected: String,
        /// What it is.
        actual: String,
    },
    /// Another body, JSON over several lines.
    Body {
        /// Which delivery.
        delivery: Option<usize>,
        /// What the test says.
        expected: String,
        /// What it is.
        actual: String,
    },
}

/// A field that differs; what is not there is `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldMismatch {
    /// Its name.
    pub name: String,
    /// The value that the test has.
    pub expected: Option<Value>,
    /// The value that it has.
    pub actual: Option<Value>,
}

/// The fields that differ: those expected in their order, then those too many.
pub(super) fn fields(expected: &Object, actual: &Object) -> Vec<FieldMismatch> {
    let too_many = actual.keys().filter(|name| !expected.contains_key(*name));
    let names = expected.keys().chain(too_many);
    names
        .map(|name| FieldMismatch {
            name: name.to_string(),
            expected: expected.get(name).cloned(),
            actual: actual.get(name).cloned(),
        })
        .filter(|field| match (&field.expected, &field.actual) {
            (Some(expected), Some(actual)) => !same(expected, actual),
            _ => true,
        })
        .collect()
}
