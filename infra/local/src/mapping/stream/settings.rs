//! The settings of a stream's mapping, with AWS's names and ranges ("Lambda parameters for Amazon Kinesis Data Streams
//! event source mappings", the same page for DynamoDB, and the API's `CreateEventSourceMapping`).

use std::time::Duration;

use crate::mapping::filter::FilterCriteria;
use crate::mapping::settings::{SettingsError, check};

/// Where a mapping begins to read a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StartingPosition {
    /// With the oldest record that the stream still has.
    #[default]
    TrimHorizon,
    /// With what comes after the mapping started. Records between its creation and its first poll may be missed.
    Latest,
}

/// How a mapping reads a stream and what it does when its function fails.
#[derive(Debug, Clone)]
pub struct StreamSettings {
    /// The most records in a batch: 1 to 10,000.
    pub batch_size: usize,
    /// How long records are gathered before the function is invoked: up to 300 s. AWS takes whole seconds.
    pub maximum_batching_window: Duration,
    /// How many batches of one shard are processed at once: 1 to 10. Order is kept for each key. A record that the KPL
    /// aggregated goes by the aggregate's partition key: "parallelization factor does not work with KPL aggregation".
    pub parallelization_factor: usize,
    /// How often a failed batch is retried: 0 to 10,000, or −1 for without limit.
    pub maximum_retry_attempts: i32,
    /// The age in seconds from which on a record is given up: 60 to 604,800, or −1 for none.
    pub maximum_record_age: i32,
    /// Whether a batch of several records whose invocation failed is split in two. Splitting does not use up the retries.
    pub bisect_batch_on_function_error: bool,
    /// Whether the function's response says what failed (`FunctionResponseTypes = ["ReportBatchItemFailures"]`).
    pub report_batch_item_failures: bool,
    /// Which records reach the function.
    pub filter_criteria: FilterCriteria,
    /// Where to begin.
    pub starting_position: StartingPosition,
    /// How long to wait before an empty shard is read again. AWS reads Kinesis once and DynamoDB four times a second.
    pub poll_interval: Duration,
    /// How long to wait before a failed batch is tried again.
    pub backoff: Backoff,
}

/// Waiting times that double with each failure up to a bound. AWS's own numbers are not documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait.
    pub first: Duration,
    /// The longest wait.
    pub bound: Duration,
}

impl Backoff {
    /// The wait after the given number of failures in a row, which is one or more.
    pub fn after(&self, failures: u32) -> Duration {
        let factor = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.bound)
    }
}

impl Default for Backoff {
    /// A tenth of a second to ten seconds.
    fn default() -> Self {
        Self { first: Duration::from_millis(100), bound: Duration::from_secs(10) }
    }
}

impl Default for StreamSettings {
    /// AWS's defaults, but for the poll interval: a tenth of a second, since nobody pays for polls here.
    fn default() -> Self {
        Self {
            batch_size: 100,
            maximum_batching_window: Duration::ZERO,
            parallelization_factor: 1,
            maximum_retry_attempts: -1,
            maximum_record_age: -1,
            bisect_batch_on_function_error: false,
            report_batch_item_failures: false,
            filter_criteria: FilterCriteria::default(),
            starting_position: StartingPosition::default(),
            poll_interval: Duration::from_millis(100),
            backoff: Backoff::default(),
        }
    }
}

impl StreamSettings {
    /// Refuses what AWS would refuse.
    pub fn validate(&self) -> Result<(), SettingsError> {
        check((1..=10_000).contains(&self.batch_size), "batch_size", self.batch_size, "1 to 10000 records")?;
        check(
            self.maximum_batching_window <= Duration::from_mins(5),
            "maximum_batching_window",
            format_args!("{:?}", self.maximum_batching_window),
            "0 to 300 seconds",
        )?;
        check(
            (1..=10).contains(&self.parallelization_factor),
            "parallelization_factor",
            self.parallelization_factor,
            "1 to 10",
        )?;
        check(
            (-1..=10_000).contains(&self.maximum_retry_attempts),
            "maximum_retry_attempts",
            self.maximum_retry_attempts,
            "0 to 10000, or -1 to retry without limit",
        )?;
        check(
            self.maximum_record_age == -1 || (60..=604_800).contains(&self.maximum_record_age),
            "maximum_record_age",
            self.maximum_record_age,
            "60 to 604800 seconds, or -1 for no limit",
        )
    }

    /// How many retries there are, if they are limited.
    pub(super) fn retries(&self) -> Option<u32> {
        u32::try_from(self.maximum_retry_attempts).ok()
    }

    /// The age beyond which a record is given up, if there is one.
    pub(super) fn age_limit(&self) -> Option<Duration> {
        u64::try_from(self.maximum_record_age).ok().map(Duration::from_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_ranges() {
        let with = |change: fn(&mut StreamSettings)| {
            let mut settings = StreamSettings::default();
            change(&mut settings);
            settings.validate().map_err(|error| error.setting)
        };
        assert_eq!(with(|_| {}), Ok(()));
        assert_eq!(with(|s| s.batch_size = 10_000), Ok(()));
        assert_eq!(with(|s| s.batch_size = 10_001), Err("batch_size"));
        assert_eq!(with(|s| s.batch_size = 0), Err("batch_size"));
        assert_eq!(
            with(|s| s.maximum_batching_window = Duration::from_millis(300_001)),
            Err("maximum_batching_window")
        );
        assert_eq!(with(|s| s.parallelization_factor = 11), Err("parallelization_factor"));
        assert_eq!(with(|s| s.maximum_retry_attempts = 0), Ok(()));
        assert_eq!(with(|s| s.maximum_retry_attempts = -2), Err("maximum_retry_attempts"));
        assert_eq!(with(|s| s.maximum_record_age = 60), Ok(()));
        assert_eq!(with(|s| s.maximum_record_age = 59), Err("maximum_record_age"));
    }

    #[test]
    fn an_error_says_what_to_give() {
        let settings = StreamSettings { maximum_record_age: 5, ..StreamSettings::default() };
        assert_eq!(
            settings.validate().unwrap_err().to_string(),
            "maximum_record_age is 5, which event source mappings do not take: give 60 to 604800 seconds, or -1 for no limit"
        );
    }

    #[test]
    fn waits_double_up_to_the_bound() {
        let backoff = Backoff { first: Duration::from_millis(100), bound: Duration::from_secs(1) };
        let waits = [1, 2, 3, 4, 5, 40].map(|failures| backoff.after(failures).as_millis());
        assert_eq!(waits, [100, 200, 400, 800, 1000, 1000]);
    }
}
