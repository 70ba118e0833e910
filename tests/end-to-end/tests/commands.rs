//! The commands for a deployed stack, on the local one: through its outputs, as a file, and AWS's protocols.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_kinesis::primitives::Blob;
use freshet::{
    commands::{destinations, failures, pipelines, status},
    console::LocalConsole,
    demo::sources,
    deployed::{Chosen, Connection, Deployed},
    faults::Faults,
    services::Ports,
    simulator::What,
    stack::{Ground, Stack, StackConfig, variables::Variables},
};
use shared::{
    event::ChangeEvent,
    failure::{Failure, Kept, Payload, Selection, Stage, Standing},
    frame::{self, Content},
    http::{Reach, Timeouts, VendorHttp},
    lane::Lanes,
    pipeline::publication::{Edition, Others, PublishError},
    ports::{
        Backlog as _, Failures as _, Http as _, HttpRequest, HttpResponse, KeptFailures as _, Publishing as _, Since,
    },
    time::{Clock as _, SystemClock, Timestamp},
    value::Value,
};
use tokio::task::JoinSet;

/// A publication that is in effect for whatever arrives.
fn at_once() -> Edition {
    by("a test")
}

/// The same, by somebody.
fn by(name: &str) -> Edition {
    Edition { by: name.to_owned(), at: SystemClock.now(), from: Timestamp::from_millis(0) }
}

fn store() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../infra/examples/store")
}

async fn ground() -> Ground {
    let variables = Variables::read(&store().join("terraform.tfvars")).unwrap();
    let config = StackConfig {
        variables,
        data_dir: None,
        ports: Ports::default(),
        faults: Faults::none(),
        own_endpoints: BTreeMap::new(),
    };
    Ground::lay(config).await.unwrap()
}

/// The store's stack with a folder's pipelines, which its functions know from their beginning.
async fn start(folder: tempfile::TempDir) -> Stack {
    let ground = ground().await;
    sources::create(ground.aws().dynamodb(), ground.aws().kinesis()).await.unwrap();
    let stack = connect(&ground.deployed().unwrap());
    pipelines::push(&stack, folder.path(), Others::Keep, false, &at_once()).await.unwrap();
    ground.start().await.unwrap()
}

/// The stack as the commands see it: by the file of its outputs, without anything in the environment.
fn connect(deployed: &Deployed) -> Connection<'static> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stack.json");
    std::fs::write(&file, serde_json::to_string(deployed).unwrap()).unwrap();
    Chosen { outputs: Some(file) }.connect(&|_: &str| None).unwrap()
}

/// A folder with a file of the store's pipelines, changed.
fn folder_with(file: &str, from: &str, to: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(store().join("pipelines").join(file)).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(folder.path().join(file), text.replace(from, to)).unwrap();
    folder
}

