//! Filters and maps change events into deliveries, one queue a destination.
//!
//! Stateless: the same events give the same deliveries. Only failures of infrastructure are reported to the event
//! source mapping, which retries them within the record's age; bad data becomes a failure and never blocks a shard.

pub mod config;
mod record;
mod running;
mod world;

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use futures_util::future::{join_all, try_join, try_join_all};
use shared::{
    batch::{BatchResponse, StreamBatch},
    delivery::{Delivery, Step},
    event::ChangeEvent,
    expression::{ExpressionError, Scope},
    failure::{Failure, Payload, Stage},
    frame::{self, ClaimError, Content, FrameError, Item, Pace},
    lambda::{Handle, HandleError},
    pipeline::{Evaluation, Known, Pipeline},
    ports::{Failures as _, LaneCounts as _, PortError},
    state::State as _,
    tally::Tally,
    telemetry::Metrics,
    time::{Clock as _, Timestamp},
};
use tokio::sync::OnceCell;

pub use self::world::{Live, World};
use self::{
    config::Config,
    record::KinesisEvent,
    running::{Running, Set},
};

/// The handler.
#[derive(Debug)]
pub struct Transform<W> {
    config: Config,
    known: Known,
    /// Backbone and queues were created with these counts of lanes: looked up once in the life of an execution
    /// environment.
    agreed: OnceCell<()>,
    running: Running,
    world: W,
}

/// What a batch has come to, before anything is written.
#[derive(Debug, Default)]
struct Yield {
    items: BTreeMap<String, Vec<Item>>,
    failures: Vec<(usize, Failure)>,
    tally: Tally,
}

impl<W: World> Transform<W> {
    /// A handler over a world.
    pub fn new(config: Config, world: W) -> Self {
        Self { known: config.known(), config, agreed: OnceCell::new(), running: Running::default(), world }
    }

    /// Refuses to work with other counts of lanes than backbone and queues were created with.
    async fn agree_on_lanes(&self) -> Result<(), PortError> {
        let counts = self.world.lane_counts();
        let queues = self.config.destinations.values().map(|queue| counts.agree(queue.name(), queue.lanes));
        let backbone = counts.agree(&self.config.changes_stream, self.config.lanes);
        try_join(backbone, try_join_all(queues)).await.map(drop)
    }

    /// Transforms a batch of the backbone's records.
    pub async fn transform(&self, payload: &[u8]) -> Result<BatchResponse, HandleError> {
        let event: KinesisEvent<'_> = serde_json::from_slice(payload)
            .map_err(|error| HandleError(format!("not the event of a Kinesis stream: {error}")))?;
        let numbers = event.records.iter().map(|record| record.kinesis.sequence_number);
        let mut batch = StreamBatch::new(numbers).map_err(HandleError::from_error)?;
        self.agreed.get_or_try_init(|| self.agree_on_lanes()).await.map_err(HandleError::from_error)?;
        let state = self.world.state();
        let now = state.clock().now();
        let set = match self.running.current(self.world.pipelines(), &self.known, now).await {
            Ok(set) => set,
            Err(error) => {
                tracing::warn!("the pipelines could not be read: {error}");
                batch.fail(0);
                return Ok(batch.response());
            }
        };

        let mut yielded = Yield::default();
        for (index, record) in event.records.iter().enumerate() {
            if let Err(error) = self.take_record(&mut yielded, &set, index, record, now).await {
                tracing::warn!(sequence_number = record.kinesis.sequence_number, "the record has to wait: {error}");
                batch.fail(index);
                break;
            }
        }

        // Failures first: a record that is reported comes again, and its failure's id is the same.
        let first_failure = yielded.failures.first().map(|(index, _)| *index);
        let failures = std::mem::take(&mut yielded.failures).into_iter().map(|(_, failure)| failure).collect();
        if let Err(error) = state.failures().keep(failures).await {
            tracing::warn!("the failures could not be kept: {error}");
            batch.fail(first_failure.unwrap_or(0));
        }
        let items = std::mem::take(&mut yielded.items);
        let sends = items.into_iter().map(|(destination, items)| self.send(destination, items));
        for (destination, sent) in join_all(sends).await {
            if let Err((first_record, reason)) = sent {
                tracing::warn!(destination, "deliveries could not be sent to the destination's queue: {reason}");
                batch.fail(first_record);
            }
        }
        self.report(&yielded.tally).await;
        Ok(batch.response())
    }

    /// Takes one record. An error is one of infrastructure: the record has to come again.
    async fn take_record(
        &self,
        yielded: &mut Yield,
        set: &Set,
        index: usize,
        record: &record::Record<'_>,
        now: Timestamp,
    ) -> Result<(), PortError> {
        let number = record.kinesis.sequence_number;
        let unreadable = |place: usize, reason: String, bytes: &[u8]| Failure {
            id: format!("backbone/{number}/{place}"),
            stage: Stage::Transform,
            reason,
            source: None,
            pipeline: None,
            version: None,
            destination: None,
            key: None,
            request: None,
            answer: None,
            payload: Payload::of(bytes),
            at: now,
        };
        let data = match base64_simd::STANDARD.decode_to_vec(record.kinesis.data) {
            Ok(data) => data,
            Err(error) => {
                let failure = unreadable(0, format!("the data is not base64: {error}"), record.kinesis.data.as_bytes());
                yielded.failures.push((index, failure));
                return Ok(());
            }
        };
        let opened = match frame::open(Content::Events, self.config.lanes, &data) {
            Ok(opened) => opened,
            // A mistake in the settings, not in the record: nothing may be lost by it.
            Err(error @ FrameError::Lanes { .. }) => {
                return Err(PortError { operation: "open a frame", reason: error.to_string() });
            }
            Err(error) => {
                yielded.failures.push((index, unreadable(0, error.to_string(), &data)));
                return Ok(());
            }
        };
        for (place, payload) in opened.items.into_iter().enumerate() {
            let json = match frame::redeem(self.world.state().objects(), payload).await {
                Ok(json) => json,
                Err(error @ ClaimError::Gone { .. }) => {
                    yielded.failures.push((index, unreadable(place, error.to_string(), &data)));
                    continue;
                }
                Err(error) => return Err(PortError { operation: "s3:GetObject", reason: error.to_string() }),
            };
            match serde_json::from_str::<ChangeEvent>(&json) {
                Ok(event) => self.take_event(yielded, set, index, &event, &json, now),
                Err(error) => {
                    let reason = format!("not a change event of Freshet: {error}");
                    yielded.failures.push((index, unreadable(place, reason, json.as_bytes())));
                }
            }
        }
        Ok(())
    }

