//! The deployed proof: Terraform deploys the example store to an emulator of AWS, with the packaged functions, and
//! changes that are written to its sources arrive at the simulated vendors, in order.
//!
//! What the emulator does not do as AWS does (partial batch responses, bisecting and on-failure destinations of stream
//! mappings; more than one batch of a FIFO queue at a time) is proved on the local stack.
//!
//! The emulator answers at a function URL whoever asks: it has neither its TLS nor its two permissions. That both are made
//! as AWS's documentation has them is held by the tests of the module.

mod browser;
mod command;
mod console;
mod drift;
mod emulator;
mod issuer;
mod terraform;
mod world;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use freshet::{
    demo::{self, Options, SimulatorLogs, World as _, sources},
    faults::Faults,
    simulator::What,
    stack::{SimulatedVendor, variables::Variables},
};
use serde_json::{Value, json};
use shared::aws::Aws;

use self::{
    browser::Browser, command::Freshet, emulator::Emulator, issuer::Issuer, terraform::Terraform, world::Deployed,
};

/// How many changes are written.
const CHANGES: u64 = 300;

/// How many a second: the emulator invokes one function at a time.
const RATE: u32 = 30;

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the runtime does not start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(prove()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("deploy-test: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Tells a step, and how long after the start it began.
struct Steps(Instant);

impl Steps {
    fn tell(&self, step: &str) {
        println!("[{:>4} s] {step}", self.0.elapsed().as_secs());
    }
}

async fn prove() -> anyhow::Result<()> {
    let steps = Steps(Instant::now());
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let folder = root.join("target/deploy");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    let store = root.join("infra/examples/store");
    let variables = Variables::read(&store.join("terraform.tfvars"))?;

    let emulator = Emulator::start(&root.join("target/tools/deploy"), &folder.join("ministack.log")).await?;
    let environment: BTreeMap<_, _> = emulator.environment().into_iter().collect();
    let aws = Aws::from_environment(&|name: &str| environment.get(name).cloned())?;
    steps.tell("the emulator runs; the sources and secrets are made");
    let streams = sources::create(aws.dynamodb(), aws.kinesis()).await?;
    let mut vendors = BTreeMap::new();
    for (name, destination) in &variables.destinations {
        vendors.insert(name.clone(), SimulatedVendor::start(name, destination, None, &Faults::none()).await?);
    }
    let secrets = make_secrets(&aws, &vendors).await?;
    let issuer = Issuer::start().await?;
    let client = make_secret(&aws, "console", &issuer.registration().to_string()).await?;
    let overriding = overriding(&variables, &streams, &vendors, &secrets, &client)?;
    std::fs::write(folder.join("override.tfvars.json"), serde_json::to_string_pretty(&overriding)?)?;

    let terraform = Terraform::new(&store, &folder, &emulator);
    terraform.init()?;
    steps.tell("terraform apply, with the real AWS provider");
    let applied = terraform.apply()?;
    steps.tell(&applied);
    let outputs = folder.join("stack.json");
    std::fs::write(&outputs, terraform.output("freshet")?)?;
    let freshet =
        Freshet { binary: root.join("target/release/freshet"), outputs, environment: emulator.environment().to_vec() };
    let pipelines = store.join("pipelines").display().to_string();
    print!("{}", freshet.succeed(&["pipelines", "push", "--wait", &pipelines])?);

    steps.tell("the life of the store is written");
    let mut world = Deployed { aws, vendors, logs: SimulatorLogs::default() };
    let options = Options {
        changes: CHANGES,
        exit: true,
        seed: 1,
        rate: RATE,
        faults: "none".to_owned(),
        own_endpoint: None,
        down: None,
    };
    ensure!(demo::run(&options, &world).await? == ExitCode::SUCCESS, "something was lost or out of order: see above");

    hold_and_drain(&steps, &variables, &freshet, &mut world).await?;
    fail_for_good(&steps, &freshet, &world).await?;

    let function_url: String = serde_json::from_str(&terraform.output("console_url")?)?;
    let told: Value = serde_json::from_str(&terraform.output("console")?)?;
    let callbacks: Vec<String> = serde_json::from_value(told["callbacks"].clone())?;
    let mut browser = Browser::new(&environment["AWS_ENDPOINT_URL"], &function_url)?;
    console::prove(&steps, &mut browser, &callbacks, &freshet, &store, &folder, &world).await?;

    steps.tell("freshet status");
    print!("{}", freshet.succeed(&["status"])?);
    steps.tell("terraform plan, though nothing has changed");
    let changes = terraform.plan()?;
    let unexpected = drift::unexpected(&changes);
    ensure!(unexpected.is_empty(), "the second plan would change what it made: {unexpected:?}");
    steps.tell(&format!("nothing but the emulator's own drift, in {} resources", changes.len()));
    let destroyed = terraform.destroy()?;
    steps.tell(&destroyed);
    let delivered: usize = world.vendors.keys().map(|name| world.received(name, 0).len()).sum();
    println!(
        "deploy-test: {applied} {CHANGES} changes written, {delivered} deliveries checked, order kept, 0 lost. A \
         destination went down, held its queue and drained. What no vendor takes is among the failures. The second plan \
         shows the emulator's own drift in {} resources, and nothing else. Nobody got into the console without \
         signing in, and what was published there was delivered. {destroyed} 8 cases",
        changes.len()
    );
    Ok(())
}

async fn make_secrets(
    aws: &Aws,
    vendors: &BTreeMap<String, SimulatedVendor>,
) -> anyhow::Result<BTreeMap<String, String>> {
    let mut arns = BTreeMap::new();
    for (name, vendor) in vendors {
        arns.insert(name.clone(), make_secret(aws, name, &vendor.secret).await?);
    }
    Ok(arns)
}

async fn make_secret(aws: &Aws, name: &str, value: &str) -> anyhow::Result<String> {
    let create = aws.secrets().create_secret().name(format!("store/{name}")).secret_string(value);
    let created = create.send().await.with_context(|| format!("the secret of {name} cannot be made"))?;
    created.arn.context("CreateSecret gave no ARN")
}

/// The variables that are this machine's: ARNs, the vendors' addresses, the processor, and that all may be destroyed.
fn overriding(
    variables: &Variables,
    streams: &std::collections::HashMap<&'static str, String>,
    vendors: &BTreeMap<String, SimulatedVendor>,
    secrets: &BTreeMap<String, String>,
    client: &str,
) -> anyhow::Result<Value> {
    let mut sources = serde_json::Map::new();
    for (name, source) in &variables.sources {
        let arn = streams.get(name.as_str()).with_context(|| format!("the demo has no source {name}"))?;
        let source = match &source.dynamodb_stream_arn {
            Some(_) => json!({"dynamodb_stream_arn": arn}),
            None => json!({"kinesis_stream_arn": arn, "key": source.key}),
        };
        sources.insert(name.clone(), source);
    }
    let mut destinations = serde_json::Map::new();
    for (name, destination) in &variables.destinations {
        let vendor = &vendors[name];
        let mut settings = json!(destination.settings());
        vendor.point(&mut settings)?;
        destinations.insert(
            name.clone(),
            json!({
                "connector": destination.connector,
                "settings": settings,
                "secret_arn": secrets[name],
                "maximum_concurrency": destination.maximum_concurrency,
                // The simulators are on this machine.
                "allow_private_addresses": true,
            }),
        );
    }
    Ok(json!({
        "sources": sources,
        "destinations": destinations,
        "console": {
            "client_secret_arn": client,
            "roles": {"claim": "groups", "admin": [issuer::GROUP]},
            // So is the identity provider.
            "allow_private_addresses": true,
        },
        "architecture": std::env::consts::ARCH.replace("aarch64", "arm64"),
        "deletion_protection": false,
    }))
}

/// A destination that is down holds its own queue and nobody else's, and drains when it is back.
async fn hold_and_drain(
    steps: &Steps,
    variables: &Variables,
    freshet: &Freshet,
    world: &mut Deployed,
) -> anyhow::Result<()> {
    const BROKEN: &str = "helpdesk";
    let vendor = world.vendors.remove(BROKEN).context("the store has no help desk")?;
    let port: u16 = vendor.simulator.url().rsplit(':').next().unwrap_or_default().parse()?;
    drop(vendor);
    steps.tell(&format!("{BROKEN} is down"));
    let outputs: Value = serde_json::from_str(&std::fs::read_to_string(&freshet.outputs)?)?;
    let queue = outputs["destinations"][BROKEN]["queue_url"].as_str().context("no queue's URL in the outputs")?;
    put(world, "store-tickets", &ticket("held-1")).await?;
    until("its queue holds the ticket", || async { Ok(messages(&world.aws, queue).await? > 0) }).await?;
    // The others go on meanwhile.
    let before = world.received("warehouse", 0).len();
    put(world, "store-customers", &customer("held-2", "held-2@example.com")).await?;
    until("the warehouse goes on", || async { Ok(world.received("warehouse", 0).len() > before) }).await?;
    ensure!(messages(&world.aws, queue).await? > 0, "the ticket left the queue of a destination that is down");

    let destination = &variables.destinations[BROKEN];
    let vendor = SimulatedVendor::start(BROKEN, destination, Some(port), &Faults::none()).await?;
    steps.tell(&format!("{BROKEN} is back"));
    until("the ticket arrives", || async {
        let came = |what: &What| matches!(what, What::Event { fields, .. } if fields.get("ticket_id") == Some(&"held-1".into()));
        Ok(vendor.simulator.received().iter().any(|received| came(&received.what)))
    })
    .await?;
    until("its queue is empty", || async { Ok(messages(&world.aws, queue).await? == 0) }).await?;
    world.vendors.insert(BROKEN.to_owned(), vendor);
    Ok(())
}

/// What a vendor will never take stands among the failures.
async fn fail_for_good(steps: &Steps, freshet: &Freshet, world: &Deployed) -> anyhow::Result<()> {
    steps.tell("a customer whose e-mail address no vendor takes");
    put(world, "store-customers", &customer("never", "not an address")).await?;
    until("it is among the failures", || async {
        let listed = freshet.succeed(&["failures", "list", "--destination", "hubspot"])?;
        Ok(listed.contains("customers-to-hubspot"))
    })
    .await?;
    print!("{}", freshet.succeed(&["failures", "list"])?);
    Ok(())
}

async fn put(world: &Deployed, table: &str, item: &[(&str, AttributeValue)]) -> anyhow::Result<()> {
    let mut put = world.dynamodb().put_item().table_name(table);
    for (name, value) in item {
        put = put.item(*name, value.clone());
    }
    put.send().await.with_context(|| format!("{table} takes no item"))?;
    Ok(())
}

async fn messages(aws: &Aws, queue: &str) -> anyhow::Result<u64> {
    use aws_sdk_sqs::types::QueueAttributeName::{
        ApproximateNumberOfMessages as Waiting, ApproximateNumberOfMessagesNotVisible as InFlight,
    };
    let get = aws.sqs().get_queue_attributes().queue_url(queue).attribute_names(Waiting).attribute_names(InFlight);
    let attributes = get.send().await?.attributes.unwrap_or_default();
    Ok([Waiting, InFlight].iter().filter_map(|name| attributes.get(name)?.parse::<u64>().ok()).sum())
}

/// Waits until something is so; an error after three minutes.
async fn until<F: Future<Output = anyhow::Result<bool>>>(what: &str, is: impl Fn() -> F) -> anyhow::Result<()> {
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    for _ in 0..360 {
        tick.tick().await;
        if is().await? {
            return Ok(());
        }
    }
    bail!("after three minutes it is still not so that {what}")
}

type Item = Vec<(&'static str, AttributeValue)>;

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn customer(id: &str, email: &str) -> Item {
    vec![
        ("customer_id", text(id)),
        ("email", text(email)),
        ("first_name", text("Ada")),
        ("last_name", text("Byron")),
        ("country", text("GB")),
        ("plan", text("pro")),
        ("mrr_cents", AttributeValue::N("12900".to_owned())),
        ("logins", AttributeValue::N("1".to_owned())),
        ("updated_at", AttributeValue::N("1767225600000".to_owned())),
        ("marketing_consent", AttributeValue::Bool(true)),
    ]
}

fn ticket(id: &str) -> Item {
    vec![
        ("ticket_id", text(id)),
        ("customer_id", text("held-2")),
        ("subject", text("Nothing arrives")),
        ("status", text("open")),
        ("priority", text("urgent")),
        ("messages", AttributeValue::N("1".to_owned())),
    ]
}
