//! Lists, objects and JSON.

use minijinja::{Environment, Error, ErrorKind, value::Value as EngineValue};

use super::{
    super::{absent, data},
    items_of, kind_of, text_of, wrong,
};
use crate::{expression::MAX_RESULT_BYTES, value::Value};

pub(super) fn add_to(engine: &mut Environment<'_>) {
    engine.add_filter("first", first);
    engine.add_filter("join", join);
    engine.add_filter("last", last);
    engine.add_filter("length", length);
    engine.add_filter("tojson", to_json);
    engine.add_filter("fromjson", from_json);
}

/// The items as one text, nulls left out.
fn join(value: &EngineValue, between: Option<&str>) -> Result<EngineValue, Error> {
    let Some(items) = items_of(value, "join")? else { return Ok(EngineValue::from(())) };
    let mut joined = String::new();
    let mut first = true;
    for item in items {
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

/// The first item; not there in an empty list.
fn first(value: &EngineValue) -> Result<EngineValue, Error> {
    let items = items_of(value, "first")?;
    Ok(items.map_or_else(|| EngineValue::from(()), |mut items| items.next().unwrap_or_default()))
}

/// The last item; not there in an empty list.
fn last(value: &EngineValue) -> Result<EngineValue, Error> {
    let items = items_of(value, "last")?;
    Ok(items.map_or_else(|| EngineValue::from(()), |items| items.last().unwrap_or_default()))
}

/// How many items, fields or characters.
fn length(value: &EngineValue) -> Result<EngineValue, Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    if absent::is_none(value) {
        return Ok(EngineValue::from(()));
    }
    match value.len() {
        Some(length) => Ok(EngineValue::from(length)),
        None => Err(wrong(format!("`length` takes a list or a text, and gets {}", kind_of(value)))),
    }
}

fn to_json(value: &EngineValue) -> Result<EngineValue, Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    if absent::is_none(value) {
        return Ok(EngineValue::from(()));
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
