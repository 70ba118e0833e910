//! How a vendor writes a value, where that is not how sources do.

use serde::Deserialize;

use crate::value::Value;

/// A way to write a point in time. A source writes it in RFC 3339, or as a number that is already what the vendor wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Whole seconds since 1970.
    EpochSeconds,
    /// Milliseconds since 1970.
    EpochMilliseconds,
    /// The day, `2026-07-01`, in UTC.
    Date,
}

impl Format {
    /// What a page says of it.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::EpochSeconds => "sent as seconds since 1970",
            Self::EpochMilliseconds => "sent as milliseconds since 1970",
            Self::Date => "sent as YYYY-MM-DD",
        }
    }

    /// The value as the vendor takes it, or what is wrong with it and the mend. Null stays null.
    pub fn write(self, value: &Value) -> Result<Value, String> {
        let text = match value {
            Value::Null => return Ok(Value::Null),
            Value::Number(_) if self != Self::Date => return Ok(value.clone()),
            Value::String(text) => text.trim(),
            other => {
                return Err(format!("is {}, and a time is wanted; map one such as after.updated_at", other.kind()));
            }
        };
        // A day without an hour is its first moment.
        let time = text.parse::<jiff::Timestamp>().or_else(|_| {
            let day: jiff::civil::Date = text.parse()?;
            day.at(0, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).map(|day| day.timestamp())
        });
        let time = time.map_err(|_: jiff::Error| {
            "is no time; map one in RFC 3339, such as 2026-07-01T09:30:00Z, or a day such as 2026-07-01".to_owned()
        })?;
        Ok(match self {
            Self::EpochSeconds => Value::from(time.as_second()),
            Self::EpochMilliseconds => Value::from(time.as_millisecond()),
            Self::Date => Value::from(time.strftime("%F").to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_vendor_wants_them() {
        // By `date -u -d @1785000000`.
        let (seconds, millis) = (Format::EpochSeconds, Format::EpochMilliseconds);
        for (format, given, written) in [
            (seconds, r#""2026-07-25T17:20:00Z""#, "1785000000"),
            (seconds, r#""2026-07-25T19:20:00.9+02:00""#, "1785000000"),
            (millis, r#""2026-07-25T17:20:00.25Z""#, "1785000000250"),
            (seconds, r#""1970-01-02""#, "86400"),
            (seconds, "1785000000", "1785000000"),
            (seconds, "null", "null"),
            (Format::Date, r#""2026-07-25T23:20:00-02:00""#, r#""2026-07-26""#),
        ] {
            let value = Value::from_json(given.as_bytes()).unwrap();
            assert_eq!(format.write(&value).map(|value| value.to_json()), Ok(written.to_owned()), "{given}");
        }
        for (given, says) in
            [(r#""soon""#, "is no time; map one in RFC 3339"), ("true", "is true or false"), (r#""""#, "no time")]
        {
            let value = Value::from_json(given.as_bytes()).unwrap();
            let wrong = seconds.write(&value).unwrap_err();
            assert!(wrong.contains(says), "{given}: {wrong}");
        }
    }
}
