//! Filters and maps change events into deliveries, one queue a destination.
//!
//! Invoked by the backbone, and every minute by a schedule, when it replays what resumed pipelines have missed.
//!
//! Stateless: the same events give the same deliveries. Only failures of infrastructure are reported to the event
//! source mapping, which retries them within the record's age; bad data becomes a failure and never blocks a shard.

mod cache;
pub mod config;
mod drift;
mod learned;
mod lookup;
mod map;
mod read;
mod record;
mod replay;
mod running;
mod schedule;
mod world;

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::{join_all, try_join, try_join_all};
use shared::{
    batch::{BatchResponse, StreamBatch},
    frame::{self, Content, Item, Pace},
    lambda::{Handle, HandleError},
    pipeline::{Known, believed::Believed, state::PipelineState},
    ports::{Failures as _, LaneCounts as _, Pipelines as _, PortError},
    state::State as _,
    tally::Tally,
    telemetry::Metrics,
    time::{Clock as _, Timestamp},
};
use tokio::sync::OnceCell;

pub use self::world::{Live, World};
use self::{
    cache::Cache,
    config::Config,
    drift::Expectations,
    learned::Learned,
    lookup::LookUp,
    map::{Mapper, Yield},
    read::{Arrival, Reader, Reading},
    record::{KinesisEvent, Record},
    running::{Set, Stood},
    schedule::ScheduledEvent,
};

/// How often something is tried that others change at the same time.
const TRIES: usize = 5;

/// The handler.
#[derive(Debug)]
pub struct Transform<W> {
    config: Config,
    known: Known,
    /// Backbone and queues were created with these counts of lanes: looked up once in the life of an execution
    /// environment.
    agreed: OnceCell<()>,
    set: Believed<Set>,
    learned: Learned,
    cache: Cache,
    world: W,
}

impl<W: World> Transform<W> {
    /// A handler over a world.
    pub fn new(config: Config, world: W) -> Self {
        Self {
            known: config.known(),
            config,
            agreed: OnceCell::new(),
            set: Believed::default(),
            learned: Learned::default(),
            cache: Cache::default(),
            world,
        }
    }

    fn now(&self) -> Timestamp {
        self.world.state().clock().now()
    }

    /// Refuses to work with other counts of lanes than backbone and queues were created with.
    async fn agree_on_lanes(&self) -> Result<(), PortError> {
        let counts = self.world.lane_counts();
        let queues = self.config.destinations.values().map(|queue| counts.agree(queue.name(), queue.lanes));
        let backbone = counts.agree(&self.config.changes_stream, self.config.lanes);
        try_join(backbone, try_join_all(queues)).await.map(drop)
    }

    /// The pipelines as they stand.
    async fn set(&self, now: Timestamp) -> Result<Arc<Set>, PortError> {
        let store = self.world.pipelines();
        self.set.current(store, now, async |stored| Set::load(store, stored, &self.known, now).await).await
    }

    /// Transforms a batch of the backbone's records.
    pub async fn transform(&self, payload: &[u8]) -> Result<BatchResponse, HandleError> {
        self.transform_batch(&read_event(payload)?).await
    }

    async fn transform_batch(&self, event: &KinesisEvent<'_>) -> Result<BatchResponse, HandleError> {
        let numbers = event.records.iter().map(|record| record.kinesis.sequence_number);
        let mut batch = StreamBatch::new(numbers).map_err(HandleError::from_error)?;
        self.agreed.get_or_try_init(|| self.agree_on_lanes()).await.map_err(HandleError::from_error)?;
        let now = self.now();

        // Read first, then look up, then map, then send.
        let (reading, unread) = self.read(&event.records, now).await;
        self.learned.learn(&self.config.sources, &reading.arrivals, now);
        let (mut yielded, lacking) = match self.map(&reading.arrivals, now).await {
            Ok(mapped) => mapped,
            Err(error) => {
                tracing::warn!("the pipelines could not be read or changed: {error}");
                batch.fail(0);
                return Ok(batch.response());
            }
        };
        for record in unread.into_iter().chain(lacking) {
            batch.fail(record);
        }
        yielded.failures.extend(reading.failures);
        let tally = std::mem::take(&mut yielded.tally);
        for record in self.send_all(yielded).await {
            batch.fail(record);
        }
        self.report(&tally).await;
        self.learned.keep(self.world.schemas(), now).await;
        Ok(batch.response())
    }

    /// Takes events through the pipelines as they stand, up to the first record that lacks a lookup's rows: its place is
    /// the second answer, and it has to come again. Where drift makes the pipelines stand otherwise, they go through again.
    async fn map(&self, arrivals: &[Arrival], now: Timestamp) -> Result<(Yield, Option<usize>), PortError> {
        let mut told = Tally::default();
        for _ in 0..TRIES {
            let set = self.set(now).await?;
            self.learned.follow(self.world.schemas(), now).await?;
            let (rows, lacking) = self.look_up(now).rows(arrivals, |arrival| set.applying(arrival)).await;
            let expectations = Expectations::of(&set, &self.learned);
            let mapper = Mapper { config: &self.config, rows: &rows, now };
            let complete = |arrival: &&Arrival| lacking.is_none_or(|first| arrival.record < first);
            let mut yielded = Yield::default();
            for arrival in arrivals.iter().take_while(complete) {
                mapper.map(&mut yielded, &expectations, arrival);
            }
            if !self.heed(&yielded, &mut told, now).await? {
                yielded.tally.merge(told);
                return Ok((yielded, lacking));
            }
        }
        Err(PortError { operation: "map a batch", reason: "the pipelines change all the time".to_owned() })
    }