/// A folder with all of the store's pipelines.
fn all_of_the_store() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, bytes) in files(&store().join("pipelines")) {
        std::fs::write(folder.path().join(file), bytes).unwrap();
    }
    folder
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelines_are_pushed_whole_or_not_at_all_and_pulled_byte_for_byte() {
    let ground = ground().await;
    let stack = connect(&ground.deployed().unwrap());
    let wrong = folder_with("customers-to-hubspot.toml", "\"customers\"\n", "\"custmers\"\n");
    let other =
        "name = \"a\"\nsource = \"orders\"\ndestination = \"warehous\"\naction = \"send\"\n[fields]\na = \"after.a\"\n";
    std::fs::write(wrong.path().join("a.toml"), other).unwrap();
    let error = pipelines::push(&stack, wrong.path(), Others::Keep, false, &at_once()).await.unwrap_err().to_string();
    assert!(error.starts_with("nothing was pushed:\n"), "{error}");
    assert!(error.contains("a.toml:3: there is no destination `warehous`"), "{error}");
    assert!(error.contains("customers-to-hubspot.toml:7: there is no source `custmers`"), "{error}");
    assert_eq!(
        pipelines::list(&stack).await.unwrap(),
        "No pipeline is live on this stack; `freshet pipelines push <folder>` makes some so.\n"
    );

    let folder = all_of_the_store();
    let folder = folder.path();
    let pushed = pipelines::push(&stack, folder, Others::Keep, false, &at_once()).await.unwrap();
    assert_eq!(
        pushed,
        "customers-to-customer-io  version 1 (new)\n\
         customers-to-hubspot      version 1 (new)\n\
         customers-to-klaviyo      version 1 (new)\n\
         customers-to-warehouse    version 1 (new)\n\
         orders-to-analytics       version 1 (new)\n\
         orders-to-braze           version 1 (new)\n\
         orders-to-warehouse       version 1 (new)\n\
         page-views-to-analytics   version 1 (new)\n\
         tickets-to-helpdesk       version 1 (new)\n\
         tickets-to-slack          version 1 (new)\n\
         In effect for what arrives from 1970-01-01T00:00:00.000Z on.\n"
    );
    assert_eq!(pipelines::diff(&stack, folder).await.unwrap(), "");
    let listed = pipelines::list(&stack).await.unwrap();
    assert_eq!(
        listed.lines().nth(1).unwrap(),
        "customers-to-customer-io        1  customers   customer_io  upsert_person   live"
    );

    let pulled = tempfile::tempdir().unwrap();
    pipelines::pull(&stack, pulled.path(), false).await.unwrap();
    assert_eq!(files(pulled.path()), files(folder));
    // A file that says something else is kept, unless it is to go.
    let file = pulled.path().join("orders-to-warehouse.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("'placed'", "'paid'")).unwrap();
    let error = pipelines::pull(&stack, pulled.path(), false).await.unwrap_err().to_string();
    assert!(error.contains("orders-to-warehouse.toml; look at it with"), "{error}");
    let diff = pipelines::diff(&stack, pulled.path()).await.unwrap();
    assert!(diff.starts_with("--- live/orders-to-warehouse version 1\n+++ "), "{diff}");
    assert!(diff.contains("\n-when = \"after.status != 'placed'\"\n+when = \"after.status != 'paid'\"\n"), "{diff}");
    let pushed = pipelines::push(&stack, pulled.path(), Others::Keep, false, &at_once()).await.unwrap();
    assert!(pushed.contains("orders-to-warehouse       version 2 (changed)"), "{pushed}");
    assert!(pushed.contains("orders-to-analytics       version 1 (unchanged)"), "{pushed}");
    pipelines::pull(&stack, &pulled.path().join("new"), false).await.unwrap();
    std::fs::write(&file, &text).unwrap();
    pipelines::pull(&stack, pulled.path(), true).await.unwrap();
    assert_ne!(std::fs::read_to_string(&file).unwrap(), text);

    // What is not in the folder goes with --prune only; when it comes back, its history goes on.
    let one = folder_with("orders-to-warehouse.toml", "'placed'", "'new'");
    let pruned = pipelines::push(&stack, one.path(), Others::Retire, false, &at_once()).await.unwrap();
    assert!(pruned.starts_with("orders-to-warehouse       version 3 (changed)\n"), "{pruned}");
    assert!(pruned.contains("orders-to-analytics       version 1 (out of service)\n"), "{pruned}");
    assert_eq!(pipelines::list(&stack).await.unwrap().lines().count(), 2);
    // The first folder has seen none of it.
    let error = pipelines::push(&stack, folder, Others::Keep, false, &at_once()).await.unwrap_err().to_string();
    assert!(error.contains("\n  orders-to-analytics: taken out of service by a test, "), "{error}");
    assert!(error.contains("\n  orders-to-warehouse: version 3 by a test, "), "{error}");
    let again = pipelines::push(&stack, folder, Others::Keep, true, &at_once()).await.unwrap();
    assert!(again.contains("orders-to-analytics       version 2 (new)\n"), "{again}");
    assert!(again.contains("orders-to-warehouse       version 4 (changed)\n"), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_pipelines_are_too_many_for_one_push_and_nothing_changes() {
    let ground = ground().await;
    let stack = connect(&ground.deployed().unwrap());
    let names: Vec<String> = (0..50).map(|number| format!("p-{number}")).collect();
    let documents: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "text")).collect();
    let refused = stack.pipelines().publish_all(&documents, Others::Keep, &at_once()).await.unwrap_err();
    assert_eq!(refused, PublishError::TooMany { changes: 50 });
    assert_eq!(stack.pipelines().publish_all(&documents[1..], Others::Keep, &at_once()).await.unwrap().len(), 49);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_publications_at_once_one_is_whole_and_the_other_is_told_of_it() {
    let ground = ground().await;
    let stack = connect(&ground.deployed().unwrap());
    let table = stack.pipelines();
    table.publish_all(&[("a", "zero"), ("b", "zero"), ("c", "zero")], Others::Keep, &at_once()).await.unwrap();
    let (one, two) = (["a", "b", "c"].map(|name| (name, "one")), ["a", "b", "c"].map(|name| (name, "two")));
    let (ada, bo) = (by("ada"), by("bo"));
    let seen = ["a", "b", "c"].map(|name| (name.to_owned(), 1)).into();
    let results = tokio::join!(
        table.publish_over(&one, Others::Keep, &ada, Some(&seen)),
        table.publish_over(&two, Others::Keep, &bo, Some(&seen)),
    );
    let (first, error) = match results {
        (Ok(_), Err(error)) => ("ada", error),
        (Err(error), Ok(_)) => ("bo", error),
        results => unreachable!("one of them, and not {results:?}"),
    };
    let live = table.live().await.unwrap();
    let won = if first == "ada" { "one" } else { "two" };
    assert!(live.iter().all(|live| live.document == won && live.version == 2 && live.by == first), "{live:?}");
    let told = error.to_string();
    println!("{told}");
    let at = if first == "ada" { &ada } else { &bo }.at.to_rfc3339();
    for name in ["a", "b", "c"] {
        let expected = format!("\n  {name}: version 2 by {first}, {at}; the last that was seen here is version 1");
        assert!(told.contains(&expected), "{told}");
    }
    assert_eq!(table.history("a").await.unwrap().len(), 2, "nothing of the other's is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_published_does_not_come_between_publications() {
    let ground = ground().await;
    let stack = connect(&ground.deployed().unwrap());
    let table = stack.pipelines();
    // All count the one revision, so that some come between others' reading and writing.
    let mut all = JoinSet::new();
    for number in 0..6 {
        let table = table.clone();
        all.spawn(async move { table.publish(&format!("p-{number}"), "one", &at_once()).await.unwrap() });
    }
    assert_eq!(all.join_all().await, [1; 6]);
    // Nor does a pause, or what deliver notes of one.
    let pause = async {
        for _ in 0..3 {
            pipelines::pause(&stack, "p-0", "ada", None, SystemClock.now()).await.unwrap();
            pipelines::resume(&stack, "p-0", SystemClock.now()).await.unwrap();
        }
    };
    let publish = async {
        for version in 2..6 {
            assert_eq!(table.publish("p-0", &version.to_string(), &at_once()).await.unwrap(), version);
        }
    };
    tokio::join!(pause, publish);
    let stored = table.find("p-0").await.unwrap().unwrap();
    assert_eq!((stored.version, stored.document.as_str()), (5, "5"), "no change of either is lost");
    assert!(stored.state.replay.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_does_not_overwrite_what_its_folder_has_not_seen() {
    const FILE: &str = "orders-to-warehouse.toml";
    let ground = ground().await;
    let stack = connect(&ground.deployed().unwrap());
    let first = all_of_the_store();
    pipelines::push(&stack, first.path(), Others::Keep, false, &by("ada")).await.unwrap();
    let (ada, bo) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for folder in [&ada, &bo] {
        pipelines::pull(&stack, folder.path(), false).await.unwrap();
    }
    let edit = |folder: &tempfile::TempDir, from: &str, to: &str| {
        let file = folder.path().join(FILE);
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(file, text.replace(from, to)).unwrap();
    };
    // Minutes may lie between what Bo has read and what he pushes.
    edit(&ada, "'placed'", "'paid'");
    pipelines::push(&stack, ada.path(), Others::Keep, false, &by("ada")).await.unwrap();
    edit(&bo, "'placed'", "'returned'");
    let error = pipelines::push(&stack, bo.path(), Others::Keep, false, &by("bo")).await.unwrap_err().to_string();
    println!("{error}");
    assert!(error.contains("\n  orders-to-warehouse: version 2 by ada, "), "{error}");
    assert!(error.contains("; the last that was seen here is version 1\n"), "{error}");
    assert!(
        error.contains(" and push with --force, or give yours up with `freshet pipelines pull --force /"),
        "{error}"
    );
    let show = async || pipelines::show(&stack, "orders-to-warehouse", None).await.unwrap();
    assert!(show().await.contains("'paid'"));
    // His edit is kept by a pull, too; what he has not touched is brought up to date.
    let error = pipelines::pull(&stack, bo.path(), false).await.unwrap_err().to_string();
    assert!(error.contains(FILE), "{error}");
    let pulled = pipelines::pull(&stack, first.path(), false).await.unwrap();
    assert!(pulled.contains("orders-to-warehouse.toml  version 2 (brought up to date)\n"), "{pulled}");
    assert_eq!(files(first.path()), files(ada.path()));
    pipelines::push(&stack, bo.path(), Others::Keep, true, &by("bo")).await.unwrap();
    assert!(show().await.contains("'returned'"));
    // A pipeline that somebody has added is not taken out of service by who does not know of it.
    std::fs::remove_file(ada.path().join(FILE)).unwrap();
    let error = pipelines::push(&stack, ada.path(), Others::Retire, false, &by("ada")).await.unwrap_err().to_string();
    assert!(error.contains("orders-to-warehouse: version 3 by bo, "), "{error}");
    // A checkout of git has seen nothing: what git has counts.
    let checkout = all_of_the_store();
    let pushed = pipelines::push(&stack, checkout.path(), Others::Keep, false, &by("ci")).await.unwrap();
    assert!(pushed.contains("orders-to-warehouse       version 4 (changed)\n"), "{pushed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_is_rolled_back_paused_and_resumed_and_its_history_tells() {
    const NAME: &str = "orders-to-warehouse";
    let ground = ground().await;
    let stack = connect(&ground.deployed().unwrap());
    let one = folder_with("orders-to-warehouse.toml", "'placed'", "'placed'");
    let two = folder_with("orders-to-warehouse.toml", "'placed'", "'paid'");
    let text =
        |folder: &tempfile::TempDir| std::fs::read_to_string(folder.path().join(format!("{NAME}.toml"))).unwrap();
    for (folder, name) in [(&one, "ada"), (&two, "bo")] {
        pipelines::push(&stack, folder.path(), Others::Keep, false, &by(name)).await.unwrap();
    }
    let error = pipelines::roll_back(&stack, NAME, 7, &by("ada")).await.unwrap_err().to_string();
    assert_eq!(error, format!("{NAME} has no version 7; its versions are 1 to 2"));
    let error = pipelines::roll_back(&stack, "orders-to-warehose", 1, &by("ada")).await.unwrap_err().to_string();
    assert!(error.contains(&format!("did you mean `{NAME}`?")), "{error}");
    let told = pipelines::roll_back(&stack, NAME, 1, &by("ada")).await.unwrap();
    assert_eq!(told, format!("{NAME}  version 3, a copy of 1; changes already sent are not undone\n"));
    for (version, folder) in [(None, &one), (Some(3), &one), (Some(2), &two), (Some(1), &one)] {
        assert_eq!(pipelines::show(&stack, NAME, version).await.unwrap(), text(folder), "{version:?}");
    }
    let history = pipelines::history(&stack, NAME).await.unwrap();
    let lines: Vec<Vec<&str>> = history.lines().map(|line| line.split_whitespace().collect()).collect();
    let told: Vec<_> = lines.iter().map(|line| (line[0], line[2])).collect();
    assert_eq!(told, [("version", "by"), ("3", "ada"), ("2", "bo"), ("1", "ada")], "{history}");

    let now = Timestamp::from_millis(1_900_000_000_000);
    let error = pipelines::resume(&stack, NAME, now).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("{NAME} is not paused; it is ")), "{error}");
    let told = pipelines::pause(&stack, NAME, "bo", Some("the wrong plan"), now).await.unwrap();
    // Half of the day for which the backbone keeps events, by `date -u -d @1900043200`.
    assert!(told.contains("kept at least until 2030-03-18T05:46:40.000Z"), "{told}");
    let error = pipelines::pause(&stack, NAME, "ada", None, now).await.unwrap_err().to_string();
    assert!(error.contains("already") && error.contains("by bo"), "{error}");
    let list = pipelines::list(&stack).await.unwrap();
    assert!(
        list.contains("paused since 2030-03-17T17:46:40.000Z by bo, nothing is lost until 2030-03-18T17:46:40.000Z"),
        "{list}"
    );
    // What is mended meanwhile is what the replay sends with.
    pipelines::push(&stack, two.path(), Others::Keep, true, &by("ada")).await.unwrap();
    let told = pipelines::resume(&stack, NAME, now + Duration::from_mins(1)).await.unwrap();
    assert!(told.starts_with(&format!("{NAME} is resumed with version 4: ")), "{told}");
    assert!(pipelines::list(&stack).await.unwrap().contains("resumed, what the pause left out is being sent"));
}

#[tokio::test(flavor = "multi_thread")]
async fn destinations_say_whether_they_accept_their_credentials() {
    let running = start(folder_with("customers-to-hubspot.toml", "archive", "archive")).await;
    let stack = connect(&running.ground().deployed().unwrap());
    let report = destinations::check(&stack, None).await.unwrap();
    assert!(report.is_good(), "{report}");
    let lines = report.to_string();
    assert_eq!(lines.lines().count(), stack.deployed.destinations.len(), "{lines}");
    for name in ["hubspot", "klaviyo", "slack"] {
        assert!(
            lines.lines().any(|line| line.starts_with(name) && line.ends_with("  accepts the credentials")),
            "{lines}"
        );
    }
    assert!(lines.contains("warehouse    was not asked: its vendor has no request"), "{lines}");

    let mut wrong = stack.deployed.clone();
    let elsewhere = wrong.destinations["slack"].secret_arn.clone();
    wrong.destinations.get_mut("hubspot").unwrap().secret_arn = elsewhere;
    let report = destinations::check(&connect(&wrong), Some("hubspot")).await.unwrap();
    assert!(!report.is_good());
    let line = report.to_string();
    assert!(line.starts_with("hubspot  does not accept them: HubSpot answered 401: "), "{line}");
    let error = destinations::check(&stack, Some("hubspt")).await.unwrap_err().to_string();
    assert!(error.contains("there is no destination `hubspt` in this stack; did you mean `hubspot`?"), "{error}");
    running.stop().await;
}

async fn put(stack: &Stack, id: &str, fields: &[(&str, AttributeValue)]) {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let mut item = BTreeMap::from([
        ("customer_id", text(id)),
        ("email", text(&format!("{id}@example.com"))),
        ("first_name", text("Ada")),
        ("last_name", text("L")),
        ("country", text("gb")),
        ("plan", text("pro")),
        ("mrr_cents", AttributeValue::N("12900".to_owned())),
        ("logins", AttributeValue::N("1".to_owned())),
        ("updated_at", text("2026-01-01T00:00:00Z")),
        ("marketing_consent", AttributeValue::Bool(true)),
    ]);
    item.extend(fields.iter().cloned());
    let mut put = stack.ground().aws().dynamodb().put_item().table_name("store-customers");
    for (name, value) in item {
        put = put.item(name, value);
    }
    put.send().await.unwrap();
}

/// Asks until there is an answer: a minute is far beyond what it takes.
async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    for _ in 0..1_200 {
        tick.tick().await;
        if let Some(answer) = ask().await {
            return answer;
        }
    }
    unreachable!("it never came about that {what}");
}

/// The one open failure, when there is one.
async fn open_failure(stack: &Connection<'_>) -> Kept {
    let open = Selection { standing: Some(Standing::Open), ..Selection::default() };
    let id = until("a failure is open", async || {
        stack.failures().list(&open).await.unwrap().into_iter().next().map(|failure| failure.id)
    });
    let id = id.await;
    stack.failures().get(&id).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_delivery_is_listed_redriven_and_discarded() {
    let running = start(folder_with("customers-to-hubspot.toml", "archive", "archive")).await;
    let stack = connect(&running.ground().deployed().unwrap());
    put(&running, "c-1", &[]).await;
    // Who pays nothing goes to HubSpot only.
    let text = |text: &str| AttributeValue::S(text.to_owned());
    put(&running, "c-2", &[("email", text("not an address")), ("plan", text("free"))]).await;

    let failure = open_failure(&stack).await;
    let id = failure.listed.id.clone();
    let all = Selection { standing: Some(Standing::Open), ..Selection::default() };
    let list = failures::list(&stack, &all, 50, None).await.unwrap();
    let line = list.lines().nth(1).unwrap();
    assert!(line.starts_with(&id) && line.contains("deliver  customers-to-hubspot → hubspot      1  "), "{list}");
    let elsewhere = Selection { destination: Some("warehouse".to_owned()), ..all.clone() };
    assert_eq!(failures::list(&stack, &elsewhere, 50, None).await.unwrap(), "No failure is open.\n");
    let shown = failures::show(&stack, &id).await.unwrap();
    assert!(shown.contains("\n    \"email\": \"not an address\",\n"), "{shown}");
    assert!(
        failures::show(&stack, "nothing").await.unwrap_err().to_string().contains("there is no failure of this id")
    );

    // The vendor rejects it once more: it goes out again, and is open again.
    let report = failures::redrive(&stack, std::slice::from_ref(&id)).await.unwrap();
    assert!(report.left_alone.is_empty(), "{report}");
    let again = until("the delivery has failed twice", async || {
        let kept = stack.failures().get(&id).await.unwrap().unwrap();
        (kept.listed.times == 2 && kept.listed.standing == Standing::Open).then_some(kept)
    });
    let again = again.await;
    assert_eq!(again.failure.payload, failure.failure.payload);
    // And once more within five minutes, in which SQS drops what it has had.
    failures::redrive(&stack, std::slice::from_ref(&id)).await.unwrap();
    until("the delivery has failed three times", async || {
        let kept = stack.failures().get(&id).await.unwrap().unwrap();
        (kept.listed.times == 3 && kept.listed.standing == Standing::Open).then_some(())
    })
    .await;

    let status = until("c-1 is delivered and counted", async || {
        let status = status::status(&stack).await.unwrap();
        (status.pipelines["customers-to-hubspot"].delivered == 1).then_some(status)
    });
    let status = status.await;
    let pipeline = &status.pipelines["customers-to-hubspot"];
    assert_eq!((pipeline.version, pipeline.source.as_deref()), (Some(1), Some("customers")));
    assert_eq!((pipeline.matched, pipeline.failures_open), (2, 1));
    assert!(pipeline.mean_freshness_ms.is_some(), "{pipeline:?}");
    assert_eq!(status.destinations["hubspot"].failures_open, 1);
    assert_eq!(status.destinations["warehouse"].delivered, 0);

    let discarded = failures::discard(&stack, std::slice::from_ref(&id), "the customer has left").await.unwrap();
    assert_eq!(discarded, format!("discarded  {id}\n"));
    let report = failures::redrive(&stack, &[id.clone(), "nothing".to_owned()]).await.unwrap();
    assert_eq!(report.left_alone[0], (id.clone(), "it is discarded already".to_owned()));
    assert!(report.left_alone[1].1.starts_with("there is no failure of this id"), "{report}");
    let twice = failures::discard(&stack, std::slice::from_ref(&id), "again").await.unwrap();
    assert!(twice.contains("it is discarded, and only what is open"), "{twice}");
    assert!(failures::show(&stack, &id).await.unwrap().contains(": the customer has left\n"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_never_overwrites_a_newer_value_and_says_so() {
    let running = start(folder_with("customers-to-hubspot.toml", "archive", "archive")).await;
    let stack = connect(&running.ground().deployed().unwrap());
    let text = |text: &str| AttributeValue::S(text.to_owned());
    put(&running, "c-1", &[("email", text("not an address")), ("plan", text("free"))]).await;
    let failure = open_failure(&stack).await;
    let request = failure.failure.request.unwrap();
    assert!(request.url.ends_with("/crm/v3/objects/contacts/batch/upsert"), "{request:?}");
    assert!(request.body.starts_with(r#"{"inputs":[{"id":"not an address","#), "{request:?}");

    put(&running, "c-1", &[]).await;
    let upserts = || {
        let received = running.vendors()["hubspot"].simulator.received();
        received.into_iter().filter(|received| matches!(received.what, What::Upsert { .. })).count()
    };
    until("the newer value is delivered", async || (upserts() == 1).then_some(())).await;
    let id = failure.listed.id;
    failures::redrive(&stack, std::slice::from_ref(&id)).await.unwrap();
    until("the failure is closed", async || {
        let kept = stack.failures().get(&id).await.unwrap().unwrap();
        (kept.listed.standing == Standing::Superseded).then_some(())
    })
    .await;
    assert_eq!(upserts(), 1, "the older value was not sent");
    assert!(failures::show(&stack, &id).await.unwrap().contains("\nclosed       superseded at "));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mended_pipeline_takes_the_event_that_failed_in_it() {
    let wrong = folder_with("customers-to-warehouse.toml", "\"after.plan\"", "\"after.not_there\"");
    let running = start(wrong).await;
    let stack = connect(&running.ground().deployed().unwrap());
    put(&running, "c-1", &[]).await;
    let failure = open_failure(&stack).await;
    assert_eq!(failure.failure.stage.as_str(), "transform");
    let mended = folder_with("customers-to-warehouse.toml", "plan", "plan");
    pipelines::push(&stack, mended.path(), Others::Keep, false, &at_once()).await.unwrap();
    // Transform sees the mended pipeline within two seconds; until then the event fails again, and is redriven again.
    let id = failure.listed.id;
    let data = until("the event is delivered", async || {
        let kept = stack.failures().get(&id).await.unwrap().unwrap();
        if kept.listed.standing == Standing::Open {
            failures::redrive(&stack, std::slice::from_ref(&id)).await.unwrap();
        }
        let received = running.vendors()["warehouse"].simulator.received();
        received.into_iter().find_map(|received| match received.what {
            What::Event { fields, .. } => Some(Value::Object(fields).to_json()),
            _ => None,
        })
    });
    assert!(data.await.contains(r#""customer_id":"c-1","plan":"pro""#));
    let kept = stack.failures().get(&id).await.unwrap().unwrap();
    assert_eq!(kept.listed.standing, Standing::Redriven);
    assert!(kept.redrives >= 1 && kept.redriven_at.is_some(), "{kept:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raw_record_goes_through_capture_again() {
    let running = start(folder_with("customers-to-hubspot.toml", "archive", "archive")).await;
    let stack = connect(&running.ground().deployed().unwrap());
    let kinesis = running.ground().aws().kinesis();
    let put = kinesis.put_record().stream_name("store-page-views").partition_key("a").data(Blob::new("not JSON"));
    put.send().await.unwrap();
    let failure = open_failure(&stack).await;
    let id = failure.listed.id.clone();
    assert_eq!(failure.failure.stage.as_str(), "capture");
    // It is no better than before, so it has failed again before the command could mark it.
    let report = failures::redrive(&stack, std::slice::from_ref(&id)).await.unwrap();
    assert_eq!((report.failed_again, report.redriven), (vec![id.clone()], Vec::new()));
    let again = stack.failures().get(&id).await.unwrap().unwrap();
    assert_eq!((again.listed.times, again.listed.standing), (2, Standing::Open));
    assert_eq!(again.failure.payload, failure.failure.payload);
    running.stop().await;
}

/// What transform could never take, so that Lambda gave up on it: a record of the backbone, with its frame.
fn given_up(id: &str, stream: &str) -> Failure {
    let event = r#"{"id":"customers/1/7","source":"customers","op":"create","key":{"customer_id":"c-7"},"after":{"customer_id":"c-7","plan":"pro","mrr_cents":1,"logins":12345678901234567890123456789012345678,"updated_at":"u"},"occurred_at":1700000000000,"epoch":1,"position":"7"}"#;
    let frame = format!(r#"{{"lane":3,"lanes":16,"events":[{event}]}}"#);
    let data = base64_simd::STANDARD.encode_to_string(frame);
    let record = serde_json::json!({
        "eventSource": "aws:kinesis",
        "eventSourceARN": format!("arn:aws:kinesis:us-east-1:000000000000:stream/{stream}"),
        "kinesis": {"sequenceNumber": "1", "partitionKey": "lane-3", "data": data},
    });
    Failure {
        id: id.to_owned(),
        stage: Stage::Invocation,
        reason: "Lambda gave up".to_owned(),
        source: None,
        pipeline: None,
        version: None,
        destination: None,
        key: None,
        request: None,
        answer: None,
        payload: Payload::of(record.to_string().as_bytes()),
        at: Timestamp::from_millis(1_700_000_000_000),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lambda_gave_up_on_goes_onto_the_backbone_again_with_every_digit() {
    let running = start(folder_with("customers-to-warehouse.toml", "plan", "plan")).await;
    let stack = connect(&running.ground().deployed().unwrap());
    let failures = vec![given_up("a", "store-freshet-changes"), given_up("b", "elsewhere")];
    stack.failures().keep(failures).await.unwrap();
    let report = failures::redrive(&stack, &["a".to_owned(), "b".to_owned()]).await.unwrap();
    assert_eq!(report.redriven, [("a".to_owned(), "onto the backbone".to_owned())]);
    assert!(report.left_alone[0].1.starts_with("\"elsewhere\" is no source of this stack"), "{report}");
    let data = until("the event is delivered", async || {
        let received = running.vendors()["warehouse"].simulator.received();
        received.into_iter().find_map(|received| match received.what {
            What::Event { fields, .. } => Some(Value::Object(fields).to_json()),
            _ => None,
        })
    });
    assert!(data.await.contains(r#""logins":12345678901234567890123456789012345678,"#));
    let standing = async |id: &str| stack.failures().get(id).await.unwrap().unwrap().listed.standing;
    assert_eq!((standing("a").await, standing("b").await), (Standing::Redriven, Standing::Open));
    running.stop().await;
}

/// A page of the console, or what a form of it answers; and the session's cookie.
async fn page(method: &str, url: &str, cookie: &str, form: &str) -> (HttpResponse, String) {
    let http = VendorHttp::new(Timeouts::default(), Reach::Private).unwrap();
    let origin = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    let headers = [
        ("cookie", cookie),
        ("origin", &origin),
        ("sec-fetch-site", "same-origin"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let request = HttpRequest { method: method.to_owned(), url: url.to_owned(), headers, body: form.into() };
    let answer = http.call(&request).await.unwrap();
    let set = answer.header("set-cookie").and_then(|cookie| cookie.split(';').next()).unwrap_or(cookie).to_owned();
    (answer, set)
}

/// The console's page of a failure, as a browser sees it.
struct Browsed {
    console: LocalConsole,
    id: String,
    cookie: String,
    token: String,
}

impl Browsed {
    async fn open(running: &Stack, id: &str) -> Self {
        let console = running.ground().console(Some(0)).await.unwrap();
        let mut browsed = Self { console, id: id.replace('/', "%2F"), cookie: String::new(), token: String::new() };
        let (answer, cookie) = page("GET", &browsed.address(), "", "").await;
        let shown = String::from_utf8(answer.body).unwrap();
        let (_, token) = shown.split_once("name=\"csrf\" value=\"").unwrap();
        token.split_once('"').unwrap().0.clone_into(&mut browsed.token);
        browsed.cookie = cookie;
        browsed
    }

    fn address(&self) -> String {
        format!("{}/problems/one?id={}", self.console.url, self.id)
    }

    /// The page, once it says so.
    async fn told(&self, part: &str) -> String {
        until(part, async || {
            let (answer, _) = page("GET", &self.address(), &self.cookie, "").await;
            let shown = String::from_utf8(answer.body).unwrap();
            shown.contains(part).then_some(shown)
        })
        .await
    }

    async fn send(&self, path: &str, seen: u64) {
        let form = format!("csrf={}&id={}&seen={seen}", self.token, self.id);
        let (answer, _) = page("POST", &format!("{}{path}", self.console.url), &self.cookie, &form).await;
        assert_eq!(answer.status, 303, "{}", String::from_utf8_lossy(&answer.body));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_sends_a_failure_again_and_tells_what_became_of_it() {
    let running = start(folder_with("customers-to-hubspot.toml", "archive", "archive")).await;
    let stack = connect(&running.ground().deployed().unwrap());
    let text = |text: &str| AttributeValue::S(text.to_owned());
    put(&running, "c-1", &[("email", text("not an address")), ("plan", text("free"))]).await;
    let browsed = Browsed::open(&running, &open_failure(&stack).await.listed.id).await;
    browsed.told("It waits for somebody to look.").await;

    // HubSpot refuses it as before.
    browsed.send("/problems/retry", 1).await;
    let again = browsed.told("and has failed again.").await;
    assert!(again.contains("then this page offers to send it again with the new version"), "{again}");
    // A newer change of the row arrives, and stands.
    put(&running, "c-1", &[]).await;
    browsed.told("A newer change of customer c-1 has arrived since, at ").await;
    browsed.send("/problems/retry", 2).await;
    browsed.told("A newer change of customer c-1 has arrived since; this one is closed as superseded.").await;
    running.stop().await;
}

/// The first event of the backbone, whole, and when it arrived.
async fn first_event(stack: &Connection<'_>) -> (ChangeEvent, Timestamp) {
    let (backbone, lanes) = (stack.backbone(), Lanes::new(stack.deployed.changes_lanes).unwrap());
    until("an event is on the backbone", async || {
        for shard in backbone.shards().await.unwrap() {
            let since = Since::Arrived(Timestamp::from_millis(0));
            let iterator = backbone.iterator(&shard.id, &since).await.unwrap();
            let records = backbone.page(&iterator, 10).await.unwrap().unwrap_or_default().records;
            if let Some(record) = records.into_iter().next() {
                let opened = frame::open(Content::Events, lanes, &record.data).unwrap();
                let Some(frame::Payload::Inline(json)) = opened.items.into_iter().next() else { return None };
                return Some((ChangeEvent::from_json(json).unwrap(), record.arrived_at));
            }
        }
        None
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_old_version_made_is_sent_again_by_the_newest_out_of_the_backbone() {
    // The first version leaves the row out, so that its queue has not had the change in the last five minutes.
    let running = start(folder_with("customers-to-hubspot.toml", "after.country is defined", "false")).await;
    let stack = connect(&running.ground().deployed().unwrap());
    put(&running, "c-1", &[]).await;
    let (event, arrived_at) = first_event(&stack).await;
    let id = format!("customers-to-hubspot/{}", event.id);
    let delivery = serde_json::json!({
        "id": id, "pipeline": "customers-to-hubspot", "version": 1, "source": "customers", "op": "create",
        "key": event.key, "epoch": event.epoch, "position": event.position, "occurred_at": event.occurred_at,
        "arrived_at": arrived_at, "action": "upsert_contact", "step": "apply", "fields": {"email": "not an address"},
    });
    let failure = Failure {
        id: id.clone(),
        stage: Stage::Deliver,
        reason: "HubSpot rejects it".to_owned(),
        source: Some("customers".to_owned()),
        pipeline: Some("customers-to-hubspot".to_owned()),
        version: Some(1),
        destination: Some("hubspot".to_owned()),
        key: Some(event.key.clone()),
        request: None,
        answer: None,
        payload: Payload::of(delivery.to_string().as_bytes()),
        at: SystemClock.now() - Duration::from_mins(6),
    };
    stack.failures().keep(vec![failure]).await.unwrap();
    let browsed = Browsed::open(&running, &id).await;
    browsed.told("then this page offers to send it again with the new version").await;

    let mended = folder_with("customers-to-hubspot.toml", "archive", "archive");
    pipelines::push(&stack, mended.path(), Others::Keep, false, &at_once()).await.unwrap();
    browsed.told("Send it again with version 2").await;
    // Transform sees the version within two seconds; who publishes by hand gives it ten.
    put(&running, "c-2", &[]).await;
    let contacts = || {
        let received = running.vendors()["hubspot"].simulator.received();
        received.into_iter().filter(|received| matches!(received.what, What::Upsert { .. })).count()
    };
    until("the new version is in effect", async || {
        put(&running, "c-2", &[("first_name", AttributeValue::S(format!("{:?}", SystemClock.now())))]).await;
        (contacts() > 0).then_some(())
    })
    .await;
    browsed.send("/problems/retry-newest", 1).await;
    browsed.told("The destination has it, since ").await;
    let kept = stack.failures().get(&id).await.unwrap().unwrap();
    assert_eq!(kept.listed.standing, Standing::Redriven);
    running.stop().await;
}
