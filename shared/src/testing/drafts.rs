//! Drafts in memory.

use std::{collections::BTreeMap, sync::Mutex};

use super::{Breaks, lock};
use crate::{
    draft::Draft,
    ports::{Drafts, PortError},
};

/// Drafts by id.
#[derive(Debug, Default)]
pub struct MemoryDrafts {
    /// The drafts.
    pub drafts: Mutex<BTreeMap<String, Draft>>,
    /// Makes reads and writes fail.
    pub breaks: Breaks,
}

impl Drafts for MemoryDrafts {
    async fn drafts(&self) -> Result<Vec<Draft>, PortError> {
        self.breaks.check("dynamodb:Query").await?;
        let mut drafts: Vec<Draft> = lock(&self.drafts).values().cloned().collect();
        drafts.sort_by_key(|draft| std::cmp::Reverse(draft.at));
        Ok(drafts)
    }

    async fn draft(&self, id: &str) -> Result<Option<Draft>, PortError> {
        self.breaks.check("dynamodb:GetItem").await?;
        Ok(lock(&self.drafts).get(id).cloned())
    }

    async fn keep_draft(&self, draft: &Draft) -> Result<bool, PortError> {
        self.breaks.check("dynamodb:PutItem").await?;
        let mut drafts = lock(&self.drafts);
        if drafts.get(&draft.id).map_or(0, |held| held.edit) != draft.edit {
            return Ok(false);
        }
        drafts.insert(draft.id.clone(), Draft { edit: draft.edit + 1, ..draft.clone() });
        Ok(true)
    }

    async fn drop_draft(&self, id: &str) -> Result<(), PortError> {
        self.breaks.check("dynamodb:DeleteItem").await?;
        lock(&self.drafts).remove(id);
        Ok(())
    }
}
