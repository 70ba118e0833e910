//! The rules of one shard, first each by itself, then all of them under random batches, failures and splits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::record::{SequenceNumber, StreamRecord};
use super::settings::{Backoff, StreamSettings};
use super::shard::{Batch, Checkpoint, Condition, Discarded, Shard, Step};
use crate::function::FunctionError;

const SECOND: Duration = Duration::from_secs(1);
/// When the tests begin: late enough that ages do not reach back beyond 1970.
const BEGIN: Duration = Duration::from_secs(1_000_000_000);

fn settings() -> StreamSettings {
    StreamSettings { backoff: Backoff { first: SECOND, bound: 4 * SECOND }, ..StreamSettings::default() }
}

/// A record whose sequence number, key and text are what the tests look at.
fn record(number: u64, key: &str) -> StreamRecord {
    StreamRecord {
        sequence_number: SequenceNumber::new(number.to_string()),
        key: key.to_owned(),
        arrival: BEGIN,
        json: number.to_string(),
    }
}

fn shard(settings: StreamSettings, numbers: std::ops::RangeInclusive<u64>) -> Shard {
    let mut shard = Shard::new(Arc::new(settings));
    for number in numbers {
        shard.push(record(number, "key"), true, BEGIN);
    }
    shard
}

fn numbers(records: &[Arc<StreamRecord>]) -> Vec<u64> {
    records.iter().map(|record| record.sequence_number.as_str().parse().unwrap()).collect()
}

fn batch(shard: &mut Shard, now: Duration) -> Option<(usize, Vec<u64>)> {
    match shard.next(now)? {
        Step::Invoke(batch) => Some((batch.sub_shard, numbers(&batch.records))),
        Step::Discard(discarded) => panic!("discards {:?}", numbers(&discarded.records)),
    }
}

fn discarded(shard: &mut Shard, now: Duration) -> Discarded {
    match shard.next(now) {
        Some(Step::Discard(discarded)) => discarded,
        other => panic!("no discard but {other:?}"),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "stands for the result of an invocation")]
fn ok() -> Result<Bytes, FunctionError> {
    Ok(Bytes::from_static(b"{}"))
}

fn error() -> Result<Bytes, FunctionError> {
    Err(FunctionError::unhandled("no"))
}

fn throttled() -> Result<Bytes, FunctionError> {
    Err(FunctionError::new("TooManyRequestsException", "later"))
}

#[expect(clippy::unnecessary_wraps, reason = "stands for the result of an invocation")]
fn report(identifiers: &[&str]) -> Result<Bytes, FunctionError> {
    let failures: Vec<_> =
        identifiers.iter().map(|identifier| serde_json::json!({"itemIdentifier": identifier})).collect();
    Ok(serde_json::json!({"batchItemFailures": failures}).to_string().into())
}

#[test]
fn batches_are_cut_at_the_batch_size() {
    let mut shard = shard(StreamSettings { batch_size: 2, ..settings() }, 1..=3);
    assert_eq!(shard.checkpoint(), Checkpoint::At(SequenceNumber::new("1")));
    assert_eq!(batch(&mut shard, BEGIN), Some((0, vec![1, 2])));
    assert_eq!(batch(&mut shard, BEGIN), None, "one batch at a time");
    shard.invoked(0, &ok(), BEGIN);
    assert_eq!(shard.checkpoint(), Checkpoint::At(SequenceNumber::new("3")));
    assert_eq!(batch(&mut shard, BEGIN), Some((0, vec![3])));
    shard.invoked(0, &ok(), BEGIN);
    assert!(shard.is_idle());
    assert_eq!(shard.checkpoint(), Checkpoint::After(SequenceNumber::new("3")));
}

