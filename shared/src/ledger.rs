//! The ledger's rules: what has been sent of each row, and so what still has to be.

use serde::{Deserialize, Serialize};

use crate::{
    delivery::{Delivery, Removes, Step, Told},
    digest,
    event::Order,
    key::Key,
    time::Timestamp,
};

/// How long it is remembered that an append (an event, a message) was delivered: as long as anything that could bring
/// it again is kept.
pub const APPEND_MEMORY: std::time::Duration = std::time::Duration::from_hours(45 * 24);

/// How long a delivery's [`Progress`] is remembered: as long as a message can wait in its queue (SQS's quotas, "Message
/// retention").
pub const PROGRESS_MEMORY: std::time::Duration = std::time::Duration::from_hours(14 * 24);

/// How many outcomes an entry remembers.
pub const MAX_PAST: usize = 10;

/// Names an entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LedgerKey(String);

impl LedgerKey {
    /// The entry of a pipeline's row: what its destination holds.
    pub fn of_row(delivery: &Delivery) -> Self {
        Self::of(&delivery.pipeline, &delivery.key)
    }

    /// The entry of the row with this key, for this pipeline.
    pub fn of(pipeline: &str, key: &Key) -> Self {
        Self::bounded(&format!("{pipeline}#"), &key.canonical())
    }

    /// The entry whose key has this text in the table.
    pub const fn from_text(text: String) -> Self {
        Self(text)
    }

    /// The pipeline, and the row's key; `None` where the entry is none of a row's, or the key was too long to be told from
    /// its digest.
    pub fn row(&self) -> Option<(&str, Key)> {
        let (pipeline, key) = self.0.split_once('#')?;
        Some((pipeline, serde_json::from_str(key).ok()?))
    }

    /// The entry of one append.
    pub fn of_append(delivery: &Delivery) -> Self {
        Self::of_sent(&delivery.pipeline, &delivery.id)
    }

    /// The entry of the append with this delivery's id.
    pub fn of_sent(pipeline: &str, delivery_id: &str) -> Self {
        Self::bounded(&format!("{pipeline}#sent#"), delivery_id)
    }

    /// The entry of a delivery's [`Progress`].
    pub fn of_progress(delivery: &Delivery) -> Self {
        Self::bounded(&format!("{}#progress#", delivery.pipeline), &delivery.id)
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
    /// Whether the first delivery since the row was last taken away has created it at the vendor, where that tells. A
    /// repeat after a crash finds the row there and counts as not created: then nothing is taken away that need not be.
    pub created: Option<bool>,
    /// [`email_digest`] of the address that was sent with the row last, by which people find it; without, where none was.
    pub email: Option<String>,
    /// The last outcomes, newest first; at most [`MAX_PAST`].
    pub past: Vec<Past>,
    /// When the entry may be forgotten; rows never are.
    pub expires_at: Option<Timestamp>,
    /// For an entry of [`LedgerKey::of_progress`], and for no other.
    pub progress: Option<Progress>,
}

/// How far a delivery has come while its message still comes again: written where a vendor does the work in jobs, of
/// which some end before others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Progress {
    /// A job has it.
    Pending(Pending),
    /// It is a failure. What its message brings again has ended; a redrive comes in another one.
    Failed {
        /// The message's id.
        message: String,
    },
}

/// A delivery in a job of the vendor's, which does the work later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The vendor's id of the job.
    pub job: String,
    /// The delivery's place in the request that became the job, from 0.
    pub place: usize,
    /// How many deliveries the request had.
    pub of: usize,
    /// When the request was answered.
    pub since: Timestamp,
    /// How many jobs had the delivery before and came to nothing.
    pub lost: u32,
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

/// What stands in the ledger for an e-mail address: nobody reads the address out of it, and who knows the address finds
/// its rows. Blanks around it, and which letters are capitals, say nothing.
pub fn email_digest(address: &str) -> String {
    digest::hex(address.trim().to_lowercase().as_bytes())
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
    let created = entry.is_some_and(|entry| entry.created == Some(true));
    match delivery.step {
        Step::Keep => Verdict::Keep,
        // Nothing was ever sent, so there is nothing to remove.
        step if step != Step::Apply && held.is_none() => Verdict::Unchanged,
        _ if held == Some(delivery.digest().as_str()) => Verdict::Unchanged,
        step if step.takes_the_row() && delivery.removes == Removes::Created && !created => Verdict::Keep,
        _ => Verdict::Send,
    }
}

