//! Turns the records of DynamoDB streams into change events.
//!
//! A record that cannot be read becomes a failure, and the others of its batch go through in order; what is reported
//! to Lambda as failed is failed infrastructure only.

pub mod attribute;
pub mod config;
pub mod label;
pub mod number;
pub mod record;
pub mod source;

use shared::{
    batch::BatchResponse,
    capture::{CaptureError, Place, Publisher, Read, World, failure, guard, split},
    lambda::{Handle, HandleError},
    time::{Clock as _, Timestamp},
};

use crate::{config::Config, source::Sources};

/// The function.
#[derive(Debug)]
pub struct CaptureDynamodb<W> {
    sources: Sources,
    publisher: Publisher<W>,
}

impl<W: World> CaptureDynamodb<W> {
    /// The function over a world, as its settings say.
    pub fn new(config: Config, world: W) -> Self {
        Self { sources: config.sources, publisher: Publisher::new("capture-dynamodb", &config.publish, world) }
    }

    /// What it works on.
    pub const fn world(&self) -> &W {
        &self.publisher.world
    }

    /// Captures what an event source mapping of a DynamoDB stream hands over, `{"Records":[…]}`.
    pub async fn capture(&self, payload: &[u8]) -> Result<BatchResponse, CaptureError> {
        let now = self.world().clock().now();
        let reads = split(payload)?.into_iter().map(|raw| read(raw, &self.sources, now)).collect();
        self.publisher.publish(reads).await
    }
}

impl<W: World> Handle for CaptureDynamodb<W> {
    async fn handle(&self, payload: &[u8], _deadline: Timestamp) -> Result<Vec<u8>, HandleError> {
        let response = self.capture(payload).await?;
        serde_json::to_vec(&response).map_err(HandleError::from_error)
    }
}

fn read(raw: &[u8], sources: &Sources, now: Timestamp) -> Read {
    let reason = match guard(|| record::read(raw, sources, now)) {
        Ok(Ok((event, number))) => return Read { sequence_number: Some(number), events: vec![event], failure: None },
        Ok(Err(error)) => error.to_string(),
        Err(panic) => panic,
    };
    let place = Place::find(raw, ["dynamodb", "SequenceNumber"]);
    let source = place.stream.as_deref().and_then(|stream| sources.of(stream).ok()).map(|(source, _)| &*source.name);
    let failure = failure(&place, source, reason, raw, now);
    Read { sequence_number: place.sequence_number, events: Vec::new(), failure: Some(failure) }
}
