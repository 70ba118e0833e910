//! The mappings against the embedded services: real protocols, real SDK.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    StreamSpecification, StreamViewType,
};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::StreamStatus;
use aws_types::SdkConfig;
use aws_types::region::Region;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;

use super::*;
use crate::function::{Function, FunctionError, HostSettings, Hosted};
use crate::mapping::filter::FilterCriteria;
use crate::mapping::on_failure::{InvocationRecord, OnFailure, OnFailureError};

fn sdk_config(endpoint_url: String) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(aws_sdk_kinesis::config::BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "test")))
        .endpoint_url(endpoint_url)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::from_static("us-east-1"))
        .build()
}

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

const STREAM: &str = "changes";
const STREAM_ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/changes";

async fn kinesis(shards: i32) -> aws_sdk_kinesis::Client {
    let (app, _) = ferrokinesis::create_app(ferrokinesis::store::StoreOptions {
        create_stream_ms: 0,
        update_stream_ms: 0,
        ..Default::default()
    });
    let (listener, url) = listener().await;
    tokio::spawn(async move { axum::serve(listener, app).await });
    let client = aws_sdk_kinesis::Client::new(&sdk_config(url));
    client.create_stream().stream_name(STREAM).shard_count(shards).send().await.unwrap();
    active(&client).await;
    client
}

async fn active(client: &aws_sdk_kinesis::Client) {
    loop {
        let summary = client.describe_stream_summary().stream_name(STREAM).send().await.unwrap();
        if summary.stream_description_summary.unwrap().stream_status == StreamStatus::Active {
            return;
        }
    }
}

async fn put(client: &aws_sdk_kinesis::Client, key: &str, data: impl Into<String>) {
    client.put_record().stream_name(STREAM).partition_key(key).data(Blob::new(data.into())).send().await.unwrap();
}

/// The records that invocations got through, and those that failed, in the order of the invocations.
type Seen = Arc<Mutex<Vec<Value>>>;

/// A function that remembers its records; `answer` sees the records of a batch and the number of the invocation.
fn remembering(
    answer: impl Fn(usize, &[Value]) -> Result<Value, FunctionError> + Clone + Send + Sync + 'static,
) -> (Arc<dyn Function>, Seen) {
    let seen = Seen::default();
    let remembered = seen.clone();
    let invocations = Arc::new(Mutex::new(0));
    let function = Hosted::new("remembering", HostSettings::default(), move || {
        let (seen, answer, invocations) = (seen.clone(), answer.clone(), invocations.clone());
        async move {
            Ok(move |payload: Bytes| {
                let mut event: Value = serde_json::from_slice(&payload).unwrap();
                let Value::Array(records) = event["Records"].take() else { panic!("no records") };
                let mut number = invocations.lock().unwrap();
                *number += 1;
                let answer = answer(*number, &records).map(|answer| answer.to_string().into());
                if answer.is_ok() {
                    seen.lock().unwrap().extend(records);
                }
                async move { answer }
            })
        }
    });
    (Arc::new(function), remembered)
}

#[derive(Default)]
struct Kept(Mutex<Vec<Value>>);

impl OnFailure for Kept {
    fn keep<'a>(&'a self, record: &'a InvocationRecord) -> BoxFuture<'a, Result<(), OnFailureError>> {
        self.0.lock().unwrap().push(serde_json::from_str(&record.document()).unwrap());
        async { Ok(()) }.boxed()
    }
}

fn mapping(
    source: impl StreamSource,
    function: Arc<dyn Function>,
    on_failure: Option<Arc<dyn OnFailure>>,
    settings: StreamSettings,
) -> StreamMapping {
    StreamMapping {
        uuid: Uuid::from_u128(1),
        source: Arc::new(source),
        function,
        function_arn: "arn:aws:lambda:us-east-1:000000000000:function:remembering".to_owned(),
        settings: StreamSettings {
            poll_interval: Duration::from_millis(5),
            backoff: Backoff { first: Duration::from_millis(1), bound: Duration::from_millis(5) },
            ..settings
        },
        on_failure,
    }
}

fn kinesis_source(client: &aws_sdk_kinesis::Client) -> KinesisSource {
    KinesisSource::new(client.clone(), STREAM_ARN, "arn:aws:iam::000000000000:role/remembering")
}

fn data(record: &Value) -> String {
    let data = record["kinesis"]["data"].as_str().unwrap();
    String::from_utf8(base64_simd::STANDARD.decode_to_vec(data).unwrap()).unwrap()
}

/// The data of each partition key in the order in which it was seen.
fn by_key(seen: &Seen) -> BTreeMap<String, Vec<String>> {
    let mut keys = BTreeMap::<_, Vec<_>>::new();
    for record in seen.lock().unwrap().iter() {
        let key = record["kinesis"]["partitionKey"].as_str().unwrap();
        keys.entry(key.to_owned()).or_default().push(data(record));
    }
    keys
}

