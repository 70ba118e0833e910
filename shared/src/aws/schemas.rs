//! The learned schemas of sources: the items (`schema`, source) of the table of pipelines, each with `revision` (N) and
//! `schema` (S, JSON). A write is conditional on the revision.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;

use super::{PipelinesTable, failed, malformed, pipelines::key, put_if};
use crate::{
    ports::{PortError, Schemas},
    schema::Schema,
};

const KIND: &str = "schema";

impl Schemas for PipelinesTable {
    async fn schemas(&self) -> Result<BTreeMap<String, (u64, Schema)>, PortError> {
        const OPERATION: &str = "dynamodb:Query";
        let mut schemas = BTreeMap::new();
        let mut start = None;
        loop {
            let query = self
                .client
                .query()
                .table_name(&self.table)
                .consistent_read(true)
                .key_condition_expression("kind = :schema")
                .expression_attribute_values(":schema", AttributeValue::S(KIND.to_owned()))
                .set_exclusive_start_key(start);
            let page = query.send().await.map_err(|error| failed(OPERATION, &error))?;
            for item in page.items.iter().flatten() {
                let (source, told) = of_item(item).ok_or_else(|| malformed(OPERATION, "a source's schema"))?;
                schemas.insert(source, told);
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(schemas);
            }
        }
    }

    async fn write(&self, source: &str, revision: u64, schema: &Schema) -> Result<bool, PortError> {
        let json = serde_json::to_string(schema).map_err(|error| failed("dynamodb:PutItem", &error))?;
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(key(KIND, source)))
            .item("revision", AttributeValue::N((revision + 1).to_string()))
            .item("schema", AttributeValue::S(json));
        let put = match revision {
            0 => put.condition_expression("attribute_not_exists(kind)"),
            _ => put
                .condition_expression("revision = :revision")
                .expression_attribute_values(":revision", AttributeValue::N(revision.to_string())),
        };
        put_if(put).await
    }
}

/// One that this version cannot read, since a newer one wrote it, is learned anew: what is known of a source must not
/// keep its events waiting.
fn of_item(item: &HashMap<String, AttributeValue>) -> Option<(String, (u64, Schema))> {
    let text = |name: &str| item.get(name)?.as_s().ok();
    let source = text("name")?;
    let revision = item.get("revision")?.as_n().ok()?.parse().ok()?;
    let schema = serde_json::from_str(text("schema")?).unwrap_or_else(|error| {
        tracing::warn!(source, "the schema of the source cannot be read, and is learned anew: {error}");
        Schema::default()
    });
    Some((source.clone(), (revision, schema)))
}
