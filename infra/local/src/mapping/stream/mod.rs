//! Mappings of streams: Kinesis and DynamoDB ("How Lambda processes records from stream and queue-based event sources").

mod dynamodb;
#[cfg(test)]
mod embedded_tests;
mod kinesis;
mod mapping;
mod reader;
mod record;
mod settings;
mod shard;
#[cfg(test)]
mod shard_tests;
mod source;
mod sub_shard;

pub use dynamodb::DynamoDbSource;
pub use kinesis::KinesisSource;
pub use mapping::{StreamMapping, start};
pub use record::{SequenceNumber, StreamRecord};
pub use settings::{Backoff, StartingPosition, StreamSettings};
pub use shard::{Batch, Checkpoint, Condition, Discarded, Shard, Step};
pub use source::{Page, Position, ShardDescription, SourceError, StreamSource};

pub(in crate::mapping) use source::region_of;
