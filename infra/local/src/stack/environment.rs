//! Each function's environment, with the variables that Terraform sets.

use std::collections::{BTreeMap, HashMap};

use serde_json::json;
use shared::{config::Environment, destination::connector};

use super::vendors::{self, SimulatedVendor};
use super::{
    StackConfig,
    functions::VENDOR_TIMEOUT,
    resources::{Resources, names},
    variables::{Origin, SourceVariables},
};
use crate::deployed::{DeployedSource, SourceKind};
use crate::services::{self, Services, secrets::Secrets, topic::Topic};

/// The environments of all functions.
#[derive(Clone, Debug)]
pub struct Environments {
    base: Variables,
    functions: BTreeMap<String, Variables>,
}

/// One function's environment.
#[derive(Clone, Debug, Default)]
pub struct Variables(HashMap<String, String>);

impl Environment for Variables {
    fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }
}

impl Variables {
    pub(super) fn into_map(self) -> HashMap<String, String> {
        self.0
    }

    fn with(&self, more: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let mut variables = self.clone();
        variables.0.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value)));
        variables
    }
}

/// A source's epoch. The local streams' labels are no times, as AWS's are, so a table has one here; a stack that starts
/// anew starts its epoch anew.
pub(super) fn epoch(source: &SourceVariables, kind: SourceKind) -> Option<u64> {
    source.epoch().or((kind == SourceKind::Dynamodb).then_some(1))
}

