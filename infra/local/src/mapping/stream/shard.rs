//! One shard of a stream: records go in, batches come out. Pure: it neither reads nor invokes nor looks at a clock, so that
//! every rule of retries, splits and checkpoints can be tested without either.
//!
//! The shard's keys are hashed into as many sub-shards as the parallelization factor says. Each processes one batch at a
//! time, so that a key stays in order, and a failing batch blocks its own sub-shard only.
//!
//! A record is *done* when the function got through it, when the filter dropped it, or when it was discarded and what was
//! discarded is kept elsewhere. The checkpoint is the lowest record that is not done.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::record::{SequenceNumber, StreamRecord};
use super::settings::StreamSettings;
use super::sub_shard::{Numbered, SubShard};
use crate::function::FunctionError;
use crate::mapping::event;

/// Reading stops while so many records of a shard are not done …
const MOST_BUFFERED_RECORDS: usize = 10_000;
/// … or so many bytes of them.
const MOST_BUFFERED_BYTES: usize = 64 * 1024 * 1024;

/// What a shard wants done.
#[derive(Debug)]
pub enum Step {
    /// Invoke the function with this batch, then call [`Shard::invoked`].
    Invoke(Batch),
    /// Hand these records to the on-failure destination, then call [`Shard::discarded`].
    Discard(Discarded),
}

/// Records that are to be processed by one invocation.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Which sub-shard it belongs to.
    pub sub_shard: usize,
    /// The records in order; there is at least one.
    pub records: Vec<Arc<StreamRecord>>,
}

impl Batch {
    /// The payload of the invocation.
    pub fn payload(&self) -> Bytes {
        event::payload(self.records.iter().map(|record| record.json.as_str()))
    }
}

/// Why records are given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// The batch failed once more than the maximum of retries.
    RetryAttemptsExhausted,
    /// The records are older than the maximum age.
    RecordAgeExceeded,
}

impl Condition {
    /// AWS's name of it in invocation records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RetryAttemptsExhausted => "RetryAttemptsExhausted",
            Self::RecordAgeExceeded => "RecordAgeExceeded",
        }
    }
}

/// Records that are given up.
#[derive(Debug, Clone)]
pub struct Discarded {
    /// Which sub-shard they belong to.
    pub sub_shard: usize,
    /// The records in order; there is at least one.
    pub records: Vec<Arc<StreamRecord>>,
    /// Why.
    pub condition: Condition,
    /// How often the function was invoked with exactly these records, and at least one.
    pub approximate_invoke_count: u32,
    /// Whether the last invocation ended with an error, rather than with reported items.
    pub function_error: bool,
}

impl Discarded {
    /// The payload that an invocation with these records had, or would have had.
    pub fn payload(&self) -> Bytes {
        event::payload(self.records.iter().map(|record| record.json.as_str()))
    }
}

/// Where a mapping stands in a shard.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Checkpoint {
    /// Nothing was read yet.
    #[default]
    Start,
    /// This record is the lowest that is not done.
    At(SequenceNumber),
    /// Everything that was read, up to this record, is done.
    After(SequenceNumber),
}

/// A shard's records between being read and being done.
#[derive(Debug)]
pub struct Shard {
    settings: Arc<StreamSettings>,
    sub_shards: Vec<SubShard>,
    /// Where the search for the next step begins, so that no sub-shard starves.
    turn: usize,
    read: u64,
    last_read: Option<SequenceNumber>,
    buffered_records: usize,
    buffered_bytes: usize,
}

impl Shard {
    /// A shard of which nothing was read yet.
    pub fn new(settings: Arc<StreamSettings>) -> Self {
        let sub_shards = (0..settings.parallelization_factor.max(1)).map(|_| SubShard::new()).collect();
        Self { settings, sub_shards, turn: 0, read: 0, last_read: None, buffered_records: 0, buffered_bytes: 0 }
    }

