//! Where a stream's mapping puts what it gives up on, as AWS does with an S3 bucket as on-failure destination ("Retain
//! discarded batch records for a Kinesis Data Streams event source in Lambda", and the same page for DynamoDB).

mod bucket;

use std::time::Duration;

use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use futures_util::future::BoxFuture;
use serde::Serialize;
use uuid::Uuid;

pub use self::bucket::BucketDestination;
use super::stream::{Condition, Discarded};

/// Which stream records come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    /// Kinesis.
    Kinesis,
    /// DynamoDB.
    DynamoDb,
}

/// A batch that was given up, with all that AWS tells about it.
#[derive(Debug, Clone)]
pub struct InvocationRecord {
    /// The mapping's identity.
    pub mapping: Uuid,
    /// The identity of the last invocation.
    pub request_id: Uuid,
    /// The function's ARN.
    pub function_arn: String,
    /// What kind of stream it is.
    pub kind: StreamKind,
    /// The stream's ARN.
    pub stream_arn: String,
    /// The shard.
    pub shard_id: String,
    /// When it was given up, since 1970.
    pub time: Duration,
    /// What was given up, and why.
    pub discarded: Discarded,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    request_context: RequestContext<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_context: Option<ResponseContext>,
    version: &'static str,
    timestamp: String,
    #[serde(rename = "KinesisBatchInfo", skip_serializing_if = "Option::is_none")]
    kinesis: Option<BatchInfo<'a>>,
    #[serde(rename = "DDBStreamBatchInfo", skip_serializing_if = "Option::is_none")]
    dynamodb: Option<BatchInfo<'a>>,
    payload: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    request_id: String,
    function_arn: &'a str,
    condition: &'static str,
    approximate_invoke_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext {
    status_code: u16,
    executed_version: &'static str,
    function_error: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchInfo<'a> {
    shard_id: &'a str,
    start_sequence_number: &'a str,
    end_sequence_number: &'a str,
    approximate_arrival_of_first_record: String,
    approximate_arrival_of_last_record: String,
    batch_size: usize,
    stream_arn: &'a str,
}

impl InvocationRecord {
    /// The document that AWS writes to S3.
    ///
    /// `payload` is the whole event as an escaped JSON text: the page shows `"payload": "<Whole Event>"`, and the same
    /// feature's page for Kafka says "as an escaped JSON string". Unverified: recordings of AWS exist in which a tool has
    /// parsed the text, so that they would look the same for an object. Read both.
    ///
    /// Recorded against AWS by `LocalStack`: `functionError` is null where items were reported, and `responseContext` is
    /// missing where the records were too old.
    pub fn document(&self) -> String {
        let payload = self.discarded.payload();
        let payload = String::from_utf8_lossy(&payload);
        let (kinesis, dynamodb) = match self.kind {
            StreamKind::Kinesis => (Some(self.batch_info()), None),
            StreamKind::DynamoDb => (None, Some(self.batch_info())),
        };
        let document = Document {
            request_context: RequestContext {
                request_id: self.request_id.to_string(),
                function_arn: &self.function_arn,
                condition: self.discarded.condition.as_str(),
                approximate_invoke_count: self.discarded.approximate_invoke_count,
            },
            response_context: match self.discarded.condition {
                Condition::RecordAgeExceeded => None,
                Condition::RetryAttemptsExhausted => Some(ResponseContext {
                    status_code: 200,
                    executed_version: "$LATEST",
                    function_error: self.discarded.function_error.then_some("Unhandled"),
                }),
            },
            version: "1.0",
            timestamp: timestamp(self.time),
            kinesis,
            dynamodb,
            payload: &payload,
        };
        super::event::json(&document)
    }

    /// The key of the object: `aws/lambda/<ESM-UUID>/<shardID>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<Random UUID>`.
    pub fn key(&self, random: Uuid) -> String {
        let second = seconds(self.time);
        let second = second.trim_end_matches('Z');
        let day = second.split('T').next().unwrap_or_default().replace('-', "/");
        format!("aws/lambda/{}/{}/{day}/{}-{random}", self.mapping, self.shard_id, second.replace(':', "."))
    }

