//! The settings of a queue's mapping, with AWS's names and ranges ("Lambda parameters for Amazon SQS event source mappings").

use std::time::Duration;

use crate::mapping::filter::FilterCriteria;
use crate::mapping::settings::{SettingsError, check};

/// How a mapping reads a FIFO queue. There is no batching window: FIFO queues have none.
#[derive(Debug, Clone)]
pub struct QueueSettings {
    /// The most messages in a batch: 1 to 10 for a FIFO queue.
    pub batch_size: usize,
    /// How many invocations may be under way: 2 to 1,000. AWS's limit without it is the account's; here it is 1,000.
    pub maximum_concurrency: Option<usize>,
    /// Whether the function's response says what failed (`FunctionResponseTypes = ["ReportBatchItemFailures"]`).
    pub report_batch_item_failures: bool,
    /// Which messages reach the function. The others are deleted.
    pub filter_criteria: FilterCriteria,
    /// How long a receive waits for a message: up to 20 s, in whole seconds.
    pub wait_time: Duration,
}

impl Default for QueueSettings {
    /// AWS's defaults, but for the wait: a second, so that an empty queue is soon seen to be empty.
    fn default() -> Self {
        Self {
            batch_size: 10,
            maximum_concurrency: None,
            report_batch_item_failures: false,
            filter_criteria: FilterCriteria::default(),
            wait_time: Duration::from_secs(1),
        }
    }
}

impl QueueSettings {
    /// Refuses what AWS would refuse.
    pub fn validate(&self) -> Result<(), SettingsError> {
        check(
            (1..=10).contains(&self.batch_size),
            "batch_size",
            self.batch_size,
            "1 to 10 messages, which is what a FIFO queue takes",
        )?;
        check(
            self.maximum_concurrency.is_none_or(|most| (2..=1000).contains(&most)),
            "maximum_concurrency",
            self.maximum_concurrency.unwrap_or_default(),
            "2 to 1000, or nothing",
        )?;
        check(
            self.wait_time <= Duration::from_secs(20),
            "wait_time",
            format_args!("{:?}", self.wait_time),
            "0 to 20 seconds",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_ranges() {
        let with = |change: fn(&mut QueueSettings)| {
            let mut settings = QueueSettings::default();
            change(&mut settings);
            settings.validate().map_err(|error| error.setting)
        };
        assert_eq!(with(|_| {}), Ok(()));
        assert_eq!(with(|s| s.batch_size = 11), Err("batch_size"));
        assert_eq!(with(|s| s.maximum_concurrency = Some(1)), Err("maximum_concurrency"));
        assert_eq!(with(|s| s.maximum_concurrency = Some(1000)), Ok(()));
        assert_eq!(with(|s| s.wait_time = Duration::from_secs(21)), Err("wait_time"));
    }
}
