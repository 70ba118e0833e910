//! The function's settings.

use std::time::Duration;

use shared::{
    aws::Aws,
    config::{ConfigError, Environment, Reader},
    destination::{self, Destination},
    http::Reach,
    lane::Lanes,
    state,
    telemetry::Emit,
};

use crate::{Deliver, Live, Pace, Rate, RateLimit};

/// What the environment says.
#[derive(Debug)]
pub struct Config {
    /// The destination, with its settings.
    pub destination: Destination,
    /// The ARN of its secret, where it needs one.
    pub secret_arn: Option<String>,
    /// How long things may take.
    pub pace: Pace,
    /// Which addresses it may have.
    pub reach: Reach,
    /// Its queue's URL.
    pub queue_url: String,
    /// Its queue's count of lanes.
    pub lanes: Lanes,
    /// The ledger's table.
    pub ledger_table: String,
    /// What every function works on.
    pub state: state::Settings,
}

impl Config {
    /// Reads the environment; every problem is reported at once.
    pub fn read(environment: &dyn Environment) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(environment);
        let name = reader.required("DESTINATION", "the destination's name in the stack");
        let slug = reader.required("CONNECTOR", "the destination's connector, such as webhook");
        let settings = reader.json::<shared::value::Value>("SETTINGS", r#"{"url":"https://example.com/hook"}"#);
        let settings = settings.and_then(|settings| settings.as_object().cloned()).unwrap_or_default();
        let connector = destination::connector(&slug);
        if let (false, Err(error)) = (slug.is_empty(), &connector) {
            reader.problem("CONNECTOR", error.to_string());
        }
        let destination = connector.ok().and_then(|connector| {
            connector
                .configure(&name, &settings)
                .map_err(|problems| {
                    for problem in problems {
                        reader.problem("SETTINGS", problem.to_string());
                    }
                })
                .ok()
        });
        let lanes = reader.lanes("QUEUE_LANES", "the destination's queue");
        let pace = Pace {
            vendor_timeout: Duration::from_secs(reader.number("VENDOR_TIMEOUT_SECONDS", 30, 1..=300)),
            longest_wait: Duration::from_secs(reader.number("LONGEST_WAIT_SECONDS", 3_600, 1..=43_200)),
            rate: rate(&mut reader),
        };
        let private = reader.boolean("ALLOW_PRIVATE_ADDRESSES", false);
        let reach = if private { Reach::Private } else { Reach::Internet };
        let queue_url = reader.required("QUEUE_URL", "the URL of the destination's queue");
        let ledger_table = reader.required("LEDGER_TABLE", "the name of the ledger's table");
        let state = state::Settings::read(&mut reader);
        let secret_arn = reader.optional("SECRET_ARN");
        reader.finish()?;
        match (destination, lanes) {
            (Some(destination), Some(lanes)) => {
                Ok(Self { destination, secret_arn, pace, reach, queue_url, lanes, ledger_table, state })
            }
            // What is missing here was reported above.
            _ => Err(ConfigError(Vec::new())),
        }
    }
}

/// An instance's share of the destination's rate limit.
fn rate(reader: &mut Reader<'_>) -> Option<Rate> {
    const LIMIT: &str = "RATE_LIMIT";
    const CONCURRENCY: &str = "MAXIMUM_CONCURRENCY";
    reader.optional(LIMIT)?;
    let limit = reader.json::<RateLimit>(LIMIT, r#"{"requests":100,"seconds":10}"#)?;
    // No default: an instance that knows of too few others takes more than its share.
    let concurrency =
        reader.required(CONCURRENCY, "how many instances may deliver at once; RATE_LIMIT is divided by it");
    if concurrency.is_empty() {
        return None;
    }
    let concurrency = reader.number(CONCURRENCY, 2, 1..=1_000);
    let rate = limit.share_of(concurrency);
    if rate.is_none() {
        let message = format!(
            "is {limit}; both have to be above zero, and the seconds at most a day: write how many the vendor may get, \
             or leave RATE_LIMIT out"
        );
        reader.problem(LIMIT, message);
    }
    rate
}

/// Builds the handler over AWS from the environment.
pub fn wire(environment: &dyn Environment, emit: Emit) -> Result<Deliver<Live>, ConfigError> {
    let config = Config::read(environment)?;
    let world = Live::new(&Aws::from_environment(environment)?, &config, emit)?;
    Ok(Deliver::new(config.destination, config.secret_arn, config.lanes, config.pace, world))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(limit: Option<&str>, concurrency: Option<&str>) -> (Option<Rate>, String) {
        let (limit, concurrency) = (limit.map(str::to_owned), concurrency.map(str::to_owned));
        let environment = move |name: &str| match name {
            "RATE_LIMIT" => limit.clone(),
            "MAXIMUM_CONCURRENCY" => concurrency.clone(),
            _ => None,
        };
        let mut reader = Reader::new(&environment);
        let rate = rate(&mut reader);
        (rate, reader.finish().err().map(|error| error.to_string()).unwrap_or_default())
    }

    #[test]
    fn a_rate_limit_needs_to_know_how_many_share_it() {
        // As Terraform's jsonencode writes it.
        let limit = Some(r#"{"requests":100,"seconds":10}"#);
        assert_eq!(read(None, None), (None, String::new()));
        let share = RateLimit { requests: 100.0, seconds: 10.0 }.share_of(4);
        assert_eq!(read(limit, Some("4")), (share, String::new()));
        for (limit, concurrency, message) in [
            (limit, None, "MAXIMUM_CONCURRENCY: is not set; set it to how many instances may deliver at once"),
            (limit, Some("none"), "MAXIMUM_CONCURRENCY: is \"none\"; set it to a number from 1 to 1000"),
            (Some(r#"{"requests":0,"seconds":10}"#), Some("2"), "RATE_LIMIT: is 0 requests in 10 seconds; both have"),
            (Some("100"), Some("2"), "RATE_LIMIT: is not the JSON expected"),
        ] {
            let (_, error) = read(limit, concurrency);
            assert!(error.contains(message), "{error}");
        }
    }
}
