//! Kinesis records as Lambda hands them over ("Using Lambda to process records from Amazon Kinesis Data Streams").

use aws_sdk_kinesis::types::Record;
use serde::Serialize;

/// What is the same for each record of one shard's events.
#[derive(Debug, Clone)]
pub struct KinesisSourceInfo {
    /// The stream's ARN.
    pub event_source_arn: String,
    /// The stream's region.
    pub aws_region: String,
    /// The ARN of the role that the mapping reads with: the function's execution role.
    pub invoke_identity_arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Element<'a> {
    kinesis: Payload<'a>,
    event_source: &'static str,
    event_version: &'static str,
    #[serde(rename = "eventID")]
    event_id: String,
    event_name: &'static str,
    invoke_identity_arn: &'a str,
    aws_region: &'a str,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    kinesis_schema_version: &'static str,
    partition_key: &'a str,
    sequence_number: &'a str,
    data: String,
    /// Seconds since 1970 with milliseconds as the fraction.
    approximate_arrival_timestamp: f64,
}

/// One element of `Records`.
pub fn record(source: &KinesisSourceInfo, shard_id: &str, record: &Record) -> String {
    let arrival = record.approximate_arrival_timestamp.map_or(0.0, |time| time.as_secs_f64());
    super::json(&Element {
        kinesis: Payload {
            kinesis_schema_version: "1.0",
            partition_key: record.partition_key.as_deref().unwrap_or_default(),
            sequence_number: &record.sequence_number,
            data: base64_simd::STANDARD.encode_to_string(record.data.as_ref()),
            // Kinesis keeps milliseconds; the SDK's fraction has a float's noise behind them.
            approximate_arrival_timestamp: (arrival * 1000.0).round() / 1000.0,
        },
        event_source: "aws:kinesis",
        event_version: "1.0",
        event_id: format!("{shard_id}:{}", record.sequence_number),
        event_name: "aws:kinesis:record",
        invoke_identity_arn: &source.invoke_identity_arn,
        aws_region: &source.aws_region,
        event_source_arn: &source.event_source_arn,
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_kinesis::primitives::{Blob, DateTime};
    use serde_json::{Value, json};

    use super::*;

    /// The example of "Using Lambda to process records from Amazon Kinesis Data Streams".
    #[test]
    fn the_documented_event() {
        let source = KinesisSourceInfo {
            event_source_arn: "arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream".into(),
            aws_region: "us-east-2".into(),
            invoke_identity_arn: "arn:aws:iam::123456789012:role/lambda-role".into(),
        };
        let record_of = |sequence_number: &str, data: &str, millis: i64| {
            Record::builder()
                .partition_key("1")
                .sequence_number(sequence_number)
                .data(Blob::new(data))
                .approximate_arrival_timestamp(DateTime::from_millis(millis))
                .build()
                .unwrap()
        };
        let records = [
            record_of(
                "49590338271490256608559692538361571095921575989136588898",
                "Hello, this is a test.",
                1_545_084_650_987,
            ),
            record_of(
                "49590338271490256608559692540925702759324208523137515618",
                "This is only a test.",
                1_545_084_711_166,
            ),
        ]
        .map(|item| record(&source, "shardId-000000000006", &item));
        let payload = super::super::payload(records.iter().map(String::as_str));
        assert_eq!(
            serde_json::from_slice::<Value>(&payload).unwrap(),
            json!({
                "Records": [
                    {
                        "kinesis": {
                            "kinesisSchemaVersion": "1.0",
                            "partitionKey": "1",
                            "sequenceNumber": "49590338271490256608559692538361571095921575989136588898",
                            "data": "SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==",
                            "approximateArrivalTimestamp": 1_545_084_650.987
                        },
                        "eventSource": "aws:kinesis",
                        "eventVersion": "1.0",
                        "eventID": "shardId-000000000006:49590338271490256608559692538361571095921575989136588898",
                        "eventName": "aws:kinesis:record",
                        "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
                        "awsRegion": "us-east-2",
                        "eventSourceARN": "arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream"
                    },
                    {
                        "kinesis": {
                            "kinesisSchemaVersion": "1.0",
                            "partitionKey": "1",
                            "sequenceNumber": "49590338271490256608559692540925702759324208523137515618",
                            "data": "VGhpcyBpcyBvbmx5IGEgdGVzdC4=",
                            "approximateArrivalTimestamp": 1_545_084_711.166
                        },
                        "eventSource": "aws:kinesis",
                        "eventVersion": "1.0",
                        "eventID": "shardId-000000000006:49590338271490256608559692540925702759324208523137515618",
                        "eventName": "aws:kinesis:record",
                        "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
                        "awsRegion": "us-east-2",
                        "eventSourceARN": "arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream"
                    }
                ]
            })
        );
    }
}
