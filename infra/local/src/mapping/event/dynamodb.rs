//! DynamoDB stream records as Lambda hands them over ("Using AWS Lambda with Amazon DynamoDB").

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodbstreams::types::{AttributeValue, OperationType, Record, StreamViewType};
use serde_json::{Map, Value};

/// What is the same for each record of one stream.
#[derive(Debug, Clone)]
pub struct DynamoDbSourceInfo {
    /// The stream's ARN.
    pub event_source_arn: String,
    /// The stream's region.
    pub aws_region: String,
}

/// One element of `Records`.
pub fn record(source: &DynamoDbSourceInfo, record: &Record) -> String {
    let mut event = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            event.insert(name.to_owned(), value);
        }
    };
    put("eventID", text(record.event_id.as_deref()));
    put("eventName", text(record.event_name.as_ref().map(OperationType::as_str)));
    put("eventVersion", text(Some(record.event_version.as_deref().unwrap_or("1.1"))));
    put("eventSource", text(Some("aws:dynamodb")));
    put("awsRegion", text(Some(&source.aws_region)));
    put("dynamodb", change(record));
    put("userIdentity", user_identity(record));
    put("eventSourceARN", text(Some(&source.event_source_arn)));
    super::json(&event)
}

/// Set where DynamoDB itself deleted the item because its time to live was over. "DynamoDB Streams and Time to Live" knows
/// one identity only, so what is missing is filled in with it: the embedded DynamoDB writes names that the SDK does not read.
fn user_identity(record: &Record) -> Option<Value> {
    let identity = record.user_identity.as_ref()?;
    let kind = identity.r#type.as_deref().unwrap_or("Service");
    let principal = identity.principal_id.as_deref().unwrap_or("dynamodb.amazonaws.com");
    Some(serde_json::json!({"type": kind, "principalId": principal}))
}

fn change(record: &Record) -> Option<Value> {
    let stream = record.dynamodb.as_ref()?;
    let mut change = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            change.insert(name.to_owned(), value);
        }
    };
    put(
        "ApproximateCreationDateTime",
        // Whole seconds: DynamoDB Streams rounds the time down.
        stream.approximate_creation_date_time.map(|time| Value::from(time.secs())),
    );
    put("Keys", stream.keys.as_ref().map(image));
    put("NewImage", stream.new_image.as_ref().map(image));
    put("OldImage", stream.old_image.as_ref().map(image));
    put("SequenceNumber", text(stream.sequence_number.as_deref()));
    put("SizeBytes", stream.size_bytes.map(Value::from));
    put("StreamViewType", text(stream.stream_view_type.as_ref().map(StreamViewType::as_str)));
    Some(Value::Object(change))
}

/// An item, or its key, in DynamoDB's JSON. Attributes come sorted by name: the SDK's maps have no order of their own.
pub(in crate::mapping) fn image(item: &HashMap<String, AttributeValue>) -> Value {
    let sorted: BTreeMap<_, _> = item.iter().collect();
    Value::Object(sorted.into_iter().map(|(name, value)| (name.clone(), attribute(value))).collect())
}

/// One attribute in DynamoDB's JSON, `{"S": …}`; binary is base64.
fn attribute(value: &AttributeValue) -> Value {
    let base64 = |bytes: &[u8]| Value::String(base64_simd::STANDARD.encode_to_string(bytes));
    let (name, value) = match value {
        AttributeValue::S(value) => ("S", Value::from(value.as_str())),
        AttributeValue::N(value) => ("N", Value::from(value.as_str())),
        AttributeValue::B(value) => ("B", base64(value.as_ref())),
        AttributeValue::Bool(value) => ("BOOL", Value::from(*value)),
        AttributeValue::Null(value) => ("NULL", Value::from(*value)),
        AttributeValue::L(values) => ("L", values.iter().map(attribute).collect()),
        AttributeValue::M(values) => ("M", image(values)),
        AttributeValue::Ss(values) => ("SS", Value::from(values.as_slice())),
        AttributeValue::Ns(values) => ("NS", Value::from(values.as_slice())),
        AttributeValue::Bs(values) => ("BS", values.iter().map(|value| base64(value.as_ref())).collect()),
        // A type that this version of the SDK does not know: the empty object names no type, so that a function refuses it.
        _ => return Value::Object(Map::new()),
    };
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}

