//! A capture function's world in memory.

use std::sync::Mutex;

use super::{ManualClock, MemoryActivity, MemoryChannel, MemoryFailures, MemoryObjects, lock};
use crate::{
    capture::World,
    failure::Failure,
    frame::{Content, FrameError, Payload, open},
    lane::Lanes,
};

/// All parts, in memory.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "each is named for its port")]
pub struct CaptureWorld {
    pub backbone: MemoryChannel,
    pub objects: MemoryObjects,
    pub failures: MemoryFailures,
    pub activity: MemoryActivity,
    pub clock: ManualClock,
    /// The lines of metrics.
    pub lines: Mutex<Vec<String>>,
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

    /// The failures kept.
    pub fn kept(&self) -> Vec<Failure> {
        lock(&self.failures.kept).clone()
    }
}

impl World for CaptureWorld {
    type Backbone = MemoryChannel;
    type Objects = MemoryObjects;
    type Failures = MemoryFailures;
    type Activity = MemoryActivity;
    type Clock = ManualClock;

    fn backbone(&self) -> &MemoryChannel {
        &self.backbone
    }
    fn objects(&self) -> &MemoryObjects {
        &self.objects
    }
    fn failures(&self) -> &MemoryFailures {
        &self.failures
    }
    fn activity(&self) -> &MemoryActivity {
        &self.activity
    }
    fn clock(&self) -> &ManualClock {
        &self.clock
    }
    fn emit(&self, line: &str) {
        lock(&self.lines).push(line.to_owned());
    }
}
