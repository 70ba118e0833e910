//! Every payload of `events/sqs`, `events/s3` and their invalid ones, by name.
//!
//! The failures kept are compared, byte for byte, with the golden file of the same name, which was written from the
//! documentation of Lambda, SQS and S3, and from DESIGN's contracts.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use collect_failures::{CollectError, CollectFailures, Response, config::Config};
use shared::{
    batch::BatchResponse,
    testing::{MemoryState, corpus::Corpus},
};

const NOW: i64 = 1_763_800_000_000;

type Function = CollectFailures<MemoryState>;

fn corpus() -> Corpus {
    Corpus::at(concat!(env!("CARGO_MANIFEST_DIR"), "/../../events"))
}

/// The objects that payloads speak of: bucket, key, and the file with the content.
const OBJECTS: &[(&str, &str, &str)] = &[
    (
        "freshet-failures",
        "aws/lambda/14e0db71-xmpl-4eb5-b481-8945cf9d10c2/shard é+1/object",
        "s3/objects/encoded-key.json",
    ),
    (
        "freshet-failures",
        "aws/lambda/14e0db71-xmpl-4eb5-b481-8945cf9d10c2/shardId-00000001573689847184-864758bb/2019/11/14/2019-11-14T00.13.49-5d1b2b3c-0000-4000-8000-000000000002",
        "s3/objects/on-failure-dynamodb.json",
    ),
    (
        "freshet-failures",
        "aws/lambda/14e0db71-xmpl-4eb5-b481-8945cf9d10c2/shardId-000000000001/2019/11/14/2019-11-14T00.38.06-5d1b2b3c-0000-4000-8000-000000000001",
        "s3/objects/on-failure-kinesis.json",
    ),
    (
        "freshet-failures",
        "aws/lambda/14e0db71-xmpl-4eb5-b481-8945cf9d10c2/shardId-000000000001/2019/11/14/no-payload",
        "s3/objects/without-payload.json",
    ),
    ("oversize", "oversize/kept.json", "sqs/objects/oversize-kept.json"),
];

fn function() -> Function {
    let environment = |name: &str| {
        Some(match name {
            "DEAD_LETTER_QUEUES" => r#"{"arn:aws:sqs:us-east-2:123456789012:hubspot-dead.fifo":"hubspot"}"#.to_owned(),
            other => other.to_lowercase(),
        })
    };
    let state = MemoryState::at(NOW);
    for (bucket, key, file) in OBJECTS {
        let content = corpus().read(file).unwrap();
        state.objects.objects.lock().unwrap().insert(((*bucket).to_owned(), (*key).to_owned()), content);
    }
    CollectFailures::new(Config::read(&environment).unwrap(), state)
}

fn kept(function: &Function) -> String {
    let kept = function.state().failures.kept.lock().unwrap();
    kept.iter().map(|failure| serde_json::to_string(failure).unwrap() + "\n").collect()
}

/// Payloads that become failures, or nothing.
const COLLECTED: &[&str] = &[
    "invalid/s3/object-without-payload.json",
    "invalid/sqs/not-deliveries.json",
    "s3/encoded-key.json",
    "s3/object-gone.json",
    "s3/of-no-interest.json",
    "s3/on-failure-dynamodb.json",
    "s3/on-failure-kinesis.json",
    "s3/test-event.json",
    "sqs/deliveries.json",
    "sqs/documented-fifo.json",
    "sqs/oversize.json",
];

/// Payloads that fail the invocation, and words of its error.
const REFUSED: &[(&str, &str)] = &[
    ("invalid/s3/truncated.json", "the payload is not a batch of records"),
    ("invalid/s3/unknown-source.json", "record 0 cannot be read: its eventSource is \"aws:sns\"; this function takes"),
    ("invalid/s3/wrong-types.json", "record 0 cannot be read: invalid type: string \"freshet-failures\""),
    ("invalid/sqs/no-message-id.json", "record 0 of the batch has no sequence number or message id"),
    ("invalid/sqs/truncated.json", "the payload is not a batch of records"),
    ("invalid/sqs/wrong-types.json", "record 0 cannot be read: invalid type: integer `7`, expected a string"),
];

fn done(file: &str) -> Response {
    if file.contains("sqs/") { Response::Queue(BatchResponse::done()) } else { Response::Notification }
}

