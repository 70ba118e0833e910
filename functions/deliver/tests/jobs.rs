//! Jobs in which a vendor does a request's work later: who waits, what is asked and when, and what a crash can do.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod memory;

use std::{collections::HashMap, time::Duration};

use deliver::{Deliver, Quota, RateLimit};
use futures_util::poll;
use memory::{Memory, Message, contact, deadline, event, handler, messages, payload};
use serde_json::{Value as Json, json};
use shared::{
    delivery::Delivery,
    destination::Connector,
    testing::ScriptedHttp,
    time::{Clock as _, Timestamp},
    value::Object,
};

const JOB: &str = "01GSQPBF74KQ5YTDEPP41T1BZH";

type World = &'static Memory<ScriptedHttp>;

fn world() -> World {
    Box::leak(Box::new(Memory::new(ScriptedHttp::default())))
}

/// A profile that Klaviyo imports in a job.
fn profile(key: &str, position: u32, plan: &str) -> Delivery {
    Delivery { action: "import_profile".into(), ..contact(key, position, plan) }
}

/// Two minutes from now.
fn deadline_now(world: World) -> Timestamp {
    deadline() + world.state.clock.now().since(Timestamp::from_millis(memory::NOW))
}

/// Delivers these messages, and answers those reported.
async fn receive(world: World, messages: &[Message]) -> Vec<String> {
    let response = handler("klaviyo", "{}", world).deliver(&payload(messages), deadline_now(world)).await.unwrap();
    response.failed().map(str::to_owned).collect()
}

async fn deliver(world: World, batches: &[Vec<Delivery>]) -> Vec<String> {
    receive(world, &messages(batches)).await
}

/// The vendor has taken a request into a job.
fn taken(world: World, job: &str) {
    let body = json!({"data": {"type": "profile-bulk-import-job", "id": job, "attributes": {"status": "queued"}}});
    world.http.answer(202, &[], &body.to_string());
}

/// The job's state, and how many of its profiles failed.
fn state(world: World, state: &str, failed: u32) {
    let body = json!({"data": {"id": JOB, "attributes": {"status": state, "failed_count": failed}}});
    world.http.answer(200, &[], &body.to_string());
}

/// The job's errors: whose, in which words.
fn errors(world: World, errors: &[(&str, &str)]) {
    let error = |(email, detail): &(&str, &str)| {
        let source = json!({"pointer": "/data"});
        let payload = if email.is_empty() { Json::Null } else { json!({"email": email}) };
        json!({"attributes": {"code": "invalid", "detail": detail, "source": source, "original_payload": payload}})
    };
    let body = json!({"data": errors.iter().map(error).collect::<Vec<_>>(), "links": {"next": null}});
    world.http.answer(200, &[], &body.to_string());
}

/// Every request, as its method and the plans in it, or the end of its address.
fn requests(world: World) -> Vec<String> {
    let requests = world.http.requests.lock().unwrap();
    let said = requests.iter().map(|request| {
        if request.method == "GET" {
            let address = request.url.strip_prefix("https://a.klaviyo.com/api/profile-bulk-import-jobs/").unwrap();
            return format!("GET {address}");
        }
        let body: Json = serde_json::from_slice(&request.body).unwrap();
        let profiles = body["data"]["attributes"]["profiles"]["data"].as_array().unwrap();
        let plans = profiles.iter().map(|profile| profile["attributes"]["properties"]["plan"].as_str().unwrap());
        let mut plans: Vec<_> = plans.collect();
        plans.sort_unstable();
        format!("{} {}", request.method, plans.join(","))
    });
    said.collect()
}

fn status_of(job: &str) -> String {
    format!("GET {job}")
}

fn errors_of(job: &str) -> String {
    format!("GET {job}/import-errors?page[size]=50")
}

fn counter(world: World, counter: &str) -> u64 {
    let counts = world.state.activity.0.lock().unwrap();
    counts.iter().filter(|((_, _, other), _)| *other == counter).map(|(_, count)| count).sum()
}

fn hidden(world: World) -> HashMap<String, Duration> {
    world.visibility.hidden.lock().unwrap().clone()
}

/// Keys of which no two are of one lane.
fn apart() -> [&'static str; 2] {
    let lane = |key: &str| memory::lanes().lane_of("customers", &shared::key::Key::single("id", key));
    assert_ne!(lane("a"), lane("b"));
    ["a", "b"]
}

