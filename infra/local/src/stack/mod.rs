//! The whole stack on one machine: the same variables file as Terraform's, the same handlers, AWS's protocols between
//! them.

mod counts;
mod emitted;
mod environment;
mod functions;
mod mappings;
mod outputs;
mod people;
mod resources;
mod schedule;
pub mod variables;
mod vendors;

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use shared::{
    alert::Message,
    aws::{Aws, PipelinesTable},
    destination::connector,
    lane::Lanes,
    pipeline::{
        Known, Pipeline,
        publication::{Edition, Others},
    },
    ports::{LaneCounts as _, Publishing as _},
    time::{Clock as _, SystemClock, Timestamp},
};

pub use self::{emitted::Emitted, vendors::SimulatedVendor};
use self::{
    environment::Environments,
    functions::Functions,
    resources::{Resources, names},
    schedule::Schedule,
    variables::Variables,
};
use crate::{
    console::LocalConsole,
    faults::Faults,
    mapping::{MappingHandle, MappingStatus},
    pipelines,
    services::{self, Ports, Services, ServicesConfig, secrets::Secrets, topic::Topic},
};

/// Who publishes the pipelines that a stack begins with.
const PUBLISHER: &str = "the local stack";

/// What a local stack is made of.
#[derive(Debug)]
pub struct StackConfig {
    /// The variables that Terraform reads too.
    pub variables: Variables,
    /// Where data is kept; nothing is, without.
    pub data_dir: Option<PathBuf>,
    /// The services' ports, where they matter.
    pub ports: Ports,
    /// The faults to inject.
    pub faults: Faults,
    /// Destinations that go to an endpoint of the user's own instead of a simulator: name and URL.
    pub own_endpoints: BTreeMap<String, String>,
}

/// The services, the simulators and the tables and queues, before any function runs.
#[derive(Debug)]
pub struct Ground {
    config: StackConfig,
    services: Services,
    /// Held for as long as the functions may read it.
    _secrets: Secrets,
    topic: Topic,
    vendors: BTreeMap<String, SimulatedVendor>,
    resources: Resources,
    environments: Environments,
    aws: Arc<Aws>,
}

/// A running stack.
#[derive(Debug)]
pub struct Stack {
    ground: Ground,
    mappings: BTreeMap<String, MappingHandle>,
    schedule: Schedule,
    alert_schedule: Schedule,
}

