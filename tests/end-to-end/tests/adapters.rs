//! The adapters of `shared::aws`, through the real protocols of the local services: what the handlers rely on.
//!
//! The same contracts are run over the world in memory, on which the handlers' own tests stand.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use freshet::{
    demo::sources,
    faults::Faults,
    services::Ports,
    stack::{Ground, StackConfig, variables::Variables},
};
use serde_json::json;
use shared::{
    aws::{Aws, FailuresTable, GatesTable, LedgerTable, LookupTables, ObjectStore, PipelinesTable},
    event::{Op, Order},
    failure::{Failure, Payload, Stage, Standing},
    gate::{Gate, Window},
    key::Key,
    lane::Lanes,
    ledger::{Entry, LedgerKey, Past, PastOutcome, Pending, Progress, Written, email_digest},
    lookup::{KeyType, LookupTable, RowKey},
    pipeline::{publication::Edition, state::Replay},
    ports::{
        BacklogPage, BacklogRecord, Failures as _, Gates, KeptFailures as _, LaneCounts, Leases, Ledger, Lookups as _,
        Objects as _, Pipelines as _, Publishing as _, Replays, Timelines,
    },
    position::Position,
    replay,
    testing::{MemoryGates, MemoryLaneCounts, MemoryLedger, MemoryReplays},
    time::{Clock as _, SystemClock, Timestamp},
    value::Value,
};

async fn ground() -> Ground {
    let store = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../infra/examples/store/terraform.tfvars");
    Ground::lay(StackConfig {
        variables: Variables::read(&store).unwrap(),
        data_dir: None,
        ports: Ports::default(),
        faults: Faults::none(),
        own_endpoints: BTreeMap::new(),
    })
    .await
    .unwrap()
}

fn key(row: usize) -> LedgerKey {
    let mut delivery: shared::delivery::Delivery = serde_json::from_value(serde_json::json!({
        "id": "p/s/1/1", "pipeline": "p", "version": 1, "source": "s", "op": Op::Update, "key": {"id": "r"},
        "epoch": 1, "position": "1", "occurred_at": 0, "action": "send", "step": "apply", "fields": {},
    }))
    .unwrap();
    delivery.key = Key::single("id", i64::try_from(row).unwrap());
    LedgerKey::of_row(&delivery)
}

fn entry(epoch: u64, position: &str) -> Entry {
    let past = Past {
        at: Timestamp::from_millis(1_700_000_000_000),
        event: format!("s/{epoch}/{position}"),
        version: 3,
        outcome: PastOutcome::Delivered,
    };
    Entry {
        order: Order { epoch, position: Position::parse(position).unwrap() },
        recorded_at: Timestamp::from_millis(1_700_000_000_001),
        digest: Some("d".to_owned()),
        destination_key: Some("contact-7".to_owned()),
        created: Some(true),
        email: Some(email_digest("ada@example.com")),
        past: vec![past],
        expires_at: Some(Timestamp::from_millis(1_800_000_000_000)),
        progress: None,
    }
}

async fn a_lease_is_one_invocations_until_it_ends(leases: &impl Leases) {
    let at = |seconds: i64| Timestamp::from_millis(1_700_000_000_000 + seconds * 1_000);
    assert!(leases.take("token/crm", at(0), at(60)).await.unwrap());
    assert!(!leases.take("token/crm", at(59), at(119)).await.unwrap(), "another's");
    assert!(leases.take("token/erp", at(59), at(119)).await.unwrap(), "of another name");
    assert!(leases.take("token/crm", at(60), at(120)).await.unwrap(), "it has ended by itself");
    leases.give_back("token/crm", at(60)).await.unwrap();
    assert!(!leases.take("token/crm", at(61), at(121)).await.unwrap(), "who comes back late gives nothing back");
    leases.give_back("token/crm", at(120)).await.unwrap();
    assert!(leases.take("token/crm", at(62), at(122)).await.unwrap());
    leases.give_back("token/unknown", at(1)).await.unwrap();
}

