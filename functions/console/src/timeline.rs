//! What became of somebody's records, moment by moment: out of the ledger's last outcomes and the failures.

use shared::{
    failure::{Answer, Kept, Standing},
    ledger::{Entry, PastOutcome},
    time::Timestamp,
};

use crate::{frame::time, mask, words};

/// One thing that happened to a record on its way to a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// The pipeline, where one was involved.
    pub pipeline: Option<String>,
    /// Where it was to go, where that is known.
    pub destination: Option<String>,
    /// The pipeline's version.
    pub version: Option<u64>,
    /// Which record, as its key's text; for who may see values.
    pub record: Option<String>,
    /// What happened.
    pub kind: MomentKind,
    /// Why, and what has come of it.
    pub why: Vec<String>,
    /// What the vendor said.
    pub answer: Option<Answer>,
    /// The failure's id, if it is one.
    pub failure: Option<String>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MomentKind {
    /// The destination has it.
    Sent,
    /// The destination had these values already.
    Unchanged,
    /// It was taken away at the destination.
    Removed,
    /// It has left the filter, and stays at the destination.
    Kept,
    /// It did not arrive.
    Failed,
}

impl MomentKind {
    /// The words on its badge.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Sent => "Sent",
            Self::Unchanged => "Not sent: nothing new",
            Self::Removed => "Taken away",
            Self::Kept => "Not sent: left the filter",
            Self::Failed => "Failed",
        }
    }

    /// The class of its badge.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Sent | Self::Removed => "good",
            Self::Unchanged | Self::Kept => "open",
            Self::Failed => "bad",
        }
    }

    /// A sign for it: colour is never alone.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Sent => "✓",
            Self::Unchanged => "=",
            Self::Removed => "−",
            Self::Kept => "‖",
            Self::Failed => "!",
        }
    }

    const fn why(self) -> Option<&'static str> {
        match self {
            Self::Sent | Self::Failed => None,
            Self::Unchanged => Some("The destination has these values already."),
            Self::Removed => Some("The record is gone, or has left the filter, and the pipeline removes such records."),
            Self::Kept => {
                Some("The record does not match the filter any more, and the pipeline leaves such records as they are.")
            }
        }
    }
}

impl From<PastOutcome> for MomentKind {
    fn from(outcome: PastOutcome) -> Self {
        match outcome {
            PastOutcome::Delivered => Self::Sent,
            PastOutcome::Unchanged => Self::Unchanged,
            PastOutcome::Removed => Self::Removed,
            PastOutcome::Kept => Self::Kept,
        }
    }
}

/// The moments of a pipeline's ledger entry.
pub fn of_entry(pipeline: &str, destination: &str, record: &str, entry: &Entry) -> Vec<Moment> {
    let moment = |past: &shared::ledger::Past| {
        let kind = MomentKind::from(past.outcome);
        Moment {
            at: past.at,
            pipeline: Some(pipeline.to_owned()),
            destination: Some(destination.to_owned()),
            version: Some(past.version),
            record: Some(record.to_owned()),
            kind,
            why: kind.why().map(str::to_owned).into_iter().collect(),
            answer: None,
            failure: None,
        }
    };
    entry.past.iter().map(moment).collect()
}

impl Moment {
    /// The same for who may not see values.
    #[must_use]
    pub fn masked(self, personal: &[String]) -> Self {
        let why = self.why.iter().map(|why| mask::text(why, personal)).collect();
        let answer = self.answer.map(|answer| Answer { body: String::new(), ..answer });
        Self { why, answer, record: None, ..self }
    }
}

/// The moment of a failure: when it failed last.
pub fn of_failure(kept: Kept) -> Moment {
    let mut why = vec![kept.listed.reason.clone()];
    if kept.listed.times > 1 {
        why.push(format!(
            "It failed {}, first at {} UTC.",
            words::count(kept.listed.times, "time", "times"),
            time(kept.listed.first_at)
        ));
    }
    why.extend(what_came(&kept));
    Moment {
        at: kept.listed.last_at,
        pipeline: kept.listed.pipeline,
        destination: kept.listed.destination,
        version: kept.failure.version,
        record: kept.failure.key.map(|key| key.canonical()),
        kind: MomentKind::Failed,
        why,
        answer: kept.failure.answer,
        failure: Some(kept.listed.id),
    }
}

/// What a person has done about a failure, and what has come of it.
fn what_came(kept: &Kept) -> Option<String> {
    let closed = kept.closed_at.map(|at| format!(" at {} UTC", time(at))).unwrap_or_default();
    match kept.listed.standing {
        Standing::Open => Some("It waits for somebody to look.".to_owned()),
        Standing::Redriven => Some("It was sent again since, and is on its way.".to_owned()),
        Standing::Delivered => Some(format!("It was sent again since, and has arrived{closed}.")),
        Standing::Superseded => {
            Some(format!("A newer change of this record has arrived since; this one is closed as superseded{closed}."))
        }
        Standing::Discarded => {
            let (at, reason) = kept.discarded.as_ref()?;
            Some(format!("It was given up at {} UTC: {reason}", time(*at)))
        }
    }
}

/// Newest first; of what is at the same time, what failed first.
pub fn in_order(mut moments: Vec<Moment>) -> Vec<Moment> {
    moments.sort_by(|one, other| {
        let place = |moment: &Moment| (moment.at, moment.kind == MomentKind::Failed);
        place(other).cmp(&place(one)).then_with(|| one.pipeline.cmp(&other.pipeline))
    });
    moments
}
