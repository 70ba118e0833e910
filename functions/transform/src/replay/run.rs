//! One replay in one invocation.
//!
//! A crash at any point repeats what was sent since the progress was kept last, and loses nothing: progress is noted only
//! after everything before it is in the destination's queue. Repeats have the same delivery ids and positions.

use std::{collections::HashMap, time::Duration};

use futures_util::future::join_all;
use shared::{
    expression::Scope,
    frame::Item,
    lookup::Rows,
    pipeline::{
        Pipeline,
        state::{PipelineState, Replay},
        timeline::NOTICE,
    },
    ports::{Backlog as _, BacklogPage, Failures as _, PortError, Replays as _, Shard, Waiting as _},
    replay::{Progress, SKEW},
    state::State as _,
    tally::Tally,
    time::Timestamp,
};

use super::hole;
use crate::{
    TRIES, Transform, World, drift,
    map::{Mapper, Yield},
    read::{Arrival, Reader, Reading},
    running::{Set, Stood},
};

/// Each shard is read once a second: five times are all that its readers have together, Lambda's among them
/// ("`GetRecords`", Kinesis API reference).
const BETWEEN_ROUNDS: Duration = Duration::from_secs(1);

/// About how much is read of a shard at once: half of the 2 MB a second that all its readers have, and far from the 10 MB
/// after which none of them may read for five seconds (the same).
const PAGE_BYTES: usize = 1_000_000;

/// How many records are asked for at first, before it is known how large they are.
const FIRST_PAGE: usize = 100;

/// How many shards are read at once: their pages are in memory together.
const MOST_SHARDS: usize = 16;

/// How often the progress is kept: what a crash repeats at most.
const BETWEEN_KEEPS: Duration = Duration::from_secs(5);

/// How long before the deadline a run ends: a round has its time to be sent.
pub const MARGIN: Duration = Duration::from_secs(8);

/// How long the write may take that sets it: a function believes what it has read for two seconds more.
const WITHIN: Duration = Duration::from_secs(5);

/// From this share of the backbone's retention on, a replay no longer waits for a queue that is full.
const URGENT: f64 = 0.75;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All that the replay covers has been sent.
    Finished,
    /// The next invocation goes on.
    Later,
    /// The pipeline was paused again or taken out of service, or another invocation has the replay.
    Unwanted,
}

/// One replay in one invocation, which holds its lease.
#[derive(Debug)]
pub struct Run<'a, W> {
    transform: &'a Transform<W>,
    stood: &'a Stood,
    replay: Replay,
    /// The version that the replay is by.
    pipeline: &'a Pipeline,
    /// Also the lease's end.
    deadline: Timestamp,
    progress: Progress,
    kept_at: Timestamp,
    shards: Vec<Shard>,
    iterators: HashMap<String, String>,
    /// How many records are asked for.
    page_records: usize,
    tally: Tally,
}

impl<'a, W: World> Run<'a, W> {
    /// A run that goes on from here, and ends before the deadline.
    pub fn new(
        transform: &'a Transform<W>,
        stood: &'a Stood,
        replay: Replay,
        pipeline: &'a Pipeline,
        deadline: Timestamp,
        progress: Progress,
    ) -> Self {
        Self {
            transform,
            stood,
            replay,
            pipeline,
            deadline,
            progress,
            kept_at: transform.now(),
            shards: Vec::new(),
            iterators: HashMap::new(),
            page_records: FIRST_PAGE,
            tally: Tally::default(),
        }
    }

    /// How far the replay has come.
    pub const fn progress(&self) -> &Progress {
        &self.progress
    }

    /// What was counted.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Replays until all is sent or the time is up.
    pub async fn go(&mut self) -> Result<Ended, PortError> {
        self.list().await?;
        self.tell_what_is_gone().await?;
        loop {
            let now = self.transform.now();
            if now + MARGIN >= self.deadline {
                return Ok(Ended::Later);
            }
            if !self.is_wanted(now).await? {
                return Ok(Ended::Unwanted);
            }
            if self.may_send(now).await? {
                self.round(now).await?;
            }
            let has_reached = |time: Timestamp| self.reached().is_none_or(|reached| reached >= time);
            match self.replay.until {
                None if has_reached(now - SKEW) => {
                    // A crash now would let newer events go ahead of the last ones; so there has to be time to the end.
                    if now + NOTICE + SKEW + MARGIN >= self.deadline {
                        return Ok(Ended::Later);
                    }
                    if !(self.keep(now).await? && self.switch(now).await?) {
                        return Ok(Ended::Unwanted);
                    }
                }
                Some(until) if has_reached(until + SKEW) => {
                    let is_wanted = self.amend(|stood| stood.state.replayed(self.replay.begins_at)).await?;
                    return Ok(if is_wanted { Ended::Finished } else { Ended::Unwanted });
                }
                _ => {
                    if now.since(self.kept_at) >= BETWEEN_KEEPS && !self.keep(now).await? {
                        return Ok(Ended::Unwanted);
                    }
                }
            }
            tokio::time::sleep(BETWEEN_ROUNDS).await;
        }
    }