/// Lets the function run until something has happened, and then die.
async fn die_when<W: deliver::World>(handler: Deliver<W>, messages: &[Message], happened: impl Fn() -> bool) {
    let payload = payload(messages);
    let mut running = Box::pin(handler.deliver(&payload, deadline()));
    while !happened() {
        assert!(poll!(&mut running).is_pending(), "it ended before");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_job_is_waited_for_in_the_queue_and_then_delivered() {
    let world = world();
    let batch = [vec![profile("a", 1, "pro")]];
    taken(world, JOB);
    assert_eq!(deliver(world, &batch).await, ["m-0"], "taken is not delivered");
    assert_eq!(hidden(world)["handle-m-0"], Duration::from_secs(2));

    world.state.clock.advance(Duration::from_secs(9));
    state(world, "processing", 0);
    assert_eq!(deliver(world, &batch).await, ["m-0"]);
    assert_eq!(hidden(world)["handle-m-0"], Duration::from_secs(9), "as long as it has gone on already");

    world.state.clock.advance(Duration::from_mins(1));
    state(world, "processing", 0);
    assert_eq!(deliver(world, &batch).await, ["m-0"]);
    assert_eq!(hidden(world)["handle-m-0"], Duration::from_mins(1), "and a minute at most");

    state(world, "complete", 0);
    assert!(deliver(world, &batch).await.is_empty());
    assert!(deliver(world, &batch).await.is_empty(), "the same message again");
    let status = status_of(JOB);
    assert_eq!(requests(world), ["POST pro", &status, &status, &status]);
    let counts = ["pending", "delivered", "repeated", "retried", "failed"].map(|name| counter(world, name));
    assert_eq!(counts, [3, 1, 1, 0, 0]);
    // What was delivered is removed by the e-mail address, which is the row's id here.
    let row = shared::ledger::LedgerKey::of_row(&batch[0][0]);
    let entries = world.ledger.entries.lock().unwrap();
    assert_eq!(entries[&row].destination_key.as_deref(), Some("a@example.com"));
}

#[tokio::test]
async fn a_job_is_asked_after_once_for_all_that_came_together() {
    let world = world();
    let [a, b] = apart();
    let batch = [vec![profile(a, 1, "pro")], vec![profile(b, 2, "max")]];
    taken(world, JOB);
    assert_eq!(deliver(world, &batch).await, ["m-0", "m-1"]);
    state(world, "complete", 1);
    errors(world, &[("B@example.com ", "Invalid input")]);
    assert!(deliver(world, &batch).await.is_empty());
    assert_eq!(requests(world), ["POST max,pro".to_owned(), status_of(JOB), errors_of(JOB)]);
    let kept = world.state.kept();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].id, batch[1][0].id);
    assert!(kept[0].reason.ends_with("invalid: Invalid input"), "{}", kept[0].reason);
    assert!(kept[0].answer.as_ref().unwrap().body.contains("Invalid input"));
    assert_eq!(counter(world, "delivered"), 1);
}

#[tokio::test]
async fn each_of_a_jobs_messages_settles_its_own() {
    let world = world();
    let [a, b] = apart();
    let batch = messages(&[vec![profile(a, 1, "pro")], vec![profile(b, 2, "max")]]);
    taken(world, JOB);
    receive(world, &batch).await;
    for (message, delivered) in [(0, 0), (1, 1)] {
        state(world, "complete", 1);
        errors(world, &[("a@example.com", "Invalid input")]);
        assert!(receive(world, &batch[message..=message]).await.is_empty());
        assert_eq!((counter(world, "failed"), counter(world, "delivered")), (1, delivered));
    }
    assert_eq!(requests(world).iter().filter(|request| request.starts_with("POST")).count(), 1);
}

#[tokio::test]
async fn a_failure_that_is_redriven_is_sent_and_not_judged_by_its_old_job() {
    let world = world();
    let batch = [vec![profile("a", 1, "pro")]];
    taken(world, JOB);
    deliver(world, &batch).await;
    state(world, "complete", 1);
    errors(world, &[("", "Invalid input")]);
    assert!(deliver(world, &batch).await.is_empty());
    assert_eq!(world.state.kept().len(), 1);

    // A redrive is the same delivery in another message.
    let mut redriven = messages(&batch);
    redriven[0].id = "m-9".to_owned();
    taken(world, "another");
    assert_eq!(receive(world, &redriven).await, ["m-9"]);
    state(world, "complete", 0);
    assert!(receive(world, &redriven).await.is_empty());
    assert_eq!(requests(world)[3..], ["POST pro".to_owned(), status_of("another")]);
    assert_eq!(counter(world, "delivered"), 1);
}

