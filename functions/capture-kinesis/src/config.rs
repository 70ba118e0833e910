//! What the function reads from its environment.

use shared::{
    capture::{Live, Settings},
    config::{ConfigError, Environment, Reader},
    telemetry::{self, Emit},
};

use crate::{CaptureKinesis, source::Sources};

/// The function's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The streams whose events are captured: `SOURCES`.
    pub sources: Sources,
    /// Where it publishes to.
    pub publish: Settings,
}

impl Config {
    /// Reads the environment, and reports everything that is wrong with it.
    pub fn read(environment: &dyn Environment) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(environment);
        let sources =
            reader.json::<Sources>("SOURCES", r#"{"page-views-stream":{"name":"page_views","key":["visitor_id"]}}"#);
        if let Some(problem) = sources.as_ref().and_then(Sources::problem) {
            reader.problem("SOURCES", problem);
        }
        let publish = Settings::read(&mut reader);
        reader.finish()?;
        // Each part is missing only where the reader has noted a problem.
        sources.zip(publish).map(|(sources, publish)| Self { sources, publish }).ok_or(ConfigError(Vec::new()))
    }
}

/// Builds the function over AWS from the environment.
pub fn wire(environment: &dyn Environment, emit: Emit) -> Result<CaptureKinesis<Live>, ConfigError> {
    let config = Config::read(environment)?;
    let world = Live::new(&config.publish, environment, emit)?;
    Ok(CaptureKinesis::new(config, world))
}

/// Builds the function as it runs on Lambda.
pub fn on_lambda(environment: &dyn Environment) -> Result<CaptureKinesis<Live>, ConfigError> {
    wire(environment, telemetry::to_stdout)
}

#[cfg(test)]
mod tests {
    use shared::lane::Lanes;

    use super::*;

    #[test]
    fn a_whole_environment_is_read() {
        let environment = |name: &str| {
            Some(match name {
                "SOURCES" => r#"{"customers-prod":{"name":"customers"}}"#.to_owned(),
                "CHANGES_LANES" => "64".to_owned(),
                other => other.to_lowercase(),
            })
        };
        let config = Config::read(&environment).unwrap();
        assert_eq!(config.sources, serde_json::from_str(r#"{"customers-prod":{"name":"customers"}}"#).unwrap());
        assert_eq!(
            config.publish,
            Settings {
                changes_stream: "changes_stream".into(),
                changes_lanes: Lanes::new(64).unwrap(),
                oversize_bucket: "oversize_bucket".into(),
                failures_table: "failures_table".into(),
                activity_table: "activity_table".into(),
            }
        );
    }

    #[test]
    fn everything_that_is_wrong_is_reported_at_once() {
        let error = Config::read(&|name: &str| (name == "SOURCES").then(|| "{}".to_owned())).unwrap_err();
        let variables: Vec<_> = error.0.iter().map(|problem| problem.variable).collect();
        assert_eq!(
            variables,
            ["SOURCES", "CHANGES_STREAM", "OVERSIZE_BUCKET", "FAILURES_TABLE", "ACTIVITY_TABLE", "CHANGES_LANES"]
        );
    }
}
