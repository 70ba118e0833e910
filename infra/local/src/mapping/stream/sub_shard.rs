//! One ordered share of a shard's records: what waits, what is under way, what failed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::record::StreamRecord;
use super::settings::StreamSettings;
use super::shard::{Batch, Condition, Discarded, Step};
use crate::function::{FunctionError, REQUEST_LIMIT};
use crate::mapping::event::ENVELOPE;
use crate::mapping::response::{self, Report};

/// A record and its number among all that were read from the shard.
#[derive(Debug, Clone)]
pub(super) struct Numbered {
    pub number: u64,
    pub record: Arc<StreamRecord>,
    /// When the mapping read it.
    pub received: Duration,
}

impl Numbered {
    /// What it adds to a payload, with its comma.
    fn size(&self) -> usize {
        self.record.json.len() + 1
    }
}

/// Records that go through invocations together.
#[derive(Debug)]
struct Work {
    records: Vec<Numbered>,
    /// Failures that used up a try.
    failures: u32,
    /// Invocations of exactly these records.
    invocations: u32,
    /// Tries in a row that did not succeed, of whatever kind: the wait grows with them.
    setbacks: u32,
    not_before: Duration,
}

impl Work {
    fn new(records: Vec<Numbered>) -> Self {
        Self { records, failures: 0, invocations: 0, setbacks: 0, not_before: Duration::ZERO }
    }

    fn records(&self) -> Vec<Arc<StreamRecord>> {
        self.records.iter().map(|numbered| numbered.record.clone()).collect()
    }
}

#[derive(Debug)]
enum State {
    Idle,
    Invoking(Work),
    /// Given up, but not yet handed to whoever keeps it.
    GivenUp(Work, Condition, bool),
    Discarding(Work),
}

/// What an invocation says about its batch.
enum Verdict {
    Success,
    /// Everything before this index is done. Greater than zero.
    DoneUpTo(usize),
    Failed {
        function_error: bool,
    },
    NotInvoked,
}

/// Processes one batch at a time; a failing batch blocks what comes after it here and nothing else.
#[derive(Debug)]
pub(super) struct SubShard {
    state: State,
    /// Batches to try again, the earliest records first. All of them come before what waits.
    again: VecDeque<Work>,
    waiting: VecDeque<Numbered>,
    waiting_size: usize,
    free_since: Duration,
}

impl SubShard {
    pub fn new() -> Self {
        Self {
            state: State::Idle,
            again: VecDeque::new(),
            waiting: VecDeque::new(),
            waiting_size: 0,
            free_since: Duration::ZERO,
        }
    }

    pub fn push(&mut self, record: Numbered) {
        self.waiting_size += record.size();
        self.waiting.push_back(record);
    }

    /// The lowest record that is not done.
    pub fn lowest(&self) -> Option<&Numbered> {
        let under_way = match &self.state {
            State::Idle => None,
            State::Invoking(work) | State::GivenUp(work, ..) | State::Discarding(work) => work.records.first(),
        };
        under_way.or_else(|| self.again.front().and_then(|work| work.records.first())).or_else(|| self.waiting.front())
    }