#[tokio::test]
async fn a_failure_that_the_ledger_could_not_note_is_kept_once_more() {
    let world = world();
    let batch = [vec![profile("a", 1, "pro")]];
    taken(world, JOB);
    deliver(world, &batch).await;
    for reported in [vec!["m-0"], vec![]] {
        world.ledger.write_breaks.next(u64::from(!reported.is_empty()));
        state(world, "complete", 1);
        errors(world, &[("", "Invalid input")]);
        assert_eq!(deliver(world, &batch).await, reported);
    }
    let ids: Vec<_> = world.state.kept().into_iter().map(|failure| failure.id).collect();
    assert!(ids.iter().all(|id| *id == batch[0][0].id), "{ids:?}");
    assert_eq!(requests(world).iter().filter(|request| request.starts_with("POST")).count(), 1);
}

#[tokio::test]
async fn what_has_failed_is_not_sent_again_with_those_that_wait() {
    // Two wrong profiles in two jobs of one message, of which one ends before the other.
    let world = world();
    let lane = |key: &str| memory::lanes().lane_of("customers", &shared::key::Key::single("id", key));
    let other = (0..1_000).map(|number| format!("k{number}")).find(|key| lane(key) == lane("a")).unwrap();
    let batch = messages(&[vec![profile("a", 1, "1"), profile(&other, 2, "2")]]);

    world.http.answer(400, &[], "");
    taken(world, "1");
    taken(world, "2");
    assert_eq!(receive(world, &batch).await, ["m-0"]);
    state(world, "complete", 1);
    errors(world, &[("", "Invalid input")]);
    state(world, "processing", 0);
    assert_eq!(receive(world, &batch).await, ["m-0"]);
    state(world, "complete", 1);
    errors(world, &[("", "Invalid input")]);
    assert!(receive(world, &batch).await.is_empty(), "both have ended");
    assert_eq!((world.state.kept().len(), counter(world, "failed")), (2, 2));
    assert_eq!(requests(world).iter().filter(|request| request.starts_with("POST")).count(), 3);
}

#[tokio::test]
async fn nothing_of_a_row_is_sent_while_a_job_has_it() {
    let world = world();
    let [a, b] = apart();
    let batch =
        [vec![profile(a, 1, "a1")], vec![profile(a, 2, "a2")], vec![profile(b, 3, "b3")], vec![profile(a, 4, "a4")]];
    taken(world, "first");
    assert_eq!(deliver(world, &batch).await, ["m-0", "m-1", "m-2", "m-3"]);
    state(world, "processing", 0);
    assert_eq!(deliver(world, &batch).await, ["m-0", "m-1", "m-2", "m-3"]);
    assert_eq!(requests(world), ["POST a1,b3".to_owned(), status_of("first")]);
    let waits = hidden(world);
    assert!(waits["handle-m-0"] == waits["handle-m-1"] && waits["handle-m-1"] == waits["handle-m-3"], "{waits:?}");

    state(world, "complete", 0);
    taken(world, "second");
    assert_eq!(deliver(world, &batch).await, ["m-1", "m-3"]);
    state(world, "complete", 0);
    taken(world, "third");
    let messages = messages(&batch);
    assert_eq!(receive(world, &[messages[1].clone(), messages[3].clone()]).await, ["m-3"]);
    let sent: Vec<_> = requests(world).into_iter().filter(|request| request.starts_with("POST")).collect();
    assert_eq!(sent, ["POST a1,b3", "POST a2", "POST a4"]);
}

