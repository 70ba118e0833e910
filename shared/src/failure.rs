//! Failures: what did not arrive, and what a person needs to mend it.

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
    /// The vendor's own words, where it gave any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// What failed, whole: the raw record, the change event or the delivery.
    pub payload: Payload,
    /// When.
    pub at: Timestamp,
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
    fn an_answer_is_cut_between_characters() {
        let body = "€".repeat(2_000);
        let answer = Answer::new(400, &body);
        assert_eq!(answer.body.len(), 4_095);
        assert!(body.starts_with(&answer.body));
    }
}
