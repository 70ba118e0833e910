//! The function's settings.

use std::time::Duration;

use shared::{
    aws::{ActivityTable, Aws, FailuresTable, FifoQueue, LedgerTable, ObjectStore, SecretStore},
    config::{ConfigError, Environment, Reader},
    destination::{self, Destination},
    http::{Timeouts, VendorHttp},
    lane::Lanes,
    telemetry::{self, Emit},
    time::SystemClock,
};

use crate::{Deliver, Pace, World};

/// What the environment says.
#[derive(Debug)]
pub struct Config {
    /// The destination, with its settings.
    pub destination: Destination,
    /// The ARN of its secret, where it needs one.
    pub secret_arn: Option<String>,
    /// How long things may take.
    pub pace: Pace,
    /// Its queue's URL.
    pub queue_url: String,
    /// Its queue's count of lanes.
    pub lanes: Lanes,
    /// The ledger's table.
    pub ledger_table: String,
    /// The table of failures.
    pub failures_table: String,
    /// The table of activity.
    pub activity_table: String,
    /// The bucket for what is too large for a message or an item.
    pub bucket: String,
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
        let lanes = Lanes::new(reader.number("QUEUE_LANES", 8, 1..=4_000));
        let pace = Pace {
            vendor_timeout: Duration::from_secs(reader.number("VENDOR_TIMEOUT_SECONDS", 30, 1..=300)),
            longest_wait: Duration::from_secs(reader.number("LONGEST_WAIT_SECONDS", 3_600, 1..=43_200)),
        };
        let queue_url = reader.required("QUEUE_URL", "the URL of the destination's queue");
        let ledger_table = reader.required("LEDGER_TABLE", "the name of the ledger's table");
        let failures_table = reader.required("FAILURES_TABLE", "the name of the table of failures");
        let activity_table = reader.required("ACTIVITY_TABLE", "the name of the table of activity");
        let bucket = reader.required("OVERSIZE_BUCKET", "the name of the stack's bucket");
        let secret_arn = reader.optional("SECRET_ARN");
        reader.finish()?;
        match (destination, lanes) {
            (Some(destination), Some(lanes)) => Ok(Self {
                destination,
                secret_arn,
                pace,
                queue_url,
                lanes,
                ledger_table,
                failures_table,
                activity_table,
                bucket,
            }),
            // What is missing here was reported above.
            _ => Err(ConfigError(Vec::new())),
        }
    }
}

/// The real parts.
#[derive(Debug)]
pub struct Live {
    ledger: LedgerTable,
    failures: FailuresTable,
    activity: ActivityTable,
    objects: ObjectStore,
    queue: FifoQueue,
    secrets: SecretStore,
    http: VendorHttp,
    clock: SystemClock,
    emit: Emit,
}

impl World for Live {
    type Ledger = LedgerTable;
    type Failures = FailuresTable;
    type Activity = ActivityTable;
    type Objects = ObjectStore;
    type Visibility = FifoQueue;
    type Secrets = SecretStore;
    type Http = VendorHttp;
    type Clock = SystemClock;

    fn ledger(&self) -> &LedgerTable {
        &self.ledger
    }
    fn failures(&self) -> &FailuresTable {
        &self.failures
    }
    fn activity(&self) -> &ActivityTable {
        &self.activity
    }
    fn objects(&self) -> &ObjectStore {
        &self.objects
    }
    fn visibility(&self) -> &FifoQueue {
        &self.queue
    }
    fn secrets(&self) -> &SecretStore {
        &self.secrets
    }
    fn http(&self) -> &VendorHttp {
        &self.http
    }
    fn clock(&self) -> &SystemClock {
        &self.clock
    }
    fn emit(&self, line: &str) {
        (self.emit)(line);
    }
}

/// Builds the handler over AWS from the environment.
pub fn wire(environment: &dyn Environment, emit: Emit) -> Result<Deliver<Live>, ConfigError> {
    let config = Config::read(environment)?;
    let aws = Aws::from_environment(environment)?;
    let objects = ObjectStore::new(aws.s3());
    let http = VendorHttp::new(Timeouts { whole: config.pace.vendor_timeout, ..Timeouts::default() })
        .map_err(|error| ConfigError::of("CONNECTOR", error))?;
    let world = Live {
        ledger: LedgerTable::new(aws.dynamodb(), &config.ledger_table),
        failures: FailuresTable::new(aws.dynamodb(), &config.failures_table, objects.clone(), &config.bucket),
        activity: ActivityTable::new(aws.dynamodb(), &config.activity_table),
        objects,
        queue: FifoQueue::new(aws.sqs(), &config.queue_url),
        secrets: SecretStore::new(aws.secrets()),
        http,
        clock: SystemClock,
        emit,
    };
    Ok(Deliver::new(config.destination, config.secret_arn, config.lanes, config.pace, world))
}

/// Builds the handler as it runs on Lambda.
pub fn on_lambda(environment: &dyn Environment) -> Result<Deliver<Live>, ConfigError> {
    wire(environment, telemetry::to_stdout)
}
