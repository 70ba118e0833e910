//! The filters that are Freshet's own. A null goes through them as a null, and never as the text "none".

mod contact;
mod dates;
mod digest;
mod lists;
mod money;
mod text;

use std::borrow::Cow;

use minijinja::{Environment, Error, ErrorKind, value::Value as EngineValue};

use super::absent;

/// Adds the filters to the engine.
pub(super) fn add_to(engine: &mut Environment<'_>) {
    text::add_to(engine);
    contact::add_to(engine);
    digest::add_to(engine);
    money::add_to(engine);
    dates::add_to(engine);
    lists::add_to(engine);
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
    match value.try_iter() {
        // A list or an object.
        Ok(_) => Err(wrong(format!("`{filter}` takes a text, and gets {}", value.kind()))),
        Err(_) => Ok(Some(Cow::Owned(value.to_string()))),
    }
}

/// A filter of texts that gives a text.
fn of_text(
    filter: &'static str,
    apply: impl Fn(&str) -> Result<String, Error> + Send + Sync + 'static,
) -> impl Fn(&EngineValue) -> Result<EngineValue, Error> + Send + Sync + 'static {
    move |value| match text_of(value, filter)? {
        None => Ok(EngineValue::from(())),
        Some(text) => apply(&text).map(EngineValue::from),
    }
}
