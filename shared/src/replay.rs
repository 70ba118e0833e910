//! Replays: what a resumed pipeline has missed, read again out of the backbone, shard by shard.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    pipeline::state::Replay,
    ports::{BacklogPage, Shard, Since},
    time::Timestamp,
};

/// By how much the clocks of functions and of Kinesis may differ, and arrivals be out of order ("there are no guarantees
/// about the time stamp accuracy, or that the time stamp is always increasing", `ApproximateArrivalTimestamp` in the
/// Kinesis API reference).
pub const SKEW: Duration = Duration::from_secs(5);

/// How much earlier than where a reading without records ended the next one begins, where it has to begin by time:
/// Kinesis tells that end as a distance from the present only.
const REREAD: Duration = Duration::from_mins(1);

/// How far a replay has come, by shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Progress(BTreeMap<String, Place>);

/// How far a shard has been read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// The sequence number of the last record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    /// What arrived before this time has been read.
    at: Timestamp,
    /// It is closed, and read to its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    ended: bool,
}

impl Progress {
    /// The shards to read on from, `most` at most, those furthest behind first. A shard's parents come before it, since
    /// what they hold is older for every key; a parent that the backbone no longer has was read, or holds nothing.
    pub fn readable<'a>(&self, shards: &'a [Shard], most: usize) -> Vec<&'a Shard> {
        let waits = |parent: &String| shards.iter().any(|shard| shard.id == *parent) && !self.has_ended(parent);
        let mut readable: Vec<&Shard> =
            shards.iter().filter(|shard| !self.has_ended(&shard.id) && !shard.parents.iter().any(waits)).collect();
        readable.sort_by_key(|shard| self.0.get(&shard.id).map(|place| place.at));
        readable.truncate(most);
        readable
    }

    /// Where to read on in a shard of which the backbone holds what arrived at `held_from` or after it.
    pub fn since(&self, shard: &str, replay: &Replay, held_from: Timestamp) -> Since {
        match self.0.get(shard) {
            None => Since::Arrived(replay.from - SKEW),
            // A record that is gone is no place to read on from.
            Some(Place { after: Some(number), at, .. }) if *at >= held_from => Since::After(number.clone()),
            Some(Place { at, .. }) => Since::Arrived(*at - SKEW),
        }
    }

    /// Notes what a reading that began at `now` brought.
    pub fn note(&mut self, shard: &str, page: &BacklogPage, now: Timestamp) {
        let place = self.0.entry(shard.to_owned());
        let place = place.or_insert(Place { after: None, at: Timestamp::from_millis(0), ended: false });
        if let Some(last) = page.records.last() {
            place.after = Some(last.number.clone());
        } else if !page.is_at_tip() {
            // Long stretches without records take many readings; so what was passed is kept as a time.
            place.after = None;
        }
        let reached = if page.is_at_tip() {
            now
        } else if let Some(last) = page.records.last() {
            last.arrived_at
        } else {
            now - page.behind - REREAD
        };
        place.at = place.at.max(reached);
        place.ended = page.next.is_none();
    }

    /// What arrived before this time has been read, in all shards; `None` where all are closed and at their end.
    pub fn reached(&self, shards: &[Shard], replay: &Replay) -> Option<Timestamp> {
        let open = shards.iter().filter(|shard| !self.has_ended(&shard.id));
        open.map(|shard| self.0.get(&shard.id).map_or(replay.from, |place| place.at.max(replay.from))).min()
    }

    /// Forgets shards that the backbone no longer has.
    pub fn retain(&mut self, shards: &[Shard]) {
        self.0.retain(|id, _| shards.iter().any(|shard| shard.id == *id));
    }

    fn has_ended(&self, shard: &str) -> bool {
        self.0.get(shard).is_some_and(|place| place.ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::BacklogRecord;

    const FROM: i64 = 1_000_000;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn replay() -> Replay {
        Replay { from: at(FROM), version: 2, begins_at: at(FROM + 60_000), until: None }
    }

    fn shard(id: &str, parents: &[&str]) -> Shard {
        Shard { id: id.to_owned(), parents: parents.iter().map(|parent| (*parent).to_owned()).collect() }
    }

    fn page(last: Option<(&str, i64)>, behind: u64, is_end: bool) -> BacklogPage {
        let record = |(number, millis): (&str, i64)| BacklogRecord {
            number: number.to_owned(),
            arrived_at: at(millis),
            data: Vec::new(),
        };
        let next = (!is_end).then(|| "next".to_owned());
        BacklogPage { records: last.map(record).into_iter().collect(), next, behind: Duration::from_millis(behind) }
    }

    fn ids<'a>(shards: &[&'a Shard]) -> Vec<&'a str> {
        shards.iter().map(|shard| shard.id.as_str()).collect()
    }

    #[test]
    fn parents_are_read_to_their_end_before_what_came_out_of_them() {
        // 1 was split into 3 and 4; 3 and 2 were merged into 5; what 1 came out of is gone.
        let shards =
            [shard("1", &["0"]), shard("2", &[]), shard("3", &["1"]), shard("4", &["1"]), shard("5", &["2", "3"])];
        let mut progress = Progress::default();
        assert_eq!(ids(&progress.readable(&shards, 9)), ["1", "2"]);
        progress.note("2", &page(None, 0, true), at(FROM + 1));
        assert_eq!(ids(&progress.readable(&shards, 9)), ["1"]);
        progress.note("1", &page(Some(("7", FROM)), 5, false), at(FROM + 2));
        assert_eq!(ids(&progress.readable(&shards, 9)), ["1"]);
        progress.note("1", &page(Some(("8", FROM)), 0, true), at(FROM + 3));
        assert_eq!(ids(&progress.readable(&shards, 9)), ["3", "4"]);
        progress.note("3", &page(None, 0, true), at(FROM + 4));
        progress.note("4", &page(None, 0, false), at(FROM + 5));
        // 5 has not been read at all, so it is the furthest behind.
        assert_eq!(ids(&progress.readable(&shards, 9)), ["5", "4"]);
        assert_eq!(ids(&progress.readable(&shards, 1)), ["5"]);
        assert_eq!(progress.reached(&shards, &replay()), Some(at(FROM)));
        progress.note("5", &page(None, 0, false), at(FROM + 9));
        assert_eq!(progress.reached(&shards, &replay()), Some(at(FROM + 5)));
    }

    #[test]
    fn reading_goes_on_behind_the_last_record_or_at_a_time() {
        let mut progress = Progress::default();
        let replay = replay();
        let held = at(0);
        assert_eq!(progress.since("1", &replay, held), Since::Arrived(at(FROM) - SKEW));
        let now = at(FROM + 3_600_000);
        progress.note("1", &page(Some(("7", FROM + 10)), 3_000_000, false), now);
        assert_eq!(progress.since("1", &replay, held), Since::After("7".to_owned()));
        // That record is gone: all that is left is read.
        assert_eq!(progress.since("1", &replay, at(FROM + 11)), Since::Arrived(at(FROM + 10) - SKEW));
        // Half an hour was passed without a record.
        progress.note("1", &page(None, 1_800_000, false), now);
        assert_eq!(progress.since("1", &replay, held), Since::Arrived(now - Duration::from_mins(30) - REREAD - SKEW));
        // A page with records is not the end, even where it is said not to be behind.
        progress.note("1", &page(Some(("8", FROM + 3_000_000)), 0, false), now);
        assert_eq!(progress.reached(&[shard("1", &[])], &replay), Some(at(FROM + 3_000_000)));
        progress.note("1", &page(None, 0, false), now);
        assert_eq!(progress.reached(&[shard("1", &[])], &replay), Some(now));
        assert_eq!(progress.since("1", &replay, held), Since::After("8".to_owned()));
    }

    #[test]
    fn progress_never_goes_back_and_can_be_kept() {
        let shards = [shard("1", &[])];
        let mut progress = Progress::default();
        progress.note("1", &page(Some(("7", FROM + 500)), 10, false), at(FROM + 900));
        // Not told how far behind, and an arrival that is out of order.
        progress.note("1", &page(None, u64::MAX, false), at(FROM + 900));
        progress.note("1", &page(Some(("8", FROM + 400)), 10, false), at(FROM + 900));
        assert_eq!(progress.reached(&shards, &replay()), Some(at(FROM + 500)));
        let kept = serde_json::to_string(&progress).unwrap();
        assert_eq!(kept, r#"{"1":{"after":"8","at":1000500}}"#);
        assert_eq!(serde_json::from_str::<Progress>(&kept).unwrap(), progress);
        progress.retain(&[]);
        assert_eq!(progress, Progress::default());
        progress.note("1", &page(None, 0, true), at(FROM));
        assert_eq!(progress.reached(&shards, &replay()), None);
    }
}
