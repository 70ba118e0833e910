//! What the function reads from its environment.

use std::collections::BTreeMap;

use shared::{
    aws::{ActivityTable, Aws, FailuresTable, ObjectStore},
    config::{ConfigError, Environment, Reader},
    telemetry::{self, Emit},
    time::SystemClock,
};

use crate::{CollectFailures, World};

/// The function's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The destination of each dead-letter queue, by the queue's ARN: `DEAD_LETTER_QUEUES`, written as
    /// `{"<queue's ARN>":"<destination>"}`.
    pub dead_letter_queues: BTreeMap<String, String>,
    /// The table of failures: `FAILURES_TABLE`.
    pub failures_table: String,
    /// The table of activity: `ACTIVITY_TABLE`.
    pub activity_table: String,
    /// The bucket for what is too large for an item: `OVERSIZE_BUCKET`.
    pub oversize_bucket: String,
}

impl Config {
    /// Reads the environment, and reports everything that is wrong with it.
    pub fn read(environment: &dyn Environment) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(environment);
        let dead_letter_queues = reader
            .json("DEAD_LETTER_QUEUES", r#"{"arn:aws:sqs:eu-central-1:123456789012:hubspot-dead.fifo":"hubspot"}"#)
            .unwrap_or_default();
        let failures_table = reader.required("FAILURES_TABLE", "the name of the table of failures");
        let activity_table = reader.required("ACTIVITY_TABLE", "the name of the table of activity");
        let oversize_bucket = reader.required("OVERSIZE_BUCKET", "the name of the stack's bucket");
        reader.finish().map(|()| Self { dead_letter_queues, failures_table, activity_table, oversize_bucket })
    }
}

/// The real parts.
#[derive(Debug)]
pub struct Live {
    objects: ObjectStore,
    failures: FailuresTable,
    activity: ActivityTable,
    clock: SystemClock,
    emit: Emit,
}

impl World for Live {
    type Objects = ObjectStore;
    type Failures = FailuresTable;
    type Activity = ActivityTable;
    type Clock = SystemClock;

    fn objects(&self) -> &ObjectStore {
        &self.objects
    }
    fn failures(&self) -> &FailuresTable {
        &self.failures
    }
    fn activity(&self) -> &ActivityTable {
        &self.activity
    }
    fn clock(&self) -> &SystemClock {
        &self.clock
    }
    fn emit(&self, line: &str) {
        (self.emit)(line);
    }
}

/// Builds the function over AWS from the environment.
pub fn wire(environment: &dyn Environment, emit: Emit) -> Result<CollectFailures<Live>, ConfigError> {
    let config = Config::read(environment)?;
    let aws = Aws::from_environment(environment)?;
    let objects = ObjectStore::new(aws.s3());
    let world = Live {
        failures: FailuresTable::new(aws.dynamodb(), &config.failures_table, objects.clone(), &config.oversize_bucket),
        activity: ActivityTable::new(aws.dynamodb(), &config.activity_table),
        objects,
        clock: SystemClock,
        emit,
    };
    Ok(CollectFailures::new(config, world))
}

/// Builds the function as it runs on Lambda.
pub fn on_lambda(environment: &dyn Environment) -> Result<CollectFailures<Live>, ConfigError> {
    wire(environment, telemetry::to_stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_read() {
        let environment = |name: &str| {
            Some(if name == "DEAD_LETTER_QUEUES" { r#"{"arn:q":"hubspot"}"#.to_owned() } else { name.to_lowercase() })
        };
        let config = Config::read(&environment).unwrap();
        assert_eq!(config.dead_letter_queues["arn:q"], "hubspot");
        assert_eq!(config.failures_table, "failures_table");
        assert_eq!(config.activity_table, "activity_table");
        assert_eq!(config.oversize_bucket, "oversize_bucket");
        let variables: Vec<_> =
            Config::read(&|_: &str| None).unwrap_err().0.iter().map(|problem| problem.variable).collect();
        assert_eq!(variables, ["DEAD_LETTER_QUEUES", "FAILURES_TABLE", "ACTIVITY_TABLE", "OVERSIZE_BUCKET"]);
    }
}
