//! What the function reads from its environment.

use std::collections::BTreeMap;

use shared::{
    aws::Aws,
    config::{ConfigError, Environment, Reader},
    telemetry::Emit,
};

use crate::{Alert, Live};

/// The function's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The table of pipelines: `PIPELINES_TABLE`.
    pub pipelines_table: String,
    /// The table of activity: `ACTIVITY_TABLE`.
    pub activity_table: String,
    /// The topic that messages go to: `ALERT_TOPIC_ARN`.
    pub topic_arn: String,
    /// The queue's address of each destination: `QUEUES`.
    pub queues: BTreeMap<String, String>,
}

impl Config {
    /// Reads the environment, and reports everything that is wrong with it.
    pub fn read(environment: &dyn Environment) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(environment);
        let example = r#"{"crm":"https://sqs.eu-central-1.amazonaws.com/1/crm.fifo"}"#;
        let config = Self {
            pipelines_table: reader.required("PIPELINES_TABLE", "the name of the table of pipelines"),
            activity_table: reader.required("ACTIVITY_TABLE", "the name of the table of activity"),
            topic_arn: reader.required("ALERT_TOPIC_ARN", "the ARN of the SNS topic that alerts go to"),
            queues: reader.json("QUEUES", example).unwrap_or_default(),
        };
        reader.finish().map(|()| config)
    }
}

/// Builds the function over AWS from the environment.
pub fn wire(environment: &dyn Environment, _: Emit) -> Result<Alert<Live>, ConfigError> {
    let config = Config::read(environment)?;
    let world = Live::new(&Aws::from_environment(environment)?, &config);
    Ok(Alert::new(config.queues, world))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_reported_at_once() {
        let Err(error) = Config::read(&|_: &str| None) else { panic!("it starts") };
        let variables: Vec<_> = error.0.iter().map(|problem| problem.variable).collect();
        assert_eq!(variables, ["PIPELINES_TABLE", "ACTIVITY_TABLE", "ALERT_TOPIC_ARN", "QUEUES"]);
    }
}
