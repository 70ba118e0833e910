//! [`State`] over AWS.

use super::{ActivityTable, Aws, FailuresTable, ObjectStore};
use crate::{
    state::{Settings, State},
    telemetry::Emit,
    time::SystemClock,
};

/// The real parts.
#[derive(Debug)]
pub struct LiveState {
    objects: ObjectStore,
    failures: FailuresTable,
    activity: ActivityTable,
    function: String,
    emit: Emit,
}

impl LiveState {
    /// As the settings name them.
    pub fn new(aws: &Aws, settings: &Settings, emit: Emit) -> Self {
        let objects = ObjectStore::new(aws.s3());
        Self {
            failures: FailuresTable::new(aws.dynamodb(), &settings.failures_table, objects.clone(), &settings.bucket),
            activity: ActivityTable::new(aws.dynamodb(), &settings.activity_table),
            objects,
            function: settings.function.clone(),
            emit,
        }
    }
}

impl State for LiveState {
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
        &SystemClock
    }
    fn function(&self) -> &str {
        &self.function
    }
    fn emit(&self, line: &str) {
        (self.emit)(line);
    }
}
