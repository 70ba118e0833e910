//! The function's settings.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use shared::{
    aws::{ActivityTable, Aws, FailuresTable, FifoQueue, ObjectStore, PipelinesTable},
    config::{ConfigError, Environment, Reader},
    destination,
    lane::Lanes,
    pipeline::Known,
    telemetry::{self, Emit},
    time::SystemClock,
};

use crate::{Transform, World};

/// What the environment says.
#[derive(Debug)]
pub struct Config {
    /// The names of the sources.
    pub sources: Vec<String>,
    /// The destinations by name.
    pub destinations: BTreeMap<String, DestinationQueue>,
    /// The backbone's count of lanes.
    pub lanes: Lanes,
    /// The table of pipelines.
    pub pipelines_table: String,
    /// The table of failures.
    pub failures_table: String,
    /// The table of activity.
    pub activity_table: String,
    /// The bucket for what is too large for a message or an item.
    pub bucket: String,
}

/// A destination's connector and queue.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DestinationQueue {
    /// The connector's slug.
    pub connector: String,
    /// The queue's URL.
    pub queue_url: String,
    /// The queue's count of lanes.
    pub lanes: Lanes,
}

impl Config {
    /// Reads the environment; every problem is reported at once.
    pub fn read(environment: &dyn Environment) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(environment);
        let sources: Vec<String> = reader.json("SOURCES", r#"["customers"]"#).unwrap_or_default();
        let destinations: BTreeMap<String, DestinationQueue> = reader
            .json("DESTINATIONS", r#"{"crm":{"connector":"hubspot","queue_url":"https://…","lanes":8}}"#)
            .unwrap_or_default();
        for (name, destination) in &destinations {
            if let Err(error) = destination::connector(&destination.connector) {
                reader.problem("DESTINATIONS", format!("{name}: {error}"));
            }
        }
        let lanes = Lanes::new(reader.number("CHANGES_LANES", 16, 1..=4_000));
        let pipelines_table = reader.required("PIPELINES_TABLE", "the name of the table of pipelines");
        let failures_table = reader.required("FAILURES_TABLE", "the name of the table of failures");
        let activity_table = reader.required("ACTIVITY_TABLE", "the name of the table of activity");
        let bucket = reader.required("OVERSIZE_BUCKET", "the name of the stack's bucket");
        reader.finish()?;
        let lanes = lanes.ok_or_else(|| ConfigError::of("CHANGES_LANES", "is zero"))?;
        Ok(Self { sources, destinations, lanes, pipelines_table, failures_table, activity_table, bucket })
    }

    /// What pipelines can name.
    pub fn known(&self) -> Known {
        let destinations =
            self.destinations.iter().map(|(name, destination)| (name.clone(), destination.connector.clone()));
        Known { sources: self.sources.clone(), destinations: destinations.collect() }
    }
}

/// The real parts.
#[derive(Debug)]
pub struct Live {
    pipelines: PipelinesTable,
    failures: FailuresTable,
    activity: ActivityTable,
    objects: ObjectStore,
    queues: HashMap<String, FifoQueue>,
    clock: SystemClock,
    emit: Emit,
}

impl World for Live {
    type Pipelines = PipelinesTable;
    type Failures = FailuresTable;
    type Activity = ActivityTable;
    type Objects = ObjectStore;
    type Queue = FifoQueue;
    type Clock = SystemClock;

    fn pipelines(&self) -> &PipelinesTable {
        &self.pipelines
    }
    fn failures(&self) -> &FailuresTable {
        &self.failures
    }
    fn activity(&self) -> &ActivityTable {
        &self.activity
    }
    fn objects(&self) -> &ObjectStore {
        &self.objects
    }
    fn clock(&self) -> &SystemClock {
        &self.clock
    }
    fn queue(&self, destination: &str) -> Option<&FifoQueue> {
        self.queues.get(destination)
    }
    fn emit(&self, line: &str) {
        (self.emit)(line);
    }
}

/// Builds the handler over AWS from the environment.
pub fn wire(environment: &dyn Environment, emit: Emit) -> Result<Transform<Live>, ConfigError> {
    let config = Config::read(environment)?;
    let aws = Aws::from_environment(environment)?;
    let objects = ObjectStore::new(aws.s3());
    let queue = |destination: &DestinationQueue| FifoQueue::new(aws.sqs(), &destination.queue_url);
    let world = Live {
        pipelines: PipelinesTable::new(aws.dynamodb(), &config.pipelines_table),
        failures: FailuresTable::new(aws.dynamodb(), &config.failures_table, objects.clone(), &config.bucket),
        activity: ActivityTable::new(aws.dynamodb(), &config.activity_table),
        objects,
        queues: config.destinations.iter().map(|(name, destination)| (name.clone(), queue(destination))).collect(),
        clock: SystemClock,
        emit,
    };
    Ok(Transform::new(&config, world))
}

/// Builds the handler as it runs on Lambda.
pub fn on_lambda(environment: &dyn Environment) -> Result<Transform<Live>, ConfigError> {
    wire(environment, telemetry::to_stdout)
}
