//! The rows that a pipeline looks up for events.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use crate::{
    event::ChangeEvent,
    expression::Scope,
    lookup::{RowKey, Rows},
    pipeline::Pipeline,
    ports::{Lookups, PortError},
};

/// Reads the rows that the pipeline [wants](Pipeline::wants) for these events, each once: a lookup's key may need the row
/// of the one before it.
pub async fn look_up(pipeline: &Pipeline, events: &[ChangeEvent], lookups: &impl Lookups) -> Result<Rows, PortError> {
    let mut rows = Rows::default();
    if !pipeline.has_lookups() {
        return Ok(rows);
    }
    loop {
        let mut wanted: BTreeMap<String, HashSet<RowKey>> = BTreeMap::new();
        for event in events {
            for key in pipeline.wants(event, &Scope::of(event), &rows) {
                wanted.entry(key.table().to_owned()).or_default().insert(key);
            }
        }
        if wanted.is_empty() {
            return Ok(rows);
        }
        for (table, keys) in wanted {
            let keys: Vec<RowKey> = keys.into_iter().collect();
            let mut found = lookups.read(&table, &keys).await?;
            for key in keys {
                let row = found.remove(&key).map(Arc::new);
                rows.insert(key, row);
            }
        }
    }
}
