//! The lookup tables among a stack's variables.

use indexmap::IndexMap;
use serde::Deserialize;
use shared::lookup::{KeyAttributes, KeyType, LookupTable};

use super::{arn, is_name, name_problem, whole};

/// How long a row may be kept, in seconds.
const LONGEST_CACHE: u32 = 3_600;

/// A table of which pipelines look up rows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookupTableVariables {
    /// The table.
    pub table_arn: String,
    /// Its key attributes, each with its type.
    pub key: IndexMap<String, String>,
    /// How long a row that was read is believed.
    pub cache_seconds: Option<hcl::Number>,
    /// The customer key that the table is encrypted with. The local stack takes no notice.
    pub kms_key_arn: Option<String>,
}

impl LookupTableVariables {
    /// As transform reads it.
    pub fn declared(&self) -> LookupTable {
        LookupTable {
            table: self.table_arn.rsplit('/').next().unwrap_or_default().to_owned(),
            key: self.key_attributes().unwrap_or_default(),
            cache_seconds: self.cache_seconds.as_ref().map_or(Some(60), whole).unwrap_or_default(),
        }
    }

    fn key_attributes(&self) -> Option<KeyAttributes> {
        let typed = |(name, kind): (&String, &String)| match kind.as_str() {
            "S" => Some((name.clone(), KeyType::S)),
            "N" => Some((name.clone(), KeyType::N)),
            _ => None,
        };
        let key: KeyAttributes = self.key.iter().map(typed).collect::<Option<_>>()?;
        (1..=2).contains(&key.len()).then_some(key)
    }
}

/// What is wrong with one.
pub(super) fn problems(name: &str, table: &LookupTableVariables, problems: &mut Vec<String>) {
    let place = format!("lookup_tables.{name}");
    if !is_name(name) {
        problems.push(name_problem(&place, name));
    }
    if !arn::is(&table.table_arn, "dynamodb", "table/") || table.table_arn.matches('/').count() > 1 {
        problems.push(format!(
            "{place}.table_arn is \"{}\", which is no ARN of a table; it looks like \
             arn:aws:dynamodb:<region>:<account>:table/<table>",
            table.table_arn
        ));
    }
    if table.key_attributes().is_none() {
        problems.push(format!(
            "{place}.key has to be all key attributes of the table, one or two, each \"S\" for texts or \"N\" for \
             numbers: such as {{ account_id = \"S\" }}"
        ));
    }
    if let Some(seconds) = &table.cache_seconds
        && whole(seconds).is_none_or(|seconds| seconds > LONGEST_CACHE)
    {
        problems.push(format!(
            "{place}.cache_seconds is {seconds}; rows are kept for 0, not at all, to {LONGEST_CACHE} seconds"
        ));
    }
}
