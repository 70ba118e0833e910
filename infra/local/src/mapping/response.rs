//! What a function's response says about its batch, where the mapping reports batch item failures.
//!
//! "Configuring partial batch response with Kinesis Data Streams and Lambda" lists what is a success (an empty or null
//! list, an empty or null response) and what is a complete failure (an empty or null `itemIdentifier`, a wrong key name).
//! An identifier that is not in the batch fails it as a whole (recorded by `LocalStack`'s tests against AWS).

use serde::Deserialize;
use serde_json::Value;

/// Which items of a batch failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// None.
    Success,
    /// These, by the function's own account. Each is an item of the batch; there is at least one.
    Failed(Vec<String>),
    /// All: the response cannot be understood, or it says so.
    CompleteFailure,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    batch_item_failures: Option<Vec<Failure>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

/// Reads a response. `in_batch` tells whether an identifier belongs to the batch.
pub fn read(response: &[u8], in_batch: impl Fn(&str) -> bool) -> Report {
    if response.is_empty() {
        return Report::Success;
    }
    let Ok(response) = serde_json::from_slice::<Value>(response) else {
        return Report::CompleteFailure;
    };
    match &response {
        Value::Null => return Report::Success,
        Value::String(text) if text.is_empty() => return Report::Success,
        Value::Array(items) if items.is_empty() => return Report::Success,
        _ => {}
    }
    let Ok(Response { batch_item_failures }) = serde_json::from_value(response) else {
        return Report::CompleteFailure;
    };
    let failed: Vec<String> =
        batch_item_failures.into_iter().flatten().map(|failure| failure.item_identifier).collect();
    if failed.is_empty() {
        Report::Success
    } else if failed.iter().all(|identifier| in_batch(identifier)) {
        Report::Failed(failed)
    } else {
        Report::CompleteFailure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(response: &str) -> Report {
        read(response.as_bytes(), |identifier| ["1", "2"].contains(&identifier))
    }

    #[test]
    fn the_documented_successes() {
        for response in
            ["", "null", r#""""#, "[]", "{}", r#"{"batchItemFailures": []}"#, r#"{"batchItemFailures": null}"#]
        {
            assert_eq!(reading(response), Report::Success, "{response}");
        }
    }

    #[test]
    fn the_documented_complete_failures() {
        for response in [
            r#"{"batchItemFailures": [{"itemIdentifier": ""}]}"#,
            r#"{"batchItemFailures": [{"itemIdentifier": null}]}"#,
            r#"{"batchItemFailures": [{"wrongKey": "1"}]}"#,
            r#"{"batchItemFailures": [{}]}"#,
            r#"{"batchItemFailures": [{"itemIdentifier": "not in the batch"}]}"#,
            r#"{"batchItemFailures": [{"itemIdentifier": "1"}, {"itemIdentifier": ""}]}"#,
            r#"{"batchItemFailures": "1"}"#,
            "not json",
        ] {
            assert_eq!(reading(response), Report::CompleteFailure, "{response}");
        }
    }

    #[test]
    fn reported_items() {
        assert_eq!(
            reading(r#"{"batchItemFailures": [{"itemIdentifier": "2"}, {"itemIdentifier": "1"}]}"#),
            Report::Failed(vec!["2".into(), "1".into()])
        );
    }
}
