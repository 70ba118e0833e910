use std::{sync::Mutex, time::Duration};

use super::*;
use crate::{
    failure::{Failure, Listed, Payload, Stage},
    testing::{ManualClock, MemoryBackbone, MemoryKeptFailures, MemoryObjects, MemoryQueues, lock},
};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const ARRIVED: Timestamp = Timestamp::from_millis(1_799_999_000_000);

/// Takes every record but those of one table.
#[derive(Debug, Default)]
struct MemoryCapture(Mutex<Vec<RawRecord>>);

impl Capturing for MemoryCapture {
    fn refusal(&self, id: &str, record: &RawRecord) -> Option<String> {
        (record.resource == "elsewhere").then(|| format!("{id} is not ours"))
    }

    async fn capture(&self, record: &RawRecord) -> Result<(), String> {
        lock(&self.0).push(record.clone());
        Ok(())
    }
}

#[derive(Debug, Default)]
struct MemoryWorld {
    failures: MemoryKeptFailures,
    objects: MemoryObjects,
    backbone: MemoryBackbone,
    queues: MemoryQueues,
    capture: MemoryCapture,
    clock: ManualClock,
}

impl World for MemoryWorld {
    type Failures = MemoryKeptFailures;
    type Objects = MemoryObjects;
    type Backbone = MemoryBackbone;
    type Queues = MemoryQueues;
    type Capture = MemoryCapture;
    type Clock = ManualClock;

    fn failures(&self) -> &MemoryKeptFailures {
        &self.failures
    }
    fn objects(&self) -> &MemoryObjects {
        &self.objects
    }
    fn backbone(&self) -> &MemoryBackbone {
        &self.backbone
    }
    fn queues(&self) -> &MemoryQueues {
        &self.queues
    }
    fn capture(&self) -> &MemoryCapture {
        &self.capture
    }
    fn clock(&self) -> &ManualClock {
        &self.clock
    }
}

fn lanes(count: u32) -> Lanes {
    Lanes::new(count).unwrap()
}

fn site() -> Site {
    Site {
        bucket: "b".to_owned(),
        changes_stream: "changes".to_owned(),
        changes_lanes: lanes(1),
        queues: [("crm".to_owned(), QueueSite { url: "queue".to_owned(), lanes: lanes(1) })].into(),
    }
}

fn delivery(position: u32) -> String {
    format!(
        r#"{{"id":"p/s/1/{position}","pipeline":"p","version":1,"source":"s","op":"update","key":{{"id":"r"}},"epoch":1,"position":"{position}","occurred_at":0,"arrived_at":{},"action":"send","step":"apply"}}"#,
        ARRIVED.millis()
    )
}

/// A number of so many digits that only its own text has them all.
fn event(position: u32) -> String {
    format!(
        r#"{{"id":"s/1/{position}","source":"s","op":"create","key":{{"id":"r"}},"after":{{"id":"r","n":12345678901234567890123456789012345678}},"occurred_at":0,"epoch":1,"position":"{position}","origin":"user"}}"#
    )
}

fn kept(id: &str, stage: Stage, payload: &str) -> Kept {
    let failure = Failure {
        id: id.to_owned(),
        stage,
        reason: "it is refused".to_owned(),
        source: Some("s".to_owned()),
        pipeline: Some("p".to_owned()),
        version: Some(1),
        destination: (stage == Stage::Deliver).then(|| "crm".to_owned()),
        key: None,
        request: None,
        answer: None,
        payload: Payload::of(payload.as_bytes()),
        at: ARRIVED,
    };
    let listed = Listed {
        id: id.to_owned(),
        stage,
        standing: Standing::Open,
        reason: failure.reason.clone(),
        pipeline: failure.pipeline.clone(),
        destination: failure.destination.clone(),
        times: 1,
        first_at: ARRIVED,
        last_at: ARRIVED,
    };
    Kept { failure, listed, redrives: 0, redriven_at: None, closed_at: None, discarded: None }
}

