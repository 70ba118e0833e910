//! A DynamoDB stream, read with the AWS SDK.

use std::time::Duration;

use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::error::DisplayErrorContext;
use aws_sdk_dynamodbstreams::operation::get_records::GetRecordsError;
use aws_sdk_dynamodbstreams::types::{Record, ShardIteratorType};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::record::{SequenceNumber, StreamRecord};
use super::source::{Page, Position, ShardDescription, SourceError, StreamSource, region_of};
use crate::mapping::event::dynamodb::{self, DynamoDbSourceInfo};
use crate::mapping::filter::FilterSource;
use crate::mapping::on_failure::StreamKind;

/// A table's stream as a mapping's source.
#[derive(Debug, Clone)]
pub struct DynamoDbSource {
    client: Client,
    info: DynamoDbSourceInfo,
}

impl DynamoDbSource {
    /// A stream by its ARN.
    pub fn new(client: Client, stream_arn: impl Into<String>) -> Self {
        let stream_arn = stream_arn.into();
        Self {
            client,
            info: DynamoDbSourceInfo { aws_region: region_of(&stream_arn).to_owned(), event_source_arn: stream_arn },
        }
    }

    async fn describe_stream(&self) -> Result<Vec<ShardDescription>, SourceError> {
        let mut shards = Vec::new();
        let mut from: Option<String> = None;
        loop {
            let description = self
                .client
                .describe_stream()
                .stream_arn(&self.info.event_source_arn)
                .set_exclusive_start_shard_id(from)
                .send()
                .await
                .map_err(|error| failed("DescribeStream", &error))?
                .stream_description
                .unwrap_or_else(|| aws_sdk_dynamodbstreams::types::StreamDescription::builder().build());
            for shard in description.shards.unwrap_or_default() {
                let Some(id) = shard.shard_id else { continue };
                shards.push(ShardDescription {
                    id,
                    parents: shard.parent_shard_id.into_iter().collect(),
                    closed: shard.sequence_number_range.is_some_and(|range| range.ending_sequence_number.is_some()),
                });
            }
            from = description.last_evaluated_shard_id;
            if from.is_none() {
                return Ok(shards);
            }
        }
    }

    async fn get_shard_iterator(&self, shard_id: &str, position: &Position) -> Result<String, SourceError> {
        let request = self.client.get_shard_iterator().stream_arn(&self.info.event_source_arn).shard_id(shard_id);
        let request = match position {
            Position::TrimHorizon => request.shard_iterator_type(ShardIteratorType::TrimHorizon),
            Position::Latest => request.shard_iterator_type(ShardIteratorType::Latest),
            Position::After(number) => {
                request.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).sequence_number(number.as_str())
            }
        };
        let iterator = request.send().await.map_err(|error| failed("GetShardIterator", &error))?.shard_iterator;
        iterator.ok_or_else(|| SourceError::Failed {
            operation: "GetShardIterator",
            reason: "the answer has no iterator".to_owned(),
        })
    }

    async fn get_records(&self, iterator: &str) -> Result<Page, SourceError> {
        let answer = self.client.get_records().shard_iterator(iterator).send().await.map_err(|error| {
            let expired = error.as_service_error().is_some_and(GetRecordsError::is_expired_iterator_exception);
            if expired { SourceError::IteratorExpired } else { failed("GetRecords", &error) }
        })?;
        Ok(Page {
            records: answer.records.unwrap_or_default().iter().filter_map(|record| self.record(record)).collect(),
            next: answer.next_shard_iterator,
        })
    }

    /// A record without a change has no place in the stream: the API has the field as optional, DynamoDB always sends it.
    fn record(&self, record: &Record) -> Option<StreamRecord> {
        let change = record.dynamodb.as_ref()?;
        Some(StreamRecord {
            sequence_number: SequenceNumber::new(change.sequence_number.clone()?),
            key: change.keys.as_ref().map(|keys| dynamodb::image(keys).to_string()).unwrap_or_default(),
            arrival: change
                .approximate_creation_date_time
                .and_then(|time| Duration::try_from_secs_f64(time.as_secs_f64()).ok())
                .unwrap_or_default(),
            json: dynamodb::record(&self.info, record),
        })
    }
}

impl StreamSource for DynamoDbSource {
    fn arn(&self) -> &str {
        &self.info.event_source_arn
    }

    fn kind(&self) -> StreamKind {
        StreamKind::DynamoDb
    }

    fn filter_source(&self) -> FilterSource {
        FilterSource::DynamoDb
    }

    fn shards(&self) -> BoxFuture<'_, Result<Vec<ShardDescription>, SourceError>> {
        self.describe_stream().boxed()
    }

    fn iterator<'a>(&'a self, shard_id: &'a str, position: &'a Position) -> BoxFuture<'a, Result<String, SourceError>> {
        self.get_shard_iterator(shard_id, position).boxed()
    }

    fn read<'a>(&'a self, _: &'a str, iterator: &'a str) -> BoxFuture<'a, Result<Page, SourceError>> {
        self.get_records(iterator).boxed()
    }
}

fn failed(operation: &'static str, error: &(dyn std::error::Error + 'static)) -> SourceError {
    SourceError::Failed { operation, reason: DisplayErrorContext(error).to_string() }
}
