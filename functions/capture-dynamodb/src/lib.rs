//! Turns the records of DynamoDB streams into change events.
//!
//! A record that cannot be read becomes a failure, and the others of its batch go through in order; what is reported
//! to Lambda as failed is failed infrastructure only.

pub mod attribute;
pub mod label;
pub mod record;
pub mod source;

use shared::{
    capture::{Capture, Dialect, Place, Read, failure, guard},
    time::Timestamp,
};

use crate::source::Sources;

/// The function.
pub type CaptureDynamodb<W> = Capture<Sources, W>;

impl Dialect for Sources {
    const EXAMPLE: &'static str = r#"{"customers-table":{"name":"customers"}}"#;

    fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(place, source)| (place.as_str(), source.name.as_str()))
    }

    fn read(&self, raw: &[u8], now: Timestamp) -> Read {
        read(raw, self, now)
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