#[test]
fn a_window_gathers_until_it_ends_or_the_batch_is_full() {
    let with_window = StreamSettings { batch_size: 3, maximum_batching_window: 5 * SECOND, ..settings() };
    let mut shard = shard(with_window, 1..=1);
    assert_eq!(batch(&mut shard, BEGIN), None);
    assert_eq!(shard.due(), Some(BEGIN + 5 * SECOND));
    shard.push(record(2, "key"), true, BEGIN + 4 * SECOND);
    assert_eq!(batch(&mut shard, BEGIN + 4 * SECOND), None);
    assert_eq!(batch(&mut shard, BEGIN + 5 * SECOND), Some((0, vec![1, 2])));
    for number in 3..=6 {
        shard.push(record(number, "key"), true, BEGIN + 6 * SECOND);
    }
    shard.invoked(0, &ok(), BEGIN + 8 * SECOND);
    assert_eq!(batch(&mut shard, BEGIN + 8 * SECOND), Some((0, vec![3, 4, 5])), "full");
    shard.invoked(0, &ok(), BEGIN + 9 * SECOND);
    // "The next window begins as soon as the previous function invocation completes."
    assert_eq!(shard.due(), Some(BEGIN + 14 * SECOND));
    assert_eq!(batch(&mut shard, BEGIN + 13 * SECOND), None);
    assert_eq!(batch(&mut shard, BEGIN + 14 * SECOND), Some((0, vec![6])));
}

#[test]
fn a_payload_stays_within_six_megabytes() {
    let mut shard = Shard::new(Arc::new(settings()));
    // Two records of 3 MB less 8 bytes make a payload of 6 MB less one byte: 12 bytes before them, a comma, 2 bytes after.
    for number in 1..=3 {
        shard.push(StreamRecord { json: "1".repeat(3 * 1024 * 1024 - 8), ..record(number, "key") }, true, BEGIN);
    }
    let Some(Step::Invoke(first)) = shard.next(BEGIN) else { panic!("no batch") };
    assert_eq!(numbers(&first.records), [1, 2]);
    assert_eq!(first.payload().len(), 6 * 1024 * 1024 - 1);
    shard.invoked(0, &ok(), BEGIN);
    assert_eq!(batch(&mut shard, BEGIN), Some((0, vec![3])));
}

#[test]
fn filtered_records_are_done_at_once() {
    let mut shard = Shard::new(Arc::new(settings()));
    shard.push(record(1, "key"), false, BEGIN);
    assert!(shard.is_idle());
    assert_eq!(shard.checkpoint(), Checkpoint::After(SequenceNumber::new("1")));
    shard.push(record(2, "key"), true, BEGIN);
    shard.push(record(3, "key"), false, BEGIN);
    assert_eq!(shard.checkpoint(), Checkpoint::At(SequenceNumber::new("2")));
    assert_eq!(batch(&mut shard, BEGIN), Some((0, vec![2])));
    shard.invoked(0, &ok(), BEGIN);
    assert_eq!(shard.checkpoint(), Checkpoint::After(SequenceNumber::new("3")));
}

#[test]
fn the_lowest_reported_number_is_the_checkpoint() {
    let reporting = StreamSettings { report_batch_item_failures: true, ..settings() };
    let mut shard = shard(reporting, 1..=5);
    assert_eq!(batch(&mut shard, BEGIN), Some((0, vec![1, 2, 3, 4, 5])));
    shard.invoked(0, &report(&["4", "2"]), BEGIN);
    assert_eq!(shard.checkpoint(), Checkpoint::At(SequenceNumber::new("2")));
    assert_eq!(batch(&mut shard, BEGIN), None, "it waits before it tries again");
    assert_eq!(shard.due(), Some(BEGIN + SECOND));
    assert_eq!(batch(&mut shard, BEGIN + SECOND), Some((0, vec![2, 3, 4, 5])));
}

#[test]
fn a_response_that_reports_nonsense_fails_the_batch() {
    for identifiers in [&[""][..], &["99"], &["2", "99"]] {
        let reporting = StreamSettings { report_batch_item_failures: true, ..settings() };
        let mut shard = shard(reporting, 1..=3);
        batch(&mut shard, BEGIN).unwrap();
        shard.invoked(0, &report(identifiers), BEGIN);
        assert_eq!(batch(&mut shard, BEGIN + SECOND), Some((0, vec![1, 2, 3])));
    }
}

