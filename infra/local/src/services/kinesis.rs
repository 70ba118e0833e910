//! Kinesis: the crate `ferrokinesis`, in memory, with injected throttling before it.
//!
//! Differences from AWS: arrival times have whole seconds, where AWS has milliseconds, and a `PutRecords` has at most
//! 5 MiB.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use ferrokinesis::create_app;
use ferrokinesis::store::StoreOptions;
use hyper_util::service::TowerToHyperService;
use tokio::sync::RwLock;

use super::running::{Running, bind};
use super::{ACCOUNT, Error, REGION, throttle};
use crate::faults::{FaultKind, Faults};

/// The 10 MiB that a `PutRecords` may have, in base64, with room for keys. The crate's own limit is 2 MB.
pub(super) const MAXIMUM_BODY: usize = 16 * 1024 * 1024;

/// More than anybody starts on one machine. The crate's own limit is 10.
const SHARD_LIMIT: u32 = 10_000;

/// Starts Kinesis on `port`, or on a free one. Streams live in memory; a new one is active within milliseconds, but not
/// before the answer to its creation, as on AWS.
pub async fn start(port: Option<u16>, faults: Faults) -> Result<Running, Error> {
    let listener = bind("Kinesis", port).await?;
    let (app, _store) = create_app(StoreOptions {
        create_stream_ms: 0,
        delete_stream_ms: 0,
        update_stream_ms: 0,
        shard_limit: SHARD_LIMIT,
        aws_account_id: ACCOUNT.to_owned(),
        aws_region: REGION.to_owned(),
        ..StoreOptions::default()
    });
    let app = app.layer(DefaultBodyLimit::max(MAXIMUM_BODY));
    let app = app.layer(middleware::from_fn_with_state(Arc::default(), no_gaps));
    // Without faults no request is read twice.
    let app = if faults.rates().of(FaultKind::PutRecords) > 0.0 {
        app.layer(middleware::from_fn_with_state(faults, throttle::kinesis))
    } else {
        app
    };
    Running::serve(listener, TowerToHyperService::new(app))
}

