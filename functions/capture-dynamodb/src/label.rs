//! A stream's label: the moment at which the stream was enabled.

/// The epoch of a stream: its label in milliseconds since 1970. A stream that is enabled anew has a later label, and
/// its sequence numbers need not go on where the old ones ended.
///
/// A label is written `2015-05-11T21:21:33.291` (`StreamLabel`, "Stream", Amazon DynamoDB Streams API), in UTC. `None` for
/// anything else, and for what lies before 1970.
pub fn epoch(label: &str) -> Option<u64> {
    let (date, time) = label.split_once('T')?;
    let [year, month, day] = fields(date, '-')?;
    let (time, millis) = time.split_once('.')?;
    let [hour, minute, second] = fields(time, ':')?;
    let millis = digits(millis).filter(|_| millis.len() == 3)?;
    if !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days =
        days_before_year(year)?.checked_add((1..month).map(|month| days_in(year, month)).sum::<u64>())? + day - 1;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + millis)
}

fn fields(text: &str, separator: char) -> Option<[u64; 3]> {
    let mut parts = text.split(separator).map(digits);
    let fields = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(fields)
}

/// At most four digits, so that no sum of them overflows.
fn digits(text: &str) -> Option<u64> {
    let plain = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_in(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970 to the first of January of a year.
fn days_before_year(year: u64) -> Option<u64> {
    /// Days from the year 1 to 1970.
    const TO_1970: u64 = 719_162;
    let years = year.checked_sub(1)?;
    (years * 365 + years / 4 - years / 100 + years / 400).checked_sub(TO_1970)
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
