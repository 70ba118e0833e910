//! How far replays have come: the items (`replay`, pipeline) of the table of pipelines, each with the end of its lease.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::AttributeValue,
};

use super::{PipelinesTable, failed, malformed, pipelines::key};
use crate::{
    pipeline::state::Replay,
    ports::{PortError, Replays},
    replay::Progress,
    time::Timestamp,
};

const UPDATE: &str = "dynamodb:UpdateItem";

fn millis(at: Timestamp) -> AttributeValue {
    AttributeValue::N(at.millis().to_string())
}

impl PipelinesTable {
    /// An update of a replay's item that is of this replay from then on, with its progress and the lease's end.
    fn update_replay(
        &self,
        name: &str,
        replay: &Replay,
        progress: &Progress,
        until: Timestamp,
    ) -> Result<UpdateItemFluentBuilder, PortError> {
        let progress = serde_json::to_string(progress).map_err(|error| failed(UPDATE, &error))?;
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key("replay", name)))
            .update_expression("SET #until = :until, begins_at = :begins_at, progress = :progress")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":until", millis(until))
            .expression_attribute_values(":begins_at", millis(replay.begins_at))
            .expression_attribute_values(":progress", AttributeValue::S(progress));
        Ok(update)
    }
}

/// Whether the item's condition was met.
async fn is_met(update: UpdateItemFluentBuilder) -> Result<bool, PortError> {
    match update.send().await {
        Ok(_) => Ok(true),
        Err(error) if error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) => {
            Ok(false)
        }
        Err(error) => Err(failed(UPDATE, &error)),
    }
}

fn time(item: &HashMap<String, AttributeValue>, name: &str) -> Option<Timestamp> {
    item.get(name)?.as_n().ok()?.parse().ok().map(Timestamp::from_millis)
}

impl Replays for PipelinesTable {
    async fn take(
        &self,
        name: &str,
        replay: &Replay,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Progress>, PortError> {
        const GET: &str = "dynamodb:GetItem";
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key("replay", name)));
        let answer = get.consistent_read(true).send().await.map_err(|error| failed(GET, &error))?;
        let Some(item) = answer.item else {
            let progress = Progress::default();
            let update = self.update_replay(name, replay, &progress, until)?;
            let is_taken = is_met(update.condition_expression("attribute_not_exists(kind)")).await?;
            return Ok(is_taken.then_some(progress));
        };
        let (held_until, begins_at) = (time(&item, "until"), time(&item, "begins_at"));
        let held_until = held_until.ok_or_else(|| malformed(GET, name))?;
        if held_until > now {
            return Ok(None);
        }
        let progress = if begins_at == Some(replay.begins_at) {
            let text = item.get("progress").and_then(|value| value.as_s().ok());
            let text = text.ok_or_else(|| malformed(GET, name))?;
            serde_json::from_str(text).map_err(|_| malformed(GET, name))?
        } else {
            // That of an earlier replay.
            Progress::default()
        };
        let update = self
            .update_replay(name, replay, &progress, until)?
            .condition_expression("#until = :held")
            .expression_attribute_values(":held", millis(held_until));
        Ok(is_met(update).await?.then_some(progress))
    }

    async fn keep(
        &self,
        name: &str,
        replay: &Replay,
        until: Timestamp,
        progress: &Progress,
    ) -> Result<bool, PortError> {
        is_met(self.update_replay(name, replay, progress, until)?.condition_expression("#until = :until")).await
    }

    async fn give_back(
        &self,
        name: &str,
        replay: &Replay,
        until: Timestamp,
        progress: &Progress,
    ) -> Result<(), PortError> {
        let update = self
            .update_replay(name, replay, progress, Timestamp::default())?
            .condition_expression("#until = :held")
            .expression_attribute_values(":held", millis(until));
        // Another's, taken after ours had ended, stays.
        is_met(update).await.map(drop)
    }
}