#[test]
fn without_reporting_a_response_is_not_read() {
    let mut shard = shard(settings(), 1..=3);
    batch(&mut shard, BEGIN).unwrap();
    shard.invoked(0, &report(&["1"]), BEGIN);
    assert!(shard.is_idle());
}

/// Recorded against AWS by `LocalStack`: with three retries, a record that failed in the middle of a batch is invoked four
/// times more after the cut.
#[test]
fn a_cut_batch_has_all_its_retries() {
    let mut shard =
        shard(StreamSettings { report_batch_item_failures: true, maximum_retry_attempts: 3, ..settings() }, 4..=6);
    let mut now = BEGIN;
    assert_eq!(batch(&mut shard, now), Some((0, vec![4, 5, 6])));
    shard.invoked(0, &report(&["6"]), now);
    for _ in 0..4 {
        now += 10 * SECOND;
        assert_eq!(batch(&mut shard, now), Some((0, vec![6])));
        shard.invoked(0, &report(&["6"]), now);
    }
    let given_up = discarded(&mut shard, now);
    assert_eq!(numbers(&given_up.records), [6]);
    assert_eq!(given_up.condition, Condition::RetryAttemptsExhausted);
    assert_eq!(given_up.approximate_invoke_count, 4);
    assert!(!given_up.function_error);
    assert!(!shard.is_idle(), "it is done only when it is kept");
    shard.discarded(0);
    assert!(shard.is_idle());
}

#[test]
fn splitting_does_not_use_up_retries() {
    let mut shard =
        shard(StreamSettings { bisect_batch_on_function_error: true, maximum_retry_attempts: 1, ..settings() }, 1..=4);
    let mut now = BEGIN;
    let mut tries = Vec::new();
    // The function fails with record 3.
    let given_up = loop {
        now += 10 * SECOND;
        match shard.next(now) {
            Some(Step::Invoke(batch)) => {
                let batch = numbers(&batch.records);
                let result = if batch.contains(&3) { error() } else { ok() };
                shard.invoked(0, &result, now);
                tries.push(batch);
            }
            Some(Step::Discard(given_up)) => break given_up,
            None => panic!("nothing to do"),
        }
    };
    // The halves of one are tried once and once more: its two splits cost nothing.
    let expected: [&[u64]; 5] = [&[1, 2, 3, 4], &[1, 2], &[3, 4], &[3], &[3]];
    assert_eq!(tries, expected);
    assert_eq!(numbers(&given_up.records), [3]);
    assert_eq!(given_up.approximate_invoke_count, 2);
    assert!(given_up.function_error);
    assert_eq!(batch(&mut shard, now), None, "4 waits until 3 is kept");
    shard.discarded(0);
    assert_eq!(batch(&mut shard, now), Some((0, vec![4])));
    shard.invoked(0, &ok(), now);
    assert!(shard.is_idle());
}

#[test]
fn errors_before_the_invocation_do_not_use_up_retries() {
    let mut shard = shard(StreamSettings { maximum_retry_attempts: 0, ..settings() }, 1..=2);
    let mut now = BEGIN;
    // The wait doubles up to its bound of four seconds.
    for wait in [1, 2, 4, 4, 4] {
        assert_eq!(batch(&mut shard, now), Some((0, vec![1, 2])));
        shard.invoked(0, &throttled(), now);
        assert_eq!(shard.due(), Some(now + wait * SECOND));
        now += wait * SECOND;
    }
    assert_eq!(batch(&mut shard, now), Some((0, vec![1, 2])));
    shard.invoked(0, &error(), now);
    assert_eq!(numbers(&discarded(&mut shard, now).records), [1, 2]);
}

