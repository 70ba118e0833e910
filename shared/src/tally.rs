//! What an invocation counts.

use std::collections::HashMap;

/// Counts by (pipeline, source or destination; counter).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(HashMap<(String, &'static str), u64>);

impl Tally {
    /// Counts one.
    pub fn add(&mut self, subject: &str, counter: &'static str) {
        self.add_many(subject, counter, 1);
    }

    /// Counts so many at once: milliseconds, for one. Nothing is counted where it is zero.
    pub fn add_many(&mut self, subject: &str, counter: &'static str, count: u64) {
        if count > 0 {
            let sum = self.0.entry((subject.to_owned(), counter)).or_default();
            *sum = sum.saturating_add(count);
        }
    }

    /// Adds what another has counted.
    pub fn merge(&mut self, other: Self) {
        for ((subject, counter), count) in other.0 {
            self.add_many(&subject, counter, count);
        }
    }

    /// A counter's sum over all subjects.
    pub fn total(&self, counter: &str) -> u64 {
        self.0.iter().filter(|((_, other), _)| *other == counter).map(|(_, count)| count).sum()
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each subject's counts: subject, counter, count.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'static str, u64)> {
        self.0.iter().map(|((subject, counter), count)| (subject.as_str(), *counter, *count))
    }
}

/// What was counted at a stage in a minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The minute, since 1970.
    pub minute: i64,
    /// The stage: `capture`, `transform`, `deliver/<destination>`, `collect-failures`.
    pub stage: String,
    /// Subject (a pipeline, source or destination), counter, and count.
    pub counts: Vec<(String, String, u64)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_go_over_all_subjects() {
        let mut tally = Tally::default();
        assert!(tally.is_empty());
        for (subject, counter) in [("a", "events"), ("a", "events"), ("b", "events"), ("b", "failed")] {
            tally.add(subject, counter);
        }
        assert_eq!((tally.total("events"), tally.total("failed"), tally.total("sent")), (3, 1, 0));
        tally.add_many("a", "events", 40);
        tally.add_many("a", "age_ms", 0);
        let mut counts: Vec<_> = tally.iter().collect();
        counts.sort_unstable();
        assert_eq!(counts, [("a", "events", 42), ("b", "events", 1), ("b", "failed", 1)]);
    }
}
