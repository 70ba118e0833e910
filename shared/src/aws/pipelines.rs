//! The table of pipelines.
//!
//! Key `kind` and `name`: (`live`, pipeline) is what runs; (`version#<pipeline>`, `000001`) is history and never
//! changes; (`revision`, `-`) counts every change, so that functions need read one small item to know that nothing has;
//! (`lanes`, stream or queue) is the count of lanes with which it was created.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, Put, TransactWriteItem, Update},
};

use super::{failed, malformed};
use crate::ports::{Pipelines, PortError, StoredPipeline};

/// The table of pipelines.
#[derive(Clone, Debug)]
pub struct PipelinesTable {
    pub(super) client: Client,
    pub(super) table: String,
}

type Item = HashMap<String, AttributeValue>;

impl PipelinesTable {
    /// The table of this name.
    pub fn new(client: &Client, table: &str) -> Self {
        Self { client: client.clone(), table: table.to_owned() }
    }

    /// Makes a document the live version of its pipeline, and answers the version: the one that is live where the text
    /// is the same, else the next. Fails where somebody else has published meanwhile.
    pub async fn publish(&self, name: &str, document: &str) -> Result<u64, PortError> {
        const OPERATION: &str = "dynamodb:TransactWriteItems";
        let live = self.live().await?.into_iter().find(|pipeline| pipeline.name == name);
        if let Some(live) = &live
            && live.document == document
        {
            return Ok(live.version);
        }
        let before = live.map_or(0, |live| live.version);
        let version = before + 1;
        let history = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item(&format!("version#{name}"), &format!("{version:06}"), version, document)))
            .condition_expression("attribute_not_exists(kind)")
            .build();
        let mut current = Put::builder().table_name(&self.table).set_item(Some(item("live", name, version, document)));
        current = if before == 0 {
            current.condition_expression("attribute_not_exists(kind)")
        } else {
            current
                .condition_expression("version = :before")
                .expression_attribute_values(":before", AttributeValue::N(before.to_string()))
        };
        let revision = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key("revision", "-")))
            .update_expression("ADD revision :one")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .build();
        let (history, current, revision) = match (history, current.build(), revision) {
            (Ok(history), Ok(current), Ok(revision)) => (history, current, revision),
            (Err(error), _, _) | (_, Err(error), _) | (_, _, Err(error)) => return Err(failed(OPERATION, &error)),
        };
        let write = self
            .client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().put(history).build())
            .transact_items(TransactWriteItem::builder().put(current).build())
            .transact_items(TransactWriteItem::builder().update(revision).build());
        write.send().await.map_err(|error| failed(OPERATION, &error))?;
        Ok(version)
    }
}

impl Pipelines for PipelinesTable {
    async fn revision(&self) -> Result<u64, PortError> {
        const OPERATION: &str = "dynamodb:GetItem";
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key("revision", "-")));
        let answer = get.send().await.map_err(|error| failed(OPERATION, &error))?;
        // A table without a revision has no pipelines yet.
        answer.item.map_or(Ok(0), |item| number(&item, "revision").ok_or_else(|| malformed(OPERATION, "revision")))
    }

    async fn live(&self) -> Result<Vec<StoredPipeline>, PortError> {
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
        items
            .iter()
            .map(|item| {
                let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
                let stored = || {
                    Some(StoredPipeline {
                        name: text("name")?,
                        version: number(item, "version")?,
                        document: text("document")?,
                    })
                };
                stored().ok_or_else(|| malformed(OPERATION, "a live pipeline"))
            })
            .collect()
    }
}

pub(super) fn key(kind: &str, name: &str) -> Item {
    HashMap::from([
        ("kind".to_owned(), AttributeValue::S(kind.to_owned())),
        ("name".to_owned(), AttributeValue::S(name.to_owned())),
    ])
}

fn item(kind: &str, name: &str, version: u64, document: &str) -> Item {
    let mut item = key(kind, name);
    item.insert("version".to_owned(), AttributeValue::N(version.to_string()));
    item.insert("document".to_owned(), AttributeValue::S(document.to_owned()));
    item
}

fn number(item: &Item, name: &str) -> Option<u64> {
    item.get(name).and_then(|value| value.as_n().ok()).and_then(|text| text.parse().ok())
}
