//! What a pipeline would do with events, without sending anything: for each event the filter's verdict, the fields, the
//! request, and what would be skipped. The same code as the functions' judges, so what is shown is what will happen.

mod latest;
mod look_up;
mod plan;
mod prices;

use std::collections::HashMap;

pub use self::{
    latest::latest,
    look_up::look_up,
    plan::{Counts, Plan, Traffic, Use},
    prices::Part,
};
use crate::{
    delivery::{Delivery, Step, Told},
    destination::{Check, Destination, Mode, Operation, Parcel},
    event::{ChangeEvent, Order},
    expression::Scope,
    failure::Sent,
    ledger::{Entry, LedgerKey, PastOutcome, Verdict, judge_append, judge_row},
    lookup::Rows,
    pipeline::{Evaluation, Pipeline},
    position::Position,
};

/// What would become of one event.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// The pipeline's filter leaves it out.
    Filtered,
    /// It is a delivery, and nothing would be sent.
    Skipped(Box<Delivery>, Skip),
    /// It would be sent.
    Sent(Box<Delivery>, Change, Sent),
    /// It would become a failure: why, and the delivery as far as there is one.
    Failed(Option<Box<Delivery>>, String),
}

/// Why a delivery would not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// The destination holds these values already.
    Unchanged,
    /// The row has left the filter, and what the destination holds is kept.
    Kept,
    /// A newer change of the row stands among the events.
    Superseded,
    /// The destination has nothing to remove, or nothing that this pipeline has made.
    Nothing,
}

/// What a request would do at the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The pipeline has not delivered the row before.
    Create,
    /// It has, with other values.
    Update,
    /// The row, or what was sent of it, is taken away.
    Remove,
    /// An event or a message is added.
    Append,
}

/// Follows events through a pipeline, as its destination's ledger would.
#[derive(Debug)]
pub struct Preview<'a> {
    pipeline: &'a Pipeline,
    destination: &'a Destination,
    entries: HashMap<LedgerKey, Entry>,
    rows: Rows,
}

impl<'a> Preview<'a> {
    /// Of a pipeline and its destination, with what the ledger knows of the rows.
    ///
    /// The events may have gone through a version that is live. So of the ledger counts what the destination holds, and
    /// not that newer events have come since.
    pub fn new(pipeline: &'a Pipeline, destination: &'a Destination, known: HashMap<LedgerKey, Entry>) -> Self {
        let anew = |entry| Entry { order: Order { epoch: 0, position: Position::lowest() }, ..entry };
        let entries = if pipeline.mode == Mode::Upsert {
            known.into_iter().map(|(key, entry)| (key, anew(entry))).collect()
        } else {
            HashMap::new()
        };
        Self { pipeline, destination, entries, rows: Rows::default() }
    }

    /// The same with the rows that the pipeline [wants](Pipeline::wants) for its events.
    #[must_use]
    pub fn with_rows(self, rows: Rows) -> Self {
        Self { rows, ..self }
    }

    /// The ledger's entry that an event of the pipeline's source may need.
    pub fn key_of(pipeline: &Pipeline, event: &ChangeEvent, rows: &Rows) -> Option<LedgerKey> {
        let delivery = delivery(pipeline, event, rows).ok()??;
        (pipeline.mode == Mode::Upsert).then(|| LedgerKey::of_row(&delivery))
    }

