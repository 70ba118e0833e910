//! The run, on a held clock and a world made by hand.

use std::sync::Mutex;

use aws_sdk_dynamodb::config::BehaviorVersion;

use super::*;
use crate::demo::{
    Tally,
    expectation::{Effect, Keeps},
    received::Sent,
    store::Change,
};

struct HandMade {
    dynamodb: aws_sdk_dynamodb::Client,
    kinesis: aws_sdk_kinesis::Client,
    received: HashMap<&'static str, Vec<Received>>,
    downs: Mutex<Vec<(String, bool)>>,
    touched: BTreeSet<String>,
}

impl World for HandMade {
    fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        &self.dynamodb
    }

    fn kinesis(&self) -> &aws_sdk_kinesis::Client {
        &self.kinesis
    }

    fn received(&self, destination: &str, from: usize) -> Vec<Received> {
        self.received.get(destination).map(|all| all[from..].to_vec()).unwrap_or_default()
    }

    fn tally(&self, _: &str) -> Option<Tally> {
        None
    }

    fn set_down(&self, destination: &str, down: bool) {
        self.downs.lock().unwrap().push((destination.to_owned(), down));
    }

    fn pages(&self) -> Vec<(String, String)> {
        vec![("hubspot".into(), "http://127.0.0.1:4001/".into())]
    }

    fn messages(&self, from: usize) -> Vec<String> {
        vec!["contacts needs attention".to_owned()].split_off(from)
    }

    async fn touched(&self) -> anyhow::Result<BTreeSet<String>> {
        Ok(self.touched.clone())
    }

    async fn counts(&self) -> anyhow::Result<Counts> {
        Ok(Counts { captured: [("customers".to_owned(), 7)].into(), failed: HashMap::new() })
    }

    async fn is_idle(&self) -> anyhow::Result<bool> {
        Ok(true)
    }
}

/// A world in which everything has arrived, one by one.
fn world(changes: &[Change]) -> HandMade {
    let mut received: HashMap<_, Vec<_>> = HashMap::new();
    for change in changes {
        for rule in RULES.iter().filter(|rule| rule.source == change.source) {
            let key = (rule.key)(change);
            let sent = match ((rule.effect)(change), rule.keeps) {
                (Effect::Filtered, _) => continue,
                (Effect::Apply(values), Keeps::State) => Sent::Upsert { key, values },
                (Effect::Apply(values), Keeps::Log) => {
                    Sent::Append { id: Some(format!("{}/{}", rule.pipeline, change.number)), values }
                }
                (Effect::Remove, _) => Sent::Remove { key },
            };
            let at_ms = i64::try_from(change.number).unwrap() + 500;
            received.entry(rule.destination).or_default().push(Received { at_ms, accepted: true, sent });
        }
    }
    let dynamodb = aws_sdk_dynamodb::Config::builder().behavior_version(BehaviorVersion::v2026_01_12()).build();
    let kinesis = aws_sdk_kinesis::Config::builder().behavior_version(BehaviorVersion::v2026_01_12()).build();
    HandMade {
        dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb),
        kinesis: aws_sdk_kinesis::Client::from_conf(kinesis),
        received,
        downs: Mutex::default(),
        touched: BTreeSet::new(),
    }
}

fn options(exit: bool) -> Options {
    Options { changes: 300, exit, seed: 1, rate: 200, faults: "none".into(), own_endpoint: None, down: None }
}

fn story() -> Vec<Change> {
    Story::new(1).take(300).collect()
}

