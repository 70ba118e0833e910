//! Every payload of `events/kinesis` and `events/invalid/kinesis`, by name.
//!
//! What comes out is compared, byte for byte, with the golden file of the same name, which was written from the
//! documentation of Kinesis and of the Kinesis Producer Library, and from DESIGN's contracts. In a payload with a bad
//! record good ones stand around it, and the golden file holds these, in order.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use capture_kinesis::CaptureKinesis;
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

const STREAM: &str = "arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream";

type Function = CaptureKinesis<CaptureWorld>;

fn corpus() -> Corpus {
    Corpus::at(concat!(env!("CARGO_MANIFEST_DIR"), "/../../events"))
}

/// One lane, so that the order of the batch is the order of what comes out.
fn function() -> Function {
    let environment = |name: &str| {
        let value = match name {
            "SOURCES" => {
                r#"{"lambda-stream":{"name":"tests"},
                    "page-views":{"name":"page_views","key":["visitor_id"],"occurred_at":"at"}}"#
            }
            "CHANGES_LANES" => "1",
            "OVERSIZE_BUCKET" => "oversize",
            other => other,
        };
        Some(value.to_owned())
    };
    let world = CaptureWorld { state: MemoryState::at(NOW), ..CaptureWorld::default() };
    CaptureKinesis::new(&environment, |_| Ok(world)).unwrap()
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
    "invalid/kinesis/long-string.json",
    "invalid/kinesis/number-beyond-f64.json",
    "kinesis/aggregated.json",
    "kinesis/enhanced-fan-out.json",
    "kinesis/json.json",
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

const DAMAGED: &str = "it begins like an aggregate of the Kinesis Producer Library, but its digest is not that of its \
                       content: it was damaged on its way, or cut";

