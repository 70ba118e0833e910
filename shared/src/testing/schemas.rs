//! The learned schemas of sources, in memory.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{Breaks, lock};
use crate::{
    ports::{PortError, Schemas},
    schema::Schema,
};

/// Schemas by source, each with its revision.
#[derive(Debug, Default)]
pub struct MemorySchemas {
    /// The schemas.
    pub schemas: Mutex<BTreeMap<String, (u64, Schema)>>,
    /// How often they were read.
    pub reads: AtomicU64,
    /// How often one was written, or would have been had nobody else done so.
    pub writes: AtomicU64,
    /// Makes reads and writes fail.
    pub breaks: Breaks,
}

impl Schemas for MemorySchemas {
    async fn schemas(&self) -> Result<BTreeMap<String, (u64, Schema)>, PortError> {
        self.breaks.check("dynamodb:Query").await?;
        self.reads.fetch_add(1, Ordering::SeqCst);
        Ok(lock(&self.schemas).clone())
    }

    async fn write(&self, source: &str, revision: u64, schema: &Schema) -> Result<bool, PortError> {
        self.breaks.check("dynamodb:PutItem").await?;
        self.writes.fetch_add(1, Ordering::SeqCst);
        let mut schemas = lock(&self.schemas);
        let held = schemas.entry(source.to_owned()).or_default();
        if held.0 != revision {
            return Ok(false);
        }
        *held = (revision + 1, schema.clone());
        Ok(true)
    }
}
