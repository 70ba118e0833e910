//! Deliveries: one change event as one pipeline sends it; and how an attempt ends.

use serde::{Deserialize, Serialize};

use crate::{
    digest,
    event::{ChangeEvent, Op, Order},
    failure::Answer,
    key::Key,
    position::Position,
    time::Timestamp,
    value::Object,
};

/// One change event as one pipeline sends it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// `<pipeline>/<event id>`: the same on every repeat, and the idempotency key.
    pub id: String,
    /// The pipeline.
    pub pipeline: String,
    /// The pipeline's version that made it.
    pub version: u64,
    /// The event's source.
    pub source: String,
    /// What happened to the row.
    pub op: Op,
    /// The row.
    pub key: Key,
    /// The event's epoch.
    pub epoch: u64,
    /// The event's position.
    pub position: Position,
    /// When the change happened.
    pub occurred_at: Timestamp,
    /// When the event arrived on the backbone, by which the version was chosen and from which a pause is replayed. What
    /// was queued by a release that did not tell has arrived long ago.
    #[serde(default)]
    pub arrived_at: Timestamp,
    /// The destination's action, by its name in the connector's file.
    pub action: String,
    /// What to do with the row at the destination.
    pub step: Step,
    /// Which rows the step may take away, where it takes one.
    #[serde(default, skip_serializing_if = "Removes::is_created")]
    pub removes: Removes,
    /// It has failed before and a person sends it again: how it ends is written to its failure.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redriven: bool,
    /// The mapped fields, in the pipeline's order; none for [`Step::Keep`].
    #[serde(default, skip_serializing_if = "Object::is_empty")]
    pub fields: Object,
}

/// What a delivery does at the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// The action itself: upsert, or append.
    Apply,
    /// The row is gone or has left the filter: archive it, so that it can be restored.
    Archive,
    /// The row is gone or has left the filter: delete it.
    Delete,
    /// The row is gone or has left the filter: erase it with all that the vendor knows of the person, as the laws on
    /// personal data ask.
    Erase,
    /// The row is gone or has left the filter: it stays, without the values that the pipeline has sent.
    Clear,
    /// The row is gone or has left the filter: it stays, and gets no messages.
    Unsubscribe,
    /// Nothing is sent; the ledger advances, so that nothing older brings back what has left.
    Keep,
}

impl Step {
    /// The steps for a row that is gone or has left the filter, the mildest last.
    pub const REMOVALS: [Self; 5] = [Self::Archive, Self::Delete, Self::Erase, Self::Clear, Self::Unsubscribe];

    /// The steps that may send something.
    pub fn sent() -> impl Iterator<Item = Self> {
        std::iter::once(Self::Apply).chain(Self::REMOVALS)
    }

    /// The word in pipelines and on pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Archive => "archive",
            Self::Delete => "delete",
            Self::Erase => "erase",
            Self::Clear => "clear",
            Self::Unsubscribe => "unsubscribe",
            Self::Keep => "keep",
        }
    }

    /// Whether it takes the row itself away, and with it what others have written there.
    pub const fn takes_the_row(self) -> bool {
        matches!(self, Self::Archive | Self::Delete | Self::Erase)
    }
}

/// Which rows a removal may take away at the destination. What was there before Freshet is somebody else's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Removes {
    /// Those that this pipeline has created, by the vendor's own word.
    #[default]
    Created,
    /// Any that this pipeline has delivered to.
    Any,
}

impl Removes {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    const fn is_created(&self) -> bool {
        matches!(self, Self::Created)
    }
}

/// What the vendor told of a row that it took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Its own id of the row.
    pub destination_key: Option<String>,
    /// Whether the row is new there.
    pub created: Option<bool>,
}

impl Delivery {
    /// The id of a pipeline's delivery of an event.
    pub fn id_of(pipeline: &str, event: &ChangeEvent) -> String {
        [pipeline, "/", &event.id].concat()
    }

    /// As it stands in a message.
    pub fn to_json(&self) -> String {
        // Room for most.
        let mut json = Vec::with_capacity(1024);
        // Writing to memory cannot fail, and all names are strings.
        let _ = serde_json::to_writer(&mut json, self);
        String::from_utf8(json).unwrap_or_default()
    }

    /// The event's place in the order of its key.
    pub fn order(&self) -> Order {
        Order { epoch: self.epoch, position: self.position.clone() }
    }

    /// SHA-256 of what the destination would hold after this delivery: action, step and fields.
    pub fn digest(&self) -> String {
        let content = serde_json::to_vec(&(&self.action, self.step, &self.fields)).unwrap_or_default();
        digest::hex(&content)
    }
}

/// How a delivery's attempt ended, and so what happens to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The vendor has it.
    Delivered(Told),
    /// It may succeed later: network, 408, 429 without a time, 5xx, a vendor's lock.
    Retry {
        /// Why.
        reason: String,
    },
    /// The vendor asks to wait.
    Throttled {
        /// Until then.
        until: Timestamp,
        /// The vendor's words.
        reason: String,
    },
    /// The vendor does not accept the credentials.
    Unauthorised {
        /// The vendor's words.
        reason: String,
    },
    /// It can never succeed.
    Rejected {
        /// Why, in plain words.
        reason: String,
        /// The vendor's own words.
        answer: Option<Answer>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    #[test]
    fn the_digest_depends_on_what_is_sent_only() {
        let delivery = Delivery {
            id: "p/customers/1/5".into(),
            pipeline: "p".into(),
            version: 1,
            source: "customers".into(),
            op: Op::Update,
            key: Key::single("id", "c-1"),
            epoch: 1,
            position: Position::parse("5").unwrap(),
            occurred_at: Timestamp::from_millis(5),
            arrived_at: Timestamp::default(),
            action: "upsert_contact".into(),
            step: Step::Apply,
            removes: Removes::Created,
            redriven: false,
            fields: Object::from_iter([("email".to_owned(), Value::from("a@b.example"))]),
        };
        let mut later = delivery.clone();
        later.position = Position::parse("6").unwrap();
        later.version = 2;
        assert_eq!(delivery.digest(), later.digest());
        later.fields.insert("plan", Value::Null);
        assert_ne!(delivery.digest(), later.digest());
        later.fields.clear();
        later.step = Step::Archive;
        assert_ne!(delivery.digest(), later.digest());
    }
}
