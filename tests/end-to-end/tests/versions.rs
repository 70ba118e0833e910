//! Publications during traffic, with faults: what each delivery was made by, and that none is missing.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
    time::Duration,
};

use aws_sdk_kinesis::primitives::Blob;
use freshet::{
    demo::sources,
    deployed::Connection,
    faults::Faults,
    services::Ports,
    simulator::What,
    stack::{Ground, Stack, StackConfig, variables::Variables},
};
use shared::{
    event::ChangeEvent,
    frame::{self, Content},
    lane::Lanes,
    pipeline::publication::Edition,
    pipeline::timeline::NOTICE,
    ports::{Backlog as _, Counts as _, Publishing as _, Since},
    time::{Clock as _, SystemClock, Timestamp},
    value::Value,
};
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};

/// What goes wrong: vendors fail and drop connections, streams throttle, functions crash in mid-batch; and a queue refuses
/// so often that transform gives batches back.
const FAULTS: &str = "vendor-500=0.1,vendor-drop=0.05,put-records=0.15,send-message-batch=0.85,crash=0.1";

/// When versions are published after the beginning of the traffic; each is in effect by the usual notice later.
const PUBLISHED_AFTER: [Duration; 5] =
    [Duration::ZERO, Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(5), Duration::from_secs(7)];

/// How long events are written: beyond the last version's beginning.
const TRAFFIC: Duration = Duration::from_secs(20);

/// How often each visitor looks at a page, at most.
const TICK: Duration = Duration::from_millis(100);

/// How many visitors there are.
const VISITORS: usize = 8;

/// A pipeline that tells which version it is.
fn document(version: u64) -> String {
    format!(
        "name = \"views\"\nsource = \"page_views\"\ndestination = \"analytics\"\naction = \"send\"\n\n[fields]\n\
         view_id = \"after.view_id\"\nmade_by = \"'{version}'\"\n"
    )
}

async fn start() -> (Stack, Connection<'static>) {
    let store = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../infra/examples/store");
    let config = StackConfig {
        variables: Variables::read(&store.join("terraform.tfvars")).unwrap(),
        data_dir: None,
        ports: Ports::default(),
        faults: Faults::parse(FAULTS, 7).unwrap(),
        own_endpoints: BTreeMap::new(),
    };
    let ground = Ground::lay(config).await.unwrap();
    sources::create(ground.aws().dynamodb(), ground.aws().kinesis()).await.unwrap();
    let connection = Connection::new(ground.deployed().unwrap(), &|_: &str| None).unwrap();
    let at_once = Edition { by: "ada".to_owned(), at: SystemClock.now(), from: Timestamp::from_millis(0) };
    connection.pipelines().publish("views", &document(1), &at_once).await.unwrap();
    (ground.start().await.unwrap(), connection)
}

/// Publishes versions one after the other, and answers from when on each was to be in effect.
async fn publish(stack: &Connection<'_>, begin: Instant) -> Vec<(Timestamp, u64)> {
    let mut versions = vec![(Timestamp::from_millis(0), 1)];
    for (version, after) in (2..).zip(PUBLISHED_AFTER) {
        tokio::time::sleep_until(begin + after).await;
        let table = stack.pipelines();
        let at = table.now().await.unwrap();
        let edition = Edition { by: "ada".to_owned(), at, from: at + NOTICE };
        assert_eq!(table.publish("views", &document(version), &edition).await.unwrap(), version);
        versions.push((edition.from, version));
    }
    versions
}

/// Writes page views of several visitors, each one's in order, and answers their ids.
async fn write(stack: &Stack, begin: Instant) -> BTreeSet<String> {
    let mut visitors = JoinSet::new();
    for visitor in 0..VISITORS {
        visitors.spawn(visit(stack.ground().aws().kinesis().clone(), visitor, begin));
    }
    visitors.join_all().await.concat().into_iter().collect()
}

async fn visit(kinesis: aws_sdk_kinesis::Client, visitor: usize, begin: Instant) -> Vec<String> {
    let mut ids = Vec::new();
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while begin.elapsed() < TRAFFIC {
        tick.tick().await;
        let id = format!("v-{visitor}-{}", ids.len());
        let view =
            format!(r#"{{"view_id":"{id}","visitor_id":"a-{visitor}","page":"/pricing","referrer":null,"at":1}}"#);
        // The stream throttles, as it does the functions.
        loop {
            let put = kinesis.put_record().stream_name("store-page-views").partition_key(format!("a-{visitor}"));
            if put.data(Blob::new(view.clone())).send().await.is_ok() {
                break;
            }
        }
        ids.push(id);
    }
    ids
}

/// What the vendor was sent, also more than once: the event, the version that it was made by, and when.
fn received(stack: &Stack) -> Vec<(String, u64, Timestamp)> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap().to_owned();
    let received = stack.vendors()["analytics"].simulator.received().into_iter();
    let events = received.filter_map(|received| match received.what {
        What::Event { fields, .. } => {
            let (id, version) = (text(fields.get("view_id")), text(fields.get("made_by")));
            Some((id, version.parse().unwrap(), Timestamp::from_millis(received.at_millis)))
        }
        _ => None,
    });
    events.collect()
}