fn text(value: Option<&str>) -> Option<Value> {
    value.map(Value::from)
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodbstreams::primitives::{Blob, DateTime};
    use aws_sdk_dynamodbstreams::types::{Identity, StreamRecord};
    use serde_json::json;

    use super::*;

    fn source() -> DynamoDbSourceInfo {
        DynamoDbSourceInfo {
            event_source_arn: "arn:aws:dynamodb:us-east-2:123456789012:table/my-table/stream/2024-06-10T19:26:16.525"
                .into(),
            aws_region: "us-east-2".into(),
        }
    }

    fn rendered(item: &Record) -> Value {
        serde_json::from_str(&record(&source(), item)).unwrap()
    }

    /// The first record of the example event of "Using AWS Lambda with Amazon DynamoDB".
    #[test]
    fn the_documented_insert() {
        let id = || AttributeValue::N("101".into());
        let item = Record::builder()
            .event_id("c4ca4238a0b923820dcc509a6f75849b")
            .event_name(OperationType::Insert)
            .event_version("1.1")
            .dynamodb(
                StreamRecord::builder()
                    .approximate_creation_date_time(DateTime::from_secs(1_428_537_600))
                    .keys("Id", id())
                    .new_image("Message", AttributeValue::S("New item!".into()))
                    .new_image("Id", id())
                    .sequence_number("4421584500000000017450439091")
                    .size_bytes(26)
                    .stream_view_type(StreamViewType::NewAndOldImages)
                    .build(),
            )
            .build();
        assert_eq!(
            rendered(&item),
            json!({
                "eventID": "c4ca4238a0b923820dcc509a6f75849b",
                "eventName": "INSERT",
                "eventVersion": "1.1",
                "eventSource": "aws:dynamodb",
                "awsRegion": "us-east-2",
                "dynamodb": {
                    "ApproximateCreationDateTime": 1_428_537_600,
                    "Keys": {"Id": {"N": "101"}},
                    "NewImage": {"Message": {"S": "New item!"}, "Id": {"N": "101"}},
                    "SequenceNumber": "4421584500000000017450439091",
                    "SizeBytes": 26,
                    "StreamViewType": "NEW_AND_OLD_IMAGES"
                },
                "eventSourceARN": "arn:aws:dynamodb:us-east-2:123456789012:table/my-table/stream/2024-06-10T19:26:16.525"
            })
        );
    }

    /// "DynamoDB Streams and Time to Live" shows the identity of a removal by time to live.
    #[test]
    fn a_removal_by_time_to_live_says_who_it_was() {
        let item = Record::builder()
            .event_name(OperationType::Remove)
            .user_identity(Identity::builder().r#type("Service").principal_id("dynamodb.amazonaws.com").build())
            .build();
        assert_eq!(
            rendered(&item)["userIdentity"],
            json!({"type": "Service", "principalId": "dynamodb.amazonaws.com"})
        );
    }

    /// "Data type descriptors" of the DynamoDB low-level API.
    #[test]
    fn every_attribute_type() {
        let blob = || Blob::new("this text is base64-encoded");
        let item: HashMap<_, _> = [
            ("a", AttributeValue::S("Hello".into())),
            ("b", AttributeValue::N("123.45".into())),
            ("c", AttributeValue::B(blob())),
            ("d", AttributeValue::Ss(vec!["Giraffe".into(), "Hippo".into()])),
            ("e", AttributeValue::Ns(vec!["42.2".into(), "-19".into()])),
            ("f", AttributeValue::Bs(vec![blob()])),
            ("g", AttributeValue::M(HashMap::from([("Name".into(), AttributeValue::S("Joe".into()))]))),
            ("h", AttributeValue::L(vec![AttributeValue::Null(true), AttributeValue::Bool(false)])),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        assert_eq!(
            image(&item),
            json!({
                "a": {"S": "Hello"},
                "b": {"N": "123.45"},
                "c": {"B": "dGhpcyB0ZXh0IGlzIGJhc2U2NC1lbmNvZGVk"},
                "d": {"SS": ["Giraffe", "Hippo"]},
                "e": {"NS": ["42.2", "-19"]},
                "f": {"BS": ["dGhpcyB0ZXh0IGlzIGJhc2U2NC1lbmNvZGVk"]},
                "g": {"M": {"Name": {"S": "Joe"}}},
                "h": {"L": [{"NULL": true}, {"BOOL": false}]}
            })
        );
    }
}
