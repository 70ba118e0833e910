//! The table of the audit log.
//!
//! Key `kind` (always `change`: people change little, and are asked for by time) and `at` (time, `#`, id). Nothing in it
//! ends by itself.

use std::collections::HashMap;

use aws_sdk_dynamodb::{Client, types::AttributeValue};

use super::{failed, malformed, put_if};
use crate::{
    audit::{AuditEntry, AuditOutcome, kept},
    ports::{Audit, PortError},
    time::Timestamp,
};

/// The table of the audit log.
#[derive(Clone, Debug)]
pub struct AuditTable {
    client: Client,
    table: String,
}

type Item = HashMap<String, AttributeValue>;

const KIND: &str = "change";

impl AuditTable {
    /// The table of this name.
    pub fn new(client: &Client, table: &str) -> Self {
        Self { client: client.clone(), table: table.to_owned() }
    }
}

impl Audit for AuditTable {
    async fn record(&self, entry: &AuditEntry) -> Result<(), PortError> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item(entry)?));
        let put = put
            .condition_expression("attribute_not_exists(kind) OR outcome = :begun")
            .expression_attribute_values(":begun", outcome(&AuditOutcome::Begun)?);
        if put_if(put).await? {
            return Ok(());
        }
        let reason = format!("the entry {} has its end, and is not written again", entry.place());
        Err(PortError { operation: "dynamodb:PutItem", reason })
    }

    async fn recent(&self, before: Option<&str>, most: usize) -> Result<Vec<AuditEntry>, PortError> {
        const OPERATION: &str = "dynamodb:Query";
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("kind = :kind AND #at < :before")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":kind", text(KIND))
            // `~` sorts after every time.
            .expression_attribute_values(":before", text(before.unwrap_or("~")))
            .scan_index_forward(false)
            .limit(i32::try_from(most).unwrap_or(i32::MAX));
        let answer = query.send().await.map_err(|error| failed(OPERATION, &error))?;
        let items = answer.items.unwrap_or_default();
        items.iter().map(|item| entry(item).ok_or_else(|| malformed(OPERATION, "an audit entry"))).collect()
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn outcome(outcome: &AuditOutcome) -> Result<AttributeValue, PortError> {
    let json = serde_json::to_string(outcome);
    json.map(AttributeValue::S).map_err(|error| malformed("dynamodb:PutItem", error))
}

fn item(entry: &AuditEntry) -> Result<Item, PortError> {
    let mut item = Item::from([
        ("kind".to_owned(), text(KIND)),
        ("at".to_owned(), text(&entry.place())),
        ("millis".to_owned(), AttributeValue::N(entry.at.millis().to_string())),
        ("person".to_owned(), text(&entry.person)),
        ("name".to_owned(), text(&entry.name)),
        ("action".to_owned(), text(&entry.action)),
        ("subject".to_owned(), text(&entry.subject)),
        ("outcome".to_owned(), outcome(&entry.outcome)?),
    ]);
    for (name, value) in [("before", &entry.before), ("after", &entry.after)] {
        item.extend(value.as_ref().map(|value| (name.to_owned(), text(&kept(value)))));
    }
    Ok(item)
}

fn entry(item: &Item) -> Option<AuditEntry> {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
    Some(AuditEntry {
        at: Timestamp::from_millis(item.get("millis")?.as_n().ok()?.parse().ok()?),
        id: text("at")?.split_once('#')?.1.to_owned(),
        person: text("person")?,
        name: text("name")?,
        action: text("action")?,
        subject: text("subject")?,
        before: text("before"),
        after: text("after"),
        outcome: serde_json::from_str(&text("outcome")?).ok()?,
    })
}
