//! What an expression is rewritten to.

use std::cmp::Ordering;

use minijinja::{Environment, Error, ErrorKind, value::Value as EngineValue};

use super::{
    super::{
        absent, data,
        decimal::Decimal,
        rewritten::{CONCATENATED, LISTED, ORDERED},
    },
    kind_of, text_of, wrong,
};
use crate::expression::MAX_RESULT_BYTES;

pub(super) fn add_to(engine: &mut Environment<'_>) {
    engine.add_filter(CONCATENATED, concatenated);
    engine.add_filter(LISTED, |list: EngineValue| list);
    for (sign, filter) in ORDERED {
        engine.add_filter(filter, move |operands: &EngineValue| {
            let mut operands = operands.try_iter()?;
            let (left, right) = (operands.next().unwrap_or_default(), operands.next().unwrap_or_default());
            is_in_order(&left, sign, &right)
        });
    }
}

/// Whether a comparison by order holds: of two numbers, with all their digits, or of two texts, by the numbers of their
/// characters. Of anything else there is no order.
pub(in super::super) fn is_in_order(
    left: &EngineValue,
    sign: &'static str,
    right: &EngineValue,
) -> Result<bool, Error> {
    if left.is_undefined() || right.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    let order = match (left.as_str(), right.as_str()) {
        (Some(left), Some(right)) => left.cmp(right),
        _ if left.is_number() && right.is_number() => left.cmp(right),
        _ => match (decimal(left), decimal(right)) {
            (Some(left), Some(right)) => left.cmp(&right),
            _ => return Err(no_order(left, sign, right)),
        },
    };
    Ok(holds(sign)(order))
}

/// Whether the sign of a comparison holds for two values in this order.
pub(in super::super) fn holds(sign: &str) -> fn(Ordering) -> bool {
    match sign {
        "<" => Ordering::is_lt,
        "<=" => Ordering::is_le,
        ">" => Ordering::is_gt,
        _ => Ordering::is_ge,
    }
}

fn decimal(value: &EngineValue) -> Option<Decimal> {
    Decimal::parse(data::number(value)?.as_str())
}

fn no_order(left: &EngineValue, sign: &str, right: &EngineValue) -> Error {
    let is_null = absent::is_none(left) || absent::is_none(right);
    let mend = if is_null { "; ask `is not none and` first, or say what else with `| default(0, true)`" } else { "" };
    let (left, right) = (kind_of(left), kind_of(right));
    wrong(format!("`{sign}` compares two numbers or two texts, and gets {left} and {right}{mend}"))
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
