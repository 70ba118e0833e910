//! Turns the records of Kinesis streams into change events.
//!
//! A record that cannot be read becomes a failure, and the others of its batch go through in order; what is reported
//! to Lambda as failed is failed infrastructure only.

pub mod aggregate;
pub mod json;
pub mod record;
pub mod source;

use shared::{
    capture::{Capture, Dialect, Place, Read, failure, guard},
    time::Timestamp,
};

use crate::source::Sources;

/// The function.
pub type CaptureKinesis<W> = Capture<Sources, W>;

impl Dialect for Sources {
    const EXAMPLE: &'static str = r#"{"page-views-stream":{"name":"page_views","key":["visitor_id"]}}"#;

    fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(place, source)| (place.as_str(), source.name.as_str()))
    }

    fn problem(&self) -> Option<String> {
        let (stream, _) = self.0.iter().find(|(_, source)| source.key.as_ref().is_some_and(Vec::is_empty))?;
        Some(format!("gives {stream:?} an empty key; name the fields that make an event's key, or leave the key out"))
    }

    fn read(&self, raw: &[u8], now: Timestamp) -> Read {
        read(raw, self, now)
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
