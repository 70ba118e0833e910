//! What each outcome does to a batch: what is sent, kept, reported and for how long it is hidden.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod memory;

use std::{collections::HashSet, sync::atomic::Ordering, time::Duration};

use deliver::{Quota, RateLimit};
use memory::{Memory, contact, deadline, event, handler, messages, payload};
use serde_json::{Value as Json, json};
use shared::{
    delivery::{Delivery, Step},
    failure::Standing,
    testing::{ScriptedHttp, corpus::Corpus},
    value::Object,
};

/// A contact's row, removed or kept.
fn without(key: &str, position: u32, step: Step) -> Delivery {
    Delivery { step, fields: Object::new(), ..contact(key, position, "") }
}

const HUBSPOT: (&str, &str) = ("hubspot", "{}");
const SINGLE: (&str, &str) = ("webhook", r#"{"url":"https://hook.example/","body":"single"}"#);
const ARRAY: (&str, &str) = ("webhook", r#"{"url":"https://hook.example/","body":"array"}"#);

fn world() -> &'static Memory<ScriptedHttp> {
    Box::leak(Box::new(Memory::new(ScriptedHttp::default())))
}

/// Delivers one batch, and answers the reported message ids.
async fn deliver(
    (connector, settings): (&str, &str),
    world: &'static Memory<ScriptedHttp>,
    batches: &[Vec<Delivery>],
) -> Vec<String> {
    let payload = payload(&messages(batches));
    let response = handler(connector, settings, world).deliver(&payload, deadline()).await.unwrap();
    response.failed().map(str::to_owned).collect()
}

fn bodies(world: &Memory<ScriptedHttp>) -> Vec<Json> {
    let requests = world.http.requests.lock().unwrap();
    requests.iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect()
}

/// The plans that were sent, request by request.
fn plans(world: &Memory<ScriptedHttp>) -> Vec<Vec<String>> {
    let plan = |input: &Json| input["properties"]["plan"].as_str().map(str::to_owned);
    bodies(world).iter().map(|body| body["inputs"].as_array().unwrap().iter().filter_map(plan).collect()).collect()
}

/// HubSpot's answer to an upsert of these rows.
fn upserted(keys: &[&str]) -> String {
    let results: Vec<Json> = keys
        .iter()
        .map(|key| {
            json!({"id": format!("hs-{key}"), "new": true, "archived": false, "createdAt": "2026-01-01T00:00:00Z",
                   "updatedAt": "2026-01-01T00:00:00Z", "properties": {"email": format!("{key}@example.com")}})
        })
        .collect();
    json!({"status": "COMPLETE", "results": results}).to_string()
}

fn counter(world: &Memory<ScriptedHttp>, counter: &str) -> u64 {
    let counts = world.state.activity.0.lock().unwrap();
    counts.iter().filter(|((_, _, other), _)| *other == counter).map(|(_, count)| count).sum()
}

#[tokio::test]
async fn what_is_delivered_is_remembered_and_not_sent_again() {
    let world = world();
    world.http.answer(200, &[], &upserted(&["a"]));
    let batch = [vec![contact("a", 5, "pro")]];
    assert!(deliver(HUBSPOT, world, &batch).await.is_empty());
    assert!(deliver(HUBSPOT, world, &batch).await.is_empty(), "the same message again");
    assert_eq!(plans(world), [["pro"]]);
    assert_eq!((counter(world, "delivered"), counter(world, "repeated")), (1, 1));

    assert!(deliver(HUBSPOT, world, &[vec![contact("a", 4, "free")]]).await.is_empty(), "an older one");
    assert!(deliver(HUBSPOT, world, &[vec![contact("a", 6, "pro")]]).await.is_empty(), "the same fields");
    assert_eq!(plans(world).len(), 1);
    assert_eq!((counter(world, "superseded"), counter(world, "unchanged")), (1, 1));
    // The unchanged one counts as the newest: nothing older comes in behind it.
    assert!(deliver(HUBSPOT, world, &[vec![contact("a", 5, "free")]]).await.is_empty());
    assert_eq!(plans(world).len(), 1);
}

#[tokio::test]
async fn only_the_last_value_of_a_row_in_a_message_is_sent() {
    let world = world();
    world.http.answer(200, &[], &upserted(&["a"]));
    assert!(deliver(HUBSPOT, world, &[vec![contact("a", 1, "free"), contact("a", 2, "pro")]]).await.is_empty());
    assert_eq!(plans(world), [["pro"]]);
}

#[tokio::test]
async fn what_is_superseded_in_a_message_that_comes_again_counts_once() {
    let world = world();
    world.http.answer(503, &[], "");
    world.http.answer(200, &[], &upserted(&["a"]));
    let batch = [vec![contact("a", 1, "free"), contact("a", 2, "pro")]];
    assert_eq!(deliver(HUBSPOT, world, &batch).await.len(), 1);
    assert_eq!(counter(world, "superseded"), 0);
    assert!(deliver(HUBSPOT, world, &batch).await.is_empty());
    assert_eq!((counter(world, "superseded"), counter(world, "delivered")), (1, 1));
}

#[tokio::test]
async fn values_of_a_row_in_two_messages_go_out_one_after_the_other() {
    let world = world();
    world.http.answer(200, &[], &upserted(&["a"]));
    world.http.answer(200, &[], &upserted(&["a"]));
    let batch = [vec![contact("a", 1, "free")], vec![contact("a", 2, "pro")]];
    assert!(deliver(HUBSPOT, world, &batch).await.is_empty());
    assert_eq!(plans(world), [["free"], ["pro"]]);
}

#[tokio::test]
async fn a_row_that_leaves_and_is_kept_does_not_swallow_the_value_before() {
    let world = world();
    world.http.answer(200, &[], &upserted(&["a"]));
    assert!(deliver(HUBSPOT, world, &[vec![contact("a", 1, "pro"), without("a", 2, Step::Keep)]]).await.is_empty());
    assert_eq!(plans(world), [["pro"]]);
    assert_eq!((counter(world, "delivered"), counter(world, "kept")), (1, 1));
}

#[tokio::test]
async fn a_removal_names_the_vendors_own_id_and_comes_to_nothing_without() {
    let world = world();
    assert!(deliver(HUBSPOT, world, &[vec![without("a", 1, Step::Archive)]]).await.is_empty());
    assert!(bodies(world).is_empty(), "nothing was ever sent");
    world.http.answer(200, &[], &upserted(&["a"]));
    world.http.answer(204, &[], "");
    let batch = [vec![contact("a", 2, "pro")], vec![without("a", 3, Step::Archive)]];
    assert!(deliver(HUBSPOT, world, &batch).await.is_empty());
    assert_eq!(bodies(world)[1], json!({"inputs": [{"id": "hs-a"}]}));
}

#[tokio::test]
async fn throttling_holds_everything_for_as_long_as_the_vendor_says() {
    let world = world();
    world.http.answer(429, &[("retry-after", "90")], r#"{"message":"slow down"}"#);
    let batch = [vec![contact("a", 1, "pro")], vec![contact("a", 2, "max")]];
    assert_eq!(deliver(HUBSPOT, world, &batch).await, ["m-0", "m-1"]);
    assert_eq!(plans(world).len(), 1, "one question is enough");
    let hidden = world.visibility.hidden.lock().unwrap();
    assert_eq!(hidden.len(), 2);
    assert!(hidden.values().all(|wait| *wait == Duration::from_secs(90)), "{hidden:?}");
}

#[tokio::test]
async fn a_failing_lane_waits_and_the_others_go_on() {
    let world = world();
    // By their lanes: a and b differ.
    let lane = |key: &str| memory::lanes().lane_of("customers", &shared::key::Key::single("id", key));
    assert_ne!(lane("a"), lane("b"));
    let batch =
        [vec![event("a", 1, "1")], vec![event("b", 2, "2")], vec![event("a", 3, "3")], vec![event("b", 4, "4")]];
    world.http.answer_where(r#""value":"1""#, 503, "");
    assert_eq!(deliver(SINGLE, world, &batch).await, ["m-0", "m-2"]);
    let sent: Vec<String> =
        bodies(world).iter().map(|body| body["data"]["value"].as_str().unwrap().to_owned()).collect();
    assert!(!sent.contains(&"3".to_owned()), "{sent:?}");
    assert!(sent.contains(&"2".to_owned()) && sent.contains(&"4".to_owned()), "{sent:?}");
    let hidden = world.visibility.hidden.lock().unwrap();
    assert_eq!(hidden["handle-m-0"], hidden["handle-m-2"], "a group is hidden for one time");
}

#[tokio::test]
async fn a_rotated_secret_is_read_again_once() {
    let world = world();
    world.secrets.current.lock().unwrap().insert(memory::SECRET.to_owned(), "token-2".to_owned());
    world.http.answer(401, &[], r#"{"message":"expired"}"#);
    world.http.answer(200, &[], &upserted(&["a"]));
    assert!(deliver(HUBSPOT, world, &[vec![contact("a", 1, "pro")]]).await.is_empty());
    let requests = world.http.requests.lock().unwrap();
    let tokens: Vec<&str> = requests
        .iter()
        .map(|request| request.headers.iter().find(|(name, _)| name == "authorization").unwrap().1.as_str())
        .collect();
    assert_eq!(tokens, ["Bearer token-1", "Bearer token-2"]);
}

#[tokio::test]
async fn a_revoked_secret_holds_the_queue_and_loses_nothing() {
    let world = world();
    world.http.answer(401, &[], "");
    world.http.answer(401, &[], "");
    assert_eq!(
        deliver(HUBSPOT, world, &[vec![contact("a", 1, "pro")], vec![contact("b", 2, "pro")]]).await,
        ["m-0", "m-1"]
    );
    assert_eq!(world.http.requests.lock().unwrap().len(), 2);
    assert!(world.state.failures.kept.lock().unwrap().is_empty());
    assert!(world.visibility.hidden.lock().unwrap().values().all(|wait| *wait == Duration::from_mins(5)));
    let lines = world.state.lines.lock().unwrap();
    let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
    // The alarm of an unauthorised destination reads this metric.
    assert_eq!((&line["destination"], &line["Unauthorised"]), (&"crm".into(), &2.0.into()), "{line}");
    // So does the one of deliveries that wait: both messages were sent a minute before.
    assert_eq!(line["Waiting"], 60_000.0, "{line}");
}

#[tokio::test]
async fn one_bad_record_does_not_reject_its_neighbours() {
    let world = world();
    // With the bad one among them the batch is refused as a whole, without a word for whose sake.
    world.http.answer_where("bad", 400, r#"{"message":"plan is not an option","category":"VALIDATION_ERROR"}"#);
    world.http.answer(200, &[], &upserted(&["a"]));
    let mut batch = vec![vec![contact("a", 1, "good")], vec![contact("b", 2, "bad")]];
    assert!(deliver(HUBSPOT, world, &batch).await.is_empty(), "a failure is an end too");
    {
        let kept = world.state.failures.kept.lock().unwrap();
        assert_eq!(kept.len(), 1);
        assert_eq!(kept[0].id, batch[1][0].id);
        assert_eq!(kept[0].answer.as_ref().unwrap().status, 400);
        assert!(kept[0].reason.contains("plan is not an option"), "{}", kept[0].reason);
        let request = kept[0].request.as_ref().unwrap();
        assert_eq!(request.url, "https://api.hubapi.com/crm/v3/objects/contacts/batch/upsert");
        assert!(request.body.contains(r#""plan":"bad""#) && !request.body.contains("good"), "{request:?}");
        assert!(!format!("{request:?}").contains("token-1"), "{request:?}");
        assert_eq!(kept[0].payload.bytes().unwrap(), serde_json::to_vec(&batch[1][0]).unwrap());
    }
    // A rejected value does not count as delivered: a redrive of the same position is sent.
    batch.remove(0);
    assert!(deliver(HUBSPOT, world, &batch).await.is_empty());
    assert_eq!(plans(world).last().unwrap(), &["bad"]);
}

#[tokio::test]
async fn how_a_redrive_ends_is_written_to_its_failure() {
    let redriven = |delivery: Delivery| Delivery { redriven: true, ..delivery };
    let closed = |world: &Memory<ScriptedHttp>| world.state.failures.closed.lock().unwrap().clone();
    let world = world();
    for key in ["a", "b"] {
        world.http.answer(200, &[], &upserted(&[key]));
    }
    let old = redriven(contact("a", 4, "old"));
    let newest = redriven(contact("b", 6, "new"));
    assert!(deliver(HUBSPOT, world, &[vec![contact("a", 5, "pro")]]).await.is_empty());
    assert!(closed(world).is_empty());
    assert!(deliver(HUBSPOT, world, &[vec![old.clone()]]).await.is_empty());
    // A crash before the failure is closed: the message comes again, and the ledger knows the delivery.
    world.state.failures.breaks.next(1);
    assert_eq!(deliver(HUBSPOT, world, &[vec![newest.clone()]]).await, ["m-0"]);
    assert!(deliver(HUBSPOT, world, &[vec![newest.clone()]]).await.is_empty());
    assert_eq!(closed(world), [(old.id, Standing::Superseded), (newest.id, Standing::Delivered)]);
    assert_eq!(plans(world), [["pro"], ["new"]]);

    // What fails again is kept as it failed first, so that it can be redriven again.
    world.http.answer(400, &[], r#"{"message":"no"}"#);
    let first = contact("c", 7, "bad");
    assert!(deliver(HUBSPOT, world, &[vec![redriven(first.clone())]]).await.is_empty());
    assert_eq!(world.state.kept()[0].payload.bytes().unwrap(), serde_json::to_vec(&first).unwrap());
}

#[tokio::test]
async fn events_of_one_row_share_a_request_in_order() {
    let world = world();
    let batch = [vec![event("a", 1, "1"), event("a", 2, "2")], vec![event("a", 3, "3")]];
    assert!(deliver(ARRAY, world, &batch).await.is_empty());
    let values: Vec<Json> =
        bodies(world)[0].as_array().unwrap().iter().map(|event| event["data"]["value"].clone()).collect();
    assert_eq!(values, ["1", "2", "3"]);
    assert_eq!(bodies(world).len(), 1);
    assert!(deliver(ARRAY, world, &batch).await.is_empty());
    assert_eq!(bodies(world).len(), 1, "each event once");
}

#[tokio::test]
async fn a_batch_refused_without_a_word_for_whose_sake_is_halved_until_those_stand_alone() {
    // One among a hundred costs two requests a halving: 1 + 2 x 7. All of them cost each its own, and the halvings.
    for (bad, most) in [(0..1, 15), (99..100, 15), (37..38, 15), (49..51, 29), (0..100, 199)] {
        let world = world();
        world.http.answer_where("bad", 422, "not accepted");
        let batch: Vec<_> = (0..100)
            .map(|row| vec![event(&format!("row-{row}"), row + 1, if bad.contains(&row) { "bad" } else { "good" })])
            .collect();
        assert!(deliver(ARRAY, world, &batch).await.is_empty());
        let requests = bodies(world);
        assert!(requests.len() <= most, "{bad:?}: {} requests", requests.len());
        let taken = requests
            .iter()
            .filter_map(Json::as_array)
            .filter(|events| events.iter().all(|event| event["data"]["value"] == "good"));
        let taken: Vec<_> = taken.flatten().map(|event| event["id"].to_string()).collect();
        let distinct: HashSet<_> = taken.iter().collect();
        let good = 100 - bad.len();
        assert_eq!((taken.len(), distinct.len()), (good, good), "{bad:?}: each good one once");
        assert_eq!(world.state.kept().len(), bad.len(), "{bad:?}: each bad one is a failure");
    }
}

#[tokio::test]
async fn a_delivery_costs_the_ledger_one_read_and_one_write() {
    let world = world();
    let rows: Vec<String> = (0..100).map(|row| format!("row-{row}")).collect();
    let keys: Vec<&str> = rows.iter().map(String::as_str).collect();
    world.http.answer(200, &[], &upserted(&keys));
    let batch = |first: u32| -> Vec<_> {
        (first..).zip(&keys).map(|(position, key)| vec![contact(key, position, "pro")]).collect()
    };
    let cost = || [&world.ledger.keys_read, &world.ledger.writes].map(|count| count.load(Ordering::Relaxed));
    assert!(deliver(HUBSPOT, world, &batch(1)).await.is_empty());
    assert_eq!(cost(), [100, 100]);
    // What comes again costs the read alone; what is unchanged advances the ledger.
    assert!(deliver(HUBSPOT, world, &batch(1)).await.is_empty());
    assert_eq!(cost(), [200, 100]);
    assert!(deliver(HUBSPOT, world, &batch(1_000)).await.is_empty());
    assert_eq!(cost(), [300, 200]);
}

#[tokio::test]
async fn without_the_ledger_nothing_is_sent() {
    let world = world();
    world.ledger.read_breaks.next(1);
    assert_eq!(deliver(HUBSPOT, world, &[vec![contact("a", 1, "pro")]]).await, ["m-0"]);
    assert!(bodies(world).is_empty());
}

#[tokio::test]
async fn what_is_no_frame_becomes_a_failure_and_another_count_of_lanes_waits() {
    let world = world();
    let mut batch = messages(&[vec![contact("a", 1, "pro")], vec![contact("b", 2, "pro")]]);
    batch[0].body = "hello".to_owned();
    batch[1].body = batch[1].body.replace(r#""lanes":4"#, r#""lanes":8"#);
    let response = handler("hubspot", "{}", world).deliver(&payload(&batch), deadline()).await.unwrap();
    assert_eq!(response.failed().collect::<Vec<_>>(), ["m-1"]);
    let kept = world.state.failures.kept.lock().unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].payload.bytes().unwrap(), b"hello");
    assert!(kept[0].reason.contains("not a frame of Freshet"), "{}", kept[0].reason);
}

#[tokio::test]
async fn what_crashes_the_function_again_and_again_becomes_a_failure() {
    let world = world();
    let mut batch = messages(&[vec![contact("a", 1, "pro"), contact("b2", 2, "pro")]
        .into_iter()
        .filter(|delivery| delivery.key == contact("a", 1, "").key)
        .collect()]);
    batch[0].receives = 10;
    // The function dies in each: the attempt was marked, and never ends. First the message is known by its mark; from then
    // on its deliveries go alone, each with a mark of its own.
    for mark in ["message/m-0", "contacts/customers/1/1", "contacts/customers/1/1", "contacts/customers/1/1"] {
        let handler = handler("hubspot", "{}", world);
        let payload = payload(&batch);
        let mut dying = Box::pin(handler.deliver(&payload, deadline()));
        let marked = || world.ledger.attempts.lock().unwrap().get(mark).copied();
        let before = marked();
        while marked() == before {
            assert!(futures_util::poll!(&mut dying).is_pending());
            tokio::task::yield_now().await;
        }
    }
    let response = handler("hubspot", "{}", world).deliver(&payload(&batch), deadline()).await.unwrap();
    assert!(response.is_done());
    let kept = world.state.failures.kept.lock().unwrap();
    assert_eq!(kept.len(), 1);
    assert!(kept[0].reason.contains("crash"), "{}", kept[0].reason);
}

#[tokio::test]
async fn what_has_waited_long_in_good_order_goes_together() {
    let world = world();
    world.http.answer(200, &[], &upserted(&["a", "b"]));
    let mut batch = messages(&[vec![contact("a", 1, "pro")], vec![contact("b", 2, "pro")]]);
    for message in &mut batch {
        message.receives = 500;
    }
    let response = handler("hubspot", "{}", world).deliver(&payload(&batch), deadline()).await.unwrap();
    assert!(response.is_done());
    assert_eq!(bodies(world).len(), 1, "a vendor that was down for a day is not asked for each row alone");
    assert!(world.ledger.attempts.lock().unwrap().is_empty(), "no mark is left");
}

#[tokio::test]
async fn the_store_example_is_delivered() {
    // events/deliveries/two-contacts.json is of a queue with eight lanes; the tests' have four.
    let world = world();
    let event = include_str!("../../../events/deliveries/two-contacts.json").replace(r#"lanes\":8"#, r#"lanes\":4"#);
    world.http.answer(200, &[], &upserted(&["ada", "grace"]));
    let response = handler("hubspot", "{}", world).deliver(event.as_bytes(), deadline()).await.unwrap();
    assert!(response.is_done());
    let mut ids: Vec<Json> =
        bodies(world)[0]["inputs"].as_array().unwrap().iter().map(|input| input["id"].clone()).collect();
    ids.sort_by_key(ToString::to_string);
    assert_eq!(ids, ["ada@example.com", "grace@example.com"]);
}

#[tokio::test]
async fn what_a_whole_refusal_names_is_rejected_and_the_rest_goes_again_together() {
    const BRAZE: (&str, &str) = ("braze", r#"{"rest_endpoint":"https://rest.iad-01.braze.com"}"#);
    let user = |key: &str, position: u32| {
        let fields = Object::from_iter([("external_id".to_owned(), key.into())]);
        vec![Delivery { action: "track_users".into(), fields, ..contact(key, position, "") }]
    };
    let world = world();
    world.http.answer(400, &[], r#"{"message":"Bad","errors":[{"type":"no","input_array":"attributes","index":0}]}"#);
    world.http.answer(201, &[], r#"{"message":"success"}"#);
    assert!(deliver(BRAZE, world, &[user("a", 1), user("b", 2), user("c", 3)]).await.is_empty());
    let ids = |body: &Json| -> Vec<String> {
        let attributes = body["attributes"].as_array().unwrap().iter();
        attributes.map(|user| user["external_id"].as_str().unwrap().to_owned()).collect()
    };
    let sent: Vec<_> = bodies(world).iter().map(ids).collect();
    let [first, second] = &sent[..] else { unreachable!("{sent:?}") };
    assert_eq!((first.len(), &second[..]), (3, &first[1..]));
    let kept = world.state.kept();
    assert_eq!(kept.len(), 1);
    let refused = format!(r#""external_id":"{}""#, first[0]);
    assert!(String::from_utf8(kept[0].payload.bytes().unwrap()).unwrap().contains(&refused), "{kept:?}");
    assert_eq!(world.ledger.entries.lock().unwrap().len(), 2);
}

#[test]
fn every_payload_is_named_here() {
    let corpus = Corpus::at(concat!(env!("CARGO_MANIFEST_DIR"), "/../../events"));
    assert_eq!(corpus.payloads(&["deliveries"]).unwrap(), ["deliveries/two-contacts.json"]);
}

#[tokio::test]
async fn without_time_left_nothing_is_begun() {
    let world = world();
    world.state.clock.advance(Duration::from_secs(100));
    assert_eq!(deliver(HUBSPOT, world, &[vec![contact("a", 1, "pro")]]).await, ["m-0"]);
    assert!(bodies(world).is_empty());
    assert_eq!(world.visibility.hidden.lock().unwrap()["handle-m-0"], Duration::ZERO, "tried again at once");
    assert_eq!(world.state.activity.0.lock().unwrap().len(), 1);
}

fn own(requests: f64, seconds: f64) -> Quota {
    Quota::Own(RateLimit { requests, seconds }.window().unwrap())
}

#[tokio::test]
async fn a_limited_rate_holds_the_lanes_until_the_next_turn() {
    let world = world();
    let handler = memory::handler_at(SINGLE.0, SINGLE.1, own(1.0, 600.0), world);
    let batches = [vec![event("a", 1, "x")], vec![event("a", 2, "y")]];
    let response = handler.deliver(&payload(&messages(&batches)), deadline()).await.unwrap();
    // The first takes the one turn in ten minutes; the function cannot wait so long, and the queue does.
    assert_eq!(response.failed().collect::<Vec<_>>(), ["m-1"]);
    assert_eq!(world.http.requests.lock().unwrap().len(), 1);
    // Ten minutes, the slots that they touch in part, and a tenth at most to spread those that wait.
    let hidden = world.visibility.hidden.lock().unwrap()["handle-m-1"].as_secs();
    assert!((600..=680).contains(&hidden), "{hidden}");
}

#[tokio::test]
async fn a_block_of_turns_costs_one_read_and_one_write() {
    let world = world();
    let handler = memory::handler_at(SINGLE.0, SINGLE.1, own(100.0, 10.0), world);
    let batches: Vec<Vec<Delivery>> = (1..=8).map(|number| vec![event(&format!("k{number}"), number, "x")]).collect();
    assert!(handler.deliver(&payload(&messages(&batches)), deadline()).await.unwrap().is_done());
    let cost = |world: &Memory<ScriptedHttp>| {
        (world.gates.reads.load(Ordering::SeqCst), world.gates.writes.load(Ordering::SeqCst))
    };
    assert_eq!((world.http.requests.lock().unwrap().len(), cost(world)), (8, (1, 1)));

    // Without a limit an invocation asks once whether the destination answers at all.
    let world = self::world();
    assert!(deliver(SINGLE, world, &batches).await.is_empty());
    assert_eq!((world.http.requests.lock().unwrap().len(), cost(world)), (8, (1, 0)));
}

#[tokio::test]
async fn what_one_invocation_is_told_to_wait_for_the_others_wait_for() {
    let world = world();
    world.http.answer(429, &[("retry-after", "120")], "");
    deliver(SINGLE, world, &[vec![event("a", 1, "x")]]).await;
    assert_eq!(deliver(SINGLE, world, &[vec![event("b", 2, "y")]]).await, ["m-0"]);
    assert_eq!(world.http.requests.lock().unwrap().len(), 1);
    world.state.clock.advance(Duration::from_mins(2));
    let payload = payload(&messages(&[vec![event("b", 2, "y")]]));
    let later = deadline() + Duration::from_mins(2);
    assert!(handler(SINGLE.0, SINGLE.1, world).deliver(&payload, later).await.unwrap().is_done());
}

#[tokio::test]
async fn what_the_vendor_says_is_left_is_all_that_is_sent() {
    let world = world();
    let mut left = Vec::new();
    // Starter has a hundred in ten seconds; by the first answer somebody else has had all but two.
    for number in 1..=6 {
        let headers: &[_] = if number == 1 { &[("x-hubspot-ratelimit-remaining", "2")] } else { &[] };
        world.http.answer(200, headers, &upserted(&["a"]));
        left.extend(deliver(HUBSPOT, world, &[vec![contact("a", number, &format!("v{number}"))]]).await);
    }
    assert_eq!((bodies(world).len(), left.len()), (3, 3));
}

#[tokio::test]
async fn a_destination_that_is_down_costs_a_probe_now_and_then() {
    let world = world();
    let batch: Vec<Vec<Delivery>> = (1..=10).map(|number| vec![event(&format!("k{number}"), number, "x")]).collect();
    let payload = payload(&messages(&batch));
    let calls = || world.http.requests.lock().unwrap().len();
    let handler = handler(SINGLE.0, SINGLE.1, world);
    for _ in 0..100 {
        world.http.no_answer("timed out");
    }
    let mut now = Duration::ZERO;
    let mut run = async |wait: Duration| {
        world.state.clock.advance(wait);
        now += wait;
        handler.deliver(&payload, deadline() + now).await.unwrap().failed().count()
    };
    // Those that are under way when the fifth fails are the last.
    assert_eq!(run(Duration::ZERO).await, 10);
    let first = calls();
    assert!((5..=8).contains(&first), "{first}");
    assert_eq!(run(Duration::ZERO).await, 10);
    assert_eq!(calls(), first, "nothing is sent while it is open");
    // Half open it lets one through, and opens again.
    for probes in 1..4 {
        assert_eq!(run(Duration::from_mins(5)).await, 10);
        assert_eq!(run(Duration::ZERO).await, 10);
        assert_eq!(calls(), first + probes);
    }
    // It answers again: the probe goes alone, and then all goes through.
    world.http.answers.lock().unwrap().clear();
    assert_eq!(run(Duration::from_mins(5)).await, 9);
    assert_eq!(run(Duration::from_secs(5)).await, 0);
    assert_eq!(calls(), first + 3 + 10);
    assert!(world.state.kept().is_empty());
}