    /// Changes how a pipeline stands, whatever else of it others change. Whether there was something to change.
    async fn amend(
        &self,
        change: impl for<'s> Fn(&'s Set) -> Option<(&'s Stood, PipelineState)>,
    ) -> Result<bool, PortError> {
        for _ in 0..TRIES {
            self.set.forget();
            let set = self.set(self.now()).await?;
            let Some((stood, state)) = change(&set) else { return Ok(false) };
            if self.world.pipelines().amend(&stood.name, stood.edit, &state).await? {
                self.set.forget();
                return Ok(true);
            }
        }
        Err(PortError { operation: "amend a pipeline", reason: "others change it all the time".to_owned() })
    }

    /// Reads records, up to the first that infrastructure or settings keep from being read: its place is the second
    /// answer, and it has to come again.
    async fn read(&self, records: &[Record<'_>], now: Timestamp) -> (Reading, Option<usize>) {
        let reader = Reader { objects: self.world.state().objects(), lanes: self.config.lanes, now };
        let mut reading = Reading::default();
        for (index, Record { kinesis }) in records.iter().enumerate() {
            let number = kinesis.sequence_number;
            let data = match base64_simd::STANDARD.decode_to_vec(kinesis.data) {
                Ok(data) => data,
                Err(error) => {
                    let reason = format!("the data is not base64: {error}");
                    let failure = reader.unreadable(number, 0, reason, kinesis.data.as_bytes());
                    reading.failures.push((index, failure));
                    continue;
                }
            };
            if let Err(error) = reader.read(&mut reading, index, number, kinesis.arrived_at(), &data).await {
                tracing::warn!(sequence_number = number, "the record has to wait: {error}");
                return (reading, Some(index));
            }
        }
        (reading, None)
    }

    fn look_up(&self, now: Timestamp) -> LookUp<'_, W::Lookups> {
        LookUp { lookups: self.world.lookups(), tables: &self.config.lookup_tables, cache: &self.cache, now }
    }

    /// Keeps failures and sends deliveries; answers the places of records that have to come again.
    async fn send_all(&self, mut yielded: Yield) -> Vec<usize> {
        let mut again = Vec::new();
        // Failures first: a record that is reported comes again, and its failure's id is the same. In the order of
        // their records, whether they could not be read or not be mapped.
        yielded.failures.sort_by_key(|(record, _)| *record);
        let first_failure = yielded.failures.first().map(|(record, _)| *record);
        let failures = yielded.failures.into_iter().map(|(_, failure)| failure).collect();
        if let Err(error) = self.world.state().failures().keep(failures).await {
            tracing::warn!("the failures could not be kept: {error}");
            again.push(first_failure.unwrap_or(0));
        }
        again.extend(self.send_each(yielded.items).await);
        if !yielded.later.is_empty() {
            tokio::time::sleep(yielded.wait).await;
            again.extend(self.send_each(yielded.later).await);
        }
        again
    }

    /// Sends deliveries by destination; answers the places of records that have to come again.
    async fn send_each(&self, items: BTreeMap<String, Vec<Item>>) -> Vec<usize> {
        let mut again = Vec::new();
        let sends = items.into_iter().map(|(destination, items)| self.send(destination, items));
        for (destination, sent) in join_all(sends).await {
            if let Err((first_record, reason)) = sent {
                tracing::warn!(destination, "deliveries could not be sent to the destination's queue: {reason}");
                again.push(first_record);
            }
        }
        again
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
        for (metric, counter) in [
            ("Events", "events"),
            ("Matched", "matched"),
            ("Filtered", "filtered"),
            ("Failed", "failed"),
            ("Drifted", "drifted"),
            ("Replayed", "replayed"),
        ] {
            metrics.count(metric, tally.total(counter));
        }
        self.world.state().report("transform", tally, &metrics).await;
    }
}

fn read_event(payload: &[u8]) -> Result<KinesisEvent<'_>, HandleError> {
    serde_json::from_slice(payload).map_err(|error| HandleError(format!("not the event of a Kinesis stream: {error}")))
}

impl<W: World> Handle for Transform<W> {
    async fn handle(&self, payload: &[u8], deadline: Timestamp) -> Result<Vec<u8>, HandleError> {
        let response = match read_event(payload) {
            Ok(event) => self.transform_batch(&event).await?,
            Err(_) if ScheduledEvent::is_one(payload) => {
                self.tick(deadline).await.map_err(HandleError::from_error)?;
                BatchResponse::done()
            }
            Err(error) => return Err(error),
        };
        serde_json::to_vec(&response).map_err(HandleError::from_error)
    }
}