/// Positions as Kinesis and DynamoDB streams write them: texts of digits of any length, compared as numbers.
async fn a_ledger_only_moves_forward(ledger: &impl Ledger) {
    const KINESIS: &str = "49590338271490256608559692538361571095921575989136588898";
    let row = key(1);
    let mut newest = None;
    for (epoch, position, written) in [
        (1, "9", Written::Yes),
        (1, "10", Written::Yes),
        (1, "9", Written::Superseded),
        (1, "10", Written::Superseded),
        (1, KINESIS, Written::Yes),
        (1, "4959033827149025660855969253836157109592157598913658889", Written::Superseded),
        (2, "1", Written::Yes),
        (1, "99999999999999999999999999999999999999999999999999999999", Written::Superseded),
        (10, "0", Written::Yes),
        (9, KINESIS, Written::Superseded),
    ] {
        let entry = entry(epoch, position);
        assert_eq!(ledger.write(&row, &entry).await.unwrap(), written, "{epoch}/{position}");
        if written == Written::Yes {
            newest = Some(entry);
        }
        let held = ledger.read(std::slice::from_ref(&row)).await.unwrap();
        assert_eq!(held.get(&row), newest.as_ref(), "{epoch}/{position}");
    }
    // More than one BatchGetItem takes, and some that are not there.
    for row in 100..250 {
        ledger.write(&key(row), &entry(1, "7")).await.unwrap();
    }
    let asked: Vec<LedgerKey> = (90..250).map(key).collect();
    let held = ledger.read(&asked).await.unwrap();
    assert_eq!(held.len(), 150);
    assert!(held.values().all(|held| *held == entry(1, "7")));
    // A delivery's progress is the last that was written.
    let row = key(2);
    let since = Timestamp::from_millis(1_700_000_000_000);
    let pending = |job: &str| Progress::Pending(Pending { job: job.to_owned(), place: 3, of: 9, since, lost: 1 });
    let failed = Progress::Failed { message: "m-1".to_owned() };
    for (position, progress) in [("8", pending("1")), ("8", pending("2")), ("7", pending("3")), ("7", failed)] {
        let entry = Entry { progress: Some(progress), ..entry(1, position) };
        ledger.keep_progress(&row, &entry).await.unwrap();
        assert_eq!(ledger.read(std::slice::from_ref(&row)).await.unwrap().get(&row), Some(&entry));
    }
    // Attempts are counted until one ends.
    assert_eq!(ledger.begin_attempt("p/s/1/1").await.unwrap(), 1);
    assert_eq!(ledger.begin_attempt("p/s/1/1").await.unwrap(), 2);
    assert_eq!(ledger.begin_attempt("p/s/1/2").await.unwrap(), 1);
    ledger.end_attempt("p/s/1/1").await.unwrap();
    assert_eq!(ledger.begin_attempt("p/s/1/1").await.unwrap(), 1);
}

#[tokio::test]
async fn the_ledger_only_moves_forward() {
    a_ledger_only_moves_forward(&MemoryLedger::default()).await;
    let ground = ground().await;
    a_ledger_only_moves_forward(&LedgerTable::new(ground.aws().dynamodb(), "store-freshet-ledger")).await;
}

#[tokio::test]
async fn a_lease_ends_by_itself_and_is_given_back_by_who_has_it() {
    a_lease_is_one_invocations_until_it_ends(&MemoryLedger::default()).await;
    let ground = ground().await;
    let table = LedgerTable::new(ground.aws().dynamodb(), "store-freshet-ledger");
    a_lease_is_one_invocations_until_it_ends(&table).await;
}

