//! Reads one shard: between the stream, the pure [`Shard`], the function and the on-failure destination.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::watch;
use uuid::Uuid;

use super::mapping::StreamMapping;
use super::record::StreamRecord;
use super::settings::{Backoff, StreamSettings};
use super::shard::{Batch, Discarded, Shard, Step};
use super::source::{Page, Position, SourceError};
use crate::function::FunctionError;
use crate::mapping::handle::{Counts, MappingStatus, ShardStatus, stopped, unix_now};
use crate::mapping::on_failure::InvocationRecord;

/// What the readers of all shards share.
pub(super) struct Reader {
    pub mapping: StreamMapping,
    pub settings: Arc<StreamSettings>,
    pub status: watch::Sender<MappingStatus>,
    /// Whether every shard that the stream has is being read, or done.
    pub complete: AtomicBool,
}

/// How the reading of a shard ended.
pub(super) enum ShardEnd {
    /// The shard was closed, and everything in it is done.
    Done(String),
    /// The mapping was stopped.
    Stopped,
}

/// Something that was under way and has ended.
enum Ended {
    Invocation(usize, Result<Bytes, FunctionError>),
    Discard(usize, usize),
}

type Reading = BoxFuture<'static, Result<Page, SourceError>>;

/// The state of one shard's reading.
struct ShardReader {
    reader: Arc<Reader>,
    shard_id: String,
    shard: Shard,
    /// Where to begin if there is no iterator.
    position: Position,
    iterator: Option<String>,
    reading: Option<Reading>,
    under_way: FuturesUnordered<BoxFuture<'static, Ended>>,
    invocations: usize,
    /// Whether the last read found nothing.
    caught_up: bool,
    /// Whether the shard's end was read.
    at_end: bool,
    read_errors: u32,
    counts: Counts,
}

impl Reader {
    /// Reads a shard until its end.
    pub async fn read_shard(
        self: Arc<Self>,
        shard_id: String,
        position: Position,
        stop: watch::Receiver<bool>,
    ) -> ShardEnd {
        let shard = Shard::new(self.settings.clone());
        let shard_reader = ShardReader {
            reader: self,
            shard_id,
            shard,
            position,
            iterator: None,
            reading: None,
            under_way: FuturesUnordered::new(),
            invocations: 0,
            caught_up: false,
            at_end: false,
            read_errors: 0,
            counts: Counts::default(),
        };
        shard_reader.run(stop).await
    }

    /// Takes note which shards are read from now on, and whether these are all that the stream has.
    pub fn settle(&self, new: &[(String, Position)], complete: bool) {
        self.complete.store(complete, Ordering::Relaxed);
        self.status.send_if_modified(|status| {
            for (shard_id, _) in new {
                status.shards.entry(shard_id.clone()).or_default();
            }
            let idle = self.is_idle(status);
            std::mem::replace(&mut status.idle, idle) != idle || !new.is_empty()
        });
    }

    fn is_idle(&self, status: &MappingStatus) -> bool {
        self.complete.load(Ordering::Relaxed) && status.shards.values().all(|shard| shard.idle)
    }
}

impl ShardReader {
    async fn run(mut self, mut stop: watch::Receiver<bool>) -> ShardEnd {
        loop {
            self.take_steps();
            self.read_on();
            self.publish();
            if self.at_end && self.shard.is_idle() {
                return ShardEnd::Done(self.shard_id);
            }
            let due = self.shard.due().map(|due| due.saturating_sub(unix_now()));
            tokio::select! {
                () = stopped(&mut stop) => break,
                Some(ended) = self.under_way.next() => self.ended(ended),
                page = next_page(&mut self.reading) => self.page(page),
                () = tokio::time::sleep(due.unwrap_or_default()), if due.is_some() => {}
            }
        }
        // What is being discarded stays undone; an invocation is let come to its end.
        while self.invocations > 0
            && let Some(ended) = self.under_way.next().await
        {
            self.ended(ended);
        }
        self.publish();
        ShardEnd::Stopped
    }

    fn take_steps(&mut self) {
        while let Some(step) = self.shard.next(unix_now()) {
            match step {
                Step::Invoke(batch) => {
                    self.invocations += 1;
                    let invoking = invoke(self.reader.clone(), self.shard_id.clone(), batch);
                    self.under_way.push(invoking.boxed());
                }
                Step::Discard(discarded) => {
                    let discarding = discard(self.reader.clone(), self.shard_id.clone(), discarded);
                    self.under_way.push(discarding.boxed());
                }
            }
        }
    }

    /// Begins to read, if nothing is being read and there is room.
    fn read_on(&mut self) {
        if self.reading.is_some() || self.at_end || !self.shard.wants_more() {
            return;
        }
        let reader = self.reader.clone();
        let shard_id = self.shard_id.clone();
        let position = self.position.clone();
        let iterator = self.iterator.clone();
        let wait = if self.read_errors > 0 {
            Backoff::default().after(self.read_errors)
        } else if self.caught_up {
            reader.settings.poll_interval
        } else {
            Duration::ZERO
        };
        let reading = async move {
            tokio::time::sleep(wait).await;
            let source = &reader.mapping.source;
            let iterator = match iterator {
                Some(iterator) => iterator,
                None => source.iterator(&shard_id, &position).await?,
            };
            source.read(&shard_id, &iterator).await
        };
        self.reading = Some(reading.boxed());
    }

