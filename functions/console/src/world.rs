//! What the function needs of the world.

use shared::{
    aws::{
        ActivityTable, AuditTable, Aws, Backbone, FailuresTable, FifoQueues, GatesTable, LedgerTable, LookupTables,
        ObjectStore, PipelinesTable, SecretStore,
    },
    frame::Channel,
    http::VendorHttp,
    ports::{
        Alerts, Audit, Backlog, Counts, Drafts, Gates, Http, KeptFailures, Ledger, Lookups, Objects, Publishing,
        Queues, Schemas, Secrets, Timelines,
    },
    time::{Clock, SystemClock},
};

use crate::{config::Config, door::Door};

/// The world's parts, as one parameter.
#[expect(missing_docs, reason = "each is named for its port")]
pub trait World: Send + Sync + 'static {
    type Door: Door;
    type Pipelines: Publishing;
    type Drafts: Drafts;
    type Alerts: Alerts;
    type Schemas: Schemas;
    type Lookups: Lookups;
    type Ledger: Ledger;
    type Timelines: Timelines;
    type Counts: Counts;
    type Queues: Queues;
    type Failures: KeptFailures;
    type Audit: Audit;
    type Secrets: Secrets;
    type Objects: Objects;
    type Backbone: Backlog + Channel;
    type Gates: Gates;
    type Http: Http;
    type Clock: Clock;

    fn door(&self) -> &Self::Door;
    fn pipelines(&self) -> &Self::Pipelines;
    fn drafts(&self) -> &Self::Drafts;
    fn alerts(&self) -> &Self::Alerts;
    fn schemas(&self) -> &Self::Schemas;
    fn lookups(&self) -> &Self::Lookups;
    fn ledger(&self) -> &Self::Ledger;
    fn timelines(&self) -> &Self::Timelines;
    fn counts(&self) -> &Self::Counts;
    fn queues(&self) -> &Self::Queues;
    fn failures(&self) -> &Self::Failures;
    fn audit(&self) -> &Self::Audit;
    fn secrets(&self) -> &Self::Secrets;
    fn objects(&self) -> &Self::Objects;
    fn backbone(&self) -> &Self::Backbone;
    fn gates(&self) -> &Self::Gates;
    fn http(&self) -> &Self::Http;
    fn clock(&self) -> &Self::Clock;
}

/// The real parts, behind one door or another.
#[derive(Debug)]
pub struct Live<D> {
    door: D,
    pipelines: PipelinesTable,
    lookups: LookupTables,
    ledger: LedgerTable,
    activity: ActivityTable,
    queues: FifoQueues,
    failures: FailuresTable,
    audit: AuditTable,
    secrets: SecretStore,
    objects: ObjectStore,
    backbone: Backbone,
    gates: GatesTable,
    http: VendorHttp,
}

impl<D> Live<D> {
    /// As the settings name them.
    pub fn new(aws: &Aws, config: &Config, door: D, http: VendorHttp) -> Self {
        Self {
            door,
            pipelines: PipelinesTable::new(aws.dynamodb(), &config.pipelines_table),
            lookups: LookupTables::new(aws.dynamodb(), &config.lookup_tables),
            ledger: LedgerTable::new(aws.dynamodb(), &config.ledger_table),
            activity: ActivityTable::new(aws.dynamodb(), &config.activity_table),
            queues: FifoQueues::new(aws.sqs()),
            failures: FailuresTable::new(
                aws.dynamodb(),
                &config.failures_table,
                ObjectStore::new(aws.s3()),
                &config.settings.site.bucket,
            ),
            audit: AuditTable::new(aws.dynamodb(), &config.audit_table),
            secrets: SecretStore::new(aws.secrets()),
            objects: ObjectStore::new(aws.s3()),
            backbone: Backbone::new(aws.kinesis(), &config.settings.site.changes_stream),
            gates: GatesTable::new(aws.dynamodb(), &config.ledger_table),
            http,
        }
    }
}

impl<D: Door> World for Live<D> {
    type Door = D;
    type Pipelines = PipelinesTable;
    type Drafts = PipelinesTable;
    type Alerts = PipelinesTable;
    type Schemas = PipelinesTable;
    type Lookups = LookupTables;
    type Ledger = LedgerTable;
    type Timelines = LedgerTable;
    type Counts = ActivityTable;
    type Queues = FifoQueues;
    type Failures = FailuresTable;
    type Audit = AuditTable;
    type Secrets = SecretStore;
    type Objects = ObjectStore;
    type Backbone = Backbone;
    type Gates = GatesTable;
    type Http = VendorHttp;
    type Clock = SystemClock;

    fn door(&self) -> &D {
        &self.door
    }
    fn pipelines(&self) -> &PipelinesTable {
        &self.pipelines
    }
    fn drafts(&self) -> &PipelinesTable {
        &self.pipelines
    }
    fn alerts(&self) -> &PipelinesTable {
        &self.pipelines
    }
    fn lookups(&self) -> &LookupTables {
        &self.lookups
    }
    fn ledger(&self) -> &LedgerTable {
        &self.ledger
    }
    fn schemas(&self) -> &PipelinesTable {
        &self.pipelines
    }
    fn timelines(&self) -> &LedgerTable {
        &self.ledger
    }
    fn counts(&self) -> &ActivityTable {
        &self.activity
    }
    fn queues(&self) -> &FifoQueues {
        &self.queues
    }
    fn failures(&self) -> &FailuresTable {
        &self.failures
    }
    fn audit(&self) -> &AuditTable {
        &self.audit
    }
    fn secrets(&self) -> &SecretStore {
        &self.secrets
    }
    fn objects(&self) -> &ObjectStore {
        &self.objects
    }
    fn backbone(&self) -> &Backbone {
        &self.backbone
    }
    fn gates(&self) -> &GatesTable {
        &self.gates
    }
    fn http(&self) -> &VendorHttp {
        &self.http
    }
    fn clock(&self) -> &SystemClock {
        &SystemClock
    }
}
