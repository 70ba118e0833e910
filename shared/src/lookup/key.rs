//! Which row is looked up.

use super::{KeyAttributes, KeyType};
use crate::{decimal, value::Value};

/// The key of a row of a lookup table. Equal keys are equal however their numbers are written (`1`, `1.0`): DynamoDB
/// refuses a read that names a row twice.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RowKey {
    table: String,
    attributes: Vec<(String, KeyType, String)>,
}

/// The longest text of a partition key, in bytes ("Quotas in Amazon DynamoDB", partition key).
const MAX_PARTITION_KEY: usize = 2_048;

/// The longest text of a sort key. Where a table has both, it is not told which is which, so it holds for both.
const MAX_SORT_KEY: usize = 1_024;

impl RowKey {
    /// The key of these values, one for each of the table's key attributes. `None` where one is missing, null or the
    /// empty text, of which DynamoDB has no keys; an error says what cannot be a key, and the mend.
    pub fn of<'v>(
        table: &str,
        key: &KeyAttributes,
        value: impl Fn(&str) -> Option<&'v Value>,
    ) -> Result<Option<Self>, String> {
        let longest = if key.len() > 1 { MAX_SORT_KEY } else { MAX_PARTITION_KEY };
        let mut attributes = Vec::with_capacity(key.len());
        for (name, kind) in key {
            let text = match (kind, value(name)) {
                (_, None | Some(Value::Null)) => return Ok(None),
                (KeyType::S, Some(Value::String(text))) if text.is_empty() => return Ok(None),
                (KeyType::S, Some(Value::String(text))) if text.len() > longest => {
                    return Err(format!(
                        "`{name}` is a text of {} bytes, and a key of `{table}` has at most {longest}",
                        text.len()
                    ));
                }
                (KeyType::S, Some(Value::String(text))) => text.clone(),
                (KeyType::N, Some(Value::Number(number))) => decimal::plain(number).ok_or_else(|| {
                    format!("`{name}` is a number beyond DynamoDB's, so that no key of `{table}` can be it")
                })?,
                (KeyType::S, Some(other)) => {
                    return Err(format!(
                        "`{name}` is {}, and the table `{table}` has texts there; make it one with `| string`",
                        other.kind()
                    ));
                }
                (KeyType::N, Some(other)) => {
                    return Err(format!(
                        "`{name}` is {}, and the table `{table}` has numbers there; make it one with `| int`",
                        other.kind()
                    ));
                }
            };
            attributes.push((name.clone(), *kind, text));
        }
        Ok(Some(Self { table: table.to_owned(), attributes }))
    }

    /// The table's name in the stack.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The key attributes: name, type, and the value's text, of which a number has its plain digits.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, KeyType, &str)> {
        self.attributes.iter().map(|(name, kind, text)| (name.as_str(), *kind, text.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(key: &[(&str, KeyType)], row: &str) -> Result<Option<RowKey>, String> {
        let key = key.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
        let row = Value::from_json(row.as_bytes()).unwrap();
        RowKey::of("accounts", &key, |name| row.get(name))
    }

    #[test]
    fn equal_keys_are_equal_however_they_are_written() {
        let number = |row| of(&[("id", KeyType::N)], row).unwrap().unwrap();
        assert_eq!(number(r#"{"id":1}"#), number(r#"{"id":1.0}"#));
        assert_eq!(number(r#"{"id":1E1}"#).attributes().collect::<Vec<_>>(), [("id", KeyType::N, "10")]);
        assert_ne!(number(r#"{"id":1}"#), of(&[("id", KeyType::S)], r#"{"id":"1"}"#).unwrap().unwrap());
    }

    #[test]
    fn where_a_value_is_missing_there_is_no_row() {
        let both = [("id", KeyType::S), ("at", KeyType::N)];
        for row in [r#"{"id":"a"}"#, r#"{"id":null,"at":1}"#, r#"{"id":"","at":1}"#] {
            assert_eq!(of(&both, row), Ok(None), "{row}");
        }
        assert!(of(&both, r#"{"id":"a","at":1}"#).unwrap().is_some());
    }

    #[test]
    fn what_cannot_be_a_key_says_what_to_do() {
        let long = format!(r#"{{"id":"{}"}}"#, "x".repeat(2_049));
        for (kind, row, message) in [
            (KeyType::S, r#"{"id":7}"#, "`id` is a number, and the table `accounts` has texts there; make it one with"),
            (KeyType::N, r#"{"id":"7"}"#, "`id` is text, and the table `accounts` has numbers there; make it one with"),
            (KeyType::N, r#"{"id":1e400}"#, "a number beyond DynamoDB's, so that no key of `accounts` can be it"),
            (KeyType::S, long.as_str(), "a text of 2049 bytes, and a key of `accounts` has at most 2048"),
        ] {
            let error = of(&[("id", kind)], row).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }
}
