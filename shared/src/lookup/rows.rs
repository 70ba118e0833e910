//! The rows that were looked up.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::RowKey;
use crate::value::Value;

/// The rows that pipelines may look at, as far as they are known.
#[derive(Clone, Debug)]
pub enum Rows {
    /// As they were read: each by its key, `None` where the table has none.
    Read(HashMap<RowKey, Option<Arc<Value>>>),
    /// By the name of the lookup, whatever its key is: as a test beside a pipeline gives them. Others are missing.
    Given(BTreeMap<String, Value>),
}

/// What is known of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Found<'r> {
    /// It has not been read.
    Unread,
    /// There is none.
    Missing,
    /// The row.
    Row(&'r Value),
}

/// Nothing has been read yet.
impl Default for Rows {
    fn default() -> Self {
        Self::Read(HashMap::new())
    }
}

impl Rows {
    /// Notes what was read; where rows are given by name, nothing is.
    pub fn insert(&mut self, key: RowKey, row: Option<Arc<Value>>) {
        if let Self::Read(rows) = self {
            rows.insert(key, row);
        }
    }

    /// What is known of the row that a lookup of this name asks for.
    pub fn find(&self, lookup: &str, key: &RowKey) -> Found<'_> {
        let row = match self {
            Self::Read(rows) => rows.get(key).map(Option::as_deref),
            Self::Given(rows) => Some(rows.get(lookup)),
        };
        match row {
            None => Found::Unread,
            Some(None) => Found::Missing,
            Some(Some(row)) => Found::Row(row),
        }
    }
}
