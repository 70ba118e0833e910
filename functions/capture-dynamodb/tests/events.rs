//! Every payload of `events/dynamodb` and `events/invalid/dynamodb`, by name.
//!
//! What comes out is compared, byte for byte, with the golden file of the same name, which was written from the
//! documentation of DynamoDB streams and from DESIGN's contracts. In a payload with a bad record good ones stand around
//! it, and the golden file holds these, in order.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use capture_dynamodb::CaptureDynamodb;
use shared::{
    batch::BatchResponse,
    capture::CaptureError,
    digest,
    failure::{Failure, Stage},
    lane::Lanes,
    testing::{MemoryState, capture::CaptureWorld, corpus::Corpus},
    time::Timestamp,
};

const NOW: i64 = 1_763_800_000_000;

const STREAM: &str =
    "arn:aws:dynamodb:us-east-1:123456789012:table/ExampleTableWithStream/stream/2015-06-27T00:48:05.899";

type Function = CaptureDynamodb<CaptureWorld>;

fn corpus() -> Corpus {
    Corpus::at(concat!(env!("CARGO_MANIFEST_DIR"), "/../../events"))
}

/// One lane, so that the order of the batch is the order of what comes out.
fn function() -> Function {
    let environment = |name: &str| {
        let value = match name {
            "SOURCES" => r#"{"ExampleTableWithStream":{"name":"examples"}}"#,
            "CHANGES_LANES" => "1",
            "OVERSIZE_BUCKET" => "oversize",
            other => other,
        };
        Some(value.to_owned())
    };
    let world = CaptureWorld { state: MemoryState::at(NOW), ..CaptureWorld::default() };
    CaptureDynamodb::new(&environment, |_| Ok(world)).unwrap()
}

/// The events that were sent, a line each.
fn emitted(function: &Function) -> String {
    function.world().events(Lanes::new(1).unwrap()).unwrap()
}

fn failures(function: &Function) -> Vec<Failure> {
    function.world().state.kept()
}

/// Payloads whose every record is an event.
const WHOLE: &[&str] = &[
    "dynamodb/attribute-types.json",
    "dynamodb/empty.json",
    "dynamodb/insert-modify-remove.json",
    "dynamodb/keys-only.json",
    "dynamodb/new-image.json",
    "dynamodb/old-image.json",
    "dynamodb/time-notations.json",
    "dynamodb/ttl-removal.json",
    "invalid/dynamodb/long-string.json",
    "invalid/dynamodb/number-beyond-f64.json",
];

/// By what a bad record's failure is known.
#[derive(Clone, Copy)]
enum Id {
    /// Its stream and sequence number.
    Place,
    /// The digest of its bytes, since the place cannot be read.
    Digest,
}
use Id::{Digest, Place};