fn world(kept: Vec<Kept>) -> MemoryWorld {
    let world = MemoryWorld { clock: ManualClock::at(NOW.millis()), ..MemoryWorld::default() };
    *lock(&world.failures.kept) = kept;
    world
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[tokio::test]
async fn each_goes_where_it_failed_in_the_order_of_the_changes_and_is_marked() {
    let record = |table: &str| {
        format!(r#"{{"eventSource":"aws:dynamodb","eventSourceARN":"arn:aws:dynamodb:r:1:table/{table}/stream/1"}}"#)
    };
    let world = world(vec![
        kept("later", Stage::Deliver, &delivery(7)),
        kept("earlier", Stage::Deliver, &delivery(5)),
        kept("event", Stage::Transform, &event(6)),
        kept("row", Stage::Capture, &record("rows")),
        kept("foreign", Stage::Capture, &record("elsewhere")),
    ]);
    let asked = ids(&["later", "earlier", "later", "event", "row", "foreign", "none"]);
    let report = redrive(&world, &site(), &asked).await.unwrap();

    let place = |id: &str, place: &str| (id.to_owned(), place.to_owned());
    let queue = "onto the queue of crm";
    let sent = [
        place("earlier", queue),
        place("later", queue),
        place("event", "onto the backbone"),
        place("row", "through capture"),
    ];
    assert_eq!(report.redriven, sent);
    assert_eq!(report.left_alone, [place("foreign", "foreign is not ours"), place("none", UNKNOWN)]);
    let bodies = world.queues.queue("queue").bodies();
    let positions: Vec<_> = ["\"position\":\"5\"", "\"position\":\"7\""].map(|part| bodies[0].find(part)).into();
    assert!(bodies.len() == 1 && positions[0] < positions[1] && positions[0].is_some(), "{bodies:?}");
    assert_eq!(bodies[0].matches(r#""redriven":true"#).count(), 2, "their ends are written to their failures");
    assert!(world.backbone.sent.bodies()[0].contains("\"n\":12345678901234567890123456789012345678"));
    assert_eq!(lock(&world.capture.0).len(), 1);
    for failure in lock(&world.failures.kept).iter() {
        let is_foreign = failure.listed.id == "foreign";
        let expected = if is_foreign { (Standing::Open, None) } else { (Standing::Redriven, Some(NOW)) };
        assert_eq!((failure.listed.standing, failure.redriven_at), expected, "{}", failure.listed.id);
    }
}

#[tokio::test]
async fn who_asks_twice_at_once_sends_the_same_message_twice_and_a_queue_takes_it_once() {
    let world = world(vec![kept("f", Stage::Deliver, &delivery(5))]);
    let (asked, site) = (ids(&["f"]), site());
    let (one, other) = tokio::join!(redrive(&world, &site, &asked), redrive(&world, &site, &asked));
    let (one, other) = (one.unwrap(), other.unwrap());
    let queue = world.queues.queue("queue");
    let sent: Vec<_> = lock(&queue.accepted).iter().map(|frame| frame.deduplication_id.clone()).collect();
    assert_eq!(sent.len(), 2, "both have read it as open");
    assert_eq!(sent[0], sent[1], "SQS drops the second");
    assert_eq!(one.redriven.len() + other.redriven.len(), 1, "{one} {other}");
    let third = redrive(&world, &site, &asked).await.unwrap();
    assert_eq!(third.left_alone, [("f".to_owned(), "it is redriven already".to_owned())]);
    assert_eq!(lock(&queue.accepted).len(), 2);
}

#[tokio::test]
async fn what_arrives_before_it_can_be_marked_was_sent_again_all_the_same() {
    let read = kept("f", Stage::Deliver, &delivery(5));
    for (standing, is_said) in [
        (Standing::Delivered, true),
        (Standing::Superseded, true),
        (Standing::Open, false),
        (Standing::Discarded, false),
    ] {
        let mut met = read.clone();
        met.listed.standing = standing;
        met.listed.times += u64::from(standing == Standing::Open);
        let world = world(vec![met]);
        let mut report = Report::default();
        mark(&world, vec![read.clone()], Ok(()), "onto a queue", &mut report).await.unwrap();
        assert_eq!(report.redriven.len(), usize::from(is_said), "{standing:?}");
        let kept = &lock(&world.failures.kept)[0];
        assert_eq!((kept.listed.standing, kept.redriven_at), (standing, is_said.then_some(NOW)));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_accepted_stays_open() {
    let world = world(vec![kept("f", Stage::Deliver, &delivery(5))]);
    let queue = world.queues.queue("queue");
    queue.refuse.store(1_000, std::sync::atomic::Ordering::SeqCst);
    let report = redrive(&world, &site(), &ids(&["f"])).await.unwrap();
    let (_, why) = &report.left_alone[0];
    assert!(why.ends_with("refused by the test; it stays open, so try again"), "{why}");
    assert_eq!(lock(&world.failures.kept)[0].listed.standing, Standing::Open);
}

fn framed(events: &[String]) -> Vec<u8> {
    format!(r#"{{"lane":0,"lanes":1,"events":[{}]}}"#, events.join(",")).into_bytes()
}

#[tokio::test(start_paused = true)]
async fn a_refused_delivery_goes_through_the_newest_version_by_its_change() {
    let world = world(vec![kept("p/s/1/5", Stage::Deliver, &delivery(5))]);
    let backlog = &world.backbone.backlog;
    for shard in ["a", "b"] {
        backlog.open(shard, &[]);
        backlog.put(shard, ARRIVED - Duration::from_hours(1), framed(&[event(1)]));
    }
    backlog.put("b", ARRIVED, b"no frame".to_vec());
    backlog.put("b", ARRIVED, framed(&[event(4), event(5)]));
    backlog.put("b", ARRIVED + Duration::from_hours(1), framed(&[event(9)]));
    backlog.throttled.next(1);
    let report = redrive_newest(&world, &site(), "p/s/1/5").await.unwrap().unwrap();
    assert_eq!(report.redriven, [("p/s/1/5".to_owned(), "onto the backbone".to_owned())]);
    let expected = String::from_utf8(framed(&[event(5)])).unwrap();
    assert_eq!(world.backbone.sent.bodies(), [expected], "byte for byte, and alone");
    let again = redrive_newest(&world, &site(), "p/s/1/5").await.unwrap().unwrap();
    assert_eq!(again.left_alone[0].1, "it is redriven already");
}

#[tokio::test]
async fn what_the_backbone_has_dropped_is_said_to_be_gone() {
    let world = world(vec![
        kept("p/s/1/5", Stage::Deliver, &delivery(5)),
        kept("event", Stage::Transform, &event(6)),
        kept("old", Stage::Deliver, &delivery(5).replace(&format!(r#""arrived_at":{},"#, ARRIVED.millis()), "")),
    ]);
    world.backbone.backlog.open("a", &[]);
    world.backbone.backlog.put("a", ARRIVED, framed(&[event(5)]));
    world.backbone.backlog.trim(ARRIVED + Duration::from_secs(1));
    for (id, gone) in [("p/s/1/5", NoNewest::Gone), ("event", NoNewest::NoDelivery), ("old", NoNewest::Gone)] {
        assert_eq!(redrive_newest(&world, &site(), id).await.unwrap(), Err(gone), "{id}");
    }
    let all = redrive_all_newest(&world, &site(), &ids(&["p/s/1/5", "event", "none"])).await.unwrap();
    let why = |gone: NoNewest| gone.to_string();
    let whys: Vec<_> = all.left_alone.into_iter().map(|(_, why)| why).collect();
    assert_eq!(whys, [why(NoNewest::Gone), why(NoNewest::NoDelivery), UNKNOWN.to_owned()]);
    assert!(world.backbone.sent.bodies().is_empty());
    assert!(lock(&world.failures.kept).iter().all(|kept| kept.listed.standing == Standing::Open));
}

#[tokio::test]
async fn what_a_queue_would_drop_is_not_sent() {
    let world = world(vec![kept("p/s/1/5", Stage::Deliver, &delivery(5))]);
    let backlog = &world.backbone.backlog;
    backlog.open("a", &[]);
    backlog.put("a", ARRIVED, framed(&[event(5)]));
    lock(&world.failures.kept)[0].listed.last_at = NOW - Duration::from_mins(4);
    let until = NOW + Duration::from_mins(1);
    let soon = redrive_newest(&world, &site(), "p/s/1/5").await.unwrap();
    assert_eq!(soon, Err(NoNewest::TooSoon(until)));
    world.clock.advance(Duration::from_mins(1));
    assert!(redrive_newest(&world, &site(), "p/s/1/5").await.unwrap().unwrap().is_whole());
}
