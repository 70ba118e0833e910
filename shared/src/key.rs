//! What names a row in its source.

use serde::{Deserialize, Serialize};

use crate::value::{Object, Value};

/// The key attributes of a row, sorted by name, so that equal keys are written with equal bytes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Key(Object);

impl Key {
    /// From the key attributes, in any order.
    pub fn new(mut attributes: Object) -> Self {
        attributes.sort_unstable_keys();
        Self(attributes)
    }

    /// A key of one attribute.
    pub fn single(name: &str, value: impl Into<Value>) -> Self {
        Self(Object::from_iter([(name.to_owned(), value.into())]))
    }

    /// The attributes, sorted by name.
    pub fn attributes(&self) -> &Object {
        &self.0
    }

    /// The key as one line of JSON: equal keys have equal texts.
    pub fn canonical(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Object(attributes) if !attributes.is_empty() => Ok(Self::new(attributes)),
            other => {
                Err(serde::de::Error::custom(format!("a key is an object of key attributes, not {}", other.kind())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_keys_have_equal_texts() {
        let one: Key = serde_json::from_str(r#"{"sort":"2026","customer_id":7}"#).unwrap();
        let other: Key = serde_json::from_str(r#"{"customer_id":7,"sort":"2026"}"#).unwrap();
        assert_eq!(one.canonical(), other.canonical());
        assert_eq!(one.canonical(), r#"{"customer_id":7,"sort":"2026"}"#);
        assert!(serde_json::from_str::<Key>("{}").is_err());
        assert!(serde_json::from_str::<Key>("[1]").is_err());
    }
}
