//! A round: what can be done at once without two values of one row under way.
//!
//! Of each row one delivery is in a round, and its entry in the ledger is written before the next one's turn. So what
//! comes again after a crash is judged by a ledger that knows all but the last value, and no older value follows a
//! newer one.

use std::{
    collections::{HashMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
};

use shared::{
    delivery::Step,
    destination::{Check, Destination, Limit, Mode, Operation, Parcel},
    ledger::{LedgerKey, PastOutcome, Verdict, judge_append, judge_row},
};

use crate::work::{Job, Share, Work};

/// What a round does.
#[derive(Debug, Default)]
pub struct Round {
    /// Requests to the vendor.
    pub calls: Vec<Call>,
    /// Nothing to send: the ledger advances.
    pub advances: Vec<(usize, PastOutcome)>,
    /// Never to be sent, and why.
    pub rejections: Vec<(usize, String)>,
    /// Superseded by what the ledger knows.
    pub superseded: Vec<usize>,
    /// Delivered before.
    pub repeats: Vec<usize>,
}

/// One request to the vendor.
#[derive(Debug)]
pub struct Call {
    /// The action.
    pub action: String,
    /// The step.
    pub step: Step,
    /// Places in [`Work::jobs`], in order.
    pub jobs: Vec<usize>,
    /// The vendor's job that has them and is asked after; otherwise they are sent.
    pub asks: Option<String>,
    bytes: usize,
    identities: HashSet<String>,
    share: Share,
}

impl Call {
    /// The name under which limits count it.
    pub fn counted(&self) -> String {
        if self.asks.is_some() { Limit::asked(&self.action) } else { Limit::counted(&self.action, self.step) }
    }

    /// In which half of the call a place is.
    pub fn half_of(&self, place: usize) -> Share {
        let middle = self.jobs.len() / 2;
        Share::Half(self.jobs[if place < middle { 0 } else { middle }])
    }
}

impl Round {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
            && self.advances.is_empty()
            && self.rejections.is_empty()
            && self.superseded.is_empty()
            && self.repeats.is_empty()
    }

    /// Plans the next round.
    pub fn plan(work: &Work, destination: &Destination) -> Self {
        let mut planner = Planner { destination, round: Self::default(), taken: HashMap::new() };
        for lane in work.lanes.values().filter(|lane| !lane.blocked) {
            for &index in &lane.jobs {
                let job = &work.jobs[index];
                if !job.done {
                    planner.take(work, index, job);
                }
            }
        }
        planner.round
    }
}

struct Planner<'a> {
    destination: &'a Destination,
    round: Round,
    /// Rows with a delivery in this round, and the call that it is in. Appends have a row too: its order is kept.
    taken: HashMap<LedgerKey, Option<usize>>,
}

