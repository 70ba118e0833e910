//! What is wrong with a document: each problem with its line, its reason and its mend.

use std::fmt;

/// One mistake in a pipeline's document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

/// Problems and warnings as they are found, by their place in the text.
#[derive(Debug)]
pub(super) struct Findings<'t> {
    text: &'t str,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl<'t> Findings<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { text, problems: Vec::new(), warnings: Vec::new() }
    }

    /// The document.
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// The line of a byte of the text, from 1.
    pub fn line(&self, at: usize) -> usize {
        1 + self.text.bytes().take(at).filter(|byte| *byte == b'\n').count()
    }

    /// What keeps the pipeline from being published.
    pub fn problem(&mut self, at: usize, message: impl Into<String>) {
        self.problems.push(Problem { line: self.line(at), message: message.into() });
    }

    /// What looks like a mistake, and may be meant.
    pub fn warning(&mut self, at: usize, message: impl Into<String>) {
        self.warnings.push(Problem { line: self.line(at), message: message.into() });
    }

    /// The same of a line.
    pub fn warning_in(&mut self, line: usize, message: impl Into<String>) {
        self.warnings.push(Problem { line, message: message.into() });
    }

    /// Whether a problem was found in the line of this byte.
    pub fn has_problem_at(&self, at: usize) -> bool {
        let line = self.line(at);
        self.problems.iter().any(|problem| problem.line == line)
    }

    /// The problems and the warnings, by line; what was found twice stands there once.
    pub fn into_sorted(self) -> (Vec<Problem>, Vec<Problem>) {
        let sorted = |mut found: Vec<Problem>| {
            found.sort_by_key(|problem| problem.line);
            found.dedup();
            found
        };
        (sorted(self.problems), sorted(self.warnings))
    }
}
