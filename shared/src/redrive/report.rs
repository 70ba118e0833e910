//! What a redrive has come to.

use std::fmt;

/// What became of each failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Accepted where it entered again: id, and where.
    pub redriven: Vec<(String, String)>,
    /// Accepted, and failed once more before it could be marked: it is open.
    pub failed_again: Vec<String>,
    /// Nothing was done: id, and why.
    pub left_alone: Vec<(String, String)>,
}

impl Report {
    /// Whether every failure is on its way.
    pub const fn is_whole(&self) -> bool {
        self.failed_again.is_empty() && self.left_alone.is_empty()
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.redriven.extend(other.redriven);
        self.failed_again.extend(other.failed_again);
        self.left_alone.extend(other.left_alone);
    }

    pub(super) fn leave(&mut self, id: &str, why: impl fmt::Display) {
        self.left_alone.push((id.to_owned(), why.to_string()));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (id, place) in &self.redriven {
            writeln!(out, "redriven  {id}  {place}")?;
        }
        for id in &self.failed_again {
            writeln!(out, "failed again  {id}")?;
        }
        for (id, why) in &self.left_alone {
            writeln!(out, "left alone  {id}: {why}")?;
        }
        write!(out, "{} redriven", self.redriven.len())?;
        if !self.failed_again.is_empty() {
            write!(out, ", {} failed again", self.failed_again.len())?;
        }
        writeln!(out, ", {} left alone", self.left_alone.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_counts_and_explains() {
        let report = Report {
            redriven: vec![("a".to_owned(), "onto the backbone".to_owned())],
            failed_again: vec!["b".to_owned()],
            left_alone: vec![("c".to_owned(), "it is discarded already".to_owned())],
        };
        let expected = "\
redriven  a  onto the backbone
failed again  b
left alone  c: it is discarded already
1 redriven, 1 failed again, 1 left alone
";
        assert_eq!(report.to_string(), expected);
        assert!(!report.is_whole());
        assert_eq!(Report::default().to_string(), "0 redriven, 0 left alone\n");
    }
}
