//! What each destination came to: a small table for the end.

use std::{collections::HashSet, fmt};

use super::check::DestinationReport;
use crate::simulator::{Simulator, What};

/// What a simulated destination has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests, refused and lost ones among them.
    pub requests: u64,
    /// Requests that got a 429: one too many for the vendor's limits, or a fault.
    pub throttled: u64,
    /// Rows that stand twice: not removed, of one kind, with one match value.
    pub twice: u64,
    /// Requests that were applied, and whose answer was lost.
    pub lost_answers: u64,
}

impl Tally {
    /// Of a simulator, so far.
    pub fn of(simulator: &Simulator) -> Self {
        let mut tally = Self { requests: simulator.requests(), ..Self::default() };
        for received in simulator.received() {
            match received.what {
                What::Throttled { .. } | What::Fault("429") => tally.throttled += 1,
                What::Fault("dropped after it was applied") => tally.lost_answers += 1,
                _ => {}
            }
        }
        let mut known = HashSet::new();
        for row in simulator.rows().into_iter().filter(|row| !row.removed) {
            tally.twice += u64::from(!known.insert((row.action, row.key.trim().to_lowercase())));
        }
        tally
    }
}

/// A line for each destination, below a headline.
pub struct Summary<'a>(pub &'a [(&'a DestinationReport, Tally)]);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |ms: Option<u64>| ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"));
        write!(
            out,
            "{:<12} {:>9} {:>8} {:>15} {:>5} {:>12} {:>5} {:>9} {:>9}",
            "destination", "delivered", "requests", "a 1000 records", "429s", "lost answers", "twice", "p50", "p99"
        )?;
        for (row, tally) in self.0 {
            let calls = (tally.requests * 1_000).checked_div(row.delivered);
            write!(
                out,
                "\n{:<12} {:>9} {:>8} {:>15} {:>5} {:>12} {:>5} {:>9} {:>9}",
                row.destination,
                row.delivered,
                tally.requests,
                calls.map_or_else(|| "-".to_owned(), |calls| calls.to_string()),
                tally.throttled,
                tally.lost_answers,
                row.twice + tally.twice,
                ms(row.freshness_p50_ms),
                ms(row.freshness_p99_ms),
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_this() {
        let report = DestinationReport {
            destination: "braze",
            delivered: 200,
            twice: 1,
            freshness_p50_ms: Some(900),
            freshness_p99_ms: Some(1_800),
        };
        let tally = Tally { requests: 30, throttled: 2, twice: 0, lost_answers: 1 };
        let empty = DestinationReport { destination: "slack", ..DestinationReport::default() };
        let wanted = "\
destination  delivered requests  a 1000 records  429s lost answers twice       p50       p99
braze              200       30             150     2            1     1    900 ms   1800 ms
slack                0        0               -     0            0     0         -         -";
        assert_eq!(Summary(&[(&report, tally), (&empty, Tally::default())]).to_string(), wanted);
    }
}
