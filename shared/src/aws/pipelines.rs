//! The table of pipelines.
//!
//! Key `kind` and `name`: (`live`, pipeline) is how it stands, with its newest version; (`version#<pipeline>`, `000001`)
//! is history and never changes; (`revision`, `-`) counts every change, so that functions need read one small item to know
//! that nothing has; (`lanes`, stream or queue) is the count of lanes with which it was created.
//!
//! Every write of how a pipeline stands is conditional on the `edit` that was read, so that nobody's change is lost.

mod clock;
mod publish;

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, CancellationReason, Put, TransactWriteItem, Update},
};

use super::{failed, malformed};
use crate::{
    pipeline::{
        publication::{Edition, Others, PublishError, Published, Versions},
        state::PipelineState,
    },
    ports::{Pipelines, PortError, Publishing, StoredPipeline},
    time::Timestamp,
};

/// The table of pipelines.
#[derive(Clone, Debug)]
pub struct PipelinesTable {
    pub(super) client: Client,
    pub(super) table: String,
}

const TRANSACTION: &str = "dynamodb:TransactWriteItems";

type Item = HashMap<String, AttributeValue>;

impl PipelinesTable {
    /// The table of this name.
    pub fn new(client: &Client, table: &str) -> Self {
        Self { client: client.clone(), table: table.to_owned() }
    }

    /// Writes items and counts the revision: all or nothing. Whether all conditions held.
    async fn transact(&self, mut writes: Vec<TransactWriteItem>) -> Result<bool, PortError> {
        writes.push(self.count_revision()?);
        match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(is_conflict) => Ok(false),
            Err(error) => Err(failed(TRANSACTION, &error)),
        }
    }

    /// A version into the history.
    fn put_version(&self, version: &StoredPipeline) -> Result<TransactWriteItem, PortError> {
        let mut item = key(&history_of(&version.name), &format!("{:06}", version.version));
        item.extend(written(version));
        let put = Put::builder().table_name(&self.table).set_item(Some(item));
        let put = put.condition_expression("attribute_not_exists(kind)").build();
        Ok(TransactWriteItem::builder().put(put.map_err(|error| failed(TRANSACTION, &error))?).build())
    }

    /// How a pipeline stands, if it still stands at the edit `before`.
    fn put_live(&self, pipeline: &StoredPipeline, before: Option<u64>) -> Result<TransactWriteItem, PortError> {
        let mut item = key("live", &pipeline.name);
        item.extend(written(pipeline));
        item.insert("edit".to_owned(), AttributeValue::N(pipeline.edit.to_string()));
        item.insert("state".to_owned(), AttributeValue::S(json_of(&pipeline.state)?));
        let put = Put::builder().table_name(&self.table).set_item(Some(item));
        let put = match before {
            None => put.condition_expression("attribute_not_exists(kind)"),
            Some(before) => put
                .condition_expression("edit = :before")
                .expression_attribute_values(":before", AttributeValue::N(before.to_string())),
        };
        let put = put.build().map_err(|error| failed(TRANSACTION, &error))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    fn count_revision(&self) -> Result<TransactWriteItem, PortError> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key("revision", "-")))
            .update_expression("ADD revision :one")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .build()
            .map_err(|error| failed(TRANSACTION, &error))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

/// Whether a condition did not hold, or another transaction held an item, so that nothing was written.
fn is_conflict(error: &TransactWriteItemsError) -> bool {
    let TransactWriteItemsError::TransactionCanceledException(canceled) = error else { return false };
    let codes = canceled.cancellation_reasons().iter().filter_map(CancellationReason::code);
    codes.into_iter().any(|code| matches!(code, "ConditionalCheckFailed" | "TransactionConflict"))
}

fn history_of(name: &str) -> String {
    format!("version#{name}")
}

impl Publishing for PipelinesTable {
    async fn now(&self) -> Result<Timestamp, PortError> {
        self.time().await
    }

    async fn find(&self, name: &str) -> Result<Option<StoredPipeline>, PortError> {
        const OPERATION: &str = "dynamodb:GetItem";
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key("live", name))).consistent_read(true);
        let answer = get.send().await.map_err(|error| failed(OPERATION, &error))?;
        answer.item.map(|item| of_item(&item).ok_or_else(|| malformed(OPERATION, name))).transpose()
    }

    async fn history(&self, name: &str) -> Result<Vec<StoredPipeline>, PortError> {
        const OPERATION: &str = "dynamodb:Query";
        let mut versions = Vec::new();
        let mut start = None;
        loop {
            let query = self
                .client
                .query()
                .table_name(&self.table)
                .consistent_read(true)
                .key_condition_expression("kind = :history")
                .expression_attribute_values(":history", AttributeValue::S(history_of(name)))
                .scan_index_forward(false)
                .set_exclusive_start_key(start);
            let page = query.send().await.map_err(|error| failed(OPERATION, &error))?;
            for item in page.items.iter().flatten() {
                let version = of_version(name, item, 0, PipelineState::default());
                versions.push(version.ok_or_else(|| malformed(OPERATION, name))?);
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(versions);
            }
        }
    }

    async fn publish_over(
        &self,
        documents: &[(&str, &str)],
        others: Others,
        edition: &Edition,
        seen: Option<&Versions>,
    ) -> Result<Vec<Published>, PublishError> {
        self.publish_in_transactions(documents, others, edition, seen).await
    }
}

