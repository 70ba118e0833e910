//! Lookup tables over `DynamoDB`.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{
    attribute,
    batch_get::{BATCH, Item, READ, batch_get},
};
use crate::{
    lookup::{KeyType, LookupTable, RowKey},
    ports::{Lookups, PortError},
    value::Value,
};

/// How many reads are under way at once: the answers of eight are at most 128 MB.
const AT_ONCE: usize = 8;

/// The lookup tables of a stack.
///
/// Reads are strongly consistent, so that a row that was written before the change that needs it is there. An on-demand
/// read of up to 4 KB is then a whole request unit, not half of one.
#[derive(Clone, Debug)]
pub struct LookupTables {
    client: Client,
    tables: BTreeMap<String, LookupTable>,
}

impl LookupTables {
    /// These tables, by their names in the stack.
    pub fn new(client: &Client, tables: &BTreeMap<String, LookupTable>) -> Self {
        Self { client: client.clone(), tables: tables.clone() }
    }

    async fn read_batch(
        &self,
        table: &str,
        declared: &LookupTable,
        keys: &[RowKey],
    ) -> Result<Vec<(RowKey, Value)>, PortError> {
        let items = batch_get(&self.client, &declared.table, keys.iter().map(item).collect()).await?;
        let keyed = |item| {
            let row = attribute::row(item)?;
            let key = RowKey::of(table, &declared.key, |name| row.get(name))?;
            let key = key.ok_or_else(|| format!("a row of {} without its key", declared.table))?;
            Ok((key, row))
        };
        let rows: Result<Vec<_>, String> = items.into_iter().map(keyed).collect();
        rows.map_err(|reason| PortError { operation: READ, reason })
    }
}

impl Lookups for LookupTables {
    async fn read(&self, table: &str, keys: &[RowKey]) -> Result<HashMap<RowKey, Value>, PortError> {
        let declared = self.tables.get(table).ok_or_else(|| PortError {
            operation: READ,
            reason: format!("there is no lookup table `{table}` in this stack"),
        })?;
        let reads: Vec<_> = keys.chunks(BATCH).map(|batch| self.read_batch(table, declared, batch)).collect();
        let batches: Vec<_> = stream::iter(reads).buffer_unordered(AT_ONCE).try_collect().await?;
        Ok(batches.into_iter().flatten().collect())
    }
}

fn item(key: &RowKey) -> Item {
    let attribute = |(name, kind, text): (&str, KeyType, &str)| {
        let text = text.to_owned();
        (name.to_owned(), if kind == KeyType::S { AttributeValue::S(text) } else { AttributeValue::N(text) })
    };
    key.attributes().map(attribute).collect()
}
