//! Numbers, by their decimal digits: none is lost, however many there are.

use minijinja::{Environment, Error, ErrorKind, value::Value as EngineValue};

use super::{
    super::{
        absent, data,
        decimal::{Decimal, Rounding},
    },
    kind_of, wrong,
};
use crate::value::Number;

pub(super) fn add_to(engine: &mut Environment<'_>) {
    engine.add_filter("abs", abs);
    engine.add_filter("float", float);
    engine.add_filter("int", int);
    engine.add_filter("round", round);
}

/// The number that a text says, for the engine.
pub(super) fn number(text: &str) -> Result<EngineValue, Error> {
    let number = Number::parse(text).map_err(|error| wrong(error.to_string()))?;
    Ok(data::number_to_engine(&number))
}

/// What a filter got, as a number, also out of a text: `None` for a null.
fn decimal_of(value: &EngineValue, filter: &str) -> Result<Option<Decimal>, Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    if absent::is_none(value) {
        return Ok(None);
    }
    if let Some(text) = value.as_str() {
        let decimal = Decimal::parse(text.trim());
        return decimal.map(Some).ok_or_else(|| wrong(format!("`{filter}` takes a number, and gets another text")));
    }
    let number = data::number(value).and_then(|number| Decimal::parse(number.as_str()));
    number.map(Some).ok_or_else(|| wrong(format!("`{filter}` takes a number, and gets {}", kind_of(value))))
}

/// Of a number that is there.
fn of_number(
    value: &EngineValue,
    filter: &str,
    apply: impl FnOnce(Decimal) -> Result<EngineValue, Error>,
) -> Result<EngineValue, Error> {
    decimal_of(value, filter)?.map_or_else(|| Ok(EngineValue::from(())), apply)
}

fn abs(value: &EngineValue) -> Result<EngineValue, Error> {
    of_number(value, "abs", |decimal| number(&decimal.abs().to_text()))
}

/// The digits before the point; true is 1 and false is 0.
fn int(value: &EngineValue, otherwise: Option<EngineValue>) -> Result<EngineValue, Error> {
    if let Ok(bool) = bool::try_from(value.clone()) {
        return Ok(EngineValue::from(i64::from(bool)));
    }
    let whole = of_number(value, "int", |decimal| number(&decimal.rounded(0, Rounding::TowardsZero).to_text()));
    or(whole, otherwise)
}

/// The nearest that 64 bits hold.
fn float(value: &EngineValue, otherwise: Option<EngineValue>) -> Result<EngineValue, Error> {
    let float = of_number(value, "float", |decimal| match decimal.to_text().parse::<f64>() {
        Ok(float) if float.is_finite() => Ok(EngineValue::from(float)),
        _ => Err(wrong("`float` takes a number of at most 308 digits before the point")),
    });
    or(float, otherwise)
}

/// What else, where it was no number; a field that is not there is `default`'s.
fn or(number: Result<EngineValue, Error>, otherwise: Option<EngineValue>) -> Result<EngineValue, Error> {
    match (number, otherwise) {
        (Err(error), Some(otherwise)) if error.kind() != ErrorKind::UndefinedError => Ok(otherwise),
        (number, _) => number,
    }
}

fn round(value: &EngineValue, places: Option<i32>, method: Option<&str>) -> Result<EngineValue, Error> {
    let rounding = match method.unwrap_or("common") {
        "common" => Rounding::Nearest,
        "ceil" => Rounding::Up,
        "floor" => Rounding::Down,
        _ => return Err(wrong("`round` goes to the nearest, or round(2, 'ceil') up, or round(2, 'floor') down")),
    };
    of_number(value, "round", |decimal| number(&decimal.rounded(places.unwrap_or(0), rounding).to_text()))
}
