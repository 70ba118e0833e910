//! The newest records of a source: real ones out of the backbone, or one that is made up by what is known of the source.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use shared::{
    event::ChangeEvent,
    ports::Schemas as _,
    preview::latest,
    schema::Schema,
    time::{Clock as _, Timestamp},
    value::Value,
};

use crate::{Console, World};

/// How many records a draft is tried on.
pub const RECORDS: usize = 100;

/// For so long records are taken for the newest: each look at the backbone reads of what all its readers have together.
const FRESH: Duration = Duration::from_secs(30);

/// So long the backbone is asked at most; a page waits for it.
const PATIENCE: Duration = Duration::from_secs(6);

/// Records of a source.
#[derive(Clone, Debug)]
pub struct Records {
    /// The newest last.
    pub events: Arc<Vec<ChangeEvent>>,
    /// Where they are from.
    pub origin: Origin,
}

/// Where records are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// They are real ones.
    Backbone,
    /// The backbone holds none: one was made up by the kinds of the fields.
    MadeUp,
    /// The backbone could not be read now, and one was made up.
    Unread,
    /// Nothing has passed yet of which one could be made up.
    Nothing,
}

/// What was read lately, by source.
#[derive(Debug, Default)]
pub struct RecordCache(Mutex<HashMap<String, (Timestamp, Records)>>);

impl RecordCache {
    fn get(&self, source: &str, now: Timestamp) -> Option<Records> {
        let cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cache.get(source).filter(|(read, _)| *read + FRESH > now).map(|(_, records)| records.clone())
    }

    fn put(&self, source: &str, now: Timestamp, records: &Records) {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cache.insert(source.to_owned(), (now, records.clone()));
    }
}

impl<W: World> Console<W> {
    /// The newest records of a source, at most [`RECORDS`]. It does not fail: a page can be worked on without them.
    pub async fn records(&self, source: &str) -> Records {
        let now = self.world.clock().now();
        if let Some(records) = self.record_cache.get(source, now) {
            return records;
        }
        let (backbone, objects) = (self.world.backbone(), self.world.objects());
        let (lanes, retention) = (self.settings.site.changes_lanes, self.settings.retention);
        let read = tokio::time::timeout(PATIENCE, latest(backbone, objects, lanes, source, RECORDS, now, retention));
        let unread = match read.await {
            Ok(Ok(events)) if !events.is_empty() => {
                let records = Records { events: Arc::new(events), origin: Origin::Backbone };
                self.record_cache.put(source, now, &records);
                return records;
            }
            Ok(Ok(_)) => false,
            Ok(Err(error)) => {
                tracing::warn!(source, "the newest records could not be read: {error}");
                true
            }
            Err(_) => {
                tracing::warn!(source, "the newest records could not be read within {PATIENCE:?}");
                true
            }
        };
        let schema = match self.world.schemas().schemas().await {
            Ok(mut schemas) => schemas.remove(source).map(|(_, schema)| schema).unwrap_or_default(),
            Err(error) => {
                tracing::warn!(source, "what is known of the source could not be read: {error}");
                Schema::default()
            }
        };
        let events = made_up(source, &schema);
        let origin = match (events.is_empty(), unread) {
            (true, _) => Origin::Nothing,
            (false, true) => Origin::Unread,
            (false, false) => Origin::MadeUp,
        };
        let records = Records { events: Arc::new(events), origin };
        self.record_cache.put(source, now, &records);
        records
    }
}

/// A record with all fields that the source has had, each of its usual kind.
fn made_up(source: &str, schema: &Schema) -> Vec<ChangeEvent> {
    let sample = schema.sample();
    if sample.is_empty() {
        return Vec::new();
    }
    let text = format!(r#"{{"after":{}}}"#, Value::Object(sample).to_json());
    ChangeEvent::read_written(source, &text).unwrap_or_default()
}
