//! A stack, and the clients of the services that it is made of.

use anyhow::bail;
use shared::{
    aws::{
        ActivityTable, Aws, Backbone, FailuresTable, FifoQueue, FifoQueues, LedgerTable, LookupTables, ObjectStore,
        PipelinesTable, SecretStore, row_count,
    },
    config::Environment,
    pipeline::Known,
    ports::{PortError, Schemas as _},
};

use super::{Deployed, DeployedDestination, DeployedEnvironment};

/// A stack that can be worked on.
pub struct Connection<'a> {
    /// Its names.
    pub deployed: Deployed,
    process: &'a dyn Environment,
    aws: Aws,
}

impl<'a> Connection<'a> {
    /// Connects with the credentials of the outputs or else of the process's environment.
    pub fn new(deployed: Deployed, process: &'a dyn Environment) -> anyhow::Result<Self> {
        let environment = DeployedEnvironment::new(&deployed, process);
        let is_set = |name: &str| environment.get(name).is_some_and(|value| !value.is_empty());
        if !is_set("AWS_ACCESS_KEY_ID") || !is_set("AWS_SECRET_ACCESS_KEY") {
            bail!(
                "there are no AWS credentials in the environment; put those of your profile there with `eval \"$(aws \
                 configure export-credentials --format env)\"`"
            );
        }
        let aws = Aws::from_environment(&environment)?;
        Ok(Self { deployed, process, aws })
    }

    /// The environment of the stack's functions, as far as a command needs it.
    pub fn environment(&self) -> DeployedEnvironment<'_> {
        DeployedEnvironment::new(&self.deployed, self.process)
    }

    /// The table of pipelines.
    pub fn pipelines(&self) -> PipelinesTable {
        PipelinesTable::new(self.aws.dynamodb(), &self.deployed.pipelines_table)
    }

    /// What pipelines can name, and the fields of the sources of which enough rows have passed to tell.
    pub async fn known(&self) -> Result<Known, PortError> {
        let mut known = self.deployed.known();
        let schemas = self.pipelines().schemas().await?;
        known.learn(schemas.iter().map(|(source, (_, schema))| (source.as_str(), schema)));
        Ok(known)
    }

    /// The ledger.
    pub fn ledger(&self) -> LedgerTable {
        LedgerTable::new(self.aws.dynamodb(), &self.deployed.ledger_table)
    }

    /// The lookup tables.
    pub fn lookups(&self) -> LookupTables {
        LookupTables::new(self.aws.dynamodb(), &self.deployed.lookup_tables)
    }

    /// The table of failures.
    pub fn failures(&self) -> FailuresTable {
        let Deployed { failures_table, bucket, .. } = &self.deployed;
        FailuresTable::new(self.aws.dynamodb(), failures_table, self.objects(), bucket)
    }

    /// The table of activity.
    pub fn activity(&self) -> ActivityTable {
        ActivityTable::new(self.aws.dynamodb(), &self.deployed.activity_table)
    }

    /// How many rows a table has, as far as DynamoDB tells.
    pub async fn rows_of(&self, table: &str) -> Result<Option<u64>, PortError> {
        row_count(self.aws.dynamodb(), table).await
    }

    /// The destinations' secrets.
    pub fn secrets(&self) -> SecretStore {
        SecretStore::new(self.aws.secrets())
    }

    /// The objects in S3.
    pub fn objects(&self) -> ObjectStore {
        ObjectStore::new(self.aws.s3())
    }

    /// The backbone.
    pub fn backbone(&self) -> Backbone {
        Backbone::new(self.aws.kinesis(), &self.deployed.changes_stream)
    }

    /// A destination's queue.
    pub fn queue(&self, destination: &DeployedDestination) -> FifoQueue {
        FifoQueue::new(self.aws.sqs(), &destination.queue_url)
    }

    /// All queues.
    pub fn queues(&self) -> FifoQueues {
        FifoQueues::new(self.aws.sqs())
    }

    /// The queue of a destination's dead letters.
    pub fn dead_letters(&self, destination: &DeployedDestination) -> FifoQueue {
        FifoQueue::new(self.aws.sqs(), &destination.dead_letter_url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_credentials_it_is_said_where_to_get_them() {
        let deployed = || Deployed::parse("a.json", super::super::tests::OUTPUT).unwrap();
        let half = |name: &str| (name == "AWS_ACCESS_KEY_ID").then(|| "AKIA".to_owned());
        let whole = |name: &str| name.starts_with("AWS_").then(|| "http://localhost".to_owned());
        let error = Connection::new(deployed(), &half).err().unwrap().to_string();
        assert!(error.contains("eval \"$(aws configure export-credentials --format env)\""), "{error}");
        assert!(Connection::new(deployed(), &whole).is_ok());
    }
}
