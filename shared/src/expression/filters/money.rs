//! Amounts of money, without a digit lost to binary fractions.

use minijinja::{Environment, Error, value::Value as EngineValue};

use super::{numbers::number, text_of, wrong};

/// How many digits an amount may have behind the point.
const MOST_DIGITS: usize = 6;

pub(super) fn add_to(engine: &mut Environment<'_>) {
    engine.add_filter("cents_to_units", cents_to_units);
    engine.add_filter("units_to_cents", units_to_cents);
}

fn digits_of(digits: Option<usize>) -> Result<usize, Error> {
    let digits = digits.unwrap_or(2);
    if digits <= MOST_DIGITS { Ok(digits) } else { Err(wrong("a currency has at most 6 digits behind the point")) }
}

/// The amount as decimal text, without its sign.
fn decimal<'t>(text: &'t str, filter: &str) -> Result<(&'static str, &'t str), Error> {
    let text = text.trim();
    let (sign, text) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && text.matches('.').count() <= 1
        && text.bytes().any(|byte| byte.is_ascii_digit());
    if is_decimal {
        Ok((sign, text))
    } else {
        Err(wrong(format!("`{filter}` takes a number, such as 1999 or '19.99'")))
    }
}

/// 1999 → 19.99; with `digits` for currencies that have another count of them, as the yen's 0.
fn cents_to_units(value: &EngineValue, digits: Option<usize>) -> Result<EngineValue, Error> {
    const FILTER: &str = "cents_to_units";
    let digits = digits_of(digits)?;
    let Some(text) = text_of(value, FILTER)? else { return Ok(EngineValue::from(())) };
    let (sign, cents) = decimal(&text, FILTER)?;
    if cents.contains('.') {
        return Err(wrong("`cents_to_units` takes whole cents, such as 1999"));
    }
    let cents = format!("{cents:0>width$}", width = digits + 1);
    let (units, rest) = cents.split_at(cents.len() - digits);
    let units = units.trim_start_matches('0');
    let units = if units.is_empty() { "0" } else { units };
    let rest = rest.trim_end_matches('0');
    number(&if rest.is_empty() { format!("{sign}{units}") } else { format!("{sign}{units}.{rest}") })
}

/// 19.99 → 1999. An amount with more digits than the currency has is refused, and never rounded in silence.
fn units_to_cents(value: &EngineValue, digits: Option<usize>) -> Result<EngineValue, Error> {
    const FILTER: &str = "units_to_cents";
    let digits = digits_of(digits)?;
    let Some(text) = text_of(value, FILTER)? else { return Ok(EngineValue::from(())) };
    let (sign, amount) = decimal(&text, FILTER)?;
    let (units, rest) = amount.split_once('.').unwrap_or((amount, ""));
    let rest = rest.trim_end_matches('0');
    if rest.len() > digits {
        return Err(wrong(format!(
            "the amount has {} digits behind the point, and the currency {digits}; round it first, such as round({digits})",
            rest.len()
        )));
    }
    let cents = format!("{units}{rest:0<digits$}");
    let cents = cents.trim_start_matches('0');
    number(&format!("{sign}{}", if cents.is_empty() { "0" } else { cents }))
}