#[test]
fn only_the_records_that_are_too_old_are_given_up() {
    let mut shard = Shard::new(Arc::new(StreamSettings { maximum_record_age: 60, ..settings() }));
    shard.push(record(1, "key"), true, BEGIN + 61 * SECOND);
    shard.push(StreamRecord { arrival: BEGIN + SECOND, ..record(2, "key") }, true, BEGIN + 61 * SECOND);
    let given_up = discarded(&mut shard, BEGIN + 61 * SECOND);
    assert_eq!(numbers(&given_up.records), [1]);
    assert_eq!(given_up.condition, Condition::RecordAgeExceeded);
    // AWS says one for records that the function never saw (recorded by `LocalStack`).
    assert_eq!(given_up.approximate_invoke_count, 1);
    shard.discarded(0);
    assert_eq!(batch(&mut shard, BEGIN + 61 * SECOND), Some((0, vec![2])));
    shard.invoked(0, &throttled(), BEGIN + 61 * SECOND);
    let given_up = discarded(&mut shard, BEGIN + 62 * SECOND);
    assert_eq!(numbers(&given_up.records), [2]);
}

#[test]
fn a_failing_key_blocks_its_own_sub_shard_only() {
    let parallel = StreamSettings { parallelization_factor: 10, batch_size: 1, ..settings() };
    let mut shard = Shard::new(Arc::new(parallel));
    for number in 0..100 {
        shard.push(record(number, &(number % 20).to_string()), true, BEGIN);
    }
    // The sub-shard of record 0 always fails, everything else succeeds.
    let mut failing = None;
    let mut done = Vec::new();
    let mut under_way: Vec<Batch> = Vec::new();
    loop {
        while let Some(Step::Invoke(batch)) = shard.next(BEGIN) {
            assert!(under_way.iter().all(|other| other.sub_shard != batch.sub_shard));
            under_way.push(batch);
        }
        assert!(under_way.len() <= 10);
        let Some(batch) = under_way.pop() else { break };
        let number = numbers(&batch.records)[0];
        if number == 0 {
            failing = Some(batch.sub_shard);
            shard.invoked(batch.sub_shard, &error(), BEGIN);
        } else {
            done.push((batch.sub_shard, number));
            shard.invoked(batch.sub_shard, &ok(), BEGIN);
        }
    }
    let failing = failing.unwrap();
    assert!(done.iter().all(|(sub_shard, _)| *sub_shard != failing));
    let behind = (0..100).filter(|number| done.iter().all(|(_, other)| other != number));
    // What is not done shares the failing sub-shard: whole keys, five records each.
    assert_eq!(behind.count() % 5, 0);
    assert!(done.len() >= 50, "most keys are elsewhere");
    assert_eq!(shard.checkpoint(), Checkpoint::At(SequenceNumber::new("0")));
    for remainder in 0..20 {
        let order: Vec<_> = done.iter().map(|(_, number)| *number).filter(|number| number % 20 == remainder).collect();
        assert!(order.is_sorted(), "{order:?}");
    }
}

#[test]
fn reading_stops_while_too_much_is_not_done() {
    let mut shard = shard(settings(), 1..=9_999);
    assert!(shard.wants_more());
    shard.push(record(10_000, "key"), true, BEGIN);
    assert!(!shard.wants_more());
    batch(&mut shard, BEGIN).unwrap();
    shard.invoked(0, &ok(), BEGIN);
    assert!(shard.wants_more());
}

/// What the function makes of an invocation, as far as it is not the record's fault.
#[derive(Debug, Clone, Copy)]
enum Luck {
    Success,
    /// A failure that starts at this share of the batch, in percent, reported.
    ReportFrom(usize),
    ReportNothing,
    Unknown,
    Error,
    Throttled,
}

#[derive(Debug, Clone)]
struct World {
    settings: StreamSettings,
    /// Key, whether the filter lets it pass, and whether the function always fails with it.
    records: Vec<(u8, bool, bool)>,
    /// How many records each read finds.
    pages: Vec<usize>,
    luck: Vec<Luck>,
    /// Which of the invocations under way ends next.
    order: Vec<usize>,
}