#[tokio::test]
async fn what_aws_gave_up_on_becomes_failures() {
    for file in COLLECTED {
        let function = function();
        let payload = corpus().read(file).unwrap();
        assert_eq!(function.collect(&payload).await.unwrap(), done(file), "{file}");
        let failures = kept(&function);
        assert_eq!(failures, corpus().golden(file).unwrap(), "{file}");
        // Handed over again, it is the same failures.
        assert_eq!(function.collect(&payload).await.unwrap(), done(file), "{file}");
        assert_eq!(kept(&function), failures, "{file}");
    }
}

#[tokio::test]
async fn what_is_neither_notification_nor_message_fails_the_invocation() {
    for (file, words) in REFUSED {
        let function = function();
        let error = function.collect(&corpus().read(file).unwrap()).await.unwrap_err().to_string();
        assert!(error.contains(words), "{file}: {error}");
        assert_eq!(kept(&function), "", "{file}");
    }
}

#[test]
fn the_responses_wire_forms_are_those_that_aws_expects() {
    assert_eq!(serde_json::to_string(&Response::Notification).unwrap(), "{}");
    assert_eq!(serde_json::to_string(&done("sqs/")).unwrap(), r#"{"batchItemFailures":[]}"#);
}

#[tokio::test]
async fn failures_that_cannot_be_kept_come_again() {
    let function = function();
    let payload = corpus().read("sqs/deliveries.json").unwrap();
    // The first message's failures are not kept: it is reported, and with it the third, of the same group.
    function.state().failures.breaks.next(1);
    let Response::Queue(response) = function.collect(&payload).await.unwrap() else { panic!("not a queue's response") };
    let failed: Vec<&str> = response.failed().collect();
    assert_eq!(failed, ["3d2e8f0a-0b1c-4d5e-8f90-a1b2c3d4e501", "3d2e8f0a-0b1c-4d5e-8f90-a1b2c3d4e503"]);
    // S3 cannot be told which: the invocation fails, and Lambda repeats it.
    function.state().failures.breaks.next(1);
    let error = function.collect(&corpus().read("s3/on-failure-kinesis.json").unwrap()).await.unwrap_err();
    assert!(matches!(error, CollectError::Port(_)), "{error}");
}

#[tokio::test]
async fn what_is_kept_is_counted() {
    let function = function();
    function.collect(&corpus().read("invalid/sqs/not-deliveries.json").unwrap()).await.unwrap();
    let counts = function.state().activity.0.lock().unwrap().clone();
    let of = |subject: &str| counts[&("collect-failures".to_owned(), subject.to_owned(), "failed")];
    assert_eq!((of("customers-to-hubspot"), of("hubspot")), (2, 3));
    // Three messages, each with its line of metrics.
    assert_eq!(function.state().lines.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn objects_that_cannot_be_read_come_again() {
    let function = function();
    function.state().objects.breaks.next(1);
    let Response::Queue(response) = function.collect(&corpus().read("sqs/oversize.json").unwrap()).await.unwrap()
    else {
        panic!("not a queue's response")
    };
    assert_eq!(response.failed().collect::<Vec<_>>(), ["3d2e8f0a-0b1c-4d5e-8f90-a1b2c3d4e501"]);
    assert_eq!(kept(&function), "");
    function.state().objects.breaks.next(1);
    let error = function.collect(&corpus().read("s3/on-failure-kinesis.json").unwrap()).await.unwrap_err();
    assert!(matches!(error, CollectError::Port(_)), "{error}");
}

#[test]
fn every_payload_is_named_here() {
    let refused = REFUSED.iter().map(|(file, _)| *file);
    let objects = OBJECTS.iter().map(|(_, _, file)| *file);
    let mut named: Vec<&str> = COLLECTED.iter().copied().chain(refused).chain(objects).collect();
    named.sort_unstable();
    let folders = ["sqs", "sqs/objects", "s3", "s3/objects", "invalid/sqs", "invalid/s3"];
    assert_eq!(corpus().payloads(&folders).unwrap(), named);
    assert_eq!(corpus().undescribed(&named).unwrap(), [""; 0]);
}

/// A folder that no test looks into would be a folder of payloads that no test names.
#[test]
fn every_folder_has_its_test() {
    let folders = |path: &str| {
        let path = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../events")).join(path);
        let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names
    };
    // Each kind of trigger has the test of its function: transform for two, deliver, capture-dynamodb,
    // capture-kinesis, this one for two.
    assert_eq!(
        folders(""),
        ["README.md", "changes", "deliveries", "dynamodb", "golden", "invalid", "kinesis", "s3", "schedule", "sqs"]
    );
    assert_eq!(folders("invalid"), ["dynamodb", "kinesis", "s3", "sqs"]);
}