/// A bad record: its place in the batch, how its failure is known, and words of its reason.
type Bad = (usize, Id, &'static str);

/// Payloads with bad records.
const PARTLY: &[(&str, &[Bad])] = &[
    (
        "invalid/kinesis/bad-base64.json",
        &[(1, Place, "the record's data is not base64"), (3, Place, "the record's data is not base64")],
    ),
    ("invalid/kinesis/bad-magic.json", &[(1, Place, "the data is not a JSON object: not valid JSON at byte 0")]),
    (
        "invalid/kinesis/damaged-aggregate.json",
        &[
            (1, Place, "the data is a KPL aggregate whose message cannot be read: "),
            (3, Place, "the data is a KPL aggregate without any record; correct what writes to the stream"),
            (5, Place, "a KPL aggregate whose record 0 names partition key 1, where the aggregate has 1"),
            (
                7,
                Place,
                "2 of the aggregate's 4 records are no events, and the others went through; the first one, record 1 \
                 from zero: the data is not a JSON object: not valid JSON at byte 0",
            ),
        ],
    ),
    (
        "invalid/kinesis/deep-nesting.json",
        &[
            (1, Place, "the data is not a JSON object: nested deeper than 40 levels"),
            (3, Place, "the data is not a JSON object: nested deeper than 40 levels"),
        ],
    ),
    (
        "invalid/kinesis/duplicate-keys.json",
        &[
            (1, Place, "the name \"n\" appears twice in one object"),
            (3, Place, "duplicate field `partitionKey` at line 1"),
        ],
    ),
    (
        "invalid/kinesis/invalid-utf8.json",
        &[
            // {"name":"caf and then the byte.
            (1, Place, "the data is not a JSON object: not valid JSON at byte 12"),
            // {"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":" and then the byte.
            (3, Place, "the record is not UTF-8 from byte 57 on"),
        ],
    ),
    ("invalid/kinesis/truncated-data.json", &[(1, Place, "the data is not a JSON object: not valid JSON at byte 19")]),
    (
        "invalid/kinesis/unknown-stream.json",
        &[
            (1, Place, "the stream \"secrets\" is no source of this stack; add it to the sources"),
            (3, Place, "which is no Kinesis stream's ARN"),
        ],
    ),
    (
        "invalid/kinesis/unusable-fields.json",
        &[
            (1, Place, "the event's field \"visitor_id\", which the source's key names, is missing"),
            (3, Place, "the event's field \"visitor_id\", which the source's key names, is null"),
            (5, Place, "the event's field \"at\", which the source's occurred_at names, is missing"),
            (7, Place, "the event's field \"at\", which the source's occurred_at names, is text"),
            (9, Place, "is a number that is not whole, or too great, where it is whole milliseconds since 1970"),
        ],
    ),
    ("invalid/kinesis/wrong-digest.json", &[(1, Place, DAMAGED), (3, Place, DAMAGED), (5, Place, DAMAGED)]),
    (
        "invalid/kinesis/wrong-types.json",
        &[
            (1, Place, "invalid type: integer `7`, expected a string"),
            (3, Digest, "invalid type: integer `103`, expected a string"),
            (5, Place, "approximateArrivalTimestamp is \"2018-12-17\", where Lambda writes seconds since 1970"),
            (7, Digest, "the record cannot be read: invalid length 0"),
            (9, Digest, "missing field `kinesis`"),
            (11, Digest, "the record is no JSON object; AWS hands over objects only"),
        ],
    ),
    (
        "kinesis/empty-data.json",
        &[
            (1, Place, "the data is empty; an event is a JSON object, so make its producer write one, or none at all"),
            (3, Place, "1 of the aggregate's 1 records are no events"),
        ],
    ),
    (
        "kinesis/non-json-data.json",
        &[
            (1, Place, "the data is not a JSON object: not valid JSON at byte 0"),
            (3, Place, "the data is a list, where an event is a JSON object"),
            (5, Place, "the data is a number, where"),
            (7, Place, "the data is null, where"),
            (9, Place, "the data is not a JSON object: not valid JSON at byte 7"),
        ],
    ),
];

/// A payload that is no batch at all.
const REFUSED: &str = "invalid/kinesis/truncated.json";

/// AWS's own example, whose data is text.
const DOCUMENTED: &str = "kinesis/documented.json";

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
            let id = match id {
                // The records of a payload have the sequence numbers 100, 101, …
                Place => format!("{}/{}", stream.clone().unwrap(), 100 + record),
                Digest => format!("record/sha256:{}", digest::hex(raw)),
            };
            let source = match stream.as_deref() {
                Some(STREAM) => Some("tests"),
                Some(other) if other.ends_with("/page-views") => Some("page_views"),
                _ => None,
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
async fn the_documented_example_is_two_failures_since_its_data_is_text() {
    let function = function();
    assert!(function.capture(&corpus().read(DOCUMENTED).unwrap()).await.unwrap().is_done());
    assert_eq!(emitted(&function), "");
    let ids: Vec<String> = failures(&function).into_iter().map(|failure| failure.id).collect();
    assert_eq!(
        ids,
        [
            format!("{STREAM}/49590338271490256608559692538361571095921575989136588898"),
            format!("{STREAM}/49590338271490256608559692540925702759324208523137515618"),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_no_batch_fails_the_invocation() {
    let function = function();
    let error = function.capture(&corpus().read(REFUSED).unwrap()).await.unwrap_err();
    assert!(matches!(error, CaptureError::Payload(_)));
    assert!(error.to_string().contains("EOF while parsing a string at line 2 column "), "{error}");
    assert_eq!((emitted(&function), failures(&function)), (String::new(), Vec::new()));
}

/// An aggregate is retried as a whole: the sequence number reported is that of the record around it.
#[tokio::test(start_paused = true)]
async fn a_user_record_that_cannot_be_sent_reports_its_aggregate() {
    let function = function();
    function.world().backbone.refuse.store(u64::MAX, std::sync::atomic::Ordering::SeqCst);
    let payload = corpus().read("kinesis/aggregated.json").unwrap();
    let records = Corpus::record_lines(&payload);
    let behind = [b"{\"Records\":[".as_slice(), records[1], b",", records[2], b"]}"].concat();
    let response = function.capture(&behind).await.unwrap();
    assert_eq!(response.failed().collect::<Vec<_>>(), ["101"]);
}

/// One byte of a payload changed, at each place: no panic, and each record is events or a failure.
#[tokio::test(start_paused = true)]
async fn no_changed_byte_makes_it_panic_or_lose_a_record() {
    let payload = corpus().read("kinesis/aggregated.json").unwrap();
    for at in 0..payload.len() {
        for byte in *b"\0\"{]9\xff" {
            let mut changed = payload.clone();
            changed[at] = byte;
            let function = function();
            if function.capture(&changed).await.is_err() {
                continue;
            }
            let events = emitted(&function).lines().count();
            let failures = failures(&function);
            // Five events; a failure takes the place of one, or of the aggregate's three.
            let whole = match failures.len() {
                0 => events == 5,
                _ => events == 4 || events == 2,
            };
            assert!(whole, "byte {at} is {byte}: {events} events, {failures:?}");
            assert!(failures.iter().all(|failure| !failure.reason.contains("Freshet itself")), "byte {at} is {byte}");
        }
    }
}

#[test]
fn every_payload_is_named_here() {
    let partly = PARTLY.iter().map(|(file, _)| *file);
    let mut named: Vec<&str> = WHOLE.iter().copied().chain(partly).chain([REFUSED, DOCUMENTED]).collect();
    named.sort_unstable();
    assert_eq!(corpus().payloads(&["kinesis", "invalid/kinesis"]).unwrap(), named);
    assert_eq!(corpus().undescribed(&named).unwrap(), [""; 0]);
}
