//! Order and loss, over crashes at any call, lost answers, and messages that come again in any company.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod memory;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Mutex,
    time::Duration,
};

use memory::{Memory, Message, contact, deadline, event, handler, messages, payload};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use shared::{
    delivery::Delivery,
    ports::{Http, HttpError, HttpRequest, HttpResponse},
    time::{Clock as _, Timestamp},
};

/// What a vendor does with a call.
#[derive(Clone, Copy, Debug)]
enum Mood {
    Fine,
    Refuses,
    DropsBefore,
    DropsAfter,
}

/// A vendor that keeps what it has applied, in order.
#[derive(Debug, Default)]
struct Vendor {
    moods: Mutex<VecDeque<Mood>>,
    /// (row, value) in the order of their application.
    applied: Mutex<Vec<(String, String)>>,
    /// What each job has to do, until it is done: they are done in the order in which they were made.
    jobs: Mutex<Vec<Vec<(String, String)>>>,
}

impl Vendor {
    /// Klaviyo's bulk import. A job is done, and all before it, when it is first asked after, and says so the next time.
    fn job(&self, request: &HttpRequest) -> Json {
        let mut jobs = self.jobs.lock().unwrap();
        let answer =
            |job: usize, status: &str| json!({"data": {"id": job.to_string(), "attributes": {"status": status}}});
        let Some(asked) = request.url.rsplit('/').next().and_then(|id| id.parse::<usize>().ok()) else {
            let body: Json = serde_json::from_slice(&request.body).unwrap_or_default();
            let Json::Array(profiles) = &body["data"]["attributes"]["profiles"]["data"] else {
                return json!({"data": []});
            };
            let text = |value: &Json| value.as_str().unwrap().to_owned();
            let row = |profile: &Json| {
                let profile = &profile["attributes"];
                (text(&profile["email"]), text(&profile["properties"]["plan"]))
            };
            jobs.push(profiles.iter().map(row).collect());
            return answer(jobs.len() - 1, "queued");
        };
        let waits = !jobs[asked].is_empty();
        self.applied.lock().unwrap().extend(jobs[..=asked].iter_mut().flat_map(std::mem::take));
        answer(asked, if waits { "processing" } else { "complete" })
    }
}

impl Http for Vendor {
    async fn call(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        tokio::task::yield_now().await;
        let dropped = || HttpError::NoAnswer { host: "vendor".into(), reason: "connection closed".into() };
        let mood = self.moods.lock().unwrap().pop_front().unwrap_or(Mood::Fine);
        match mood {
            Mood::Refuses => return Ok(HttpResponse { status: 500, ..HttpResponse::default() }),
            Mood::DropsBefore => return Err(dropped()),
            Mood::Fine | Mood::DropsAfter => {}
        }
        if request.url.contains("/profile-bulk-import-jobs") {
            let answer = self.job(request);
            tokio::task::yield_now().await;
            return match mood {
                Mood::DropsAfter => Err(dropped()),
                _ => Ok(HttpResponse { status: 200, body: answer.to_string().into_bytes(), ..HttpResponse::default() }),
            };
        }
        let body: Json = serde_json::from_slice(&request.body).unwrap();
        let text = |value: &Json| value.as_str().unwrap().to_owned();
        let (rows, answer): (Vec<_>, _) = match (&body["inputs"], body.as_array()) {
            (Json::Array(inputs), _) => {
                let results: Vec<_> = inputs
                    .iter()
                    .map(|input| json!({"id": format!("hs-{}", text(&input["id"])), "properties": {"email": input["id"]}}))
                    .collect();
                let rows = inputs.iter().map(|input| (text(&input["id"]), text(&input["properties"]["plan"])));
                (rows.collect(), json!({"status": "COMPLETE", "results": results}))
            }
            (_, Some(events)) => {
                let row = |event: &Json| (text(&event["data"]["row"]), text(&event["data"]["value"]));
                (events.iter().map(row).collect(), Json::Null)
            }
            _ => unreachable!("a body that no vendor knows: {body}"),
        };
        self.applied.lock().unwrap().extend(rows);
        tokio::task::yield_now().await;
        match mood {
            Mood::DropsAfter => Err(dropped()),
            _ => Ok(HttpResponse { status: 200, body: answer.to_string().into_bytes(), ..HttpResponse::default() }),
        }
    }
}

/// One invocation of the plan.
#[derive(Clone, Debug)]
struct Try {
    /// How many of the waiting messages it receives, at most; each group's from its first.
    most: usize,
    /// After so many polls it dies, if at all.
    dies_after: Option<u32>,
    moods: Vec<Mood>,
}

fn mood() -> impl Strategy<Value = Mood> {
    prop_oneof![3 => Just(Mood::Fine), 1 => Just(Mood::Refuses), 1 => Just(Mood::DropsBefore), 1 => Just(Mood::DropsAfter)]
}

fn any_try() -> impl Strategy<Value = Try> {
    (1_usize..=10, proptest::option::of(0_u32..60), proptest::collection::vec(mood(), 0..6))
        .prop_map(|(most, dies_after, moods)| Try { most, dies_after, moods })
}