#[tokio::test]
async fn a_job_that_vanishes_is_made_again_and_not_for_ever() {
    let world = world();
    let batch = [vec![profile("a", 1, "pro")]];
    taken(world, "1");
    assert_eq!(deliver(world, &batch).await, ["m-0"]);
    for (job, lost) in [("2", 404), ("3", 410), ("4", 404), ("5", 404)] {
        world.http.answer(lost, &[], r#"{"errors":[{"detail":"no such job"}]}"#);
        taken(world, job);
        // Nine tenths of what Klaviyo takes a second are soon used up.
        world.state.clock.advance(Duration::from_secs(2));
        assert_eq!(deliver(world, &batch).await, ["m-0"], "{job}");
    }
    world.state.clock.advance(Duration::from_secs(2));
    assert!(world.state.kept().is_empty());
    world.http.answer(404, &[], "");
    assert!(deliver(world, &batch).await.is_empty());
    let kept = world.state.kept();
    assert!(kept[0].reason.contains("it was in 5 jobs") && kept[0].reason.contains("redrive"), "{}", kept[0].reason);
    let sent = requests(world).iter().filter(|request| *request == "POST pro").count();
    assert_eq!((sent, requests(world).len()), (5, 10));
}

#[tokio::test]
async fn a_job_without_an_end_is_given_up_after_an_hour_and_made_again() {
    let world = world();
    let batch = messages(&[vec![profile("a", 1, "pro")]]);
    taken(world, JOB);
    receive(world, &batch).await;
    world.state.clock.advance(Duration::from_hours(1));
    let later = Timestamp::from_millis(memory::NOW) + Duration::from_mins(62);
    state(world, "queued", 0);
    taken(world, "another");
    let response = handler("klaviyo", "{}", world).deliver(&payload(&batch), later).await.unwrap();
    assert_eq!(response.failed().collect::<Vec<_>>(), ["m-0"]);
    assert_eq!(requests(world), ["POST pro".to_owned(), status_of(JOB), "POST pro".to_owned()]);
}

#[tokio::test]
async fn an_error_of_nobody_is_found_by_halves() {
    // Of four profiles one is wrong, and the vendor never says which.
    let world = world();
    let batch = [(1..=4).map(|row| profile(&row.to_string(), row, &row.to_string())).collect::<Vec<_>>()];
    let batch: Vec<Vec<_>> = batch[0].iter().map(|one| vec![one.clone()]).collect();
    taken(world, "all");
    assert_eq!(deliver(world, &batch).await.len(), 4);
    state(world, "complete", 1);
    errors(world, &[("", "Invalid input")]);
    taken(world, "one half");
    taken(world, "other half");
    assert_eq!(deliver(world, &batch).await.len(), 4);
    let halves: Vec<_> = requests(world)[3..].iter().map(|request| request.matches(',').count() + 1).collect();
    assert_eq!(halves, [2, 2]);
    assert!(world.state.kept().is_empty());
}

#[tokio::test]
async fn throttling_holds_all_lanes_and_a_refused_key_is_read_once_more() {
    let world = world();
    let [a, b] = apart();
    let batch = [vec![profile(a, 1, "pro")], vec![profile(b, 2, "max")]];
    taken(world, JOB);
    deliver(world, &batch).await;
    world.http.answer(429, &[("retry-after", "90")], "");
    assert_eq!(deliver(world, &batch).await, ["m-0", "m-1"]);
    assert!(hidden(world).values().all(|wait| *wait == Duration::from_secs(90)));
    assert_eq!(counter(world, "throttled"), 2);
    world.state.clock.advance(Duration::from_secs(90));

    world.secrets.current.lock().unwrap().insert(memory::SECRET.to_owned(), "token-2".to_owned());
    world.http.answer(401, &[], "");
    state(world, "complete", 0);
    assert!(deliver(world, &batch).await.is_empty());
    let requests = world.http.requests.lock().unwrap();
    let key =
        |index: usize| requests[index].headers.iter().find(|(name, _)| name == "authorization").unwrap().1.clone();
    assert_eq!([2, 3].map(key), ["Klaviyo-API-Key token-1", "Klaviyo-API-Key token-2"]);
}

#[tokio::test]
async fn each_question_takes_its_turn_in_the_rate_limit() {
    let world = world();
    let batch = messages(&[vec![profile("a", 1, "pro")]]);
    taken(world, JOB);
    receive(world, &batch).await;
    // One request in ten minutes: the state is asked for, and the errors have to wait.
    let limit = RateLimit { requests: 1.0, seconds: 600.0 };
    let limited = memory::handler_at("klaviyo", "{}", Quota::Own(limit.window().unwrap()), world);
    state(world, "complete", 1);
    let response = limited.deliver(&payload(&batch), deadline()).await.unwrap();
    assert_eq!(response.failed().collect::<Vec<_>>(), ["m-0"]);
    assert_eq!(requests(world), ["POST pro".to_owned(), status_of(JOB)]);
    assert!(hidden(world)["handle-m-0"] >= Duration::from_mins(10));
    assert_eq!(counter(world, "throttled"), 1);
    assert!(world.state.kept().is_empty());
}

#[tokio::test]
async fn a_server_that_fails_or_is_silent_makes_no_new_job() {
    let world = world();
    let batch = [vec![profile("a", 1, "pro")]];
    taken(world, JOB);
    deliver(world, &batch).await;
    world.http.answer(503, &[], "");
    assert_eq!(deliver(world, &batch).await, ["m-0"]);
    world.http.no_answer("connection closed");
    assert_eq!(deliver(world, &batch).await, ["m-0"]);
    state(world, "complete", 2);
    world.http.answer(500, &[], "");
    assert_eq!(deliver(world, &batch).await, ["m-0"]);
    assert_eq!(counter(world, "retried"), 3);
    state(world, "complete", 0);
    assert!(deliver(world, &batch).await.is_empty());
    assert_eq!(requests(world).iter().filter(|request| request.starts_with("POST")).count(), 1);
}

#[tokio::test]
async fn a_crash_before_the_job_is_written_down_makes_it_again_with_the_same_values() {
    let world = world();
    let batch = messages(&[vec![profile("a", 1, "pro")]]);
    taken(world, "lost");
    die_when(handler("klaviyo", "{}", world), &batch, || !requests(world).is_empty()).await;
    taken(world, "broken");
    world.ledger.write_breaks.next(1);
    assert_eq!(receive(world, &batch).await, ["m-0"], "nor could it be written down");
    taken(world, JOB);
    assert_eq!(receive(world, &batch).await, ["m-0"]);
    state(world, "complete", 0);
    assert!(receive(world, &batch).await.is_empty());
    assert_eq!(requests(world), ["POST pro".to_owned(), "POST pro".into(), "POST pro".into(), status_of(JOB)]);
    assert_eq!(counter(world, "delivered"), 1);
}

#[tokio::test]
async fn a_crash_after_the_job_has_told_asks_it_once_more() {
    let world = world();
    let batch = messages(&[vec![profile("a", 1, "pro")]]);
    taken(world, JOB);
    receive(world, &batch).await;
    state(world, "complete", 0);
    die_when(handler("klaviyo", "{}", world), &batch, || requests(world).len() == 2).await;
    state(world, "complete", 0);
    assert!(receive(world, &batch).await.is_empty());
    assert_eq!(requests(world), ["POST pro".to_owned(), status_of(JOB), status_of(JOB)]);
    assert_eq!(counter(world, "delivered"), 1);
}

#[tokio::test]
async fn two_invocations_that_ask_at_once_deliver_once() {
    let world = world();
    let batch = messages(&[vec![profile("a", 1, "pro")]]);
    taken(world, JOB);
    receive(world, &batch).await;
    state(world, "complete", 0);
    state(world, "complete", 0);
    let (one, other) = tokio::join!(receive(world, &batch), receive(world, &batch));
    assert_eq!(one.len() + other.len(), 1, "the later of them comes again");
    assert!(receive(world, &batch).await.is_empty());
    assert_eq!(requests(world), ["POST pro".to_owned(), status_of(JOB), status_of(JOB)]);
    assert_eq!((counter(world, "delivered"), counter(world, "repeated")), (1, 1));
}

#[tokio::test]
async fn a_job_whose_answer_crashes_the_function_is_found_by_its_mark() {
    let world = world();
    let mut batch = messages(&[vec![profile("a", 1, "pro")]]);
    batch[0].receives = 10;
    taken(world, JOB);
    receive(world, &batch).await;
    assert!(world.ledger.attempts.lock().unwrap().is_empty(), "it waits in good order");
    let marks = |of: &str| world.ledger.attempts.lock().unwrap().get(of).copied().unwrap_or_default();
    let question = format!("crm/job/{JOB}");
    // The function dies when it has read what the job tells: first the message is marked, then the question, too.
    for mark in ["message/m-0", &question, &question, &question] {
        state(world, "complete", 0);
        let before = marks(mark);
        die_when(handler("klaviyo", "{}", world), &batch, || marks(mark) > before).await;
    }
    assert!(receive(world, &batch).await.is_empty());
    let kept = world.state.kept();
    assert!(kept.len() == 1 && kept[0].reason.contains("crash"), "{kept:?}");
}

/// Events that a vendor writes later, as Zendesk's jobs do: what became of each stands in the job's status.
const TICKETS: &str = r#"
slug = "tickets"
name = "Tickets"
summary = "An example."
auth = "none"

[[actions]]
name = "create"
label = "Create"
help = "Creates."
mode = "append"
other_fields = true

[actions.request]
method = "POST"
url = "https://tickets.example/create_many"
shape = "array"
count = 100
bytes = 1_000_000
item = '{ "ticket": "{fields}" }'

[actions.request.answer.job]
id = "job.id"
give_up_after_seconds = 600
status = { url = "https://tickets.example/jobs/{job}", state = "job.status", done = ["completed"], failed = ["killed"], waiting = ["working"] }
errors = { list = "job.results", only = "error", index = "index", message = "details", kind = "error", retry_kinds = ["Locked"] }
"#;

fn tickets(world: World) -> Deliver<World> {
    let connector = Box::leak(Box::new(Connector::parse("tickets.toml", TICKETS).unwrap()));
    let destination = connector.configure("tickets", &Object::new()).unwrap();
    Deliver::new(destination, None, memory::lanes(), memory::PACE, Quota::default(), world)
}

fn ticket(key: &str, position: u32) -> Delivery {
    Delivery { action: "create".into(), ..event(key, position, &format!("{key}{position}")) }
}

async fn deliver_tickets(world: World, batch: &[Message]) -> Vec<String> {
    let response = tickets(world).deliver(&payload(batch), deadline()).await.unwrap();
    response.failed().map(str::to_owned).collect()
}

#[tokio::test]
async fn events_of_one_row_share_a_job_and_those_that_passed_by_are_sent_again() {
    let world = world();
    let batch = messages(&[vec![ticket("a", 1), ticket("a", 2), ticket("a", 3)]]);
    world.http.answer(200, &[], r#"{"job":{"id":"1"}}"#);
    assert_eq!(deliver_tickets(world, &batch).await, ["m-0"]);
    let results =
        r#"[{"index":0},{"index":1,"error":"Locked","details":"busy"},{"index":2,"error":"Bad","details":"no"}]"#;
    world.http.answer(200, &[], &format!(r#"{{"job":{{"id":"1","status":"completed","results":{results}}}}}"#));
    world.http.answer(200, &[], r#"{"job":{"id":"2"}}"#);
    assert_eq!(deliver_tickets(world, &batch).await, ["m-0"]);
    world.http.answer(200, &[], r#"{"job":{"id":"2","status":"completed","results":[{"index":0}]}}"#);
    assert!(deliver_tickets(world, &batch).await.is_empty());
    let requests = world.http.requests.lock().unwrap();
    let sent: Vec<_> = requests.iter().map(|request| String::from_utf8_lossy(&request.body).into_owned()).collect();
    let subject = |name: &str| format!(r#"{{"ticket":{{"value":"{name}"}}}}"#);
    assert_eq!(sent[0], format!("[{},{},{}]", subject("a1"), subject("a2"), subject("a3")));
    assert_eq!((sent[1].as_str(), sent[2].clone(), sent.len()), ("", format!("[{}]", subject("a2")), 4));
    assert_eq!((counter(world, "delivered"), counter(world, "failed")), (2, 1));
}

#[tokio::test]
async fn an_event_of_a_job_that_tells_nothing_is_not_done_twice() {
    for (status, body) in [(404, ""), (200, r#"{"job":{"id":"1","status":"killed"}}"#)] {
        let world = world();
        let batch = messages(&[vec![ticket("a", 1)]]);
        world.http.answer(200, &[], r#"{"job":{"id":"1"}}"#);
        assert_eq!(deliver_tickets(world, &batch).await, ["m-0"]);
        world.http.answer(status, &[], body);
        assert!(deliver_tickets(world, &batch).await.is_empty());
        let kept = world.state.kept();
        assert!(kept.len() == 1 && kept[0].reason.contains("could be done twice"), "{kept:?}");
        assert_eq!(world.http.requests.lock().unwrap().len(), 2, "it was sent once");
    }
}
