//! Publications as transactions.

use super::PipelinesTable;
use crate::{
    pipeline::publication::{Change, Changed, Edition, Others, Plan, PublishError, Published, Versions, live_versions},
    ports::Pipelines as _,
};

/// A transaction takes 100 writes ("`TransactWriteItems`", DynamoDB API reference): two a changed pipeline, one a retired
/// one, and the revision.
const MOST_WRITES: usize = 100;

/// How often a publication is tried that other changes come before: of another pipeline, a pause, or a note of deliver's.
const TRIES: usize = 8;

impl PipelinesTable {
    pub(super) async fn publish_in_transactions(
        &self,
        documents: &[(&str, &str)],
        others: Others,
        edition: &Edition,
        seen: Option<&Versions>,
    ) -> Result<Vec<Published>, PublishError> {
        let mut begun: Option<Versions> = None;
        for _ in 0..TRIES {
            let stored = self.stored().await?;
            let begun = begun.get_or_insert_with(|| live_versions(&stored));
            let plan = Plan { stored: &stored, documents, others, edition };
            let newer = plan.newer(seen, begun);
            if !newer.is_empty() {
                return Err(PublishError::Overtaken(newer));
            }
            let (published, changed) = plan.make();
            if changed.is_empty() {
                return Ok(published);
            }
            let mut writes = Vec::new();
            for Changed { change, before, next } in changed {
                if change != Change::Retired {
                    writes.push(self.put_version(&next)?);
                }
                writes.push(self.put_live(&next, before)?);
            }
            if writes.len() >= MOST_WRITES {
                let count = published.iter().filter(|published| published.change != Change::Unchanged).count();
                return Err(PublishError::TooMany { changes: count });
            }
            if self.transact(writes).await? {
                return Ok(published);
            }
        }
        Err(PublishError::Busy)
    }
}
