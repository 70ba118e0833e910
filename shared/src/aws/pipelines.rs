//! The table of pipelines.
//!
//! Key `kind` and `name`: (`live`, pipeline) is what runs; (`version#<pipeline>`, `000001`) is history and never
//! changes; (`revision`, `-`) counts every change, so that functions need read one small item to know that nothing has;
//! (`lanes`, stream or queue) is the count of lanes with which it was created.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, CancellationReason, Delete, Put, TransactWriteItem, Update},
};

use super::{failed, malformed};
use crate::ports::{Pipelines, PortError, StoredPipeline};

/// The table of pipelines.
#[derive(Clone, Debug)]
pub struct PipelinesTable {
    pub(super) client: Client,
    pub(super) table: String,
}

/// A transaction takes 100 writes ("`TransactWriteItems`", DynamoDB API reference): two a changed pipeline, one a retired
/// one, and the revision.
const MOST_WRITES: usize = 100;

const TRANSACTION: &str = "dynamodb:TransactWriteItems";

/// What becomes of live pipelines that are not among those published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// They go on.
    Keep,
    /// They are taken out of service; their history stays.
    Retire,
}

/// A pipeline as it stands after a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its name.
    pub name: String,
    /// The version that is live, or was.
    pub version: u64,
    /// What the publication did.
    pub change: Change,
}

/// What a publication did to a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was not live before.
    New,
    /// Its text is another one.
    Changed,
    /// Its text is the one that was live.
    Unchanged,
    /// It runs no more.
    Retired,
}

/// Why nothing was published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The table could not be read or written.
    #[error(transparent)]
    Port(#[from] PortError),
    /// Another publication came between reading and writing.
    #[error(
        "somebody else published pipelines at the same time, so that nothing was changed here; look at what is live now, \
         and publish again"
    )]
    Overtaken,
    /// More than one transaction takes.
    #[error(
        "{changes} pipelines would change, and at most 49 can at once, all or none; publish some of them first, from a \
         folder that has only those"
    )]
    TooMany {
        /// How many would change.
        changes: usize,
    },
}

type Item = HashMap<String, AttributeValue>;

impl PipelinesTable {
    /// The table of this name.
    pub fn new(client: &Client, table: &str) -> Self {
        Self { client: client.clone(), table: table.to_owned() }
    }

    /// Makes a document the live version of its pipeline, and answers the version: the one that is live where the text
    /// is the same, else the next. Fails where somebody else has published meanwhile.
    pub async fn publish(&self, name: &str, document: &str) -> Result<u64, PublishError> {
        let published = self.publish_all(&[(name, document)], Others::Keep).await?;
        Ok(published.first().map_or(0, |published| published.version))
    }

    /// Publishes pipelines, name and document each, in one transaction: all of them or none. Answers one entry a
    /// document, in their order, and then one for each pipeline that was taken out of service.
    pub async fn publish_all(
        &self,
        documents: &[(&str, &str)],
        others: Others,
    ) -> Result<Vec<Published>, PublishError> {
        let live = self.live().await?;
        let live_of = |name: &str| live.iter().find(|pipeline| pipeline.name == name);
        let mut published = Vec::with_capacity(documents.len());
        let mut writes = Vec::new();
        for &(name, document) in documents {
            let (version, change) = match live_of(name) {
                Some(live) if live.document == document => (live.version, Change::Unchanged),
                Some(live) => (live.version + 1, Change::Changed),
                None => (self.last_version(name).await? + 1, Change::New),
            };
            if change != Change::Unchanged {
                let before = live_of(name).map(|live| live.version);
                writes.extend(self.make_live(name, document, version, before)?);
            }
            published.push(Published { name: name.to_owned(), version, change });
        }
        if others == Others::Retire {
            for pipeline in live.iter().filter(|pipeline| !documents.iter().any(|(name, _)| *name == pipeline.name)) {
                writes.push(self.retire(pipeline)?);
                let (name, version) = (pipeline.name.clone(), pipeline.version);
                published.push(Published { name, version, change: Change::Retired });
            }
        }
        if writes.is_empty() {
            return Ok(published);
        }
        writes.push(self.count_revision()?);
        if writes.len() > MOST_WRITES {
            let changes = published.iter().filter(|published| published.change != Change::Unchanged).count();
            return Err(PublishError::TooMany { changes });
        }
        let write = self.client.transact_write_items().set_transact_items(Some(writes));
        match write.send().await {
            Ok(_) => Ok(published),
            Err(error) if error.as_service_error().is_some_and(is_conflict) => Err(PublishError::Overtaken),
            Err(error) => Err(failed(TRANSACTION, &error).into()),
        }
    }

    /// The newest version in a pipeline's history; 0 where it has none.
    async fn last_version(&self, name: &str) -> Result<u64, PortError> {
        const OPERATION: &str = "dynamodb:Query";
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("kind = :history")
            .expression_attribute_values(":history", AttributeValue::S(history_of(name)))
            .scan_index_forward(false)
            .limit(1);
        let answer = query.send().await.map_err(|error| failed(OPERATION, &error))?;
        let newest = answer.items.as_ref().and_then(|items| items.first());
        newest.map_or(Ok(0), |item| number(item, "version").ok_or_else(|| malformed(OPERATION, name)))
    }

    /// A version into the history, and into the place of what is live, if that is still the version `before`.
    fn make_live(
        &self,
        name: &str,
        document: &str,
        version: u64,
        before: Option<u64>,
    ) -> Result<[TransactWriteItem; 2], PortError> {
        let history = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item(&history_of(name), &format!("{version:06}"), version, document)))
            .condition_expression("attribute_not_exists(kind)")
            .build()
            .map_err(|error| failed(TRANSACTION, &error))?;
        let current = Put::builder().table_name(&self.table).set_item(Some(item("live", name, version, document)));
        let current = match before {
            None => current.condition_expression("attribute_not_exists(kind)"),
            Some(before) => current
                .condition_expression("version = :before")
                .expression_attribute_values(":before", AttributeValue::N(before.to_string())),
        };
        let current = current.build().map_err(|error| failed(TRANSACTION, &error))?;
        Ok([history, current].map(|put| TransactWriteItem::builder().put(put).build()))
    }

    /// Takes a pipeline out of service; its history stays.
    fn retire(&self, pipeline: &StoredPipeline) -> Result<TransactWriteItem, PortError> {
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(key("live", &pipeline.name)))
            .condition_expression("version = :before")
            .expression_attribute_values(":before", AttributeValue::N(pipeline.version.to_string()))
            .build()
            .map_err(|error| failed(TRANSACTION, &error))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
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
