//! Where a raw record stands in its stream.

use std::collections::HashMap;

use serde_json::value::RawValue;

use crate::digest;

/// Where a raw record stands, each part as far as it could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The stream's ARN.
    pub stream: Option<String>,
    /// Its sequence number, as AWS wrote it.
    pub sequence_number: Option<String>,
}

impl Place {
    /// Reads no more of a record than it has to, since a record that is no event has to be reported and kept all the
    /// same. `[dialect, number]` are the names on the way to the sequence number: `["kinesis", "sequenceNumber"]`.
    pub fn find(raw: &[u8], [dialect, number]: [&str; 2]) -> Self {
        let raw = String::from_utf8_lossy(raw);
        let record = fields(&raw);
        let inner = record.get(dialect).map(|inner| fields(inner.get())).unwrap_or_default();
        Self { stream: text(&record, "eventSourceARN"), sequence_number: text(&inner, number) }
    }

    /// The id of a failure of the raw record here: its stream and sequence number, or, where they cannot be read, the
    /// digest of its bytes. A record that is handed over again yields the same id.
    pub fn failure_id(&self, raw: &[u8]) -> String {
        match self {
            Self { stream: Some(stream), sequence_number: Some(number) } => format!("{stream}/{number}"),
            _ => format!("record/sha256:{}", digest::hex(raw)),
        }
    }
}

fn fields(json: &str) -> HashMap<String, &RawValue> {
    serde_json::from_str(json).unwrap_or_default()
}

fn text(fields: &HashMap<String, &RawValue>, name: &str) -> Option<String> {
    fields.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok()).filter(|text: &String| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_found_whatever_is_wrong_beside_it() {
        let whole = Place { stream: Some("arn:x".into()), sequence_number: Some("00042".into()) };
        for raw in [
            &br#"{"eventSourceARN":"arn:x","kinesis":{"sequenceNumber":"00042","data":7}}"#[..],
            b"{\"kinesis\":{\"data\":\"\xff\",\"sequenceNumber\":\"00042\",\"data\":\"\"},\"eventSourceARN\":\"arn:x\"}",
        ] {
            assert_eq!(Place::find(raw, ["kinesis", "sequenceNumber"]), whole);
        }
        for (raw, stream, number) in [
            (&br#"{"eventSourceARN":"arn:x","kinesis":{"sequenceNumber":42}}"#[..], Some("arn:x"), None),
            (br#"{"eventSourceARN":{},"kinesis":{"sequenceNumber":"42"}}"#, None, Some("42")),
            (br#"{"eventSourceARN":"","kinesis":[]}"#, None, None),
            (br#"["kinesis"]"#, None, None),
            (b"\xff", None, None),
        ] {
            let place = Place { stream: stream.map(str::to_owned), sequence_number: number.map(str::to_owned) };
            assert_eq!(Place::find(raw, ["kinesis", "sequenceNumber"]), place);
        }
    }

    #[test]
    fn a_failures_id_is_the_records_place_or_else_its_digest() {
        let mut place = Place { stream: Some("arn:x".into()), sequence_number: Some("42".into()) };
        assert_eq!(place.failure_id(b"raw"), "arn:x/42");
        place.stream = None;
        // printf raw | sha256sum
        let digest = "d7439bee24773bcbfa2d0a97947ee36227b10d1022b1a55847e928965bb6bfde";
        assert_eq!(place.failure_id(b"raw"), format!("record/sha256:{digest}"));
    }
}
