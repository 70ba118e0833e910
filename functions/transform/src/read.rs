//! Out of the backbone's records: change events, in their order.

use std::borrow::Cow;

use shared::{
    event::ChangeEvent,
    failure::{Failure, Payload, Stage},
    frame::{self, ClaimError, Content, FrameError},
    lane::Lanes,
    ports::{Objects, PortError},
    time::Timestamp,
};

/// A change event as it came out of the backbone.
#[derive(Debug)]
pub struct Arrival {
    /// The place, in the batch, of the record that it came in.
    pub record: usize,
    /// When it arrived on the backbone.
    pub arrived_at: Timestamp,
    /// The event.
    pub event: ChangeEvent,
    /// Its JSON, as it arrived: what a failure keeps.
    pub json: String,
}

/// What was read of a batch.
#[derive(Debug, Default)]
pub struct Reading {
    /// The events, in the order of their records and places.
    pub arrivals: Vec<Arrival>,
    /// What is no event, with the place of its record.
    pub failures: Vec<(usize, Failure)>,
}

/// Reads records one by one.
#[derive(Debug)]
pub struct Reader<'a, O> {
    /// Where oversize events are.
    pub objects: &'a O,
    /// The backbone's count of lanes.
    pub lanes: Lanes,
    /// When failures are said to have happened.
    pub now: Timestamp,
}

impl<O: Objects> Reader<'_, O> {
    /// Reads a record, the batch's `record`th, of this sequence number and arrival. What is wrong with its data becomes a failure;
    /// an error is one of infrastructure or settings, and the record has to come again.
    pub async fn read(
        &self,
        reading: &mut Reading,
        record: usize,
        number: &str,
        arrived_at: Timestamp,
        data: &[u8],
    ) -> Result<(), PortError> {
        let opened = match frame::open(Content::Events, self.lanes, data) {
            Ok(opened) => opened,
            // A mistake in the settings, not in the record: nothing may be lost by it.
            Err(error @ FrameError::Lanes { .. }) => {
                return Err(PortError { operation: "open a frame", reason: error.to_string() });
            }
            Err(error) => {
                reading.failures.push((record, self.unreadable(number, 0, error.to_string(), data)));
                return Ok(());
            }
        };
        for (place, payload) in opened.items.into_iter().enumerate() {
            let json = match frame::redeem(self.objects, payload).await {
                Ok(json) => json,
                Err(error @ ClaimError::Gone { .. }) => {
                    reading.failures.push((record, self.unreadable(number, place, error.to_string(), data)));
                    continue;
                }
                Err(error) => return Err(PortError { operation: "s3:GetObject", reason: error.to_string() }),
            };
            match ChangeEvent::from_json(&json) {
                Ok(event) => reading.arrivals.push(Arrival { record, arrived_at, event, json: Cow::into_owned(json) }),
                Err(error) => {
                    let reason = format!("not a change event of Freshet: {error}");
                    reading.failures.push((record, self.unreadable(number, place, reason, json.as_bytes())));
                }
            }
        }
        Ok(())
    }

    /// The failure of what stands at a place of a record and is no event.
    pub fn unreadable(&self, number: &str, place: usize, reason: String, bytes: &[u8]) -> Failure {
        Failure {
            id: format!("backbone/{number}/{place}"),
            stage: Stage::Transform,
            reason,
            source: None,
            pipeline: None,
            version: None,
            destination: None,
            key: None,
            request: None,
            answer: None,
            payload: Payload::of(bytes),
            at: self.now,
        }
    }
}