async fn rows_are_found_by_the_address_that_they_were_sent_with_last<L: Ledger + Timelines>(ledger: &L) {
    let sent = |position: &str, address: &str| Entry { email: Some(email_digest(address)), ..entry(1, position) };
    let rows = async |address: &str, most| {
        let mut rows = ledger.rows_of(&email_digest(address), most).await.unwrap();
        rows.sort();
        rows
    };
    for (row, position, address) in [(1, "1", "ada@x.example"), (2, "1", "ada@x.example"), (3, "1", "bob@x.example")] {
        assert_eq!(ledger.write(&key(row), &sent(position, address)).await.unwrap(), Written::Yes);
    }
    assert_eq!(rows(" Ada@X.example ", 10).await, [key(1), key(2)]);
    assert_eq!(rows("ada@x.example", 1).await.len(), 1);
    assert_eq!(rows("nobody@x.example", 10).await, []);
    // Row 2 has another address since, and row 3 was sent without one.
    ledger.write(&key(2), &sent("2", "bob@x.example")).await.unwrap();
    ledger.write(&key(3), &Entry { email: None, ..entry(1, "2") }).await.unwrap();
    assert_eq!(rows("ada@x.example", 10).await, [key(1)]);
    assert_eq!(rows("bob@x.example", 10).await, [key(2)]);
    let found = ledger.entries(&[key(2), key(9)]).await.unwrap();
    assert_eq!(found, std::collections::HashMap::from([(key(2), sent("2", "bob@x.example"))]));
    assert_eq!(key(2).row().unwrap(), ("p", Key::single("id", 2)));
}

#[tokio::test]
async fn people_are_found_in_the_ledger() {
    rows_are_found_by_the_address_that_they_were_sent_with_last(&MemoryLedger::default()).await;
    let ground = ground().await;
    let table = LedgerTable::new(ground.aws().dynamodb(), "store-freshet-ledger");
    rows_are_found_by_the_address_that_they_were_sent_with_last(&table).await;
}

async fn of_two_that_change_a_gate_one_is_refused(gates: &impl Gates) {
    assert_eq!(gates.read("crm").await.unwrap(), (0, Gate::default()));
    let mut gate = Gate::default();
    gate.block(Timestamp::from_millis(1_700_000_000_000));
    let windows: Vec<Window> = Window::new("all", 100.0, 1.0, 0.9).into_iter().collect();
    gate.lease(Timestamp::from_millis(1_699_999_999_500), &windows, 8);
    assert!(gates.write("crm", 0, &gate).await.unwrap());
    assert!(!gates.write("crm", 0, &Gate::default()).await.unwrap(), "it stands at revision 1");
    assert_eq!(gates.read("crm").await.unwrap(), (1, gate.clone()));
    assert!(!gates.write("crm", 7, &Gate::default()).await.unwrap());
    gate.failed(Timestamp::from_millis(1), Timestamp::from_millis(2), 0.5);
    assert!(gates.write("crm", 1, &gate).await.unwrap());
    assert_eq!(gates.read("crm").await.unwrap(), (2, gate));
    assert_eq!(gates.read("warehouse").await.unwrap(), (0, Gate::default()), "each destination has its own");
}

#[tokio::test]
async fn a_gate_is_written_by_one_at_a_time() {
    of_two_that_change_a_gate_one_is_refused(&MemoryGates::default()).await;
    let ground = ground().await;
    of_two_that_change_a_gate_one_is_refused(&GatesTable::new(ground.aws().dynamodb(), "store-freshet-ledger")).await;
}

fn accounts() -> BTreeMap<String, LookupTable> {
    let key = BTreeMap::from([("account_id".to_owned(), KeyType::S)]);
    BTreeMap::from([(
        "accounts".to_owned(),
        LookupTable { table: "store-accounts".to_owned(), key, cache_seconds: 60 },
    )])
}

fn account(id: usize) -> RowKey {
    let id = Value::from(format!("a-{id}"));
    RowKey::of("accounts", &accounts()["accounts"].key, |_| Some(&id)).unwrap().unwrap()
}

