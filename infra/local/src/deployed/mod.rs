//! A stack that runs somewhere: in an AWS account, or on this machine.
//!
//! What there is to know of it is the output `freshet` of its Terraform. The local stack writes the same, so that the
//! commands work on either.

mod connection;
mod environment;

use std::{
    collections::BTreeMap,
    io::Read as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::{
    config::Environment,
    lookup::LookupTable,
    pipeline::{Known, KnownDestination},
    value as data,
};

pub use self::{connection::Connection, environment::DeployedEnvironment};

/// A stack's names, as `terraform output -json freshet` tells them.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[expect(missing_docs, reason = "each is named for what it names")]
pub struct Deployed {
    pub name: String,
    pub region: String,
    pub pipelines_table: String,
    pub ledger_table: String,
    pub failures_table: String,
    pub activity_table: String,
    pub bucket: String,
    pub changes_stream: String,
    pub changes_lanes: u32,
    pub changes_retention_hours: u32,
    pub sources: BTreeMap<String, DeployedSource>,
    pub destinations: BTreeMap<String, DeployedDestination>,
    #[serde(default)]
    pub lookup_tables: BTreeMap<String, LookupTable>,
    pub transform: String,
    pub collect_failures: String,
    /// The capture functions' names.
    #[serde(default)]
    pub captures: BTreeMap<String, String>,
    /// Where the services are, if not where AWS has them: on the local stack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<Endpoints>,
    /// The local stack's credentials, which guard nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
}

/// A source of a stack.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct DeployedSource {
    /// What it is.
    pub kind: SourceKind,
    /// The table's or stream's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Of a stream: the fields that name an event's row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
    /// The epoch, where one is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
}

impl DeployedSource {
    /// Its entry in the capture function's `SOURCES`.
    pub fn entry(&self, name: &str) -> Value {
        let mut entry = json!({"name": name});
        if let Some(epoch) = self.epoch {
            entry["epoch"] = json!(epoch);
        }
        if !self.key.is_empty() {
            entry["key"] = json!(self.key);
        }
        entry
    }
}

/// What a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// A DynamoDB table.
    Dynamodb,
    /// A Kinesis stream.
    Kinesis,
}

/// A destination of a stack.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct DeployedDestination {
    /// The connector's slug.
    pub connector: String,
    /// Its settings.
    #[serde(default)]
    pub settings: Value,
    /// The ARN of its secret, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_arn: Option<String>,
    /// The count of lanes of its queue.
    pub lanes: u32,
    /// The queue's URL.
    pub queue_url: String,
    /// The dead-letter queue's URL.
    pub dead_letter_url: String,
    /// Its deliver function's name.
    pub function: String,
}

/// Where services are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[expect(missing_docs, reason = "each is named for its service")]
pub struct Endpoints {
    pub dynamodb: Option<String>,
    pub kinesis: Option<String>,
    pub sqs: Option<String>,
    pub s3: Option<String>,
    pub secrets_manager: Option<String>,
}

/// Credentials that are no secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[expect(missing_docs, reason = "AWS's own names")]
pub struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: String,
}

/// Which stack a command works on.
#[derive(Clone, Debug, Default, Args)]
pub struct Chosen {
    /// The stack: the file that `terraform output -json freshet` was written to, `-` for standard input. The environment
    /// variable `FRESHET_OUTPUTS` does, without
    #[arg(long, value_name = "FILE")]
    pub outputs: Option<PathBuf>,
}

/// How to make the file.
const MEND: &str = "write it in the folder of the stack's Terraform with `terraform output -json freshet > stack.json`, \
                    and name it with --outputs stack.json or in FRESHET_OUTPUTS; the local stack writes one too, and \
                    `freshet demo` says where";

impl Chosen {
    /// The outputs' file, where one is named.
    pub fn file(&self, environment: &dyn Environment) -> Option<PathBuf> {
        let named = || environment.get("FRESHET_OUTPUTS").filter(|file| !file.is_empty()).map(PathBuf::from);
        self.outputs.clone().or_else(named)
    }

    /// Whether a stack is named at all, for commands that can do without.
    pub fn is_named(&self, environment: &dyn Environment) -> bool {
        self.file(environment).is_some()
    }

    /// Reads the outputs.
    pub fn read(&self, environment: &dyn Environment) -> anyhow::Result<Deployed> {
        let Some(file) = self.file(environment) else {
            bail!("which stack is meant? Its outputs tell: {MEND}");
        };
        let mut text = String::new();
        if file == Path::new("-") {
            std::io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
        } else {
            text = std::fs::read_to_string(&file)
                .with_context(|| format!("the stack's outputs {} cannot be read; {MEND}", file.display()))?;
        }
        Deployed::parse(&file.display().to_string(), &text)
    }

    /// Reads the outputs and connects to the services.
    pub fn connect<'a>(&self, environment: &'a dyn Environment) -> anyhow::Result<Connection<'a>> {
        Connection::new(self.read(environment)?, environment)
    }
}