    fn batch_info(&self) -> BatchInfo<'_> {
        let records = &self.discarded.records;
        let number = |index: Option<usize>| {
            index.and_then(|index| records.get(index)).map_or("", |record| record.sequence_number.as_str())
        };
        // Kinesis knows milliseconds, DynamoDB seconds: so do AWS's two examples.
        let arrival = |index: Option<usize>| {
            let arrival = index.and_then(|index| records.get(index)).map_or(Duration::ZERO, |record| record.arrival);
            match self.kind {
                StreamKind::Kinesis => timestamp(arrival),
                StreamKind::DynamoDb => seconds(arrival),
            }
        };
        let (first, last) = (Some(0), records.len().checked_sub(1));
        BatchInfo {
            shard_id: &self.shard_id,
            start_sequence_number: number(first),
            end_sequence_number: number(last),
            approximate_arrival_of_first_record: arrival(first),
            approximate_arrival_of_last_record: arrival(last),
            batch_size: records.len(),
            stream_arn: &self.stream_arn,
        }
    }
}

/// `YYYY-MM-DDTHH:MM:SSZ`.
fn seconds(time: Duration) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or_default();
    DateTime::from_secs(seconds).fmt(DateTimeFormat::DateTime).unwrap_or_default()
}

/// `YYYY-MM-DDTHH:MM:SS.mmmZ`.
fn timestamp(time: Duration) -> String {
    let seconds = seconds(time);
    format!("{}.{:03}Z", seconds.trim_end_matches('Z'), time.subsec_millis())
}

/// What was given up could not be kept.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {key} to the bucket {bucket}: {reason}; the mapping tries again")]
pub struct OnFailureError {
    /// The bucket.
    pub bucket: String,
    /// The object's key.
    pub key: String,
    /// What S3 or the network said.
    pub reason: String,
}

