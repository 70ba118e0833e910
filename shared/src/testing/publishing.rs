//! Publishing in memory, by the real one's plan.

use super::{MemoryPipelines, lock};
use crate::{
    pipeline::{
        publication::{Changed, Edition, Others, Plan, PublishError, Published, Versions, live_versions},
        state::PipelineState,
    },
    ports::{PortError, Publishing, StoredPipeline},
    time::{Clock as _, Timestamp},
};

impl Publishing for MemoryPipelines {
    async fn now(&self) -> Result<Timestamp, PortError> {
        Ok(self.clock.now())
    }

    async fn find(&self, name: &str) -> Result<Option<StoredPipeline>, PortError> {
        Ok(lock(&self.state).1.iter().find(|pipeline| pipeline.name == name).cloned())
    }

    async fn history(&self, name: &str) -> Result<Vec<StoredPipeline>, PortError> {
        let newest = self.find(name).await?;
        let history = lock(&self.history);
        let older = history.iter().filter(|((of, _), _)| of == name).filter_map(|((_, version), document)| {
            Some(StoredPipeline { version: *version, document: document.clone(), ..newest.clone()? })
        });
        let mut versions: Vec<_> = older.chain(newest.clone()).collect();
        versions.sort_by_key(|version| std::cmp::Reverse(version.version));
        for version in &mut versions {
            version.state = PipelineState::default();
        }
        Ok(versions)
    }

    async fn publish_over(
        &self,
        documents: &[(&str, &str)],
        others: Others,
        edition: &Edition,
        seen: Option<&Versions>,
    ) -> Result<Vec<Published>, PublishError> {
        let mut state = lock(&self.state);
        let plan = Plan { stored: &state.1.clone(), documents, others, edition };
        let newer = plan.newer(seen, &live_versions(&state.1));
        if !newer.is_empty() {
            return Err(PublishError::Overtaken(newer));
        }
        let (published, changed) = plan.make();
        for Changed { before, next, .. } in changed {
            match state.1.iter_mut().find(|pipeline| pipeline.name == next.name) {
                Some(pipeline) => {
                    debug_assert_eq!(Some(pipeline.edit), before);
                    let old = (next.name.clone(), pipeline.version);
                    lock(&self.history).insert(old, pipeline.document.clone());
                    *pipeline = next;
                }
                None => state.1.push(next),
            }
            state.0 += 1;
        }
        Ok(published)
    }
}
