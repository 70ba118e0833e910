//! The Kinesis event: a batch of the backbone's records.

use serde::Deserialize;

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
}
