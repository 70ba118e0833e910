//! The backbone: a Kinesis stream as a [`Channel`].

use std::collections::HashMap;

use aws_sdk_kinesis::{Client, primitives::Blob, types::PutRecordsRequestEntry};
use futures_util::future::join_all;

use super::failed;
use crate::frame::{Channel, Outgoing};

/// A Kinesis stream that takes frames; the partition key is the lane.
#[derive(Clone, Debug)]
pub struct Backbone {
    pub(super) client: Client,
    pub(super) stream: String,
}

impl Backbone {
    /// The stream of this name.
    pub fn new(client: &Client, stream: &str) -> Self {
        Self { client: client.clone(), stream: stream.to_owned() }
    }

    /// The first frames of their lanes, in one call.
    async fn put_records(&self, frames: &[Outgoing<'_>]) -> Vec<Result<String, String>> {
        let entries = frames.iter().filter_map(|outgoing| {
            let data = Blob::new(outgoing.frame.body.as_bytes());
            PutRecordsRequestEntry::builder().partition_key(outgoing.frame.lane.to_string()).data(data).build().ok()
        });
        let put = self.client.put_records().stream_name(&self.stream).set_records(Some(entries.collect()));
        match put.send().await {
            Ok(answer) => {
                let mut answers: Vec<_> = answer
                    .records
                    .into_iter()
                    .map(|record| match (record.sequence_number, record.error_code) {
                        (Some(number), None) => Ok(number),
                        (_, code) => {
                            Err(format!("{}: {}", code.unwrap_or_default(), record.error_message.unwrap_or_default()))
                        }
                    })
                    .collect();
                answers.resize(frames.len(), Err("kinesis:PutRecords answered fewer records than it got".to_owned()));
                answers
            }
            Err(error) => vec![Err(failed("kinesis:PutRecords", &error).to_string()); frames.len()],
        }
    }

    /// A frame that follows another of its lane ("`SequenceNumberForOrdering`", Kinesis API reference, `PutRecord`).
    async fn put_record(&self, outgoing: &Outgoing<'_>, after: &str) -> Result<String, String> {
        let put = self
            .client
            .put_record()
            .stream_name(&self.stream)
            .partition_key(outgoing.frame.lane.to_string())
            .sequence_number_for_ordering(after)
            .data(Blob::new(outgoing.frame.body.as_bytes()));
        match put.send().await {
            Ok(answer) => Ok(answer.sequence_number),
            Err(error) => Err(failed("kinesis:PutRecord", &error).to_string()),
        }
    }
}

impl Channel for Backbone {
    /// "`PutRecords`", Kinesis API reference: up to 500 records.
    const MAX_FRAMES: usize = 500;
    /// The limit was 5 MiB for years and is 10 MiB today; partition keys count too.
    const MAX_BYTES: usize = 4_900_000;

    async fn send(&self, frames: &[Outgoing<'_>]) -> Vec<Result<String, String>> {
        let (followers, first): (Vec<_>, Vec<_>) =
            frames.iter().enumerate().partition(|(_, frame)| frame.after.is_some());
        let mut answers: HashMap<usize, Result<String, String>> = HashMap::with_capacity(frames.len());
        if !first.is_empty() {
            let outgoing: Vec<_> = first.iter().map(|(_, frame)| **frame).collect();
            let indexes = first.iter().map(|(index, _)| *index);
            answers.extend(indexes.zip(self.put_records(&outgoing).await));
        }
        let singles = followers.into_iter().map(|(index, frame)| async move {
            (index, self.put_record(frame, frame.after.unwrap_or_default()).await)
        });
        answers.extend(join_all(singles).await);
        (0..frames.len()).map(|index| answers.remove(&index).unwrap_or_else(|| Err("not sent".to_owned()))).collect()
    }
}
