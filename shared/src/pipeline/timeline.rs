//! Which version of a pipeline applies to what arrived on the backbone when.
//!
//! By the arrival, and not by the time of the work, so that a batch that comes again sees what it saw before.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// How long after it was written a change of a timeline takes effect: every function knows of it by then, since it
/// believes what it has read for two seconds; the rest is for clocks that differ and for the write itself.
pub const NOTICE: Duration = Duration::from_secs(10);

/// What applies from a time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Applies {
    /// This version.
    Version(u64),
    /// Nothing is sent; a replay will, from then on.
    Paused,
    /// Nothing: the pipeline is out of service.
    Retired,
}

/// A stretch of a timeline, up to the next one's beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// The first arrival that it is for.
    pub from: Timestamp,
    /// What applies.
    pub applies: Applies,
}

/// The stretches, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timeline(Vec<Segment>);

impl Timeline {
    /// What applies to an event that arrived at this time; `None` before the pipeline was there.
    pub fn at(&self, arrived: Timestamp) -> Option<Applies> {
        self.segment_at(arrived).map(|segment| segment.applies)
    }

    /// The stretch that an event of this arrival is in.
    pub fn segment_at(&self, arrived: Timestamp) -> Option<Segment> {
        self.0.iter().rev().find(|segment| segment.from <= arrived).copied()
    }

    /// The newest stretch, which may begin later.
    pub fn newest(&self) -> Option<Segment> {
        self.0.last().copied()
    }

    /// The stretches, the oldest first.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The versions that some arrival may still need.
    pub fn versions(&self) -> impl Iterator<Item = u64> {
        self.0.iter().filter_map(|segment| match segment.applies {
            Applies::Version(version) => Some(version),
            Applies::Paused | Applies::Retired => None,
        })
    }

    /// With another stretch from `from` on. What was to begin later is dropped: the newest word counts.
    #[must_use]
    pub fn then(&self, from: Timestamp, applies: Applies) -> Self {
        let mut segments: Vec<_> = self.0.iter().copied().filter(|segment| segment.from < from).collect();
        segments.push(Segment { from, applies });
        Self(segments)
    }

    /// The same, where nothing that has begun may change: a clock that is behind must not rewrite what another one wrote.
    #[must_use]
    pub fn after(&self, from: Timestamp, applies: Applies) -> Self {
        let newest = self.newest().map_or(from, |newest| newest.from);
        self.then(from.max(newest), applies)
    }

    /// Without what ended before `since`: nothing that arrived earlier comes again.
    #[must_use]
    pub fn since(&self, since: Timestamp) -> Self {
        let first = self.0.iter().rposition(|segment| segment.from <= since).unwrap_or(0);
        Self(self.0[first..].to_vec())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_version_applies_by_the_arrival() {
        let timeline = Timeline::default().then(at(100), Applies::Version(1)).then(at(200), Applies::Version(2));
        let told: Vec<_> = [99, 100, 199, 200, 10_000].map(|millis| timeline.at(at(millis))).into();
        let (one, two) = (Some(Applies::Version(1)), Some(Applies::Version(2)));
        assert_eq!(told, [None, one, one, two, two]);
        let paused = timeline.then(at(150), Applies::Paused);
        assert_eq!(paused.at(at(149)), one);
        assert_eq!(paused.at(at(10_000)), Some(Applies::Paused), "what was to begin later does not end the pause");
        assert_eq!(paused.versions().collect::<Vec<_>>(), [1]);
        let behind = timeline.after(at(150), Applies::Version(3));
        assert_eq!(behind.at(at(199)), one, "what is in effect stays");
        assert_eq!(behind.at(at(200)), Some(Applies::Version(3)));
        assert_eq!(timeline.since(at(250)).segments().len(), 1);
        assert_eq!(timeline.since(at(199)).segments().len(), 2);
    }

    proptest! {
        #[test]
        fn what_was_told_of_earlier_arrivals_stays(
            steps in proptest::collection::vec((0_i64..1_000, 0_u64..6), 1..12),
            asked in 0_i64..12_000,
            kept in 0_i64..12_000,
        ) {
            let mut timeline = Timeline::default();
            let mut now = 0;
            for (pause, what) in steps {
                now += pause;
                let applies = match what {
                    0 => Applies::Paused,
                    1 => Applies::Retired,
                    version => Applies::Version(version),
                };
                let before = timeline.clone();
                timeline = timeline.then(at(now), applies);
                for arrived in [asked, now - 1] {
                    if arrived < now {
                        prop_assert_eq!(timeline.at(at(arrived)), before.at(at(arrived)));
                    }
                }
                prop_assert_eq!(timeline.at(at(now)), Some(applies));
                let trimmed = timeline.since(at(kept));
                if asked >= kept {
                    prop_assert_eq!(trimmed.at(at(asked)), timeline.at(at(asked)));
                }
            }
        }
    }
}
