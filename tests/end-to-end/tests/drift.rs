//! A field vanishes from a source in the middle of traffic, under each of the three policies.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use aws_sdk_kinesis::primitives::Blob;
use freshet::{
    commands::{failures, pipelines, sources},
    deployed::{Chosen, Connection},
    faults::Faults,
    services::Ports,
    simulator::What,
    stack::{Ground, Stack, StackConfig, variables::Variables},
};
use shared::{
    failure::{Selection, Standing},
    pipeline::{
        publication::{Edition, Others},
        timeline::NOTICE,
    },
    ports::KeptFailures as _,
    time::{Clock as _, SystemClock},
    value::Value,
};

/// The pipelines, each with the policy that it is named for. All read the same fields.
const POLICIES: [&str; 3] = ["warn", "hold", "fail"];

/// How many views have the field, before the one that has not.
const BEFORE: usize = 40;

fn pipeline(policy: &str, description: &str) -> String {
    format!(
        "name = \"{policy}\"\ndescription = \"{description}\"\nsource = \"page_views\"\ndestination = \"analytics\"\n\
         action = \"send\"\non_drift = \"{policy}\"\n\n[fields]\npipeline = \"'{policy}'\"\nview = \"after.view_id\"\n\
         campaign = \"after.campaign | default('none')\"\n"
    )
}

async fn start() -> Stack {
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/examples/store");
    let config = StackConfig {
        variables: Variables::read(&store.join("terraform.tfvars")).unwrap(),
        data_dir: None,
        ports: Ports::default(),
        faults: Faults::none(),
        own_endpoints: BTreeMap::new(),
    };
    let ground = Ground::lay(config).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    for policy in POLICIES {
        std::fs::write(folder.path().join(format!("{policy}.toml")), pipeline(policy, "As it was.")).unwrap();
    }
    ground.publish(folder.path()).await.unwrap();
    freshet::demo::sources::create(ground.aws().dynamodb(), ground.aws().kinesis()).await.unwrap();
    ground.start().await.unwrap()
}

fn connect(stack: &Stack) -> Connection<'static> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stack.json");
    std::fs::write(&file, serde_json::to_string(&stack.ground().deployed().unwrap()).unwrap()).unwrap();
    Chosen { outputs: Some(file) }.connect(&|_: &str| None).unwrap()
}

async fn view(stack: &Stack, number: usize, campaign: Option<&str>) {
    let campaign = campaign.map(|name| format!(r#","campaign":"{name}""#)).unwrap_or_default();
    let view = format!(
        r#"{{"view_id":"{number}","visitor_id":"v","page":"/pricing","referrer":null,"at":{number}{campaign}}}"#
    );
    let put = stack.ground().aws().kinesis().put_record().stream_name("store-page-views").partition_key("v");
    put.data(Blob::new(view)).send().await.unwrap();
}

/// The views that a pipeline has brought, in order, without repeats.
fn brought(stack: &Stack, pipeline: &str) -> Vec<usize> {
    let mut ids = BTreeSet::new();
    let received = stack.vendors()["analytics"].simulator.received();
    let views = received.into_iter().filter_map(|received| match received.what {
        What::Event { id, fields, .. } if fields["pipeline"] == Value::from(pipeline) && ids.insert(id.clone()) => {
            fields["view"].as_str().unwrap().parse().ok()
        }
        _ => None,
    });
    views.collect()
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

/// Arrivals have whole seconds here, and what arrives in one second with the rows that are known is known, too.
async fn next_second() {
    let now = SystemClock.now();
    until("the next second", async || SystemClock.now().millis() / 1_000 > now.millis() / 1_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_vanishes_and_each_policy_does_what_it_says() {
    let stack = start().await;
    let connection = connect(&stack);
    for number in 0..BEFORE {
        view(&stack, number, Some("spring")).await;
    }
    let all = |count: usize| (0..count).collect::<Vec<_>>();
    until("all flow", async || POLICIES.iter().all(|policy| brought(&stack, policy) == all(BEFORE))).await;
    next_second().await;
    view(&stack, BEFORE, None).await;
    next_second().await;
    view(&stack, BEFORE + 1, Some("spring")).await;

    // Told, and delivered.
    until("the one that warns goes on", async || brought(&stack, "warn") == all(BEFORE + 2)).await;
    // Failed, and what comes behind is delivered.
    let behind: Vec<usize> = (0..BEFORE).chain([BEFORE + 1]).collect();
    until("the one that fails goes on", async || brought(&stack, "fail") == behind).await;
    let open = Selection { standing: Some(Standing::Open), ..Selection::default() };
    let failed = connection.failures().list(&open).await.unwrap();
    let [failed] = failed.as_slice() else { unreachable!("{failed:?}") };
    assert_eq!(failed.pipeline.as_deref(), Some("fail"));
    let reason = connection.failures().get(&failed.id).await.unwrap().unwrap().failure.reason;
    assert!(reason.starts_with("the source has drifted: rows lack the field `campaign`, which they had; "), "{reason}");
    println!("fail: {reason}");
    // Paused before it, and nothing came.
    let listed = pipelines::list(&connection).await.unwrap();
    let line = listed.lines().find(|line| line.starts_with("hold ")).unwrap();
    assert!(line.contains("paused since ") && line.contains(" by freshet"), "{listed}");
    assert_eq!(brought(&stack, "hold"), all(BEFORE));
    println!("hold: {line}");

    let shown = sources::show(&connection, "page_views").await.unwrap();
    for policy in POLICIES {
        let told = format!("  {policy} version 1: rows lack the field `campaign`, which they had\n");
        assert!(shown.contains(&told), "{shown}");
    }
    let listed = sources::list(&connection).await.unwrap();
    let line = listed.lines().find(|line| line.starts_with("page_views")).unwrap();
    assert!(line.ends_with('3'), "{listed}");
    println!("{shown}");

    // A person has looked: the held one is resumed, and for the other a version is published and the event redriven.
    let now = SystemClock.now();
    pipelines::resume(&connection, "hold", now).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("fail.toml"), pipeline("fail", "Views have no campaign now and then.")).unwrap();
    let edition = Edition { by: "ada".to_owned(), at: now, from: now + NOTICE };
    pipelines::push(&connection, folder.path(), Others::Keep, true, &edition).await.unwrap();
    until("the version is in effect", async || SystemClock.now() > now + NOTICE).await;
    next_second().await;
    let report = failures::redrive(&connection, std::slice::from_ref(&failed.id)).await.unwrap();
    assert!(report.left_alone.is_empty(), "{report}");
    until("what failed is delivered", async || brought(&stack, "fail").contains(&BEFORE)).await;
    until("what was held is sent, in order", async || brought(&stack, "hold") == all(BEFORE + 2)).await;
    view(&stack, BEFORE + 2, None).await;
    until("such views go through all of them", async || {
        POLICIES.iter().all(|policy| brought(&stack, policy).last() == Some(&(BEFORE + 2)))
    })
    .await;
    stack.stop().await;
}
