//! What people have done in the console while the stack runs.

use std::collections::BTreeSet;

use shared::{
    aws::{AuditTable, PipelinesTable},
    pipeline::Outline,
    ports::{Audit as _, Publishing as _},
};

use super::{PUBLISHER, Stack, resources::names};

/// So many of the newest entries of the audit log are looked through.
const ENTRIES: usize = 100;

impl Stack {
    /// The destinations that receive something else than what the stack began with: a person has published a pipeline to
    /// them, or sent them a test.
    pub async fn touched_destinations(&self) -> anyhow::Result<BTreeSet<String>> {
        let (name, dynamodb) = (&self.ground.config.variables.name, self.ground.aws.dynamodb());
        let pipelines = PipelinesTable::new(dynamodb, &names::pipelines_table(name)).live().await?;
        let published = pipelines.iter().filter(|pipeline| pipeline.by != PUBLISHER);
        let mut touched: BTreeSet<_> =
            published.filter_map(|pipeline| Outline::of(&pipeline.document).destination).collect();
        let audit = AuditTable::new(dynamodb, &names::audit_table(name)).recent(None, ENTRIES).await?;
        for entry in audit {
            match entry.action.as_str() {
                // What it was aimed at before, too.
                "publish" | "roll back" => {
                    let texts = [&entry.before, &entry.after].into_iter().flatten();
                    touched.extend(texts.filter_map(|text| Outline::of(text).destination));
                }
                "send a test" => touched.extend(
                    entry
                        .subject
                        .strip_prefix("destination ")
                        .map(|subject| subject.split(',').next().unwrap_or(subject).to_owned()),
                ),
                _ => {}
            }
        }
        Ok(touched)
    }
}
