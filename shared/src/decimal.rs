//! DynamoDB's numbers: decimals of 38 digits.

use crate::value::Number;

/// Digits of precision ("Supported data types and naming rules in Amazon DynamoDB", Number).
const MAX_DIGITS: usize = 38;

/// The greatest power of ten of a first digit: 9.99…E+125.
const MAX_EXPONENT: i64 = 125;

/// The least: 1E-130.
const MIN_EXPONENT: i64 = -130;

/// Why a text is no number of DynamoDB.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// Not a number at all.
    #[error("{0:?} is not a decimal number")]
    Text(String),
    /// More digits than DynamoDB keeps.
    #[error("a number of {0} digits, where DynamoDB has {MAX_DIGITS}")]
    Digits(usize),
    /// Too great or too small.
    #[error("a number of magnitude 1E{0}, where DynamoDB has 1E{MIN_EXPONENT} to 9.9E{MAX_EXPONENT}")]
    Magnitude(i64),
}

/// Takes the text of an `N`, digit for digit.
pub fn parse(text: &str) -> Result<Number, NumberError> {
    let shown = || NumberError::Text(text.chars().take(50).collect());
    let number = Number::parse(text).map_err(|_| shown())?;
    let unsigned = number.as_str().trim_start_matches('-');
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| shown())?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        return Ok(number);
    }
    let leading_zeros = digits.len() - significant.len();
    let count = significant.trim_end_matches('0').len();
    if count > MAX_DIGITS {
        return Err(NumberError::Digits(count));
    }
    let place = |digits: usize| i64::try_from(digits).unwrap_or(i64::MAX);
    let magnitude = place(whole.len()) - 1 - place(leading_zeros) + i64::from(exponent);
    if !(MIN_EXPONENT..=MAX_EXPONENT).contains(&magnitude) {
        return Err(NumberError::Magnitude(magnitude));
    }
    Ok(number)
}

/// A number's digits without exponent or needless zeros: equal numbers have equal texts, however they were written.
/// `None` for what is no number of DynamoDB's.
pub fn plain(number: &Number) -> Option<String> {
    parse(number.as_str()).ok()?;
    let (sign, unsigned) = number.as_str().strip_prefix('-').map_or(("", number.as_str()), |text| ("-", text));
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    let significant = digits.trim_matches('0');
    if significant.is_empty() {
        return Some("0".to_owned());
    }
    // The first significant digit's power of ten, which `parse` has bounded.
    let leading_zeros = digits.len() - digits.trim_start_matches('0').len();
    let power = exponent + i64::try_from(whole.len()).ok()? - 1 - i64::try_from(leading_zeros).ok()?;
    let text = match usize::try_from(power) {
        Ok(power) if power + 1 >= significant.len() => format!("{significant:0<width$}", width = power + 1),
        Ok(power) => {
            let (whole, fraction) = significant.split_at(power + 1);
            format!("{whole}.{fraction}")
        }
        Err(_) => format!("0.{}{significant}", "0".repeat(usize::try_from(-power - 1).ok()?)),
    };
    Some(format!("{sign}{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_have_one_plain_text() {
        for (texts, plain_text) in [
            (&["0", "-0", "0.000", "0E+5"][..], "0"),
            (&["101", "101.0", "1.01E2", "1010e-1", "+101"], "101"),
            (&["-1.50", "-1.5", "-15E-1", "-0.15e1"], "-1.5"),
            (&["1E3", "1000", "1000.00"], "1000"),
            (&["0.001", "1E-3", "0.0010"], "0.001"),
            (&["10.01", "1001E-2"], "10.01"),
            (&["12345678901234567890123456789012345678"], "12345678901234567890123456789012345678"),
        ] {
            for text in texts {
                assert_eq!(plain(&Number::parse(text).unwrap()).as_deref(), Some(plain_text), "{text}");
            }
        }
        assert_eq!(plain(&Number::parse("1E126").unwrap()), None);
        assert_eq!(plain(&Number::parse("1E-130").unwrap()).unwrap().len(), 132);
    }

    #[test]
    fn every_number_of_dynamodb_keeps_its_digits() {
        let most = format!("{}E+125", "9.9999999999999999999999999999999999999");
        for text in [
            "0",
            "-0",
            "0.000",
            "101",
            "-1.50",
            "0.1",
            "9007199254740993", // An `f64` ends at …992.
            "12345678901234567890123456789012345678",
            "-12345678901234567890.123456789012345678",
            "1E-130",
            "1E+125",
            &most,
            "100000000000000000000000000000000000000000000000000", // One digit, and zeros.
        ] {
            assert_eq!(parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_dynamodb_cannot_hold_is_refused() {
        assert_eq!(parse("123456789012345678901234567890123456789"), Err(NumberError::Digits(39)));
        assert_eq!(parse("0.123456789012345678901234567890123456789"), Err(NumberError::Digits(39)));
        assert_eq!(parse("1E+126"), Err(NumberError::Magnitude(126)));
        assert_eq!(parse("0.1E-130"), Err(NumberError::Magnitude(-131)));
        assert_eq!(parse("1e400"), Err(NumberError::Magnitude(400)));
        for text in ["", "ten", "NaN", "Infinity", "0x1F", "1,5", " 1", "1E99999999999"] {
            assert_eq!(parse(text), Err(NumberError::Text(text.to_owned())));
        }
    }
}
