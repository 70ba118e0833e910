//! Frames: the consecutive events or deliveries of one lane, in order, as one Kinesis record or SQS message.
//!
//! On the wire a frame is `{"lane":3,"lanes":16,"events":[…]}` (or `"deliveries"`). An item too large for a frame
//! stands there as `{"ref":{"bucket":"…","key":"…","bytes":N}}`, and its JSON is the object's content.

mod claim;
mod pack;
mod send;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use self::{
    claim::{ClaimError, check_in, redeem},
    pack::pack,
    send::{Channel, Outgoing, Pace, Unsent, send},
};
use crate::lane::{Lane, Lanes};

/// A frame's largest size in bytes: below the 256 KiB that tools around SQS still enforce, with room for attributes.
pub const MAX_FRAME_BYTES: usize = 240_000;

/// The largest item that travels inside a frame, in bytes; a larger one goes to S3.
pub const MAX_ITEM_BYTES: usize = MAX_FRAME_BYTES - 128;

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Change events, on the backbone.
    Events,
    /// Deliveries, on a destination's queue.
    Deliveries,
}

impl Content {
    const fn field(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Deliveries => "deliveries",
        }
    }
}

/// One event or delivery on its way into a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The lane of its key.
    pub lane: Lane,
    /// Its id, and behind it the attempt where it is redriven: these make the frame's deduplication id, and SQS would
    /// otherwise drop what it has had within five minutes.
    pub id: String,
    /// Its JSON.
    pub json: String,
    /// The place, in the invocation's batch, of the record that it came from.
    pub record: usize,
}

/// A frame ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its lane.
    pub lane: Lane,
    /// Its JSON, at most [`MAX_FRAME_BYTES`].
    pub body: String,
    /// SHA-256 of its items' ids, in hexadecimal: the same items make the same id.
    pub deduplication_id: String,
    /// The place, in the invocation's batch, of the record that its first item came from.
    pub first_record: usize,
}

/// A frame as it arrives.
#[derive(Debug)]
pub struct Opened<'a> {
    /// Its lane.
    pub lane: Lane,
    /// Its items, in order.
    pub items: Vec<Payload<'a>>,
}

/// An item as it arrives.
#[derive(Clone, Debug)]
pub enum Payload<'a> {
    /// The item's JSON.
    Inline(&'a str),
    /// Where the item's JSON is.
    Reference(Reference),
}

/// Where an oversize item is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// The bucket.
    pub bucket: String,
    /// The object's key.
    pub key: String,
    /// The object's size.
    pub bytes: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReferenceItem {
    r#ref: Reference,
}

const REFERENCE_START: &str = r#"{"ref":"#;

/// Why bytes are not a frame of this stream or queue.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Not a frame at all.
    #[error(
        "not a frame of Freshet: {0}; something else writes to this stream or queue, and only Freshet's functions may"
    )]
    Malformed(#[from] serde_json::Error),
    /// The wrong content.
    #[error("a frame of {expected} was expected here, and this one has none")]
    Content {
        /// The field that is missing.
        expected: &'static str,
    },
    /// Another number of lanes than the one it was created with.
    #[error(
        "the frame was written for {found} lanes, but this function is set to {expected}: another count splits a key \
         over two lanes and loses its order; set the count back, or drain the stream or queue before changing it"
    )]
    Lanes {
        /// The frame's count.
        found: u32,
        /// The function's setting.
        expected: u32,
    },
}

/// Opens a frame that was written for `lanes` lanes.
pub fn open(content: Content, lanes: Lanes, body: &[u8]) -> Result<Opened<'_>, FrameError> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        lane: Lane,
        lanes: Lanes,
        #[serde(borrow)]
        events: Option<Vec<&'a RawValue>>,
        #[serde(borrow)]
        deliveries: Option<Vec<&'a RawValue>>,
    }
    let wire: Wire<'_> = serde_json::from_slice(body)?;
    if wire.lanes != lanes {
        return Err(FrameError::Lanes { found: wire.lanes.count(), expected: lanes.count() });
    }
    let items = match content {
        Content::Events => wire.events,
        Content::Deliveries => wire.deliveries,
    };
    let items = items.ok_or(FrameError::Content { expected: content.field() })?;
    let items = items.into_iter().map(|raw| payload(raw.get())).collect::<Result<_, _>>()?;
    Ok(Opened { lane: wire.lane, items })
}

fn payload(json: &str) -> Result<Payload<'_>, serde_json::Error> {
    if json.starts_with(REFERENCE_START) {
        serde_json::from_str::<ReferenceItem>(json).map(|item| Payload::Reference(item.r#ref))
    } else {
        Ok(Payload::Inline(json))
    }
}