    fn take_event(
        &self,
        yielded: &mut Yield,
        set: &Set,
        index: usize,
        event: &ChangeEvent,
        json: &str,
        now: Timestamp,
    ) {
        yielded.tally.add(&event.source, "events");
        let failure = |pipeline: &str, version: u64, destination: Option<&str>, reason: String| Failure {
            id: Delivery::id_of(pipeline, event),
            stage: Stage::Transform,
            reason,
            source: Some(event.source.clone()),
            pipeline: Some(pipeline.to_owned()),
            version: Some(version),
            destination: destination.map(str::to_owned),
            key: Some(event.key.clone()),
            request: None,
            answer: None,
            payload: Payload::of(json.as_bytes()),
            at: now,
        };
        let scope = Scope::of(event);
        for pipeline in set.running.iter().filter(|pipeline| pipeline.source == event.source) {
            match evaluate(pipeline, event, &scope) {
                Ok(Evaluation::Filtered) => yielded.tally.add(&pipeline.name, "filtered"),
                Ok(Evaluation::Deliver(delivery)) => {
                    let counter = if delivery.step == Step::Keep { "left" } else { "matched" };
                    yielded.tally.add(&pipeline.name, counter);
                    self.put(yielded, index, pipeline, &delivery);
                }
                Err(error) => {
                    yielded.tally.add(&pipeline.name, "failed");
                    let destination = Some(pipeline.destination.as_str());
                    let failure = failure(&pipeline.name, pipeline.version, destination, error.to_string());
                    yielded.failures.push((index, failure));
                }
            }
        }
        // A pipeline that cannot run must not lose what it would have sent.
        let concerns = |source: &Option<String>| source.as_ref().is_none_or(|source| *source == event.source);
        for broken in set.broken.iter().filter(|broken| concerns(&broken.source)) {
            yielded.tally.add(&broken.name, "failed");
            let reason = format!("the pipeline cannot run: {}; mend it, then redrive", broken.reason);
            yielded.failures.push((index, failure(&broken.name, broken.version, None, reason)));
        }
    }

    fn put(&self, yielded: &mut Yield, record: usize, pipeline: &Pipeline, delivery: &Delivery) {
        // Every destination that a pipeline was checked against has a queue.
        let Some(queue) = self.config.destinations.get(&pipeline.destination) else { return };
        yielded.items.entry(pipeline.destination.clone()).or_default().push(Item {
            lane: queue.lanes.lane_of(&delivery.source, &delivery.key),
            id: delivery.id.clone(),
            json: serde_json::to_string(delivery).unwrap_or_default(),
            record,
        });
    }

    /// Sends a destination's deliveries; an error names the first record that has to come again.
    async fn send(&self, destination: String, mut items: Vec<Item>) -> (String, Result<(), (usize, String)>) {
        let (Some(settings), Some(queue)) =
            (self.config.destinations.get(&destination), self.world.queue(&destination))
        else {
            return (destination, Err((0, "the destination has no queue".to_owned())));
        };
        if let Err((record, error)) =
            frame::check_in(self.world.state().objects(), &self.config.state.bucket, &mut items).await
        {
            return (destination, Err((record, error.to_string())));
        }
        let frames = frame::pack(Content::Deliveries, settings.lanes, &items);
        let sent = frame::send(queue, frames, Pace::default()).await;
        (destination, sent.map_err(|unsent| (unsent.first_record, unsent.to_string())))
    }

    async fn report(&self, tally: &Tally) {
        let mut metrics = Metrics::new(None);
        for (metric, counter) in
            [("Events", "events"), ("Matched", "matched"), ("Filtered", "filtered"), ("Failed", "failed")]
        {
            metrics.count(metric, tally.total(counter));
        }
        self.world.state().report("transform", tally, &metrics).await;
    }
}

/// Evaluates a pipeline; a panic in it is this event's failure and nobody else's.
fn evaluate(pipeline: &Pipeline, event: &ChangeEvent, scope: &Scope) -> Result<Evaluation, ExpressionError> {
    catch_unwind(AssertUnwindSafe(|| pipeline.evaluate(event, scope))).unwrap_or_else(|_| {
        Err(ExpressionError {
            message: "mapping this event crashed, which is a defect of Freshet; please report it".to_owned(),
        })
    })
}

impl<W: World> Handle for Transform<W> {
    async fn handle(&self, payload: &[u8], _deadline: Timestamp) -> Result<Vec<u8>, HandleError> {
        let response = self.transform(payload).await?;
        serde_json::to_vec(&response).map_err(HandleError::from_error)
    }
}
