//! A pause and a resumption while changes go on and much fails: nothing is lost, nothing is there twice, all is in order,
//! and what else goes to the same destination does not notice.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_kinesis::{error::SdkError, primitives::Blob};
use freshet::{
    commands::pipelines,
    demo::sources,
    deployed::{Chosen, Connection},
    faults::Faults,
    services::Ports,
    simulator::What,
    stack::{Ground, Stack, StackConfig, variables::Variables},
};
use shared::{
    pipeline::{
        publication::{Edition, Others},
        timeline::NOTICE,
    },
    ports::Publishing as _,
    time::{Clock as _, SystemClock},
    value::{Object, Value},
};
use tokio::sync::watch;

/// Two pipelines of one destination, of which one is paused, and one of rows, which is paused too.
const PAUSED: &str = "paused-views";
const OTHER: &str = "other-views";
const PEOPLE: &str = "paused-people";

/// Each of so many visitors has views of its own, which are in order; there are as many people.
const VISITORS: u32 = 8;

/// Everything but crashes, after which only the newest value of a row is promised, and not the order of events.
const FAULTS: &str = "vendor-500=0.1,vendor-429=0.05,vendor-drop=0.05,put-records=0.1,send-message-batch=0.1";

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(format!("{name}.toml")), text).unwrap();
}

fn views(name: &str, made_by: u32) -> String {
    format!(
        "name = \"{name}\"\nsource = \"page_views\"\ndestination = \"analytics\"\naction = \"send\"\n\n[fields]\n\
         pipeline = \"'{name}'\"\nmade_by = \"{made_by}\"\nvisitor = \"after.visitor_id\"\nat = \"after.at\"\n"
    )
}

fn people() -> String {
    format!(
        "name = \"{PEOPLE}\"\nsource = \"customers\"\ndestination = \"customer_io\"\naction = \"upsert_person\"\n\n\
         [fields]\nid = \"after.customer_id\"\nemail = \"after.email\"\nlogins = \"after.logins\"\n"
    )
}

async fn start() -> Stack {
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/examples/store");
    let mut variables = Variables::read(&store.join("terraform.tfvars")).unwrap();
    variables.backbone.shards = 2;
    let faults = Faults::parse(FAULTS, 7).unwrap();
    let config =
        StackConfig { variables, data_dir: None, ports: Ports::default(), faults, own_endpoints: BTreeMap::new() };
    let ground = Ground::lay(config).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), PAUSED, &views(PAUSED, 1));
    write(folder.path(), OTHER, &views(OTHER, 1));
    write(folder.path(), PEOPLE, &people());
    ground.publish(folder.path()).await.unwrap();
    sources::create(ground.aws().dynamodb(), ground.aws().kinesis()).await.unwrap();
    ground.start().await.unwrap()
}

fn connect(stack: &Stack) -> Connection<'static> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stack.json");
    std::fs::write(&file, serde_json::to_string(&stack.ground().deployed().unwrap()).unwrap()).unwrap();
    Chosen { outputs: Some(file) }.connect(&|_: &str| None).unwrap()
}