impl Planner<'_> {
    fn take(&mut self, work: &Work, index: usize, job: &Job) {
        let row = LedgerKey::of_row(&job.delivery);
        let earlier = self.taken.get(&row).copied();
        if let Some(call) = earlier {
            self.join(work, index, job, call);
            return;
        }
        // A row that is settled without a call or a write leaves the way free for its next delivery.
        let entry = work.entries.get(&job.key);
        let verdict = match job.mode {
            None => {
                let reason = format!(
                    "the destination {} has no action {:?}; correct the pipeline's action, or put back what it had",
                    self.destination.name(),
                    job.delivery.action
                );
                self.round.rejections.push((index, reason));
                return;
            }
            Some(Mode::Append) => judge_append(entry),
            Some(Mode::Upsert) => judge_row(entry, &job.delivery),
        };
        match verdict {
            Verdict::Superseded => self.round.superseded.push(index),
            Verdict::Repeat => self.round.repeats.push(index),
            Verdict::Unchanged => self.advance(row, index, PastOutcome::Unchanged),
            Verdict::Keep => self.advance(row, index, PastOutcome::Kept),
            Verdict::Send => match job.asks() {
                Some(pending) => self.ask(index, job, row, &pending.job),
                None => self.send(work, index, job, row),
            },
        }
    }

    /// Asks after the vendor's job that has a delivery: once for all that are in it.
    fn ask(&mut self, index: usize, job: &Job, row: LedgerKey, asked: &str) {
        let delivery = &job.delivery;
        let same = |call: &Call| {
            call.asks.as_deref() == Some(asked) && call.action == delivery.action && call.step == delivery.step
        };
        let place = self.round.calls.iter().position(same).unwrap_or_else(|| self.open(job, Some(asked.to_owned())));
        self.round.calls[place].jobs.push(index);
        self.taken.insert(row, Some(place));
    }

    /// Begins a call for deliveries like this one.
    fn open(&mut self, job: &Job, asks: Option<String>) -> usize {
        self.round.calls.push(Call {
            action: job.delivery.action.clone(),
            step: job.delivery.step,
            jobs: Vec::new(),
            asks,
            bytes: 0,
            identities: HashSet::new(),
            share: job.share,
        });
        self.round.calls.len() - 1
    }

    fn advance(&mut self, row: LedgerKey, index: usize, outcome: PastOutcome) {
        self.round.advances.push((index, outcome));
        self.taken.insert(row, None);
    }

    fn send(&mut self, work: &Work, index: usize, job: &Job, row: LedgerKey) {
        let operation = match self.destination.operation(&job.delivery.action, job.delivery.step) {
            Ok(operation) => operation,
            Err(reason) => {
                self.round.rejections.push((index, reason));
                return;
            }
        };
        let parcel = parcel(work, job);
        // What a vendor's file and a strange value make of each other must not cost the other deliveries.
        let looked_at = catch_unwind(AssertUnwindSafe(|| (operation.check(&parcel), operation.size_of(&parcel))));
        match looked_at {
            Err(_) => {
                let reason = "reading this delivery crashed, which is a defect of Freshet; please report it".to_owned();
                self.round.rejections.push((index, reason));
            }
            Ok((Check::Reject(reason), _)) => self.round.rejections.push((index, reason)),
            Ok((Check::Nothing, _)) => self.advance(row, index, PastOutcome::Unchanged),
            Ok((Check::Send, bytes)) => {
                let call = self.place(job, index, &operation, &parcel, bytes);
                self.taken.insert(row, Some(call));
            }
        }
    }

    /// Puts a delivery into a call with room for it, or a new one.
    fn place(
        &mut self,
        job: &Job,
        index: usize,
        operation: &Operation<'_>,
        parcel: &Parcel<'_>,
        bytes: usize,
    ) -> usize {
        let cap = operation.cap();
        let identity = operation.identity(parcel);
        let fits = |call: &Call| {
            job.share != Share::Alone
                && call.share == job.share
                && call.asks.is_none()
                && call.action == job.delivery.action
                && call.step == job.delivery.step
                && call.jobs.len() < cap.count
                && call.bytes + bytes <= cap.bytes
                && identity.as_ref().is_none_or(|identity| !call.identities.contains(identity))
        };
        let place = self.round.calls.iter().position(fits).unwrap_or_else(|| self.open(job, None));
        let call = &mut self.round.calls[place];
        call.jobs.push(index);
        call.bytes += bytes;
        call.identities.extend(identity);
        place
    }

    /// A later append of a row may share the request of the earlier one, where the vendor reads it in order, or the
    /// question after a job that has both. Anything else waits for the next round.
    fn join(&mut self, work: &Work, index: usize, job: &Job, call: Option<usize>) {
        let Some(place) = call else { return };
        let open = &mut self.round.calls[place];
        let asked = job.asks().map(|pending| pending.job.as_str());
        if asked.is_some() || open.asks.is_some() {
            if asked == open.asks.as_deref() && judge_append(work.entries.get(&job.key)) == Verdict::Send {
                open.jobs.push(index);
            } else {
                self.taken.insert(LedgerKey::of_row(&job.delivery), None);
            }
            return;
        }
        let Ok(operation) = self.destination.operation(&job.delivery.action, job.delivery.step) else { return };
        let cap = operation.cap();
        let parcel = parcel(work, job);
        let row = LedgerKey::of_row(&job.delivery);
        let joined = catch_unwind(AssertUnwindSafe(|| {
            let sendable =
                operation.check(&parcel) == Check::Send && judge_append(work.entries.get(&job.key)) == Verdict::Send;
            (sendable, operation.size_of(&parcel))
        }));
        let open = &mut self.round.calls[place];
        match joined {
            Ok((true, bytes))
                if cap.same_key
                    && job.share != Share::Alone
                    && open.share == job.share
                    && open.action == job.delivery.action
                    && open.step == job.delivery.step
                    && open.jobs.len() < cap.count
                    && open.bytes + bytes <= cap.bytes =>
            {
                open.jobs.push(index);
                open.bytes += bytes;
            }
            // Not even a later one may overtake it.
            _ => {
                self.taken.insert(row, None);
            }
        }
    }
}

/// A job with what the ledger knows of its row.
pub fn parcel<'a>(work: &'a Work, job: &'a Job) -> Parcel<'a> {
    let entry = work.entries.get(&job.key);
    Parcel { delivery: &job.delivery, destination_key: entry.and_then(|entry| entry.destination_key.as_deref()) }
}
