//! What resumed pipelines have missed, out of the backbone: all of it, in order, whatever happens meanwhile.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod memory;

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::pin,
    sync::atomic::Ordering,
    task::Poll,
    time::Duration,
};

use serde_json::Value as Json;
use shared::{
    event::ChangeEvent,
    key::Key,
    lambda::Handle as _,
    pipeline::{state::PipelineState, timeline::Applies},
    testing::{corpus::Corpus, lock},
    time::{Clock as _, Timestamp},
};
use tokio::task::JoinHandle;
use transform::Transform;

use self::memory::{Memory, batch, batch_of, change, frame, over, start};

const PIPELINE: &str = r#"
name = "contacts"
source = "customers"
destination = "crm"
action = "upsert_contact"
when = "after.consent"
[fields]
email = "after.email | lower"
"#;

/// When the pipeline is resumed.
const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// The clock goes in such steps.
const STEP: Duration = Duration::from_millis(100);

fn after(seconds: u64) -> Timestamp {
    NOW + Duration::from_secs(seconds)
}

fn before(seconds: u64) -> Timestamp {
    NOW - Duration::from_secs(seconds)
}

/// Lets the world's clock go with the runtime's, which waits for nobody.
fn let_time_pass(world: &'static Memory) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(STEP).await;
            world.state.clock.advance(STEP);
        }
    })
}

/// A world with two shards, at [`NOW`]; the pipeline was paused ten minutes ago.
fn paused() -> (&'static Memory, Transform<&'static Memory>) {
    paused_for(600)
}

fn paused_for(seconds: u64) -> (&'static Memory, Transform<&'static Memory>) {
    let (world, transform) = start(&[("contacts", PIPELINE)]);
    world.state.clock.advance(NOW.since(Timestamp::default()));
    world.backlog.open("a", &[]);
    world.backlog.open("b", &[]);
    amend(world, |state| state.paused(before(seconds), before(seconds), "ada", None).unwrap());
    (world, transform)
}

fn amend(world: &Memory, change: impl FnOnce(&PipelineState) -> PipelineState) {
    world.pipelines.change("contacts", |pipeline| pipeline.state = change(&pipeline.state));
}

fn resume(world: &Memory) {
    amend(world, |state| state.resumed(NOW, 3).unwrap());
}

fn stands(world: &Memory) -> PipelineState {
    lock(&world.pipelines.state).1[0].state.clone()
}

