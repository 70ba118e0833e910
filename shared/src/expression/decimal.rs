//! Decimal numbers of any count of digits, in order and rounded without a digit lost.

use std::cmp::Ordering;

/// Beyond so many zeros before or behind its digits a number is written with an exponent.
const MOST_ZEROS: i64 = 40;

/// Beyond any number's place; far enough from the end of an `i64` that nothing overflows.
const FAR: i64 = 1 << 40;

/// A decimal number: 0.`digits` · 10^`point`, and zero without digits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Decimal {
    is_negative: bool,
    /// From 0 to 9 each; the first and the last are not 0.
    digits: Vec<u8>,
    point: i64,
}

/// Which of its two neighbours a number is rounded to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rounding {
    /// The nearer; of two that are as near the even.
    Nearest,
    /// The greater.
    Up,
    /// The lesser.
    Down,
    /// The one nearer to zero.
    TowardsZero,
}

impl Decimal {
    /// Takes an optional sign, digits with or without a point, an optional exponent: `-12.5`, `007`, `1e-3`.
    pub fn parse(text: &str) -> Option<Self> {
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) =
            text.split_once(['e', 'E']).map_or((text, None), |(mantissa, exponent)| (mantissa, Some(exponent)));
        let exponent = exponent.map_or(Some(0), exponent_of)?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let digits = digits.into_iter().map(|digit| digit - b'0').collect();
        Some(Self::of(is_negative, digits, i64::try_from(whole.len()).ok()? + exponent))
    }

    /// Without the zeros before and behind.
    fn of(is_negative: bool, mut digits: Vec<u8>, point: i64) -> Self {
        let zeros = digits.iter().take_while(|digit| **digit == 0).count();
        digits.drain(..zeros);
        while digits.last() == Some(&0) {
            digits.pop();
        }
        if digits.is_empty() {
            return Self::default();
        }
        Self { is_negative, digits, point: point - i64::try_from(zeros).unwrap_or(FAR) }
    }

    /// Without its sign.
    pub fn abs(self) -> Self {
        Self { is_negative: false, ..self }
    }

    /// With so many digits behind the point; a negative count rounds to tens, hundreds and so on.
    pub fn rounded(&self, places: i32, rounding: Rounding) -> Self {
        let places = i64::from(places);
        let count = self.point + places;
        let kept = usize::try_from(count).unwrap_or(0);
        if kept >= self.digits.len() {
            return self.clone();
        }
        let (digits, rest) = self.digits.split_at(kept);
        let is_odd = digits.last().is_some_and(|digit| digit % 2 == 1);
        let grows = match rounding {
            // With a negative count the number is less than a tenth of what it would grow by.
            Rounding::Nearest => count >= 0 && (rest[0] > 5 || rest[0] == 5 && (rest.len() > 1 || is_odd)),
            Rounding::Up => !self.is_negative,
            Rounding::Down => self.is_negative,
            Rounding::TowardsZero => false,
        };
        if !grows {
            return Self::of(self.is_negative, digits.to_vec(), self.point);
        }
        // What stands behind the last digit that is not 9 becomes 0.
        match digits.iter().rposition(|digit| *digit != 9) {
            Some(last) => {
                let mut digits = digits[..=last].to_vec();
                digits[last] += 1;
                Self::of(self.is_negative, digits, self.point)
            }
            None => Self::of(self.is_negative, vec![1], count.max(0) - places + 1),
        }
    }

    /// As JSON writes a number.
    pub fn to_text(&self) -> String {
        let digits: String = self.digits.iter().map(|digit| char::from(digit + b'0')).collect();
        let sign = if self.is_negative { "-" } else { "" };
        let count = i64::try_from(digits.len()).unwrap_or(FAR);
        let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
        let (before, behind) = match self.point {
            _ if digits.is_empty() => return "0".to_owned(),
            point if point < -MOST_ZEROS || point > count + MOST_ZEROS => {
                let (first, rest) = digits.split_at(1);
                let rest = if rest.is_empty() { String::new() } else { format!(".{rest}") };
                return format!("{sign}{first}{rest}e{}", point - 1);
            }
            point if point <= 0 => ("0".to_owned(), zeros(-point) + &digits),
            point if point >= count => (digits + &zeros(point - count), String::new()),
            point => {
                let (before, behind) = digits.split_at(usize::try_from(point).unwrap_or(0));
                (before.to_owned(), behind.to_owned())
            }
        };
        if behind.is_empty() { format!("{sign}{before}") } else { format!("{sign}{before}.{behind}") }
    }
}

