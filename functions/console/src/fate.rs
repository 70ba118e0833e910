//! What became of a failure: by its own mark, and by what the ledger knows of its row.

use std::collections::HashMap;

use shared::{
    delivery::Delivery,
    event::{ChangeEvent, Order},
    failure::{Kept, Stage, Standing},
    key::Key,
    ledger::{Entry, LedgerKey, PastOutcome},
    time::Timestamp,
    value::Value,
};

use crate::frame::time;

/// What became of a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It waits for a person. Where a newer change of its row has arrived since: when.
    Waits(Option<Timestamp>),
    /// It was sent again, and has failed again.
    FailedAgain(Timestamp),
    /// It was sent again, and its end is not known yet.
    OnItsWay(Timestamp),
    /// The destination has it.
    Delivered(Timestamp),
    /// Nothing had to be sent: the destination held that already, or keeps what it has.
    Needless(Timestamp),
    /// A newer change of its row has arrived since.
    Superseded,
    /// A person has given it up.
    GivenUp,
}

/// Where the ledger tells of a failure, and what to look for there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    row: LedgerKey,
    sent: LedgerKey,
    event: String,
    order: Order,
}

impl Trace {
    /// Of a failure that holds these bytes; a raw record has none, since no pipeline has had it.
    pub fn of(kept: &Kept, payload: &[u8]) -> Option<Self> {
        match kept.failure.stage {
            Stage::Deliver => {
                let delivery: Delivery = serde_json::from_slice(payload).ok()?;
                let (pipeline, order) = (&delivery.pipeline, delivery.order());
                let event = delivery.id.strip_prefix(&format!("{pipeline}/")).unwrap_or(&delivery.id).to_owned();
                let (row, sent) = (LedgerKey::of_row(&delivery), LedgerKey::of_append(&delivery));
                Some(Self { row, sent, event, order })
            }
            Stage::Transform => {
                let event = ChangeEvent::from_json(std::str::from_utf8(payload).ok()?).ok()?;
                let pipeline = kept.failure.pipeline.as_deref()?;
                let sent = LedgerKey::of_sent(pipeline, &format!("{pipeline}/{}", event.id));
                let order = event.order();
                Some(Self { row: LedgerKey::of(pipeline, &event.key), sent, event: event.id, order })
            }
            Stage::Capture | Stage::Invocation => None,
        }
    }

    /// The entries to read.
    pub fn keys(&self) -> [LedgerKey; 2] {
        [self.row.clone(), self.sent.clone()]
    }
}

impl Fate {
    /// Of a failure, with the ledger's entries where they could be read.
    pub fn of(kept: &Kept, trace: Option<&Trace>, entries: &HashMap<LedgerKey, Entry>) -> Self {
        let closed = || kept.closed_at.unwrap_or(kept.listed.last_at);
        match kept.listed.standing {
            Standing::Discarded => return Self::GivenUp,
            Standing::Delivered => return Self::Delivered(closed()),
            Standing::Superseded => return Self::Superseded,
            Standing::Open | Standing::Redriven => {}
        }
        let is_open = kept.listed.standing == Standing::Open;
        let mut newer = None;
        if let Some(trace) = trace {
            if let Some(entry) = entries.get(&trace.sent) {
                return Self::Delivered(entry.recorded_at);
            }
            if let Some(entry) = entries.get(&trace.row) {
                if let Some(past) = entry.past.iter().find(|past| past.event == trace.event) {
                    return match past.outcome {
                        PastOutcome::Delivered | PastOutcome::Removed => Self::Delivered(past.at),
                        PastOutcome::Unchanged | PastOutcome::Kept => Self::Needless(past.at),
                    };
                }
                newer = (entry.order > trace.order).then_some(entry.recorded_at);
            }
        }
        match (kept.redriven_at, newer) {
            (Some(_), Some(_)) if !is_open => Self::Superseded,
            (Some(at), _) if !is_open => Self::OnItsWay(at),
            (Some(at), None) => Self::FailedAgain(at),
            (_, newer) => Self::Waits(newer),
        }
    }