impl Pipelines for PipelinesTable {
    async fn revision(&self) -> Result<u64, PortError> {
        const OPERATION: &str = "dynamodb:GetItem";
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key("revision", "-")));
        // Consistent: a change takes effect by a time at which everybody has to know of it.
        let answer = get.consistent_read(true).send().await.map_err(|error| failed(OPERATION, &error))?;
        // A table without a revision has no pipelines yet.
        answer.item.map_or(Ok(0), |item| number(&item, "revision").ok_or_else(|| malformed(OPERATION, "revision")))
    }

    async fn stored(&self) -> Result<Vec<StoredPipeline>, PortError> {
        const OPERATION: &str = "dynamodb:Query";
        let mut items: Vec<Item> = Vec::new();
        let mut start = None;
        loop {
            let query = self
                .client
                .query()
                .table_name(&self.table)
                .consistent_read(true)
                .key_condition_expression("kind = :live")
                .expression_attribute_values(":live", AttributeValue::S("live".to_owned()))
                .set_exclusive_start_key(start);
            let page = query.send().await.map_err(|error| failed(OPERATION, &error))?;
            items.extend(page.items.into_iter().flatten());
            start = page.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        items.iter().map(|item| of_item(item).ok_or_else(|| malformed(OPERATION, "a pipeline"))).collect()
    }

    async fn document(&self, name: &str, version: u64) -> Result<Option<String>, PortError> {
        const OPERATION: &str = "dynamodb:GetItem";
        let key = key(&history_of(name), &format!("{version:06}"));
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key)).consistent_read(true);
        let answer = get.send().await.map_err(|error| failed(OPERATION, &error))?;
        Ok(answer.item.and_then(|item| text(&item, "document")))
    }

    async fn amend(&self, name: &str, edit: u64, state: &PipelineState) -> Result<bool, PortError> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key("live", name)))
            .update_expression("SET #state = :state, edit = :next")
            .condition_expression("edit = :edit")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":state", AttributeValue::S(json_of(state)?))
            .expression_attribute_values(":edit", AttributeValue::N(edit.to_string()))
            .expression_attribute_values(":next", AttributeValue::N((edit + 1).to_string()))
            .build()
            .map_err(|error| failed(TRANSACTION, &error))?;
        self.transact(vec![TransactWriteItem::builder().update(update).build()]).await
    }
}

pub(super) fn key(kind: &str, name: &str) -> Item {
    HashMap::from([
        ("kind".to_owned(), AttributeValue::S(kind.to_owned())),
        ("name".to_owned(), AttributeValue::S(name.to_owned())),
    ])
}

/// What a version's item says, in the history as where it is live.
fn written(pipeline: &StoredPipeline) -> Item {
    let number = |number: String| AttributeValue::N(number);
    HashMap::from([
        ("version".to_owned(), number(pipeline.version.to_string())),
        ("document".to_owned(), AttributeValue::S(pipeline.document.clone())),
        ("by".to_owned(), AttributeValue::S(pipeline.by.clone())),
        ("at".to_owned(), number(pipeline.at.millis().to_string())),
    ])
}

fn of_item(item: &Item) -> Option<StoredPipeline> {
    let state = serde_json::from_str(&text(item, "state")?).ok()?;
    of_version(&text(item, "name")?, item, number(item, "edit")?, state)
}

fn of_version(name: &str, item: &Item, edit: u64, state: PipelineState) -> Option<StoredPipeline> {
    Some(StoredPipeline {
        name: name.to_owned(),
        edit,
        version: number(item, "version")?,
        document: text(item, "document")?,
        by: text(item, "by")?,
        at: Timestamp::from_millis(i64::try_from(number(item, "at")?).ok()?),
        state,
    })
}

fn json_of(state: &PipelineState) -> Result<String, PortError> {
    let reason = |error: serde_json::Error| PortError { operation: TRANSACTION, reason: error.to_string() };
    serde_json::to_string(state).map_err(reason)
}

fn text(item: &Item, name: &str) -> Option<String> {
    item.get(name).and_then(|value| value.as_s().ok()).cloned()
}

fn number(item: &Item, name: &str) -> Option<u64> {
    item.get(name).and_then(|value| value.as_n().ok()).and_then(|text| text.parse().ok())
}
