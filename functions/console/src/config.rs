//! The function's settings.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;
use shared::{
    aws::{Aws, SecretStore},
    config::{ConfigError, Environment, Reader},
    connection::Connection,
    http::{Reach, Timeouts, VendorHttp},
    lane::Lanes,
    lookup::LookupTable,
    pipeline::{Known, KnownDestination, state::retention},
    redrive::{QueueSite, Site},
    telemetry::Emit,
    time::SystemClock,
    value::Value,
};
use url::Url;

use crate::{Console, Live, OpenId, Settings, role::RoleRules};

/// What the environment says, whatever the door.
#[derive(Clone, Debug)]
pub struct Config {
    /// The table of pipelines: `PIPELINES_TABLE`.
    pub pipelines_table: String,
    /// The ledger's table: `LEDGER_TABLE`.
    pub ledger_table: String,
    /// The table of activity: `ACTIVITY_TABLE`.
    pub activity_table: String,
    /// The table of failures: `FAILURES_TABLE`.
    pub failures_table: String,
    /// The table of the audit log: `AUDIT_TABLE`.
    pub audit_table: String,
    /// The lookup tables by name: `LOOKUP_TABLES`.
    pub lookup_tables: BTreeMap<String, LookupTable>,
    /// Which addresses of vendors may be called: `ALLOW_PRIVATE_ADDRESSES`.
    pub reach: Reach,
    /// What the console does by.
    pub settings: Settings,
}

/// How long a vendor is waited for: a page has to be there within the 30 seconds of a function URL.
const TIMEOUTS: Timeouts =
    Timeouts { connect: Duration::from_secs(5), silence: Duration::from_secs(10), whole: Duration::from_secs(15) };

impl Config {
    /// Reads it; what is wrong is noted with the reader.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        let destinations = destinations(reader);
        let lookup_tables: BTreeMap<String, LookupTable> = reader
            .json("LOOKUP_TABLES", r#"{"accounts":{"table":"store-accounts","key":{"account_id":"S"}}}"#)
            .unwrap_or_default();
        let contact = "Ask whoever runs Freshet in your organisation.";
        Self {
            pipelines_table: reader.required("PIPELINES_TABLE", "the name of the table of pipelines"),
            ledger_table: reader.required("LEDGER_TABLE", "the name of the ledger's table"),
            activity_table: reader.required("ACTIVITY_TABLE", "the name of the table of activity"),
            failures_table: reader.required("FAILURES_TABLE", "the name of the table of failures"),
            audit_table: reader.required("AUDIT_TABLE", "the name of the table of the audit log"),
            reach: if reader.boolean("ALLOW_PRIVATE_ADDRESSES", false) { Reach::Private } else { Reach::Internet },
            settings: Settings {
                sessions_secret_arn: reader.required(
                    "SESSIONS_SECRET_ARN",
                    "the ARN of the secret with the sessions' keys, at first {\"keys\":[]}",
                ),
                contact: reader.optional("CONTACT").unwrap_or_else(|| contact.to_owned()),
                public_url: public_url(reader),
                known: known(reader, &destinations, &lookup_tables),
                retention: retention(reader),
                site: site(reader, &destinations),
                alert_topic_arn: reader.optional("ALERT_TOPIC_ARN"),
                connections: destinations.into_iter().map(|(name, told)| told.connection(name)).collect(),
            },
            lookup_tables,
        }
    }

    /// The client that calls vendors.
    pub fn http(&self) -> Result<VendorHttp, ConfigError> {
        VendorHttp::new(TIMEOUTS, self.reach).map_err(|error| ConfigError::of("ALLOW_PRIVATE_ADDRESSES", error))
    }
}

/// A destination: what it is, its queue, and how it is reached.
#[derive(Deserialize)]
struct Destination {
    connector: String,
    queue_url: String,
    lanes: Lanes,
    #[serde(default)]
    settings: Value,
    #[serde(default)]
    secret_arn: Option<String>,
}

impl Destination {
    fn connection(self, name: String) -> Connection {
        // Settings that no connector takes are told where it is configured.
        let settings = self.settings.as_object().cloned().unwrap_or_default();
        Connection { name, connector: self.connector, settings, secret_arn: self.secret_arn }
    }
}

/// `DESTINATIONS`, as transform is told it, and more.
fn destinations(reader: &mut Reader<'_>) -> BTreeMap<String, Destination> {
    let example =
        r#"{"crm":{"connector":"hubspot","queue_url":"https://sqs.eu-central-1.amazonaws.com/1/crm.fifo","lanes":8}}"#;
    reader.json("DESTINATIONS", example).unwrap_or_default()
}