/// Keeps what mappings give up on.
pub trait OnFailure: Send + Sync + 'static {
    /// Keeps a batch that was given up. It is done once this succeeds.
    fn keep<'a>(&'a self, record: &'a InvocationRecord) -> BoxFuture<'a, Result<(), OnFailureError>>;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::mapping::stream::{SequenceNumber, StreamRecord};

    fn stream_record(sequence_number: &str, arrival: Duration) -> Arc<StreamRecord> {
        Arc::new(StreamRecord {
            sequence_number: SequenceNumber::new(sequence_number),
            key: "key".to_owned(),
            arrival,
            json: r#"{"eventID":"\u00e9"}"#.to_owned(),
        })
    }

    /// The batch of the example "Example: Kinesis on-failure destination" of AWS's page: 500 records.
    fn kinesis_example() -> InvocationRecord {
        let first = stream_record(
            "49601189658422359378836298521827638475320189012309704722",
            Duration::from_millis(1_573_691_884_835),
        );
        let last = stream_record(
            "49601189658422359378836298522902373528957594348623495186",
            Duration::from_millis(1_573_691_885_580),
        );
        let mut records = vec![first; 499];
        records.push(last);
        InvocationRecord {
            mapping: Uuid::from_u128(0x14e0_db71),
            request_id: Uuid::from_u128(0xc9b8_fa9f),
            function_arn: "arn:aws:lambda:us-east-2:123456789012:function:myfunction".to_owned(),
            kind: StreamKind::Kinesis,
            stream_arn: "arn:aws:kinesis:us-east-2:123456789012:stream/mystream".to_owned(),
            shard_id: "shardId-000000000001".to_owned(),
            time: Duration::from_millis(1_573_691_886_021),
            discarded: Discarded {
                sub_shard: 0,
                records,
                condition: Condition::RetryAttemptsExhausted,
                approximate_invoke_count: 1,
                function_error: true,
            },
        }
    }

    fn document(record: &InvocationRecord) -> (Value, Value) {
        let mut document: Value = serde_json::from_str(&record.document()).unwrap();
        let payload = document.as_object_mut().unwrap().remove("payload").unwrap();
        (document, serde_json::from_str(payload.as_str().unwrap()).unwrap())
    }

    #[test]
    fn the_documented_kinesis_record_with_the_payload() {
        let (document, payload) = document(&kinesis_example());
        assert_eq!(
            document,
            json!({
                "requestContext": {
                    "requestId": "00000000-0000-0000-0000-0000c9b8fa9f",
                    "functionArn": "arn:aws:lambda:us-east-2:123456789012:function:myfunction",
                    "condition": "RetryAttemptsExhausted",
                    "approximateInvokeCount": 1
                },
                "responseContext": {
                    "statusCode": 200,
                    "executedVersion": "$LATEST",
                    "functionError": "Unhandled"
                },
                "version": "1.0",
                "timestamp": "2019-11-14T00:38:06.021Z",
                "KinesisBatchInfo": {
                    "shardId": "shardId-000000000001",
                    "startSequenceNumber": "49601189658422359378836298521827638475320189012309704722",
                    "endSequenceNumber": "49601189658422359378836298522902373528957594348623495186",
                    "approximateArrivalOfFirstRecord": "2019-11-14T00:38:04.835Z",
                    "approximateArrivalOfLastRecord": "2019-11-14T00:38:05.580Z",
                    "batchSize": 500,
                    "streamArn": "arn:aws:kinesis:us-east-2:123456789012:stream/mystream"
                }
            })
        );
        assert_eq!(payload["Records"].as_array().unwrap().len(), 500);
        assert_eq!(payload["Records"][499], json!({"eventID": "é"}));
    }

    /// The example of "Retain discarded batch records for a DynamoDB event source in Lambda".
    #[test]
    fn the_documented_dynamodb_record() {
        let mut record = kinesis_example();
        record.kind = StreamKind::DynamoDb;
        record.shard_id = "shardId-00000001573689847184-864758bb".to_owned();
        record.stream_arn =
            "arn:aws:dynamodb:us-east-2:123456789012:table/mytable/stream/2019-11-14T00:04:06.388".to_owned();
        record.time = Duration::from_millis(1_573_690_429_717);
        record.discarded.records = vec![stream_record("800000000003126276362", Duration::from_secs(1_573_690_399))];
        let (document, _) = document(&record);
        assert_eq!(document["timestamp"], json!("2019-11-14T00:13:49.717Z"));
        assert_eq!(document.get("KinesisBatchInfo"), None);
        assert_eq!(
            document["DDBStreamBatchInfo"],
            json!({
                "shardId": "shardId-00000001573689847184-864758bb",
                "startSequenceNumber": "800000000003126276362",
                "endSequenceNumber": "800000000003126276362",
                "approximateArrivalOfFirstRecord": "2019-11-14T00:13:19Z",
                "approximateArrivalOfLastRecord": "2019-11-14T00:13:19Z",
                "batchSize": 1,
                "streamArn": "arn:aws:dynamodb:us-east-2:123456789012:table/mytable/stream/2019-11-14T00:04:06.388"
            })
        );
    }

    /// As recorded against AWS by `LocalStack`.
    #[test]
    fn reported_items_and_age_have_responses_of_their_own() {
        let mut record = kinesis_example();
        record.discarded.function_error = false;
        let (reported, _) = document(&record);
        assert_eq!(reported["responseContext"]["functionError"], Value::Null);
        assert_eq!(reported["responseContext"]["statusCode"], json!(200));
        record.discarded.condition = Condition::RecordAgeExceeded;
        let (aged, _) = document(&record);
        assert_eq!(aged["requestContext"]["condition"], json!("RecordAgeExceeded"));
        assert_eq!(aged.get("responseContext"), None);
    }

    #[test]
    fn the_documented_key() {
        assert_eq!(
            kinesis_example().key(Uuid::from_u128(7)),
            "aws/lambda/00000000-0000-0000-0000-000014e0db71/shardId-000000000001/2019/11/14/\
             2019-11-14T00.38.06-00000000-0000-0000-0000-000000000007"
        );
    }
}