#[tokio::test]
async fn kinesis_records_arrive_by_key_in_order_under_failures() {
    let client = kinesis(2).await;
    // Each third invocation fails, and each fourth reports the last record of its batch.
    let (function, seen) = remembering(|number, records| match number {
        _ if number % 3 == 0 => Err(FunctionError::unhandled("unlucky")),
        _ => Ok(json!({"batchItemFailures": if number % 4 == 0 {
            json!([{"itemIdentifier": records.last().unwrap()["kinesis"]["sequenceNumber"]}])
        } else {
            json!([])
        }})),
    });
    let settings = StreamSettings {
        batch_size: 5,
        parallelization_factor: 3,
        report_batch_item_failures: true,
        bisect_batch_on_function_error: true,
        ..StreamSettings::default()
    };
    let handle = start(mapping(kinesis_source(&client), function, None, settings)).unwrap();
    for number in 0..60 {
        put(&client, &format!("key {}", number % 7), format!("{number:02}")).await;
    }
    let status = handle.wait_for(|status| status.idle && status.counts.read == 60).await;
    assert!(status.counts.errors > 0);
    assert_eq!(status.iterator_age(), Duration::ZERO);
    assert_eq!(status.shards.len(), 2);
    assert!(status.shards.values().all(|shard| matches!(shard.checkpoint, Checkpoint::After(_))));
    handle.stop().await;
    let keys = by_key(&seen);
    assert_eq!(keys.len(), 7);
    for (key, mut order) in keys {
        // A record that was reported comes again, right behind itself.
        order.dedup();
        let remainder: u32 = key.trim_start_matches("key ").parse().unwrap();
        let expected: Vec<_> =
            (0..60).filter(|number| number % 7 == remainder).map(|number| format!("{number:02}")).collect();
        assert_eq!(order, expected, "{key}");
    }
}

#[tokio::test]
async fn a_split_shard_is_read_before_its_children() {
    let client = kinesis(1).await;
    let (function, seen) = remembering(|_, _| Ok(Value::Null));
    for number in 0..10 {
        put(&client, &format!("key {number}"), "before").await;
    }
    client
        .split_shard()
        .stream_name(STREAM)
        .shard_to_split("shardId-000000000000")
        .new_starting_hash_key("170141183460469231731687303715884105728")
        .send()
        .await
        .unwrap();
    active(&client).await;
    for number in 0..10 {
        put(&client, &format!("key {number}"), "after").await;
    }
    let handle = start(mapping(kinesis_source(&client), function, None, StreamSettings::default())).unwrap();
    let status = handle.wait_for(|status| status.idle && status.counts.read == 20).await;
    handle.stop().await;
    assert_eq!(status.shards.len(), 3);
    assert!(status.shards["shardId-000000000000"].ended);
    assert!(!status.shards["shardId-000000000001"].ended);
    let keys = by_key(&seen);
    assert_eq!(keys.len(), 10);
    assert!(keys.values().all(|order| order == &["before", "after"]), "{keys:?}");
}

#[tokio::test]
async fn what_fails_for_good_is_kept_with_its_payload() {
    let client = kinesis(1).await;
    let (function, seen) = remembering(|_, records| {
        if records.iter().any(|record| data(record).contains("poison")) {
            return Err(FunctionError::unhandled("poisoned"));
        }
        Ok(Value::Null)
    });
    for number in 0..8 {
        let kind = if number == 5 { "poison" } else { "good" };
        put(&client, "key", json!({"number": number, "kind": kind}).to_string()).await;
    }
    put(&client, "key", json!({"kind": "ignored"}).to_string()).await;
    let kept = Arc::new(Kept::default());
    let settings = StreamSettings {
        bisect_batch_on_function_error: true,
        maximum_retry_attempts: 2,
        filter_criteria: FilterCriteria::parse(&[r#"{"data": {"kind": ["good", "poison"]}}"#]).unwrap(),
        ..StreamSettings::default()
    };
    let handle = start(mapping(kinesis_source(&client), function, Some(kept.clone()), settings)).unwrap();
    let status = handle.wait_for(|status| status.idle && status.counts.read == 9).await;
    handle.stop().await;
    assert_eq!(status.counts.filtered, 1);
    assert_eq!(status.counts.discarded, 1);
    let numbers: Vec<Value> = seen
        .lock()
        .unwrap()
        .iter()
        .map(|record| serde_json::from_str::<Value>(&data(record)).unwrap()["number"].take())
        .collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 6, 7]);
    let kept = kept.0.lock().unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0]["requestContext"]["condition"], "RetryAttemptsExhausted");
    assert_eq!(kept[0]["requestContext"]["approximateInvokeCount"], 3);
    assert_eq!(kept[0]["KinesisBatchInfo"]["streamArn"], STREAM_ARN);
    let payload: Value = serde_json::from_str(kept[0]["payload"].as_str().unwrap()).unwrap();
    let poison = &payload["Records"][0];
    assert!(data(poison).contains("poison"));
    assert_eq!(
        poison["eventID"].as_str().unwrap(),
        format!("shardId-000000000000:{}", poison["kinesis"]["sequenceNumber"].as_str().unwrap())
    );
    assert_eq!(poison["awsRegion"], "us-east-1");
}