/// Judges an append: never unchanged, only done before or not.
pub const fn judge_append(entry: Option<&Entry>) -> Verdict {
    if entry.is_some() { Verdict::Repeat } else { Verdict::Send }
}

impl Entry {
    /// The entry of a row after a delivery ended with `outcome`.
    pub fn after(before: Option<&Self>, delivery: &Delivery, outcome: PastOutcome, told: Told, now: Timestamp) -> Self {
        let mut past = vec![Past {
            at: now,
            event: delivery.id.strip_prefix(&format!("{}/", delivery.pipeline)).unwrap_or(&delivery.id).to_owned(),
            version: delivery.version,
            outcome,
        }];
        past.extend(before.into_iter().flat_map(|entry| entry.past.iter().cloned()).take(MAX_PAST - 1));
        let held = || before.and_then(|entry| entry.digest.clone());
        let known = || before.and_then(|entry| entry.destination_key.clone());
        let created = before.and_then(|entry| entry.created);
        let (digest, destination_key, created) = match outcome {
            PastOutcome::Delivered => {
                (Some(delivery.digest()), told.destination_key.or_else(known), created.or(told.created))
            }
            // What was taken away comes back under a new id.
            PastOutcome::Removed if delivery.step.takes_the_row() => (Some(delivery.digest()), None, None),
            PastOutcome::Removed => (Some(delivery.digest()), known(), created),
            PastOutcome::Unchanged | PastOutcome::Kept => (held(), known(), created),
        };
        // What the vendor was to forget is not looked for either.
        let email = before.and_then(|entry| entry.email.clone()).filter(|_| delivery.step != Step::Erase);
        let order = delivery.order();
        Self {
            order,
            recorded_at: now,
            digest,
            destination_key,
            created,
            email,
            past,
            expires_at: None,
            progress: None,
        }
    }

    /// The same where the delivery sent this address, if it sent any.
    #[must_use]
    pub fn with_email(self, address: Option<&str>) -> Self {
        Self { email: address.map(email_digest).or(self.email), ..self }
    }

    /// The entry of an append that was delivered.
    pub fn of_append(delivery: &Delivery, now: Timestamp) -> Self {
        Self {
            order: delivery.order(),
            recorded_at: now,
            digest: None,
            destination_key: None,
            created: None,
            email: None,
            past: Vec::new(),
            expires_at: Some(now + APPEND_MEMORY),
            progress: None,
        }
    }

