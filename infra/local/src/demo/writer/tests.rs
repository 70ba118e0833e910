//! The writer against embedded services.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use aws_sdk_dynamodbstreams::types::{OperationType, ShardIteratorType as StreamIterator};
use aws_sdk_kinesis::types::ShardIteratorType;
use aws_smithy_http_client::Builder;
use aws_types::SdkConfig;
use axum::{Router, http::StatusCode, routing::post};
use shared::time::SystemClock;
use tokio::net::TcpListener;

use super::*;
use crate::demo::{
    sources,
    store::{Source, Story},
};

async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

async fn dynamodb() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
    url
}

async fn kinesis() -> String {
    let options = ferrokinesis::store::StoreOptions { create_stream_ms: 0, ..Default::default() };
    serve(ferrokinesis::create_app(options).0).await
}

fn at(url: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("key", "secret", None, None, "test")))
        .endpoint_url(url)
        .http_client(Builder::new().build_http())
        .region(Region::from_static("eu-central-1"))
        .retry_config(RetryConfig::disabled())
        .build()
}

fn writer(dynamodb: &str, kinesis: &str) -> Writer<SystemClock> {
    Writer {
        dynamodb: aws_sdk_dynamodb::Client::new(&at(dynamodb)),
        kinesis: aws_sdk_kinesis::Client::new(&at(kinesis)),
        clock: SystemClock,
    }
}

async fn write(writer: &Writer<SystemClock>, changes: Vec<Change>) -> (anyhow::Result<()>, Vec<Progress>) {
    let (progress, mut told) = mpsc::unbounded_channel();
    let (_go_on, stop) = watch::channel(false);
    let ended = writer.write(changes.into_iter(), 100_000, &progress, stop).await;
    drop(progress);
    let mut all = Vec::new();
    while let Some(one) = told.recv().await {
        all.push(one);
    }
    (ended, all)
}

/// The scalar attributes of an image; the SDK's two attribute types print alike.
fn scalars<V: std::fmt::Debug>(image: Option<&HashMap<String, V>>) -> BTreeMap<String, String> {
    let printed = image.into_iter().flatten().map(|(name, value)| (name.clone(), format!("{value:?}")));
    printed.filter(|(_, value)| ["S(", "N(", "Bool("].iter().any(|kind| value.starts_with(kind))).collect()
}

type Record = (OperationType, BTreeMap<String, String>, BTreeMap<String, String>);

async fn stream(url: &str, arn: &str) -> Vec<Record> {
    let streams = aws_sdk_dynamodbstreams::Client::new(&at(url));
    let found = streams.describe_stream().stream_arn(arn).send().await.unwrap().stream_description.unwrap();
    assert_eq!(found.stream_view_type.unwrap().as_str(), "NEW_AND_OLD_IMAGES");
    let shard = found.shards.unwrap().remove(0).shard_id.unwrap();
    let first = streams.get_shard_iterator().stream_arn(arn).shard_id(shard);
    let first = first.shard_iterator_type(StreamIterator::TrimHorizon).send().await.unwrap();
    let (mut iterator, mut records) = (first.shard_iterator, Vec::new());
    loop {
        let page = streams.get_records().set_shard_iterator(iterator).send().await.unwrap();
        if page.records().is_empty() {
            return records;
        }
        records.extend(page.records().iter().map(|record| {
            let change = record.dynamodb().unwrap();
            (record.event_name().unwrap().clone(), scalars(change.old_image()), scalars(change.new_image()))
        }));
        iterator = page.next_shard_iterator;
    }
}

