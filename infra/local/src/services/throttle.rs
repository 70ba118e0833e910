//! Partial failures that AWS documents and that an idle emulator never shows, injected in front of Kinesis and SQS.

use std::collections::BTreeMap;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use rustack_sqs_model::types::BatchResultErrorEntry;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::kinesis::MAXIMUM_BODY;
use crate::faults::{FaultKind, Faults};

const THROTTLED: &str = "ProvisionedThroughputExceededException";
const MESSAGE: &str = "Rate exceeded for a shard of the stream (an injected fault).";

/// The failed entry of a `SendMessageBatch`, if a fault strikes ("`BatchResultErrorEntry`" in the SQS API Reference).
pub(super) fn send_message_batch_entry(faults: &Faults, id: &str) -> Option<BatchResultErrorEntry> {
    faults.strikes(FaultKind::SendMessageBatch).then(|| BatchResultErrorEntry {
        id: id.to_owned(),
        sender_fault: false,
        code: "InternalError".to_owned(),
        message: Some("We encountered an internal error. Please try again. (an injected fault)".to_owned()),
    })
}

/// Fails some records of each `PutRecords`, and some `PutRecord`s; the rest goes to the service.
pub(super) async fn kinesis(State(faults): State<Faults>, request: Request, next: Next) -> Response {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    match target {
        Some("Kinesis_20131202.PutRecord") if faults.strikes(FaultKind::PutRecords) => {
            let error = json!({ "__type": THROTTLED, "message": MESSAGE });
            (StatusCode::BAD_REQUEST, as_json(&error)).into_response()
        }
        Some("Kinesis_20131202.PutRecords") => put_records(&faults, request, next).await,
        _ => next.run(request).await,
    }
}

async fn put_records(faults: &Faults, request: Request, next: Next) -> Response {
    let (mut head, body) = request.into_parts();
    let body = match to_bytes(body, MAXIMUM_BODY).await {
        Ok(body) => body,
        Err(error) => return (StatusCode::PAYLOAD_TOO_LARGE, error.to_string()).into_response(),
    };
    // What cannot be read is left to the service to refuse.
    let split = Split::of(&body, || faults.strikes(FaultKind::PutRecords));
    let Some(split) = split.filter(|split| split.struck.contains(&true)) else {
        return next.run(Request::from_parts(head, Body::from(body))).await;
    };
    let Some(rest) = split.rest else {
        return as_json(&answer(&split.struck, Answer::default())).into_response();
    };
    head.headers.remove(CONTENT_LENGTH);
    let response = next.run(Request::from_parts(head, Body::from(rest))).await;
    if response.status() != StatusCode::OK {
        return response;
    }
    let body = to_bytes(response.into_body(), MAXIMUM_BODY).await.unwrap_or_default();
    match serde_json::from_slice(&body) {
        Ok(given) => as_json(&answer(&split.struck, given)).into_response(),
        Err(error) => {
            (StatusCode::BAD_GATEWAY, format!("Kinesis answered PutRecords with no JSON: {error}")).into_response()
        }
    }
}

/// A `PutRecords` request, split into the records that are struck and the rest.
struct Split {
    /// For each record, in the order of the request, whether it is struck.
    struck: Vec<bool>,
    /// The request with the other records; none if there are no others.
    rest: Option<Vec<u8>>,
}

impl Split {
    fn of(body: &[u8], mut strikes: impl FnMut() -> bool) -> Option<Self> {
        // Records are moved as they stand: decoding megabytes of base64 would only cost time.
        let mut request: BTreeMap<String, &RawValue> = serde_json::from_slice(body).ok()?;
        let mut records: Vec<&RawValue> = serde_json::from_str(request.get("Records")?.get()).ok()?;
        let struck: Vec<bool> = records.iter().map(|_| strikes()).collect();
        let mut each = struck.iter();
        records.retain(|_| each.next() == Some(&false));
        let rest = if records.is_empty() {
            None
        } else {
            let records = serde_json::value::to_raw_value(&records).ok()?;
            request.insert("Records".to_owned(), &records);
            Some(serde_json::to_vec(&request).ok()?)
        };
        Some(Self { struck, rest })
    }
}

/// A `PutRecords` response ("`PutRecords`" in the Kinesis API Reference).
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    failed_record_count: usize,
    records: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption_type: Option<String>,
}

/// The service's answer about the rest, with the struck records in their places.
fn answer(struck: &[bool], given: Answer) -> Value {
    let mut of_service = given.records.into_iter();
    let in_place = struck.iter().map(|struck| {
        if *struck {
            json!({ "ErrorCode": THROTTLED, "ErrorMessage": MESSAGE })
        } else {
            of_service.next().unwrap_or_default()
        }
    });
    let records = in_place.collect();
    let failed_record_count = given.failed_record_count + struck.iter().filter(|struck| **struck).count();
    json!(Answer { failed_record_count, records, encryption_type: given.encryption_type })
}

fn as_json(body: &Value) -> impl IntoResponse {
    let json = HeaderValue::from_static("application/x-amz-json-1.1");
    ([(CONTENT_TYPE, json)], body.to_string())
}
