//! How a pipeline that is in the table stands: its timeline, a pause, a replay; and the changes that people make of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::timeline::{Applies, NOTICE, Timeline};
use crate::{config::Reader, time::Timestamp};

/// How a pipeline stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelineState {
    /// What applies to which arrivals.
    pub timeline: Timeline,
    /// It is paused: nothing is sent, and what is queued is left to the replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// It is resumed, and what the pause has left out is being sent; the timeline is still paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replay>,
}

/// A pause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Since when.
    pub since: Timestamp,
    /// The earliest arrival that was not sent because of it.
    pub replay_from: Timestamp,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who paused it.
    pub by: String,
}

/// Who pauses a pipeline whose source has drifted, if its policy is so. A person whose name it is pauses as Freshet does.
pub const FRESHET: &str = "freshet";

/// How long the backbone keeps events, by a function's environment: `CHANGES_RETENTION_HOURS`, 24 unless set ("Changing
/// the data retention period", Kinesis guide: up to 8,760).
pub fn retention(reader: &mut Reader<'_>) -> Duration {
    Duration::from_hours(reader.number("CHANGES_RETENTION_HOURS", 24, 24..=8_760))
}

impl Replay {
    /// Whether it sends what arrived then; anything else is sent as it arrives.
    pub fn covers(&self, arrived: Timestamp) -> bool {
        arrived >= self.from && self.until.is_none_or(|until| arrived < until)
    }
}

impl Pause {
    /// Until when it can be resumed without a loss, where the backbone keeps events for so long.
    pub fn safe_until(&self, retention: Duration) -> Timestamp {
        self.replay_from + retention
    }

    /// From when on it is told that this time comes: three quarters of the retention have passed.
    pub fn warned_from(&self, retention: Duration) -> Timestamp {
        self.replay_from + retention / 4 * 3
    }
}

/// What a pause has left out, on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// The first arrival to be sent.
    pub from: Timestamp,
    /// The version that sends it.
    pub version: u64,
    /// Not before: by then every function knows that the pause is over. It tells this replay from the pipeline's others.
    pub begins_at: Timestamp,
    /// When events are sent as they arrive again, once that is settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// How much of what the backbone keeps may have passed before a queued delivery of a paused pipeline is kept as a
/// failure, and not left to the replay: so whoever pauses has at least the other half.
pub const SAFE_SHARE: u32 = 2;

impl PipelineState {
    /// With `version` in effect from `from` on. A pause goes on, and so does a replay, with the version that it began
    /// with; events that arrive after either see the newest.
    #[must_use]
    pub fn published(&self, version: u64, from: Timestamp) -> Self {
        let is_open = self.replay.as_ref().is_some_and(|replay| replay.until.is_none());
        if self.pause.is_some() || is_open {
            return self.clone();
        }
        Self { timeline: self.timeline.after(from, Applies::Version(version)), ..self.clone() }
    }

    /// Out of service from `from` on.
    #[must_use]
    pub fn retired(&self, from: Timestamp) -> Self {
        Self { timeline: self.timeline.after(from, Applies::Retired), pause: None, replay: None }
    }

    /// Whether it is out of service, or will be.
    pub fn is_retired(&self) -> bool {
        self.timeline.newest().is_some_and(|newest| newest.applies == Applies::Retired)
    }

    /// Paused from `now` on; from `from` on, where a held event arrived earlier. `None` where it is paused already.
    pub fn paused(&self, now: Timestamp, from: Timestamp, by: &str, reason: Option<&str>) -> Option<Self> {
        if self.pause.is_some() { None } else { Some(self.held(now, from, by, reason)) }
    }

    /// Paused from `from` on, at the latest: a pause that there is already begins there.
    #[must_use]
    pub fn held(&self, now: Timestamp, from: Timestamp, by: &str, reason: Option<&str>) -> Self {
        // What a replay was sending may be in the queue, where the pause meets it.
        let missed_from = self.lacks_from().map_or(from, |lacking| lacking.min(from));
        let pause = match &self.pause {
            Some(pause) => Pause { replay_from: missed_from, ..pause.clone() },
            None => {
                Pause { since: now, replay_from: missed_from, reason: reason.map(str::to_owned), by: by.to_owned() }
            }
        };
        Self { timeline: self.timeline.then(from, Applies::Paused), pause: Some(pause), replay: None }
    }

