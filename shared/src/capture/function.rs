//! The capture function of any dialect.

use serde::de::DeserializeOwned;

use super::{CaptureError, Live, Publisher, Read, Settings, World, settings::name_problem, split};
use crate::{
    aws::Aws,
    batch::BatchResponse,
    config::{ConfigError, Environment, Reader},
    lambda::{Handle, HandleError},
    state::State as _,
    telemetry::Emit,
    time::{Clock as _, Timestamp},
};

/// What one kind of source has of its own: which sources there are, as `SOURCES` names them, and how a record is read.
pub trait Dialect: DeserializeOwned + Send + Sync {
    /// A good `SOURCES`, for messages.
    const EXAMPLE: &'static str;

    /// Each table or stream, and the name that it has as a source.
    fn names(&self) -> impl Iterator<Item = (&str, &str)>;

    /// What else is wrong with the sources, if anything is.
    fn problem(&self) -> Option<String> {
        None
    }

    /// Reads one raw record; it never panics, and what is no event becomes a failure.
    fn read(&self, raw: &[u8], now: Timestamp) -> Read;
}

/// A capture function over a world.
///
/// A record that cannot be read becomes a failure, and the others of its batch go through in order; what is reported to
/// Lambda as failed is failed infrastructure only.
#[derive(Debug)]
pub struct Capture<D, W> {
    sources: D,
    publisher: Publisher<W>,
}

impl<D: Dialect, W: World> Capture<D, W> {
    /// The function as its environment says, over the world that `world` makes of the settings.
    pub fn new(
        environment: &dyn Environment,
        world: impl FnOnce(&Settings) -> Result<W, ConfigError>,
    ) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(environment);
        let sources = reader.json::<D>("SOURCES", D::EXAMPLE);
        if let Some(problem) =
            sources.as_ref().and_then(|sources| name_problem(sources.names()).or_else(|| sources.problem()))
        {
            reader.problem("SOURCES", problem);
        }
        let settings = Settings::read(&mut reader);
        reader.finish()?;
        // Each part is missing only where the reader has noted a problem.
        let (sources, settings) = sources.zip(settings).ok_or(ConfigError(Vec::new()))?;
        let world = world(&settings)?;
        Ok(Self { sources, publisher: Publisher::new(&settings, world) })
    }

    /// What it works on.
    pub const fn world(&self) -> &W {
        &self.publisher.world
    }

    /// Captures what an event source mapping of a stream hands over, `{"Records":[…]}`.
    pub async fn capture(&self, payload: &[u8]) -> Result<BatchResponse, CaptureError> {
        let now = self.world().state().clock().now();
        let reads = split(payload)?.into_iter().map(|raw| self.sources.read(raw, now)).collect();
        self.publisher.publish(reads).await
    }
}

impl<D: Dialect> Capture<D, Live> {
    /// The function over AWS, as its environment says.
    pub fn wire(environment: &dyn Environment, emit: Emit) -> Result<Self, ConfigError> {
        Self::new(environment, |settings| Ok(Live::new(&Aws::from_environment(environment)?, settings, emit)))
    }
}

impl<D: Dialect, W: World> Handle for Capture<D, W> {
    async fn handle(&self, payload: &[u8], _deadline: Timestamp) -> Result<Vec<u8>, HandleError> {
        let response = self.capture(payload).await?;
        serde_json::to_vec(&response).map_err(HandleError::from_error)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;
    use crate::{lane::Lanes, testing::capture::CaptureWorld};

    #[derive(Debug, Deserialize)]
    struct Sources(BTreeMap<String, String>);

    impl Dialect for Sources {
        const EXAMPLE: &'static str = r#"{"customers-table":"customers"}"#;

        fn names(&self) -> impl Iterator<Item = (&str, &str)> {
            self.0.iter().map(|(table, name)| (table.as_str(), name.as_str()))
        }

        fn read(&self, _raw: &[u8], _now: Timestamp) -> Read {
            Read { sequence_number: None, events: Vec::new(), failure: None }
        }
    }

    fn settings_of(environment: &dyn Environment) -> Result<Settings, ConfigError> {
        let mut seen = None;
        Capture::<Sources, CaptureWorld>::new(environment, |settings| {
            seen = Some(settings.clone());
            Ok(CaptureWorld::default())
        })?;
        Ok(seen.unwrap())
    }

    #[test]
    fn a_whole_environment_is_read() {
        let environment = |name: &str| {
            Some(match name {
                "SOURCES" => Sources::EXAMPLE.to_owned(),
                "CHANGES_LANES" => "64".to_owned(),
                other => other.to_lowercase(),
            })
        };
        let settings = settings_of(&environment).unwrap();
        assert_eq!(settings.changes_stream, "changes_stream");
        assert_eq!(settings.changes_lanes, Lanes::new(64).unwrap());
        assert_eq!(settings.pipelines_table, "pipelines_table");
    }

    #[test]
    fn everything_that_is_wrong_is_reported_at_once() {
        let error = settings_of(&|name: &str| (name == "SOURCES").then(|| "{}".to_owned())).unwrap_err();
        let variables: Vec<_> = error.0.iter().map(|problem| problem.variable).collect();
        assert_eq!(
            variables,
            [
                "SOURCES",
                "CHANGES_STREAM",
                "PIPELINES_TABLE",
                "AWS_LAMBDA_FUNCTION_NAME",
                "OVERSIZE_BUCKET",
                "FAILURES_TABLE",
                "ACTIVITY_TABLE",
                "CHANGES_LANES",
            ]
        );
    }
}