/// An event of the row `key` that the pipeline sends.
fn event(key: &str, position: u32) -> ChangeEvent {
    let image = format!(r#"{{"id":"{key}","email":"{key}-{position}@example.com","consent":true}}"#);
    ChangeEvent { key: Key::single("id", key), ..change(position, None, Some(&image)) }
}

fn put(world: &Memory, shard: &str, arrived_at: Timestamp, key: &str, position: u32) {
    world.backlog.put(shard, arrived_at, frame(&[event(key, position)]));
}

/// The positions that were sent of each row, in order.
fn sent(world: &Memory) -> BTreeMap<String, Vec<u32>> {
    let mut sent: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for delivery in memory::sent(world) {
        let key = delivery["key"]["id"].as_str().unwrap().to_owned();
        sent.entry(key).or_default().push(delivery["position"].to_string().trim_matches('"').parse().unwrap());
    }
    sent
}

/// The same, without what was sent before.
fn in_effect(world: &Memory) -> BTreeMap<String, Vec<u32>> {
    let first = |positions: Vec<u32>| {
        let mut seen = BTreeSet::new();
        positions.into_iter().filter(|position| seen.insert(*position)).collect()
    };
    sent(world).into_iter().map(|(key, positions)| (key, first(positions))).collect()
}

fn rows<const N: usize>(rows: [(&str, Vec<u32>); N]) -> BTreeMap<String, Vec<u32>> {
    rows.into_iter().map(|(key, positions)| (key.to_owned(), positions)).collect()
}

/// Ticks, one a minute, until nothing is left to do.
async fn tick_to_the_end(world: &Memory, transform: &Transform<&'static Memory>) {
    let mut minute = tokio::time::interval(Duration::from_mins(1));
    for _ in 0..20 {
        minute.tick().await;
        transform.tick(world.state.clock.now() + Duration::from_mins(1)).await.unwrap();
        if stands(world).replay.is_none() {
            return;
        }
    }
    unreachable!("the replay never ended: {:?}", stands(world));
}

#[tokio::test(start_paused = true)]
async fn all_that_was_missed_is_sent_in_the_order_of_its_rows() {
    let (world, transform) = paused();
    let clock = let_time_pass(world);
    put(world, "a", before(601), "ada", 1);
    put(world, "a", before(600), "ada", 2);
    put(world, "b", before(500), "bob", 1);
    put(world, "a", before(400), "ada", 3);
    // Resharded twice: ada's row moves from `a` to `c` to `e`, and bob's from `b` to `e`.
    world.backlog.open("c", &["a"]);
    world.backlog.open("d", &["a"]);
    put(world, "c", before(300), "ada", 4);
    put(world, "d", before(299), "eve", 1);
    put(world, "b", before(250), "bob", 2);
    world.backlog.open("e", &["c", "b"]);
    put(world, "e", before(200), "bob", 3);
    put(world, "e", before(100), "ada", 5);
    resume(world);
    tick_to_the_end(world, &transform).await;
    assert_eq!(sent(world), rows([("ada", vec![2, 3, 4, 5]), ("bob", vec![1, 2, 3]), ("eve", vec![1])]));
    let state = stands(world);
    assert_eq!((state.pause, state.replay), (None, None));
    let newest = state.timeline.newest().unwrap();
    assert_eq!(newest.applies, Applies::Version(3));
    assert!(newest.from > after(20), "{newest:?}");
    assert!(world.state.kept().is_empty());
    let activity = lock(&world.state.activity.0).clone();
    assert_eq!(activity[&("transform".to_owned(), "contacts".to_owned(), "replayed")], 8);
    assert!(!activity.contains_key(&("transform".to_owned(), "customers".to_owned(), "events")), "they were counted");
    clock.abort();
}

/// Writes an event every 400 ms until the replay has ended and a little longer, and takes each through another execution
/// environment a second after it arrived, as the backbone's mapping does. Answers how many there were.
async fn live_traffic(world: &'static Memory) -> u32 {
    let live = over(world);
    let mut ended_at = None;
    let mut waiting: Vec<(Timestamp, u32)> = Vec::new();
    for position in 1_u32.. {
        tokio::time::sleep(Duration::from_millis(400)).await;
        let now = world.state.clock.now();
        if stands(world).replay.is_none() && ended_at.is_none() {
            ended_at = Some(now);
        }
        if ended_at.is_none_or(|ended_at| now.since(ended_at) < Duration::from_secs(20)) {
            put(world, "a", now, "live", position);
            waiting.push((now, position));
        } else if waiting.is_empty() {
            return position - 1;
        }
        while let Some((arrived_at, position)) = waiting.first().copied()
            && now.since(arrived_at) >= Duration::from_secs(1)
        {
            let batch = batch_of(arrived_at, &[frame(&[event("live", position)])]);
            assert!(live.transform(&batch).await.unwrap().is_done());
            waiting.remove(0);
        }
    }
    unreachable!("positions have no end");
}

/// Where the stretches that wait for others end, the last position comes with the loop's: this many were written.
fn written(world: &Memory) -> u32 {
    in_effect(world)["live"].iter().copied().max().unwrap()
}

#[tokio::test(start_paused = true)]
async fn live_events_follow_the_replayed_ones() {
    let (world, transform) = paused();
    let clock = let_time_pass(world);
    resume(world);
    let traffic = tokio::spawn(live_traffic(world));
    tick_to_the_end(world, &transform).await;
    traffic.await.unwrap();
    let positions = &sent(world)["live"];
    assert!(positions.len() > 50, "{positions:?}");
    assert_eq!(*positions, (1..=written(world)).collect::<Vec<_>>(), "each once, in order");
    clock.abort();
}

/// Runs a future for so many polls. Whether it came to its end.
async fn poll_for(polls: u32, future: impl Future<Output = ()>) -> bool {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        future.as_mut().poll(context).map(|()| true)
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_point_loses_nothing() {
    let mut crashed_after_the_switch = false;
    for polls in (0..).step_by(3) {
        let (world, transform) = paused();
        let clock = let_time_pass(world);
        for position in 1..=150 {
            put(world, "b", before(600 - u64::from(position)), "ada", position);
        }
        resume(world);
        let traffic = tokio::spawn(live_traffic(world));
        let deadline = world.state.clock.now() + Duration::from_mins(1);
        let is_done = poll_for(polls, async { transform.tick(deadline).await.unwrap() }).await;
        if !is_done {
            crashed_after_the_switch |= stands(world).replay.is_some_and(|replay| replay.until.is_some());
            // Another execution environment finds the lease, and comes again when it has ended.
            let other = over(world);
            other.tick(world.state.clock.now() + Duration::from_secs(1)).await.unwrap();
            tick_to_the_end(world, &other).await;
        }
        traffic.await.unwrap();
        let sent = in_effect(world);
        assert_eq!(sent["ada"], (1..=150).collect::<Vec<_>>(), "crashed after {polls} polls");
        let live: BTreeSet<u32> = sent["live"].iter().copied().collect();
        assert_eq!(live, (1..=written(world)).collect(), "crashed after {polls} polls");
        clock.abort();
        if is_done {
            assert!(polls > 50 && crashed_after_the_switch, "{polls}");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_done_before_the_deadline_is_done_by_the_next_invocation() {
    let (world, transform) = paused();
    let clock = let_time_pass(world);
    for position in 1..=250 {
        put(world, "a", before(600) + Duration::from_millis(u64::from(position)), "ada", position);
    }
    resume(world);
    // It begins after 10 seconds, and ends 8 before the deadline: time for one reading.
    transform.tick(after(18) + STEP * 5).await.unwrap();
    let first = sent(world)["ada"].len();
    assert!((1..250).contains(&first), "{first}");
    tick_to_the_end(world, &over(world)).await;
    assert_eq!(sent(world), rows([("ada", (1..=250).collect())]), "and nothing twice");
    clock.abort();
}

#[tokio::test(start_paused = true)]
async fn only_one_invocation_replays() {
    let (world, transform) = paused();
    let clock = let_time_pass(world);
    for position in 1..=20 {
        put(world, "a", before(100), "ada", position);
    }
    resume(world);
    let other = over(world);
    let deadline = after(60);
    let (one, two) = tokio::join!(transform.tick(deadline), other.tick(deadline + STEP));
    one.unwrap();
    two.unwrap();
    assert_eq!(stands(world).replay, None);
    assert_eq!(sent(world), rows([("ada", (1..=20).collect())]));
    clock.abort();
}

#[tokio::test(start_paused = true)]
async fn what_the_backbone_no_longer_holds_is_told() {
    let (world, transform) = paused_for(30 * 3_600);
    let clock = let_time_pass(world);
    put(world, "a", before(29 * 3_600), "ada", 1);
    put(world, "a", before(23 * 3_600), "ada", 2);
    world.backlog.trim(before(24 * 3_600));
    resume(world);
    tick_to_the_end(world, &transform).await;
    assert_eq!(sent(world), rows([("ada", vec![2])]));
    let kept = world.state.kept();
    assert_eq!(kept.len(), 1);
    // NOW is 2023-11-14T22:13:20Z; the replay began ten seconds later.
    let missed = "the pipeline missed what arrived from 2023-11-13T16:13:20.000Z until 2023-11-13T22:13:30";
    assert!(kept[0].reason.starts_with(missed), "{}", kept[0].reason);
    assert_eq!((kept[0].pipeline.as_deref(), kept[0].version), (Some("contacts"), Some(3)));
    clock.abort();
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_that_is_paused_again_is_replayed_from_the_beginning_again() {
    let (world, transform) = paused();
    let clock = let_time_pass(world);
    for position in 1..=20 {
        put(world, "a", before(100), "ada", position);
    }
    resume(world);
    let again = tokio::spawn(async move {
        // Between the switch and its effect.
        tokio::time::sleep(Duration::from_secs(15)).await;
        amend(world, |state| state.paused(after(15), after(15), "ada", None).unwrap());
    });
    transform.tick(after(60)).await.unwrap();
    again.await.unwrap();
    assert!(stands(world).pause.is_some_and(|pause| pause.replay_from == before(600)));
    assert_eq!(sent(world)["ada"].len(), 20);
    world.pipelines.publish("contacts", &PIPELINE.replace("| lower", "| upper"), after(60));
    amend(world, |state| state.resumed(world.state.clock.now(), 4).unwrap());
    tick_to_the_end(world, &transform).await;
    assert_eq!(sent(world)["ada"].len(), 40);
    let frames = lock(&world.queues["crm"].accepted).clone();
    assert!(frames.last().unwrap().body.contains("ADA-20@EXAMPLE.COM"));
    let ids: BTreeSet<&str> = frames.iter().map(|frame| frame.deduplication_id.as_str()).collect();
    assert_eq!(ids.len(), frames.len(), "SQS would drop what it has had, and deliver has discarded it");
    clock.abort();
}

#[tokio::test(start_paused = true)]
async fn others_of_the_destination_do_not_wait_behind_a_replay() {
    for (seconds_paused, sends) in [(600, false), (19 * 3_600, true)] {
        let (world, transform) = paused_for(seconds_paused);
        let clock = let_time_pass(world);
        put(world, "a", before(seconds_paused), "ada", 1);
        resume(world);
        world.queues["crm"].waiting.store(9, Ordering::SeqCst);
        transform.tick(after(60)).await.unwrap();
        assert_eq!(!sent(world).is_empty(), sends, "the backbone drops it in less than a quarter of its time");
        world.queues["crm"].waiting.store(8, Ordering::SeqCst);
        tick_to_the_end(world, &transform).await;
        assert_eq!(sent(world), rows([("ada", vec![1])]));
        clock.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_or_read_is_tried_again() {
    let (world, transform) = paused();
    let clock = let_time_pass(world);
    put(world, "a", before(100), "ada", 1);
    resume(world);
    world.queues["crm"].refuse.store(1_000, Ordering::SeqCst);
    transform.tick(after(60)).await.unwrap();
    world.queues["crm"].refuse.store(0, Ordering::SeqCst);
    world.backlog.breaks.next(1);
    transform.tick(after(120)).await.unwrap();
    world.state.failures.breaks.next(1);
    world.backlog.put("b", before(99), b"hello".to_vec());
    transform.tick(after(180)).await.unwrap();
    world.backlog.throttled.next(3);
    tick_to_the_end(world, &transform).await;
    assert_eq!(in_effect(world), rows([("ada", vec![1])]));
    assert_eq!(world.state.kept().len(), 1, "what is no frame is a failure");
    clock.abort();
}

#[tokio::test(start_paused = true)]
async fn a_version_that_cannot_run_waits_for_a_person() {
    let (world, transform) = paused();
    put(world, "a", before(100), "ada", 1);
    world.pipelines.publish("contacts", &PIPELINE.replace("\"crm\"", "\"gone\""), NOW);
    amend(world, |state| state.resumed(before(20), 4).unwrap());
    transform.tick(after(60)).await.unwrap();
    assert!(stands(world).replay.is_some());
    assert!(world.state.kept().is_empty() && sent(world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_paused_is_warned() {
    let (world, transform) = paused_for(6 * 3_600);
    let payload = Corpus::at(concat!(env!("CARGO_MANIFEST_DIR"), "/../../events")).read("schedule/every-minute.json");
    transform.handle(&payload.unwrap(), after(60)).await.unwrap();
    let lines = lock(&world.state.lines).clone();
    let line: Json = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(line["PausedShare"], 25.0, "6 hours of 24");
    // Of the two events that it gets it tells which one it is by its shape.
    assert_eq!(transform.handle(&batch(&[]), after(60)).await.unwrap(), br#"{"batchItemFailures":[]}"#);
    assert_eq!(lock(&world.state.lines).len(), 1);
    let error = transform.handle(br#"{"detail-type":"Another"}"#, after(60)).await.unwrap_err();
    assert!(error.to_string().contains("not the event of a Kinesis stream"), "{error}");
}