    /// Resumed with `version`: the replay is to begin. `None` where it is not paused.
    pub fn resumed(&self, now: Timestamp, version: u64) -> Option<Self> {
        let pause = self.pause.as_ref()?;
        let replay = Replay { from: pause.replay_from, version, begins_at: now + NOTICE, until: None };
        Some(Self { timeline: self.timeline.clone(), pause: None, replay: Some(replay) })
    }

    /// The replay has caught up: from `until` on events are sent as they arrive, by `newest`. `None` where there is no
    /// replay, or where that is settled already.
    pub fn switched(&self, until: Timestamp, newest: u64) -> Option<Self> {
        let replay = self.replay.as_ref().filter(|replay| replay.until.is_none())?;
        let timeline = self.timeline.after(until, Applies::Version(newest));
        let replay = Replay { until: Some(until), ..replay.clone() };
        Some(Self { timeline, pause: None, replay: Some(replay) })
    }

    /// The replay that began at `begins_at` has sent all that it covers. `None` where it does not go on any more, or where
    /// it is not settled what it covers.
    pub fn replayed(&self, begins_at: Timestamp) -> Option<Self> {
        let is_this = |replay: &&Replay| replay.begins_at == begins_at && replay.until.is_some();
        self.replay.as_ref().filter(is_this)?;
        Some(Self { timeline: self.timeline.clone(), pause: None, replay: None })
    }

    /// From which arrival on the pipeline lacks something: it is paused, or resumed and has not caught up.
    pub fn lacks_from(&self) -> Option<Timestamp> {
        let paused = self.pause.as_ref().map(|pause| pause.replay_from);
        paused.or_else(|| self.replay.as_ref().map(|replay| replay.from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn a_pause_and_a_resume_leave_no_arrival_out() {
        let live = PipelineState::default().published(1, at(0));
        let paused = live.paused(at(100), at(100), "ada", Some("wrong plan")).unwrap();
        assert_eq!(paused.paused(at(101), at(101), "ada", None), None, "once");
        assert_eq!(paused.timeline.at(at(99)), Some(Applies::Version(1)));
        let mended = paused.published(2, at(150));
        assert_eq!(mended.timeline.at(at(10_000)), Some(Applies::Paused), "publishing does not end a pause");
        let resumed = mended.resumed(at(200), 2).unwrap();
        let replay = resumed.replay.clone().unwrap();
        assert_eq!((replay.from, replay.version, replay.begins_at), (at(100), 2, at(210)));
        assert_eq!(resumed.timeline.at(at(10_000)), Some(Applies::Paused), "until the replay has caught up");
        let switched = resumed.published(3, at(250)).switched(at(300), 3).unwrap();
        assert_eq!(switched.timeline.at(at(299)), Some(Applies::Paused));
        assert_eq!(switched.timeline.at(at(300)), Some(Applies::Version(3)));
        let covers = |state: &PipelineState, second| state.replay.as_ref().unwrap().covers(at(second));
        assert_eq!([99, 100, 300].map(|second| covers(&resumed, second)), [false, true, true]);
        assert_eq!([99, 100, 299, 300].map(|second| covers(&switched, second)), [false, true, true, false]);
        assert_eq!(switched.replay.as_ref().unwrap().version, 2, "a replay ends as it began");
        assert_eq!(resumed.replayed(at(210)), None, "it is not settled where it ends");
        assert_eq!(switched.replayed(at(209)), None, "another");
        let done = switched.replayed(at(210)).unwrap();
        assert_eq!((done.replay.as_ref(), &done.timeline), (None, &switched.timeline));
        let lacks = [&live, &paused, &switched, &done].map(PipelineState::lacks_from);
        assert_eq!(lacks, [None, Some(at(100)), Some(at(100)), None]);
        // Paused once more before the replay has ended: what it has not sent is sent by the next.
        let again = switched.paused(at(305), at(305), "ada", None).unwrap();
        assert_eq!(again.pause.unwrap().replay_from, at(100));
        assert_eq!(live.resumed(at(100), 1), None);
        assert_eq!(paused.pause.unwrap().safe_until(Duration::from_hours(24)), at(100 + 86_400));
    }

    #[test]
    fn what_is_out_of_service_says_so_before_it_is() {
        let live = PipelineState::default().published(1, at(0));
        let retired = live.retired(at(10));
        assert!(retired.is_retired() && !live.is_retired());
        assert_eq!(retired.timeline.at(at(9)), Some(Applies::Version(1)));
        assert!(!retired.published(2, at(20)).is_retired(), "it can come back");
    }
}