    /// What would become of the next event.
    pub fn next(&mut self, event: &ChangeEvent) -> Fate {
        let delivery = match delivery(self.pipeline, event, &self.rows) {
            Ok(Some(delivery)) => delivery,
            Ok(None) => return Fate::Filtered,
            Err(reason) => return Fate::Failed(None, reason),
        };
        let key = match self.pipeline.mode {
            Mode::Upsert => LedgerKey::of_row(&delivery),
            Mode::Append => LedgerKey::of_append(&delivery),
        };
        let entry = self.entries.get(&key);
        let verdict = match self.pipeline.mode {
            Mode::Upsert => judge_row(entry, &delivery),
            Mode::Append => judge_append(entry),
        };
        let (fate, outcome) = match verdict {
            Verdict::Superseded | Verdict::Repeat => return Fate::Skipped(delivery, Skip::Superseded),
            // Of a row that was never delivered, "unchanged" is a removal with nothing to remove.
            Verdict::Unchanged if delivery.step != Step::Apply => (Err(Skip::Nothing), PastOutcome::Unchanged),
            Verdict::Unchanged => (Err(Skip::Unchanged), PastOutcome::Unchanged),
            Verdict::Keep if delivery.step == Step::Keep => (Err(Skip::Kept), PastOutcome::Kept),
            Verdict::Keep => (Err(Skip::Nothing), PastOutcome::Kept),
            Verdict::Send => match self.send(&delivery, entry) {
                Ok(Some(sent)) => {
                    let outcome =
                        if delivery.step == Step::Apply { PastOutcome::Delivered } else { PastOutcome::Removed };
                    (Ok((change_of(self.pipeline.mode, &delivery, entry), sent)), outcome)
                }
                Ok(None) => (Err(Skip::Nothing), PastOutcome::Unchanged),
                Err(reason) => return Fate::Failed(Some(delivery), reason),
            },
        };
        // The vendor's own id is not known before it answers; any text stands for it.
        let told = Told { destination_key: Some("…".to_owned()), created: Some(true) };
        let after = match self.pipeline.mode {
            Mode::Upsert => Entry::after(entry, &delivery, outcome, told, delivery.occurred_at),
            Mode::Append => Entry::of_append(&delivery, delivery.occurred_at),
        };
        self.entries.insert(key, after);
        match fate {
            Ok((change, sent)) => Fate::Sent(delivery, change, sent),
            Err(skip) => Fate::Skipped(delivery, skip),
        }
    }

    /// The request, where there is something to send.
    fn send(&self, delivery: &Delivery, entry: Option<&Entry>) -> Result<Option<Sent>, String> {
        let operation = self.operation(delivery)?;
        let parcel = Parcel { delivery, destination_key: entry.and_then(|entry| entry.destination_key.as_deref()) };
        match operation.check(&parcel) {
            Check::Send => Ok(operation.alone(&parcel)),
            Check::Nothing => Ok(None),
            Check::Reject(reason) => Err(reason),
        }
    }

    /// The operation that sends a delivery.
    pub fn operation(&self, delivery: &Delivery) -> Result<Operation<'a>, String> {
        self.destination.operation(&delivery.action, delivery.step)
    }
}

fn delivery(pipeline: &Pipeline, event: &ChangeEvent, rows: &Rows) -> Result<Option<Box<Delivery>>, String> {
    match pipeline.evaluate(event, &Scope::of(event), rows) {
        Ok(Evaluation::Deliver(delivery)) => Ok(Some(delivery)),
        Ok(Evaluation::Filtered) => Ok(None),
        Err(error) => Err(error.message),
    }
}

