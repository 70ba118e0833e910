//! The ledger's table.
//!
//! Key `id`; the index `by-email`, of keys only, on `email`: the digest of the address that was sent with the row last. An
//! index of keys is written only where a row is new or its address another one. A row's item holds the order of its newest live event as `epoch` (N) and `position` (S, see
//! [`Position::sortable`]: Kinesis positions have 56 digits, DynamoDB numbers end at 38).

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, ReturnValue},
};
use futures_util::future::try_join_all;

use super::{
    batch_get::{BATCH, READ, batch_get},
    failed, malformed, put_if,
};
use crate::{
    event::Order,
    ledger::{Entry, LedgerKey, Written},
    ports::{Ledger, PortError, Timelines},
    position::Position,
    time::{Clock, SystemClock, Timestamp},
};

/// The index by which rows are found by an address.
const BY_EMAIL: &str = "by-email";

/// The ledger's table.
#[derive(Clone, Debug)]
pub struct LedgerTable {
    pub(super) client: Client,
    pub(super) table: String,
}

impl LedgerTable {
    /// The table of this name.
    pub fn new(client: &Client, table: &str) -> Self {
        Self { client: client.clone(), table: table.to_owned() }
    }

    async fn read_batch(&self, keys: &[LedgerKey]) -> Result<Vec<(LedgerKey, Entry)>, PortError> {
        let by_text: HashMap<&str, &LedgerKey> = keys.iter().map(|key| (key.as_str(), key)).collect();
        let asked =
            by_text.keys().map(|text| HashMap::from([("id".to_owned(), AttributeValue::S((*text).to_owned()))]));
        let mut entries = Vec::with_capacity(keys.len());
        for item in batch_get(&self.client, &self.table, asked.collect()).await? {
            let text = item.get("id").and_then(|id| id.as_s().ok()).ok_or_else(|| malformed(READ, "no id"))?;
            if let Some(key) = by_text.get(text.as_str()) {
                entries.push(((*key).clone(), entry(&item).ok_or_else(|| malformed(READ, text))?));
            }
        }
        Ok(entries)
    }

    fn attempt_key(delivery_id: &str) -> AttributeValue {
        AttributeValue::S(format!("#attempt#{}", crate::digest::hex(delivery_id.as_bytes())))
    }
}

impl Timelines for LedgerTable {
    async fn entries(&self, keys: &[LedgerKey]) -> Result<HashMap<LedgerKey, Entry>, PortError> {
        self.read(keys).await
    }

    async fn rows_of(&self, email_digest: &str, most: usize) -> Result<Vec<LedgerKey>, PortError> {
        const OPERATION: &str = "dynamodb:Query";
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(BY_EMAIL)
            .key_condition_expression("email = :email")
            .expression_attribute_values(":email", AttributeValue::S(email_digest.to_owned()))
            .limit(i32::try_from(most).unwrap_or(i32::MAX));
        let answer = query.send().await.map_err(|error| failed(OPERATION, &error))?;
        let text = |item: &HashMap<String, AttributeValue>| Some(item.get("id")?.as_s().ok()?.clone());
        let keys = answer.items.iter().flatten().map(|item| text(item).map(LedgerKey::from_text));
        keys.map(|key| key.ok_or_else(|| malformed(OPERATION, "no id"))).collect()
    }
}

impl Ledger for LedgerTable {
    async fn read(&self, keys: &[LedgerKey]) -> Result<HashMap<LedgerKey, Entry>, PortError> {
        let batches = try_join_all(keys.chunks(BATCH).map(|batch| self.read_batch(batch))).await?;
        Ok(batches.into_iter().flatten().collect())
    }

