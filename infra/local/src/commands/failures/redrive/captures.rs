//! The capture functions, for raw records that failed.

use capture_dynamodb::CaptureDynamodb;
use capture_kinesis::CaptureKinesis;
use shared::{
    capture::{self, Capture, Dialect},
    redrive::{Capturing, RawKind, RawRecord},
    telemetry,
};

use crate::deployed::{Connection, Deployed, SourceKind};

/// The capture functions of a stack, in this process.
pub struct Captures<'a> {
    pub stack: &'a Connection<'a>,
}

impl Capturing for Captures<'_> {
    fn refusal(&self, _: &str, record: &RawRecord) -> Option<String> {
        refusal(&self.stack.deployed, record)
    }

    async fn capture(&self, record: &RawRecord) -> Result<(), String> {
        let environment = self.stack.environment().of_capture(kind(record));
        let quiet = telemetry::to_nowhere;
        match record.kind {
            RawKind::Dynamodb => {
                let function = CaptureDynamodb::wire(&environment, quiet).map_err(|error| error.to_string())?;
                through(function, &record.bytes).await
            }
            RawKind::Kinesis => {
                let function = CaptureKinesis::wire(&environment, quiet).map_err(|error| error.to_string())?;
                through(function, &record.bytes).await
            }
        }
    }
}

const fn kind(record: &RawRecord) -> SourceKind {
    match record.kind {
        RawKind::Dynamodb => SourceKind::Dynamodb,
        RawKind::Kinesis => SourceKind::Kinesis,
    }
}

/// Why a record is none of the stack's sources.
fn refusal(deployed: &Deployed, record: &RawRecord) -> Option<String> {
    let mut sources = deployed.sources.values().filter(|source| source.kind == kind(record)).peekable();
    if sources.peek().is_some() && sources.clone().all(|source| source.resource.is_none()) {
        let mend = "the stack's outputs do not tell the names of its tables and streams; apply its Terraform of this \
                    version, and write them again";
        return Some(mend.to_owned());
    }
    let resource = &record.resource;
    (!sources.any(|source| source.resource.as_ref() == Some(resource))).then(|| {
        format!(
            "{resource:?} is no source of this stack; add it to the sources in the stack's variables, apply, and \
             redrive, or discard it once it is settled"
        )
    })
}

/// Hands a record to its capture function, byte for byte, as an event source mapping would.
async fn through<D: Dialect, W: capture::World>(function: Capture<D, W>, raw: &[u8]) -> Result<(), String> {
    let payload = [b"{\"Records\":[", raw, b"]}"].concat();
    match function.capture(&payload).await {
        Ok(response) if response.failed().next().is_none() => Ok(()),
        Ok(_) => Err("what it holds was not accepted, because a service did not answer".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_of_no_source_says_why() {
        let deployed: Deployed = serde_json::from_value(json!({
            "name": "shop", "region": "r", "pipelines_table": "p", "ledger_table": "l", "failures_table": "f",
            "activity_table": "a", "bucket": "b", "changes_stream": "changes", "changes_lanes": 16,
            "changes_retention_hours": 24, "destinations": {}, "transform": "t", "collect_failures": "cf",
            "sources": {"customers": {"kind": "dynamodb", "resource": "shop-customers"}, "views": {"kind": "kinesis"}},
        }))
        .unwrap();
        let refused = |kind, resource: &str| {
            refusal(&deployed, &RawRecord { kind, resource: resource.to_owned(), bytes: Vec::new() })
        };
        assert_eq!(refused(RawKind::Dynamodb, "shop-customers"), None);
        let other = refused(RawKind::Dynamodb, "other").unwrap();
        assert!(other.starts_with("\"other\" is no source of this stack"), "{other}");
        let untold = refused(RawKind::Kinesis, "other").unwrap();
        assert!(untold.contains("do not tell the names"), "{untold}");
    }
}
