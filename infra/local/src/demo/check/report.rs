//! The check's verdict, and the one line that sums it up.

use std::{collections::BTreeSet, fmt};

use super::align::Fate;
use crate::demo::expectation::Rule;

/// Of how many of its last deliveries a pipeline's freshness is told.
const RECENT: usize = 100;

/// What has become of every due (change, pipeline) pair.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// How many changes were written.
    pub changes: u64,
    /// A row for each pipeline.
    pub pipelines: Vec<PipelineReport>,
    /// A row for each destination.
    pub destinations: Vec<DestinationReport>,
    /// Where order, or the idempotency key, was not kept.
    pub breaks: Vec<OrderBreak>,
    /// False while a key may still be about to change, though all is accounted for: its last value recurs, and may
    /// have been the earlier one.
    pub settled: bool,
    /// Half of the delivered pairs were at their destination within so many milliseconds of the source's
    /// acknowledgement.
    pub freshness_p50_ms: Option<u64>,
    /// 99 of 100 were.
    pub freshness_p99_ms: Option<u64>,
    /// Nothing is waited for any more.
    pub is_final: bool,
}

/// What has become of one pipeline's pairs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PipelineReport {
    /// The pipeline's name.
    pub pipeline: String,
    /// The source's name.
    pub source: String,
    /// The destination's name.
    pub destination: String,
    /// The destination has it.
    pub delivered: u64,
    /// Not meant for the destination.
    pub filtered: u64,
    /// The destination held it already.
    pub unchanged: u64,
    /// A newer one was delivered in its stead.
    pub superseded: u64,
    /// The destination refused it for good.
    pub failed: u64,
    /// Not there yet.
    pub waiting: u64,
    /// Not there, and not waited for any more.
    pub lost: u64,
    /// Source's acknowledgement to destination's 2xx in milliseconds: the median of the last 100 deliveries.
    pub recent_freshness_ms: Option<u64>,
}

/// What has become of one destination's pairs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DestinationReport {
    /// The destination's name.
    pub destination: &'static str,
    /// How many pairs it has.
    pub delivered: u64,
    /// How many events stand twice at a destination that cannot tell repeats.
    pub twice: u64,
    /// As [`Report::freshness_p50_ms`], of this destination.
    pub freshness_p50_ms: Option<u64>,
    /// As [`Report::freshness_p99_ms`], of this destination.
    pub freshness_p99_ms: Option<u64>,
}

impl DestinationReport {
    /// Of how long its deliveries took, in milliseconds.
    pub(super) fn new(destination: &'static str, twice: u64, mut waits: Vec<u64>) -> Self {
        waits.sort_unstable();
        Self {
            destination,
            delivered: u64::try_from(waits.len()).unwrap_or(u64::MAX),
            twice,
            freshness_p50_ms: percentile(&waits, 50),
            freshness_p99_ms: percentile(&waits, 99),
        }
    }
}

/// Something arrived that should not have, or not then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderBreak {
    /// The pipeline; the destination, where no pipeline is known to send such a thing.
    pub pipeline: String,
    /// The row, as the destination names it.
    pub key: String,
    /// What had arrived before: the fields that differ.
    pub before: String,
    /// What then arrived: the fields that differ.
    pub got: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl Report {
    /// How many (change, pipeline) pairs there are.
    pub fn due(&self) -> u64 {
        self.pipelines.iter().map(PipelineReport::due).sum()
    }

    /// How many have not arrived yet.
    pub fn waiting(&self) -> u64 {
        self.pipelines.iter().map(|row| row.waiting).sum()
    }

    /// How many will not arrive.
    pub fn lost(&self) -> u64 {
        self.pipelines.iter().map(|row| row.lost).sum()
    }

    /// In how many keys of a pipeline the order was broken.
    pub fn broken_keys(&self) -> usize {
        self.breaks.iter().map(|found| (&found.pipeline, &found.key)).collect::<BTreeSet<_>>().len()
    }

    /// Whether nothing is lost and the order was kept.
    pub fn is_good(&self) -> bool {
        self.lost() == 0 && self.breaks.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = |of: fn(&PipelineReport) -> u64| self.pipelines.iter().map(of).sum::<u64>();
        write!(
            out,
            "{} changes: {} due = {} delivered + {} filtered + {} unchanged + {} superseded + {} failed + {} lost",
            self.changes,
            self.due(),
            sum(|row| row.delivered),
            sum(|row| row.filtered),
            sum(|row| row.unchanged),
            sum(|row| row.superseded),
            sum(|row| row.failed),
            self.lost(),
        )?;
        if self.waiting() > 0 {
            write!(out, " + {} waiting", self.waiting())?;
        }
        match self.broken_keys() {
            0 => write!(out, ", order kept")?,
            1 => write!(out, ", ORDER BROKEN in 1 key")?,
            keys => write!(out, ", ORDER BROKEN in {keys} keys")?,
        }
        if let (Some(p50), Some(p99)) = (self.freshness_p50_ms, self.freshness_p99_ms) {
            write!(out, "; freshness p50 {p50} ms, p99 {p99} ms")?;
        }
        Ok(())
    }
}

