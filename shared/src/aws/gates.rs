//! The gates of destinations, in the ledger's table.
//!
//! An item `#gate#<destination>` each, with `revision` (N) and `gate` (S, JSON). A write is conditional on the revision.

use std::collections::HashMap;

use aws_sdk_dynamodb::{Client, types::AttributeValue};

use super::{failed, malformed, put_if};
use crate::{
    gate::Gate,
    ports::{Gates, PortError},
};

const READ: &str = "dynamodb:GetItem";

/// The gates in the ledger's table.
#[derive(Clone, Debug)]
pub struct GatesTable {
    client: Client,
    table: String,
}

impl GatesTable {
    /// Those in the ledger's table of this name.
    pub fn new(client: &Client, table: &str) -> Self {
        Self { client: client.clone(), table: table.to_owned() }
    }
}

fn id(destination: &str) -> AttributeValue {
    AttributeValue::S(format!("#gate#{destination}"))
}

impl Gates for GatesTable {
    async fn read(&self, destination: &str) -> Result<(u64, Gate), PortError> {
        let get = self.client.get_item().table_name(&self.table).key("id", id(destination)).consistent_read(true);
        let answer = get.send().await.map_err(|error| failed(READ, &error))?;
        let Some(item) = answer.item else { return Ok((0, Gate::default())) };
        gate(&item).ok_or_else(|| malformed(READ, format_args!("the gate of {destination}")))
    }

    async fn write(&self, destination: &str, revision: u64, gate: &Gate) -> Result<bool, PortError> {
        let json = serde_json::to_string(gate).map_err(|error| PortError {
            operation: "dynamodb:PutItem",
            reason: format!("the gate is no JSON: {error}"),
        })?;
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("id", id(destination))
            .item("revision", AttributeValue::N((revision + 1).to_string()))
            .item("gate", AttributeValue::S(json));
        let put = match revision {
            0 => put.condition_expression("attribute_not_exists(id)"),
            _ => put
                .condition_expression("revision = :revision")
                .expression_attribute_values(":revision", AttributeValue::N(revision.to_string())),
        };
        put_if(put).await
    }
}

fn gate(item: &HashMap<String, AttributeValue>) -> Option<(u64, Gate)> {
    let revision = item.get("revision")?.as_n().ok()?.parse().ok()?;
    Some((revision, serde_json::from_str(item.get("gate")?.as_s().ok()?).ok()?))
}