#[tokio::test]
async fn rows_are_looked_up_by_their_keys_however_many() {
    let ground = ground().await;
    let client = ground.aws().dynamodb();
    sources::create(client, ground.aws().kinesis()).await.unwrap();
    let lookups = LookupTables::new(client, &accounts());
    // More than one BatchGetItem takes, and most of them are not there.
    let keys: Vec<RowKey> = (1..=250).map(account).collect();
    let rows = lookups.read("accounts", &keys).await.unwrap();
    assert_eq!(rows.len(), 5);
    assert_eq!(rows[&account(2)].get("owner_email"), Some(&"kofi@store.example".into()));
    assert_eq!(rows[&account(2)].get("health").unwrap().to_json(), "34");
    let error = lookups.read("prices", &keys).await.unwrap_err().to_string();
    assert!(error.contains("there is no lookup table `prices` in this stack"), "{error}");
    let gone = BTreeMap::from([(
        "accounts".to_owned(),
        LookupTable { table: "gone".into(), ..accounts()["accounts"].clone() },
    )]);
    let error = LookupTables::new(client, &gone).read("accounts", &keys[..1]).await.unwrap_err().to_string();
    assert!(error.starts_with("dynamodb:BatchGetItem failed"), "{error}");
}

/// A table that answers with the row of one key a call at most, and leaves the others unprocessed, as DynamoDB does when
/// it throttles. The bodies of the calls are told.
async fn a_slow_table(never: bool) -> (Aws, Arc<Mutex<Vec<serde_json::Value>>>) {
    use axum::{Json, Router, routing::post};
    let calls = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&calls);
    let answer = move |body: String| {
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        told.lock().unwrap().push(body.clone());
        let mut keys = body["RequestItems"]["store-accounts"]["Keys"].as_array().unwrap().clone();
        let found: Vec<_> = if never { Vec::new() } else { keys.pop().into_iter().collect() };
        let rest = if keys.is_empty() { json!({}) } else { json!({"store-accounts": {"Keys": keys}}) };
        async move { Json(json!({"Responses": {"store-accounts": found}, "UnprocessedKeys": rest})) }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", post(answer))).await });
    let environment = move |name: &str| match name {
        "AWS_ENDPOINT_URL" => Some(url.clone()),
        "AWS_REGION" | "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("x".to_owned()),
        _ => None,
    };
    (Aws::from_environment(&environment).unwrap(), calls)
}

#[tokio::test]
async fn keys_that_are_left_unprocessed_are_asked_for_again_and_not_for_ever() {
    let keys: Vec<RowKey> = (1..=3).map(account).collect();
    let asked = |calls: &Mutex<Vec<serde_json::Value>>| -> Vec<usize> {
        let calls = calls.lock().unwrap();
        calls.iter().map(|call| call["RequestItems"]["store-accounts"]["Keys"].as_array().unwrap().len()).collect()
    };
    let (aws, calls) = a_slow_table(false).await;
    let rows = LookupTables::new(aws.dynamodb(), &accounts()).read("accounts", &keys).await.unwrap();
    assert_eq!((rows.len(), asked(&calls)), (3, vec![3, 2, 1]));
    assert_eq!(calls.lock().unwrap()[0]["RequestItems"]["store-accounts"]["ConsistentRead"], true);

    let (aws, calls) = a_slow_table(true).await;
    let keys = [account(1), account(2)];
    let error = LookupTables::new(aws.dynamodb(), &accounts()).read("accounts", &keys).await.unwrap_err().to_string();
    assert!(error.contains("keys of store-accounts were left unprocessed again and again"), "{error}");
    assert_eq!(asked(&calls), [2; 7]);
}

async fn a_count_of_lanes_is_kept(counts: &impl LaneCounts) {
    let lanes = |count| Lanes::new(count).unwrap();
    counts.agree("a.fifo", lanes(8)).await.unwrap();
    counts.agree("a.fifo", lanes(8)).await.unwrap();
    let refused = counts.agree("a.fifo", lanes(12)).await.unwrap_err().to_string();
    assert!(refused.contains("a.fifo was created with 8 lanes"), "{refused}");
    counts.agree("b.fifo", lanes(12)).await.unwrap();
}

