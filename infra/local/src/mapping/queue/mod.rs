//! Mappings of SQS FIFO queues ("Using Lambda with Amazon SQS", "Creating and configuring an Amazon SQS event source
//! mapping", "Handling errors for an SQS event source in Lambda").
//!
//! The queue itself sees to it that a message group is never in two batches at once. The mapping deletes what the function
//! got through and touches nothing else: what failed comes back when its visibility runs out, be it the queue's or what the
//! function set meanwhile. A dead-letter queue is a queue like any other.

mod mapping;
mod settings;
mod source;
mod sqs;

pub use mapping::{QueueMapping, start};
pub use settings::QueueSettings;
pub use source::{Queue, QueueError, QueueMessage};
pub use sqs::SqsQueue;