impl Deployed {
    /// From the outputs' text; `file` is its name in messages.
    pub fn parse(file: &str, text: &str) -> anyhow::Result<Self> {
        if text.trim().is_empty() {
            bail!("{file} is empty; {MEND}");
        }
        let value: Value = serde_json::from_str(text).with_context(|| format!("{file} is not JSON; {MEND}"))?;
        // `terraform output -json` without a name has every output, each under its name with type and value.
        let all = value.get("freshet").and_then(|output| output.get("value"));
        serde_json::from_value(all.unwrap_or(&value).clone())
            .with_context(|| format!("{file} is not the output `freshet` of a stack; {MEND}"))
    }

    /// How long the backbone keeps changes.
    pub fn retention(&self) -> Duration {
        Duration::from_hours(self.changes_retention_hours.into())
    }

    /// What pipelines can name.
    pub fn known(&self) -> Known {
        let destination = |(name, told): (&String, &DeployedDestination)| {
            // Settings that no connector takes are told by the commands that use them.
            let settings = data::Value::from_json(told.settings.to_string().as_bytes()).unwrap_or_default();
            let settings = settings.as_object().cloned().unwrap_or_default();
            KnownDestination::new(name, &told.connector).with_settings(settings)
        };
        Known {
            sources: self.sources.keys().cloned().collect(),
            destinations: self.destinations.iter().map(destination).collect(),
            lookup_tables: self.lookup_tables.iter().map(|(name, table)| (name.clone(), table.key.clone())).collect(),
            ..Known::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Terraform writes it, shortened.
    pub(super) const OUTPUT: &str = r#"{
      "name": "shop", "region": "eu-central-1", "bucket": "shop-freshet-1",
      "pipelines_table": "shop-freshet-pipelines", "ledger_table": "shop-freshet-ledger",
      "failures_table": "shop-freshet-failures", "activity_table": "shop-freshet-activity",
      "changes_stream": "shop-freshet-changes", "changes_lanes": 16, "changes_retention_hours": 24, "later": true,
      "transform": "shop-freshet-transform", "collect_failures": "shop-freshet-collect-failures",
      "captures": {"dynamodb": "shop-freshet-capture-dynamodb"},
      "sources": {
        "customers": {"kind": "dynamodb", "resource": "shop-customers"},
        "views": {"kind": "kinesis", "resource": "shop-views", "key": ["visitor_id"], "epoch": 2}
      },
      "destinations": {"crm": {"connector": "hubspot", "settings": {}, "lanes": 8, "function": "shop-freshet-deliver-crm",
        "queue_url": "https://sqs.example/crm.fifo", "dead_letter_url": "https://sqs.example/crm-dead.fifo"}},
      "lookup_tables": {"accounts": {"table": "shop-accounts", "key": {"account_id": "S"}, "cache_seconds": 60}}
    }"#;

    #[test]
    fn an_output_is_read_alone_and_among_all() {
        let deployed = Deployed::parse("a.json", OUTPUT).unwrap();
        assert_eq!(
            deployed.sources["views"].entry("views"),
            json!({"name": "views", "epoch": 2, "key": ["visitor_id"]})
        );
        let crm = KnownDestination::new("crm", "hubspot").with_settings(data::Object::new());
        assert_eq!(deployed.known().destinations, [crm]);
        assert_eq!(deployed.known().lookup_tables["accounts"], deployed.lookup_tables["accounts"].key);
        let all = format!(r#"{{"bucket":{{"value":1}},"freshet":{{"sensitive":false,"type":[],"value":{OUTPUT}}}}}"#);
        assert_eq!(Deployed::parse("a.json", &all).unwrap(), deployed);
        let written = serde_json::to_string(&deployed).unwrap();
        assert_eq!(Deployed::parse("a.json", &written).unwrap(), deployed);
    }

    #[test]
    fn each_mistake_says_how_to_make_the_file() {
        for (text, message) in [
            ("", "a.json is empty"),
            ("Warning: No outputs found", "a.json is not JSON"),
            ("{}", "a.json is not the output `freshet` of a stack"),
            (
                &OUTPUT.replace("\"changes_lanes\": 16", "\"changes_lanes\": \"16\""),
                "a.json is not the output `freshet`",
            ),
        ] {
            let error = format!("{:#}", Deployed::parse("a.json", text).unwrap_err());
            assert!(error.starts_with(message) && error.contains("terraform output -json freshet"), "{error}");
        }
        let nothing = |_: &str| None;
        let error = Chosen::default().read(&nothing).unwrap_err().to_string();
        assert!(error.starts_with("which stack is meant?") && error.contains("FRESHET_OUTPUTS"), "{error}");
        let named = |name: &str| (name == "FRESHET_OUTPUTS").then(|| "not/there.json".to_owned());
        let error = format!("{:#}", Chosen::default().read(&named).unwrap_err());
        assert!(error.starts_with("the stack's outputs not/there.json cannot be read"), "{error}");
    }
}