impl fmt::Display for OrderBreak {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}: ", self.pipeline, self.key)?;
        if !self.before.is_empty() {
            write!(out, "after ({}) ", self.before)?;
        }
        write!(out, "arrived ({}), which {}", self.got, self.problem)
    }
}

impl PipelineReport {
    pub(super) fn new((rule, filtered): (&Rule, &u64)) -> Self {
        Self {
            pipeline: rule.pipeline.to_owned(),
            source: rule.source.name().to_owned(),
            destination: rule.destination.to_owned(),
            filtered: *filtered,
            ..Self::default()
        }
    }

    pub(super) fn count(&mut self, fate: Fate) {
        let counter = match fate {
            Fate::Delivered(_) => &mut self.delivered,
            Fate::Unchanged => &mut self.unchanged,
            Fate::Superseded => &mut self.superseded,
            Fate::Failed => &mut self.failed,
            Fate::Missing => &mut self.waiting,
        };
        *counter += 1;
    }

    /// How many changes its source had.
    pub fn due(&self) -> u64 {
        self.delivered + self.filtered + self.unchanged + self.superseded + self.failed + self.waiting + self.lost
    }
}

/// The nearest-rank percentile of sorted numbers: the least of them that at least `percent` of 100 do not exceed.
pub(super) fn percentile(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

/// The median of the last deliveries; each is when it arrived, and how long it took.
pub(super) fn recent_median(deliveries: &mut [(i64, u64)]) -> Option<u64> {
    let older = deliveries.len().saturating_sub(RECENT);
    if older > 0 {
        deliveries.select_nth_unstable(older);
    }
    let mut waits: Vec<u64> = deliveries[older..].iter().map(|(_, wait)| *wait).collect();
    waits.sort_unstable();
    percentile(&waits, 50)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            changes: 2_000,
            pipelines: vec![
                PipelineReport { delivered: 7, filtered: 5, unchanged: 3, superseded: 2, ..Default::default() },
                PipelineReport { delivered: 10, ..Default::default() },
            ],
            destinations: Vec::new(),
            breaks: Vec::new(),
            settled: true,
            freshness_p50_ms: Some(900),
            freshness_p99_ms: Some(1_800),
            is_final: true,
        }
    }

    #[test]
    fn the_line_is_this() {
        let line = "2000 changes: 27 due = 17 delivered + 5 filtered + 3 unchanged + 2 superseded + 0 failed + 0 lost, \
                    order kept; freshness p50 900 ms, p99 1800 ms";
        assert_eq!(report().to_string(), line);
        assert!(report().is_good());
    }

    #[test]
    fn what_is_wrong_stands_in_the_line() {
        let mut report = report();
        report.pipelines[0].lost = 4;
        let found = |key: &str| OrderBreak {
            pipeline: "p".into(),
            key: key.into(),
            before: "plan=Pro".into(),
            got: "plan=Free".into(),
            problem: "came after a newer one",
        };
        report.breaks = vec![found("a"), found("a"), found("b")];
        let line = "2000 changes: 31 due = 17 delivered + 5 filtered + 3 unchanged + 2 superseded + 0 failed + 4 lost, \
                    ORDER BROKEN in 2 keys; freshness p50 900 ms, p99 1800 ms";
        assert_eq!(report.to_string(), line);
        assert!(!report.is_good());
        assert_eq!(
            report.breaks[0].to_string(),
            "p a: after (plan=Pro) arrived (plan=Free), which came after a newer one"
        );
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!((percentile(&hundred, 50), percentile(&hundred, 99)), (Some(50), Some(99)));
        assert_eq!((percentile(&[7], 50), percentile(&[7], 99), percentile(&[], 50)), (Some(7), Some(7), None));
        assert_eq!((percentile(&[1, 2, 3], 50), percentile(&[1, 2, 3], 99)), (Some(2), Some(3)));
    }

    #[test]
    fn the_recent_median_looks_at_the_last_hundred() {
        let mut deliveries: Vec<(i64, u64)> = (0..300).map(|at| (at, if at < 200 { 9_000 } else { 10 })).collect();
        deliveries.reverse();
        assert_eq!(recent_median(&mut deliveries), Some(10));
        assert_eq!(recent_median(&mut []), None);
    }
}