    /// Whether its end is still to come.
    pub const fn is_on_its_way(&self) -> bool {
        matches!(self, Self::OnItsWay(_))
    }

    /// The class of the notice that tells it.
    pub const fn class(&self) -> &'static str {
        match self {
            Self::Waits(_) | Self::FailedAgain(_) => "",
            Self::Delivered(_) => "good",
            Self::OnItsWay(_) | Self::Needless(_) | Self::Superseded | Self::GivenUp => "plain",
        }
    }

    /// In a sentence or two; `row` is how the row is called.
    pub fn sentence(&self, row: &str) -> String {
        match self {
            Self::Waits(None) => "It waits for somebody to look.".to_owned(),
            Self::Waits(Some(at)) => format!(
                "It waits for somebody to look. A newer change of {row} has arrived since, at {} UTC: if this one is sent \
                 again, it is closed as superseded.",
                time(*at)
            ),
            Self::FailedAgain(at) => format!("It was sent again at {} UTC, and has failed again.", time(*at)),
            Self::OnItsWay(at) => format!("It was sent again at {} UTC, and is on its way.", time(*at)),
            Self::Delivered(at) => format!("The destination has it, since {} UTC.", time(*at)),
            Self::Needless(at) => {
                format!(
                    "At {} UTC it was found that nothing has to be sent: the destination held that already.",
                    time(*at)
                )
            }
            Self::Superseded => {
                format!("A newer change of {row} has arrived since; this one is closed as superseded.")
            }
            Self::GivenUp => "It was given up.".to_owned(),
        }
    }
}

