//! The event of a schedule, which wakes transform every minute.

use serde::Deserialize;

/// What EventBridge sends for a rule with a schedule ("Creating a rule that runs on a schedule", `EventBridge` user guide,
/// example event), as far as it is read.
#[derive(Debug, Deserialize)]
pub struct ScheduledEvent<'a> {
    #[serde(rename = "detail-type", borrow)]
    detail_type: &'a str,
}

impl ScheduledEvent<'_> {
    /// Whether a payload is one.
    pub fn is_one(payload: &[u8]) -> bool {
        serde_json::from_slice(payload).is_ok_and(|ScheduledEvent { detail_type }| detail_type == "Scheduled Event")
    }
}
