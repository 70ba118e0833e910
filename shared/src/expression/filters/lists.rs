//! Lists, objects and JSON.

use minijinja::{Environment, Error, ErrorKind, value::Value as EngineValue};

use super::{super::data, text_of, wrong};
use crate::{expression::MAX_RESULT_BYTES, value::Value};

pub(super) fn add_to(engine: &mut Environment<'_>) {
    engine.add_filter("join", join);
    engine.add_filter("tojson", to_json);
    engine.add_filter("fromjson", from_json);
}

/// The items as one text, nulls left out.
fn join(value: &EngineValue, between: Option<&str>) -> Result<EngineValue, Error> {
    if value.is_none() {
        return Ok(EngineValue::from(()));
    }
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    if value.as_str().is_some() {
        return Err(wrong("`join` takes a list, and gets a text"));
    }
    let mut joined = String::new();
    let mut first = true;
    for item in value.try_iter().map_err(|_| wrong(format!("`join` takes a list, and gets {}", value.kind())))? {
        let Some(text) = text_of(&item, "join")? else { continue };
        if !first {
            joined.push_str(between.unwrap_or_default());
        }
        first = false;
        joined.push_str(&text);
        if joined.len() > MAX_RESULT_BYTES {
            return Err(wrong("`join` would make a text that is too large to be sent"));
        }
    }
    Ok(EngineValue::from(joined))
}

fn to_json(value: &EngineValue) -> Result<EngineValue, Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    let mut budget = MAX_RESULT_BYTES;
    let value = data::from_engine(value, &mut budget).map_err(|reason| wrong(format!("`tojson` {reason}")))?;
    Ok(EngineValue::from(value.to_json()))
}

fn from_json(value: &EngineValue) -> Result<EngineValue, Error> {
    let Some(text) = text_of(value, "fromjson")? else { return Ok(EngineValue::from(())) };
    let value = Value::from_json(text.as_bytes())
        .map_err(|_| wrong("the text is no JSON; mend it at the source, or leave `fromjson` out"))?;
    Ok(data::to_engine(&value))
}
