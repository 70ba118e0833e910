//! What a capture function needs of the world.

use super::Settings;
use crate::{
    aws::{Aws, Backbone, LiveState, PipelinesTable},
    frame::Channel,
    ports::LaneCounts,
    state::State,
    telemetry::Emit,
};

/// The world's parts, as one parameter.
#[expect(missing_docs, reason = "each is named for its port")]
pub trait World: Send + Sync {
    type State: State;
    type Backbone: Channel;
    type LaneCounts: LaneCounts;

    fn state(&self) -> &Self::State;
    fn backbone(&self) -> &Self::Backbone;
    fn lane_counts(&self) -> &Self::LaneCounts;
}

/// The real parts.
#[derive(Debug)]
pub struct Live {
    state: LiveState,
    backbone: Backbone,
    pipelines: PipelinesTable,
}

impl Live {
    /// As the settings name them.
    pub fn new(aws: &Aws, settings: &Settings, emit: Emit) -> Self {
        Self {
            state: LiveState::new(aws, &settings.state, emit),
            backbone: Backbone::new(aws.kinesis(), &settings.changes_stream),
            pipelines: PipelinesTable::new(aws.dynamodb(), &settings.pipelines_table),
        }
    }
}

impl World for Live {
    type State = LiveState;
    type Backbone = Backbone;
    type LaneCounts = PipelinesTable;

    fn state(&self) -> &LiveState {
        &self.state
    }
    fn backbone(&self) -> &Backbone {
        &self.backbone
    }
    fn lane_counts(&self) -> &PipelinesTable {
        &self.pipelines
    }
}