/// A bad record: its place in the batch, how its failure is known, and words of its reason.
type Bad = (usize, Id, &'static str);

/// Payloads with bad records.
const PARTLY: &[(&str, &[Bad])] = &[
    (
        "invalid/dynamodb/attribute-shapes.json",
        &[
            (1, Place, ".Both: a value with two types, so that which one counts would be a guess at line 1 column "),
            (3, Place, ".None: a value without a type at line 1"),
            (5, Place, r#".Bare: invalid type: string "red", expected a typed value such as {"S":"text"} at line 1"#),
            (7, Place, ".Null: NULL is false, where DynamoDB allows true only"),
            (9, Place, r#".Flag: invalid type: string "true", expected a boolean"#),
            (11, Place, ".Number: invalid type: integer `5`, expected a string"),
            (13, Place, ".Set: invalid type: integer `1`, expected a string"),
        ],
    ),
    (
        "invalid/dynamodb/bad-base64.json",
        &[(1, Place, ".Photo: a binary that is not base64"), (3, Place, ".Photos: a binary that is not base64")],
    ),
    (
        "invalid/dynamodb/deep-nesting.json",
        &[
            (
                1,
                Place,
                "[0][0]: nested deeper than 40 levels, where DynamoDB has 32: it was not DynamoDB that wrote this",
            ),
            (
                3,
                Place,
                "[0][0]: nested deeper than 40 levels, where DynamoDB has 32: it was not DynamoDB that wrote this",
            ),
        ],
    ),
    (
        "invalid/dynamodb/duplicate-keys.json",
        &[
            (1, Place, ".Color: this name appears twice at line 1"),
            (3, Place, ".M.a: this name appears twice at line 1"),
            (5, Place, ".Color: a value with two types"),
            (7, Place, "duplicate field `Keys` at line 1"),
        ],
    ),
    (
        "invalid/dynamodb/invalid-utf8.json",
        // The bytes before the one in "caf\xe9" and before the name "\xc3", counted by another program.
        &[
            (1, Place, "the record is not UTF-8 from byte 229 on"),
            (3, Place, "the record is not UTF-8 from byte 217 on"),
        ],
    ),
    (
        "invalid/dynamodb/missing-images.json",
        &[
            (
                1,
                Place,
                "An INSERT without NewImage: the stream's view type is KEYS_ONLY, which does not hold what the row \
                 became; set StreamViewType to NEW_AND_OLD_IMAGES (or NEW_IMAGE) on the table's stream",
            ),
            (3, Place, "A MODIFY without NewImage: the stream's view type is OLD_IMAGE"),
            (5, Place, "An INSERT without NewImage: the stream's view type is not named"),
        ],
    ),
    (
        "invalid/dynamodb/missing-parts.json",
        &[
            (1, Place, "the record has no Keys, so that it cannot be told which row changed"),
            (3, Digest, "the record's SequenceNumber, which orders the changes of a row, cannot be used: \"\" is not"),
            (5, Digest, "missing field `dynamodb`"),
            (7, Digest, "eventSourceARN is \"\", which is no DynamoDB stream's ARN"),
            (9, Place, "eventName is \"\", where DynamoDB writes INSERT, MODIFY or REMOVE"),
            (11, Digest, "missing field `dynamodb`"),
        ],
    ),
    (
        "invalid/dynamodb/number-beyond-dynamodb.json",
        &[
            (1, Place, ".Total: a number of 39 digits, where DynamoDB has 38"),
            (3, Place, ".Total: a number of magnitude 1E126, where DynamoDB has 1E-130 to 9.9E125"),
            (5, Place, ".Total: \"NaN\" is not a decimal number"),
            (7, Place, ".Totals: a number of magnitude 1E-131"),
        ],
    ),
    (
        "invalid/dynamodb/unknown-attribute-type.json",
        &[
            (
                1,
                Place,
                ".Color: \"X\" is no type of DynamoDB's, which are S, N, B, BOOL, NULL, M, L, SS, NS and BS at line 1",
            ),
            (3, Place, ".Profile.tags[1]: \"s\" is no type of DynamoDB's"),
        ],
    ),
    (
        "invalid/dynamodb/unknown-event-name.json",
        &[(1, Place, "eventName is \"TRUNCATE\", where DynamoDB writes INSERT, MODIFY or REMOVE")],
    ),
    (
        "invalid/dynamodb/unknown-table.json",
        &[
            (1, Place, "the table \"secrets\" is no source of this stack; add it to the sources"),
            (3, Place, "which is no DynamoDB stream's ARN"),
            (5, Place, "the stream's label \"latest\" is no time such as 2015-05-11T21:21:33.291"),
        ],
    ),
    (
        "invalid/dynamodb/wrong-types.json",
        &[
            (1, Digest, "invalid type: integer `101`, expected a string"),
            (3, Place, "invalid type: sequence, expected attribute names with typed values"),
            (5, Place, "invalid type: string \"Id\", expected attribute names with typed values"),
            (7, Place, "invalid type: null, expected a string"),
            (
                9,
                Place,
                "ApproximateCreationDateTime is \"2015-04-09T00:00:00Z\", where DynamoDB writes seconds since 1970",
            ),
            (11, Digest, "the record is no JSON object; AWS hands over objects only"),
            (13, Digest, "the record is no JSON object"),
            (15, Digest, "the record is no JSON object"),
            (17, Digest, "the record is no JSON object"),
        ],
    ),
];

/// Payloads that are no batch at all, and words of the invocation's error.
const REFUSED: &[(&str, &str)] = &[
    ("invalid/dynamodb/not-a-batch.json", "missing field `Records` at line 1 column 23"),
    ("invalid/dynamodb/truncated.json", "the payload is not a batch of records, {\"Records\":[…]}: EOF while parsing"),
];

#[tokio::test(start_paused = true)]
async fn whole_payloads_become_events() {
    for file in WHOLE {
        let function = function();
        let response = function.capture(&corpus().read(file).unwrap()).await.unwrap();
        assert_eq!(response, BatchResponse::done(), "{file}");
        assert_eq!(emitted(&function), corpus().golden(file).unwrap(), "{file}");
        assert_eq!(failures(&function), [], "{file}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_record_becomes_a_failure_and_the_good_ones_go_through() {
    for (file, expected) in PARTLY {
        let payload = corpus().read(file).unwrap();
        let records = Corpus::record_lines(&payload);
        let function = function();
        assert_eq!(function.capture(&payload).await.unwrap(), BatchResponse::done(), "{file}");
        assert_eq!(emitted(&function), corpus().golden(file).unwrap(), "{file}");
        let kept = failures(&function);
        assert_eq!(kept.len(), expected.len(), "{file}: {kept:#?}");
        for (failure, (record, id, words)) in kept.iter().zip(*expected) {
            let raw = records[*record];
            let stream = stream_of(raw);
            let source = (stream.as_deref() == Some(STREAM)).then_some("examples");
            let id = match id {
                // The records of a payload have the sequence numbers 100, 101, …
                Place => format!("{}/{}", stream.unwrap(), 100 + record),
                Digest => format!("record/sha256:{}", digest::hex(raw)),
            };
            assert_eq!(failure.id, id, "{file}, record {record}");
            assert!(failure.reason.contains(words), "{file}, record {record}: {}", failure.reason);
            assert_eq!(failure.payload.bytes().unwrap(), raw, "{file}, record {record}");
            assert_eq!((failure.stage, failure.at), (Stage::Capture, Timestamp::from_millis(NOW)));
            assert_eq!(failure.source.as_deref(), source, "{file}, record {record}");
        }
        // Handed over again, it is the same failures and the same events.
        function.capture(&payload).await.unwrap();
        assert_eq!(failures(&function), kept, "{file}");
    }
}

/// The stream's ARN, by its place at the record's end.
fn stream_of(raw: &[u8]) -> Option<String> {
    let raw = String::from_utf8_lossy(raw);
    raw.rsplit_once("\"eventSourceARN\":\"").map(|(_, arn)| arn.trim_end_matches("\"}").to_owned())
}

#[tokio::test(start_paused = true)]
async fn what_is_no_batch_fails_the_invocation() {
    for (file, words) in REFUSED {
        let function = function();
        let error = function.capture(&corpus().read(file).unwrap()).await.unwrap_err();
        assert!(matches!(error, CaptureError::Payload(_)), "{file}");
        assert!(error.to_string().contains(words), "{file}: {error}");
        assert_eq!((emitted(&function), failures(&function)), (String::new(), Vec::new()), "{file}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_oversize_event_lies_whole_in_s3() {
    let function = function();
    function.capture(&corpus().read("invalid/dynamodb/long-string.json").unwrap()).await.unwrap();
    let objects = function.world().state.objects.objects.lock().unwrap();
    let event = String::from_utf8(objects.values().next().unwrap().clone()).unwrap();
    let (start, rest) = event.split_once(&"x".repeat(1 << 20)).unwrap();
    assert_eq!(objects.len(), 1);
    assert_eq!(
        start,
        "{\"id\":\"examples/1435366085899/2\",\"source\":\"examples\",\"op\":\"create\",\"key\":{\"Id\":7},\
         \"after\":{\"Id\":7,\"Text\":\""
    );
    assert_eq!(
        rest,
        "\"},\"occurred_at\":1428537600000,\"epoch\":1435366085899,\"position\":\"2\",\"origin\":\"user\"}"
    );
}

/// One byte of a payload changed, at each place: no panic, and each record is an event or a failure.
#[tokio::test(start_paused = true)]
async fn no_changed_byte_makes_it_panic_or_lose_a_record() {
    let payload = corpus().read("dynamodb/attribute-types.json").unwrap();
    for at in 0..payload.len() {
        for byte in *b"\0\"{]9\xff" {
            let mut changed = payload.clone();
            changed[at] = byte;
            let function = function();
            if function.capture(&changed).await.is_err() {
                continue;
            }
            let failures = failures(&function);
            assert_eq!(emitted(&function).lines().count() + failures.len(), 1, "byte {at} is {byte}");
            assert!(failures.iter().all(|failure| !failure.reason.contains("Freshet itself")), "byte {at} is {byte}");
        }
    }
}

#[test]
fn every_payload_is_named_here() {
    let partly = PARTLY.iter().map(|(file, _)| *file);
    let refused = REFUSED.iter().map(|(file, _)| *file);
    let mut named: Vec<&str> = WHOLE.iter().copied().chain(partly).chain(refused).collect();
    named.sort_unstable();
    assert_eq!(corpus().payloads(&["dynamodb", "invalid/dynamodb"]).unwrap(), named);
    assert_eq!(corpus().undescribed(&named).unwrap(), [""; 0]);
}
