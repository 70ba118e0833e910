//! Event source mappings: what Lambda runs between a stream or a queue and a function, as AWS documents it.
//!
//! [`stream`] reads Kinesis and DynamoDB streams, [`queue`] reads SQS FIFO queues. Both hand batches of records, rendered by
//! [`event`] and chosen by [`filter`], to a [`Function`](crate::function::Function), and read from its [`response`] what
//! failed. What a stream's mapping gives up on goes to [`on_failure`].

pub mod event;
pub mod filter;
mod handle;
pub mod on_failure;
pub mod queue;
pub mod response;
mod settings;
pub mod stream;

pub use handle::{Counts, MappingHandle, MappingStatus, ShardStatus};
pub use settings::SettingsError;
