//! Mapped fields, in a form in which equal ones compare equal.

use std::{collections::BTreeMap, fmt};

use serde_json::{Map, Value};

/// The fields of one delivery, as the destination is told them. Numbers compare by value (`49` equals `49.0`),
/// objects whatever the order of their fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values(BTreeMap<String, Value>);

impl Values {
    /// From the JSON that the destination received.
    pub fn of(fields: Map<String, Value>) -> Self {
        Self(fields.into_iter().map(|(name, value)| (name, plain(value))).collect())
    }

    /// A field's text; `None` where there is none, or where it is no text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// The fields that differ from `other`, with this side's values: what a person has to look at.
    #[must_use]
    pub fn unlike(&self, other: &Self) -> Self {
        let differs = |(name, value): &(&String, &Value)| other.0.get(*name) != Some(*value);
        Self(self.0.iter().filter(differs).map(|(name, value)| (name.clone(), value.clone())).collect())
    }
}

impl<const N: usize> From<[(&str, Value); N]> for Values {
    fn from(fields: [(&str, Value); N]) -> Self {
        Self(fields.into_iter().map(|(name, value)| (name.to_owned(), plain(value))).collect())
    }
}

/// `plan=pro country=DE`: one line, for people.
impl fmt::Display for Values {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.0.iter().enumerate() {
            let gap = if index == 0 { "" } else { " " };
            match value {
                Value::String(text) => write!(out, "{gap}{name}={text}")?,
                Value::Array(items) => write!(out, "{gap}{name}=[{} items]", items.len())?,
                other => write!(out, "{gap}{name}={other}")?,
            }
        }
        Ok(())
    }
}

/// A whole number in the one form that JSON's own comparison knows as equal.
fn plain(value: Value) -> Value {
    match value {
        Value::Number(number) => {
            let text = number.to_string();
            let whole = text.strip_suffix(".0").and_then(|whole| whole.parse::<i64>().ok());
            whole.map_or(Value::Number(number), Value::from)
        }
        Value::Array(items) => items.into_iter().map(plain).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, plain(value))).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_means_the_same_is_equal() {
        let one = Values::from([("mrr", json!(49.0)), ("lines", json!([{"quantity": 2, "price": 1.5}]))]);
        let other = Values::from([("lines", json!([{"price": 1.50, "quantity": 2.0}])), ("mrr", json!(49))]);
        assert_eq!(one, other);
        assert_ne!(Values::from([("mrr", json!(49))]), Values::from([("mrr", json!("49"))]));
        assert_ne!(Values::from([("mrr", json!(49))]), Values::from([("mrr", json!(49.5))]));
        assert_ne!(Values::from([("plan", json!(null))]), Values::default());
    }

    #[test]
    fn only_the_difference_is_shown() {
        let one = Values::from([("plan", json!("pro")), ("country", json!("DE")), ("lines", json!([1, 2]))]);
        let other = Values::from([("plan", json!("free")), ("country", json!("DE"))]);
        assert_eq!(one.unlike(&other).to_string(), "lines=[2 items] plan=pro");
    }
}
