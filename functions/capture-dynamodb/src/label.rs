//! A stream's label: the moment at which the stream was enabled.

use jiff::{civil::DateTime, tz::TimeZone};

/// The epoch of a stream: its label in milliseconds since 1970. A stream that is enabled anew has a later label, and
/// its sequence numbers need not go on where the old ones ended.
///
/// A label is written `2015-05-11T21:21:33.291` (`StreamLabel`, "Stream", Amazon DynamoDB Streams API), in UTC. `None` for
/// anything else, and for what lies before 1970.
pub fn epoch(label: &str) -> Option<u64> {
    let time: DateTime = label.parse().ok()?;
    // Other notations of the same moment are no labels.
    if format!("{time:.3}") != label {
        return None;
    }
    u64::try_from(TimeZone::UTC.to_timestamp(time).ok()?.as_millisecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_milliseconds() {
        // By `date -u -d … +%s%3N`.
        for (label, millis) in [
            ("1970-01-01T00:00:00.000", 0),
            ("2000-02-29T23:59:59.999", 951_868_799_999),
            ("2015-05-11T21:21:33.291", 1_431_379_293_291),
            ("2015-06-27T00:48:05.899", 1_435_366_085_899),
            ("2019-11-14T00:04:06.388", 1_573_689_846_388),
            ("2024-12-31T00:00:00.000", 1_735_603_200_000),
        ] {
            assert_eq!(epoch(label), Some(millis), "{label}");
        }
    }

    #[test]
    fn what_is_no_label_is_refused() {
        for label in [
            "",
            "latest",
            "2015-05-11",
            "2015-05-11T21:21:33",
            "2015-05-11T21:21:33.29",
            "2015-13-01T00:00:00.000",
            "2015-02-29T00:00:00.000",
            "1969-12-31T23:59:59.999",
            "2015-05-11T24:00:00.000",
            "2015-05-11T21:21:33.291Z",
            "2015-05-11T21:21:33:11.291",
            "99999-01-01T00:00:00.000",
            "0000-01-01T00:00:00.000",
            "2015-5-+1T00:00:00.000",
        ] {
            assert_eq!(epoch(label), None, "{label}");
        }
    }
}
