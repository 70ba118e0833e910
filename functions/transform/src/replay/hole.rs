//! What a pipeline has missed for good: it was paused for longer than the backbone keeps events.

use serde_json::json;
use shared::{
    failure::{Failure, Payload, Stage},
    pipeline::{Pipeline, state::Replay},
    time::Timestamp,
};

/// The failure that tells a person of what arrived from `from` until `until` and is gone. It holds no event, so it
/// cannot be redriven.
pub fn failure(pipeline: &Pipeline, replay: &Replay, from: Timestamp, until: Timestamp, now: Timestamp) -> Failure {
    let (from, until) = (from.to_rfc3339(), until.to_rfc3339());
    let missed = json!({"pipeline": pipeline.name, "missed_from": from, "missed_until": until});
    Failure {
        id: format!("{}/missed/{}", pipeline.name, replay.begins_at.millis()),
        stage: Stage::Transform,
        reason: format!(
            "the pipeline missed what arrived from {from} until {until}: it was paused for longer than the backbone keeps \
             events. A row that changes again is sent again; touch the rows that must not wait for that, and discard \
             this. With a larger backbone.retention_hours a pause may be longer"
        ),
        source: None,
        pipeline: Some(pipeline.name.clone()),
        version: Some(pipeline.version),
        destination: Some(pipeline.destination.clone()),
        key: None,
        request: None,
        answer: None,
        payload: Payload::of(missed.to_string().as_bytes()),
        at: now,
    }
}
