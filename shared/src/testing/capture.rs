//! A capture function's world in memory.

use super::{MemoryChannel, MemoryLaneCounts, MemoryState};
use crate::{
    capture::World,
    frame::{Content, FrameError, Payload, open},
    lane::Lanes,
};

/// All parts, in memory.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "each is named for its port")]
pub struct CaptureWorld {
    pub state: MemoryState,
    pub backbone: MemoryChannel,
    pub lane_counts: MemoryLaneCounts,
}

impl CaptureWorld {
    /// The events on the backbone, a line each, as they stand in its frames. With one lane their order is that in
    /// which they were captured.
    pub fn events(&self, lanes: Lanes) -> Result<String, FrameError> {
        let mut events = String::new();
        for body in self.backbone.bodies() {
            for item in open(Content::Events, lanes, body.as_bytes())?.items {
                match item {
                    Payload::Inline(json) => events.push_str(json),
                    Payload::Reference(reference) => {
                        let reference = serde_json::to_string(&reference)?;
                        events.extend([r#"{"ref":"#, &reference, "}"]);
                    }
                }
                events.push('\n');
            }
        }
        Ok(events)
    }
}

impl World for CaptureWorld {
    type State = MemoryState;
    type Backbone = MemoryChannel;
    type LaneCounts = MemoryLaneCounts;

    fn state(&self) -> &MemoryState {
        &self.state
    }
    fn backbone(&self) -> &MemoryChannel {
        &self.backbone
    }
    fn lane_counts(&self) -> &MemoryLaneCounts {
        &self.lane_counts
    }
}
