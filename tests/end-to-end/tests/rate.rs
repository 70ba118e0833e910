//! A vendor that takes twenty requests a second, and a destination of which eight invocations run at once: the vendor
//! itself counts what it had to refuse.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use aws_sdk_kinesis::{primitives::Blob, types::PutRecordsRequestEntry};
use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
    routing::post,
};
use freshet::{
    demo::sources,
    faults::Faults,
    services::Ports,
    stack::{Ground, StackConfig, variables::Variables},
};
use tokio::sync::Notify;

/// What the vendor takes in a window.
const REQUESTS: usize = 20;

/// Its window.
const WINDOW: Duration = Duration::from_secs(1);

/// So many events are to arrive: thirty windows' worth.
const EVENTS: usize = 600;

/// How the vendor counts.
#[derive(Clone, Copy, Debug)]
enum Counting {
    /// The requests of the last second.
    Sliding,
    /// The requests since its clock's last second.
    Fixed,
}

#[derive(Debug)]
struct Vendor {
    counting: Counting,
    started: Instant,
    /// When each request came, and whether it was taken.
    seen: Mutex<Vec<(Duration, bool)>>,
    done: Notify,
}

async fn take(State(vendor): State<Arc<Vendor>>) -> impl IntoResponse {
    let mut seen = vendor.seen.lock().unwrap();
    let now = vendor.started.elapsed();
    let begins = match vendor.counting {
        Counting::Sliding => now.saturating_sub(WINDOW),
        Counting::Fixed => Duration::from_secs(now.as_secs()),
    };
    let within = seen.iter().filter(|(at, is_taken)| *is_taken && *at >= begins).count();
    let is_taken = within < REQUESTS;
    seen.push((now, is_taken));
    if seen.iter().filter(|(_, is_taken)| *is_taken).count() == EVENTS {
        vendor.done.notify_one();
    }
    let status = if is_taken { StatusCode::OK } else { StatusCode::TOO_MANY_REQUESTS };
    let mut headers = HeaderMap::new();
    if !is_taken {
        headers.insert("retry-after", "1".parse().unwrap());
    }
    (status, headers)
}

/// Runs the store's stack until all events have arrived, and answers when each request came and whether it was taken.
async fn run(counting: Counting) -> Vec<(Duration, bool)> {
    let vendor =
        Arc::new(Vendor { counting, started: Instant::now(), seen: Mutex::default(), done: Notify::default() });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let app = Router::new().route("/", post(take)).with_state(Arc::clone(&vendor));
    let server = tokio::spawn(async move { axum::serve(listener, app).await });

    let store = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../infra/examples/store");
    let mut variables = Variables::read(&store.join("terraform.tfvars")).unwrap();
    let destination = variables.destinations.get_mut("analytics").unwrap();
    destination.settings.insert("body".to_owned(), "single".into());
    destination.secret_arn = None;
    destination.maximum_concurrency = 8;
    // More messages than one invocation receives, eight times over.
    destination.lanes = Some(200_u32.into());
    destination.rate_limit = Some(serde_json::from_str(r#"{"requests":20,"seconds":1}"#).unwrap());
    let config = StackConfig {
        variables,
        data_dir: None,
        ports: Ports::default(),
        faults: Faults::none(),
        own_endpoints: BTreeMap::from([("analytics".to_owned(), url)]),
    };
    let ground = Ground::lay(config).await.unwrap();
    ground.publish(&store.join("pipelines")).await.unwrap();
    sources::create(ground.aws().dynamodb(), ground.aws().kinesis()).await.unwrap();
    let stack = ground.start().await.unwrap();

    let view = |number: usize| {
        let view = format!(
            r#"{{"view_id":"v-{number}","visitor_id":"a-{number}","page":"/pricing","referrer":null,"at":{number}}}"#
        );
        let entry = PutRecordsRequestEntry::builder().partition_key(format!("a-{number}")).data(Blob::new(view));
        entry.build().unwrap()
    };
    let views: Vec<_> = (0..EVENTS).map(view).collect();
    let kinesis = stack.ground().aws().kinesis();
    // As many as a call takes.
    for views in views.chunks(500) {
        let put = kinesis.put_records().stream_name("store-page-views").set_records(Some(views.to_vec()));
        put.send().await.unwrap();
    }

    // Far beyond what it takes.
    let done = tokio::time::timeout(Duration::from_mins(2), vendor.done.notified()).await;
    let seen = vendor.seen.lock().unwrap().clone();
    assert!(done.is_ok(), "{} came: {:?}; failures: {:?}", seen.len(), seen, stack.failures().await.unwrap());
    stack.stop().await;
    server.abort();
    seen
}

async fn the_vendor_hardly_ever_refuses(counting: Counting) {
    let seen = run(counting).await;
    let first = seen[0].0;
    let after: Vec<_> = seen.iter().filter(|(at, _)| *at >= first + WINDOW).collect();
    let refused = after.iter().filter(|(_, is_taken)| !is_taken).count();
    // Without the end, when fewer wait than could be sent.
    let busy = &after[..after.len() * 9 / 10];
    let taken = busy.iter().filter(|(_, is_taken)| *is_taken).count();
    let seconds = busy[busy.len() - 1].0.saturating_sub(first + WINDOW).as_secs_f64();
    let rate = f64::from(u32::try_from(taken).unwrap()) / seconds;
    println!(
        "{counting:?}: {} requests, {refused} refused after the first window; {rate:.1} a second of {REQUESTS}, until \
         nine tenths had come",
        seen.len()
    );
    assert!(refused * 100 < after.len(), "{refused} of {} refused", after.len());
    assert_eq!(seen.iter().filter(|(_, is_taken)| *is_taken).count(), EVENTS, "each is sent once");
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_invocations_stay_within_a_sliding_window() {
    the_vendor_hardly_ever_refuses(Counting::Sliding).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_invocations_stay_within_a_fixed_window() {
    the_vendor_hardly_ever_refuses(Counting::Fixed).await;
}
