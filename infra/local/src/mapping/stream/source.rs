//! What a mapping needs of a stream.

use futures_util::future::BoxFuture;

use super::record::{SequenceNumber, StreamRecord};
use crate::mapping::filter::FilterSource;
use crate::mapping::on_failure::StreamKind;

/// One shard as the stream lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardDescription {
    /// The shard's id.
    pub id: String,
    /// The shards that it came from. They are read to their end first.
    pub parents: Vec<String>,
    /// Whether nothing is written to it any more.
    pub closed: bool,
}

/// Where to read on in a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// With the oldest record.
    TrimHorizon,
    /// With what comes next.
    Latest,
    /// Behind this record.
    After(SequenceNumber),
}

/// What one read yields.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Records in order, none or more.
    pub records: Vec<StreamRecord>,
    /// Where to read on; `None` at the end of a closed shard.
    pub next: Option<String>,
}

/// Why a stream could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The iterator is older than five minutes, or fifteen on DynamoDB: a new one is needed.
    #[error("the shard iterator has expired")]
    IteratorExpired,
    /// Anything else; it is tried again.
    #[error("{operation} failed: {reason}; the mapping tries again")]
    Failed {
        /// The operation of the API.
        operation: &'static str,
        /// What the service or the network said.
        reason: String,
    },
}

/// A stream that a mapping can read.
pub trait StreamSource: Send + Sync + 'static {
    /// The stream's ARN.
    fn arn(&self) -> &str;

    /// How on-failure records speak of it.
    fn kind(&self) -> StreamKind;

    /// How filters look at its records.
    fn filter_source(&self) -> FilterSource;

    /// All shards that the stream still has.
    fn shards(&self) -> BoxFuture<'_, Result<Vec<ShardDescription>, SourceError>>;

    /// An iterator to read a shard with.
    fn iterator<'a>(&'a self, shard_id: &'a str, position: &'a Position) -> BoxFuture<'a, Result<String, SourceError>>;

    /// Reads what an iterator points to.
    fn read<'a>(&'a self, shard_id: &'a str, iterator: &'a str) -> BoxFuture<'a, Result<Page, SourceError>>;
}

/// The region that an ARN names, `arn:aws:service:region:account:resource`.
pub(in crate::mapping) fn region_of(arn: &str) -> &str {
    arn.split(':').nth(3).unwrap_or_default()
}
