//! What the stack tells of itself, as the output `freshet` of its Terraform does.

use std::collections::BTreeMap;

use anyhow::Context as _;
use shared::config::Environment as _;

use super::{Ground, environment, resources::names, variables::Origin};
use crate::{
    deployed::{Credentials, Deployed, DeployedDestination, DeployedSource, Endpoints, SourceKind},
    services,
};

impl Ground {
    /// What `terraform output -json freshet` tells of a deployed stack, of this one; and where its services are.
    pub fn deployed(&self) -> anyhow::Result<Deployed> {
        let stack = &self.config.variables;
        let name = &stack.name;
        let captures =
            ["dynamodb", "kinesis"].map(|kind| (kind.to_owned(), names::function(name, &format!("capture-{kind}"))));
        Ok(Deployed {
            name: name.clone(),
            region: services::REGION.to_owned(),
            pipelines_table: names::pipelines_table(name),
            ledger_table: names::ledger_table(name),
            failures_table: names::failures_table(name),
            activity_table: names::activity_table(name),
            bucket: names::bucket(name),
            changes_stream: names::changes_stream(name),
            changes_lanes: stack.backbone.lanes,
            changes_retention_hours: stack.backbone.retention_hours,
            sources: self.deployed_sources()?,
            destinations: self.deployed_destinations()?,
            lookup_tables: stack.declared_lookups(),
            transform: names::function(name, "transform"),
            collect_failures: names::function(name, "collect-failures"),
            captures: captures.into(),
            endpoints: Some(self.endpoints()),
            credentials: Some(Credentials {
                access_key_id: services::ACCESS_KEY.to_owned(),
                secret_access_key: services::SECRET_KEY.to_owned(),
            }),
        })
    }

    fn deployed_sources(&self) -> anyhow::Result<BTreeMap<String, DeployedSource>> {
        let stack = &self.config.variables;
        let mut sources = BTreeMap::new();
        for (source, variables) in &stack.sources {
            let origin = variables.origin().map_err(anyhow::Error::msg)?;
            let kind = match origin {
                Origin::Table(_) => SourceKind::Dynamodb,
                Origin::Stream(_) => SourceKind::Kinesis,
            };
            let (resource, key) = (Some(origin.name().to_owned()), variables.key.clone());
            let epoch = environment::epoch(variables, kind);
            sources.insert(source.clone(), DeployedSource { kind, resource, key, epoch });
        }
        Ok(sources)
    }

    fn deployed_destinations(&self) -> anyhow::Result<BTreeMap<String, DeployedDestination>> {
        let stack = &self.config.variables;
        let mut destinations = BTreeMap::new();
        for (destination, variables) in &stack.destinations {
            let queue = self.resources.queues().get(destination).context("the destination has no queue")?;
            let function = format!("deliver-{destination}");
            let settings = self.environments.of(&function).get("SETTINGS").unwrap_or_default();
            let told = DeployedDestination {
                connector: variables.connector.clone(),
                settings: serde_json::from_str(&settings)?,
                secret_arn: variables.secret_arn.clone(),
                lanes: variables.lanes(),
                queue_url: queue.url.clone(),
                dead_letter_url: queue.dead_letter_url.clone(),
                function: names::function(&stack.name, &function),
            };
            destinations.insert(destination.clone(), told);
        }
        Ok(destinations)
    }

    fn endpoints(&self) -> Endpoints {
        let environment = self.environments.base();
        Endpoints {
            dynamodb: environment.get("AWS_ENDPOINT_URL_DYNAMODB"),
            kinesis: environment.get("AWS_ENDPOINT_URL_KINESIS"),
            sqs: environment.get("AWS_ENDPOINT_URL_SQS"),
            s3: environment.get("AWS_ENDPOINT_URL_S3"),
            secrets_manager: environment.get("AWS_ENDPOINT_URL_SECRETS_MANAGER"),
        }
    }
}
