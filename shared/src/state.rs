//! What every function keeps and tells: objects, failures, activity, metrics, by one clock.

use std::future::Future;

use crate::{
    config::Reader,
    ports::{Activity, Failures, Objects},
    tally::Tally,
    telemetry::Metrics,
    time::Clock,
};

/// The part of the world that every function works on: [`crate::aws::LiveState`], and in memory
/// [`crate::testing::MemoryState`].
#[expect(missing_docs, reason = "each is named for its port")]
pub trait State: Send + Sync {
    type Objects: Objects;
    type Failures: Failures;
    type Activity: Activity;
    type Clock: Clock;

    fn objects(&self) -> &Self::Objects;
    fn failures(&self) -> &Self::Failures;
    fn activity(&self) -> &Self::Activity;
    fn clock(&self) -> &Self::Clock;

    /// The function's whole name on Lambda: a dimension of its metrics.
    fn function(&self) -> &str;

    /// Writes a line of metrics.
    fn emit(&self, line: &str);

    /// Tells what an invocation did: a line of metrics, and the activity that people see, as `stage`.
    fn report(&self, stage: &str, tally: &Tally, metrics: &Metrics) -> impl Future<Output = ()> + Send {
        async move {
            if let Some(line) = metrics.line(self.function(), self.clock().now()) {
                self.emit(&line);
            }
            if !tally.is_empty()
                && let Err(error) = self.activity().add(stage, tally).await
            {
                // Counts are for people's eyes; no event waits for them.
                tracing::warn!("the activity could not be counted: {error}");
            }
        }
    }
}

/// The environment of [`State`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The function's whole name: `AWS_LAMBDA_FUNCTION_NAME`, which Lambda sets.
    pub function: String,
    /// The bucket for what is too large for a message or an item: `OVERSIZE_BUCKET`.
    pub bucket: String,
    /// The table of failures: `FAILURES_TABLE`.
    pub failures_table: String,
    /// The table of activity: `ACTIVITY_TABLE`.
    pub activity_table: String,
}

impl Settings {
    /// Reads them; what is wrong is noted with the reader.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            function: reader.required("AWS_LAMBDA_FUNCTION_NAME", "the function's name; Lambda sets it"),
            bucket: reader.required("OVERSIZE_BUCKET", "the name of the stack's bucket"),
            failures_table: reader.required("FAILURES_TABLE", "the name of the table of failures"),
            activity_table: reader.required("ACTIVITY_TABLE", "the name of the table of activity"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_is_read_from_its_variable() {
        let environment = |name: &str| Some(name.to_lowercase());
        let mut reader = Reader::new(&environment);
        let settings = Settings::read(&mut reader);
        assert_eq!(reader.finish(), Ok(()));
        assert_eq!(settings.function, "aws_lambda_function_name");
        assert_eq!(settings.bucket, "oversize_bucket");
        assert_eq!(settings.failures_table, "failures_table");
        assert_eq!(settings.activity_table, "activity_table");
    }
}