/// Runs with all changes written at once; yields the report and what was shown.
async fn follow(
    options: &Options,
    world: &HandMade,
    ended: anyhow::Result<()>,
    interrupted: impl Future<Output = ()>,
) -> anyhow::Result<(Report, String)> {
    let (progress, told) = mpsc::unbounded_channel();
    for change in story() {
        let (number, at_ms) = (change.number, i64::try_from(change.number)?);
        progress.send(Progress::Begun(Box::new(change), at_ms))?;
        progress.send(Progress::Acknowledged(number, at_ms))?;
    }
    let (stop, _stopped) = watch::channel(false);
    let mut shown = Vec::new();
    let mut screen = Screen::log(&mut shown);
    let mut session = Session::new(options, world, 0);
    let writing = tokio::spawn(async move { ended });
    let report = session.follow(told, writing, stop, interrupted, &mut screen).await?;
    drop(screen);
    Ok((report, String::from_utf8(shown)?))
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_all_is_accounted_for() {
    let (report, shown) = follow(&options(true), &world(&story()), Ok(()), std::future::pending()).await.unwrap();
    assert!(report.is_good() && report.is_final, "{report}");
    assert_eq!((report.changes, report.freshness_p50_ms), (300, Some(500)));
    for destination in ["analytics", "braze", "customer_io", "helpdesk", "hubspot", "klaviyo", "slack", "warehouse"] {
        assert!(shown.contains(&format!(" s  first delivery to {destination}\n")), "{shown}");
    }
    assert!(shown.contains("0 failed, 0 waiting"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_come_within_a_minute_is_lost() {
    let mut world = world(&story());
    world.received.get_mut("helpdesk").unwrap().pop();
    let begun = Instant::now();
    let (report, shown) = follow(&options(true), &world, Ok(()), std::future::pending()).await.unwrap();
    assert_eq!((report.lost(), report.is_good()), (1, false));
    assert!(begun.elapsed() >= PATIENCE);
    assert!(shown.contains("1 waiting"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn an_interruption_ends_it_with_what_is_known() {
    let mut world = world(&story());
    world.received.get_mut("helpdesk").unwrap().pop();
    let interrupted = tokio::time::sleep(Duration::from_secs(5));
    let (report, _) = follow(&options(false), &world, Ok(()), interrupted).await.unwrap();
    assert_eq!((report.waiting(), report.lost(), report.is_final), (1, 0, false));
}

#[tokio::test(start_paused = true)]
async fn ones_own_endpoint_is_not_checked() {
    let mut world = world(&story());
    world.received.remove("helpdesk");
    let options = Options { own_endpoint: Some("helpdesk".into()), ..options(true) };
    let (report, _) = follow(&options, &world, Ok(()), std::future::pending()).await.unwrap();
    assert!(report.is_good(), "{report}");
    assert!(report.pipelines.iter().all(|row| row.destination != "helpdesk"));
    let session = Session::new(&options, &world, 0);
    let snapshot = session.snapshot(&report, String::new());
    let shown: Vec<_> =
        snapshot.pipelines.iter().map(|row| (row.destination.as_str(), row.checked.is_some())).collect();
    assert!(shown.contains(&("helpdesk", false)) && shown.contains(&("hubspot", true)), "{shown:?}");
}

#[tokio::test(start_paused = true)]
async fn what_a_person_has_changed_is_theirs() {
    let mut world = world(&story());
    // Their pipeline leaves out what the store's would have sent.
    world.received.get_mut("helpdesk").unwrap().pop();
    world.touched = [String::from("helpdesk")].into();
    let (report, shown) = follow(&options(true), &world, Ok(()), std::future::pending()).await.unwrap();
    assert!(report.is_good() && report.is_final, "{report}");
    assert!(report.pipelines.iter().all(|row| row.destination != "helpdesk"), "{report}");
    let said = "helpdesk is not checked any more: a person has changed what it receives\n";
    assert_eq!(shown.matches(said).count(), 1, "{shown}");
    assert_eq!(shown.matches("a message to people: contacts needs attention\n").count(), 1, "{shown}");
    world.touched.clear();
    let (report, _) = follow(&options(true), &world, Ok(()), std::future::pending()).await.unwrap();
    assert!(!report.is_good(), "what nobody has changed is checked");
}

#[tokio::test(start_paused = true)]
async fn a_vendor_is_down_until_all_is_written() {
    let world = world(&story());
    let options = Options { down: Some("braze".into()), ..options(true) };
    let (report, shown) = follow(&options, &world, Ok(()), std::future::pending()).await.unwrap();
    assert!(report.is_good(), "{report}");
    assert_eq!(*world.downs.lock().unwrap(), [("braze".to_owned(), true), ("braze".to_owned(), false)]);
    assert!(shown.contains("braze is down") && shown.contains("braze is back"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_writer_ends_it() {
    let ended = Err(anyhow::anyhow!("the table is gone"));
    let error = follow(&options(false), &world(&story()), ended, std::future::pending()).await.unwrap_err();
    assert_eq!(error.to_string(), "the table is gone");
}
