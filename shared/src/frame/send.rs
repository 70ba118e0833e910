//! Frames onto a stream or queue, each lane in order.

use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    time::Duration,
};

use futures_util::{StreamExt as _, stream};

use super::Frame;
use crate::lane::Lane;

/// A stream or a queue that takes frames.
///
/// Neither `PutRecords` nor `SendMessageBatch` promises order under partial failure, so [`send`] never has two frames
/// of a lane in a call.
pub trait Channel: Sync {
    /// How many frames a call takes at most.
    const MAX_FRAMES: usize;
    /// How many bytes a call takes at most, all frames together.
    const MAX_BYTES: usize;

    /// Makes one call (or, on Kinesis, one for each frame that follows another) and answers, for each frame in the
    /// order given, the receipt that its follower names or the reason why it was not accepted.
    fn send(&self, frames: &[Outgoing<'_>]) -> impl Future<Output = Vec<Result<String, String>>> + Send;
}

/// A frame in a call.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// The frame.
    pub frame: &'a Frame,
    /// The receipt of the frame before it in its lane, if one was sent in this invocation: Kinesis's
    /// `SequenceNumberForOrdering`.
    pub after: Option<&'a str>,
}

/// How long [`send`] keeps trying.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Rounds without any frame accepted before it gives up.
    pub fruitless_rounds: u32,
    /// The pause after the first fruitless round; it doubles with each further one.
    pub pause: Duration,
}

impl Default for Pace {
    /// Six rounds over about three seconds: a throttled shard recovers within a second, and a longer outage is the
    /// event source mapping's to wait for.
    fn default() -> Self {
        Self { fruitless_rounds: 6, pause: Duration::from_millis(50) }
    }
}

/// What could not be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{frames} frames were not accepted; the last reason: {reason}")]
pub struct Unsent {
    /// How many frames.
    pub frames: usize,
    /// The lowest place, in the invocation's batch, of a record with an item in one of them.
    pub first_record: usize,
    /// The last reason that the stream or queue gave.
    pub reason: String,
}

/// How many calls are under way at once.
const CONCURRENT_CALLS: usize = 4;

/// Sends each lane's frames in order: a frame goes out only when the one before it in its lane was accepted.
pub async fn send<C: Channel>(
    channel: &C,
    mut lanes: BTreeMap<Lane, VecDeque<Frame>>,
    pace: Pace,
) -> Result<(), Unsent> {
    let mut receipts: BTreeMap<Lane, String> = BTreeMap::new();
    let mut fruitless = 0;
    loop {
        lanes.retain(|_, frames| !frames.is_empty());
        if lanes.is_empty() {
            return Ok(());
        }
        let heads: Vec<Outgoing<'_>> = lanes
            .values()
            .filter_map(|frames| frames.front())
            .map(|frame| Outgoing { frame, after: receipts.get(&frame.lane).map(String::as_str) })
            .collect();
        let calls: Vec<_> = calls::<C>(&heads).into_iter().map(|call| call_one(channel, call)).collect();
        let answers: Vec<Vec<(Lane, Result<String, String>)>> =
            stream::iter(calls).buffer_unordered(CONCURRENT_CALLS).collect().await;

        let mut reason = None;
        let mut accepted = 0;
        for (lane, answer) in answers.into_iter().flatten() {
            match answer {
                Ok(receipt) => {
                    accepted += 1;
                    receipts.insert(lane, receipt);
                    if let Some(frames) = lanes.get_mut(&lane) {
                        frames.pop_front();
                    }
                }
                Err(why) => reason = Some(why),
            }
        }
        if accepted > 0 {
            fruitless = 0;
        } else {
            fruitless += 1;
        }
        if let Some(reason) = reason {
            if fruitless >= pace.fruitless_rounds {
                let unsent = || lanes.values().flatten();
                return Err(Unsent {
                    frames: unsent().count(),
                    first_record: unsent().map(|frame| frame.first_record).min().unwrap_or(0),
                    reason,
                });
            }
            tokio::time::sleep(pace.pause * 2_u32.saturating_pow(fruitless.saturating_sub(1))).await;
        }
    }
}

