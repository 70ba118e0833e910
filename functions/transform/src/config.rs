//! The function's settings.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;
use shared::{
    aws::Aws,
    config::{ConfigError, Environment, Reader},
    destination,
    lane::Lanes,
    lookup::LookupTable,
    pipeline::{Known, KnownDestination, state::retention},
    state,
    telemetry::Emit,
};

use crate::{Live, Transform};

/// What the environment says.
#[derive(Debug)]
pub struct Config {
    /// The names of the sources.
    pub sources: Vec<String>,
    /// The destinations by name.
    pub destinations: BTreeMap<String, DestinationQueue>,
    /// The lookup tables by name.
    pub lookup_tables: BTreeMap<String, LookupTable>,
    /// The name of the backbone's stream.
    pub changes_stream: String,
    /// The backbone's count of lanes.
    pub lanes: Lanes,
    /// How long the backbone keeps what arrives there.
    pub retention: Duration,
    /// The table of pipelines.
    pub pipelines_table: String,
    /// What every function works on.
    pub state: state::Settings,
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

impl DestinationQueue {
    /// The queue's name: the last part of its URL ("Amazon SQS queue and message identifiers").
    pub fn name(&self) -> &str {
        self.queue_url.rsplit('/').next().unwrap_or_default()
    }
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
        let lookup_tables: BTreeMap<String, LookupTable> = reader
            .json("LOOKUP_TABLES", r#"{"accounts":{"table":"store-accounts","key":{"account_id":"S"}}}"#)
            .unwrap_or_default();
        let changes_stream = reader.required("CHANGES_STREAM", "the name of the backbone's Kinesis stream");
        let lanes = reader.lanes("CHANGES_LANES", "the backbone");
        let retention = retention(&mut reader);
        let pipelines_table = reader.required("PIPELINES_TABLE", "the name of the table of pipelines");
        let state = state::Settings::read(&mut reader);
        reader.finish()?;
        let lanes = lanes.ok_or(ConfigError(Vec::new()))?;
        Ok(Self { sources, destinations, lookup_tables, changes_stream, lanes, retention, pipelines_table, state })
    }

    /// What pipelines can name.
    pub fn known(&self) -> Known {
        let destinations = self.destinations.iter();
        let lookup_tables = self.lookup_tables.iter().map(|(name, table)| (name.clone(), table.key.clone()));
        Known {
            sources: self.sources.clone(),
            destinations: destinations.map(|(name, queue)| KnownDestination::new(name, &queue.connector)).collect(),
            lookup_tables: lookup_tables.collect(),
            ..Known::default()
        }
    }
}

/// Builds the handler over AWS from the environment.
pub fn wire(environment: &dyn Environment, emit: Emit) -> Result<Transform<Live>, ConfigError> {
    let config = Config::read(environment)?;
    let world = Live::new(&Aws::from_environment(environment)?, &config, emit);
    Ok(Transform::new(config, world))
}