    /// What to do now.
    pub fn next(&mut self, index: usize, settings: &StreamSettings, now: Duration) -> Option<Step> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle => {}
            State::GivenUp(work, condition, function_error) => {
                return Some(self.discard(index, work, condition, function_error));
            }
            busy => {
                self.state = busy;
                return None;
            }
        }
        if self.again.is_empty()
            && let Some(records) = self.cut(settings, now)
        {
            self.again.push_back(Work::new(records));
        }
        let mut work = self.again.pop_front()?;
        if let Some(step) = self.discard_expired(index, &mut work, settings, now) {
            return Some(step);
        }
        if now < work.not_before {
            self.again.push_front(work);
            return None;
        }
        work.invocations += 1;
        let batch = Batch { sub_shard: index, records: work.records() };
        self.state = State::Invoking(work);
        Some(Step::Invoke(batch))
    }

    /// When to ask again, if nothing else happens.
    pub fn due(&self, settings: &StreamSettings) -> Option<Duration> {
        match (&self.state, self.again.front()) {
            (State::Idle, Some(work)) => Some(work.not_before),
            (State::Idle, None) => self.window_end(settings),
            (State::GivenUp(..), _) => Some(Duration::ZERO),
            (State::Invoking(_) | State::Discarding(_), _) => None,
        }
    }

    /// Takes the result of the batch under way. Yields the records that are done with it.
    pub fn invoked(
        &mut self,
        settings: &StreamSettings,
        result: &Result<Bytes, FunctionError>,
        now: Duration,
    ) -> Vec<Numbered> {
        let mut work = match std::mem::replace(&mut self.state, State::Idle) {
            State::Invoking(work) => work,
            other => {
                self.state = other;
                return Vec::new();
            }
        };
        self.free_since = now;
        match verdict(settings, &work, result) {
            Verdict::Success => return work.records,
            Verdict::DoneUpTo(done) => {
                // The rest is a batch of its own, with all its retries: AWS was seen to count from the cut (`LocalStack`'s
                // recording of a failing record in the middle of a batch).
                let rest = Work::new(work.records.split_off(done));
                self.retry(settings, rest, now);
                return work.records;
            }
            Verdict::Failed { function_error } => {
                self.failed(settings, work, function_error, now);
            }
            Verdict::NotInvoked => self.retry(settings, work, now),
        }
        Vec::new()
    }

    /// Takes note that the discarded batch under way is kept elsewhere. Yields its records, which are done.
    pub fn discarded(&mut self) -> Vec<Numbered> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Discarding(work) => work.records,
            other => {
                self.state = other;
                Vec::new()
            }
        }
    }

    fn failed(&mut self, settings: &StreamSettings, mut work: Work, function_error: bool, now: Duration) {
        if function_error && settings.bisect_batch_on_function_error && work.records.len() > 1 {
            let second = work.records.split_off(work.records.len() / 2);
            self.again.push_front(Work::new(second));
            self.retry(settings, Work::new(work.records), now);
            return;
        }
        work.failures += 1;
        if settings.retries().is_some_and(|retries| work.failures > retries) {
            self.state = State::GivenUp(work, Condition::RetryAttemptsExhausted, function_error);
        } else {
            self.retry(settings, work, now);
        }
    }

    fn retry(&mut self, settings: &StreamSettings, mut work: Work, now: Duration) {
        work.setbacks += 1;
        work.not_before = now + settings.backoff.after(work.setbacks);
        self.again.push_front(work);
    }

    fn discard(&mut self, index: usize, work: Work, condition: Condition, function_error: bool) -> Step {
        let discarded = Discarded {
            sub_shard: index,
            records: work.records(),
            condition,
            // AWS says one even where records expired before the function ever saw them (`LocalStack`'s recording).
            approximate_invoke_count: work.invocations.max(1),
            function_error,
        };
        self.state = State::Discarding(work);
        Step::Discard(discarded)
    }

    /// Gives up the records that are too old. They come first, since records arrive in order; the others stay a batch.
    fn discard_expired(
        &mut self,
        index: usize,
        work: &mut Work,
        settings: &StreamSettings,
        now: Duration,
    ) -> Option<Step> {
        let limit = settings.age_limit()?;
        let fresh = work
            .records
            .iter()
            .position(|numbered| now.saturating_sub(numbered.record.arrival) <= limit)
            .unwrap_or(work.records.len());
        if fresh == 0 {
            return None;
        }
        let rest = work.records.split_off(fresh);
        let expired = Work { records: std::mem::take(&mut work.records), ..*work };
        if !rest.is_empty() {
            self.again.push_front(Work { records: rest, ..*work });
        }
        Some(self.discard(index, expired, Condition::RecordAgeExceeded, false))
    }

    /// The next batch of what waits, if it is full or its time has come.
    fn cut(&mut self, settings: &StreamSettings, now: Duration) -> Option<Vec<Numbered>> {
        if now < self.window_end(settings)? {
            return None;
        }
        let mut size = ENVELOPE;
        let mut count = 0;
        for numbered in self.waiting.iter().take(settings.batch_size) {
            size += numbered.size();
            // A record that is too large by itself makes a batch by itself, which the function then refuses.
            if size > REQUEST_LIMIT && count > 0 {
                break;
            }
            count += 1;
        }
        let batch: Vec<_> = self.waiting.drain(..count).collect();
        self.waiting_size -= batch.iter().map(Numbered::size).sum::<usize>();
        Some(batch)
    }

    /// When the batch that is being gathered goes out. The window opens with its first record, and not before the last
    /// invocation has ended: "the next window begins as soon as the previous function invocation completes".
    fn window_end(&self, settings: &StreamSettings) -> Option<Duration> {
        let first = self.waiting.front()?;
        let full = self.waiting.len() >= settings.batch_size || self.waiting_size + ENVELOPE > REQUEST_LIMIT;
        if full {
            return Some(Duration::ZERO);
        }
        Some(first.received.max(self.free_since) + settings.maximum_batching_window)
    }
}

fn verdict(settings: &StreamSettings, work: &Work, result: &Result<Bytes, FunctionError>) -> Verdict {
    let response = match result {
        Err(error) if error.is_before_invocation() => return Verdict::NotInvoked,
        Err(_) => {
            return Verdict::Failed { function_error: true };
        }
        Ok(_) if !settings.report_batch_item_failures => return Verdict::Success,
        Ok(response) => response,
    };
    let place = |identifier: &str| {
        work.records.iter().position(|numbered| numbered.record.sequence_number.as_str() == identifier)
    };
    match response::read(response, |identifier| place(identifier).is_some()) {
        Report::Success => Verdict::Success,
        Report::CompleteFailure => Verdict::Failed { function_error: false },
        Report::Failed(identifiers) => match identifiers.iter().filter_map(|identifier| place(identifier)).min() {
            Some(done) if done > 0 => Verdict::DoneUpTo(done),
            _ => Verdict::Failed { function_error: false },
        },
    }
}