/// What pipelines can name: `SOURCES`, the destinations and the lookup tables.
fn known(
    reader: &mut Reader<'_>,
    destinations: &BTreeMap<String, Destination>,
    lookup_tables: &BTreeMap<String, LookupTable>,
) -> Known {
    let destination = |(name, told): (&String, &Destination)| {
        let settings = told.settings.as_object().cloned().unwrap_or_default();
        KnownDestination::new(name, &told.connector).with_settings(settings)
    };
    Known {
        sources: reader.json("SOURCES", r#"["customers"]"#).unwrap_or_default(),
        destinations: destinations.iter().map(destination).collect(),
        lookup_tables: lookup_tables.iter().map(|(name, table)| (name.clone(), table.key.clone())).collect(),
        ..Known::default()
    }
}

/// Where failures enter again: `OVERSIZE_BUCKET`, `CHANGES_STREAM`, `CHANGES_LANES`.
fn site(reader: &mut Reader<'_>, destinations: &BTreeMap<String, Destination>) -> Site {
    let queues = destinations.iter().map(|(name, told)| {
        let queue = QueueSite { url: told.queue_url.clone(), lanes: told.lanes };
        (name.clone(), queue)
    });
    Site {
        bucket: reader.required("OVERSIZE_BUCKET", "the name of the bucket of what is too large"),
        changes_stream: reader.required("CHANGES_STREAM", "the name of the backbone's stream"),
        changes_lanes: reader.lanes("CHANGES_LANES", "the backbone").unwrap_or(Lanes::ONE),
        queues: queues.collect(),
    }
}

fn public_url(reader: &mut Reader<'_>) -> Option<Url> {
    const NAME: &str = "PUBLIC_URL";
    let text = reader.optional(NAME)?;
    let url =
        Url::parse(&text).ok().filter(|url| url.scheme() == "https" && url.path() == "/" && url.query().is_none());
    if url.is_none() {
        reader.problem(NAME, format!("is {text:?}; set it to https:// and a host, without a path, or leave it out"));
    }
    url
}

/// The console of the function.
pub type Deployed = Console<Live<OpenId<SecretStore, VendorHttp, SystemClock>>>;

/// Builds the console over AWS, with OpenID Connect as its only door, from the environment.
pub fn wire(environment: &dyn Environment, _: Emit) -> Result<Deployed, ConfigError> {
    let mut reader = Reader::new(environment);
    let config = Config::read(&mut reader);
    let secret_arn = reader.required("CONSOLE_SECRET_ARN", "the ARN of the secret with the OpenID Connect client");
    let example = r#"{"claim":"groups","viewer":["staff"],"editor":["sales"],"admin":["platform"]}"#;
    let roles = reader.json::<RoleRules>("ROLES", example);
    reader.finish()?;
    // What is missing here was reported above.
    let roles = roles.ok_or_else(|| ConfigError(Vec::new()))?;
    let aws = Aws::from_environment(environment)?;
    let door = OpenId::new(secret_arn, roles, SecretStore::new(aws.secrets()), config.http()?, SystemClock);
    let http = config.http()?;
    let world = Live::new(&aws, &config, door, http);
    Ok(Console::new(world, config.settings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_reported_at_once() {
        let Err(error) = wire(&|_: &str| None, shared::telemetry::to_nowhere) else { panic!("it starts") };
        let variables: Vec<_> = error.0.iter().map(|problem| problem.variable).collect();
        assert_eq!(
            variables,
            [
                "DESTINATIONS",
                "LOOKUP_TABLES",
                "PIPELINES_TABLE",
                "LEDGER_TABLE",
                "ACTIVITY_TABLE",
                "FAILURES_TABLE",
                "AUDIT_TABLE",
                "SESSIONS_SECRET_ARN",
                "SOURCES",
                "OVERSIZE_BUCKET",
                "CHANGES_STREAM",
                "CHANGES_LANES",
                "CONSOLE_SECRET_ARN",
                "ROLES",
            ]
        );
    }

    #[test]
    fn an_address_of_ones_own_is_a_host_over_tls() {
        for (text, expected) in [
            ("https://console.example", Some("https://console.example")),
            ("https://console.example:8443/", Some("https://console.example:8443")),
            ("http://console.example", None),
            ("https://console.example/freshet", None),
            ("console.example", None),
        ] {
            let environment = |name: &str| (name == "PUBLIC_URL").then(|| text.to_owned());
            let mut reader = Reader::new(&environment);
            let url = public_url(&mut reader);
            assert_eq!(url.map(|url| url.origin().ascii_serialization()).as_deref(), expected, "{text}");
            assert_eq!(reader.finish().is_err(), expected.is_none(), "{text}");
        }
    }
}
