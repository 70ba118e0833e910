//! A Kinesis stream, read with the AWS SDK.

use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::DisplayErrorContext;
use aws_sdk_kinesis::operation::get_records::GetRecordsError;
use aws_sdk_kinesis::types::ShardIteratorType;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::record::{SequenceNumber, StreamRecord};
use super::source::{Page, Position, ShardDescription, SourceError, StreamSource, region_of};
use crate::mapping::event::kinesis::{self, KinesisSourceInfo};
use crate::mapping::filter::FilterSource;
use crate::mapping::on_failure::StreamKind;

/// A Kinesis stream as a mapping's source, read with shared throughput (standard iterators).
#[derive(Debug, Clone)]
pub struct KinesisSource {
    client: Client,
    info: KinesisSourceInfo,
}

impl KinesisSource {
    /// A stream by its ARN, read with the given role's ARN in the events (`invokeIdentityArn`).
    pub fn new(client: Client, stream_arn: impl Into<String>, role_arn: impl Into<String>) -> Self {
        let stream_arn = stream_arn.into();
        Self {
            client,
            info: KinesisSourceInfo {
                aws_region: region_of(&stream_arn).to_owned(),
                event_source_arn: stream_arn,
                invoke_identity_arn: role_arn.into(),
            },
        }
    }

    /// `arn:aws:kinesis:region:account:stream/name`. The embedded Kinesis lists shards by name only.
    fn stream_name(&self) -> &str {
        let arn = &self.info.event_source_arn;
        arn.rsplit_once('/').map_or(arn.as_str(), |(_, name)| name)
    }

    async fn list_shards(&self) -> Result<Vec<ShardDescription>, SourceError> {
        let mut shards = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let request = self.client.list_shards();
            // A token stands for the stream: both together are refused.
            let request = match token {
                None => request.stream_name(self.stream_name()),
                Some(token) => request.next_token(token),
            };
            let page = request.send().await.map_err(|error| failed("ListShards", &error))?;
            for shard in page.shards.unwrap_or_default() {
                shards.push(ShardDescription {
                    parents: [shard.parent_shard_id, shard.adjacent_parent_shard_id].into_iter().flatten().collect(),
                    closed: shard.sequence_number_range.is_some_and(|range| range.ending_sequence_number.is_some()),
                    id: shard.shard_id,
                });
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(shards);
            }
        }
    }

    async fn get_shard_iterator(&self, shard_id: &str, position: &Position) -> Result<String, SourceError> {
        let request = self.client.get_shard_iterator().stream_name(self.stream_name()).shard_id(shard_id);
        let request = match position {
            Position::TrimHorizon => request.shard_iterator_type(ShardIteratorType::TrimHorizon),
            Position::Latest => request.shard_iterator_type(ShardIteratorType::Latest),
            Position::After(number) => request
                .shard_iterator_type(ShardIteratorType::AfterSequenceNumber)
                .starting_sequence_number(number.as_str()),
        };
        let iterator = request.send().await.map_err(|error| failed("GetShardIterator", &error))?.shard_iterator;
        iterator.ok_or_else(|| SourceError::Failed {
            operation: "GetShardIterator",
            reason: "the answer has no iterator".to_owned(),
        })
    }

    async fn get_records(&self, shard_id: &str, iterator: &str) -> Result<Page, SourceError> {
        let answer = self.client.get_records().shard_iterator(iterator).send().await.map_err(|error| {
            let expired = error.as_service_error().is_some_and(GetRecordsError::is_expired_iterator_exception);
            if expired { SourceError::IteratorExpired } else { failed("GetRecords", &error) }
        })?;
        let records = answer
            .records
            .into_iter()
            .map(|record| StreamRecord {
                json: kinesis::record(&self.info, shard_id, &record),
                arrival: record
                    .approximate_arrival_timestamp
                    .and_then(|time| Duration::try_from_secs_f64(time.as_secs_f64()).ok())
                    .unwrap_or_default(),
                sequence_number: SequenceNumber::new(record.sequence_number),
                key: record.partition_key.unwrap_or_default(),
            })
            .collect();
        Ok(Page { records, next: answer.next_shard_iterator })
    }
}

impl StreamSource for KinesisSource {
    fn arn(&self) -> &str {
        &self.info.event_source_arn
    }

    fn kind(&self) -> StreamKind {
        StreamKind::Kinesis
    }

    fn filter_source(&self) -> FilterSource {
        FilterSource::Kinesis
    }

    fn shards(&self) -> BoxFuture<'_, Result<Vec<ShardDescription>, SourceError>> {
        self.list_shards().boxed()
    }

    fn iterator<'a>(&'a self, shard_id: &'a str, position: &'a Position) -> BoxFuture<'a, Result<String, SourceError>> {
        self.get_shard_iterator(shard_id, position).boxed()
    }

    fn read<'a>(&'a self, shard_id: &'a str, iterator: &'a str) -> BoxFuture<'a, Result<Page, SourceError>> {
        self.get_records(shard_id, iterator).boxed()
    }
}

fn failed(operation: &'static str, error: &(dyn std::error::Error + 'static)) -> SourceError {
    SourceError::Failed { operation, reason: DisplayErrorContext(error).to_string() }
}