    /// Takes the next record of the shard. `passes` is the filter's verdict: what does not pass is done at once.
    pub fn push(&mut self, record: StreamRecord, passes: bool, now: Duration) {
        self.last_read = Some(record.sequence_number.clone());
        self.read += 1;
        if !passes {
            return;
        }
        self.buffered_records += 1;
        self.buffered_bytes += record.json.len();
        let mut hasher = DefaultHasher::new();
        record.key.hash(&mut hasher);
        let count = self.sub_shards.len() as u64;
        let numbered = Numbered { number: self.read, record: Arc::new(record), received: now };
        // The remainder is below the number of sub-shards, which is a usize.
        let index = usize::try_from(hasher.finish() % count).unwrap_or_default();
        self.sub_shards[index].push(numbered);
    }

    /// What to do at this moment, given that the earlier steps are under way. `None` until something changes or time passes.
    pub fn next(&mut self, now: Duration) -> Option<Step> {
        let count = self.sub_shards.len();
        for offset in 0..count {
            let index = (self.turn + offset) % count;
            if let Some(step) = self.sub_shards[index].next(index, &self.settings, now) {
                self.turn = (index + 1) % count;
                return Some(step);
            }
        }
        None
    }

    /// When to ask for the next step again, if nothing else happens before. Past moments mean: at once.
    pub fn due(&self) -> Option<Duration> {
        self.sub_shards.iter().filter_map(|sub_shard| sub_shard.due(&self.settings)).min()
    }

    /// Takes the result of an invocation.
    pub fn invoked(&mut self, sub_shard: usize, result: &Result<Bytes, FunctionError>, now: Duration) {
        let settings = self.settings.clone();
        self.finish(sub_shard, |sub_shard| sub_shard.invoked(&settings, result, now));
    }

    /// Takes note that discarded records are kept elsewhere, or that nobody wants them.
    pub fn discarded(&mut self, sub_shard: usize) {
        self.finish(sub_shard, SubShard::discarded);
    }

    /// Whether more records may be read: a failing batch must not fill the memory.
    pub fn wants_more(&self) -> bool {
        let enough = (2 * self.settings.batch_size * self.sub_shards.len()).max(MOST_BUFFERED_RECORDS);
        self.buffered_records < enough && self.buffered_bytes < MOST_BUFFERED_BYTES
    }

    /// Whether everything that was read is done.
    pub fn is_idle(&self) -> bool {
        self.buffered_records == 0
    }

    /// How many records were read.
    pub fn read(&self) -> u64 {
        self.read
    }

    /// The last record that was read, done or not.
    pub fn last_read(&self) -> Option<&SequenceNumber> {
        self.last_read.as_ref()
    }

    /// Where a reader that knows nothing else would have to begin.
    pub fn checkpoint(&self) -> Checkpoint {
        match (self.lowest(), &self.last_read) {
            (Some(lowest), _) => Checkpoint::At(lowest.record.sequence_number.clone()),
            (None, Some(last)) => Checkpoint::After(last.clone()),
            (None, None) => Checkpoint::Start,
        }
    }

    /// When the oldest record that is not done came to the stream, since 1970. (`CloudWatch`'s `IteratorAge` is the age of the
    /// last record of a batch when its invocation ends.)
    pub fn oldest(&self) -> Option<Duration> {
        self.lowest().map(|lowest| lowest.record.arrival)
    }

    fn lowest(&self) -> Option<&Numbered> {
        self.sub_shards.iter().filter_map(SubShard::lowest).min_by_key(|numbered| numbered.number)
    }

    /// Lets a sub-shard finish records, and counts what is still buffered.
    fn finish(&mut self, index: usize, act: impl FnOnce(&mut SubShard) -> Vec<Numbered>) {
        let Some(sub_shard) = self.sub_shards.get_mut(index) else {
            return;
        };
        for done in act(sub_shard) {
            self.buffered_records -= 1;
            self.buffered_bytes -= done.record.json.len();
        }
    }
}
