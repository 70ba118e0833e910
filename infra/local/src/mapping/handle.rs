//! A running mapping: what it is doing, and how to end it.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::time::Duration;

use shared::time::{Clock, SystemClock};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::stream::Checkpoint;

/// The wall clock: the time since 1970.
pub(super) fn unix_now() -> Duration {
    Duration::from_millis(u64::try_from(SystemClock.now().millis()).unwrap_or_default())
}

/// What a mapping did since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Records read, or messages received; a message that is received again counts again.
    pub read: u64,
    /// Records or messages that the filter dropped.
    pub filtered: u64,
    /// Invocations that ended.
    pub invocations: u64,
    /// Invocations that ended with an error. Reported items are none.
    pub errors: u64,
    /// Records given up and handed to the on-failure destination.
    pub discarded: u64,
    /// Messages deleted, the filtered ones among them.
    pub deleted: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.filtered += other.filtered;
        self.invocations += other.invocations;
        self.errors += other.errors;
        self.discarded += other.discarded;
        self.deleted += other.deleted;
    }
}

/// Where a mapping stands in one shard.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShardStatus {
    /// The lowest record that is not done.
    pub checkpoint: Checkpoint,
    /// When the oldest record that is not done came to the stream, since 1970.
    pub oldest: Option<Duration>,
    /// Whether the last read found nothing and everything that was read is done.
    pub idle: bool,
    /// Whether the shard was closed and is done for good.
    pub ended: bool,
    /// What was done in this shard.
    pub counts: Counts,
}

/// Where a mapping stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MappingStatus {
    /// Whether nothing is left to do: each shard's, or the queue's, last read found nothing, and no invocation is under way.
    /// Messages that wait for their visibility are not seen by a read, so a queue's own counts tell more.
    pub idle: bool,
    /// The shards of a stream by their ids; empty for a queue.
    pub shards: BTreeMap<String, ShardStatus>,
    /// What was done, in all shards.
    pub counts: Counts,
}

impl MappingStatus {
    /// The age of the oldest record that was read and is not done; zero if there is none.
    pub fn iterator_age(&self) -> Duration {
        let oldest = self.shards.values().filter_map(|shard| shard.oldest).min();
        oldest.map_or(Duration::ZERO, |oldest| unix_now().saturating_sub(oldest))
    }
}

/// A mapping that runs until it is stopped. Dropping the handle lets it end by itself, unobserved.
#[derive(Debug)]
pub struct MappingHandle {
    stop: watch::Sender<bool>,
    status: watch::Receiver<MappingStatus>,
    task: JoinHandle<()>,
}

impl MappingHandle {
    pub(super) fn new(stop: watch::Sender<bool>, status: watch::Receiver<MappingStatus>, task: JoinHandle<()>) -> Self {
        Self { stop, status, task }
    }

    /// Where it stands now.
    pub fn status(&self) -> MappingStatus {
        self.status.borrow().clone()
    }

    /// Waits until the status is as wanted, and yields it; the last one, if the mapping ended before.
    pub async fn wait_for(&self, mut wanted: impl FnMut(&MappingStatus) -> bool) -> MappingStatus {
        let mut status = self.status.clone();
        match status.wait_for(|status| wanted(status)).await {
            Ok(status) => status.clone(),
            Err(_) => self.status(),
        }
    }

    /// Reads no more, lets the invocations that are under way come to their end, and yields the last status.
    pub async fn stop(self) -> MappingStatus {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "an event source mapping ended badly");
        }
        self.status.borrow().clone()
    }
}

/// Resolves when the mapping is to stop: it was told to, or nobody holds its handle any more.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the handle is gone.
    let _ = stop.wait_for(|stop| *stop).await;
}