#[tokio::test]
async fn every_change_is_on_its_stream_in_the_order_of_its_key() {
    let (tables, streams) = (dynamodb().await, kinesis().await);
    let writer = writer(&tables, &streams);
    let arns = sources::create(&writer.dynamodb, &writer.kinesis).await.unwrap();
    assert_eq!(
        sources::create(&writer.dynamodb, &writer.kinesis).await.unwrap(),
        arns,
        "a second time changes nothing"
    );

    let changes: Vec<_> = Story::new(4).take(800).collect();
    let (ended, progress) = write(&writer, changes.clone()).await;
    ended.unwrap();

    let by_key = |source: Source| {
        let mut keys: BTreeMap<String, Vec<Record>> = BTreeMap::new();
        for change in changes.iter().filter(|change| change.source == source) {
            let image = |row: &Option<Row>| scalars(row.as_ref().and_then(item).as_ref());
            let name = match (&change.before, &change.after) {
                (None, _) => OperationType::Insert,
                (_, Some(_)) => OperationType::Modify,
                (_, None) => OperationType::Remove,
            };
            let record = (name, image(&change.before), image(&change.after));
            keys.entry(format!("S({:?})", change.key)).or_default().push(record);
        }
        keys
    };
    for source in [Source::Customers, Source::Orders, Source::Tickets] {
        let mut found: BTreeMap<String, Vec<Record>> = BTreeMap::new();
        for record in stream(&tables, &arns[source.name()]).await {
            let key = record.1.get(source.key_attribute()).or(record.2.get(source.key_attribute())).unwrap();
            found.entry(key.clone()).or_default().push(record);
        }
        assert_eq!(found, by_key(source));
    }

    let mut views: HashMap<String, Vec<String>> = HashMap::new();
    for change in &changes {
        if let Some(Row::PageView(view)) = &change.after {
            views.entry(change.key.clone()).or_default().push(serde_json::to_string(view).unwrap());
        }
    }
    let shard = writer.kinesis.list_shards().stream_name(Source::PageViews.resource()).send().await.unwrap();
    let iterator = writer.kinesis.get_shard_iterator().stream_name(Source::PageViews.resource());
    let iterator = iterator.shard_id(shard.shards()[0].shard_id()).shard_iterator_type(ShardIteratorType::TrimHorizon);
    let iterator = iterator.send().await.unwrap().shard_iterator;
    let page = writer.kinesis.get_records().set_shard_iterator(iterator).send().await.unwrap();
    let mut found: HashMap<String, Vec<String>> = HashMap::new();
    for record in page.records() {
        let json = String::from_utf8(record.data().as_ref().to_vec()).unwrap();
        found.entry(record.partition_key().unwrap().to_owned()).or_default().push(json);
    }
    assert_eq!(found, views);

    let mut running: HashMap<(Source, String), u64> = HashMap::new();
    let mut places: HashMap<u64, (Source, String)> = HashMap::new();
    for one in &progress {
        match one {
            Progress::Begun(change, _) => {
                let place = (change.source, change.key.clone());
                assert_eq!(running.insert(place.clone(), change.number), None, "one write of a key at a time");
                places.insert(change.number, place);
            }
            Progress::Acknowledged(number, _) => assert_eq!(running.remove(&places[number]), Some(*number)),
        }
    }
    assert!(running.is_empty());
    assert_eq!(progress.len(), 1_600);
}

/// A DynamoDB that answers the first calls with this error, and then well.
async fn refusing(times: usize, code: &'static str) -> (String, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let answer = move || {
        let call = counted.fetch_add(1, Ordering::Relaxed);
        async move {
            if call < times {
                let body = format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"no"}}"#);
                (StatusCode::BAD_REQUEST, body)
            } else {
                (StatusCode::OK, "{}".to_owned())
            }
        }
    };
    (serve(Router::new().route("/", post(answer))).await, calls)
}

#[tokio::test]
async fn a_throttled_write_is_tried_again() {
    let (url, calls) = refusing(2, "ProvisionedThroughputExceededException").await;
    let (ended, progress) = write(&writer(&url, &url), Story::new(1).take(1).collect()).await;
    ended.unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 3);
    assert!(matches!(progress[..], [Progress::Begun(..), Progress::Acknowledged(0, _)]), "{progress:?}");
}

#[tokio::test]
async fn another_error_ends_the_writing_and_names_the_change() {
    let (url, calls) = refusing(usize::MAX, "ValidationException").await;
    let (ended, progress) = write(&writer(&url, &url), Story::new(1).take(1).collect()).await;
    let error = ended.unwrap_err().to_string();
    assert!(error.contains("change 0 of c-1001 (store-customers)"), "{error}");
    assert_eq!((calls.load(Ordering::Relaxed), progress.len()), (1, 1));
}

#[tokio::test]
async fn when_stopped_it_finishes_what_it_began() {
    let (url, _) = refusing(0, "").await;
    let (progress, mut told) = mpsc::unbounded_channel();
    let (stop, stopped) = watch::channel(false);
    let writer = writer(&url, &url);
    // An endless story: it ends because it is told to.
    let tables_only = Story::new(1).filter(|change| change.source != Source::PageViews);
    let writing = tokio::spawn(async move { writer.write(tables_only, 1_000, &progress, stopped).await });
    let (mut begun, mut acknowledged) = (0, 0);
    while let Some(one) = told.recv().await {
        match one {
            Progress::Begun(..) => begun += 1,
            Progress::Acknowledged(..) => acknowledged += 1,
        }
        if begun == 5 {
            stop.send_replace(true);
        }
    }
    writing.await.unwrap().unwrap();
    assert_eq!(begun, acknowledged);
}