#[tokio::test]
async fn latest_begins_behind_what_is_there() {
    let client = kinesis(1).await;
    put(&client, "key", "before").await;
    let (function, seen) = remembering(|_, _| Ok(Value::Null));
    let settings = StreamSettings { starting_position: StartingPosition::Latest, ..StreamSettings::default() };
    let handle = start(mapping(kinesis_source(&client), function, None, settings)).unwrap();
    // Idle means that the shard was read, from its end on.
    handle.wait_for(|status| status.idle).await;
    put(&client, "key", "after").await;
    handle.wait_for(|status| status.counts.invocations == 1).await;
    handle.stop().await;
    assert_eq!(by_key(&seen)["key"], ["after"]);
}

async fn dynamodb() -> (aws_sdk_dynamodb::Client, DynamoDbSource) {
    let (listener, url) = listener().await;
    let database = dynoxide::Database::memory().unwrap();
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    let config = sdk_config(url);
    let client = aws_sdk_dynamodb::Client::new(&config);
    let table = client
        .create_table()
        .table_name("customers")
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(
            AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S).build().unwrap(),
        )
        .key_schema(KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build().unwrap())
        .stream_specification(
            StreamSpecification::builder()
                .stream_enabled(true)
                .stream_view_type(StreamViewType::NewAndOldImages)
                .build()
                .unwrap(),
        )
        .send()
        .await
        .unwrap();
    let stream_arn = table.table_description.unwrap().latest_stream_arn.unwrap();
    let source = DynamoDbSource::new(aws_sdk_dynamodbstreams::Client::new(&config), stream_arn);
    (client, source)
}

#[tokio::test]
async fn dynamodb_changes_arrive_by_item_in_order() {
    let (client, source) = dynamodb().await;
    let (function, seen) = remembering(|number, _| {
        if number % 2 == 0 {
            return Err(FunctionError::unhandled("unlucky"));
        }
        Ok(Value::Null)
    });
    let settings = StreamSettings { batch_size: 4, parallelization_factor: 2, ..StreamSettings::default() };
    let handle = start(mapping(source, function, None, settings)).unwrap();
    for number in 0..24 {
        client
            .put_item()
            .table_name("customers")
            .item("id", AttributeValue::S(format!("c{}", number % 3)))
            .item("n", AttributeValue::N(number.to_string()))
            .send()
            .await
            .unwrap();
    }
    client.delete_item().table_name("customers").key("id", AttributeValue::S("c0".into())).send().await.unwrap();
    handle.wait_for(|status| status.idle && status.counts.read == 25).await;
    handle.stop().await;
    let seen = seen.lock().unwrap();
    for item in 0..3 {
        let id = format!("c{item}");
        let changes: Vec<_> = seen
            .iter()
            .filter(|record| record["dynamodb"]["Keys"]["id"]["S"] == json!(id))
            .map(|record| {
                let event = record["eventName"].as_str().unwrap().to_owned();
                (event, record["dynamodb"]["NewImage"]["n"]["N"].as_str().map(str::to_owned))
            })
            .collect();
        let mut expected: Vec<_> = (0..24)
            .filter(|number| number % 3 == item)
            .map(|number| {
                let event = if number < 3 { "INSERT" } else { "MODIFY" };
                (event.to_owned(), Some(number.to_string()))
            })
            .collect();
        if item == 0 {
            expected.push(("REMOVE".to_owned(), None));
        }
        assert_eq!(changes, expected, "{id}");
    }
}

#[tokio::test]
async fn dynamodb_filters_see_the_event_name() {
    let (client, source) = dynamodb().await;
    for n in ["1", "2"] {
        client
            .put_item()
            .table_name("customers")
            .item("id", AttributeValue::S("c".into()))
            .item("n", AttributeValue::N(n.into()))
            .send()
            .await
            .unwrap();
    }
    let (function, seen) = remembering(|_, _| Ok(Value::Null));
    let settings = StreamSettings {
        filter_criteria: FilterCriteria::parse(&[r#"{"eventName": ["MODIFY"]}"#]).unwrap(),
        ..StreamSettings::default()
    };
    let handle = start(mapping(source, function, None, settings)).unwrap();
    let status = handle.wait_for(|status| status.idle && status.counts.read == 2).await;
    handle.stop().await;
    assert_eq!(status.counts.filtered, 1);
    assert_eq!(seen.lock().unwrap()[0]["dynamodb"]["NewImage"]["n"]["N"], "2");
}
