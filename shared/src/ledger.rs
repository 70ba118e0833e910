//! The ledger's rules: what has been sent of each row, and so what still has to be.

use serde::{Deserialize, Serialize};

use crate::{
    delivery::{Delivery, Step},
    digest,
    event::Order,
    time::Timestamp,
};

/// How long it is remembered that an append (an event, a message) was delivered: as long as anything that could bring
/// it again is kept.
pub const APPEND_MEMORY: std::time::Duration = std::time::Duration::from_hours(45 * 24);

/// How many outcomes an entry remembers.
pub const MAX_PAST: usize = 10;

/// Names an entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LedgerKey(String);

impl LedgerKey {
    /// The entry of a pipeline's row: what its destination holds.
    pub fn of_row(delivery: &Delivery) -> Self {
        Self::bounded(&format!("{}#", delivery.pipeline), &delivery.key.canonical())
    }

    /// The entry of one append.
    pub fn of_append(delivery: &Delivery) -> Self {
        Self::bounded(&format!("{}#sent#", delivery.pipeline), &delivery.id)
    }

    /// A key of DynamoDB ends at 2,048 bytes; a longer text is replaced by its digest.
    fn bounded(prefix: &str, text: &str) -> Self {
        if prefix.len() + text.len() <= 1_024 {
            Self(format!("{prefix}{text}"))
        } else {
            Self(format!("{prefix}sha256:{}", digest::hex(text.as_bytes())))
        }
    }

    /// The text in the table.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the ledger knows of a row, or of an append.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The newest live event's place in its order.
    pub order: Order,
    /// When the entry was written.
    pub recorded_at: Timestamp,
    /// [`Delivery::digest`] of what the destination holds.
    pub digest: Option<String>,
    /// The vendor's own id of the row.
    pub destination_key: Option<String>,
    /// The last outcomes, newest first; at most [`MAX_PAST`].
    pub past: Vec<Past>,
    /// When the entry may be forgotten; rows never are.
    pub expires_at: Option<Timestamp>,
}

/// One line of a row's timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// When.
    pub at: Timestamp,
    /// The change event's id.
    pub event: String,
    /// The pipeline's version.
    pub version: u64,
    /// How it ended.
    pub outcome: PastOutcome,
}

/// How a delivery ended, in the ledger's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PastOutcome {
    /// The vendor has it.
    Delivered,
    /// The destination held it already.
    Unchanged,
    /// The row was removed at the destination.
    Removed,
    /// The row has left the filter, and what the destination holds was kept.
    Kept,
}

/// Whether a write took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It did.
    Yes,
    /// Another invocation has written one as new or newer meanwhile.
    Superseded,
}

/// What to do with a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Send it.
    Send,
    /// Do not send it: the destination holds it already. The entry advances.
    Unchanged,
    /// Do not send it, nothing has to be: the row left the filter and is kept. The entry advances.
    Keep,
    /// Do not send it: a newer change of the row has been delivered.
    Superseded,
    /// Do not send it: this very delivery has been made before.
    Repeat,
}

/// Judges a live delivery of a row (an upsert, or a removal) by what the ledger knows.
pub fn judge_row(entry: Option<&Entry>, delivery: &Delivery) -> Verdict {
    if let Some(entry) = entry {
        match delivery.order().cmp(&entry.order) {
            std::cmp::Ordering::Less => return Verdict::Superseded,
            std::cmp::Ordering::Equal => return Verdict::Repeat,
            std::cmp::Ordering::Greater => {}
        }
    }
    let held = entry.and_then(|entry| entry.digest.as_deref());
    match delivery.step {
        Step::Keep => Verdict::Keep,
        // Nothing was ever sent, so there is nothing to remove.
        Step::Archive | Step::Delete if held.is_none() => Verdict::Unchanged,
        _ if held == Some(delivery.digest().as_str()) => Verdict::Unchanged,
        _ => Verdict::Send,
    }
}

/// Judges an append: never unchanged, only done before or not.
pub const fn judge_append(entry: Option<&Entry>) -> Verdict {
    if entry.is_some() { Verdict::Repeat } else { Verdict::Send }
}

impl Entry {
    /// The entry of a row after a delivery ended with `outcome`.
    pub fn after(
        before: Option<&Self>,
        delivery: &Delivery,
        outcome: PastOutcome,
        destination_key: Option<String>,
        now: Timestamp,
    ) -> Self {
        let mut past = vec![Past {
            at: now,
            event: delivery.id.strip_prefix(&format!("{}/", delivery.pipeline)).unwrap_or(&delivery.id).to_owned(),
            version: delivery.version,
            outcome,
        }];
        past.extend(before.into_iter().flat_map(|entry| entry.past.iter().cloned()).take(MAX_PAST - 1));
        let held = || before.and_then(|entry| entry.digest.clone());
        let known = || before.and_then(|entry| entry.destination_key.clone());
        let (digest, destination_key) = match outcome {
            PastOutcome::Delivered => (Some(delivery.digest()), destination_key.or_else(known)),
            // What was removed comes back under a new id.
            PastOutcome::Removed => (Some(delivery.digest()), None),
            PastOutcome::Unchanged | PastOutcome::Kept => (held(), known()),
        };
        Self { order: delivery.order(), recorded_at: now, digest, destination_key, past, expires_at: None }
    }

    /// The entry of an append that was delivered.
    pub fn of_append(delivery: &Delivery, now: Timestamp) -> Self {
        Self {
            order: delivery.order(),
            recorded_at: now,
            digest: None,
            destination_key: None,
            past: Vec::new(),
            expires_at: Some(now + APPEND_MEMORY),
        }
    }
}