async fn a_replay_is_one_invocations_at_a_time(replays: &impl Replays) {
    let at = |seconds: i64| Timestamp::from_millis(1_700_000_000_000 + seconds * 1_000);
    let replay = Replay { from: at(-600), version: 2, begins_at: at(0), until: None };
    let fresh = replay::Progress::default();
    let mut read = fresh.clone();
    let record = BacklogRecord { number: "7".to_owned(), arrived_at: at(-300), data: Vec::new() };
    let page = BacklogPage { records: vec![record], next: Some("more".to_owned()), behind: Duration::from_mins(5) };
    read.note("shardId-000000000000", &page, at(0));
    assert_eq!(replays.take("contacts", &replay, at(0), at(60)).await.unwrap(), Some(fresh.clone()));
    assert_eq!(replays.take("contacts", &replay, at(59), at(119)).await.unwrap(), None, "another's");
    assert_eq!(replays.take("deals", &replay, at(59), at(119)).await.unwrap(), Some(fresh.clone()));
    assert!(replays.keep("contacts", &replay, at(60), &read).await.unwrap());
    assert_eq!(replays.take("contacts", &replay, at(60), at(120)).await.unwrap(), Some(read.clone()), "after a crash");
    assert!(!replays.keep("contacts", &replay, at(60), &fresh).await.unwrap(), "it is held by another now");
    replays.give_back("contacts", &replay, at(60), &fresh).await.unwrap();
    assert_eq!(replays.take("contacts", &replay, at(61), at(121)).await.unwrap(), None, "who is late changes nothing");
    replays.give_back("contacts", &replay, at(120), &read).await.unwrap();
    assert_eq!(replays.take("contacts", &replay, at(62), at(122)).await.unwrap(), Some(read.clone()));
    replays.give_back("contacts", &replay, at(122), &read).await.unwrap();
    let next = Replay { begins_at: at(600), ..replay };
    assert_eq!(replays.take("contacts", &next, at(600), at(660)).await.unwrap(), Some(fresh), "another replay");
}

#[tokio::test]
async fn how_far_a_replay_has_come_is_kept_by_who_has_it() {
    a_replay_is_one_invocations_at_a_time(&MemoryReplays::default()).await;
    let ground = ground().await;
    a_replay_is_one_invocations_at_a_time(&PipelinesTable::new(ground.aws().dynamodb(), "store-freshet-pipelines"))
        .await;
}

#[tokio::test]
async fn a_count_of_lanes_is_recorded_once() {
    a_count_of_lanes_is_kept(&MemoryLaneCounts::default()).await;
    let ground = ground().await;
    a_count_of_lanes_is_kept(&PipelinesTable::new(ground.aws().dynamodb(), "store-freshet-pipelines")).await;
}

#[tokio::test]
async fn a_published_pipeline_is_live_and_counts_the_revision() {
    let ground = ground().await;
    let table = PipelinesTable::new(ground.aws().dynamodb(), "store-freshet-pipelines");
    let before = table.revision().await.unwrap();
    let at = Timestamp::from_millis(1_700_000_000_000);
    let edition = Edition { by: "ada".to_owned(), at, from: at };
    assert_eq!(table.publish("contacts", "one", &edition).await.unwrap(), 1);
    // The same text is the same version, and changes nothing.
    assert_eq!(table.publish("contacts", "one", &edition).await.unwrap(), 1);
    assert_eq!(table.revision().await.unwrap(), before + 1);
    assert_eq!(table.publish("contacts", "two", &edition).await.unwrap(), 2);
    assert_eq!(table.revision().await.unwrap(), before + 2);
    let live = table.live().await.unwrap();
    let live: Vec<_> = live.iter().map(|stored| (stored.name.as_str(), stored.version, &*stored.document)).collect();
    assert_eq!(live, [("contacts", 2, "two")]);
    assert_eq!(table.document("contacts", 1).await.unwrap().as_deref(), Some("one"));
    assert_eq!(table.document("contacts", 3).await.unwrap(), None);
    let history: Vec<_> =
        table.history("contacts").await.unwrap().into_iter().map(|old| (old.version, old.by)).collect();
    assert_eq!(history, [(2, "ada".to_owned()), (1, "ada".to_owned())]);
}

#[tokio::test]
async fn the_time_is_the_tables() {
    let ground = ground().await;
    let table = PipelinesTable::new(ground.aws().dynamodb(), "store-freshet-pipelines");
    let before = SystemClock.now();
    let now = table.now().await.unwrap();
    assert!((before.seconds()..=SystemClock.now().seconds()).contains(&now.seconds()), "{now:?}");
    // The header has whole seconds; this machine's clock would have to strike one by chance.
    assert_eq!(now.millis() % 1_000, 0);
}

