//! The change event: the one shape that everything behind capture knows.

mod read;
mod written;

pub use self::{read::EventError, written::WrittenProblem};

use serde::{Deserialize, Serialize};

use crate::{key::Key, position::Position, time::Timestamp, value::Value};

/// What happened to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// The row is new.
    Create,
    /// The row was there before.
    Update,
    /// The row is gone.
    Delete,
    /// The row as a snapshot or a backfill found it.
    Read,
}

impl Op {
    /// The word on the wire and in expressions.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Read => "read",
        }
    }
}

/// Who made the change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A person or a program.
    #[default]
    User,
    /// The table's time to live.
    Ttl,
}

/// A change of one row of a source, or one event of a stream.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChangeEvent {
    /// Derived from the source's position: a redelivered record yields the same id.
    pub id: String,
    /// The source's name in the stack.
    pub source: String,
    /// What happened.
    pub op: Op,
    /// Which row.
    pub key: Key,
    /// The row before, where the source tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The row after; none for a delete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// When it happened, by the source's clock; milliseconds since 1970.
    pub occurred_at: Timestamp,
    /// Grows when the source's positions start anew.
    pub epoch: u64,
    /// Where it stands in the source's order.
    pub position: Position,
    /// Who made the change.
    pub origin: Origin,
}

/// The place of a live event in the order of its key: the epoch first, then the position.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Order {
    /// The epoch.
    pub epoch: u64,
    /// The position within the epoch.
    pub position: Position,
}

impl ChangeEvent {
    /// The id of the event at a position of a source.
    pub fn id_at(source: &str, epoch: u64, position: &Position) -> String {
        format!("{source}/{epoch}/{position}")
    }

    /// The event's place in the order of its key.
    pub fn order(&self) -> Order {
        Order { epoch: self.epoch, position: self.position.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_form_is_this() {
        let position = Position::parse("4421584500000000017450439091").unwrap();
        let event = ChangeEvent {
            id: ChangeEvent::id_at("customers", 3, &position),
            source: "customers".into(),
            op: Op::Create,
            key: Key::single("customer_id", "c-1"),
            before: None,
            after: Some(Value::from_json(br#"{"customer_id":"c-1","balance":0.10}"#).unwrap()),
            occurred_at: Timestamp::from_millis(1_763_800_000_000),
            epoch: 3,
            position,
            origin: Origin::User,
        };
        let json = concat!(
            r#"{"id":"customers/3/4421584500000000017450439091","source":"customers","op":"create","#,
            r#""key":{"customer_id":"c-1"},"after":{"customer_id":"c-1","balance":0.10},"#,
            r#""occurred_at":1763800000000,"epoch":3,"position":"4421584500000000017450439091","origin":"user"}"#,
        );
        assert_eq!(serde_json::to_string(&event).unwrap(), json);
        assert_eq!(serde_json::from_str::<ChangeEvent>(json).unwrap(), event);
    }
}