impl Ground {
    /// Starts the services and simulators, and makes what Terraform would make.
    pub async fn lay(config: StackConfig) -> anyhow::Result<Self> {
        let services = Services::start(ServicesConfig {
            data_dir: config.data_dir.clone(),
            ports: config.ports,
            faults: config.faults.clone(),
        })
        .await?;
        let secrets = Secrets::start().await?;
        let topic = Topic::start().await?;
        let vendors = vendors::start(&config).await?;
        for (name, destination) in &config.variables.destinations {
            if let Some(arn) = &destination.secret_arn {
                // Also where the user's own endpoint is in the vendor's place, which may leave it unread.
                secrets.put(arn, &vendors::secret(connector(&destination.connector)?, name));
            }
        }
        secrets.put(&names::sessions_secret(&config.variables.name), r#"{"keys":[]}"#);
        let base = Environments::of_all(&config, &services, &secrets, &topic);
        let aws = Arc::new(Aws::from_environment(&base)?);
        let resources = Resources::make(&config.variables, &aws).await?;
        record_lanes(&config.variables, &aws).await?;
        let environments = Environments::new(&config, base, &resources, &vendors)?;
        Ok(Self { config, services, _secrets: secrets, topic, vendors, resources, environments, aws })
    }

    /// The clients of the local services.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// The variables.
    pub const fn variables(&self) -> &Variables {
        &self.config.variables
    }

    /// Publishes every pipeline of a folder, or none where one is wrong.
    pub async fn publish(&self, folder: &Path) -> anyhow::Result<Vec<Pipeline>> {
        let pipelines = pipelines::read(folder, &self.known())?;
        let table = PipelinesTable::new(self.aws.dynamodb(), &names::pipelines_table(&self.config.variables.name));
        let documents: Vec<_> = pipelines.iter().map(|file| (&*file.pipeline.name, &*file.document)).collect();
        // For whatever arrives: no function runs yet that could have seen it otherwise.
        let beginning = Timestamp::from_millis(0);
        let edition = Edition { by: PUBLISHER.to_owned(), at: SystemClock.now(), from: beginning };
        table.publish_all(&documents, Others::Keep, &edition).await?;
        Ok(pipelines.into_iter().map(|file| file.pipeline).collect())
    }

    /// A function's environment, with the variables that Terraform sets and those that Lambda sets.
    pub fn environment(&self, function: &str) -> HashMap<String, String> {
        self.environments.of(function).into_map()
    }

    /// The functions, hosted, and invoked by nobody yet.
    pub fn functions(&self) -> Functions {
        Functions::host(&self.config, &self.environments)
    }

    /// The messages to people that were published, in order, without the first `from`.
    pub fn messages(&self, from: usize) -> Vec<Message> {
        self.topic.published(from)
    }

    /// Starts the console, at this port if it is given one.
    pub async fn console(&self, port: Option<u16>) -> anyhow::Result<LocalConsole> {
        LocalConsole::start(&self.environments.of("console"), port).await
    }

    /// DynamoDB streams: only the local mappings read them; Lambda reads them itself.
    fn streams(&self) -> aws_sdk_dynamodbstreams::Client {
        let config = aws_sdk_dynamodbstreams::config::Builder::new()
            .behavior_version(aws_sdk_dynamodbstreams::config::BehaviorVersion::latest())
            .region(aws_sdk_dynamodbstreams::config::Region::new(services::REGION))
            .credentials_provider(aws_credential_types::Credentials::new(
                services::ACCESS_KEY,
                services::SECRET_KEY,
                None,
                None,
                "local",
            ))
            .endpoint_url(&self.services.dynamodb_url)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        aws_sdk_dynamodbstreams::Client::from_conf(config)
    }

    fn known(&self) -> Known {
        self.config.variables.known()
    }

    /// Starts the functions and their event source mappings. The sources have to exist by now.
    pub async fn start(self) -> anyhow::Result<Stack> {
        let functions = self.functions();
        let streams = self.streams();
        let mappings = mappings::start(&self.config, &self.aws, &self.resources, &functions, &streams).await?;
        let transform = functions.get("transform").context("there is no function transform")?;
        let alert = functions.get("alert").context("there is no function alert")?;
        let schedule = Schedule::start(transform, &self.config.variables.name);
        let alert_schedule = Schedule::start(alert, &self.config.variables.name);
        Ok(Stack { ground: self, mappings, schedule, alert_schedule })
    }
}

impl Stack {
    /// What it stands on.
    pub const fn ground(&self) -> &Ground {
        &self.ground
    }

    /// The simulated vendors by destination.
    pub const fn vendors(&self) -> &BTreeMap<String, SimulatedVendor> {
        &self.ground.vendors
    }

    /// The names of the tables and queues.
    pub const fn resources(&self) -> &Resources {
        &self.ground.resources
    }

    /// Where each event source mapping stands.
    pub fn status(&self) -> BTreeMap<String, MappingStatus> {
        self.mappings.iter().map(|(name, handle)| (name.clone(), handle.status())).collect()
    }

    /// Whether nothing is under way: every stream read to its end, every queue empty, in flight included.
    pub async fn is_idle(&self) -> anyhow::Result<bool> {
        if !self.mappings.values().all(|handle| handle.status().idle) {
            return Ok(false);
        }
        for queue in self.ground.resources.queues().values() {
            if resources::messages(&self.ground.aws, &queue.url).await? > 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Wakes transform now, as its schedule does, and waits until it has done what there was to do.
    pub async fn tick(&self) -> anyhow::Result<()> {
        Ok(self.schedule.tick().await?)
    }

    /// Wakes alert now, as its schedule does, and waits until it has told what there was to tell.
    pub async fn alert(&self) -> anyhow::Result<()> {
        Ok(self.alert_schedule.tick().await?)
    }

    /// Ends the schedule and the mappings, then the services.
    pub async fn stop(self) {
        drop((self.schedule, self.alert_schedule));
        for handle in self.mappings.into_values() {
            handle.stop().await;
        }
        self.ground.services.stop().await;
    }
}

/// Records each count of lanes at creation, and refuses another one from then on.
async fn record_lanes(variables: &Variables, aws: &Aws) -> anyhow::Result<()> {
    let table = PipelinesTable::new(aws.dynamodb(), &names::pipelines_table(&variables.name));
    let backbone = (names::changes_stream(&variables.name), variables.backbone.lanes);
    let queues = variables.destinations.iter();
    let queues = queues.map(|(name, destination)| (names::queue(&variables.name, name), destination.lanes()));
    for (name, count) in std::iter::once(backbone).chain(queues) {
        let lanes = Lanes::new(count).with_context(|| format!("{name} has no lanes"))?;
        table.agree(&name, lanes).await?;
    }
    Ok(())
}