    async fn write(&self, key: &LedgerKey, entry: &Entry) -> Result<Written, PortError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item(key, entry)))
            .condition_expression(
                "attribute_not_exists(id) OR epoch < :epoch OR (epoch = :epoch AND #position < :position)",
            )
            .expression_attribute_names("#position", "position")
            .expression_attribute_values(":epoch", AttributeValue::N(entry.order.epoch.to_string()))
            .expression_attribute_values(":position", AttributeValue::S(entry.order.position.sortable()));
        Ok(if put_if(put).await? { Written::Yes } else { Written::Superseded })
    }

    async fn keep_progress(&self, key: &LedgerKey, entry: &Entry) -> Result<(), PortError> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item(key, entry)));
        put.send().await.map(drop).map_err(|error| failed("dynamodb:PutItem", &error))
    }

    async fn begin_attempt(&self, delivery_id: &str) -> Result<u32, PortError> {
        const OPERATION: &str = "dynamodb:UpdateItem";
        let forget = (SystemClock.now() + crate::ledger::APPEND_MEMORY).seconds();
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("id", Self::attempt_key(delivery_id))
            .update_expression("ADD attempts :one SET expires_at = :forget")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .expression_attribute_values(":forget", AttributeValue::N(forget.to_string()))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await
            .map_err(|error| failed(OPERATION, &error))?;
        let attempts = answer.attributes.as_ref().and_then(|item| number(item, "attempts"));
        attempts.ok_or_else(|| malformed(OPERATION, delivery_id))
    }

    async fn end_attempt(&self, delivery_id: &str) -> Result<(), PortError> {
        let delete = self.client.delete_item().table_name(&self.table).key("id", Self::attempt_key(delivery_id));
        delete.send().await.map(drop).map_err(|error| failed("dynamodb:DeleteItem", &error))
    }
}

fn item(key: &LedgerKey, entry: &Entry) -> HashMap<String, AttributeValue> {
    let mut item = HashMap::from([
        ("id".to_owned(), AttributeValue::S(key.as_str().to_owned())),
        ("epoch".to_owned(), AttributeValue::N(entry.order.epoch.to_string())),
        ("position".to_owned(), AttributeValue::S(entry.order.position.sortable())),
        ("recorded_at".to_owned(), AttributeValue::N(entry.recorded_at.millis().to_string())),
    ]);
    let mut text = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            item.insert(name.to_owned(), AttributeValue::S(value));
        }
    };
    text("digest", entry.digest.clone());
    text("destination_key", entry.destination_key.clone());
    text("email", entry.email.clone());
    text("past", (!entry.past.is_empty()).then(|| serde_json::to_string(&entry.past).unwrap_or_default()));
    text("progress", entry.progress.as_ref().map(|progress| serde_json::to_string(progress).unwrap_or_default()));
    if let Some(created) = entry.created {
        item.insert("created".to_owned(), AttributeValue::Bool(created));
    }
    if let Some(at) = entry.expires_at {
        item.insert("expires_at".to_owned(), AttributeValue::N(at.seconds().to_string()));
    }
    item
}

fn entry(item: &HashMap<String, AttributeValue>) -> Option<Entry> {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok());
    let past = text("past").map_or_else(|| Ok(Vec::new()), |past| serde_json::from_str(past)).ok()?;
    let progress = text("progress").map(|progress| serde_json::from_str(progress)).transpose().ok()?;
    Some(Entry {
        order: Order { epoch: number(item, "epoch")?, position: Position::from_sortable(text("position")?).ok()? },
        recorded_at: Timestamp::from_millis(number(item, "recorded_at")?),
        digest: text("digest").cloned(),
        destination_key: text("destination_key").cloned(),
        created: item.get("created").and_then(|value| value.as_bool().ok()).copied(),
        email: text("email").cloned(),
        past,
        progress,
        expires_at: number::<i64>(item, "expires_at").map(|seconds| Timestamp::from_millis(seconds * 1_000)),
    })
}

fn number<N: std::str::FromStr>(item: &HashMap<String, AttributeValue>, name: &str) -> Option<N> {
    item.get(name).and_then(|value| value.as_n().ok()).and_then(|text| text.parse().ok())
}
