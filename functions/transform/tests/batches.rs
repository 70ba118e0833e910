//! What a batch of the backbone becomes: deliveries, failures, or a report.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod memory;

use std::{sync::atomic::Ordering, time::Duration};

use memory::{Memory, batch, batch_of, change, frame, sent, start};
use serde_json::Value as Json;
use shared::{
    lane::Lanes,
    testing::{corpus::Corpus, lock},
    time::Timestamp,
};

const PIPELINE: &str = r#"
name = "contacts"
source = "customers"
destination = "crm"
action = "upsert_contact"
when = "after.consent"
on_leave = "archive"
on_delete = "archive"
[fields]
email = "after.email | lower"
"#;

/// The deliveries on the destination's queue, in order: step and e-mail address.
fn deliveries(world: &Memory) -> Vec<(String, String)> {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let told = |delivery: Json| (text(&delivery["step"]), text(&delivery["fields"]["email"]));
    sent(world).into_iter().map(told).collect()
}

const IN: &str = r#"{"id":"c-1","email":"Ada@Example.com","consent":true}"#;
const OUT: &str = r#"{"id":"c-1","email":"Ada@Example.com","consent":false}"#;

#[tokio::test]
async fn a_row_comes_leaves_comes_back_and_goes() {
    let (world, transform) = start(&[("contacts", PIPELINE)]);
    let events = [
        change(1, None, Some(OUT)),
        change(2, Some(OUT), Some(IN)),
        change(3, Some(IN), Some(OUT)),
        change(4, Some(OUT), Some(IN)),
        change(5, Some(IN), None),
        change(6, Some(OUT), None),
    ];
    let response = transform.transform(&batch(&[frame(&events)])).await.unwrap();
    assert!(response.is_done());
    let steps = [("apply", "ada@example.com"), ("archive", ""), ("apply", "ada@example.com"), ("archive", "")];
    assert_eq!(deliveries(world), steps.map(|(step, email)| (step.to_owned(), email.to_owned())));
    assert!(lock(&world.state.failures.kept).is_empty());
}

#[tokio::test]
async fn the_store_example_goes_through() {
    // events/changes/customer-comes-and-goes.json is of the example store: other fields, the same path.
    let (world, transform) = start(&[("contacts", PIPELINE)]);
    world.pipelines.set(&[("contacts", 4, &PIPELINE.replace("after.consent", "after.marketing_consent"))]);
    let event = include_bytes!("../../../events/changes/customer-comes-and-goes.json");
    assert!(transform.transform(event).await.unwrap().is_done());
    assert_eq!(
        deliveries(world),
        [("apply".to_owned(), "ada@example.com".to_owned()), ("archive".to_owned(), String::new())]
    );
}

#[test]
fn every_payload_is_named_here() {
    let corpus = Corpus::at(concat!(env!("CARGO_MANIFEST_DIR"), "/../../events"));
    assert_eq!(corpus.payloads(&["changes"]).unwrap(), ["changes/customer-comes-and-goes.json"]);
}

