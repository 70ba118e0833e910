//! Failures: what did not arrive, and what a person needs to mend it.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{key::Key, time::Timestamp};

/// A change event, delivery or raw record that could not go on, kept until a person fixes or discards it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// The same for every repeat of the same failure: the delivery's id, or the record's place in its source.
    pub id: String,
    /// Where it failed; a redrive enters here again.
    pub stage: Stage,
    /// What is wrong and what to do, in plain words.
    pub reason: String,
    /// The source's name, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The pipeline's name, where one was involved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// The pipeline's version, where one was involved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// The destination's name, where one was involved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// The row, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// What was sent to the vendor, where anything was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Sent>,
    /// The vendor's own words, where it gave any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// What failed, whole: the raw record, the change event or the delivery.
    pub payload: Payload,
    /// When.
    pub at: Timestamp,
}

impl Failure {
    /// What stands in the text of every failure of a row.
    pub fn row_text(key: &Key) -> String {
        format!("\"key\":{}", key.canonical())
    }
}

/// Where a failure happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The raw record is no change event.
    Capture,
    /// The change event is no delivery.
    Transform,
    /// The vendor will never take the delivery.
    Deliver,
    /// AWS gave up on the invocation: an on-failure object or a dead letter.
    Invocation,
}

impl Stage {
    /// The word in tables and on pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Transform => "transform",
            Self::Deliver => "deliver",
            Self::Invocation => "invocation",
        }
    }
}

impl FromStr for Stage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Capture, Self::Transform, Self::Deliver, Self::Invocation];
        all.into_iter()
            .find(|stage| stage.as_str() == text)
            .ok_or_else(|| format!("there is no stage {text:?}; there is capture, transform, deliver, invocation"))
    }
}

/// What a person has done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Nothing yet, or it has failed again since.
    Open,
    /// It was sent on its way again. A delivery's end closes it; of a record or an event, the deliveries that it becomes
    /// tell.
    Redriven,
    /// It was sent again, and the destination has it.
    Delivered,
    /// It was sent again, and a newer change of its row had been delivered since: the newer value stands.
    Superseded,
    /// It was given up.
    Discarded,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Open, Self::Redriven, Self::Delivered, Self::Superseded, Self::Discarded];

    /// The word in tables and on pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Redriven => "redriven",
            Self::Delivered => "delivered",
            Self::Superseded => "superseded",
            Self::Discarded => "discarded",
        }
    }
}

impl FromStr for Standing {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| format!("there is no state {text:?}; there is {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}

/// A failure's line in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// Where it failed.
    pub stage: Stage,
    /// What a person has done about it.
    pub standing: Standing,
    /// What is wrong.
    pub reason: String,
    /// The pipeline's name, where one was involved.
    pub pipeline: Option<String>,
    /// The destination's name, where one was involved.
    pub destination: Option<String>,
    /// How often it failed.
    pub times: u64,
    /// When it failed first.
    pub first_at: Timestamp,
    /// When it failed last.
    pub last_at: Timestamp,
}

/// A failure with its history.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The failure, as it failed last.
    pub failure: Failure,
    /// Its line in a list.
    pub listed: Listed,
    /// How often it was redriven.
    pub redrives: u64,
    /// When it was redriven last.
    pub redriven_at: Option<Timestamp>,
    /// When what was redriven came to its end.
    pub closed_at: Option<Timestamp>,
    /// When it was discarded, if it is, and why.
    pub discarded: Option<(Timestamp, String)>,
}

/// Which failures are meant; each part that is `None` leaves all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Those of this pipeline.
    pub pipeline: Option<String>,
    /// Those of this destination.
    pub destination: Option<String>,
    /// Those of this stage.
    pub stage: Option<Stage>,
    /// Those that stand like this.
    pub standing: Option<Standing>,
    /// Those that were sent on their way again at this time or later.
    pub redriven_since: Option<Timestamp>,
}

/// Whether a mark was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marked {
    /// It was.
    Yes,
    /// The failure is not as it was read: it is no longer open, or it failed again meanwhile.
    Overtaken,
}

/// A request as it went to a vendor, without what proves who sent it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The method.
    pub method: String,
    /// The address, without credentials.
    pub url: String,
    /// The body of the failed delivery alone, also where it went with others; at most [`Sent::MAX_BYTES`].
    pub body: String,
}

impl Sent {
    /// How much of a body is kept.
    pub const MAX_BYTES: usize = 16_384;

    /// Keeps the start of a body.
    pub fn new(method: &str, url: &str, body: &str) -> Self {
        let end = body.floor_char_boundary(Self::MAX_BYTES.min(body.len()));
        Self { method: method.to_owned(), url: url.to_owned(), body: body[..end].to_owned() }
    }
}

/// What the vendor answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, or its part about this delivery; at most [`Answer::MAX_BYTES`].
    pub body: String,
}

impl Answer {
    /// How much of a body is kept.
    pub const MAX_BYTES: usize = 4_096;

    /// Keeps the start of a body.
    pub fn new(status: u16, body: &str) -> Self {
        let end = body.floor_char_boundary(Self::MAX_BYTES.min(body.len()));
        Self { status, body: body[..end].to_owned() }
    }
}

/// What failed, as text where it is text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Payload {
    /// UTF-8 text: JSON, nearly always.
    Text(String),
    /// Other bytes, in base64.
    Base64(String),
    /// Bytes that are too many for the table: an object in S3.
    Object {
        /// The bucket.
        bucket: String,
        /// The object's key.
        key: String,
    },
}

impl Payload {
    /// Keeps the bytes exactly.
    pub fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Base64(base64_simd::STANDARD.encode_to_string(bytes)),
        }
    }

    /// The bytes again; `None` where they are in S3, or the base64 was tampered with.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Text(text) => Some(text.clone().into_bytes()),
            Self::Base64(text) => base64_simd::STANDARD.decode_to_vec(text).ok(),
            Self::Object { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_keep_their_bytes() {
        for bytes in [&b""[..], b"{\"a\":1}", "ü€😀".as_bytes(), b"\xff\x00\xfe"] {
            assert_eq!(Payload::of(bytes).bytes().as_deref(), Some(bytes));
        }
    }

    #[test]
    fn every_standing_has_its_word() {
        for standing in Standing::ALL {
            assert_eq!(standing.as_str().parse(), Ok(standing));
        }
        let refused = "done".parse::<Standing>().unwrap_err();
        assert!(refused.ends_with("there is open, redriven, delivered, superseded, discarded"), "{refused}");
    }

    #[test]
    fn an_answer_is_cut_between_characters() {
        let body = "€".repeat(2_000);
        let answer = Answer::new(400, &body);
        assert_eq!(answer.body.len(), 4_095);
        assert!(body.starts_with(&answer.body));
    }
}
