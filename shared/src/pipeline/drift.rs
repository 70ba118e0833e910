//! The fields of its source that a pipeline reads, and whether they are as it knew them.

use super::Pipeline;
use crate::{
    expression::Expression,
    schema::{self, Kind, Kinds, MAX_DEPTH, Schema},
    time::Timestamp,
    value::Value,
};

/// What a pipeline's version expects of the rows of its source. Made once for many rows, so that a row that is as expected
/// costs a look at each field.
#[derive(Clone, Debug)]
pub struct Expectation<'p> {
    filter: Vec<Expected<'p>>,
    all: Vec<Expected<'p>>,
}

#[derive(Clone, Copy, Debug)]
struct Expected<'p> {
    path: &'p str,
    kinds: Kinds,
}

impl<'p> Expectation<'p> {
    /// Of a pipeline whose version became effective at `since`, by what is known of its source.
    pub fn of(pipeline: &'p Pipeline, schema: &Schema, since: Timestamp) -> Self {
        let expected = |path| Expected { path, kinds: schema.accepted(path, since) };
        Self {
            filter: pipeline.filter_paths().map(expected).collect(),
            all: pipeline.row_paths().into_iter().map(expected).collect(),
        }
    }

    /// What a row has otherwise than expected, by path. A row that the filter leaves out is asked for what the filter
    /// reads alone.
    pub fn unexpected(&self, row: &Value, matched: bool) -> impl Iterator<Item = (&'p str, Kind)> {
        let expected = if matched { &self.all } else { &self.filter };
        expected.iter().filter_map(|expected| {
            let kind = schema::kind_at(row, expected.path)?;
            (!expected.kinds.contains(kind)).then_some((expected.path, kind))
        })
    }
}

impl Pipeline {
    /// The paths, in the source's rows, of the fields that it reads: `email`, `address.city`, as deep as
    /// schemas go. Each once, by name.
    pub fn row_paths(&self) -> Vec<&str> {
        let mut paths: Vec<_> = self.filter_paths().chain(self.field_paths()).collect();
        paths.sort_unstable();
        paths.dedup();
        paths
    }

    fn filter_paths(&self) -> impl Iterator<Item = &str> {
        self.when.iter().flat_map(row_paths)
    }

    fn field_paths(&self) -> impl Iterator<Item = &str> {
        self.fields.values().map(|field| &field.expression).chain(self.lookup_keys()).flat_map(row_paths)
    }
}

/// What an expression reads of the row, as it is or was.
fn row_paths(expression: &Expression) -> impl Iterator<Item = &str> {
    let in_row = |path| str::strip_prefix(path, "after.").or_else(|| str::strip_prefix(path, "before."));
    expression.paths().filter_map(in_row).map(known_part)
}

/// As much of a path as is known of rows.
fn known_part(path: &str) -> &str {
    path.match_indices('.').nth(MAX_DEPTH - 1).map_or(path, |(end, _)| &path[..end])
}
