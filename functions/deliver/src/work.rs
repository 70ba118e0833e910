//! The deliveries of an invocation, lane by lane, and how far each has come.

use std::collections::{BTreeMap, HashMap, HashSet};

use shared::{
    delivery::{Delivery, Step},
    destination::{Destination, Mode},
    ledger::{Entry, LedgerKey, Pending, Progress},
};

use crate::message::Message;

/// Which others a delivery may share a request with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Share {
    /// All that have not been refused.
    #[default]
    Any,
    /// Those of the same half of a request that was refused as a whole, named by the half's first job.
    Half(usize),
    /// None.
    Alone,
}

/// One delivery on its way.
#[derive(Debug)]
pub struct Job {
    /// The delivery.
    pub delivery: Delivery,
    /// Its JSON as it came, for a failure.
    pub json: String,
    /// The place of its message in the batch.
    pub message: usize,
    /// Its message's id.
    pub message_id: String,
    /// Its lane: the message's group.
    pub lane: String,
    /// Its entry in the ledger.
    pub key: LedgerKey,
    /// Whether it appends or keeps a row in step; `None` where the destination has no such action.
    pub mode: Option<Mode>,
    /// Which others it may share a request with.
    pub share: Share,
    /// It has come to its end.
    pub done: bool,
    /// Where the ledger has its progress; `None` where the vendor does the work at once.
    pub progress_key: Option<LedgerKey>,
    /// The vendor's job that has it, or had it last.
    pub pending: Option<Pending>,
    /// It is in no job any more, and has to be sent.
    pub send_anew: bool,
}

impl Job {
    /// The vendor's job that has it.
    pub fn asks(&self) -> Option<&Pending> {
        self.pending.as_ref().filter(|_| !self.send_anew)
    }
}

/// A lane's jobs, in order.
#[derive(Debug, Default)]
pub struct LaneWork {
    /// Places in [`Work::jobs`].
    pub jobs: Vec<usize>,
    /// The lane goes no further in this invocation.
    pub blocked: bool,
}

/// All of an invocation's work.
#[derive(Debug, Default)]
pub struct Work {
    /// All jobs; a lane's are in order.
    pub jobs: Vec<Job>,
    /// Messages that this invocation has marked.
    pub marks: Vec<String>,
    /// By message group.
    pub lanes: BTreeMap<String, LaneWork>,
    /// What the ledger holds, kept in step with what is written to it.
    pub entries: HashMap<LedgerKey, Entry>,
}

impl Work {
    /// Adds the deliveries of the message at a place in the batch, in order; `share` says which others they may share a
    /// request with.
    pub fn add(
        &mut self,
        group: &str,
        place: usize,
        message: &Message,
        share: Share,
        deliveries: Vec<(Delivery, String)>,
        at: &Destination,
    ) {
        let lane = self.lanes.entry(group.to_owned()).or_default();
        let has_jobs = |delivery: &Delivery| {
            at.operation(&delivery.action, delivery.step).is_ok_and(|operation| operation.has_jobs())
        };
        for (delivery, json) in deliveries {
            let mode = at.operation(&delivery.action, Step::Apply).ok().map(|operation| operation.mode());
            let progress_key = has_jobs(&delivery).then(|| LedgerKey::of_progress(&delivery));
            let key = match mode {
                Some(Mode::Append) => LedgerKey::of_append(&delivery),
                Some(Mode::Upsert) | None => LedgerKey::of_row(&delivery),
            };
            lane.jobs.push(self.jobs.len());
            self.jobs.push(Job {
                delivery,
                json,
                message: place,
                message_id: message.id.clone(),
                lane: group.to_owned(),
                key,
                mode,
                share,
                done: false,
                progress_key,
                pending: None,
                send_anew: false,
            });
        }
    }

    /// The jobs that a later one of the same row in the same message makes needless: only the last value counts.
    ///
    /// Not across messages: a message comes again whole, so the same values are left out again; but of two messages
    /// only the first may come again, and its value would then be sent after the second's.
    pub fn superseded_in_their_message(&self) -> Vec<usize> {
        let mut later: HashSet<(usize, &LedgerKey)> = HashSet::new();
        let mut superseded = Vec::new();
        for (index, job) in self.jobs.iter().enumerate().rev() {
            if job.mode != Some(Mode::Upsert) {
                continue;
            }
            if later.contains(&(job.message, &job.key)) {
                superseded.push(index);
            } else if job.delivery.step != Step::Keep {
                // A row that leaves the filter and is kept says nothing of what the destination should hold.
                later.insert((job.message, &job.key));
            }
        }
        superseded
    }

    /// Every ledger key, each once.
    pub fn keys(&self) -> Vec<LedgerKey> {
        let jobs = self.jobs.iter().filter(|job| job.mode.is_some() && !job.done);
        let keys: HashSet<&LedgerKey> =
            jobs.flat_map(|job| [Some(&job.key), job.progress_key.as_ref()]).flatten().collect();
        keys.into_iter().cloned().collect()
    }

    /// Takes over what the ledger holds.
    pub fn know(&mut self, mut entries: HashMap<LedgerKey, Entry>) {
        for job in &mut self.jobs {
            let entry = job.progress_key.as_ref().and_then(|key| entries.remove(key));
            match entry.and_then(|entry| entry.progress) {
                Some(Progress::Pending(pending)) => job.pending = Some(pending),
                Some(Progress::Failed { message }) => job.done = message == job.message_id,
                None => {}
            }
        }
        self.entries = entries;
    }

    /// Whether anything can still be done in this invocation.
    pub fn is_open(&self) -> bool {
        self.lanes.values().any(|lane| !lane.blocked && lane.jobs.iter().any(|job| !self.jobs[*job].done))
    }

    /// The lane of a job goes no further.
    pub fn block_lane_of(&mut self, job: usize) {
        if let Some(lane) = self.lanes.get_mut(&self.jobs[job].lane) {
            lane.blocked = true;
        }
    }

    /// No lane goes any further.
    pub fn block_all(&mut self) {
        self.lanes.values_mut().for_each(|lane| lane.blocked = true);
    }

    /// The places of the messages with a job that has not come to its end.
    pub fn unfinished_messages(&self) -> HashSet<usize> {
        self.jobs.iter().filter(|job| !job.done).map(|job| job.message).collect()
    }
}
