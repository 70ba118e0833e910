//! The Kinesis event: a batch of the backbone's records.

use serde::Deserialize;
use shared::time::Timestamp;

/// The event that Lambda hands over for a Kinesis stream ("Using Lambda with Amazon Kinesis Data Streams", example
/// event), as far as it is read.
#[derive(Debug, Deserialize)]
pub struct KinesisEvent<'a> {
    /// The records, in the shard's order.
    #[serde(rename = "Records", borrow)]
    pub records: Vec<Record<'a>>,
}

/// One record.
#[derive(Debug, Deserialize)]
pub struct Record<'a> {
    /// What Kinesis knows of it.
    #[serde(borrow)]
    pub kinesis: Kinesis<'a>,
}

/// What Kinesis knows of a record.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kinesis<'a> {
    /// Its sequence number.
    pub sequence_number: &'a str,
    /// A frame, in base64.
    pub data: &'a str,
    /// When it arrived, in seconds since 1970 with a fraction.
    pub approximate_arrival_timestamp: f64,
}

impl Kinesis<'_> {
    /// When it arrived: the same each time that it comes again.
    pub fn arrived_at(&self) -> Timestamp {
        #[expect(clippy::cast_possible_truncation, reason = "a time of this age; what is none saturates")]
        Timestamp::from_millis((self.approximate_arrival_timestamp * 1_000.0).round() as i64)
    }
}