/// Writes a view every 25 ms, and every fourth time a person, until it is stopped; counts as it goes.
async fn traffic(stack: &Stack, written: &AtomicU32, mut stop: watch::Receiver<bool>) {
    let aws = stack.ground().aws();
    while !*stop.borrow_and_update() {
        let number = written.load(Ordering::SeqCst);
        let visitor = format!("v-{}", number % VISITORS);
        let view = format!(
            r#"{{"view_id":"{number}","visitor_id":"{visitor}","page":"/pricing","referrer":null,"at":{number}}}"#
        );
        // The stream throttles who writes to it, as it does the functions, and has taken nothing then.
        loop {
            let put = aws.kinesis().put_record().stream_name("store-page-views").partition_key(&visitor);
            match put.data(Blob::new(view.clone())).send().await.map_err(SdkError::into_service_error) {
                Ok(_) => break,
                Err(error) => assert!(error.is_provisioned_throughput_exceeded_exception(), "{error}"),
            }
        }
        if number.is_multiple_of(4) {
            let person = format!("p-{}", number / 4 % VISITORS);
            let text = |text: &str| AttributeValue::S(text.to_owned());
            let put = aws.dynamodb().put_item().table_name("store-customers");
            let put = put.item("email", text(&format!("{person}@example.com"))).item("customer_id", text(&person));
            put.item("logins", AttributeValue::N(number.to_string())).send().await.unwrap();
        }
        written.store(number + 1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

fn number(fields: &Object, name: &str) -> u32 {
    fields[name].to_json().parse().unwrap()
}

/// The views that a pipeline has brought to analytics: for each its number and the version, without repeats.
fn brought(stack: &Stack, pipeline: &str) -> Vec<(u32, u32)> {
    let mut ids = BTreeSet::new();
    let received = stack.vendors()["analytics"].simulator.received();
    let events = received.into_iter().filter_map(|received| match received.what {
        What::Event { id, fields, .. } if fields["pipeline"] == Value::from(pipeline) && ids.insert(id.clone()) => {
            Some((number(&fields, "at"), number(&fields, "made_by")))
        }
        _ => None,
    });
    events.collect()
}

/// The values that were written to each person, in order.
fn logins(stack: &Stack) -> BTreeMap<String, Vec<u32>> {
    let mut logins: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for received in stack.vendors()["customer_io"].simulator.received() {
        if let What::Upsert { key, fields, .. } = received.what {
            logins.entry(key).or_default().push(number(&fields, "logins"));
        }
    }
    logins
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    // Far beyond what it takes.
    for _ in 0..3_000 {
        tick.tick().await;
        if is_so().await {
            return;
        }
    }
    unreachable!("never: {what}");
}

async fn is_caught_up(connection: &Connection<'_>, name: &str) -> bool {
    let state = connection.pipelines().find(name).await.unwrap().unwrap().state;
    state.pause.is_none() && state.replay.is_none()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_and_a_resumption_lose_nothing_and_disturb_nobody() {
    let stack = start().await;
    let connection = connect(&stack);
    let written = AtomicU32::new(0);
    let (stop, stopped) = watch::channel(false);
    let story = async {
        let now = || SystemClock.now();
        until("both flow", async || [PAUSED, OTHER].iter().all(|name| brought(&stack, name).len() >= 100)).await;

        for name in [PAUSED, PEOPLE] {
            let told = pipelines::pause(&connection, name, "ada", Some("a wrong mapping"), now()).await.unwrap();
            assert!(told.contains("nothing is sent from now on"), "{told}");
        }
        let mended = tempfile::tempdir().unwrap();
        write(mended.path(), PAUSED, &views(PAUSED, 2));
        let edition = Edition { by: "ada".to_owned(), at: now(), from: now() + NOTICE };
        pipelines::push(&connection, mended.path(), Others::Keep, true, &edition).await.unwrap();
        let at_pause = written.load(Ordering::SeqCst);
        // By the 300th view since, more than seven seconds later, every function knows.
        let (surely_paused, enough) = (at_pause + 300, at_pause + 400);
        until("the other flows", async || {
            brought(&stack, OTHER).iter().filter(|(view, _)| (surely_paused..enough).contains(view)).count() == 100
        })
        .await;
        let leaked = brought(&stack, PAUSED).into_iter().filter(|(view, _)| *view >= surely_paused).count();
        assert_eq!(leaked, 0, "of the paused one nothing came meanwhile");
        let brought_at_resume = brought(&stack, PAUSED).len();

        for name in [PAUSED, PEOPLE] {
            pipelines::resume(&connection, name, now()).await.unwrap();
        }
        until("what was missed is sent", async || {
            is_caught_up(&connection, PAUSED).await && is_caught_up(&connection, PEOPLE).await
        })
        .await;
        let at_end = written.load(Ordering::SeqCst);
        until("both flow again", async || {
            [PAUSED, OTHER].iter().all(|name| brought(&stack, name).iter().any(|(view, _)| *view > at_end + 100))
        })
        .await;
        stop.send_replace(true);
        (at_pause, surely_paused, enough, brought_at_resume)
    };
    let ((at_pause, surely_paused, enough, brought_at_resume), ()) =
        tokio::join!(story, traffic(&stack, &written, stopped));

    let all = written.load(Ordering::SeqCst);
    until("all has come", async || {
        let count = usize::try_from(all).unwrap();
        let last: BTreeSet<u32> = logins(&stack).into_values().filter_map(|values| values.last().copied()).collect();
        let wanted = (0..all).rev().filter(|number| number.is_multiple_of(4)).take(usize::try_from(VISITORS).unwrap());
        [PAUSED, OTHER].iter().all(|name| brought(&stack, name).len() >= count) && last == wanted.collect()
    })
    .await;
    for name in [PAUSED, OTHER] {
        let brought = brought(&stack, name);
        assert_eq!(brought.len(), usize::try_from(all).unwrap(), "{name}: each once");
        for visitor in 0..VISITORS {
            let own: Vec<u32> =
                brought.iter().map(|(view, _)| *view).filter(|view| view % VISITORS == visitor).collect();
            assert!(own.is_sorted(), "{name}, visitor {visitor}: {own:?}");
        }
    }
    let made_by_1 = |(view, made_by): &&(u32, u32)| *view >= surely_paused && *made_by != 2;
    assert_eq!(brought(&stack, PAUSED).iter().find(made_by_1), None, "what was missed is made by the mended version");
    for (person, values) in logins(&stack) {
        assert!(values.is_sorted(), "{person}: {values:?}");
    }
    let failures = stack.failures().await.unwrap();
    assert!(failures.is_empty(), "{failures:?}");
    println!(
        "{all} views; paused at {at_pause}, resumed after {enough}, with {brought_at_resume} of the paused pipeline \
         received; at the end {all} of each, each once and in order; {} people, {} writes, none of them back",
        logins(&stack).len(),
        logins(&stack).values().map(Vec::len).sum::<usize>()
    );
    stack.stop().await;
}
