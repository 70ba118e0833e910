//! On-failure objects: what Lambda writes to S3 when it gives up on a batch of a stream ("Retain discarded batch
//! records for a Kinesis Data Streams event source in Lambda", and the same for DynamoDB, AWS Lambda developer guide).

use std::borrow::Cow;

use serde::{Deserialize, de::IgnoredAny};
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
        request: None,
        answer: None,
        payload: Payload::of(raw),
        at,
    }
}

fn take_apart(key: &str, object: &[u8], at: Timestamp) -> Result<Vec<Failure>, String> {
    let object: OnFailure<'_> = serde_json::from_slice(object).map_err(|error| error.to_string())?;
    let payload = text_of(object.payload)?;
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

/// What the function was invoked with, byte for byte, where these bytes are an on-failure object; `None` where they are
/// something else, and the reason where the object does not hold it.
pub fn payload(object: &[u8]) -> Option<Result<Vec<u8>, String>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Shape<'a> {
        #[serde(rename = "requestContext")]
        _request_context: IgnoredAny,
        #[serde(rename = "DDBStreamBatchInfo", alias = "KinesisBatchInfo")]
        _batch_info: IgnoredAny,
        #[serde(borrow)]
        payload: Option<&'a RawValue>,
    }
    let shape: Shape<'_> = serde_json::from_slice(object).ok()?;
    Some(match shape.payload {
        Some(payload) => text_of(payload).map(|text| text.into_owned().into_bytes()),
        None => Err("it has no payload: Lambda writes one to S3, and only a notice to SQS and SNS".to_owned()),
    })
}

/// The page says "as an escaped JSON string"; some that speak the protocol write the JSON itself.
fn text_of(payload: &RawValue) -> Result<Cow<'_, str>, String> {
    if payload.get().starts_with('"') {
        serde_json::from_str::<String>(payload.get()).map(Cow::Owned).map_err(|error| error.to_string())
    } else {
        Ok(payload.get().into())
    }
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
