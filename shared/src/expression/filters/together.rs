//! What an expression is rewritten to.

use minijinja::{Environment, Error, value::Value as EngineValue};

use super::{
    super::rewritten::{CONCATENATED, LISTED},
    text_of, wrong,
};
use crate::expression::MAX_RESULT_BYTES;

pub(super) fn add_to(engine: &mut Environment<'_>) {
    engine.add_filter(CONCATENATED, concatenated);
    engine.add_filter(LISTED, |list: EngineValue| list);
}

/// The operands of `~`, one text behind the other; a null is an empty one.
fn concatenated(operands: &EngineValue) -> Result<EngineValue, Error> {
    let mut together = String::new();
    for operand in operands.try_iter()? {
        together.push_str(&text_of(&operand, "~")?.unwrap_or_default());
        if together.len() > MAX_RESULT_BYTES {
            return Err(wrong("`~` would make a text that is too large to be sent"));
        }
    }
    Ok(EngineValue::from(together))
}
