//! What the function reads from its environment.

use std::collections::BTreeMap;

use shared::{
    aws::{Aws, LiveState},
    config::{ConfigError, Environment, Reader},
    state,
    telemetry::Emit,
};

use crate::CollectFailures;

/// The function's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The destination of each dead-letter queue, by the queue's ARN: `DEAD_LETTER_QUEUES`, written as
    /// `{"<queue's ARN>":"<destination>"}`.
    pub dead_letter_queues: BTreeMap<String, String>,
    /// What every function works on.
    pub state: state::Settings,
}

impl Config {
    /// Reads the environment, and reports everything that is wrong with it.
    pub fn read(environment: &dyn Environment) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(environment);
        let dead_letter_queues = reader
            .json("DEAD_LETTER_QUEUES", r#"{"arn:aws:sqs:eu-central-1:123456789012:hubspot-dead.fifo":"hubspot"}"#)
            .unwrap_or_default();
        let state = state::Settings::read(&mut reader);
        reader.finish().map(|()| Self { dead_letter_queues, state })
    }
}

/// Builds the function over AWS from the environment.
pub fn wire(environment: &dyn Environment, emit: Emit) -> Result<CollectFailures<LiveState>, ConfigError> {
    let config = Config::read(environment)?;
    let state = LiveState::new(&Aws::from_environment(environment)?, &config.state, emit);
    Ok(CollectFailures::new(config, state))
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
        let variables: Vec<_> =
            Config::read(&|_: &str| None).unwrap_err().0.iter().map(|problem| problem.variable).collect();
        assert_eq!(
            variables,
            ["DEAD_LETTER_QUEUES", "AWS_LAMBDA_FUNCTION_NAME", "OVERSIZE_BUCKET", "FAILURES_TABLE", "ACTIVITY_TABLE"]
        );
    }
}
