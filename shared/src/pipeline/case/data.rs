//! Data in a document: as TOML, or as JSON in a text, since TOML has no null.

use toml::{Spanned, de::DeValue};

use crate::{
    pipeline::{problem::Findings, table::kind},
    value::{Number, Object, Value},
};

/// An object, written as a table or as JSON in a text.
pub(super) fn object(key: &str, value: &Spanned<DeValue<'_>>, found: &mut Findings<'_>) -> Option<Object> {
    let at = value.span().start;
    let data = match value.get_ref() {
        DeValue::String(json) => from_json(key, json, at, found)?,
        DeValue::Table(_) => from_toml(value, found)?,
        other => {
            found.problem(at, format!("{key} is {}; write a table, or JSON in '''…'''", kind(other)));
            return None;
        }
    };
    match data {
        Value::Object(fields) => Some(fields),
        other => {
            found.problem(at, format!("{key} is {} in JSON; write an object: {{\"name\": …}}", other.kind()));
            None
        }
    }
}

/// The value of a JSON text.
pub(super) fn from_json(key: &str, json: &str, at: usize, found: &mut Findings<'_>) -> Option<Value> {
    Value::from_json(json.as_bytes())
        .map_err(|error| found.problem(at, format!("{key} is text, and {error}; write JSON in the text, or a table")))
        .ok()
}

/// A value of TOML as the value that it is in JSON, digit for digit.
pub(super) fn from_toml(value: &Spanned<DeValue<'_>>, found: &mut Findings<'_>) -> Option<Value> {
    let at = value.span().start;
    match value.get_ref() {
        DeValue::String(text) => Some(Value::from(text.as_ref())),
        DeValue::Boolean(bool) => Some(Value::from(*bool)),
        DeValue::Integer(integer) => {
            let number = match integer.radix() {
                10 => Number::parse(integer.as_str()).ok(),
                radix => i64::from_str_radix(integer.as_str(), radix).ok().map(Number::from),
            };
            if number.is_none() {
                found.problem(at, format!("{} is too large a number; write it in JSON", integer.as_str()));
            }
            number.map(Value::Number)
        }
        DeValue::Float(float) => Number::parse(float.as_str())
            .map_err(|_| found.problem(at, format!("{} is no number that data can have", float.as_str())))
            .map(Value::Number)
            .ok(),
        DeValue::Datetime(time) => {
            found.problem(at, format!("{time} is a date of TOML, and data has none; write it in quotes"));
            None
        }
        DeValue::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| from_toml(item, found)).collect();
            items.into_iter().collect::<Option<_>>().map(Value::Array)
        }
        DeValue::Table(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, value)| Some((name.get_ref().to_string(), from_toml(value, found)?)))
                .collect();
            fields.into_iter().collect::<Option<_>>().map(Value::Object)
        }
    }
}
