//! What every capture function does with its batch, whatever its source's dialect: take the records apart, keep one
//! bad record from harming the others, and publish what was read.

mod function;
mod place;
mod publish;
mod records;
mod settings;
mod world;

pub use self::{
    function::{Capture, Dialect},
    place::Place,
    publish::{CaptureError, Publisher, Read},
    records::{RecordsError, split},
    settings::Settings,
    world::{Live, World},
};

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{
    failure::{Failure, Payload, Stage},
    time::Timestamp,
};

/// The failure of a raw record that is no change event; it keeps the record byte for byte.
pub fn failure(place: &Place, source: Option<&str>, reason: String, raw: &[u8], at: Timestamp) -> Failure {
    Failure {
        id: place.failure_id(raw),
        stage: Stage::Capture,
        reason,
        source: source.map(str::to_owned),
        pipeline: None,
        version: None,
        destination: None,
        key: None,
        request: None,
        answer: None,
        payload: Payload::of(raw),
        at,
    }
}

/// Runs the reading of one record, and turns a panic into the reason of its failure: a mistake of ours in one record
/// must not stop the batch, and with it the shard.
pub fn guard<T>(read: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(read)).map_err(|panic| {
        let words =
            panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        format!(
            "Freshet itself failed on this record ({}); this is a mistake in Freshet: report it with the record, and \
             redrive once a version that mends it is deployed",
            words.unwrap_or("a panic without words")
        )
    })
}

/// A point in time from seconds since 1970, as streams write it: `1428537600`, `1479499740.0`, `1.479499740E9`.
/// Rounded to the millisecond.
pub fn seconds(text: &str) -> Option<Timestamp> {
    /// The end of the year 9999.
    const MAX_SECONDS: f64 = 253_402_300_799.0;
    let seconds: f64 = text.parse().ok()?;
    if !(0.0..=MAX_SECONDS).contains(&seconds) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "within the bounds above, milliseconds fit many times over")]
    let millis = (seconds * 1000.0).round() as i64;
    Some(Timestamp::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_come_in_three_notations() {
        // 2015-04-09T00:00:00Z, the date of AWS's example record; and a Kinesis arrival time with milliseconds.
        assert_eq!(seconds("1428537600"), Some(Timestamp::from_millis(1_428_537_600_000)));
        assert_eq!(seconds("1.4285376E9"), Some(Timestamp::from_millis(1_428_537_600_000)));
        assert_eq!(seconds("1545084650.987"), Some(Timestamp::from_millis(1_545_084_650_987)));
        for text in ["", "now", "-1", "1e30", "NaN", "\"1\""] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn a_panic_becomes_a_reason() {
        assert_eq!(guard(|| 7), Ok(7));
        let reason = guard(|| -> u8 { panic!("index out of bounds") }).unwrap_err();
        assert!(reason.starts_with("Freshet itself failed on this record (index out of bounds)"), "{reason}");
        let reason = guard(|| -> u8 { panic!("record {}", 3) }).unwrap_err();
        assert!(reason.contains("(record 3)"), "{reason}");
    }
}
