//! The whole path: what is written to a source stands at the vendor, digit by digit, or among the failures.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::PathBuf,
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_kinesis::primitives::Blob;
use freshet::{
    demo::sources,
    faults::Faults,
    services::Ports,
    simulator::What,
    stack::{Ground, Stack, StackConfig, variables::Variables},
};
use shared::value::Value;

fn store() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../infra/examples/store")
}

async fn start() -> Stack {
    start_with(|_| {}).await
}

/// The store's stack with other variables.
async fn start_with(change: impl FnOnce(&mut Variables)) -> Stack {
    let mut variables = Variables::read(&store().join("terraform.tfvars")).unwrap();
    change(&mut variables);
    let config = StackConfig {
        variables,
        data_dir: None,
        ports: Ports::default(),
        faults: Faults::none(),
        own_endpoints: BTreeMap::new(),
    };
    let ground = Ground::lay(config).await.unwrap();
    ground.publish(&store().join("pipelines")).await.unwrap();
    sources::create(ground.aws().dynamodb(), ground.aws().kinesis()).await.unwrap();
    ground.start().await.unwrap()
}

/// The data of the events that a destination has taken, in order, each id once; when there are so many.
async fn events(stack: &Stack, destination: &str, count: usize) -> Vec<String> {
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    // A minute is far beyond what it takes.
    for _ in 0..1_200 {
        tick.tick().await;
        let mut ids = HashSet::new();
        let received = stack.vendors()[destination].simulator.received();
        let data = received.into_iter().filter_map(|received| match received.what {
            What::Event { id, fields, .. } if ids.insert(id.clone()) => Some(Value::Object(fields).to_json()),
            _ => None,
        });
        let data: Vec<String> = data.collect();
        if data.len() >= count {
            return data;
        }
    }
    unreachable!("{count} events never came to {destination}");
}

async fn put_customer(stack: &Stack, fields: &[(&str, AttributeValue)]) {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let mut item: BTreeMap<&str, AttributeValue> = BTreeMap::from([
        ("plan", text("pro")),
        ("mrr_cents", AttributeValue::N("12900".to_owned())),
        ("logins", AttributeValue::N("1".to_owned())),
        ("updated_at", text("2026-01-01T00:00:00Z")),
        ("marketing_consent", AttributeValue::Bool(false)),
    ]);
    item.extend(fields.iter().cloned());
    let mut put = stack.ground().aws().dynamodb().put_item().table_name("store-customers");
    for (name, value) in item {
        put = put.item(name, value);
    }
    put.send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_keep_their_digits_and_oversize_rows_their_bytes() {
    let stack = start().await;
    let digits = "12345678901234567890123456789012345678";
    let id = |id: &str| ("customer_id", AttributeValue::S(id.to_owned()));
    put_customer(&stack, &[id("c-1"), ("logins", AttributeValue::N(digits.to_owned()))]).await;
    // Larger than a frame: the row travels through S3.
    let large = "x".repeat(300_000);
    put_customer(&stack, &[id("c-2"), ("country", AttributeValue::S(large.clone()))]).await;
    let data = events(&stack, "warehouse", 2).await;
    let of = |id: &str| data.iter().find(|data| data.contains(&format!(r#""customer_id":"{id}""#))).unwrap();
    assert!(of("c-1").contains(&format!(r#""logins":{digits}"#)), "{}", of("c-1"));
    assert!(of("c-2").contains(&format!(r#""country":"{large}""#)), "{} bytes", of("c-2").len());
    assert!(stack.failures().await.unwrap().is_empty());
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_record_is_a_failure_and_its_neighbours_go_through_in_order() {
    let stack = start().await;
    let kinesis = stack.ground().aws().kinesis();
    let view = |number: u32| {
        format!(r#"{{"view_id":"v-{number}","visitor_id":"a","page":"/pricing","referrer":null,"at":{number}}}"#)
    };
    for data in [view(1), "not JSON".to_owned(), view(2), "[]".to_owned(), view(3)] {
        let put = kinesis.put_record().stream_name("store-page-views").partition_key("a").data(Blob::new(data));
        put.send().await.unwrap();
    }
    let data = events(&stack, "analytics", 3).await;
    for (number, data) in (1..).zip(&data) {
        assert!(data.contains(&format!(r#""view_id":"v-{number}""#)), "{data}");
    }
    let failures = stack.failures().await.unwrap();
    assert_eq!(failures.len(), 2, "{failures:?}");
    // The raw record, whole: its data is base64 there.
    for data in ["bm90IEpTT04=", "W10="] {
        let kept = |payload: Option<Vec<u8>>| String::from_utf8(payload.unwrap()).unwrap().contains(data);
        assert!(failures.iter().any(|failure| kept(failure.payload.bytes())), "{data}: {failures:?}");
    }
    stack.stop().await;
}

/// The row is read in DynamoDB's own protocol, and its values arrive beside those of the event.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_looked_up_arrives_with_the_event() {
    let stack = start().await;
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let number = AttributeValue::N("1".to_owned());
    for (id, account) in [("t-1", Some("a-2")), ("t-2", Some("a-99")), ("t-3", None)] {
        let put = stack.ground().aws().dynamodb().put_item().table_name("store-tickets").item("ticket_id", text(id));
        let put = put.item("customer_id", text("c-1")).item("subject", text("Where?")).item("messages", number.clone());
        let put = put.item("priority", text("urgent")).item("status", text("open"));
        let account = account.map(|account| HashMap::from([("account_id".to_owned(), text(account))]));
        let put = account.into_iter().flatten().fold(put, |put, (name, value)| put.item(name, value));
        put.send().await.unwrap();
    }
    let data = events(&stack, "helpdesk", 3).await;
    let of = |id: &str| data.iter().find(|data| data.contains(&format!(r#""ticket_id":"{id}""#))).unwrap();
    let told = r#""account_plan":"business","account_owner":"kofi@store.example""#;
    assert!(of("t-1").contains(told), "{}", of("t-1"));
    for missing in ["t-2", "t-3"] {
        assert!(of(missing).contains(r#""account_plan":null,"account_owner":null"#), "{}", of(missing));
    }
    assert!(stack.failures().await.unwrap().is_empty());
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sources_filter_drops_is_not_captured() {
    let stack = start_with(|variables| {
        let views = variables.sources.get_mut("page_views").unwrap();
        views.filter = vec![r#"{"data":{"page":["/pricing"]}}"#.to_owned()];
    })
    .await;
    let kinesis = stack.ground().aws().kinesis();
    // The first is for the pipeline, and not for the mapping; they are of one key, so it would arrive first.
    for (number, page) in [(1, "/checkout"), (2, "/pricing")] {
        let view = format!(r#"{{"view_id":"v-{number}","visitor_id":"a","page":"{page}","referrer":null,"at":1}}"#);
        let put = kinesis.put_record().stream_name("store-page-views").partition_key("a").data(Blob::new(view));
        put.send().await.unwrap();
    }
    let data = events(&stack, "analytics", 1).await;
    assert!(data[0].contains(r#""view_id":"v-2""#), "{data:?}");
    assert!(stack.failures().await.unwrap().is_empty());
    stack.stop().await;
}
