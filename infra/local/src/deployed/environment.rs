//! The environment that a function of the stack would have, as far as this process needs it.

use serde_json::{Map, Value};
use shared::config::Environment;

use super::{Deployed, SourceKind};

/// What the outputs tell, over the process's own environment: the credentials come from there.
#[derive(Clone, Copy)]
pub struct DeployedEnvironment<'a> {
    deployed: &'a Deployed,
    process: &'a dyn Environment,
    /// The capture function that this is the environment of.
    capture: Option<SourceKind>,
}

impl<'a> DeployedEnvironment<'a> {
    /// Of a command.
    pub const fn new(deployed: &'a Deployed, process: &'a dyn Environment) -> Self {
        Self { deployed, process, capture: None }
    }

    /// Of the function that captures this kind of source.
    #[must_use]
    pub const fn of_capture(self, kind: SourceKind) -> Self {
        Self { capture: Some(kind), ..self }
    }

    fn sources(&self, kind: SourceKind) -> Value {
        let of_kind = self.deployed.sources.iter().filter(|(_, source)| source.kind == kind);
        let entries = of_kind.filter_map(|(name, source)| Some((source.resource.clone()?, source.entry(name))));
        Value::Object(entries.collect::<Map<_, _>>())
    }
}

impl Environment for DeployedEnvironment<'_> {
    fn get(&self, name: &str) -> Option<String> {
        let deployed = self.deployed;
        let endpoints = deployed.endpoints.as_ref();
        let credentials = deployed.credentials.as_ref();
        let own = match name {
            "AWS_REGION" => Some(deployed.region.clone()),
            "AWS_ENDPOINT_URL_DYNAMODB" => endpoints.and_then(|urls| urls.dynamodb.clone()),
            "AWS_ENDPOINT_URL_KINESIS" => endpoints.and_then(|urls| urls.kinesis.clone()),
            "AWS_ENDPOINT_URL_SQS" => endpoints.and_then(|urls| urls.sqs.clone()),
            "AWS_ENDPOINT_URL_S3" => endpoints.and_then(|urls| urls.s3.clone()),
            "AWS_ENDPOINT_URL_SECRETS_MANAGER" => endpoints.and_then(|urls| urls.secrets_manager.clone()),
            "AWS_ACCESS_KEY_ID" => credentials.map(|credentials| credentials.access_key_id.clone()),
            "AWS_SECRET_ACCESS_KEY" => credentials.map(|credentials| credentials.secret_access_key.clone()),
            // A session's token belongs to the process's own credentials.
            "AWS_SESSION_TOKEN" if credentials.is_some() => return None,
            "PIPELINES_TABLE" => Some(deployed.pipelines_table.clone()),
            "LEDGER_TABLE" => Some(deployed.ledger_table.clone()),
            "FAILURES_TABLE" => Some(deployed.failures_table.clone()),
            "ACTIVITY_TABLE" => Some(deployed.activity_table.clone()),
            "OVERSIZE_BUCKET" => Some(deployed.bucket.clone()),
            "CHANGES_STREAM" => Some(deployed.changes_stream.clone()),
            "CHANGES_LANES" => Some(deployed.changes_lanes.to_string()),
            "AWS_LAMBDA_FUNCTION_NAME" => Some(format!("{}-freshet-command", deployed.name)),
            "SOURCES" => self.capture.map(|kind| self.sources(kind).to_string()),
            _ => None,
        };
        own.or_else(|| self.process.get(name))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn outputs_lie_over_the_process() {
        let mut deployed = Deployed::parse("a.json", super::super::tests::OUTPUT).unwrap();
        let process = |name: &str| Some(format!("process {name}"));
        let environment = DeployedEnvironment::new(&deployed, &process);
        let get = |name: &str| environment.get(name).unwrap();
        assert_eq!(get("AWS_REGION"), "eu-central-1");
        assert_eq!(get("FAILURES_TABLE"), "shop-freshet-failures");
        assert_eq!(get("AWS_ACCESS_KEY_ID"), "process AWS_ACCESS_KEY_ID");
        assert_eq!(get("AWS_ENDPOINT_URL_S3"), "process AWS_ENDPOINT_URL_S3");
        let kinesis: Value =
            serde_json::from_str(&environment.of_capture(SourceKind::Kinesis).get("SOURCES").unwrap()).unwrap();
        assert_eq!(kinesis, json!({"shop-views": {"name": "views", "epoch": 2, "key": ["visitor_id"]}}));
        let tables: Value =
            serde_json::from_str(&environment.of_capture(SourceKind::Dynamodb).get("SOURCES").unwrap()).unwrap();
        assert_eq!(tables, json!({"shop-customers": {"name": "customers"}}));
        let local = super::super::Credentials { access_key_id: "a".to_owned(), secret_access_key: "b".to_owned() };
        deployed.credentials = Some(local);
        let environment = DeployedEnvironment::new(&deployed, &process);
        assert_eq!(environment.get("AWS_ACCESS_KEY_ID").as_deref(), Some("a"));
        assert_eq!(environment.get("AWS_SESSION_TOKEN"), None);
    }
}