/// Runs the plan, then without faults until the queue is empty. Answers what the vendor has applied, by row.
fn run(
    connector: &'static str,
    settings: &'static str,
    batches: &[Vec<Delivery>],
    plan: Vec<Try>,
) -> BTreeMap<String, Vec<String>> {
    let world: &'static Memory<Vendor> = Box::leak(Box::new(Memory::new(Vendor::default())));
    let mut queue: Vec<Message> = messages(batches);
    let mut plan = plan.into_iter();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut instance = handler(connector, settings, world);
        for _ in 0..500 {
            if queue.is_empty() {
                break;
            }
            let one = plan.next().unwrap_or(Try { most: 10, dies_after: None, moods: Vec::new() });
            *world.http.moods.lock().unwrap() = one.moods.into();
            for message in queue.iter_mut().take(one.most) {
                message.receives = (message.receives + 1).min(9);
            }
            let received: Vec<Message> = queue.iter().take(one.most).cloned().collect();
            let payload = payload(&received);
            // So that waits end, and a job is not given up.
            world.state.clock.advance(Duration::from_mins(1));
            let deadline = deadline() + world.state.clock.now().since(Timestamp::from_millis(memory::NOW));
            let mut running = Box::pin(instance.deliver(&payload, deadline));
            let mut polls = 0;
            let ended = std::future::poll_fn(|context| {
                if one.dies_after.is_some_and(|limit| polls >= limit) {
                    return std::task::Poll::Ready(None);
                }
                polls += 1;
                running.as_mut().poll(context).map(Some)
            })
            .await;
            drop(running);
            match ended {
                Some(response) => {
                    let response = response.unwrap();
                    let failed: Vec<&str> = response.failed().collect();
                    let gone = |message: &Message| {
                        received.iter().any(|other| other.id == message.id) && !failed.contains(&message.id.as_str())
                    };
                    queue.retain(|message| !gone(message));
                }
                // The instance is gone, and with it all it remembered.
                None => instance = handler(connector, settings, world),
            }
        }
    });
    assert!(queue.is_empty(), "the queue never drains");
    assert!(world.state.failures.kept.lock().unwrap().is_empty());
    let mut by_row: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (row, value) in world.http.applied.lock().unwrap().iter() {
        by_row.entry(row.clone()).or_default().push(value.clone());
    }
    by_row
}

/// Rows of few keys, cut into messages of one lane each.
fn batches(make: impl Fn(&str, u32, &str) -> Delivery, keys: &[u8], cuts: &[bool]) -> Vec<Vec<Delivery>> {
    let mut by_lane: BTreeMap<_, Vec<Vec<Delivery>>> = BTreeMap::new();
    let mut order = Vec::new();
    for (position, (key, cut)) in keys.iter().zip(cuts.iter().cycle()).enumerate() {
        let position = u32::try_from(position).unwrap() + 1;
        let delivery = make(&format!("k{key}"), position, &format!("v{position:03}"));
        let lane = memory::lanes().lane_of(&delivery.source, &delivery.key);
        let messages = by_lane.entry(lane).or_default();
        if *cut || messages.is_empty() {
            messages.push(Vec::new());
            order.push((lane, messages.len() - 1));
        }
        messages.last_mut().unwrap().push(delivery);
    }
    order.into_iter().map(|(lane, index)| by_lane[&lane][index].clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Upserts: the values of a row are applied in order, a repeat only of the value that stands; the last one stands
    /// at the end.
    #[test]
    fn rows_keep_their_order_and_end_at_their_last_value(
        keys in proptest::collection::vec(0_u8..5, 1..40),
        cuts in proptest::collection::vec(any::<bool>(), 1..40),
        plan in proptest::collection::vec(any_try(), 0..25),
    ) {
        let batches = batches(contact, &keys, &cuts);
        let applied = run("hubspot", "{}", &batches, plan);
        for key in &keys {
            let row = format!("k{key}@example.com");
            let values = &applied[&row];
            prop_assert!(values.is_sorted(), "{row}: {values:?}");
            let last = keys.iter().rposition(|other| other == key).unwrap() + 1;
            prop_assert_eq!(values.last().unwrap(), &format!("v{last:03}"));
        }
    }

    /// The same where the vendor does the work later, in jobs, one after the other: a job that a crash has cut off is
    /// done all the same, and made again.
    #[test]
    fn rows_keep_their_order_through_jobs(
        keys in proptest::collection::vec(0_u8..5, 1..40),
        cuts in proptest::collection::vec(any::<bool>(), 1..40),
        plan in proptest::collection::vec(any_try(), 0..25),
    ) {
        let make = |key: &str, position: u32, value: &str| {
            Delivery { action: "import_profile".into(), ..contact(key, position, value) }
        };
        let applied = run("klaviyo", "{}", &batches(make, &keys, &cuts), plan);
        for key in &keys {
            let row = format!("k{key}@example.com");
            let values = &applied[&row];
            prop_assert!(values.is_sorted(), "{row}: {values:?}");
            let last = keys.iter().rposition(|other| other == key).unwrap() + 1;
            prop_assert_eq!(values.last().unwrap(), &format!("v{last:03}"));
        }
    }

    /// Appends: every event of a row arrives, in order; what comes again comes before anything newer.
    #[test]
    fn events_all_arrive_in_order(
        keys in proptest::collection::vec(0_u8..5, 1..40),
        cuts in proptest::collection::vec(any::<bool>(), 1..40),
        plan in proptest::collection::vec(any_try(), 0..25),
    ) {
        let make = |key: &str, position: u32, value: &str| {
            let mut delivery = event(key, position, value);
            delivery.fields.insert("row".to_owned(), key.into());
            delivery
        };
        let batches = batches(make, &keys, &cuts);
        let settings = r#"{"url":"https://hook.example/","body":"array","batch":"3"}"#;
        let applied = run("webhook", settings, &batches, plan);
        for key in &keys {
            let values = &applied[&format!("k{key}")];
            let mut first_times = values.clone();
            let mut seen = std::collections::HashSet::new();
            first_times.retain(|value| seen.insert(value.clone()));
            let expected: Vec<String> = keys.iter().enumerate().filter(|(_, other)| *other == key).map(|(index, _)| format!("v{:03}", index + 1)).collect();
            prop_assert_eq!(&first_times, &expected, "first arrivals of k{}", key);
        }
    }
}
