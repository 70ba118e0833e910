//! The function's settings.

use std::time::Duration;

use shared::{
    aws::Aws,
    config::{ConfigError, Environment, Reader},
    destination::{self, Destination},
    http::Reach,
    lane::Lanes,
    pipeline::state::retention,
    state,
    telemetry::Emit,
};

use crate::{Deliver, Live, Pace, Quota, RateLimit, quota::SHARE};

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
    /// How many requests may begin.
    pub quota: Quota,
    /// Its queue's URL.
    pub queue_url: String,
    /// Its queue's count of lanes.
    pub lanes: Lanes,
    /// The ledger's table.
    pub ledger_table: String,
    /// The table of pipelines.
    pub pipelines_table: String,
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
            retention: retention(&mut reader),
        };
        let private = reader.boolean("ALLOW_PRIVATE_ADDRESSES", false);
        let reach = if private { Reach::Private } else { Reach::Internet };
        let quota = quota(&mut reader);
        let queue_url = reader.required("QUEUE_URL", "the URL of the destination's queue");
        let ledger_table = reader.required("LEDGER_TABLE", "the name of the ledger's table");
        let pipelines_table = reader.required("PIPELINES_TABLE", "the name of the table of pipelines");
        let state = state::Settings::read(&mut reader);
        let secret_arn = reader.optional("SECRET_ARN");
        reader.finish()?;
        match (destination, lanes) {
            (Some(destination), Some(lanes)) => Ok(Self {
                destination,
                secret_arn,
                pace,
                reach,
                quota,
                queue_url,
                lanes,
                ledger_table,
                pipelines_table,
                state,
            }),
            // What is missing here was reported above.
            _ => Err(ConfigError(Vec::new())),
        }
    }
}

/// A limit of one's own, or a share of the vendor's.
fn quota(reader: &mut Reader<'_>) -> Quota {
    const LIMIT: &str = "RATE_LIMIT";
    const QUOTA_SHARE: &str = "QUOTA_SHARE";
    // Less than a thousandth is a mistake, such as per cent of per cent.
    let share = reader.number(QUOTA_SHARE, SHARE, 0.001..=1.0);
    if reader.optional(LIMIT).is_none() {
        return Quota::Share(share);
    }
    let Some(limit) = reader.json::<RateLimit>(LIMIT, r#"{"requests":100,"seconds":10}"#) else {
        return Quota::default();
    };
    limit.window().map_or_else(
        || {
            let message = format!(
                "is {limit}; both have to be above zero, and the seconds at most a day: write how many the vendor may \
                 get, or leave RATE_LIMIT out"
            );
            reader.problem(LIMIT, message);
            Quota::default()
        },
        Quota::Own,
    )
}

/// Builds the handler over AWS from the environment.
pub fn wire(environment: &dyn Environment, emit: Emit) -> Result<Deliver<Live>, ConfigError> {
    let config = Config::read(environment)?;
    let world = Live::new(&Aws::from_environment(environment)?, &config, emit)?;
    Ok(Deliver::new(config.destination, config.secret_arn, config.lanes, config.pace, config.quota, world))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(limit: Option<&str>, share: Option<&str>) -> (Quota, String) {
        let (limit, share) = (limit.map(str::to_owned), share.map(str::to_owned));
        let environment = move |name: &str| match name {
            "RATE_LIMIT" => limit.clone(),
            "QUOTA_SHARE" => share.clone(),
            _ => None,
        };
        let mut reader = Reader::new(&environment);
        let quota = quota(&mut reader);
        (quota, reader.finish().err().map(|error| error.to_string()).unwrap_or_default())
    }

    #[test]
    fn a_limit_of_ones_own_or_a_share_of_the_vendors() {
        // As Terraform's jsonencode writes it.
        let limit = Some(r#"{"requests":100,"seconds":10}"#);
        let own = RateLimit { requests: 100.0, seconds: 10.0 }.window().unwrap();
        assert_eq!(read(None, None), (Quota::Share(0.9), String::new()));
        assert_eq!(read(None, Some("0.5")), (Quota::Share(0.5), String::new()));
        assert_eq!(read(limit, None), (Quota::Own(own), String::new()));
        for (limit, share, message) in [
            (None, Some("0"), "QUOTA_SHARE: is \"0\"; set it to a number from 0.001 to 1"),
            (None, Some("90"), "QUOTA_SHARE: is \"90\"; set it to a number from 0.001 to 1"),
            (Some(r#"{"requests":0,"seconds":10}"#), None, "RATE_LIMIT: is 0 requests in 10 seconds; both have"),
            (Some("100"), None, "RATE_LIMIT: is not the JSON expected"),
        ] {
            let (_, error) = read(limit, share);
            assert!(error.contains(message), "{error}");
        }
    }
}