/// How a row is called: `customer 8841` by its key `customer_id`. Who may not see people's data is told of `this row`.
pub fn row_name(key: Option<&Key>, sees_values: bool) -> String {
    let Some(key) = key.filter(|_| sees_values) else { return "this row".to_owned() };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_json(), str::to_owned);
    let parts: Vec<_> = key
        .attributes()
        .iter()
        .map(|(name, value)| {
            let name = name.strip_suffix("_id").filter(|name| !name.is_empty()).unwrap_or(name);
            format!("{} {}", name.replace('_', " "), text(value))
        })
        .collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use shared::{
        failure::{Failure, Listed, Payload},
        ledger::Past,
        position::Position,
    };

    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_782_907_200_000);
    const LATER: Timestamp = Timestamp::from_millis(1_782_907_260_000);

    fn kept(stage: Stage, standing: Standing, redriven_at: Option<Timestamp>) -> Kept {
        let failure = Failure {
            id: "p/customers/1/5".to_owned(),
            stage,
            reason: "no".to_owned(),
            source: None,
            pipeline: Some("p".to_owned()),
            version: None,
            destination: None,
            key: None,
            request: None,
            answer: None,
            payload: Payload::of(b""),
            at: AT,
        };
        let listed = Listed {
            id: failure.id.clone(),
            stage,
            standing,
            reason: failure.reason.clone(),
            pipeline: failure.pipeline.clone(),
            destination: None,
            times: 1,
            first_at: AT,
            last_at: AT,
        };
        Kept { failure, listed, redrives: 0, redriven_at, closed_at: None, discarded: None }
    }

    const EVENT: &[u8] = br#"{"id":"customers/1/5","source":"customers","op":"create","key":{"customer_id":"8841"},"after":{},"occurred_at":0,"epoch":1,"position":"5","origin":"user"}"#;

    const DELIVERY: &[u8] = br#"{"id":"p/customers/1/5","pipeline":"p","version":1,"source":"customers","op":"update","key":{"customer_id":"8841"},"epoch":1,"position":"5","occurred_at":0,"action":"send","step":"apply"}"#;

    fn entry(position: u32, past: &[(&str, PastOutcome)]) -> Entry {
        let past = past.iter().map(|(event, outcome)| Past {
            at: LATER,
            event: (*event).to_owned(),
            version: 1,
            outcome: *outcome,
        });
        Entry {
            order: Order { epoch: 1, position: Position::parse(&position.to_string()).unwrap() },
            recorded_at: LATER,
            digest: None,
            destination_key: None,
            created: None,
            email: None,
            past: past.collect(),
            expires_at: None,
            progress: None,
        }
    }

    #[test]
    fn an_event_and_its_delivery_leave_the_same_trace() {
        let of_event = Trace::of(&kept(Stage::Transform, Standing::Open, None), EVENT).unwrap();
        let of_delivery = Trace::of(&kept(Stage::Deliver, Standing::Open, None), DELIVERY).unwrap();
        assert_eq!(of_event, of_delivery);
        let [row, sent] = of_event.keys();
        assert_eq!((row.as_str(), sent.as_str()), (r#"p#{"customer_id":"8841"}"#, "p#sent#p/customers/1/5"));
        assert_eq!(Trace::of(&kept(Stage::Capture, Standing::Open, None), EVENT), None);
        assert_eq!(Trace::of(&kept(Stage::Deliver, Standing::Open, None), b"\xff"), None);
    }

    #[test]
    fn what_the_ledger_knows_goes_beyond_the_mark() {
        use PastOutcome::{Delivered, Kept as StaysKept, Removed, Unchanged};
        let this = "customers/1/5";
        let trace = Trace::of(&kept(Stage::Transform, Standing::Open, None), EVENT).unwrap();
        let [row, sent] = trace.keys();
        let of = |standing, redriven_at, key: Option<&LedgerKey>, entry: Entry| {
            let entries = key.map(|key| (key.clone(), entry)).into_iter().collect();
            Fate::of(&kept(Stage::Transform, standing, redriven_at), Some(&trace), &entries)
        };
        let (open, redriven) = (Standing::Open, Standing::Redriven);
        for (standing, redriven_at, key, entry, expected) in [
            (open, None, None, entry(1, &[]), Fate::Waits(None)),
            (open, None, Some(&row), entry(4, &[]), Fate::Waits(None)),
            (open, None, Some(&row), entry(6, &[]), Fate::Waits(Some(LATER))),
            (open, Some(AT), None, entry(1, &[]), Fate::FailedAgain(AT)),
            (redriven, Some(AT), None, entry(1, &[]), Fate::OnItsWay(AT)),
            (redriven, Some(AT), Some(&row), entry(4, &[("customers/1/4", Delivered)]), Fate::OnItsWay(AT)),
            (redriven, Some(AT), Some(&row), entry(6, &[("customers/1/6", Delivered)]), Fate::Superseded),
            (redriven, Some(AT), Some(&row), entry(6, &[(this, Delivered)]), Fate::Delivered(LATER)),
            (redriven, Some(AT), Some(&row), entry(5, &[(this, Removed)]), Fate::Delivered(LATER)),
            (redriven, Some(AT), Some(&row), entry(5, &[(this, Unchanged)]), Fate::Needless(LATER)),
            (redriven, Some(AT), Some(&row), entry(5, &[(this, StaysKept)]), Fate::Needless(LATER)),
            (redriven, Some(AT), Some(&sent), entry(5, &[]), Fate::Delivered(LATER)),
            (Standing::Superseded, Some(AT), None, entry(5, &[]), Fate::Superseded),
            (Standing::Discarded, Some(AT), Some(&sent), entry(5, &[]), Fate::GivenUp),
        ] {
            let which = format!("{standing:?} {redriven_at:?} {key:?} {entry:?}");
            assert_eq!(of(standing, redriven_at, key, entry), expected, "{which}");
        }
    }

    #[test]
    fn a_fate_is_told_in_the_words_of_who_reads_it() {
        let row = row_name(Some(&Key::single("customer_id", "8841")), true);
        assert_eq!(
            Fate::Superseded.sentence(&row),
            "A newer change of customer 8841 has arrived since; this one is closed as superseded."
        );
        assert_eq!(row_name(Some(&Key::single("id", 7)), true), "id 7");
        assert_eq!(row_name(Some(&Key::single("customer_id", "8841")), false), "this row");
        assert_eq!(row_name(None, true), "this row");
        let told = Fate::FailedAgain(AT).sentence(&row);
        assert_eq!(told, "It was sent again at 2026-07-01 12:00:00 UTC, and has failed again.");
    }
}
