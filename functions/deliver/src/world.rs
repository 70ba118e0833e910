//! What the function needs of the world.

use shared::{
    aws::{Aws, FifoQueue, GatesTable, LedgerTable, LiveState, PipelinesTable, SecretStore},
    config::ConfigError,
    http::{Timeouts, VendorHttp},
    ports::{Gates, Http, Leases, Ledger, Pipelines, Secrets, Visibility},
    state::State,
    telemetry::Emit,
};

use crate::config::Config;

/// The world's parts, as one parameter.
#[expect(missing_docs, reason = "each is named for its port")]
pub trait World: Send + Sync {
    type State: State;
    type Ledger: Ledger + Leases;
    type Gates: Gates;
    type Pipelines: Pipelines;
    type Visibility: Visibility;
    type Secrets: Secrets;
    type Http: Http;

    fn state(&self) -> &Self::State;
    fn ledger(&self) -> &Self::Ledger;
    fn gates(&self) -> &Self::Gates;
    fn pipelines(&self) -> &Self::Pipelines;
    fn visibility(&self) -> &Self::Visibility;
    fn secrets(&self) -> &Self::Secrets;
    fn http(&self) -> &Self::Http;
}

/// The real parts.
#[derive(Debug)]
pub struct Live {
    state: LiveState,
    ledger: LedgerTable,
    gates: GatesTable,
    pipelines: PipelinesTable,
    queue: FifoQueue,
    secrets: SecretStore,
    http: VendorHttp,
}

impl Live {
    /// As the settings name them.
    pub fn new(aws: &Aws, config: &Config, emit: Emit) -> Result<Self, ConfigError> {
        let timeouts = Timeouts { whole: config.pace.vendor_timeout, ..Timeouts::default() };
        Ok(Self {
            state: LiveState::new(aws, &config.state, emit),
            ledger: LedgerTable::new(aws.dynamodb(), &config.ledger_table),
            gates: GatesTable::new(aws.dynamodb(), &config.ledger_table),
            pipelines: PipelinesTable::new(aws.dynamodb(), &config.pipelines_table),
            queue: FifoQueue::new(aws.sqs(), &config.queue_url),
            secrets: SecretStore::new(aws.secrets()),
            http: VendorHttp::new(timeouts, config.reach).map_err(|error| ConfigError::of("CONNECTOR", error))?,
        })
    }
}

impl World for Live {
    type State = LiveState;
    type Ledger = LedgerTable;
    type Gates = GatesTable;
    type Pipelines = PipelinesTable;
    type Visibility = FifoQueue;
    type Secrets = SecretStore;
    type Http = VendorHttp;

    fn state(&self) -> &LiveState {
        &self.state
    }
    fn ledger(&self) -> &LedgerTable {
        &self.ledger
    }
    fn gates(&self) -> &GatesTable {
        &self.gates
    }
    fn pipelines(&self) -> &PipelinesTable {
        &self.pipelines
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
}
