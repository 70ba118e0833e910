//! What was read of a batch, onto the backbone.

use tokio::sync::OnceCell;

use super::{RecordsError, Settings, World};
use crate::{
    batch::{BatchResponse, StreamBatch},
    event::ChangeEvent,
    failure::Failure,
    frame::{self, Content, Item, Pace},
    lambda,
    lane::Lanes,
    ports::{Failures as _, LaneCounts as _, PortError},
    state::State as _,
    tally::Tally,
    telemetry::Metrics,
};

/// What one raw record of the batch became.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// The record's sequence number, as AWS wrote it; `None` where it could not be read.
    pub sequence_number: Option<String>,
    /// Its change events, in order: one, or those of an aggregate.
    pub events: Vec<ChangeEvent>,
    /// What is wrong with it.
    pub failure: Option<Failure>,
}

/// Why an invocation failed as a whole; Lambda hands the same batch over again.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// Not a batch.
    #[error(transparent)]
    Payload(#[from] RecordsError),
    /// The backbone has another count of lanes, or the count could not be read.
    #[error(transparent)]
    Lanes(#[from] PortError),
    /// The infrastructure failed, and there is nothing to report it by.
    #[error(
        "{reason}; no record up to there has a readable sequence number to report, so the whole batch has to be tried \
         again"
    )]
    Unreportable {
        /// What failed.
        reason: String,
    },
}

impl From<CaptureError> for lambda::HandleError {
    fn from(error: CaptureError) -> Self {
        Self::from_error(error)
    }
}

/// Publishes change events and keeps failures.
#[derive(Debug)]
pub struct Publisher<W> {
    /// What it works on.
    pub world: W,
    stream: String,
    bucket: String,
    lanes: Lanes,
    /// The backbone was created with this count of lanes: looked up once in the life of an execution environment.
    agreed: OnceCell<()>,
}

/// Where a batch stopped: the first record that is not done, and why.
type Stop = Option<(usize, String)>;

impl<W: World> Publisher<W> {
    /// A function's publisher, as its settings say.
    pub fn new(settings: &Settings, world: W) -> Self {
        Self {
            world,
            stream: settings.changes_stream.clone(),
            bucket: settings.state.bucket.clone(),
            lanes: settings.changes_lanes,
            agreed: OnceCell::new(),
        }
    }

    /// Keeps the failures, then sends the events, each lane in order. `reads` are the batch's records, in its order.
    ///
    /// The response names the first record that is not done. Nothing at or behind a record whose failure or oversize
    /// event could not be stored is sent: it all comes again.
    pub async fn publish(&self, reads: Vec<Read>) -> Result<BatchResponse, CaptureError> {
        let agree = || self.world.lane_counts().agree(&self.stream, self.lanes);
        self.agreed.get_or_try_init(agree).await?;
        let state = self.world.state();
        let mut tally = Tally::default();
        let mut sequence_numbers = Vec::with_capacity(reads.len());
        let mut items = Vec::with_capacity(reads.len());
        let mut failures = Vec::new();
        let mut first_failure = reads.len();
        for (record, read) in reads.into_iter().enumerate() {
            for event in &read.events {
                tally.add(&event.source, "events");
                items.push(self.item(record, event));
            }
            if let Some(failure) = read.failure {
                tally.add(failure.source.as_deref().unwrap_or("unknown"), "failed");
                tracing::warn!(id = failure.id, reason = failure.reason, "a record is no change event");
                first_failure = first_failure.min(record);
                failures.push(failure);
            }
            sequence_numbers.push(read.sequence_number);
        }
        let mut stop: Stop = None;
        if !failures.is_empty()
            && let Err(error) = state.failures().keep(failures).await
        {
            items.retain(|item| item.record < first_failure);
            stop = Some((first_failure, error.to_string()));
        }
        if let Err((record, error)) = frame::check_in(state.objects(), &self.bucket, &mut items).await {
            items.retain(|item| item.record < record);
            stop = Some((record, error.to_string()));
        }
        let frames = frame::pack(Content::Events, self.lanes, &items);
        if let Err(unsent) = frame::send(self.world.backbone(), frames, Pace::default()).await {
            stop = Some((unsent.first_record, unsent.to_string()));
        }
        // A batch is counted once it is done.
        if stop.is_none() {
            let mut metrics = Metrics::new(None);
            metrics.count("Events", tally.total("events"));
            metrics.count("Failed", tally.total("failed"));
            state.report("capture", &tally, &metrics).await;
        }
        respond(&sequence_numbers, stop)
    }

    fn item(&self, record: usize, event: &ChangeEvent) -> Item {
        Item {
            lane: self.lanes.lane_of(&event.source, &event.key),
            id: event.id.clone(),
            // Writing to memory cannot fail, and every name in an event is text.
            json: serde_json::to_string(event).unwrap_or_default(),
            record,
        }
    }
}

