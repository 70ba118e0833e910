//! A source's rows that are no longer as a pipeline knew them: told, held or failed, as the pipeline says.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod memory;

use std::{sync::atomic::Ordering, time::Duration};

use memory::{Memory, batch, batch_of, change, frame, over, sent, start};
use shared::{
    batch::BatchResponse,
    event::ChangeEvent,
    pipeline::timeline::Applies,
    schema::{EARLY, Kind, Schema},
    testing::lock,
    time::Timestamp,
};
use transform::Transform;

/// When the first events arrive, and the clock's first time.
const BEGIN: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn at(seconds: u64) -> Timestamp {
    BEGIN + Duration::from_secs(seconds)
}

fn pipeline(name: &str, on_drift: &str) -> String {
    format!(
        "name = \"{name}\"\nsource = \"customers\"\ndestination = \"crm\"\naction = \"upsert_contact\"\n\
         on_drift = \"{on_drift}\"\nwhen = \"after.consent\"\n[fields]\nemail = \"after.email\"\n\
         lastname = \"after.plan | default('-') | string\"\n"
    )
}

/// A world with one such pipeline, `drifting`, and `calm`, which reads the e-mail address alone.
fn world(on_drift: &str) -> (&'static Memory, Transform<&'static Memory>) {
    let calm = pipeline("calm", "hold").replace("after.plan | default('-') | string", "after.email");
    let (world, transform) = start(&[("drifting", &pipeline("drifting", on_drift)), ("calm", &calm)]);
    world.state.clock.advance(BEGIN.since(Timestamp::default()));
    (world, transform)
}