#[tokio::test]
async fn how_a_pipeline_stands_is_changed_by_one_at_a_time() {
    let ground = ground().await;
    let table = PipelinesTable::new(ground.aws().dynamodb(), "store-freshet-pipelines");
    let at = Timestamp::from_millis(1_700_000_000_000);
    table.publish("contacts", "one", &Edition { by: "ada".to_owned(), at, from: at }).await.unwrap();
    let read = table.find("contacts").await.unwrap().unwrap();
    let paused = read.state.paused(at, at, "ada", None).unwrap();
    assert!(table.amend("contacts", read.edit, &paused).await.unwrap());
    assert!(!table.amend("contacts", read.edit, &read.state).await.unwrap(), "it has been changed since it was read");
    let stored = table.find("contacts").await.unwrap().unwrap();
    assert_eq!((stored.state, stored.edit, stored.version), (paused, read.edit + 1, 1));
    assert!(!table.amend("unknown", 0, &read.state).await.unwrap());
}

#[tokio::test]
async fn a_failure_is_kept_once_and_a_large_one_in_the_bucket() {
    let ground = ground().await;
    let client = ground.aws().dynamodb();
    let objects = ObjectStore::new(ground.aws().s3());
    let table = FailuresTable::new(client, "store-freshet-failures", objects.clone(), "store-freshet");
    // Not text: it has to come back byte for byte.
    let large: Vec<u8> = (0..400_000_u32).map(|number| u8::try_from(number % 251).unwrap()).collect();
    for (id, bytes, at) in [("a", &b"small"[..], 1), ("a", b"small", 2), ("b", &large, 3)] {
        let failure = Failure {
            id: id.to_owned(),
            stage: Stage::Deliver,
            reason: "rejected".to_owned(),
            source: None,
            pipeline: Some("contacts".to_owned()),
            version: Some(1),
            destination: Some("crm".to_owned()),
            key: None,
            request: None,
            answer: None,
            payload: Payload::of(bytes),
            at: Timestamp::from_millis(at),
        };
        table.keep(vec![failure]).await.unwrap();
    }
    let items = client.scan().table_name("store-freshet-failures").send().await.unwrap().items.unwrap();
    assert_eq!(items.len(), 2);
    for item in items {
        let number = |name: &str| item[name].as_n().unwrap().as_str();
        let failure: Failure = serde_json::from_str(item["failure"].as_s().unwrap()).unwrap();
        match failure.payload {
            Payload::Object { bucket, key } => {
                assert_eq!((failure.id.as_str(), number("times"), number("first_at")), ("b", "1", "3"));
                assert_eq!(objects.get(&bucket, &key).await.unwrap().unwrap(), large);
            }
            payload => {
                assert_eq!((failure.id.as_str(), number("times")), ("a", "2"));
                assert_eq!((number("first_at"), number("last_at")), ("1", "2"));
                assert_eq!(payload.bytes().unwrap(), b"small");
            }
        }
    }
    assert_eq!(objects.get("store-freshet", "not there").await.unwrap(), None);

    // A redrive's end closes it; what a person has given up stays given up.
    let standing = async |id: &str| table.get(id).await.unwrap().unwrap().listed.standing;
    table.close("a", Standing::Superseded, Timestamp::from_millis(4)).await.unwrap();
    assert_eq!(standing("a").await, Standing::Superseded);
    assert_eq!(table.get("a").await.unwrap().unwrap().closed_at, Some(Timestamp::from_millis(4)));
    table.discard("b", "no longer wanted", Timestamp::from_millis(5)).await.unwrap();
    table.close("b", Standing::Delivered, Timestamp::from_millis(6)).await.unwrap();
    assert_eq!(standing("b").await, Standing::Discarded);
    table.close("unknown", Standing::Delivered, Timestamp::from_millis(7)).await.unwrap();
    assert_eq!(table.get("unknown").await.unwrap(), None);
}
