//! What is queued of a paused pipeline is left to the replay, or kept as a failure; nothing of it is sent.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod memory;

use std::time::Duration;

use shared::{
    delivery::Delivery,
    testing::{ScriptedHttp, lock},
    time::Timestamp,
};

use self::memory::{Memory, NOW, PACE, deadline, event, handler, messages, payload};

const SETTINGS: &str = r#"{"url":"https://hooks.example/x"}"#;

fn now() -> Timestamp {
    Timestamp::from_millis(NOW)
}

/// A world with the pipelines `contacts` and `others`, of which the first is paused.
fn paused() -> &'static Memory<ScriptedHttp> {
    let world: &'static Memory<ScriptedHttp> = Box::leak(Box::new(Memory::new(ScriptedHttp::default())));
    world.pipelines.set(&[("contacts", 1, ""), ("others", 1, "")]);
    world.pipelines.change("contacts", |pipeline| {
        pipeline.state = pipeline.state.paused(now(), now(), "ada", None).unwrap();
    });
    world
}

fn replay_from(world: &Memory<ScriptedHttp>) -> Timestamp {
    lock(&world.pipelines.state).1[0].state.pause.as_ref().unwrap().replay_from
}

fn of_others(key: &str, position: u32) -> Delivery {
    let id = format!("others/customers/1/{position}");
    Delivery { id, pipeline: "others".into(), ..event(key, position, "x") }
}

#[tokio::test]
async fn what_is_queued_is_not_sent_and_the_replay_begins_with_it() {
    let world = paused();
    let deliver = handler("webhook", SETTINGS, world);
    let arrived = |seconds: u64, delivery| Delivery { arrived_at: now() - Duration::from_secs(seconds), ..delivery };
    let batches = [
        vec![arrived(60, event("a", 1, "x")), arrived(30, event("a", 2, "x"))],
        vec![arrived(45, event("b", 3, "x"))],
        vec![of_others("c", 4)],
    ];
    let response = deliver.deliver(&payload(&messages(&batches)), deadline()).await.unwrap();
    assert!(response.is_done(), "{response:?}");
    assert_eq!(lock(&world.http.requests).len(), 1, "the other pipeline is undisturbed");
    assert_eq!(replay_from(world), now() - Duration::from_mins(1));
    assert!(lock(&world.state.failures.kept).is_empty());
    // What arrived later changes nothing.
    let later = [vec![arrived(50, event("d", 5, "x"))]];
    assert!(deliver.deliver(&payload(&messages(&later)), deadline()).await.unwrap().is_done());
    assert_eq!(replay_from(world), now() - Duration::from_mins(1));
}

#[tokio::test]
async fn what_the_backbone_may_not_hold_is_a_failure() {
    let world = paused();
    let deliver = handler("webhook", SETTINGS, world);
    let old = Delivery { arrived_at: now() - PACE.retention / 2, ..event("a", 1, "x") };
    let redriven = Delivery { redriven: true, ..event("b", 2, "x") };
    let response = deliver.deliver(&payload(&messages(&[vec![old], vec![redriven]])), deadline()).await.unwrap();
    assert!(response.is_done());
    let kept = lock(&world.state.failures.kept);
    assert_eq!(kept.len(), 2);
    assert!(kept.iter().all(|failure| failure.reason.contains("its pipeline is paused")), "{kept:?}");
    assert!(lock(&world.http.requests).is_empty());
    assert_eq!(replay_from(world), now(), "the replay does not go so far back");
}

#[tokio::test]
async fn one_that_has_been_resumed_meanwhile_is_sent() {
    let world = paused();
    let deliver = handler("webhook", SETTINGS, world);
    let first = Delivery { arrived_at: now() - Duration::from_secs(5), ..event("a", 1, "x") };
    assert!(deliver.deliver(&payload(&messages(&[vec![first]])), deadline()).await.unwrap().is_done());
    world.pipelines.change("contacts", |pipeline| {
        pipeline.state = pipeline.state.resumed(now(), 1).unwrap();
    });
    // The function believes for two seconds what it has read; but what it would have to write down is refused.
    let second = Delivery { arrived_at: now() - Duration::from_secs(9), ..event("b", 2, "x") };
    assert!(deliver.deliver(&payload(&messages(&[vec![second]])), deadline()).await.unwrap().is_done());
    assert_eq!(lock(&world.http.requests).len(), 1);
}