fn luck() -> impl Strategy<Value = Luck> {
    prop_oneof![
        3 => Just(Luck::Success),
        4 => (0..100_usize).prop_map(Luck::ReportFrom),
        1 => Just(Luck::ReportNothing),
        1 => Just(Luck::Unknown),
        2 => Just(Luck::Error),
        1 => Just(Luck::Throttled),
    ]
}

prop_compose! {
    fn world()(
        batch_size in 1..=7_usize,
        window in 0..=1_u64,
        parallelization_factor in 1..=4_usize,
        retries in 0..=3_i32,
        bisect in any::<bool>(),
        reporting in any::<bool>(),
        records in prop::collection::vec((0..6_u8, prop::bool::weighted(0.9), prop::bool::weighted(0.1)), 1..60),
        pages in prop::collection::vec(1..9_usize, 1..60),
        luck in prop::collection::vec(luck(), 0..80),
        order in prop::collection::vec(any::<usize>(), 1..50),
    ) -> World {
        World {
            settings: StreamSettings {
                batch_size,
                maximum_batching_window: Duration::from_secs(window),
                parallelization_factor,
                maximum_retry_attempts: retries,
                bisect_batch_on_function_error: bisect,
                report_batch_item_failures: reporting,
                ..settings()
            },
            records,
            pages,
            luck,
            order,
        }
    }
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Processed,
    Filtered,
    GivenUp,
}

/// Runs a world to its end, checking what must hold at each moment. Yields each record's fate.
struct Run {
    world: World,
    shard: Shard,
    now: Duration,
    pushed: usize,
    steps: usize,
    fates: BTreeMap<u64, Fate>,
    /// For each key the records in the order in which they were first processed.
    processed: BTreeMap<u8, Vec<u64>>,
    given_up: Vec<Discarded>,
    under_way: Vec<Batch>,
    checkpoint: u64,
}

impl Run {
    fn new(world: World) -> Self {
        Self {
            shard: Shard::new(Arc::new(world.settings.clone())),
            world,
            now: BEGIN,
            pushed: 0,
            steps: 0,
            fates: BTreeMap::new(),
            processed: BTreeMap::new(),
            given_up: Vec::new(),
            under_way: Vec::new(),
            checkpoint: 0,
        }
    }

    fn finish(mut self) -> Self {
        loop {
            self.read();
            self.take_steps();
            self.check_checkpoint();
            if !self.under_way.is_empty() {
                self.end_an_invocation();
            } else if let Some(due) = self.shard.due() {
                assert!(due > self.now, "nothing would happen, again and again");
                self.now = due;
            } else if self.pushed == self.world.records.len() {
                return self;
            }
            self.steps += 1;
            assert!(self.steps < 10_000, "it does not come to an end");
        }
    }

    fn read(&mut self) {
        let page = self.world.pages[self.steps % self.world.pages.len()];
        let until = (self.pushed + page).min(self.world.records.len());
        while self.pushed < until {
            let (key, passes, _) = self.world.records[self.pushed];
            let number = self.pushed as u64;
            self.shard.push(record(number, &key.to_string()), passes, self.now);
            if !passes {
                self.fates.insert(number, Fate::Filtered);
            }
            self.pushed += 1;
        }
    }

    fn take_steps(&mut self) {
        while let Some(step) = self.shard.next(self.now) {
            match step {
                Step::Invoke(batch) => {
                    assert!(batch.records.len() <= self.world.settings.batch_size);
                    for other in &self.under_way {
                        for record in &batch.records {
                            assert!(
                                other.records.iter().all(|other| other.key != record.key),
                                "a key is under way twice"
                            );
                        }
                    }
                    self.under_way.push(batch);
                }
                Step::Discard(discarded) => {
                    for number in numbers(&discarded.records) {
                        assert_eq!(self.fates.insert(number, Fate::GivenUp), None);
                    }
                    self.shard.discarded(discarded.sub_shard);
                    self.given_up.push(discarded);
                }
            }
        }
    }

