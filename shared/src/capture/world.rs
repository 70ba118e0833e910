//! What a capture function needs of the world.

use crate::{
    aws::{ActivityTable, Aws, Backbone, FailuresTable, ObjectStore},
    capture::Settings,
    config::{ConfigError, Environment},
    frame::Channel,
    ports::{Activity, Failures, Objects},
    telemetry::Emit,
    time::{Clock, SystemClock},
};

/// The world's parts, as one parameter.
#[expect(missing_docs, reason = "each is named for its port")]
pub trait World: Send + Sync {
    type Backbone: Channel;
    type Objects: Objects;
    type Failures: Failures;
    type Activity: Activity;
    type Clock: Clock;

    fn backbone(&self) -> &Self::Backbone;
    fn objects(&self) -> &Self::Objects;
    fn failures(&self) -> &Self::Failures;
    fn activity(&self) -> &Self::Activity;
    fn clock(&self) -> &Self::Clock;

    /// Writes a line of metrics.
    fn emit(&self, line: &str);
}

/// The real parts.
#[derive(Debug)]
pub struct Live {
    backbone: Backbone,
    objects: ObjectStore,
    failures: FailuresTable,
    activity: ActivityTable,
    clock: SystemClock,
    emit: Emit,
}

impl Live {
    /// Over AWS, as the environment says.
    pub fn new(settings: &Settings, environment: &dyn Environment, emit: Emit) -> Result<Self, ConfigError> {
        let aws = Aws::from_environment(environment)?;
        let objects = ObjectStore::new(aws.s3());
        Ok(Self {
            backbone: Backbone::new(aws.kinesis(), &settings.changes_stream),
            failures: FailuresTable::new(
                aws.dynamodb(),
                &settings.failures_table,
                objects.clone(),
                &settings.oversize_bucket,
            ),
            activity: ActivityTable::new(aws.dynamodb(), &settings.activity_table),
            objects,
            clock: SystemClock,
            emit,
        })
    }
}

impl World for Live {
    type Backbone = Backbone;
    type Objects = ObjectStore;
    type Failures = FailuresTable;
    type Activity = ActivityTable;
    type Clock = SystemClock;

    fn backbone(&self) -> &Backbone {
        &self.backbone
    }
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
