//! An invocation's payload, taken apart into its raw records.

use serde::Deserialize;
use serde_json::value::RawValue;

/// Why a payload is not a batch of records.
#[derive(Debug, thiserror::Error)]
#[error(
    "the payload is not a batch of records, {{\"Records\":[…]}}: {0}; this function takes what an event source mapping \
     hands over, so look at what invoked it"
)]
pub struct RecordsError(#[from] serde_json::Error);

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<&'a RawValue>,
}

/// The raw bytes of each record in `{"Records":[…]}`, in order.
///
/// Only the outermost shape has to be right: what is wrong inside a record, bytes that are no UTF-8 included, is found
/// when that record is read, and harms no other.
pub fn split(payload: &[u8]) -> Result<Vec<&[u8]>, RecordsError> {
    match std::str::from_utf8(payload) {
        Ok(text) => {
            let batch: Batch<'_> = serde_json::from_str(text)?;
            Ok(batch.records.into_iter().map(|record| record.get().as_bytes()).collect())
        }
        Err(_) => split_invalid(payload),
    }
}

/// JSON cannot be taken apart while it is no UTF-8. So each invalid byte is masked by a character of the same length,
/// the masked text is taken apart, and the places of its records are those of the raw ones.
fn split_invalid(payload: &[u8]) -> Result<Vec<&[u8]>, RecordsError> {
    let mut masked = String::with_capacity(payload.len());
    for chunk in payload.utf8_chunks() {
        masked.push_str(chunk.valid());
        masked.extend(chunk.invalid().iter().map(|_| '?'));
    }
    let batch: Batch<'_> = serde_json::from_str(&masked)?;
    let start = masked.as_ptr().addr();
    Ok(batch
        .records
        .into_iter()
        .filter_map(|record| {
            let from = record.get().as_ptr().addr() - start;
            payload.get(from..from + record.get().len())
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_keep_their_bytes() {
        let payload = b" {\"Records\" : [ {\"a\": 1.0} ,\n{\"b\":[\"]\"]}, 7 ], \"more\": {}}";
        let records = split(payload).unwrap();
        assert_eq!(records, [&b"{\"a\": 1.0}"[..], b"{\"b\":[\"]\"]}", b"7"]);
        assert!(split(b"{\"Records\":[]}").unwrap().is_empty());
    }

    #[test]
    fn bytes_that_are_no_utf8_harm_their_record_only() {
        let payload = b"{\"Records\":[{\"a\":\"\xc3\xbc\"},{\"b\":\"\xff\xc3\"},{\"c\":3}]}";
        let records = split(payload).unwrap();
        assert_eq!(records, [&b"{\"a\":\"\xc3\xbc\"}"[..], b"{\"b\":\"\xff\xc3\"}", b"{\"c\":3}"]);
    }

    #[test]
    fn nesting_inside_a_record_is_no_matter_of_the_batch() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let payload = format!("{{\"Records\":[1,{deep},2]}}");
        assert_eq!(split(payload.as_bytes()).unwrap(), [&b"1"[..], deep.as_bytes(), b"2"]);
    }

    #[test]
    fn what_is_no_batch_is_refused_with_its_place() {
        for payload in
            [&b""[..], b"{", b"[]", b"{}", b"{\"Records\":{}}", b"{\"Records\":[1", b"\xff", b"{\"Records\":null}"]
        {
            let error = split(payload).unwrap_err().to_string();
            assert!(error.starts_with("the payload is not a batch of records"), "{error}");
            assert!(error.contains("line 1 column"), "{error}");
        }
    }
}
