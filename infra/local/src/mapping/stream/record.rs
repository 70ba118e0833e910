//! Records of a stream as a mapping handles them: rendered, and with what order and age need.

use std::cmp::Ordering;
use std::fmt;
use std::time::Duration;

/// A record's place in its shard: a decimal number of any length. Only numbers of one shard can be compared.
#[derive(Debug, Clone)]
pub struct SequenceNumber(String);

impl SequenceNumber {
    /// A sequence number as the stream wrote it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The number as the stream wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Ord for SequenceNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        // Digits without leading zeros: the longer number is the greater one.
        let digits = |number: &'_ Self| number.0.trim_start_matches('0').len();
        digits(self)
            .cmp(&digits(other))
            .then_with(|| self.0.trim_start_matches('0').cmp(other.0.trim_start_matches('0')))
    }
}

impl PartialOrd for SequenceNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for SequenceNumber {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for SequenceNumber {}

/// One record of a shard.
#[derive(Debug, Clone)]
pub struct StreamRecord {
    /// Its place in the shard.
    pub sequence_number: SequenceNumber,
    /// Records with the same text stay in order: the partition key on Kinesis, the item's key on DynamoDB.
    pub key: String,
    /// When it came to the stream, since 1970.
    pub arrival: Duration,
    /// The record's element of `Records`.
    pub json: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_are_ordered_as_numbers() {
        let number = SequenceNumber::new;
        assert!(number("9") < number("10"));
        assert!(
            number("49590338271490256608559692540925702759324208523137515618")
                > number("49590338271490256608559692538361571095921575989136588898")
        );
        assert_eq!(number("007"), number("7"));
        assert!(number("0") < number("1"));
    }
}
