//! Lookup tables: the user's own DynamoDB tables, of which pipelines read single rows by their keys.

mod key;
mod rows;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::{
    key::RowKey,
    rows::{Found, Rows},
};

/// The type of a key attribute, in DynamoDB's letters. Binary keys are not looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub enum KeyType {
    /// Text.
    S,
    /// A number.
    N,
}

/// The key attributes of a table, one or two, by name.
pub type KeyAttributes = BTreeMap<String, KeyType>;

/// A lookup table as the stack declares it: `{"table":"store-accounts","key":{"account_id":"S"},"cache_seconds":60}`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct LookupTable {
    /// The table's name in DynamoDB.
    pub table: String,
    /// Its key attributes: all of them.
    pub key: KeyAttributes,
    /// How long a row that was read is believed, in seconds; 0: not at all.
    #[serde(default = "a_minute")]
    pub cache_seconds: u32,
}

const fn a_minute() -> u32 {
    60
}