#[tokio::test]
async fn bad_data_becomes_a_failure_and_blocks_nothing() {
    let (world, transform) = start(&[("contacts", PIPELINE)]);
    let no_email = change(2, None, Some(r#"{"id":"c-1","emial":"a@b.example","consent":true}"#));
    let broken = frame(&[change(3, None, Some(IN))]);
    let broken = String::from_utf8(broken).unwrap().replace(r#""op":"create""#, r#""op":"made""#).into_bytes();
    let data = [b"hello".to_vec(), frame(&[no_email]), broken, frame(&[change(4, None, Some(IN))])];
    let response = transform.transform(&batch(&data)).await.unwrap();
    assert!(response.is_done());
    assert_eq!(deliveries(world).len(), 1);
    let kept = lock(&world.state.failures.kept);
    let reasons: Vec<&str> = kept.iter().map(|failure| failure.reason.as_str()).collect();
    assert_eq!(kept.len(), 3, "{reasons:?}");
    assert!(reasons[0].contains("not a frame of Freshet"), "{reasons:?}");
    assert!(reasons[1].contains("has no field `email`; did you mean `emial`?"), "{reasons:?}");
    assert_eq!((kept[1].pipeline.as_deref(), kept[1].version), (Some("contacts"), Some(3)));
    assert!(reasons[2].contains("not a change event of Freshet"), "{reasons:?}");
    assert_eq!(kept[0].payload.bytes().unwrap(), b"hello");
}

#[tokio::test]
async fn a_queue_that_refuses_reports_the_first_record_that_it_lacks() {
    let (world, transform) = start(&[("contacts", PIPELINE)]);
    world.queues["crm"].refuse.store(1_000, Ordering::SeqCst);
    tokio::time::pause();
    let data = [frame(&[change(1, None, Some(OUT))]), frame(&[change(2, None, Some(IN))])];
    let response = transform.transform(&batch(&data)).await.unwrap();
    assert_eq!(response.failed().collect::<Vec<_>>(), ["2"]);
    world.queues["crm"].refuse.store(0, Ordering::SeqCst);
    assert!(transform.transform(&batch(&data[1..])).await.unwrap().is_done());
    assert_eq!(deliveries(world).len(), 1);
}

#[tokio::test]
async fn another_count_of_lanes_waits_and_so_does_all_behind_it() {
    let (world, transform) = start(&[("contacts", PIPELINE)]);
    let other =
        String::from_utf8(frame(&[change(2, None, Some(IN))])).unwrap().replace(r#""lanes":16"#, r#""lanes":32"#);
    let data = [frame(&[change(1, None, Some(IN))]), other.into_bytes(), frame(&[change(3, None, Some(IN))])];
    let response = transform.transform(&batch(&data)).await.unwrap();
    assert_eq!(response.failed().collect::<Vec<_>>(), ["2"]);
    assert_eq!(deliveries(world).len(), 1);
}

#[tokio::test]
async fn failures_that_cannot_be_kept_are_reported() {
    let (world, transform) = start(&[("contacts", PIPELINE)]);
    world.state.failures.breaks.next(1);
    let response =
        transform.transform(&batch(&[frame(&[change(1, None, Some(OUT))]), b"hello".to_vec()])).await.unwrap();
    assert_eq!(response.failed().collect::<Vec<_>>(), ["2"]);
}

#[tokio::test]
async fn a_new_revision_is_noticed_and_an_old_one_is_not_read_again() {
    let (world, transform) = start(&[("contacts", PIPELINE)]);
    let data = batch(&[frame(&[change(1, None, Some(IN))])]);
    for _ in 0..3 {
        transform.transform(&data).await.unwrap();
        world.state.clock.advance(Duration::from_secs(3));
    }
    assert_eq!(world.pipelines.loads.load(Ordering::SeqCst), 1);
    world.pipelines.set(&[("contacts", 4, &PIPELINE.replace("| lower", "| upper"))]);
    transform.transform(&data).await.unwrap();
    assert_eq!(deliveries(world).last().unwrap().1, "ADA@EXAMPLE.COM");
}

#[tokio::test]
async fn a_pipeline_that_cannot_run_any_more_loses_nothing() {
    let (world, transform) = start(&[("contacts", PIPELINE)]);
    world.pipelines.set(&[("contacts", 3, &PIPELINE.replace("\"crm\"", "\"gone\""))]);
    assert!(transform.transform(&batch(&[frame(&[change(1, None, Some(IN))])])).await.unwrap().is_done());
    let kept = lock(&world.state.failures.kept);
    assert_eq!(kept.len(), 1);
    assert!(kept[0].reason.contains("no destination `gone`"), "{}", kept[0].reason);
}

#[tokio::test(start_paused = true)]
async fn another_count_of_lanes_than_a_queue_was_created_with_is_refused() {
    let (world, transform) = start(&[("contacts", PIPELINE)]);
    lock(&world.lane_counts.0).insert("crm.fifo".to_owned(), Lanes::new(4).unwrap());
    let error = transform.transform(&batch(&[])).await.unwrap_err();
    assert!(error.to_string().contains("crm.fifo was created with 4 lanes"), "{error}");
    lock(&world.lane_counts.0).insert("crm.fifo".to_owned(), Lanes::new(8).unwrap());
    transform.transform(&batch(&[])).await.unwrap();
    let recorded = lock(&world.lane_counts.0).clone();
    assert_eq!(recorded["changes_stream"], Lanes::new(16).unwrap());
}

/// The event that Lambda hands over for one frame that arrived at this time, in milliseconds.
fn arrived(at: i64, data: &[u8]) -> Vec<u8> {
    batch_of(Timestamp::from_millis(at), &[data.to_vec()])
}

/// The version and arrival of each delivery on the destination's queue, in order.
fn versions(world: &Memory) -> Vec<(u64, i64)> {
    let frames = world.queues["crm"].bodies();
    let frames = frames.iter().map(|body| serde_json::from_str::<Json>(body).unwrap());
    let deliveries = frames.flat_map(|frame| frame["deliveries"].as_array().unwrap().clone());
    let told = |delivery: Json| (delivery["version"].as_u64().unwrap(), delivery["arrived_at"].as_i64().unwrap());
    deliveries.map(told).collect()
}

#[tokio::test]
async fn a_version_is_chosen_by_the_arrival_also_when_a_batch_comes_again() {
    let (world, transform) = start(&[("contacts", PIPELINE)]);
    let now: i64 = 1_700_000_000_000;
    world.state.clock.advance(Duration::from_millis(now.unsigned_abs()));
    let data = frame(&[change(1, None, Some(IN))]);
    world.pipelines.publish("contacts", PIPELINE, Timestamp::from_millis(now));
    for (at, version) in [(now - 1, 3), (now, 4), (now - 1, 3), (now + 5_000, 4)] {
        assert!(transform.transform(&arrived(at, &data)).await.unwrap().is_done());
        assert_eq!(versions(world).last(), Some(&(version, at)));
    }
    // What another publication does later changes nothing of it.
    world.pipelines.publish("contacts", PIPELINE, Timestamp::from_millis(now + 10_000));
    world.state.clock.advance(Duration::from_secs(20));
    for (at, version) in [(now - 1, 3), (now, 4), (now + 9_999, 4), (now + 10_000, 5)] {
        assert!(transform.transform(&arrived(at, &data)).await.unwrap().is_done());
        assert_eq!(versions(world).last(), Some(&(version, at)));
    }
}

#[tokio::test]
async fn a_paused_pipeline_sends_nothing_that_arrives_from_then_on() {
    let (world, transform) = start(&[("contacts", PIPELINE)]);
    let now = Timestamp::from_millis(1_700_000_000_000);
    world.state.clock.advance(now.since(Timestamp::default()));
    let data = frame(&[change(1, None, Some(IN))]);
    world.pipelines.change("contacts", |pipeline| {
        pipeline.state = pipeline.state.paused(now, now, "ada", None).unwrap();
    });
    for (at, sent) in [(now.millis() - 1, 1), (now.millis(), 1), (now.millis() + 60_000, 1)] {
        assert!(transform.transform(&arrived(at, &data)).await.unwrap().is_done());
        assert_eq!(versions(world).len(), sent, "{at}");
    }
    let activity = lock(&world.state.activity.0).clone();
    assert_eq!(activity[&("transform".to_owned(), "contacts".to_owned(), "paused")], 2);
}
