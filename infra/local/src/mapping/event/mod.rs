//! The exact JSON that Lambda hands to a function, one module for each kind of trigger.
//!
//! Each record is rendered once, when it is read: retries and splits then only put the same texts together, and the size
//! of a payload is known before it is built.

pub mod dynamodb;
pub mod kinesis;
pub mod s3;
pub mod sqs;

use bytes::Bytes;

const OPEN: &str = r#"{"Records":["#;
const CLOSE: &str = "]}";

/// The bytes that an event has beside its records, counting no comma.
pub const ENVELOPE: usize = OPEN.len() + CLOSE.len();

/// `{"Records":[…]}` of records that are rendered already.
pub fn payload<'a>(records: impl IntoIterator<Item = &'a str>) -> Bytes {
    let mut payload = String::from(OPEN);
    for (index, record) in records.into_iter().enumerate() {
        if index > 0 {
            payload.push(',');
        }
        payload.push_str(record);
    }
    payload.push_str(CLOSE);
    payload.into()
}

/// Renders what can always be rendered: structs and maps with text keys.
pub(super) fn json(record: &impl serde::Serialize) -> String {
    // Serialising plain structs of texts and numbers has no error to report; an empty object would be a visible one.
    serde_json::to_string(record).unwrap_or_else(|_| "{}".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_its_records_in_order() {
        assert_eq!(payload([]), r#"{"Records":[]}"#);
        assert_eq!(payload(["1", "2"]), r#"{"Records":[1,2]}"#);
        assert_eq!(payload([]).len(), ENVELOPE);
    }
}