/// When each event arrived on the backbone: more than once where capture crashed after it had put it there.
async fn arrivals(stack: &Connection<'_>) -> HashMap<String, Vec<Timestamp>> {
    let backbone = stack.backbone();
    let lanes = Lanes::new(stack.deployed.changes_lanes).unwrap();
    let mut arrivals: HashMap<String, Vec<Timestamp>> = HashMap::new();
    for shard in backbone.shards().await.unwrap() {
        let since = Since::Arrived(Timestamp::from_millis(0));
        let mut next = Some(backbone.iterator(&shard.id, &since).await.unwrap());
        while let Some(iterator) = next {
            let Some(page) = backbone.page(&iterator, 1_000).await.unwrap() else {
                next = Some(iterator);
                continue;
            };
            for record in &page.records {
                for payload in frame::open(Content::Events, lanes, &record.data).unwrap().items {
                    let frame::Payload::Inline(json) = payload else { unreachable!("a page view is small") };
                    let event: ChangeEvent = serde_json::from_str(json).unwrap();
                    let id = event.after.as_ref().unwrap().as_object().unwrap()["view_id"].as_str().unwrap().to_owned();
                    arrivals.entry(id).or_default().push(record.arrived_at);
                }
            }
            next = page.next.clone().filter(|_| !page.is_at_tip());
        }
    }
    arrivals
}

/// How often transform was at an event to the end of an invocation.
async fn transformed(stack: &Connection<'_>) -> u64 {
    let counted = stack.activity().last(10).await.unwrap();
    let counts = counted.into_iter().filter(|counted| counted.stage == "transform").flat_map(|counted| counted.counts);
    let events = counts.filter(|(subject, counter, _)| subject == "page_views" && counter == "events");
    events.map(|(_, _, count)| count).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_delivery_is_made_by_the_version_of_its_arrival_and_none_is_missing() {
    let (running, stack) = start().await;
    let begin = Instant::now();
    let (versions, written) = tokio::join!(publish(&stack, begin), write(&running, begin));

    let mut tick = interval(Duration::from_millis(200));
    let mut sent = Vec::new();
    // What a crash leaves in flight comes again after half a minute, more than once perhaps; this is far beyond it.
    for _ in 0..3_000 {
        tick.tick().await;
        sent = received(&running);
        let ids: BTreeSet<&String> = sent.iter().map(|(id, ..)| id).collect();
        if ids.len() == written.len() && running.is_idle().await.unwrap() {
            break;
        }
    }
    let ids: BTreeSet<String> = sent.iter().map(|(id, ..)| id.clone()).collect();
    assert_eq!(written.difference(&ids).collect::<Vec<_>>(), Vec::<&String>::new(), "none is missing");
    assert_eq!(ids, written);
    assert!(running.failures().await.unwrap().is_empty());

    let simulator = &running.vendors()["analytics"].simulator;
    let arrivals = arrivals(&stack).await;
    let at = |arrived: Timestamp| versions.iter().rev().find(|(from, _)| *from <= arrived).unwrap().1;
    let mut made_by: BTreeMap<u64, usize> = BTreeMap::new();
    let mut versions_of: HashMap<&str, BTreeSet<u64>> = HashMap::new();
    let mut late = 0;
    for (id, version, received_at) in &sent {
        let expected: BTreeSet<u64> = arrivals[id].iter().map(|arrived| at(*arrived)).collect();
        assert!(expected.contains(version), "{id} by version {version}; its arrivals say {expected:?}");
        versions_of.entry(id).or_default().insert(*version);
        *made_by.entry(*version).or_default() += 1;
        late += usize::from(at(*received_at) > *version);
    }
    let last = versions.last().unwrap().1;
    assert_eq!(made_by.keys().copied().collect::<Vec<_>>(), (1..=last).collect::<Vec<_>>(), "each has made some");
    let on_the_backbone: usize = arrivals.values().map(Vec::len).sum();
    let crashes = |mapping: &str| running.status()[mapping].counts.errors;
    // One version made it, retried batches included. Only a capture that crashed behind its write leaves an event on the
    // backbone twice; then each copy is made by the version of its own arrival.
    for (id, made) in &versions_of {
        let by_several = made.len() > 1;
        assert!(made.len() <= arrivals[*id].len(), "{id} by {made:?}, and it arrived at {:?}", arrivals[*id]);
        assert!(!by_several || crashes("source/page_views") > 0, "{id} by {made:?}, though capture never crashed");
    }
    let transformed = usize::try_from(transformed(&stack).await).unwrap();
    println!(
        "{} events written, {on_the_backbone} on the backbone, transform was at {transformed}, as batches came again; {} \
         deliveries received, {} of them again; by version {made_by:?}; {late} came when a newer version was in effect; \
         crashes: {} of capture, {} of transform, {} of deliver; {} requests met a fault of the vendor",
        written.len(),
        sent.len(),
        sent.len() - ids.len(),
        crashes("source/page_views"),
        crashes("backbone"),
        crashes("queue/analytics"),
        simulator.received().iter().filter(|received| matches!(received.what, What::Fault(_))).count(),
    );
    assert!(transformed > on_the_backbone, "no batch came again");
    running.stop().await;
}