impl Environments {
    /// What every function has: region, credentials, endpoints, names.
    pub(super) fn of_all(config: &StackConfig, services: &Services, secrets: &Secrets, topic: &Topic) -> Variables {
        let stack = &config.variables;
        let name = &stack.name;
        Variables::default().with([
            ("AWS_REGION", services::REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", services::ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", services::SECRET_KEY.to_owned()),
            ("AWS_ENDPOINT_URL_DYNAMODB", services.dynamodb_url.clone()),
            ("AWS_ENDPOINT_URL_KINESIS", services.kinesis_url.clone()),
            ("AWS_ENDPOINT_URL_SQS", services.sqs_url.clone()),
            ("AWS_ENDPOINT_URL_S3", services.s3_url.clone()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", secrets.endpoint_url.clone()),
            ("AWS_ENDPOINT_URL_SNS", topic.endpoint_url.clone()),
            ("PIPELINES_TABLE", names::pipelines_table(name)),
            ("LEDGER_TABLE", names::ledger_table(name)),
            ("FAILURES_TABLE", names::failures_table(name)),
            ("ACTIVITY_TABLE", names::activity_table(name)),
            ("OVERSIZE_BUCKET", names::bucket(name)),
            ("CHANGES_STREAM", names::changes_stream(name)),
            ("CHANGES_LANES", stack.backbone.lanes.to_string()),
            ("CHANGES_RETENTION_HOURS", stack.backbone.retention_hours.to_string()),
        ])
    }

    pub(super) fn new(
        config: &StackConfig,
        base: Variables,
        resources: &Resources,
        vendors: &BTreeMap<String, SimulatedVendor>,
    ) -> anyhow::Result<Self> {
        let stack = &config.variables;
        let mut tables = serde_json::Map::new();
        let mut streams = serde_json::Map::new();
        for (source, variables) in &stack.sources {
            let (sources, name, kind) = match variables.origin().map_err(anyhow::Error::msg)? {
                Origin::Table(table) => (&mut tables, table, SourceKind::Dynamodb),
                Origin::Stream(stream) => (&mut streams, stream, SourceKind::Kinesis),
            };
            let (resource, key, epoch) = (None, variables.key.clone(), epoch(variables, kind));
            sources.insert(name, DeployedSource { kind, resource, key, epoch }.entry(source));
        }
        let mut functions = BTreeMap::new();
        let mut add = |function: &str, own: Vec<(&'static str, String)>| {
            let name = ("AWS_LAMBDA_FUNCTION_NAME", names::function(&stack.name, function));
            functions.insert(function.to_owned(), base.with(own.into_iter().chain([name])));
        };
        add("capture-dynamodb", vec![("SOURCES", json!(tables).to_string())]);
        add("capture-kinesis", vec![("SOURCES", json!(streams).to_string())]);
        add("collect-failures", vec![("DEAD_LETTER_QUEUES", json!(resources.dead_letters()).to_string())]);
        let mut queues = serde_json::Map::new();
        let mut connections = serde_json::Map::new();
        let mut queue_urls = serde_json::Map::new();
        for (destination, variables) in &stack.destinations {
            let url = resources.queue_url(destination)?;
            let mut settings = json!(variables.settings());
            if let Some(endpoint) = config.own_endpoints.get(destination) {
                vendors::point(connector(&variables.connector)?, &mut settings, endpoint)?;
            } else if let Some(vendor) = vendors.get(destination) {
                vendor.point(&mut settings)?;
            }
            let mut own = vec![
                ("DESTINATION", destination.clone()),
                ("CONNECTOR", variables.connector.clone()),
                ("SETTINGS", settings.to_string()),
                ("QUEUE_URL", url.to_owned()),
                ("QUEUE_LANES", variables.lanes().to_string()),
                // The vendors are on this machine.
                ("ALLOW_PRIVATE_ADDRESSES", "true".to_owned()),
                ("VENDOR_TIMEOUT_SECONDS", VENDOR_TIMEOUT.as_secs().to_string()),
                // Nobody watches a demo for an hour.
                ("LONGEST_WAIT_SECONDS", "15".to_owned()),
            ];
            if let Some(limit) = variables.rate_limit() {
                own.push(("RATE_LIMIT", limit.to_string()));
            }
            own.extend(variables.quota_share.map(|share| ("QUOTA_SHARE", share.to_string())));
            own.extend(variables.secret_arn.clone().map(|arn| ("SECRET_ARN", arn)));
            let mut connection = json!({
                "connector": variables.connector, "queue_url": url, "lanes": variables.lanes(), "settings": settings,
            });
            if let Some(arn) = &variables.secret_arn {
                connection["secret_arn"] = json!(arn);
            }
            queue_urls.insert(destination.clone(), json!(url));
            connections.insert(destination.clone(), connection);
            add(&format!("deliver-{destination}"), own);
            let queue = json!({"connector": variables.connector, "queue_url": url, "lanes": variables.lanes()});
            queues.insert(destination.clone(), queue);
        }
        let sources: Vec<&String> = stack.sources.keys().collect();
        let named = |destinations: serde_json::Map<_, _>| {
            vec![
                ("SOURCES", json!(sources).to_string()),
                ("DESTINATIONS", json!(destinations).to_string()),
                ("LOOKUP_TABLES", json!(stack.declared_lookups()).to_string()),
            ]
        };
        let sessions = names::sessions_secret(&stack.name);
        let mut of_console = named(connections);
        of_console.extend([
            ("AUDIT_TABLE", names::audit_table(&stack.name)),
            ("SESSIONS_SECRET_ARN", sessions),
            // The vendors are on this machine.
            ("ALLOW_PRIVATE_ADDRESSES", "true".to_owned()),
            ("ALERT_TOPIC_ARN", names::alert_topic(&stack.name)),
        ]);
        add("console", of_console);
        let topic = ("ALERT_TOPIC_ARN", names::alert_topic(&stack.name));
        add("alert", vec![topic, ("QUEUES", json!(queue_urls).to_string())]);
        add("transform", named(queues));
        Ok(Self { base, functions })
    }

    /// That of all functions.
    pub(super) const fn base(&self) -> &Variables {
        &self.base
    }

    /// A function's own; that of all functions where there is none of the name.
    pub(super) fn of(&self, function: &str) -> Variables {
        self.functions.get(function).cloned().unwrap_or_else(|| self.base.clone())
    }
}
