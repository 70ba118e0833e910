//! The events in a file that a pipeline's test names.

use std::path::Path;

use capture_dynamodb::source::Sources as Tables;
use capture_kinesis::source::Sources as Streams;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use shared::{
    capture::{Dialect, split},
    event::ChangeEvent,
    time::Timestamp,
};

/// Reads the events of a file beside the pipeline's, as those of its source: change events, or a raw payload as Lambda
/// hands it to a capture function, which is then read by that function's own code.
pub fn read(pipeline: &Path, file: &str, source: &str) -> Result<Vec<ChangeEvent>, String> {
    let path = pipeline.parent().unwrap_or(Path::new("")).join(file);
    let bytes = std::fs::read(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            format!("there is no {}; a file is named by its path from the pipeline's folder", path.display())
        }
        _ => format!("{} cannot be read: {error}", path.display()),
    })?;
    let events = match Payload::of(&bytes) {
        Some(payload) => payload.capture(&bytes, source),
        None => std::str::from_utf8(&bytes)
            .map_err(|error| format!("it is not text: {error}"))
            .and_then(|text| ChangeEvent::read_written(source, text)),
    };
    events.map_err(|reason| format!("{}: {reason}", path.display()))
}

/// A raw payload: what tells its dialect.
#[derive(Deserialize)]
struct Payload {
    #[serde(rename = "Records")]
    records: Vec<Origin>,
}

#[derive(Deserialize)]
struct Origin {
    #[serde(rename = "eventSource")]
    service: String,
    #[serde(rename = "eventSourceARN")]
    arn: String,
}

impl Payload {
    fn of(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    fn capture(&self, bytes: &[u8], source: &str) -> Result<Vec<ChangeEvent>, String> {
        match self.records.first().map(|record| record.service.as_str()) {
            Some("aws:dynamodb") => self.captured::<Tables>(bytes, source),
            Some("aws:kinesis") => self.captured::<Streams>(bytes, source),
            Some(other) => Err(format!("its records are of {other}, and no function captures those")),
            None => Ok(Vec::new()),
        }
    }

    /// By the function of a dialect, every stream taken for the source.
    fn captured<D: Dialect>(&self, bytes: &[u8], source: &str) -> Result<Vec<ChangeEvent>, String> {
        let sources: D = sources(self.records.iter().map(|record| record.arn.as_str()), source)?;
        let mut events = Vec::new();
        for (index, raw) in split(bytes).map_err(|error| error.to_string())?.into_iter().enumerate() {
            let read = sources.read(raw, Timestamp::default());
            if let Some(failure) = read.failure {
                return Err(format!("record {} is no change event: {}", index + 1, failure.reason));
            }
            events.extend(read.events);
        }
        Ok(events)
    }
}

fn sources<'a, D: DeserializeOwned>(arns: impl Iterator<Item = &'a str>, source: &str) -> Result<D, String> {
    // Behind a consumer with enhanced fan-out it is the same stream.
    let streams = arns.map(|arn| arn.split_once("/consumer/").map_or(arn, |(stream, _)| stream));
    let sources: serde_json::Map<_, _> = streams.map(|arn| (arn.to_owned(), json!({"name": source}))).collect();
    serde_json::from_value(sources.into()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A pipeline's file in the folder of the raw payloads; only its folder matters.
    fn pipeline() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../events/pipeline.toml")
    }

    #[test]
    fn raw_payloads_are_captured_as_the_functions_do() {
        for (file, golden) in [
            ("dynamodb/insert-modify-remove.json", "dynamodb/insert-modify-remove.ndjson"),
            ("kinesis/json.json", "kinesis/json.ndjson"),
        ] {
            let events = read(&pipeline(), file, "mine").unwrap();
            let golden = std::fs::read_to_string(pipeline().with_file_name("golden").join(golden)).unwrap();
            assert_eq!(events.len(), golden.lines().count(), "{file}");
            assert!(events.iter().all(|event| event.source == "mine"), "{file}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_used_says_why() {
        for (file, says) in [
            ("not/there.json", "there is no "),
            ("README.md", "event 1: expected value at line 1"),
            ("invalid/dynamodb/bad-base64.json", "is no change event: "),
            ("sqs/deliveries.json", "its records are of aws:sqs, and no function captures those"),
        ] {
            let error = read(&pipeline(), file, "mine").unwrap_err();
            assert!(error.contains(says), "{file}: {error}");
        }
    }
}