fn change_of(mode: Mode, delivery: &Delivery, entry: Option<&Entry>) -> Change {
    match (mode, delivery.step) {
        (Mode::Append, _) => Change::Append,
        (Mode::Upsert, Step::Apply) if entry.is_some_and(|entry| entry.digest.is_some()) => Change::Update,
        (Mode::Upsert, Step::Apply) => Change::Create,
        (Mode::Upsert, _) => Change::Remove,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        destination,
        event::{Op, Origin},
        key::Key,
        pipeline::{Known, KnownDestination},
        time::Timestamp,
        value::{Object, Value},
    };

    const PIPELINE: &str = r#"
name = "contacts"
source = "customers"
destination = "crm"
action = "upsert_contact"
when = "after.consent"
on_leave = "archive"
on_delete = "archive"
[fields]
email = "after.email | lower"
plan = "after.plan"
"#;

    pub(super) fn pipeline(text: &str) -> Pipeline {
        let known = Known {
            sources: vec!["customers".into()],
            destinations: vec![KnownDestination::new("crm", "hubspot")],
            ..Known::default()
        };
        Pipeline::parse("contacts.toml", text, 0, &known).unwrap()
    }

    pub(super) fn crm() -> Destination {
        destination::connector("hubspot").unwrap().configure("crm", &Object::new()).unwrap()
    }

    pub(super) fn event(position: u32, id: &str, before: Option<&str>, after: Option<&str>) -> ChangeEvent {
        let image = |json: &str| Value::from_json(json.as_bytes()).unwrap();
        ChangeEvent {
            id: format!("customers/1/{position}"),
            source: "customers".into(),
            op: match (before, after) {
                (None, _) => Op::Create,
                (_, None) => Op::Delete,
                _ => Op::Update,
            },
            key: Key::single("id", id),
            before: before.map(image),
            after: after.map(image),
            occurred_at: Timestamp::from_millis(0),
            epoch: 1,
            position: Position::parse(&position.to_string()).unwrap(),
            origin: Origin::User,
        }
    }

    pub(super) const IN: &str = r#"{"email":"Ada@Example.com","plan":"pro","consent":true}"#;
    pub(super) const PAYS_MORE: &str = r#"{"email":"ada@example.com","plan":"team","consent":true}"#;
    pub(super) const OUT: &str = r#"{"email":"ada@example.com","plan":"team","consent":false}"#;

    #[test]
    fn events_are_followed_as_the_ledger_would() {
        let (pipeline, crm) = (pipeline(PIPELINE), crm());
        let mut preview = Preview::new(&pipeline, &crm, HashMap::new());
        let mut next = |event: &ChangeEvent| preview.next(event);
        assert_eq!(next(&event(1, "b", None, Some(OUT))), Fate::Filtered);
        let Fate::Sent(delivery, Change::Create, sent) = next(&event(2, "a", None, Some(IN))) else { panic!() };
        assert_eq!(delivery.fields["email"], Value::from("ada@example.com"));
        assert_eq!(
            (sent.method.as_str(), sent.url.as_str()),
            ("POST", "https://api.hubapi.com/crm/v3/objects/contacts/batch/upsert")
        );
        assert!(sent.body.starts_with(r#"{"inputs":[{"#), "{}", sent.body);
        let unchanged = next(&event(3, "a", Some(IN), Some(IN)));
        assert!(matches!(unchanged, Fate::Skipped(_, Skip::Unchanged)), "{unchanged:?}");
        let updated = next(&event(4, "a", Some(IN), Some(PAYS_MORE)));
        assert!(matches!(updated, Fate::Sent(_, Change::Update, _)), "{updated:?}");
        let older = next(&event(3, "a", None, Some(IN)));
        assert!(matches!(older, Fate::Skipped(_, Skip::Superseded)), "{older:?}");
        let left = next(&event(5, "a", Some(PAYS_MORE), Some(OUT)));
        assert!(matches!(left, Fate::Sent(_, Change::Remove, _)), "{left:?}");
        let nothing = next(&event(6, "c", Some(IN), None));
        assert!(matches!(nothing, Fate::Skipped(_, Skip::Nothing)), "{nothing:?}");
        let Fate::Failed(None, reason) = next(&event(7, "d", None, Some(r#"{"consent":true}"#))) else { panic!() };
        assert!(reason.contains("`after` has no field `email`"), "{reason}");
        let no_address = r#"{"email":"","plan":"pro","consent":true}"#;
        let Fate::Failed(Some(_), reason) = next(&event(8, "e", None, Some(no_address))) else { panic!() };
        assert!(reason.contains("HubSpot tells rows by \"email\""), "{reason}");
    }

    #[test]
    fn what_the_destination_holds_counts_and_not_that_newer_events_have_come() {
        let (pipeline, crm) = (pipeline(PIPELINE), crm());
        let (old, new) = (event(2, "a", None, Some(IN)), event(3, "a", Some(IN), Some(PAYS_MORE)));
        let key = Preview::key_of(&pipeline, &old, &Rows::default()).unwrap();
        let delivered = delivery(&pipeline, &old, &Rows::default()).unwrap().unwrap();
        let told = Told { destination_key: Some("101".to_owned()), created: Some(true) };
        let mut entry = Entry::after(None, &delivered, PastOutcome::Delivered, told, Timestamp::from_millis(0));
        entry.order.position = Position::parse("99").unwrap();
        let mut preview = Preview::new(&pipeline, &crm, HashMap::from([(key, entry)]));
        assert!(matches!(preview.next(&old), Fate::Skipped(_, Skip::Unchanged)));
        assert!(matches!(preview.next(&new), Fate::Sent(_, Change::Update, _)));
    }
}