    fn page(&mut self, page: Result<Page, SourceError>) {
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                self.read_errors += 1;
                if let SourceError::IteratorExpired = error {
                    self.iterator = None;
                }
                tracing::warn!(
                    mapping = %self.reader.mapping.uuid,
                    stream = self.reader.mapping.source.arn(),
                    shard = self.shard_id,
                    %error,
                    "cannot read a shard"
                );
                return;
            }
        };
        self.read_errors = 0;
        self.caught_up = page.records.is_empty();
        self.at_end = page.next.is_none();
        self.iterator = page.next;
        let now = unix_now();
        let filter_source = self.reader.mapping.source.filter_source();
        for record in page.records {
            let passes = self.reader.settings.filter_criteria.passes(filter_source, &record.json);
            self.counts.read += 1;
            self.counts.filtered += u64::from(!passes);
            // What was read and is not done is in memory: a new iterator goes on behind it.
            self.position = Position::After(record.sequence_number.clone());
            self.shard.push(record, passes, now);
        }
    }

    fn ended(&mut self, ended: Ended) {
        match ended {
            Ended::Invocation(sub_shard, result) => {
                self.invocations -= 1;
                self.counts.invocations += 1;
                self.counts.errors += u64::from(result.is_err());
                self.shard.invoked(sub_shard, &result, unix_now());
            }
            Ended::Discard(sub_shard, records) => {
                self.counts.discarded += records as u64;
                self.shard.discarded(sub_shard);
            }
        }
    }

    fn publish(&self) {
        let idle = self.shard.is_idle() && (self.caught_up || self.at_end);
        let shard_status = ShardStatus {
            checkpoint: self.shard.checkpoint(),
            oldest: self.shard.oldest(),
            idle,
            ended: self.at_end && self.shard.is_idle(),
            counts: self.counts,
        };
        if shard_status.ended {
            // It may have children that were not seen yet.
            self.reader.complete.store(false, Ordering::Relaxed);
        }
        self.reader.status.send_if_modified(|status| {
            if status.shards.get(&self.shard_id) == Some(&shard_status) {
                return false;
            }
            status.shards.insert(self.shard_id.clone(), shard_status);
            let mut counts = Counts::default();
            for shard in status.shards.values() {
                counts += shard.counts;
            }
            status.counts = counts;
            status.idle = self.reader.is_idle(status);
            true
        });
    }
}

/// The page that is being read; forever pending if none is.
async fn next_page(reading: &mut Option<Reading>) -> Result<Page, SourceError> {
    let Some(page) = reading else {
        return pending().await;
    };
    let page = page.await;
    *reading = None;
    page
}

async fn invoke(reader: Arc<Reader>, shard_id: String, batch: Batch) -> Ended {
    let function = reader.mapping.function.clone();
    let payload = batch.payload();
    // A task of its own: a function that computes for long keeps no other shard or invocation waiting.
    let result = tokio::spawn(async move { function.invoke(payload).await })
        .await
        .unwrap_or_else(|error| Err(FunctionError::unhandled(error.to_string())));
    if let Err(error) = &result {
        let (first, last) = ends(&batch.records);
        tracing::warn!(
            mapping = %reader.mapping.uuid,
            function = reader.mapping.function.name(),
            shard = shard_id,
            first,
            last,
            records = batch.records.len(),
            %error,
            "an invocation failed"
        );
    }
    Ended::Invocation(batch.sub_shard, result)
}

/// Hands records that are given up to the on-failure destination, until it has them. (AWS tries, and counts what it could
/// not deliver in `DestinationDeliveryFailures`; here nothing is lost.)
async fn discard(reader: Arc<Reader>, shard_id: String, discarded: Discarded) -> Ended {
    let mapping = &reader.mapping;
    let (first, last) = ends(&discarded.records);
    tracing::warn!(
        mapping = %mapping.uuid,
        function = mapping.function.name(),
        shard = shard_id,
        first,
        last,
        records = discarded.records.len(),
        condition = discarded.condition.as_str(),
        kept = mapping.on_failure.is_some(),
        "records are given up"
    );
    if let Some(on_failure) = &mapping.on_failure {
        let record = InvocationRecord {
            mapping: mapping.uuid,
            request_id: Uuid::new_v4(),
            function_arn: mapping.function_arn.clone(),
            kind: mapping.source.kind(),
            stream_arn: mapping.source.arn().to_owned(),
            shard_id,
            time: unix_now(),
            discarded: discarded.clone(),
        };
        let mut failures = 0;
        while let Err(error) = on_failure.keep(&record).await {
            failures += 1;
            tracing::warn!(mapping = %mapping.uuid, shard = record.shard_id, %error, "cannot keep what was given up");
            tokio::time::sleep(Backoff::default().after(failures)).await;
        }
    }
    Ended::Discard(discarded.sub_shard, discarded.records.len())
}

/// The sequence numbers of the first and the last record.
fn ends(records: &[Arc<StreamRecord>]) -> (&str, &str) {
    (number(records.first()), number(records.last()))
}

fn number(record: Option<&Arc<StreamRecord>>) -> &str {
    record.map_or("", |record| record.sequence_number.as_str())
}