    /// The entry of a delivery's progress.
    pub fn of_progress(delivery: &Delivery, progress: Progress, now: Timestamp) -> Self {
        let expires_at = Some(now + PROGRESS_MEMORY);
        Self { expires_at, progress: Some(progress), ..Self::of_append(delivery, now) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::Op,
        key::Key,
        position::Position,
        value::{Object, Value},
    };

    fn delivery(position: u32, step: Step, plan: &str) -> Delivery {
        let fields = if step == Step::Apply {
            Object::from_iter([("plan".to_owned(), Value::from(plan))])
        } else {
            Object::new()
        };
        Delivery {
            id: format!("p/customers/1/{position}"),
            pipeline: "p".into(),
            version: 1,
            source: "customers".into(),
            op: Op::Update,
            key: Key::single("id", "c-1"),
            epoch: 1,
            position: Position::parse(&position.to_string()).unwrap(),
            occurred_at: Timestamp::from_millis(0),
            arrived_at: Timestamp::default(),
            action: "upsert_contact".into(),
            step,
            removes: Removes::Created,
            redriven: false,
            fields,
        }
    }

    fn after(before: Option<&Entry>, delivery: &Delivery, outcome: PastOutcome) -> Entry {
        after_told(before, delivery, outcome, Some(true))
    }

    fn after_told(before: Option<&Entry>, delivery: &Delivery, outcome: PastOutcome, created: Option<bool>) -> Entry {
        let told = Told { destination_key: Some("hs-1".into()), created };
        Entry::after(before, delivery, outcome, told, Timestamp::from_millis(9))
    }

    #[test]
    fn a_live_delivery_is_judged_by_order_then_by_digest() {
        let first = delivery(5, Step::Apply, "pro");
        assert_eq!(judge_row(None, &first), Verdict::Send);
        let entry = after(None, &first, PastOutcome::Delivered);
        for (position, step, plan, verdict) in [
            (4, Step::Apply, "free", Verdict::Superseded),
            (5, Step::Apply, "pro", Verdict::Repeat),
            (6, Step::Apply, "pro", Verdict::Unchanged),
            (6, Step::Apply, "free", Verdict::Send),
            (6, Step::Archive, "", Verdict::Send),
            (6, Step::Keep, "", Verdict::Keep),
            (4, Step::Keep, "", Verdict::Superseded),
        ] {
            assert_eq!(judge_row(Some(&entry), &delivery(position, step, plan)), verdict, "{position} {step:?} {plan}");
        }
    }

    #[test]
    fn a_later_epoch_goes_before_any_position() {
        let entry = after(None, &delivery(900, Step::Apply, "pro"), PastOutcome::Delivered);
        let mut anew = delivery(1, Step::Apply, "free");
        anew.epoch = 2;
        assert_eq!(judge_row(Some(&entry), &anew), Verdict::Send);
    }

    #[test]
    fn what_was_never_sent_is_not_removed_and_what_was_removed_is_not_removed_twice() {
        assert_eq!(judge_row(None, &delivery(1, Step::Archive, "")), Verdict::Unchanged);
        let kept = after(None, &delivery(1, Step::Keep, ""), PastOutcome::Kept);
        assert_eq!(judge_row(Some(&kept), &delivery(2, Step::Delete, "")), Verdict::Unchanged);
        let sent = after(Some(&kept), &delivery(3, Step::Apply, "pro"), PastOutcome::Delivered);
        let removed = after(Some(&sent), &delivery(4, Step::Archive, ""), PastOutcome::Removed);
        assert_eq!(removed.destination_key, None);
        assert_eq!(judge_row(Some(&removed), &delivery(5, Step::Archive, "")), Verdict::Unchanged);
        assert_eq!(judge_row(Some(&removed), &delivery(5, Step::Apply, "pro")), Verdict::Send);
    }

    #[test]
    fn only_a_row_that_was_created_here_is_taken_away_unless_any_may_be() {
        let apply = |position: u32| delivery(position, Step::Apply, &position.to_string());
        for (created, step, verdict) in [
            (Some(true), Step::Archive, Verdict::Send),
            (Some(true), Step::Erase, Verdict::Send),
            (Some(false), Step::Archive, Verdict::Keep),
            (Some(false), Step::Delete, Verdict::Keep),
            (None, Step::Delete, Verdict::Keep),
            // These leave the row, and what others have written there.
            (Some(false), Step::Clear, Verdict::Send),
            (None, Step::Unsubscribe, Verdict::Send),
        ] {
            let entry = after_told(None, &apply(1), PastOutcome::Delivered, created);
            assert_eq!(judge_row(Some(&entry), &delivery(2, step, "")), verdict, "{created:?} {step:?}");
            let any = Delivery { removes: Removes::Any, ..delivery(2, step, "") };
            assert_eq!(judge_row(Some(&entry), &any), Verdict::Send, "{created:?} {step:?}");
        }

        // The first delivery decides: what it found there stays somebody else's, however often it is updated.
        let found = after_told(None, &apply(1), PastOutcome::Delivered, Some(false));
        let updated = after_told(Some(&found), &apply(2), PastOutcome::Delivered, Some(true));
        assert_eq!(updated.created, Some(false));
        // What was archived and comes back is told anew; what was cleared is still there, under its id.
        let archived = after(Some(&updated), &delivery(3, Step::Archive, ""), PastOutcome::Removed);
        let anew = after_told(Some(&archived), &apply(4), PastOutcome::Delivered, Some(true));
        assert_eq!((archived.created, anew.created), (None, Some(true)));
        let cleared = after_told(Some(&anew), &delivery(5, Step::Clear, ""), PastOutcome::Removed, None);
        assert_eq!((cleared.created, cleared.destination_key.as_deref()), (Some(true), Some("hs-1")));
    }

    #[test]
    fn leaving_and_keeping_remembers_what_the_destination_holds() {
        let sent = after(None, &delivery(1, Step::Apply, "pro"), PastOutcome::Delivered);
        let kept = after(Some(&sent), &delivery(2, Step::Keep, ""), PastOutcome::Kept);
        assert_eq!(kept.destination_key.as_deref(), Some("hs-1"));
        // Nothing older brings back what has left …
        assert_eq!(judge_row(Some(&kept), &delivery(1, Step::Apply, "old")), Verdict::Superseded);
        // … and what comes back with the same fields need not be sent.
        assert_eq!(judge_row(Some(&kept), &delivery(3, Step::Apply, "pro")), Verdict::Unchanged);
    }

    #[test]
    fn rows_are_found_by_the_address_that_was_sent_last() {
        let sent = |position: u32| after(None, &delivery(position, Step::Apply, "pro"), PastOutcome::Delivered);
        let ada = sent(1).with_email(Some(" Ada@Example.com"));
        // SHA-256 of `ada@example.com`, as `printf ada@example.com | sha256sum` has it.
        let digest = "b5fc85e55755f9e0d030a10ab4429b6b2944855f9a0d60077fe832becbc41d72";
        assert_eq!(ada.email.as_deref(), Some(digest));
        let kept = after(Some(&ada), &delivery(2, Step::Keep, ""), PastOutcome::Kept).with_email(None);
        assert_eq!(kept.email.as_deref(), Some(digest));
        let other = after(Some(&kept), &delivery(3, Step::Apply, "pro"), PastOutcome::Delivered);
        assert_ne!(other.with_email(Some("ada@example.org")).email.as_deref(), Some(digest));
        let erased = after(Some(&kept), &delivery(4, Step::Erase, ""), PastOutcome::Removed).with_email(None);
        assert_eq!(erased.email, None);
        assert_eq!(sent(1).email, None);
    }

    #[test]
    fn an_entrys_key_tells_its_row() {
        let key = LedgerKey::of_row(&delivery(1, Step::Apply, ""));
        assert_eq!(key.row(), Some(("p", Key::single("id", "c-1"))));
        assert_eq!(LedgerKey::from_text(key.as_str().to_owned()), key);
        assert_eq!(LedgerKey::of_append(&delivery(1, Step::Apply, "")).row(), None);
        assert_eq!(LedgerKey::of_progress(&delivery(1, Step::Apply, "")).row(), None);
        let long = LedgerKey::of("p", &Key::single("id", "x".repeat(2_000)));
        assert_eq!(long.row(), None);
    }

    #[test]
    fn appends_are_done_once() {
        let append = delivery(1, Step::Apply, "pro");
        assert_eq!(judge_append(None), Verdict::Send);
        let entry = Entry::of_append(&append, Timestamp::from_millis(0));
        assert_eq!(judge_append(Some(&entry)), Verdict::Repeat);
        assert_eq!(entry.expires_at.map(Timestamp::seconds), Some(45 * 86_400));
    }

    #[test]
    fn the_past_is_bounded_and_newest_first() {
        let mut entry = None;
        for position in 1..=12 {
            let sent = delivery(position, Step::Apply, &position.to_string());
            entry = Some(after(entry.as_ref(), &sent, PastOutcome::Delivered));
        }
        let past: Vec<_> = entry.unwrap().past.into_iter().map(|past| past.event).collect();
        assert_eq!(past.len(), MAX_PAST);
        assert_eq!((past[0].as_str(), past[9].as_str()), ("customers/1/12", "customers/1/3"));
    }

    #[test]
    fn long_keys_stay_within_what_dynamodb_takes() {
        let mut long = delivery(1, Step::Apply, "pro");
        long.key = Key::single("id", "x".repeat(2_000));
        assert!(LedgerKey::of_row(&long).as_str().len() < 100);
        assert_eq!(LedgerKey::of_row(&delivery(1, Step::Apply, "")).as_str(), r#"p#{"id":"c-1"}"#);
        assert_eq!(LedgerKey::of_append(&delivery(1, Step::Apply, "")).as_str(), "p#sent#p/customers/1/1");
        assert_eq!(LedgerKey::of_progress(&delivery(1, Step::Apply, "")).as_str(), "p#progress#p/customers/1/1");
    }
}
