//! On-failure objects: what Lambda writes to S3 when it gives up on a batch of a stream ("Retain discarded batch
//! records for a Kinesis Data Streams event source in Lambda", and the same for DynamoDB, AWS Lambda developer guide).

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use shared::{
    capture::{Place, split},
    digest,
    failure::{Failure, Payload, Stage},
    time::Timestamp,
};

/// Where Lambda writes them: `aws/lambda/<mapping's UUID>/<shard>/YYYY/MM/DD/…`.
pub const PREFIX: &str = "aws/lambda/";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OnFailure<'a> {
    request_context: RequestContext,
    response_context: Option<ResponseContext>,
    #[serde(rename = "DDBStreamBatchInfo", alias = "KinesisBatchInfo")]
    batch_info: BatchInfo,
    #[serde(borrow)]
    payload: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    #[serde(default)]
    request_id: String,
    #[serde(default)]
    function_arn: String,
    condition: String,
    #[serde(default)]
    approximate_invoke_count: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext {
    function_error: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchInfo {
    shard_id: String,
}

/// One failure for each record of an on-failure object; where it cannot be taken apart, one for the whole of it.
pub fn failures(key: &str, object: &[u8], at: Timestamp) -> Vec<Failure> {
    match take_apart(key, object, at) {
        Ok(failures) => failures,
        Err(why) => vec![whole(
            key,
            format!(
                "Lambda gave up on a batch of records, and what it wrote about it cannot be taken apart ({why}); the \
                 object is kept here as it is: read from it which records it was, and replay them from their stream"
            ),
            object,
            at,
        )],
    }
}

/// The failure of a thing that is kept as it came.
pub fn whole(id: &str, reason: String, raw: &[u8], at: Timestamp) -> Failure {
    Failure {
        id: id.to_owned(),
        stage: Stage::Invocation,
        reason,
        source: None,
        pipeline: None,
        version: None,
        destination: None,
        key: None,
        answer: None,
        payload: Payload::of(raw),
        at,
    }
}

fn take_apart(key: &str, object: &[u8], at: Timestamp) -> Result<Vec<Failure>, String> {
    let object: OnFailure<'_> = serde_json::from_slice(object).map_err(|error| error.to_string())?;
    // The page says "as an escaped JSON string"; some that speak the protocol write the JSON itself.
    let payload: Cow<'_, str> = if object.payload.get().starts_with('"') {
        serde_json::from_str::<String>(object.payload.get()).map_err(|error| error.to_string())?.into()
    } else {
        object.payload.get().into()
    };
    let records = split(payload.as_bytes()).map_err(|error| error.to_string())?;
    let mapping = key.strip_prefix(PREFIX).and_then(|rest| rest.split('/').next()).unwrap_or(key);
    let shard = &object.batch_info.shard_id;
    let reason = reason(&object);
    Ok(records
        .into_iter()
        .map(|raw| {
            let number = ["dynamodb", "kinesis"]
                .into_iter()
                .zip(["SequenceNumber", "sequenceNumber"])
                .find_map(|(dialect, number)| Place::find(raw, [dialect, number]).sequence_number);
            let record = number.unwrap_or_else(|| format!("sha256:{}", digest::hex(raw)));
            whole(&format!("{mapping}/{shard}/{record}"), reason.clone(), raw, at)
        })
        .collect())
}

fn reason(object: &OnFailure<'_>) -> String {
    let RequestContext { request_id, function_arn, condition, approximate_invoke_count } = &object.request_context;
    let error = object.response_context.as_ref().and_then(|response| response.function_error.as_deref());
    let error = error.map_or_else(|| "no function error".to_owned(), |error| format!("function error {error}"));
    format!(
        "Lambda gave up on this record's batch: {condition} after about {approximate_invoke_count} invocations of \
         {function_arn}, {error}. Look into that function's log (last request {request_id}), mend the cause, and redrive"
    )
}