fn row(position: u32, plan: &str) -> ChangeEvent {
    let row = format!(r#"{{"id":"c-1","email":"{position}@b.example","consent":true{plan}}}"#);
    change(position, None, Some(&row))
}

const TEXT: &str = r#","plan":"pro""#;
const NUMBER: &str = r#","plan":7"#;
const NULL: &str = r#","plan":null"#;
const ABSENT: &str = "";

/// Transforms rows, numbered from `first` on, that arrive together.
async fn arrive(transform: &Transform<&'static Memory>, when: Timestamp, first: u32, plans: &[&str]) -> BatchResponse {
    let events: Vec<_> = (first..).zip(plans).map(|(position, plan)| row(position, plan)).collect();
    transform.transform(&batch_of(when, &[frame(&events)])).await.unwrap()
}

/// A world that has seen enough rows with a text as plan to know them.
async fn settled(on_drift: &str) -> (&'static Memory, Transform<&'static Memory>) {
    let (world, transform) = world(on_drift);
    for second in 0..EARLY / 2 {
        let first = u32::try_from(second * 2).unwrap() + 1;
        assert!(arrive(&transform, at(second), first, &[TEXT, TEXT]).await.is_done());
    }
    assert_eq!((went(world, "drifting").len(), went(world, "calm").len()), (20, 20));
    (world, transform)
}

fn went(world: &Memory, pipeline: &str) -> Vec<u64> {
    let of_it = sent(world).into_iter().filter(|delivery| delivery["pipeline"] == pipeline);
    of_it.map(|delivery| delivery["position"].as_str().unwrap().parse().unwrap()).collect()
}

fn counter(world: &Memory, pipeline: &str, counter: &str) -> u64 {
    let counts = lock(&world.state.activity.0);
    counts.iter().filter(|((_, subject, other), _)| subject == pipeline && *other == counter).map(|(_, n)| n).sum()
}

fn schema(world: &Memory) -> Schema {
    lock(&world.schemas.schemas)["customers"].1.clone()
}

#[tokio::test]
async fn what_is_known_is_written_when_it_is_news_and_now_and_then() {
    let (world, transform) = world("warn");
    let writes = || world.schemas.writes.load(Ordering::SeqCst);
    arrive(&transform, at(0), 1, &[TEXT]).await;
    assert_eq!(writes(), 1);
    let fields: Vec<_> = schema(world).fields.into_keys().collect();
    assert_eq!(fields, ["consent", "email", "id", "plan"]);
    // Nothing is new for ten minutes.
    for second in 1..60 {
        world.state.clock.advance(Duration::from_secs(10));
        arrive(&transform, at(second * 10), u32::try_from(second).unwrap() + 1, &[TEXT]).await;
    }
    assert_eq!(writes(), 1);
    world.state.clock.advance(Duration::from_secs(10));
    arrive(&transform, at(600), 100, &[TEXT]).await;
    assert_eq!(writes(), 2);
    let known = schema(world);
    assert_eq!((known.events.unwrap().count, known.rows.unwrap().count), (61, 61));
    assert_eq!((known.events.unwrap().first, known.events.unwrap().last), (at(0), at(600)));
    // A delete has no row to learn from, and counts.
    let delete = change(101, Some(r#"{"id":"c-1","other":1}"#), None);
    transform.transform(&batch(&[frame(&[delete])])).await.unwrap();
    world.state.clock.advance(Duration::from_mins(10));
    arrive(&transform, at(1_200), 102, &[TEXT]).await;
    let known = schema(world);
    assert_eq!((known.events.unwrap().count, known.rows.unwrap().count), (63, 62));
    assert!(!known.fields.contains_key("other"));
}

#[tokio::test]
async fn what_two_environments_learn_comes_together() {
    let (world, one) = world("warn");
    let other = over(world);
    arrive(&one, at(0), 1, &[TEXT]).await;
    arrive(&other, at(1), 2, &[NUMBER]).await;
    // The first one's next news meets what the other has written.
    arrive(&one, at(2), 3, &[NULL]).await;
    let kinds: Vec<Kind> = schema(world).fields["plan"].kinds.keys().copied().collect();
    assert_eq!(kinds, [Kind::Text, Kind::Number, Kind::Null]);
    assert_eq!(schema(world).rows.unwrap().count, 3);
}

#[tokio::test]
async fn a_store_that_cannot_be_read_keeps_nobody_waiting_for_long() {
    let (world, transform) = world("warn");
    world.schemas.breaks.next(1);
    assert!(!arrive(&transform, at(0), 1, &[TEXT]).await.is_done(), "nobody could tell what drifts");
    assert!(sent(world).is_empty());
    assert!(arrive(&transform, at(0), 1, &[TEXT]).await.is_done());
    world.state.clock.advance(Duration::from_mins(2));
    world.schemas.breaks.next(1);
    assert!(arrive(&transform, at(120), 2, &[TEXT]).await.is_done(), "what was known before is believed on");
    assert!(arrive(&transform, at(121), 3, &[TEXT]).await.is_done(), "it is read again");
    // A write that fails waits for the next batch.
    world.schemas.breaks.next(1);
    assert!(arrive(&transform, at(122), 4, &[NULL]).await.is_done());
    assert!(!schema(world).fields["plan"].kinds.contains_key(&Kind::Null));
    assert!(arrive(&transform, at(123), 5, &[TEXT]).await.is_done());
    assert!(schema(world).fields["plan"].kinds.contains_key(&Kind::Null));
    assert_eq!(went(world, "drifting"), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn warn_delivers_and_tells_once() {
    let (world, transform) = settled("warn").await;
    for (second, plan) in [(100, NUMBER), (101, NUMBER), (102, TEXT), (103, ABSENT), (104, ABSENT)] {
        assert!(arrive(&transform, at(second), u32::try_from(second).unwrap(), &[plan]).await.is_done());
    }
    assert_eq!(went(world, "drifting")[20..], [100, 101, 102, 103, 104]);
    assert_eq!(counter(world, "drifting", "drifted"), 2);
    assert_eq!((counter(world, "drifting", "failed"), counter(world, "calm", "drifted")), (0, 0));
    let notices = schema(world).notices;
    let told: Vec<_> = notices.iter().map(|notice| (notice.at, notice.version, notice.drift.to_string())).collect();
    assert_eq!(
        told,
        [
            (at(100), 3, "the field `plan` is a number, which it was not".to_owned()),
            (at(103), 3, "rows lack the field `plan`, which they had".to_owned()),
        ]
    );
    // Another environment has read that it was told.
    assert!(arrive(&over(world), at(105), 105, &[NUMBER]).await.is_done());
    assert_eq!(counter(world, "drifting", "drifted"), 2);
}

#[tokio::test]
async fn fail_keeps_such_events_until_a_version_accepts_them() {
    let (world, transform) = settled("fail").await;
    assert!(arrive(&transform, at(100), 100, &[TEXT, NUMBER, TEXT]).await.is_done());
    assert_eq!(went(world, "drifting")[20..], [100, 102]);
    assert_eq!(went(world, "calm")[20..], [100, 101, 102]);
    {
        let kept = lock(&world.state.failures.kept);
        let [failure] = kept.as_slice() else { unreachable!("{} failures", kept.len()) };
        assert!(
            failure.reason.starts_with("the source has drifted: the field `plan` is a number"),
            "{}",
            failure.reason
        );
        assert_eq!((failure.pipeline.as_deref(), failure.version), (Some("drifting"), Some(3)));
    }
    assert!(arrive(&transform, at(101), 110, &[NUMBER]).await.is_done());
    assert_eq!(lock(&world.state.failures.kept).len(), 2, "each of them");
    assert_eq!(counter(world, "drifting", "drifted"), 1, "told once");
    // Who publishes has seen what the rows are now.
    world.pipelines.publish("drifting", &pipeline("drifting", "fail"), at(110));
    world.state.clock.advance(Duration::from_secs(110));
    assert!(arrive(&transform, at(111), 120, &[NUMBER]).await.is_done());
    assert_eq!(went(world, "drifting")[22..], [120]);
}

#[tokio::test]
async fn hold_pauses_before_the_first_such_event_and_loses_none() {
    let (world, transform) = settled("hold").await;
    assert!(arrive(&transform, at(100), 100, &[TEXT]).await.is_done());
    let state = || lock(&world.pipelines.state).1[0].state.clone();
    let frames = [frame(&[row(101, NUMBER)]), frame(&[row(102, TEXT)])];
    assert!(transform.transform(&batch_of(at(101), &frames)).await.unwrap().is_done());
    assert_eq!(went(world, "drifting")[20..], [100], "what came before it");
    assert_eq!(went(world, "calm")[20..], [100, 101, 102], "others are not concerned");
    assert!(lock(&world.state.failures.kept).is_empty());
    let held = state();
    let pause = held.pause.clone().unwrap();
    assert_eq!((pause.replay_from, pause.by.as_str()), (at(101), "freshet"));
    assert_eq!(pause.reason.as_deref(), Some("the source has drifted: the field `plan` is a number, which it was not"));
    assert_eq!(held.timeline.at(at(101)), Some(Applies::Paused));
    assert_eq!(counter(world, "drifting", "drifted"), 1);
    // The same batch again, as after a crash, in another environment: nothing is sent, and nobody is told again.
    assert!(over(world).transform(&batch_of(at(101), &frames)).await.unwrap().is_done());
    assert_eq!(went(world, "drifting")[20..], [100]);
    assert_eq!((counter(world, "drifting", "drifted"), state().pause), (1, held.pause));
    // Resumed: what is known by then is accepted, and the replay is to send from the pause on.
    world.pipelines.change("drifting", |stored| {
        let resumed = stored.state.resumed(at(200), 3).unwrap();
        assert_eq!(resumed.replay.as_ref().unwrap().from, at(101));
        stored.state = resumed.switched(at(220), 3).unwrap();
    });
    world.state.clock.advance(Duration::from_secs(220));
    assert!(arrive(&transform, at(221), 221, &[NUMBER]).await.is_done());
    assert_eq!(went(world, "drifting")[21..], [221]);
}

#[tokio::test]
async fn null_and_what_is_seen_early_are_no_drift() {
    let (world, transform) = world("hold");
    assert!(arrive(&transform, at(0), 1, &[TEXT, NUMBER, ABSENT]).await.is_done());
    for second in 1..30 {
        assert!(arrive(&transform, at(second), u32::try_from(second).unwrap() * 10, &[TEXT]).await.is_done());
    }
    for (second, plan) in [(40, NULL), (41, NUMBER), (42, ABSENT)] {
        assert!(arrive(&transform, at(second), u32::try_from(second).unwrap() * 10, &[plan]).await.is_done());
    }
    assert_eq!((went(world, "drifting").len(), counter(world, "drifting", "drifted")), (35, 0));
}

#[tokio::test]
async fn a_row_that_the_filter_leaves_out_drifts_in_what_the_filter_reads() {
    let (world, transform) = settled("warn").await;
    let out = |position, consent: &str| {
        change(position, None, Some(&format!(r#"{{"id":"c-1","email":1,"consent":{consent},"plan":7}}"#)))
    };
    transform.transform(&batch_of(at(100), &[frame(&[out(100, "false")])])).await.unwrap();
    assert_eq!(counter(world, "drifting", "drifted"), 0, "nothing of it is sent");
    transform.transform(&batch_of(at(101), &[frame(&[out(101, "null")])])).await.unwrap();
    transform.transform(&batch_of(at(102), &[frame(&[out(102, "\"no\"")])])).await.unwrap();
    assert!(schema(world).notices.iter().any(|notice| notice.drift.path == "consent"), "{:?}", schema(world).notices);
}