/// A record without a sequence number cannot be reported: the nearest one before it is, and both come again.
fn respond(sequence_numbers: &[Option<String>], stop: Stop) -> Result<BatchResponse, CaptureError> {
    let Some((record, reason)) = stop else { return Ok(BatchResponse::done()) };
    let reportable: Vec<(usize, &str)> = sequence_numbers
        .iter()
        .enumerate()
        .filter_map(|(index, number)| number.as_deref().filter(|number| !number.is_empty()).map(|text| (index, text)))
        .collect();
    let Some(nearest) = reportable.iter().rposition(|(index, _)| *index <= record) else {
        return Err(CaptureError::Unreportable { reason });
    };
    tracing::warn!(reason, sequence_number = reportable[nearest].1, "the batch is tried again from here");
    let mut batch = StreamBatch::new(reportable.iter().map(|(_, number)| *number))
        .map_err(|error| CaptureError::Unreportable { reason: format!("{reason}; {error}") })?;
    batch.fail(nearest);
    Ok(batch.response())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        capture::{Place, failure},
        event::{Op, Origin},
        key::Key,
        position::Position,
        testing::{capture::CaptureWorld, lock},
        time::Timestamp,
        value::{Object, Value},
    };

    fn event(key: u8, number: usize, bytes: usize) -> ChangeEvent {
        let position = Position::parse(&number.to_string()).unwrap();
        let fill = Object::from_iter([("fill".to_owned(), Value::from("x".repeat(bytes)))]);
        ChangeEvent {
            id: ChangeEvent::id_at("s", 0, &position),
            source: "s".into(),
            op: Op::Create,
            key: Key::single("id", i64::from(key)),
            before: None,
            after: Some(Value::Object(fill)),
            occurred_at: Timestamp::from_millis(0),
            epoch: 0,
            position,
            origin: Origin::User,
        }
    }

    fn good(number: usize) -> Read {
        Read { sequence_number: Some(number.to_string()), events: vec![event(1, number, 1)], failure: None }
    }

    /// A record that is no event; its sequence number may be unreadable.
    fn bad(number: usize, readable: bool) -> Read {
        let raw = format!("raw {number}");
        let place = Place { stream: Some("arn".into()), sequence_number: readable.then(|| number.to_string()) };
        let failure = failure(&place, Some("s"), "no event".into(), raw.as_bytes(), Timestamp::from_millis(0));
        Read { sequence_number: place.sequence_number, events: Vec::new(), failure: Some(failure) }
    }

    fn publisher(lanes: u32) -> Publisher<CaptureWorld> {
        Publisher {
            world: CaptureWorld::default(),
            stream: "changes".into(),
            bucket: "oversize".into(),
            lanes: Lanes::new(lanes).unwrap(),
            agreed: OnceCell::new(),
        }
    }

    /// The numbers of the events on the backbone, in order.
    fn sent(publisher: &Publisher<CaptureWorld>) -> Vec<usize> {
        let events = publisher.world.events(publisher.lanes).unwrap();
        let number = |line: &str| {
            let event: ChangeEvent = serde_json::from_str(line).unwrap();
            event.position.to_string().parse().unwrap()
        };
        events.lines().map(number).collect()
    }

    async fn reported(publisher: &Publisher<CaptureWorld>, reads: Vec<Read>) -> Vec<String> {
        publisher.publish(reads).await.unwrap().failed().map(str::to_owned).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_backbone_refuses_is_reported_from_its_first_record() {
        let publisher = publisher(1);
        publisher.world.backbone.refuse.store(u64::MAX, Ordering::SeqCst);
        assert_eq!(reported(&publisher, vec![bad(1, true), good(2), good(3)]).await, ["2"]);
        // The failure before it is kept, and nothing is counted yet.
        assert_eq!(publisher.world.state.kept().len(), 1);
        assert!(lock(&publisher.world.state.activity.0).is_empty());
        publisher.world.backbone.refuse.store(0, Ordering::SeqCst);
        assert_eq!(reported(&publisher, vec![good(2), good(3)]).await, [""; 0]);
        assert_eq!(sent(&publisher), [2, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_behind_a_failure_that_is_not_kept_is_sent() {
        let publisher = publisher(1);
        publisher.world.state.failures.breaks.next(1);
        assert_eq!(reported(&publisher, vec![good(1), bad(2, true), good(3)]).await, ["2"]);
        assert_eq!(sent(&publisher), [1]);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_behind_an_oversize_event_that_is_not_stored_is_sent() {
        let publisher = publisher(1);
        let mut large = good(2);
        large.events = vec![event(1, 2, frame::MAX_ITEM_BYTES)];
        publisher.world.state.objects.breaks.next(1);
        assert_eq!(reported(&publisher, vec![good(1), large, good(3)]).await, ["2"]);
        assert_eq!(sent(&publisher), [1]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_record_without_a_number_is_reported_by_the_nearest_before_it() {
        let publisher = publisher(1);
        publisher.world.state.failures.breaks.next(2);
        assert_eq!(reported(&publisher, vec![good(1), good(2), bad(3, false), good(4)]).await, ["2"]);
        let error = publisher.publish(vec![bad(3, false), good(4)]).await.unwrap_err();
        assert!(matches!(error, CaptureError::Unreportable { .. }), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn another_count_of_lanes_than_the_backbone_was_created_with_is_refused() {
        let publisher = publisher(4);
        lock(&publisher.world.lane_counts.0).insert("changes".to_owned(), Lanes::new(8).unwrap());
        let error = publisher.publish(vec![good(1)]).await.unwrap_err();
        assert!(matches!(&error, CaptureError::Lanes(_)) && error.to_string().contains("8 lanes"), "{error}");
        assert_eq!(sent(&publisher), [0; 0]);
        // Set back, it goes on.
        lock(&publisher.world.lane_counts.0).insert("changes".to_owned(), Lanes::new(4).unwrap());
        assert_eq!(reported(&publisher, vec![good(1)]).await, [""; 0]);
        assert_eq!(sent(&publisher), [1]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_done_batch_is_counted_by_source() {
        let publisher = publisher(4);
        publisher.publish(vec![good(1), good(2), bad(3, true)]).await.unwrap();
        let counts = lock(&publisher.world.state.activity.0).clone();
        let count = |counter| counts[&("capture".to_owned(), "s".to_owned(), counter)];
        assert_eq!((count("events"), count("failed")), (2, 1));
        let line: serde_json::Value = serde_json::from_str(&lock(&publisher.world.state.lines)[0]).unwrap();
        assert_eq!(
            (&line["function"], &line["Events"], &line["Failed"]),
            (&"test-freshet".into(), &2.0.into(), &1.0.into())
        );
        // An empty batch has nothing to tell.
        publisher.publish(Vec::new()).await.unwrap();
        assert_eq!(lock(&publisher.world.state.lines).len(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// A stream mapping over a publisher whose world breaks at random: over its retries every event is sent, every
        /// failure is kept, and each key's events are first sent in order.
        #[test]
        fn nothing_is_lost_and_each_keys_order_holds(
            records in proptest::collection::vec((0_u8..5, prop_oneof![6 => Just(0), 1 => Just(1), 1 => Just(2), 1 => Just(3)]), 1..30),
            breaks in proptest::collection::vec((0_u64..40, 0_u64..2, 0_u64..2), 0..12),
            lanes in 1_u32..5,
        ) {
            let reads: Vec<Read> = records
                .iter()
                .enumerate()
                .map(|(number, (key, kind))| match kind {
                    0 => Read { events: vec![event(*key, number, 1)], ..good(number) },
                    1 => Read { events: vec![event(*key, number, frame::MAX_ITEM_BYTES)], ..good(number) },
                    readable => bad(number, *readable == 2),
                })
                .collect();
            let publisher = publisher(lanes);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            let mut breaks = breaks.into_iter();
            let mut from = 0;
            while from < reads.len() {
                let (refuse, objects, failures) = breaks.next().unwrap_or_default();
                publisher.world.backbone.refuse.store(refuse, Ordering::SeqCst);
                publisher.world.state.objects.breaks.next(objects);
                publisher.world.state.failures.breaks.next(failures);
                match runtime.block_on(publisher.publish(reads[from..].to_vec())) {
                    // What Lambda does with each answer.
                    Err(CaptureError::Unreportable { .. }) => {}
                    Err(other) => panic!("{other}"),
                    Ok(response) => match response.failed().next() {
                        None => from = reads.len(),
                        Some(number) => from = number.parse().unwrap(),
                    },
                }
            }
            let bad: Vec<&Failure> = reads.iter().filter_map(|read| read.failure.as_ref()).collect();
            let kept = publisher.world.state.kept();
            prop_assert!(bad.iter().all(|failure| kept.contains(failure)) && kept.len() == bad.len());
            let objects = lock(&publisher.world.state.objects.objects);
            let mut first_sent: Vec<String> = Vec::new();
            for line in publisher.world.events(publisher.lanes).unwrap().lines() {
                let event = match line.strip_prefix(r#"{"ref":"#) {
                    None => line.to_owned(),
                    Some(reference) => {
                        let reference: frame::Reference = serde_json::from_str(&reference[..reference.len() - 1]).unwrap();
                        String::from_utf8(objects[&(reference.bucket, reference.key)].clone()).unwrap()
                    }
                };
                if !first_sent.contains(&event) {
                    first_sent.push(event);
                }
            }
            for key in 0..5 {
                let of_key = |event: &ChangeEvent| event.key == Key::single("id", i64::from(key));
                let first_sent = first_sent.iter().map(|json| serde_json::from_str(json).unwrap()).filter(of_key);
                let expected = reads.iter().flat_map(|read| read.events.clone()).filter(of_key);
                prop_assert_eq!(first_sent.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
            }
        }
    }
}
