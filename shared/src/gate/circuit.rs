//! Whether a destination answers at all.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// After so many failures in a row the circuit opens.
pub const FAILURES: u32 = 5;

/// It stays open for at most so long the first time; then twice as long, and so on.
const FIRST: Duration = Duration::from_secs(5);

/// The longest that it stays open.
const LONGEST: Duration = Duration::from_mins(5);

/// While a probe is under way the others look again after so long.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Counts failures in a row; from the fifth on nothing is sent but a probe now and then, one in all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Circuit {
    /// In a row, as long as it is closed.
    failures: u32,
    /// How often in a row it has opened.
    opened: u32,
    /// Open, and half open from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    /// The probe that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    probe: Option<Probe>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Probe {
    begins: Timestamp,
    /// Nothing was heard of it by then: whoever made it is gone.
    lost: Timestamp,
}

/// What may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Whatever the budget allows.
    All,
    /// One request.
    Probe,
    /// Nothing until then.
    None(Timestamp),
}

impl Circuit {
    /// What may be sent now.
    pub fn admits(&self, now: Timestamp) -> Admission {
        match (self.until, self.probe) {
            (None, _) => Admission::All,
            (Some(until), _) if now < until => Admission::None(until),
            (_, Some(probe)) if now < probe.lost => Admission::None(probe.lost.min(now + LOOK_AGAIN)),
            _ => Admission::Probe,
        }
    }

    /// The probe begins then; if nothing is heard of it within `patience`, there may be another.
    pub fn begin_probe(&mut self, begins: Timestamp, patience: Duration) {
        self.probe = Some(Probe { begins, lost: begins + patience });
    }

    /// The destination answered. Whether this closes the circuit.
    pub fn succeeded(&mut self) -> bool {
        let was_open = self.until.is_some();
        *self = Self::default();
        was_open
    }

    /// The request that began then failed. `draw`, from 0 to 1, spreads the probes of all destinations. Until when the
    /// circuit is open, if it was closed before.
    pub fn failed(&mut self, begun: Timestamp, now: Timestamp, draw: f64) -> Option<Timestamp> {
        let was_closed = self.until.is_none();
        if was_closed {
            self.failures = self.failures.saturating_add(1);
            if self.failures < FAILURES {
                return None;
            }
        } else if self.probe.is_none_or(|probe| probe.begins != begun) {
            // One that was under way when it opened: it says nothing new.
            return None;
        }
        let longest = FIRST.saturating_mul(2_u32.saturating_pow(self.opened)).min(LONGEST);
        let until = now + longest.mul_f64(draw.clamp(0.0, 1.0)).max(Duration::from_secs(1));
        *self = Self { failures: 0, opened: self.opened.saturating_add(1), until: Some(until), probe: None };
        was_closed.then_some(until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn open() -> Circuit {
        let mut circuit = Circuit::default();
        for _ in 1..FAILURES {
            assert_eq!(circuit.failed(NOW, NOW, 1.0), None);
        }
        assert_eq!(circuit.failed(NOW, NOW, 1.0), Some(NOW + Duration::from_secs(5)));
        circuit
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_closes_it() {
        let mut circuit = Circuit::default();
        for _ in 0..10 {
            for _ in 1..FAILURES {
                assert_eq!(circuit.failed(NOW, NOW, 0.5), None);
            }
            assert!(!circuit.succeeded(), "it was never open");
        }
        let mut circuit = open();
        assert_eq!(circuit.admits(NOW), Admission::None(NOW + Duration::from_secs(5)));
        assert!(circuit.succeeded());
        assert_eq!(circuit.admits(NOW), Admission::All);
    }

    #[test]
    fn half_open_it_lets_one_through() {
        let mut circuit = open();
        let later = NOW + Duration::from_secs(5);
        assert_eq!(circuit.admits(later), Admission::Probe);
        circuit.begin_probe(later, Duration::from_secs(30));
        assert_eq!(circuit.admits(later), Admission::None(later + LOOK_AGAIN));
        // An older request's failure is not the probe's.
        assert_eq!(circuit.failed(NOW, later, 1.0), None);
        assert_eq!(circuit.admits(later), Admission::None(later + LOOK_AGAIN));
        // Of the probe nothing is heard.
        let lost = later + Duration::from_secs(30);
        assert_eq!(circuit.admits(lost), Admission::Probe);
    }

    #[test]
    fn it_stays_open_longer_each_time_and_never_for_long() {
        let mut circuit = open();
        let mut now = NOW + Duration::from_secs(5);
        for seconds in [10, 20, 40, 80, 160, 300, 300, 300] {
            circuit.begin_probe(now, Duration::from_secs(30));
            assert_eq!(circuit.failed(now, now, 1.0), None, "it was open already");
            now = now + Duration::from_secs(seconds);
            assert_eq!(circuit.admits(now - Duration::from_millis(1)), Admission::None(now));
            assert_eq!(circuit.admits(now), Admission::Probe);
        }
        // Full jitter: anything up to that, and a second at least.
        circuit.begin_probe(now, Duration::from_secs(30));
        circuit.failed(now, now, 0.0);
        assert_eq!(circuit.admits(now), Admission::None(now + Duration::from_secs(1)));
    }
}
