//! Pipelines: which changes of a source go to which destination, and as what.
//!
//! A pipeline is a TOML document; the same text stands in a file and in the table.

mod document;
mod evaluate;

use std::fmt;

pub use self::{
    document::{OnDelete, OnLeave, Pipeline},
    evaluate::Evaluation,
};

/// One mistake in a pipeline's document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and the mend.
    pub message: String,
}

/// Everything that is wrong with a pipeline's document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct PipelineError {
    /// The file, or the pipeline's name in the table.
    pub place: String,
    /// The mistakes, by line.
    pub problems: Vec<Problem>,
}

impl fmt::Display for PipelineError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Problem { line, message }) in self.problems.iter().enumerate() {
            if index > 0 {
                out.write_str("\n")?;
            }
            write!(out, "{}:{line}: {message}", self.place)?;
        }
        Ok(())
    }
}

/// What a stack has that pipelines can name.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The sources' names.
    pub sources: Vec<String>,
    /// The destinations: name and connector's slug.
    pub destinations: Vec<(String, String)>,
}