/// An exponent; one that is larger than any that matters is as good as that.
fn exponent_of(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let most = if text.starts_with('-') { -FAR } else { FAR };
    Some(text.parse().unwrap_or(most).clamp(-FAR, FAR))
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let size = |decimal: &Self| (!decimal.digits.is_empty(), decimal.point);
        let sizes = || size(self).cmp(&size(other)).then_with(|| self.digits.cmp(&other.digits));
        match (self.is_negative, other.is_negative) {
            (false, false) => sizes(),
            (true, true) => sizes().reverse(),
            (is_negative, _) => {
                if is_negative {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn a_number_is_written_as_it_is() {
        for (text, written) in [
            ("0", "0"),
            ("-0.00", "0"),
            ("0e99", "0"),
            ("007", "7"),
            ("+1.50", "1.5"),
            (".5", "0.5"),
            ("-0.00120", "-0.0012"),
            ("12e3", "12000"),
            ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
            ("0.12345678901234567890123456789012345678", "0.12345678901234567890123456789012345678"),
            ("1.5e-99", "1.5e-99"),
            ("-25e99", "-2.5e100"),
        ] {
            assert_eq!(decimal(text).to_text(), written, "{text}");
        }
        for wrong in ["", "-", ".", "e5", "1e", "1e+", "1.2.3", "1 2", "0x1", "--1", "NaN", "1e5.0", "１"] {
            assert_eq!(Decimal::parse(wrong), None, "{wrong}");
        }
        assert!(
            decimal("1e99999999999999999999") > decimal("1e999") && decimal("1e-99999999999999999999") > decimal("0")
        );
    }

    #[test]
    fn numbers_have_an_order() {
        let sorted = [
            "-1e40",
            "-10",
            "-9.5",
            "-0.12345678901234567891",
            "-0.1234567890123456789",
            "-1e-9",
            "0",
            "1e-9",
            "0.1234567890123456789",
            "0.12345678901234567891",
            "0.2",
            "1",
            "1.5",
            "9",
            "10",
            "10.01",
            "99",
            "1e40",
        ];
        for (place, text) in sorted.iter().enumerate() {
            for (other_place, other) in sorted.iter().enumerate() {
                assert_eq!(decimal(text).cmp(&decimal(other)), place.cmp(&other_place), "{text} and {other}");
            }
        }
        assert_eq!(decimal("1.50").cmp(&decimal("15e-1")), Ordering::Equal);
    }

    #[test]
    fn a_number_is_rounded_by_its_digits() {
        use Rounding::{Down, Nearest, TowardsZero, Up};
        for (text, places, nearest, up, down, towards_zero) in [
            ("2.675", 2, "2.68", "2.68", "2.67", "2.67"),
            ("2.665", 2, "2.66", "2.67", "2.66", "2.66"),
            ("-2.675", 2, "-2.68", "-2.67", "-2.68", "-2.67"),
            ("2.5", 0, "2", "3", "2", "2"),
            ("0.5", 0, "0", "1", "0", "0"),
            ("0.51", 0, "1", "1", "0", "0"),
            ("-0.5", 0, "0", "0", "-1", "0"),
            ("0.004", 1, "0", "0.1", "0", "0"),
            ("99.96", 1, "100", "100", "99.9", "99.9"),
            ("0.96", 1, "1", "1", "0.9", "0.9"),
            ("1250", -2, "1200", "1300", "1200", "1200"),
            ("70", -2, "100", "100", "0", "0"),
            ("7", -2, "0", "100", "0", "0"),
            ("1.5", 9, "1.5", "1.5", "1.5", "1.5"),
            (
                "-12345678901234567890123456789012345678.5",
                0,
                "-12345678901234567890123456789012345678",
                "-12345678901234567890123456789012345678",
                "-12345678901234567890123456789012345679",
                "-12345678901234567890123456789012345678",
            ),
        ] {
            for (rounding, rounded) in [(Nearest, nearest), (Up, up), (Down, down), (TowardsZero, towards_zero)] {
                assert_eq!(
                    decimal(text).rounded(places, rounding).to_text(),
                    rounded,
                    "{text}, {places}, {rounding:?}"
                );
            }
        }
    }
}
