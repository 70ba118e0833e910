//! Where a failure enters again, by its stage and by what it holds.

use std::borrow::Cow;

use serde::Deserialize;

use super::Site;
use crate::{
    delivery::Delivery,
    event::ChangeEvent,
    failure::{Kept, Stage},
};

/// What is to be sent, and where to.
#[derive(Debug, PartialEq)]
pub enum Errand {
    /// To a destination's queue.
    Delivery {
        /// The destination.
        destination: String,
        /// The delivery …
        delivery: Box<Delivery>,
        /// … and its JSON.
        json: String,
    },
    /// Onto the backbone.
    Event {
        /// The event …
        event: Box<ChangeEvent>,
        /// … and its JSON.
        json: String,
    },
    /// A frame of the backbone that transform could not take: its events go onto the backbone.
    Frame(Vec<u8>),
    /// Through the capture function of its kind.
    Record(RawRecord),
}

/// A record as AWS handed it to a capture function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawRecord {
    /// What it comes from …
    pub kind: RawKind,
    /// … by its name.
    pub resource: String,
    /// The record, byte for byte.
    pub bytes: Vec<u8>,
}

/// What a raw record comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RawKind {
    /// A DynamoDB table's stream.
    Dynamodb,
    /// A Kinesis stream.
    Kinesis,
}

impl Errand {
    /// Of a failure with these bytes; the error says why it cannot enter again, and what to do.
    pub fn of(kept: &Kept, payload: Vec<u8>, site: &Site) -> Result<Self, String> {
        match kept.failure.stage {
            Stage::Deliver => Self::delivery(kept, payload, site),
            Stage::Transform => {
                let json = text(payload)?;
                let event = serde_json::from_str(&json).map_err(|error| {
                    format!("it holds no change event ({error}), so nothing can be sent; {DISCARD}")
                })?;
                Ok(Self::Event { event: Box::new(event), json })
            }
            Stage::Capture | Stage::Invocation => Self::record(payload, site),
        }
    }

    fn delivery(kept: &Kept, payload: Vec<u8>, site: &Site) -> Result<Self, String> {
        let json = text(payload)?;
        let no_delivery =
            |error: serde_json::Error| format!("it holds no delivery ({error}), so nothing can be sent; {DISCARD}");
        let delivery: Delivery = serde_json::from_str(&json).map_err(no_delivery)?;
        let delivery = Delivery { redriven: true, ..delivery };
        let json = delivery.to_json();
        let destination = kept.failure.destination.clone();
        let destination = destination.ok_or_else(|| format!("its destination is not known; {DISCARD}"))?;
        if !site.queues.contains_key(&destination) {
            return Err(format!(
                "the stack has no destination {destination} any more; put it back and apply, or {DISCARD}"
            ));
        }
        Ok(Self::Delivery { destination, delivery: Box::new(delivery), json })
    }

    fn record(raw: Vec<u8>, site: &Site) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Record<'a> {
            #[serde(borrow, default, rename = "eventSource")]
            event_source: Cow<'a, str>,
            #[serde(borrow, default, rename = "eventSourceARN")]
            stream: Cow<'a, str>,
            #[serde(borrow)]
            kinesis: Option<Kinesis<'a>>,
        }
        #[derive(Deserialize)]
        struct Kinesis<'a> {
            #[serde(borrow)]
            data: Cow<'a, str>,
        }
        let readable = String::from_utf8_lossy(&raw);
        let record: Record<'_> = serde_json::from_str(&readable).map_err(|error| {
            format!("it holds no record of a stream ({error}); read from it which records it was, and {DISCARD}")
        })?;
        let (kind, resource) = match &*record.event_source {
            "aws:dynamodb" => (RawKind::Dynamodb, part_behind(&record.stream, ":table/")),
            "aws:kinesis" => (RawKind::Kinesis, part_behind(&record.stream, ":stream/")),
            other => return Err(format!("it holds no record of a stream: its eventSource is {other:?}; {DISCARD}")),
        };
        if kind == RawKind::Kinesis && resource == site.changes_stream {
            let data = record.kinesis.map(|kinesis| base64_simd::STANDARD.decode_to_vec(kinesis.data.as_bytes()));
            return match data {
                Some(Ok(body)) => Ok(Self::Frame(body)),
                _ => Err(format!("it holds a record of the backbone without readable data; {DISCARD}")),
            };
        }
        let resource = resource.to_owned();
        Ok(Self::Record(RawRecord { kind, resource, bytes: raw }))
    }
}

const DISCARD: &str = "discard it once it is settled";

