//! The filters that are Freshet's own. A null goes through them as a null, and never as the text "none".

mod contact;
mod dates;
mod digest;
mod lists;
mod money;
mod numbers;
mod rewritten;
mod text;

use std::borrow::Cow;

use minijinja::{
    Environment, Error, ErrorKind,
    value::{Value as EngineValue, ValueIter, ValueKind},
};

pub(super) use self::rewritten::{holds, is_in_order};
use super::{MAX_RESULT_BYTES, absent, data};
use crate::value::Value;

/// Adds the filters to the engine.
pub(super) fn add_to(engine: &mut Environment<'_>) {
    text::add_to(engine);
    contact::add_to(engine);
    money::add_to(engine);
    numbers::add_to(engine);
    dates::add_to(engine);
    lists::add_to(engine);
    rewritten::add_to(engine);
    for (name, filter) in filters_of_text() {
        engine.add_filter(name, of_text(name, filter));
    }
}

/// A filter of texts that gives a text.
pub(super) type OfText = fn(&str) -> Result<String, Error>;

fn filters_of_text() -> impl Iterator<Item = (&'static str, OfText)> {
    [text::OF_TEXT, contact::OF_TEXT, digest::OF_TEXT].into_iter().flatten().copied()
}

/// The filter of texts that has the name.
pub(super) fn of_text_named(name: &str) -> Option<OfText> {
    filters_of_text().find(|(known, _)| *known == name).map(|(_, filter)| filter)
}

/// A mistake in what a filter was given: one sentence with the mend.
fn wrong(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

/// What a filter got, as text: `None` for a null; an error for a list, an object, and a field that is not there.
fn text_of<'v>(value: &'v EngineValue, filter: &str) -> Result<Option<Cow<'v, str>>, Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    if absent::is_none(value) {
        return Ok(None);
    }
    if let Some(text) = value.as_str() {
        return Ok(Some(Cow::Borrowed(text)));
    }
    match data::from_engine(value, &mut MAX_RESULT_BYTES.clone()) {
        Ok(Value::Number(number)) => Ok(Some(Cow::Owned(number.to_string()))),
        Ok(Value::Bool(bool)) => Ok(Some(Cow::Owned(bool.to_string()))),
        _ => Err(wrong(format!("`{filter}` takes a text, and gets {}", kind_of(value)))),
    }
}

/// The items of a list: `None` for a null; an error for what is no list, and for a list that is longer than any row's,
/// as one that was repeated is.
fn items_of(value: &EngineValue, filter: &str) -> Result<Option<ValueIter>, Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    if absent::is_none(value) {
        return Ok(None);
    }
    if !matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return Err(wrong(format!("`{filter}` takes a list, and gets {}", kind_of(value))));
    }
    if value.len().is_none_or(|length| length > MAX_RESULT_BYTES) {
        return Err(wrong(format!("`{filter}` takes a list of at most {MAX_RESULT_BYTES} items")));
    }
    value.try_iter().map(Some)
}

/// Refuses a list in which numbers that the engine cannot calculate with stand beside others, or are to be added.
pub(super) fn check_alike(list: &EngineValue, attribute: Option<&str>, filter: &str) -> Result<(), Error> {
    let Some(items) = items_of(list, filter)? else { return Ok(()) };
    let (mut long, mut short) = (false, filter == "sum");
    for item in items {
        // Of the item itself, or of the fields that it is told to look at: one, or several with commas.
        let fields = attribute.into_iter().flat_map(|fields| fields.split(','));
        let fields = fields.filter_map(|field| at(&item, field.trim()));
        for value in fields.chain(attribute.is_none().then(|| item.clone())) {
            long |= data::is_exact(&value);
            short |= value.is_number();
        }
    }
    if long && short {
        return Err(wrong(format!(
            "`{filter}` gets a number of more digits than it can calculate with; shorten it first, such as map('round', 2)"
        )));
    }
    Ok(())
}

fn at(item: &EngineValue, path: &str) -> Option<EngineValue> {
    path.split('.').try_fold(item.clone(), |value, name| value.get_attr(name).ok())
}

/// The beginning of a name that nobody knows: it may come from a row, and be long.
fn begin_of(name: &str) -> String {
    const SHOWN: usize = 40;
    let mut begin: String = name.chars().take(SHOWN).collect();
    if begin.len() < name.len() {
        begin.push('…');
    }
    begin
}

/// What a value is, in the words of JSON.
fn kind_of(value: &EngineValue) -> &'static str {
    match value.kind() {
        _ if absent::is_none(value) => "null",
        ValueKind::Bool => "true or false",
        ValueKind::Number => "a number",
        ValueKind::String => "a text",
        ValueKind::Seq | ValueKind::Iterable => "a list",
        ValueKind::Map => "an object",
        _ if data::number(value).is_some() => "a number",
        _ => "no data",
    }
}

/// The filter as the engine calls it.
fn of_text(
    filter: &'static str,
    apply: OfText,
) -> impl Fn(&EngineValue) -> Result<EngineValue, Error> + Send + Sync + 'static {
    move |value| match text_of(value, filter)? {
        None => Ok(EngineValue::from(())),
        Some(text) => apply(&text).map(EngineValue::from),
    }
}