async fn call_one<C: Channel>(channel: &C, call: &[Outgoing<'_>]) -> Vec<(Lane, Result<String, String>)> {
    let answers = channel.send(call).await;
    call.iter().map(|outgoing| outgoing.frame.lane).zip(answers).collect()
}

/// Cuts the frames into calls within the channel's limits.
fn calls<'a, C: Channel>(mut frames: &'a [Outgoing<'a>]) -> Vec<&'a [Outgoing<'a>]> {
    let mut calls = Vec::new();
    while !frames.is_empty() {
        let mut bytes = 0;
        let fit = frames
            .iter()
            .take(C::MAX_FRAMES)
            .take_while(|outgoing| {
                bytes += outgoing.frame.body.len();
                bytes <= C::MAX_BYTES
            })
            .count()
            .max(1);
        let (call, rest) = frames.split_at(fit);
        calls.push(call);
        frames = rest;
    }
    calls
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        frame::{Content, Item, pack},
        key::Key,
        lane::Lanes,
    };

    /// A stream that accepts or refuses each frame by a plan, and keeps what it accepted in order.
    struct Planned {
        plan: Mutex<Vec<bool>>,
        accepted: Mutex<Vec<Frame>>,
        calls: Mutex<Vec<Vec<Lane>>>,
    }

    impl Planned {
        fn new(plan: Vec<bool>) -> Self {
            Self { plan: Mutex::new(plan), accepted: Mutex::default(), calls: Mutex::default() }
        }
    }

    impl Channel for Planned {
        const MAX_FRAMES: usize = 3;
        const MAX_BYTES: usize = 300_000;

        async fn send(&self, frames: &[Outgoing<'_>]) -> Vec<Result<String, String>> {
            self.calls.lock().unwrap().push(frames.iter().map(|outgoing| outgoing.frame.lane).collect());
            tokio::task::yield_now().await;
            let mut accepted = self.accepted.lock().unwrap();
            frames
                .iter()
                .map(|outgoing| {
                    let before = accepted.iter().rposition(|frame| frame.lane == outgoing.frame.lane);
                    assert_eq!(outgoing.after.map(str::to_owned), before.map(|index| index.to_string()));
                    if self.plan.lock().unwrap().pop().unwrap_or(true) {
                        accepted.push(outgoing.frame.clone());
                        Ok((accepted.len() - 1).to_string())
                    } else {
                        Err("ProvisionedThroughputExceededException".to_owned())
                    }
                })
                .collect()
        }
    }

    fn items(lanes: Lanes, keys: &[(u8, usize)]) -> Vec<Item> {
        keys.iter()
            .enumerate()
            .map(|(record, (key, bytes))| Item {
                lane: lanes.lane_of("source", &Key::single("id", i64::from(*key))),
                id: record.to_string(),
                json: format!(r#"{{"record":{record},"fill":"{}"}}"#, "x".repeat(*bytes)),
                record,
            })
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_never_accepted_is_reported_from_its_first_record() {
        let lanes = Lanes::new(4).unwrap();
        let items = items(lanes, &[(1, 1), (2, 1), (3, 1)]);
        let channel = Planned::new(vec![false; 1000]);
        let unsent = send(&channel, pack(Content::Events, lanes, &items), Pace::default()).await.unwrap_err();
        assert_eq!(unsent.first_record, 0);
        assert_eq!(unsent.reason, "ProvisionedThroughputExceededException");
        assert!(channel.accepted.lock().unwrap().is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn partial_failures_never_reorder_a_lane_nor_lose_a_frame(
            keys in proptest::collection::vec((any::<u8>(), prop_oneof![3 => 0_usize..100, 1 => 100_000_usize..200_000]), 1..50),
            lanes in 1_u32..8,
            plan in proptest::collection::vec(any::<bool>(), 0..200),
        ) {
            let lanes = Lanes::new(lanes).unwrap();
            let items = items(lanes, &keys);
            let frames = pack(Content::Events, lanes, &items);
            let sent: Vec<Frame> = frames.values().flatten().cloned().collect();
            let channel = Planned::new(plan);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            let outcome = runtime.block_on(send(&channel, frames, Pace::default()));
            let accepted = channel.accepted.into_inner().unwrap();
            for calls in channel.calls.into_inner().unwrap() {
                let mut lanes = calls.clone();
                lanes.dedup();
                prop_assert_eq!(lanes.len(), calls.len(), "two frames of a lane in one call");
                prop_assert!(calls.len() <= Planned::MAX_FRAMES);
            }
            // Each lane's accepted frames are a prefix of its frames, and what is missing is reported.
            let mut missing = Vec::new();
            for lane in sent.iter().map(|frame| frame.lane) {
                let of = |frames: &[Frame]| frames.iter().filter(|frame| frame.lane == lane).cloned().collect::<Vec<_>>();
                let (sent, accepted) = (of(&sent), of(&accepted));
                prop_assert_eq!(&sent[..accepted.len()], &accepted[..]);
                missing.extend(sent[accepted.len()..].iter().map(|frame| frame.first_record));
            }
            match outcome {
                Ok(()) => prop_assert!(missing.is_empty()),
                Err(unsent) => prop_assert_eq!(Some(unsent.first_record), missing.into_iter().min()),
            }
        }
    }
}
