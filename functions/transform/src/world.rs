//! What the function needs of the world.

use std::collections::HashMap;

use shared::{
    aws::{Aws, Backbone, FifoQueue, LiveState, LookupTables, PipelinesTable},
    frame::Channel,
    ports::{Backlog, LaneCounts, Lookups, Pipelines, Replays, Schemas, Waiting},
    state::State,
    telemetry::Emit,
};

use crate::config::Config;

/// The world's parts, as one parameter.
#[expect(missing_docs, reason = "each is named for its port")]
pub trait World: Send + Sync {
    type State: State;
    type Pipelines: Pipelines;
    type Replays: Replays;
    type Schemas: Schemas;
    type LaneCounts: LaneCounts;
    type Lookups: Lookups;
    type Backlog: Backlog;
    type Queue: Channel + Waiting;

    fn state(&self) -> &Self::State;
    fn pipelines(&self) -> &Self::Pipelines;
    fn replays(&self) -> &Self::Replays;
    fn schemas(&self) -> &Self::Schemas;
    fn lane_counts(&self) -> &Self::LaneCounts;
    fn lookups(&self) -> &Self::Lookups;

    /// What the backbone still holds.
    fn backlog(&self) -> &Self::Backlog;

    /// The queue of a destination.
    fn queue(&self, destination: &str) -> Option<&Self::Queue>;
}

/// The real parts.
#[derive(Debug)]
pub struct Live {
    state: LiveState,
    pipelines: PipelinesTable,
    lookups: LookupTables,
    backbone: Backbone,
    queues: HashMap<String, FifoQueue>,
}

impl Live {
    /// As the settings name them.
    pub fn new(aws: &Aws, config: &Config, emit: Emit) -> Self {
        let queues = config.destinations.iter();
        Self {
            state: LiveState::new(aws, &config.state, emit),
            pipelines: PipelinesTable::new(aws.dynamodb(), &config.pipelines_table),
            lookups: LookupTables::new(aws.dynamodb(), &config.lookup_tables),
            backbone: Backbone::new(aws.kinesis(), &config.changes_stream),
            queues: queues.map(|(name, queue)| (name.clone(), FifoQueue::new(aws.sqs(), &queue.queue_url))).collect(),
        }
    }
}

impl World for Live {
    type State = LiveState;
    type Pipelines = PipelinesTable;
    type Replays = PipelinesTable;
    type Schemas = PipelinesTable;
    type LaneCounts = PipelinesTable;
    type Lookups = LookupTables;
    type Backlog = Backbone;
    type Queue = FifoQueue;

    fn state(&self) -> &LiveState {
        &self.state
    }
    fn pipelines(&self) -> &PipelinesTable {
        &self.pipelines
    }
    fn replays(&self) -> &PipelinesTable {
        &self.pipelines
    }
    fn schemas(&self) -> &PipelinesTable {
        &self.pipelines
    }
    fn lane_counts(&self) -> &PipelinesTable {
        &self.pipelines
    }
    fn lookups(&self) -> &LookupTables {
        &self.lookups
    }
    fn backlog(&self) -> &Backbone {
        &self.backbone
    }
    fn queue(&self, destination: &str) -> Option<&FifoQueue> {
        self.queues.get(destination)
    }
}
