//! Where failures enter again, in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use super::{MemoryBacklog, MemoryChannel, lock};
use crate::{
    frame::{Channel, Outgoing},
    ports::{Backlog, BacklogPage, PortError, Queues, Shard, Since},
};

/// Queues by their addresses; each begins empty.
#[derive(Debug, Default)]
pub struct MemoryQueues {
    /// The queues that something was sent to.
    pub queues: Mutex<BTreeMap<String, Arc<MemoryChannel>>>,
    /// How many messages each is said to hold; one that is not here does not answer.
    pub waiting: Mutex<BTreeMap<String, u64>>,
}

impl Queues for MemoryQueues {
    type Queue = Arc<MemoryChannel>;

    fn queue(&self, queue_url: &str) -> Arc<MemoryChannel> {
        Arc::clone(lock(&self.queues).entry(queue_url.to_owned()).or_default())
    }

    async fn waiting(&self, queue_url: &str) -> Result<u64, PortError> {
        let missing = || PortError { operation: "sqs:GetQueueAttributes", reason: "QueueDoesNotExist".to_owned() };
        lock(&self.waiting).get(queue_url).copied().ok_or_else(missing)
    }
}

impl<C: Channel + Send> Channel for Arc<C> {
    const MAX_FRAMES: usize = C::MAX_FRAMES;
    const MAX_BYTES: usize = C::MAX_BYTES;

    async fn send(&self, frames: &[Outgoing<'_>]) -> Vec<Result<String, String>> {
        C::send(self, frames).await
    }
}

/// The backbone from both of its ends: what it has held before, and what is sent onto it.
#[derive(Debug, Default)]
pub struct MemoryBackbone {
    /// What it has held before.
    pub backlog: MemoryBacklog,
    /// What is sent onto it.
    pub sent: MemoryChannel,
}

impl Channel for MemoryBackbone {
    const MAX_FRAMES: usize = MemoryChannel::MAX_FRAMES;
    const MAX_BYTES: usize = MemoryChannel::MAX_BYTES;

    async fn send(&self, frames: &[Outgoing<'_>]) -> Vec<Result<String, String>> {
        self.sent.send(frames).await
    }
}

impl Backlog for MemoryBackbone {
    async fn shards(&self) -> Result<Vec<Shard>, PortError> {
        self.backlog.shards().await
    }

    async fn iterator(&self, shard: &str, since: &Since) -> Result<String, PortError> {
        self.backlog.iterator(shard, since).await
    }

    async fn page(&self, iterator: &str, most: usize) -> Result<Option<BacklogPage>, PortError> {
        self.backlog.page(iterator, most).await
    }
}
