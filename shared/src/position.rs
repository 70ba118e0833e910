//! Where a change stands in the order of its source.

use std::{cmp::Ordering, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A source's own position: a sequence number, an LSN, microseconds; with the place inside an aggregate behind a dot.
///
/// A decimal integer of any length (DynamoDB streams: 21 to 40 digits; Kinesis: 56), compared as a number. Positions
/// of one key and one epoch are comparable, no others are.
///
/// Its text is `<digits>` or `<digits>.<index>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    digits: String,
    index: u32,
}

/// Why a text is not a [`Position`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a position: expected up to 99 decimal digits, and optionally a dot and an index")]
pub struct PositionError {
    /// The first 120 characters of the text.
    pub text: String,
}

impl Position {
    /// The lowest.
    pub fn lowest() -> Self {
        Self { digits: "0".to_owned(), index: 0 }
    }

    /// Parses a position's text; a sequence number as AWS writes it is one.
    pub fn parse(text: &str) -> Result<Self, PositionError> {
        let error = || PositionError { text: text.chars().take(120).collect() };
        let (digits, index) = match text.split_once('.') {
            Some((digits, index)) => (digits, index.parse().map_err(|_| error())?),
            None => (text, 0),
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(error());
        }
        let significant = digits.trim_start_matches('0');
        let digits = if significant.is_empty() { "0" } else { significant };
        if digits.len() > 99 {
            return Err(error());
        }
        Ok(Self { digits: digits.to_owned(), index })
    }

    /// The `index`-th user record inside the aggregate at this position.
    #[must_use]
    pub fn inside(mut self, index: u32) -> Self {
        self.index = index;
        self
    }

    /// A text whose order as bytes is the order of the positions, for DynamoDB, whose numbers end at 38 digits: the
    /// count of digits in two places, the digits, and the index in ten.
    pub fn sortable(&self) -> String {
        format!("{:02}{}.{:010}", self.digits.len(), self.digits, self.index)
    }

    /// Reads [`Self::sortable`] back.
    pub fn from_sortable(text: &str) -> Result<Self, PositionError> {
        text.get(2..).ok_or_else(|| PositionError { text: text.to_owned() }).and_then(Self::parse)
    }
}

impl PartialOrd for Position {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Position {
    fn cmp(&self, other: &Self) -> Ordering {
        self.digits
            .len()
            .cmp(&other.digits.len())
            .then_with(|| self.digits.cmp(&other.digits))
            .then_with(|| self.index.cmp(&other.index))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.digits)?;
        if self.index > 0 { write!(out, ".{}", self.index) } else { Ok(()) }
    }
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn order_is_that_of_numbers() {
        // Sequence numbers of differing length, as AWS's examples have them.
        let ordered = [
            "0",
            "9",
            "10",
            "10.1",
            "10.2",
            "10.10",
            "4421584500000000017450439091",
            "49590338271490256608559692538361571095921575989136588898",
        ];
        for (index, lower) in ordered.iter().enumerate() {
            for higher in &ordered[index + 1..] {
                let (lower, higher) = (Position::parse(lower).unwrap(), Position::parse(higher).unwrap());
                assert!(lower < higher, "{lower} {higher}");
                assert!(lower.sortable() < higher.sortable(), "{lower} {higher}");
            }
        }
        assert_eq!(Position::parse("000111").unwrap(), Position::parse("111").unwrap());
    }

    #[test]
    fn what_is_no_position_is_refused() {
        for text in ["", "-1", "1a", ".1", "1.", "1.x", "1.-1", &"1".repeat(100)] {
            assert!(Position::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn sortable_texts_sort_like_positions(a in "[0-9]{1,60}", b in "[0-9]{1,60}", i in any::<u32>(), j in any::<u32>()) {
            let (a, b) = (Position::parse(&a).unwrap().inside(i), Position::parse(&b).unwrap().inside(j));
            prop_assert_eq!(a.cmp(&b), a.sortable().cmp(&b.sortable()));
            prop_assert_eq!(&Position::from_sortable(&a.sortable()).unwrap(), &a);
            prop_assert_eq!(&Position::parse(&a.to_string()).unwrap(), &a);
        }
    }
}