/// Lets no read run beside a write. The crate gives out a sequence number first and stores the record after, so a read in
/// between would pass a number by that is stored later, and its reader would never see it.
async fn no_gaps(State(lock): State<Arc<RwLock<()>>>, request: Request, next: Next) -> Response {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    if target.ends_with(".GetRecords") {
        let _alone = lock.write().await;
        next.run(request).await
    } else {
        let _beside_other_writes = lock.read().await;
        next.run(request).await
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aws_sdk_kinesis::Client;
    use aws_sdk_kinesis::error::ProvideErrorMetadata;
    use aws_sdk_kinesis::primitives::Blob;
    use aws_sdk_kinesis::types::{PutRecordsRequestEntry, Record, ShardIteratorType, StreamStatus};

    use super::*;
    use crate::services::testing::Clients;

    async fn create(client: &Client, shards: i32) {
        client.create_stream().stream_name("changes").shard_count(shards).send().await.unwrap();
        loop {
            let stream = client.describe_stream_summary().stream_name("changes").send().await.unwrap();
            if stream.stream_description_summary.unwrap().stream_status == StreamStatus::Active {
                return;
            }
        }
    }

    fn entry(key: &str, data: impl Into<Vec<u8>>) -> PutRecordsRequestEntry {
        PutRecordsRequestEntry::builder().partition_key(key).data(Blob::new(data)).build().unwrap()
    }

    async fn records(client: &Client) -> Vec<Record> {
        let mut records = Vec::new();
        let shards = client.list_shards().stream_name("changes").send().await.unwrap();
        for shard in shards.shards() {
            let iterator = client.get_shard_iterator().stream_name("changes").shard_id(shard.shard_id());
            let iterator = iterator.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await.unwrap();
            let mut next = iterator.shard_iterator;
            while let Some(iterator) = next {
                let page = client.get_records().shard_iterator(iterator).send().await.unwrap();
                // An open shard has an iterator forever: an empty page is its end.
                next = page.next_shard_iterator.filter(|_| !page.records.is_empty());
                records.extend(page.records);
            }
        }
        records
    }

    #[tokio::test]
    async fn records_of_a_key_are_read_in_the_order_of_their_puts() {
        let running = start(None, Faults::none()).await.unwrap();
        let client = Clients::of(&running).kinesis;
        create(&client, 4).await;
        for round in 0..5 {
            let entries = (0..8).map(|key| entry(&format!("k{key}"), format!("{round}")));
            let put = client.put_records().stream_name("changes").set_records(Some(entries.collect()));
            let output = put.send().await.unwrap();
            assert_eq!((output.failed_record_count, output.records.len()), (Some(0), 8));
        }
        let mut by_key = BTreeMap::<String, Vec<u8>>::new();
        for record in records(&client).await {
            by_key.entry(record.partition_key.unwrap()).or_default().extend(record.data.into_inner());
        }
        assert_eq!(by_key.len(), 8);
        assert!(by_key.values().all(|rounds| rounds == b"01234"), "{by_key:?}");
    }

    #[tokio::test]
    async fn a_large_batch_and_many_shards_fit() {
        let running = start(None, Faults::none()).await.unwrap();
        let client = Clients::of(&running).kinesis;
        create(&client, 32).await;
        let entries = (0..5).map(|key| entry(&format!("k{key}"), vec![key; 900_000]));
        let put = client.put_records().stream_name("changes").set_records(Some(entries.collect()));
        assert_eq!(put.send().await.unwrap().failed_record_count, Some(0));
        let mut sizes: Vec<_> = records(&client)
            .await
            .into_iter()
            .map(|record| (record.data.as_ref()[0], record.data.as_ref().len()))
            .collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [0, 1, 2, 3, 4].map(|key| (key, 900_000)));
    }

    #[tokio::test]
    async fn throttled_records_are_reported_in_their_place_and_not_stored() {
        let running = start(None, Faults::parse("put-records=0.3", 42).unwrap()).await.unwrap();
        let client = Clients::of(&running).kinesis;
        create(&client, 1).await;
        let (mut accepted, mut throttled) = (Vec::new(), 0);
        for call in 0..20 {
            let names: Vec<_> = (0..10).map(|place| format!("{call}/{place}")).collect();
            let entries = names.iter().map(|name| entry(name, name.as_bytes()));
            let put = client.put_records().stream_name("changes").set_records(Some(entries.collect()));
            let output = put.send().await.unwrap();
            assert_eq!(output.records.len(), 10);
            let mut failed = 0;
            for (name, result) in names.into_iter().zip(output.records) {
                if let Some(code) = result.error_code {
                    failed += 1;
                    assert_eq!(code, "ProvisionedThroughputExceededException");
                    assert!(result.error_message.unwrap().contains("Rate exceeded"));
                    assert_eq!((result.sequence_number, result.shard_id), (None, None));
                } else {
                    accepted.push((name, result.sequence_number.unwrap()));
                }
            }
            assert_eq!(output.failed_record_count, Some(failed));
            throttled += failed;
        }
        // 200 draws at 0.3: four standard deviations (26) on both sides of 60.
        assert!((34..=86).contains(&throttled), "{throttled}");
        let stored = records(&client).await.into_iter();
        let stored: Vec<_> = stored
            .map(|record| (String::from_utf8(record.data.into_inner()).unwrap(), record.sequence_number))
            .collect();
        assert_eq!(stored, accepted, "what was accepted, in order, and nothing else");
    }

    #[tokio::test]
    async fn a_call_of_which_every_record_is_throttled_stores_nothing() {
        let running = start(None, Faults::parse("put-records=1", 1).unwrap()).await.unwrap();
        let client = Clients::of(&running).kinesis;
        create(&client, 1).await;
        let put = client.put_records().stream_name("changes").records(entry("a", "1")).records(entry("b", "2"));
        assert_eq!(put.send().await.unwrap().failed_record_count, Some(2));
        let alone = client.put_record().stream_name("changes").partition_key("a").data(Blob::new("1"));
        let error = alone.send().await.unwrap_err().into_service_error();
        assert!(error.is_provisioned_throughput_exceeded_exception(), "{error:?}");
        assert!(error.message().unwrap().contains("Rate exceeded"));
        assert!(records(&client).await.is_empty());
    }

    #[tokio::test]
    async fn throttling_leaves_the_errors_of_the_service_alone() {
        let running = start(None, Faults::parse("put-records=0.000001", 1).unwrap()).await.unwrap();
        let client = Clients::of(&running).kinesis;
        let put = client.put_records().stream_name("missing").records(entry("a", "1"));
        let error = put.send().await.unwrap_err().into_service_error();
        assert!(error.is_resource_not_found_exception(), "{error:?}");
    }
}
