//! Logs as JSON lines, and metrics in CloudWatch's embedded format.
//!
//! A log line carries the ids to find an event again, never a field's value or a secret. Metrics have the function and
//! the destination as dimensions, never the pipeline: custom metrics for each pipeline would cost more than the
//! traffic.

use serde_json::{Map, Value as Json, json};
use tracing::Level;

use crate::time::Timestamp;

/// The namespace of all metrics.
pub const NAMESPACE: &str = "Freshet";

/// Where a line goes: standard output on Lambda, which CloudWatch reads; nowhere on a local stack, whose terminal shows
/// something else.
pub type Emit = fn(&str);

/// Writes a line to standard output.
pub fn to_stdout(line: &str) {
    use std::io::Write as _;
    // A closed standard output leaves nowhere to complain to.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Drops a line.
pub const fn to_nowhere(_line: &str) {}

/// Begins to log as JSON lines on standard output: `info` and above for Freshet, `warn` for the rest.
pub fn log_as_json() {
    use tracing_subscriber::{filter::Targets, fmt, prelude::*};
    const OWN: [&str; 7] =
        ["shared", "capture_dynamodb", "capture_kinesis", "transform", "deliver", "collect_failures", "console"];
    let filter = Targets::new().with_default(Level::WARN).with_targets(OWN.map(|own| (own, Level::INFO)));
    let lines = fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(false).with_ansi(false);
    // A second call finds a subscriber in place, which is what it wanted.
    let _ = tracing_subscriber::registry().with(lines).with(filter).try_init();
}

/// A metric's unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// A duration.
    Milliseconds,
    /// A share of a hundred.
    Percent,
}

/// One invocation's metrics.
#[derive(Debug)]
pub struct Metrics {
    destination: Option<String>,
    values: Vec<(&'static str, Unit, f64)>,
}

impl Metrics {
    /// For the destination that the function serves, if any.
    pub fn new(destination: Option<&str>) -> Self {
        Self { destination: destination.map(str::to_owned), values: Vec::new() }
    }

    /// Adds a count; zero is not written.
    #[expect(clippy::cast_precision_loss, reason = "counts of one invocation are far below 2^52")]
    pub fn count(&mut self, name: &'static str, count: u64) {
        if count > 0 {
            self.values.push((name, Unit::Count, count as f64));
        }
    }

    /// Adds a duration in milliseconds.
    pub fn milliseconds(&mut self, name: &'static str, duration: std::time::Duration) {
        self.values.push((name, Unit::Milliseconds, duration.as_secs_f64() * 1_000.0));
    }

    /// Adds a share, of 1.
    pub fn share(&mut self, name: &'static str, share: f64) {
        self.values.push((name, Unit::Percent, share * 100.0));
    }

    /// The line of this function, by its whole name, in CloudWatch's embedded metric format ("Specification: Embedded metric format", CloudWatch user
    /// guide); `None` where there is nothing to tell.
    pub fn line(&self, function: &str, now: Timestamp) -> Option<String> {
        if self.values.is_empty() {
            return None;
        }
        let mut dimensions = vec!["function"];
        let mut line = Map::new();
        line.insert("function".to_owned(), function.into());
        if let Some(destination) = &self.destination {
            dimensions.push("destination");
            line.insert("destination".to_owned(), destination.as_str().into());
        }
        let metrics: Vec<Json> = self
            .values
            .iter()
            .map(|(name, unit, _)| {
                let unit = match unit {
                    Unit::Count => "Count",
                    Unit::Milliseconds => "Milliseconds",
                    Unit::Percent => "Percent",
                };
                json!({"Name": name, "Unit": unit})
            })
            .collect();
        line.extend(self.values.iter().map(|(name, _, value)| ((*name).to_owned(), json!(value))));
        line.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": now.millis(),
                "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": metrics}],
            }),
        );
        Some(Json::Object(line).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_in_the_embedded_format() {
        let mut metrics = Metrics::new(Some("hubspot"));
        assert_eq!(metrics.line("f", Timestamp::from_millis(0)), None);
        metrics.count("Delivered", 3);
        metrics.count("Rejected", 0);
        metrics.milliseconds("Freshness", std::time::Duration::from_millis(850));
        metrics.share("PausedShare", 0.25);
        let line: Json = serde_json::from_str(
            &metrics.line("store-freshet-deliver-hubspot", Timestamp::from_millis(1_700_000_000_000)).unwrap(),
        )
        .unwrap();
        assert_eq!(
            line,
            json!({
                "_aws": {
                    "Timestamp": 1_700_000_000_000_i64,
                    "CloudWatchMetrics": [{
                        "Namespace": "Freshet",
                        "Dimensions": [["function", "destination"]],
                        "Metrics": [
                            {"Name": "Delivered", "Unit": "Count"},
                            {"Name": "Freshness", "Unit": "Milliseconds"},
                            {"Name": "PausedShare", "Unit": "Percent"},
                        ],
                    }],
                },
                "function": "store-freshet-deliver-hubspot",
                "destination": "hubspot",
                "Delivered": 3.0,
                "Freshness": 850.0,
                "PausedShare": 25.0,
            })
        );
    }
}