fn text(payload: Vec<u8>) -> Result<String, String> {
    String::from_utf8(payload).map_err(|_| format!("it holds bytes that are no text; {DISCARD}"))
}

/// The name in an ARN: between this and the next slash.
fn part_behind<'a>(arn: &'a str, before: &str) -> &'a str {
    arn.split_once(before).map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        failure::{Failure, Listed, Payload, Standing},
        lane::Lanes,
        redrive::QueueSite,
        time::Timestamp,
    };

    fn site() -> Site {
        let lanes = |count| Lanes::new(count).unwrap();
        let queue = QueueSite { url: "q".to_owned(), lanes: lanes(8) };
        Site {
            bucket: "b".to_owned(),
            changes_stream: "changes".to_owned(),
            changes_lanes: lanes(16),
            queues: [("crm".to_owned(), queue)].into(),
        }
    }

    fn errand(stage: Stage, destination: Option<&str>, payload: &Value) -> Result<Errand, String> {
        let at = Timestamp::from_millis(0);
        let failure = Failure {
            id: "f".to_owned(),
            stage,
            reason: "r".to_owned(),
            source: None,
            pipeline: None,
            version: None,
            destination: destination.map(str::to_owned),
            key: None,
            request: None,
            answer: None,
            payload: Payload::of(b""),
            at,
        };
        let listed = Listed {
            id: "f".to_owned(),
            stage,
            standing: Standing::Open,
            reason: "r".to_owned(),
            pipeline: None,
            destination: None,
            times: 1,
            first_at: at,
            last_at: at,
        };
        let kept = Kept { failure, listed, redrives: 0, redriven_at: None, closed_at: None, discarded: None };
        Errand::of(&kept, payload.to_string().into_bytes(), &site())
    }

    #[test]
    fn each_stage_has_its_entry() {
        let delivery = json!({"id": "p/s/1/1", "pipeline": "p", "version": 1, "source": "s", "op": "update",
            "key": {"id": "r"}, "epoch": 1, "position": "1", "occurred_at": 0, "action": "send", "step": "apply"});
        let sent = errand(Stage::Deliver, Some("crm"), &delivery).unwrap();
        let Errand::Delivery { destination, delivery, json } = sent else { panic!("{sent:?}") };
        assert_eq!(destination, "crm");
        assert!(delivery.redriven && json.contains(r#""redriven":true"#), "{json}");
        let event = json!({"id": "s/1/1", "source": "s", "op": "create", "key": {"id": "r"}, "occurred_at": 0,
            "epoch": 1, "position": "1"});
        assert!(matches!(errand(Stage::Transform, None, &event), Ok(Errand::Event { .. })));
        let row = json!({"eventSource": "aws:dynamodb", "eventSourceARN": "arn:aws:dynamodb:r:1:table/shop-customers/stream/1"});
        for stage in [Stage::Capture, Stage::Invocation] {
            let (kind, resource) = (RawKind::Dynamodb, "shop-customers".to_owned());
            let bytes = row.to_string().into_bytes();
            assert_eq!(errand(stage, None, &row), Ok(Errand::Record(RawRecord { kind, resource, bytes })));
        }
        let frame = json!({"eventSource": "aws:kinesis", "eventSourceARN": "arn:aws:kinesis:r:1:stream/changes",
            "kinesis": {"data": "e30="}});
        assert_eq!(errand(Stage::Invocation, None, &frame), Ok(Errand::Frame(b"{}".to_vec())));
    }

    #[test]
    fn what_cannot_enter_again_says_why() {
        let delivery = json!({"id": "p/s/1/1", "pipeline": "p", "version": 1, "source": "s", "op": "update",
            "key": {"id": "r"}, "epoch": 1, "position": "1", "occurred_at": 0, "action": "send", "step": "apply"});
        for (stage, destination, payload, message) in [
            (Stage::Deliver, Some("crm"), json!({}), "it holds no delivery"),
            (Stage::Deliver, Some("erp"), delivery.clone(), "the stack has no destination erp any more"),
            (Stage::Deliver, None, delivery, "its destination is not known"),
            (Stage::Transform, None, json!({"lane": 1}), "it holds no change event"),
            (Stage::Invocation, None, json!([]), "it holds no record of a stream"),
            (Stage::Invocation, None, json!({"eventSource": "aws:s3"}), "its eventSource is \"aws:s3\""),
        ] {
            let why = errand(stage, destination, &payload).unwrap_err();
            assert!(why.contains(message), "{payload}: {why}");
        }
    }
}
