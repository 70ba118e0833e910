//! SQS messages as Lambda hands them over ("Using Lambda with Amazon SQS", with its example of a FIFO queue's event).

use std::collections::BTreeMap;

use aws_sdk_sqs::types::Message;
use serde::Serialize;

/// What is the same for each message of one queue.
#[derive(Debug, Clone)]
pub struct SqsSourceInfo {
    /// The queue's ARN.
    pub event_source_arn: String,
    /// The queue's region.
    pub aws_region: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Element<'a> {
    message_id: &'a str,
    receipt_handle: &'a str,
    body: &'a str,
    attributes: BTreeMap<&'a str, &'a str>,
    /// Freshet's messages carry none.
    message_attributes: BTreeMap<&'a str, &'a str>,
    md5_of_body: &'a str,
    event_source: &'static str,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: &'a str,
    aws_region: &'a str,
}

/// One element of `Records`.
pub fn record(source: &SqsSourceInfo, message: &Message) -> String {
    let attributes = message.attributes.iter().flatten().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    super::json(&Element {
        message_id: message.message_id.as_deref().unwrap_or_default(),
        receipt_handle: message.receipt_handle.as_deref().unwrap_or_default(),
        body: message.body.as_deref().unwrap_or_default(),
        attributes,
        message_attributes: BTreeMap::new(),
        md5_of_body: message.md5_of_body.as_deref().unwrap_or_default(),
        event_source: "aws:sqs",
        event_source_arn: &source.event_source_arn,
        aws_region: &source.aws_region,
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::types::MessageSystemAttributeName as Name;
    use serde_json::{Value, json};

    use super::*;

    /// "Example FIFO queue message event" of "Using Lambda with Amazon SQS".
    #[test]
    fn the_documented_fifo_message() {
        let source = SqsSourceInfo {
            event_source_arn: "arn:aws:sqs:us-east-2:123456789012:fifo.fifo".into(),
            aws_region: "us-east-2".into(),
        };
        let message = Message::builder()
            .message_id("11d6ee51-4cc7-4302-9e22-7cd8afdaadf5")
            .receipt_handle("AQEBBX8nesZEXmkhsmZeyIE8iQAMig7qw...")
            .body("Test message.")
            .attributes(Name::ApproximateReceiveCount, "1")
            .attributes(Name::SentTimestamp, "1573251510774")
            .attributes(Name::SequenceNumber, "18849496460467696128")
            .attributes(Name::MessageGroupId, "1")
            .attributes(Name::SenderId, "AIDAIO23YVJENQZJOL4VO")
            .attributes(Name::MessageDeduplicationId, "1")
            .attributes(Name::ApproximateFirstReceiveTimestamp, "1573251510774")
            .md5_of_body("e4e68fb7bd0e697a0ae8f1bb342846b3")
            .build();
        assert_eq!(
            serde_json::from_str::<Value>(&record(&source, &message)).unwrap(),
            json!({
                "messageId": "11d6ee51-4cc7-4302-9e22-7cd8afdaadf5",
                "receiptHandle": "AQEBBX8nesZEXmkhsmZeyIE8iQAMig7qw...",
                "body": "Test message.",
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1573251510774",
                    "SequenceNumber": "18849496460467696128",
                    "MessageGroupId": "1",
                    "SenderId": "AIDAIO23YVJENQZJOL4VO",
                    "MessageDeduplicationId": "1",
                    "ApproximateFirstReceiveTimestamp": "1573251510774"
                },
                "messageAttributes": {},
                "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:fifo.fifo",
                "awsRegion": "us-east-2"
            })
        );
    }
}
