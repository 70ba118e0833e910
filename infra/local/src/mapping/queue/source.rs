//! What a mapping needs of a queue.

use std::time::Duration;

use futures_util::future::BoxFuture;

/// A message as the mapping handles it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueMessage {
    /// By which the function reports it.
    pub message_id: String,
    /// By which it is deleted.
    pub receipt_handle: String,
    /// The message's element of `Records`.
    pub json: String,
}

/// Why a queue could not be used.
#[derive(Debug, thiserror::Error)]
#[error("{operation} failed: {reason}; the mapping goes on")]
pub struct QueueError {
    /// The operation of the API.
    pub operation: &'static str,
    /// What the service or the network said.
    pub reason: String,
}

/// A queue that a mapping can read.
pub trait Queue: Send + Sync + 'static {
    /// The queue's ARN.
    fn arn(&self) -> &str;

    /// Receives up to so many messages, waiting for the first. Their visibility is the queue's own.
    fn receive(&self, most: usize, wait: Duration) -> BoxFuture<'_, Result<Vec<QueueMessage>, QueueError>>;

    /// Deletes up to ten messages by their receipt handles, and yields how many were.
    fn delete_batch(&self, receipt_handles: Vec<String>) -> BoxFuture<'_, Result<usize, QueueError>>;
}