    fn end_an_invocation(&mut self) {
        let index = self.world.order[self.steps % self.world.order.len()] % self.under_way.len();
        let batch = self.under_way.swap_remove(index);
        let luck = self.world.luck.pop().unwrap_or(Luck::Success);
        let numbers = numbers(&batch.records);
        let poison = numbers.iter().position(|&number| {
            let (_, _, poison) = self.world.records[usize::try_from(number).unwrap()];
            poison
        });
        let reporting = self.world.settings.report_batch_item_failures;
        let name = |index: usize| numbers[index].to_string();
        let (result, processed) = match (luck, poison) {
            (Luck::Success, None) => (ok(), numbers.len()),
            (Luck::Success, Some(poison)) if reporting => (report(&[&name(poison)]), poison),
            (Luck::ReportFrom(percent), poison) if reporting => {
                let from = numbers.len() * percent / 100;
                let from = poison.map_or(from, |poison| poison.min(from));
                // What comes after the first failure was processed or not: it is all retried.
                (report(&[&name(numbers.len() - 1), &name(from)]), from)
            }
            (Luck::ReportNothing, _) if reporting => (report(&[""]), 0),
            (Luck::Unknown, _) if reporting => (report(&["unknown"]), 0),
            (Luck::Throttled, _) => (throttled(), 0),
            _ => (error(), 0),
        };
        for &number in &numbers[..processed] {
            assert_eq!(self.fates.insert(number, Fate::Processed), None);
            let (key, ..) = self.world.records[usize::try_from(number).unwrap()];
            self.processed.entry(key).or_default().push(number);
        }
        self.shard.invoked(batch.sub_shard, &result, self.now);
    }

    /// The checkpoint is the lowest record that has no fate yet, and it never goes back.
    fn check_checkpoint(&mut self) {
        let pushed = self.pushed as u64;
        let lowest = (0..pushed).find(|number| !self.fates.contains_key(number));
        let expected = match lowest {
            Some(number) => Checkpoint::At(SequenceNumber::new(number.to_string())),
            None => Checkpoint::After(SequenceNumber::new((pushed - 1).to_string())),
        };
        assert_eq!(self.shard.checkpoint(), expected);
        let checkpoint = lowest.unwrap_or(pushed);
        assert!(checkpoint >= self.checkpoint);
        self.checkpoint = checkpoint;
    }
}

proptest! {
    #[test]
    fn nothing_is_lost_and_keys_stay_in_order(world in world()) {
        let run = Run::new(world).finish();
        prop_assert!(run.shard.is_idle());
        // Each record has exactly one fate: inserting a second one fails on the way.
        prop_assert_eq!(run.fates.len(), run.world.records.len());
        for order in run.processed.values() {
            prop_assert!(order.is_sorted(), "{order:?}");
        }
        for discarded in &run.given_up {
            prop_assert_eq!(discarded.condition, Condition::RetryAttemptsExhausted);
            // The last try of what is given up is the retries' last: neither throttles nor splits count, so that there were
            // at least as many invocations.
            let tries = u32::try_from(run.world.settings.maximum_retry_attempts).unwrap() + 1;
            prop_assert!(discarded.approximate_invoke_count >= tries);
        }
    }

    /// With splitting, what fails because of one record ends as that record alone, after all its tries.
    #[test]
    fn bisecting_isolates_what_fails(mut world in world()) {
        world.luck.clear();
        world.settings.bisect_batch_on_function_error = true;
        world.settings.report_batch_item_failures = false;
        let tries = u32::try_from(world.settings.maximum_retry_attempts).unwrap() + 1;
        let run = Run::new(world).finish();
        for (number, (_, passes, poison)) in (0..).zip(&run.world.records) {
            let expected = match (passes, poison) {
                (false, _) => Fate::Filtered,
                (true, true) => Fate::GivenUp,
                (true, false) => Fate::Processed,
            };
            prop_assert_eq!(run.fates.get(&number), Some(&expected));
        }
        for discarded in &run.given_up {
            prop_assert_eq!(discarded.records.len(), 1);
            prop_assert_eq!(discarded.approximate_invoke_count, tries);
        }
    }
}
