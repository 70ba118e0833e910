//! Numbers as people read them.

/// A number with a comma between its thousands.
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let mut text = digits[..first].to_owned();
    for place in (first..digits.len()).step_by(3) {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&digits[place..place + 3]);
    }
    text
}

/// Bytes, in units of a thousand where they are whole.
pub fn bytes(bytes: usize) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        whole if whole.is_multiple_of(1_000_000) => format!("{} MB", whole / 1_000_000),
        whole if whole.is_multiple_of(1_000) => format!("{} KB", whole / 1_000),
        _ => format!("{} bytes", number(bytes as u64)),
    }
}

/// Per so many seconds.
pub fn per(seconds: u64) -> String {
    match seconds {
        1 => "a second".to_owned(),
        60 => "a minute".to_owned(),
        3_600 => "an hour".to_owned(),
        86_400 => "a day".to_owned(),
        _ if seconds.is_multiple_of(3_600) => format!("in {} hours", seconds / 3_600),
        _ if seconds.is_multiple_of(60) => format!("in {} minutes", seconds / 60),
        _ => format!("in {seconds} seconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_bytes_and_windows_are_read_at_a_glance() {
        assert_eq!(
            [0, 7, 100, 1_000, 250_000, 1_000_000].map(number),
            ["0", "7", "100", "1,000", "250,000", "1,000,000"]
        );
        assert_eq!(
            [900, 2_000, 100_000, 3_000_000, 1_500_000, 1_001].map(bytes),
            ["900 bytes", "2 KB", "100 KB", "3 MB", "1500 KB", "1,001 bytes"]
        );
        assert_eq!(
            [1, 10, 60, 90, 120, 3_600, 7_200, 86_400].map(per),
            [
                "a second",
                "in 10 seconds",
                "a minute",
                "in 90 seconds",
                "in 2 minutes",
                "an hour",
                "in 2 hours",
                "a day"
            ]
        );
    }
}
