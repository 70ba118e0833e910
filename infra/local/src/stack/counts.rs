//! What the stack's own tables have counted.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use shared::failure::{Failure, Standing};

use super::{Stack, resources::names};

type Item = HashMap<String, AttributeValue>;

impl Stack {
    /// Change events captured, by source.
    pub async fn captured(&self) -> anyhow::Result<HashMap<String, u64>> {
        let mut captured = HashMap::new();
        for item in self.scan(&names::activity_table(&self.ground.config.variables.name)).await? {
            let stage = item.get("stage").and_then(|stage| stage.as_s().ok());
            if stage.is_none_or(|stage| !stage.ends_with("#capture")) {
                continue;
            }
            for (name, value) in &item {
                if let (Some((source, "events")), Ok(count)) = (name.rsplit_once('|'), value.as_n()) {
                    *captured.entry(source.to_owned()).or_default() += count.parse::<u64>()?;
                }
            }
        }
        Ok(captured)
    }

    /// Failures that wait for a person, by pipeline; those of no pipeline under `-`.
    pub async fn failed(&self) -> anyhow::Result<HashMap<String, u64>> {
        let mut failed = HashMap::new();
        for item in self.scan(&names::failures_table(&self.ground.config.variables.name)).await? {
            if !waits(&item) {
                continue;
            }
            let pipeline = item.get("pipeline").and_then(|value| value.as_s().ok());
            *failed.entry(pipeline.map_or("-", String::as_str).to_owned()).or_default() += 1;
        }
        Ok(failed)
    }

    /// The failures that wait for a person.
    pub async fn failures(&self) -> anyhow::Result<Vec<Failure>> {
        let items = self.scan(&names::failures_table(&self.ground.config.variables.name)).await?;
        let json = items.iter().filter(|item| waits(item)).filter_map(|item| item.get("failure")?.as_s().ok());
        json.map(|json| Ok(serde_json::from_str(json)?)).collect()
    }

    async fn scan(&self, table: &str) -> anyhow::Result<Vec<Item>> {
        self.ground.scan(table).await
    }
}

/// Whether a failure is open: neither redriven nor discarded.
fn waits(failure: &Item) -> bool {
    failure.get("state").and_then(|state| state.as_s().ok()).is_none_or(|state| state == Standing::Open.as_str())
}

impl super::Ground {
    /// Every item of a table.
    pub(crate) async fn scan(&self, table: &str) -> anyhow::Result<Vec<Item>> {
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let page = self.aws().dynamodb().scan().table_name(table).set_exclusive_start_key(start).send().await?;
            items.extend(page.items.into_iter().flatten());
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(items);
            }
        }
    }
}
