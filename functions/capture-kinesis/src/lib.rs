//! Turns the records of Kinesis streams into change events.
//!
//! A record that cannot be read becomes a failure, and the others of its batch go through in order; what is reported
//! to Lambda as failed is failed infrastructure only.

pub mod aggregate;
pub mod config;
pub mod json;
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
pub struct CaptureKinesis<W> {
    sources: Sources,
    publisher: Publisher<W>,
}

impl<W: World> CaptureKinesis<W> {
    /// The function over a world, as its settings say.
    pub fn new(config: Config, world: W) -> Self {
        Self { sources: config.sources, publisher: Publisher::new("capture-kinesis", &config.publish, world) }
    }

    /// What it works on.
    pub const fn world(&self) -> &W {
        &self.publisher.world
    }

    /// Captures what an event source mapping of a Kinesis stream hands over, `{"Records":[…]}`.
    pub async fn capture(&self, payload: &[u8]) -> Result<BatchResponse, CaptureError> {
        let now = self.world().clock().now();
        let reads = split(payload)?.into_iter().map(|raw| read(raw, &self.sources, now)).collect();
        self.publisher.publish(reads).await
    }
}

impl<W: World> Handle for CaptureKinesis<W> {
    async fn handle(&self, payload: &[u8], _deadline: Timestamp) -> Result<Vec<u8>, HandleError> {
        let response = self.capture(payload).await?;
        serde_json::to_vec(&response).map_err(HandleError::from_error)
    }
}

/// An aggregate is one raw record: its good events go through, and its failure keeps the whole of it. A redrive then
/// yields the same events again, which the ledger knows, and those that were mended.
fn read(raw: &[u8], sources: &Sources, now: Timestamp) -> Read {
    let (events, reason) = match guard(|| record::read(raw, sources, now)) {
        Ok(Ok(record)) => match record.error {
            None => {
                return Read { sequence_number: Some(record.sequence_number), events: record.events, failure: None };
            }
            Some(error) => (record.events, error.to_string()),
        },
        Ok(Err(error)) => (Vec::new(), error.to_string()),
        Err(panic) => (Vec::new(), panic),
    };
    let place = Place::find(raw, ["kinesis", "sequenceNumber"]);
    let source = place.stream.as_deref().and_then(|stream| sources.of(stream).ok()).map(|source| &*source.name);
    let failure = failure(&place, source, reason, raw, now);
    Read { sequence_number: place.sequence_number, events, failure: Some(failure) }
}