    async fn list(&mut self) -> Result<(), PortError> {
        self.shards = self.transform.world.backlog().shards().await?;
        self.progress.retain(&self.shards);
        Ok(())
    }

    /// Where the backbone no longer holds what is to be read, a person has to know.
    async fn tell_what_is_gone(&mut self) -> Result<(), PortError> {
        let now = self.transform.now();
        let held_from = now - self.transform.config.retention;
        let Some(reached) = self.reached().filter(|reached| *reached < held_from) else {
            return Ok(());
        };
        tracing::error!(
            pipeline = self.pipeline.name,
            from = reached.to_rfc3339(),
            until = held_from.to_rfc3339(),
            "the pipeline has missed what arrived in this time for good: the backbone no longer holds it"
        );
        self.tally.add(&self.pipeline.name, "failed");
        let failure = hole::failure(self.pipeline, &self.replay, reached, held_from, now);
        self.transform.world.state().failures().keep(vec![failure]).await
    }

    async fn is_wanted(&self, now: Timestamp) -> Result<bool, PortError> {
        Ok(self.find(&*self.transform.set(now).await?).is_some())
    }

    /// The pipeline as it stands, if this replay is still wanted.
    fn find<'s>(&self, set: &'s Set) -> Option<&'s Stood> {
        set.pipelines.iter().find(|stood| {
            let replay = stood.state.replay.as_ref();
            stood.name == self.stood.name && replay.is_some_and(|replay| replay.begins_at == self.replay.begins_at)
        })
    }

    /// What arrived before this time has been sent.
    fn reached(&self) -> Option<Timestamp> {
        self.progress.reached(&self.shards, &self.replay)
    }

    /// Whether the destination's other pipelines would not have to wait for what is sent now: about a frame of each lane
    /// may be before theirs. The end is not put off, nor what the backbone will soon drop.
    async fn may_send(&self, now: Timestamp) -> Result<bool, PortError> {
        let Transform { config, world, .. } = self.transform;
        let oldest = self.reached().unwrap_or(now);
        let is_urgent = now.since(oldest) > config.retention.mul_f64(URGENT);
        if self.replay.until.is_some() || is_urgent {
            return Ok(true);
        }
        let destination = &self.pipeline.destination;
        let (Some(settings), Some(queue)) = (config.destinations.get(destination), world.queue(destination)) else {
            return Ok(true);
        };
        Ok(queue.waiting().await? <= u64::from(settings.lanes.count()))
    }

    /// Reads a page of each shard, and sends what it holds.
    async fn round(&mut self, now: Timestamp) -> Result<(), PortError> {
        let held_from = now - self.transform.config.retention;
        let shards = self.progress.readable(&self.shards, MOST_SHARDS);
        let pages = join_all(shards.iter().map(|shard| self.page(&shard.id, held_from))).await;
        let read = shards.iter().map(|shard| shard.id.clone()).zip(pages);
        let mut pages: Vec<(String, BacklogPage)> = Vec::new();
        for (shard, page) in read {
            pages.extend(page?.map(|page| (shard, page)));
        }
        self.send(&pages, now).await?;
        for (shard, page) in &pages {
            self.progress.note(shard, page, now);
            match &page.next {
                Some(next) => self.iterators.insert(shard.clone(), next.clone()),
                None => self.iterators.remove(shard),
            };
        }
        let sizes = || pages.iter().flat_map(|(_, page)| &page.records).map(|record| record.data.len());
        if let Some(average) = sizes().sum::<usize>().checked_div(sizes().count()) {
            self.page_records = (PAGE_BYTES / average.max(1)).max(1);
        }
        if pages.iter().any(|(_, page)| page.next.is_none()) {
            // Others have come out of it.
            self.list().await?;
        }
        Ok(())
    }

    /// The next page of a shard; `None` where its readers have read too much in this second.
    async fn page(&self, shard: &str, held_from: Timestamp) -> Result<Option<BacklogPage>, PortError> {
        let backlog = self.transform.world.backlog();
        let iterator = match self.iterators.get(shard) {
            Some(iterator) => iterator.clone(),
            None => backlog.iterator(shard, &self.progress.since(shard, &self.replay, held_from)).await?,
        };
        backlog.page(&iterator, self.page_records).await
    }

    /// Takes what pages hold through the pipeline, and sends it as live events are sent.
    async fn send(&mut self, pages: &[(String, BacklogPage)], now: Timestamp) -> Result<(), PortError> {
        let Transform { config, world, .. } = self.transform;
        let reader = Reader { objects: world.state().objects(), lanes: config.lanes, now };
        let mut reading = Reading::default();
        let records = pages.iter().flat_map(|(_, page)| &page.records);
        for (place, record) in records.filter(|record| self.replay.covers(record.arrived_at)).enumerate() {
            reader.read(&mut reading, place, &record.number, record.arrived_at, &record.data).await?;
        }
        reading.arrivals.retain(|arrival| arrival.event.source == self.pipeline.source);
        let (rows, lacking) = self.transform.look_up(now).rows(&reading.arrivals, |_| vec![self.pipeline]).await;
        if lacking.is_some() {
            return Err(PortError { operation: "replay", reason: "not all lookups could be read".to_owned() });
        }
        let Some(mut yielded) = self.map(&reading.arrivals, &rows, now).await? else { return Ok(()) };
        yielded.failures.extend(reading.failures);
        // Within five minutes SQS drops what it has had, and what it has had may have been discarded in the pause.
        let again = |item: &mut Item| item.id = format!("{}#replay-{}", item.id, self.replay.begins_at.millis());
        yielded.items.values_mut().flatten().for_each(again);
        self.tally.merge(std::mem::take(&mut yielded.tally));
        if self.transform.send_all(yielded).await.is_empty() {
            Ok(())
        } else {
            Err(PortError { operation: "replay", reason: "not all that was read could be sent".to_owned() })
        }
    }

    /// Takes events through the pipeline; `None` where they have drifted, so that it is paused again and this replay is
    /// not wanted any more. Who has resumed it accepts what was known by then.
    async fn map(&mut self, arrivals: &[Arrival], rows: &Rows, now: Timestamp) -> Result<Option<Yield>, PortError> {
        let mapper = Mapper { config: &self.transform.config, rows, now };
        let mut told = Tally::default();
        for _ in 0..TRIES {
            let expectation = drift::expectation(self.pipeline, &self.transform.learned, self.replay.begins_at);
            let mut yielded = Yield::default();
            for arrival in arrivals {
                yielded.tally.add(&self.stood.name, "replayed");
                let scope = Scope::of(&arrival.event);
                mapper.by_version(&mut yielded, self.stood, self.replay.version, Some(&expectation), arrival, &scope);
            }
            if !self.transform.heed(&yielded, &mut told, now).await? {
                yielded.tally.merge(told);
                return Ok(Some(yielded));
            }
            if !self.is_wanted(now).await? {
                self.tally.merge(told);
                return Ok(None);
            }
        }
        Err(PortError { operation: "replay", reason: "the pipelines change all the time".to_owned() })
    }

    /// Keeps the progress. Whether the replay is still held.
    async fn keep(&mut self, now: Timestamp) -> Result<bool, PortError> {
        self.kept_at = now;
        self.transform.world.replays().keep(&self.stood.name, &self.replay, self.deadline, &self.progress).await
    }

    /// Settles when events are sent as they arrive again. Whether the replay is still wanted.
    async fn switch(&mut self, now: Timestamp) -> Result<bool, PortError> {
        let until = now + NOTICE;
        // A change that is written later would not be known everywhere in time. Where it was written nevertheless, the next
        // invocation finds it.
        let amended = self.amend(|stood| stood.state.switched(until, stood.newest));
        let amended = tokio::time::timeout(WITHIN, amended).await;
        let is_wanted = amended.unwrap_or_else(|_| {
            let reason = format!("the table of pipelines took longer than {} seconds", WITHIN.as_secs());
            Err(PortError { operation: "settle the end of a replay", reason })
        })?;
        self.replay.until = Some(until);
        Ok(is_wanted)
    }

    /// Changes how the pipeline stands, whatever else of it others change. Whether the replay is still wanted.
    async fn amend(&self, change: impl Fn(&Stood) -> Option<PipelineState>) -> Result<bool, PortError> {
        self.transform
            .amend(|set| {
                let stood = self.find(set)?;
                Some((stood, change(stood)?))
            })
            .await
    }
}
