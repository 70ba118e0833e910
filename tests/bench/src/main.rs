//! What the packaged functions cost, each under a Runtime API on the loopback, over the local services.
//!
//! Processor time and memory are the function's own process's, read from /proc; the services and the vendor run in this
//! process. No budget is asserted: the figures are for comparing.

mod events;
mod process;
mod runtime_api;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::Context as _;
use freshet::{
    demo::sources,
    faults::Faults,
    services::Ports,
    stack::{Ground, StackConfig, variables::Variables},
};
use serde_json::{Value, json};

use self::{events::Events, process::Process, runtime_api::RuntimeApi};

/// The functions by their zips, and the function of the example store that stands for each.
const FUNCTIONS: [(&str, &str); 5] = [
    ("capture-dynamodb", "capture-dynamodb"),
    ("capture-kinesis", "capture-kinesis"),
    ("transform", "transform"),
    ("deliver", "deliver-warehouse"),
    ("collect-failures", "collect-failures"),
];

/// How often each is started anew; the median is told.
const STARTS: usize = 5;

/// How many records are handed over in each size of batch.
const RECORDS: u64 = 20_000;

/// The sizes of the batches.
const BATCHES: [u64; 2] = [100, 1_000];

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the runtime does not start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(measure()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> anyhow::Result<()> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let architecture = std::env::consts::ARCH.replace("aarch64", "arm64");
    let zips = root.join("target/lambda").join(&architecture);
    println!(
        "{:<18} {:>9} {:>9} {:>17} {:>19} {:>12}",
        "function", "zip MB", "init ms", "CPU ms/1000, 100", "CPU ms/1000, 1000", "peak MB"
    );
    let mut figures = BTreeMap::new();
    for (package, function) in FUNCTIONS {
        let figure =
            one(&root, &zips, package, function).await.with_context(|| format!("{package} was not measured"))?;
        let column = |name: &str| figure[name].to_string();
        println!(
            "{package:<18} {:>9} {:>9} {:>17} {:>19} {:>12}",
            column("zip_mb"),
            column("init_ms"),
            column("cpu_ms_per_1000_in_100"),
            column("cpu_ms_per_1000_in_1000"),
            column("peak_mb")
        );
        figures.insert(package, figure);
    }
    let path = root.join("target/bench.json");
    std::fs::write(&path, serde_json::to_string_pretty(&json!({"architecture": architecture, "functions": figures}))?)?;
    println!("kept in target/bench.json");
    Ok(())
}

async fn one(root: &Path, zips: &Path, package: &str, function: &str) -> anyhow::Result<Value> {
    let zip = zips.join(format!("{package}.zip"));
    let size = std::fs::metadata(&zip).with_context(|| format!("there is no {}; run make package", zip.display()))?;
    let binary = zips.join("binaries").join(package).join("bootstrap");
    let store = root.join("infra/examples/store");
    let mut figure = json!({"zip_mb": rounded(size.len(), 1_000_000)});
    let mut inits = Vec::new();
    for _ in 0..STARTS {
        let ground = ground(&store).await?;
        let mut api = RuntimeApi::start().await?;
        inits.push(start(&ground, &mut api, &binary, function).await?.1);
    }
    inits.sort_unstable();
    figure["init_ms"] = rounded(inits[inits.len() / 2], 1_000);
    let mut events = Events::default();
    let mut peak = 0;
    for batch in BATCHES {
        let ground = ground(&store).await?;
        let mut api = RuntimeApi::start().await?;
        let (process, _) = start(&ground, &mut api, &binary, function).await?;
        // The first invocation opens connections and reads tables: a cold start, told by `init` and the peak.
        api.invoke(events.of(package, batch)).await?;
        let before = process.cpu_millis()?;
        for _ in 0..RECORDS / batch {
            let event = events.of(package, batch);
            let answer = api.invoke(event).await?;
            let answer: Value = serde_json::from_slice(&answer)?;
            let failed = answer["batchItemFailures"].as_array().map_or(0, Vec::len);
            anyhow::ensure!(failed == 0, "{failed} items of a batch were reported as failed");
        }
        let used = process.cpu_millis()? - before;
        if package != "collect-failures" {
            let failures = ground.aws().dynamodb().scan().table_name("store-freshet-failures").send().await?;
            anyhow::ensure!(failures.count == 0, "events failed, so this is no measure: {:?}", failures.items);
        }
        figure[format!("cpu_ms_per_1000_in_{batch}")] = rounded(used, RECORDS / 1_000);
        peak = peak.max(process.peak_kilobytes()?);
    }
    figure["peak_mb"] = rounded(peak, 1_000);
    Ok(figure)
}

async fn ground(store: &Path) -> anyhow::Result<Ground> {
    let ground = Ground::lay(StackConfig {
        variables: Variables::read(&store.join("terraform.tfvars"))?,
        data_dir: None,
        ports: Ports::default(),
        faults: Faults::none(),
        own_endpoints: BTreeMap::new(),
    })
    .await?;
    ground.publish(&store.join("pipelines")).await?;
    sources::create(ground.aws().dynamodb(), ground.aws().kinesis()).await?;
    Ok(ground)
}

/// Starts a function, and answers how many microseconds it took to ask for its first event.
async fn start(ground: &Ground, api: &mut RuntimeApi, binary: &Path, function: &str) -> anyhow::Result<(Process, u64)> {
    let mut environment = ground.environment(function);
    environment.insert("AWS_LAMBDA_RUNTIME_API".to_owned(), api.address.clone());
    for (name, value) in [("AWS_LAMBDA_FUNCTION_VERSION", "1"), ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")] {
        environment.insert(name.to_owned(), value.to_owned());
    }
    let began = Instant::now();
    let process = Process::start(binary, environment)?;
    api.ready().await?;
    Ok((process, u64::try_from(began.elapsed().as_micros())?))
}

/// A ratio with one digit behind the point.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn rounded(count: u64, of: u64) -> Value {
    json!((count as f64 * 10.0 / of as f64).round() / 10.0)
}
