//! Values into the engine and out of it, without losing a digit on the way through.

use std::{fmt, sync::Arc};

use minijinja::value::{Enumerator, Object as EngineObject, ObjectRepr, Value as EngineValue, ValueKind};

use super::{absent, decimal::Decimal};
use crate::value::{Number, Object, Part, Value};

/// A number that neither an `i128` nor an `f64` holds exactly. It can be passed on and compared with its like, but not
/// calculated with: the engine refuses that, rather than losing digits.
#[derive(Debug)]
struct Exact(Number);

impl EngineObject for Exact {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, out)
    }

    fn custom_cmp(self: &Arc<Self>, other: &minijinja::value::DynObject) -> Option<std::cmp::Ordering> {
        let other = other.downcast_ref::<Self>()?;
        Some(Decimal::parse(self.0.as_str())?.cmp(&Decimal::parse(other.0.as_str())?))
    }
}

/// An object of an event, of which a field becomes the engine's when an expression asks for it. Most are never asked for.
#[derive(Debug)]
struct Row(Object);

impl EngineObject for Row {
    fn get_value(self: &Arc<Self>, name: &EngineValue) -> Option<EngineValue> {
        self.get_value_by_str(name.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<EngineValue> {
        Some(match self.0.part(name)? {
            Part::Value(value) => to_engine(value),
            Part::Json(json) => json_to_engine(json),
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.keys().map(|name| EngineValue::from(&**name)).collect())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.0.len())
    }
}

/// The value of a text that was checked to be JSON. The usual texts and numbers need not be taken apart for it.
fn json_to_engine(json: &str) -> EngineValue {
    if let Some(text) = plain_text(json) {
        return EngineValue::from(text);
    }
    if let Ok(integer) = json.parse::<i64>() {
        return EngineValue::from(integer);
    }
    Value::from_json(json.as_bytes()).as_ref().map_or(EngineValue::UNDEFINED, to_engine)
}

/// The text of a JSON string in which nothing is escaped.
pub(super) fn plain_text(json: &str) -> Option<&str> {
    json.strip_prefix('"')?.strip_suffix('"').filter(|text| !text.contains('\\'))
}

/// Decimal digits that an `f64` always keeps (C's `DBL_DIG`).
const F64_DIGITS: usize = 15;

/// A value for the engine.
pub(super) fn to_engine(value: &Value) -> EngineValue {
    match value {
        Value::Null => EngineValue::from(()),
        Value::Bool(bool) => EngineValue::from(*bool),
        Value::Number(number) => number_to_engine(number),
        Value::String(text) => EngineValue::from(text.as_str()),
        Value::Array(items) => items.iter().map(to_engine).collect::<Vec<_>>().into(),
        Value::Object(fields) => object_to_engine(fields),
    }
}

/// An object for the engine, its fields in their order.
pub(super) fn object_to_engine(fields: &Object) -> EngineValue {
    EngineValue::from_object(Row(fields.clone()))
}

pub(super) fn number_to_engine(number: &Number) -> EngineValue {
    let text = number.as_str();
    if let Some(integer) = number.as_i64() {
        return EngineValue::from(integer);
    }
    if let Ok(integer) = text.parse::<i128>() {
        return EngineValue::from(integer);
    }
    let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
    let digits = mantissa.trim_end_matches('0').bytes().filter(u8::is_ascii_digit);
    let digits = digits.skip_while(|digit| *digit == b'0').count();
    match number.to_f64() {
        Some(float) if digits <= F64_DIGITS => EngineValue::from(float),
        _ => EngineValue::from_object(Exact(number.clone())),
    }
}

/// A value out of the engine; `budget` is how many bytes of JSON are left for it, about.
pub(super) fn from_engine(value: &EngineValue, budget: &mut usize) -> Result<Value, String> {
    let mut spend = |bytes: usize| {
        *budget = budget.checked_sub(bytes).ok_or("gives a value that is too large to be sent")?;
        Ok::<(), String>(())
    };
    spend(4)?;
    match value.kind() {
        _ if absent::is_none(value) => Ok(Value::Null),
        ValueKind::Bool => Ok(Value::Bool(value.is_true())),
        ValueKind::Number => number_from_engine(value),
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            spend(text.len())?;
            Ok(Value::String(text.to_owned()))
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter().map_err(|error| error.to_string())?;
            items.map(|item| from_engine(&item, budget)).collect::<Result<_, _>>().map(Value::Array)
        }
        ValueKind::Map => {
            let mut fields = Object::new();
            for name in value.try_iter().map_err(|error| error.to_string())? {
                let field = value.get_item(&name).map_err(|error| error.to_string())?;
                let name = name.as_str().ok_or("gives an object with a name that is no text")?;
                *budget = budget.saturating_sub(name.len());
                fields.insert(name.to_owned(), from_engine(&field, budget)?);
            }
            Ok(Value::Object(fields))
        }
        _ => match value.downcast_object_ref::<Exact>() {
            Some(exact) => {
                spend(exact.0.as_str().len())?;
                Ok(Value::Number(exact.0.clone()))
            }
            None => Err(format!("gives {}, which is no data", value.kind())),
        },
    }
}

/// Whether the value is a number of more digits than the engine calculates with.
pub(super) fn is_exact(value: &EngineValue) -> bool {
    value.downcast_object_ref::<Exact>().is_some()
}

/// The number that a value is; `None` for anything else, and for one that is infinite.
pub(super) fn number(value: &EngineValue) -> Option<Number> {
    match value.downcast_object_ref::<Exact>() {
        Some(exact) => Some(exact.0.clone()),
        None if value.kind() == ValueKind::Number => match number_from_engine(value) {
            Ok(Value::Number(number)) => Some(number),
            _ => None,
        },
        None => None,
    }
}

fn number_from_engine(value: &EngineValue) -> Result<Value, String> {
    if value.is_integer() {
        return Number::parse(&value.to_string()).map(Value::Number).map_err(|error| error.to_string());
    }
    f64::try_from(value.clone()).map_err(|error| error.to_string()).and_then(float)
}

/// The value of a number that was calculated.
pub(super) fn float(float: f64) -> Result<Value, String> {
    if !float.is_finite() {
        return Err("gives a number that is infinite or not a number".to_owned());
    }
    Number::parse(&float.to_string()).map(Value::Number).map_err(|error| error.to_string())
}
