//! The attributes of a queue: read from a request, checked, and shown again.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use rustack_sqs_model::error::{SqsError, SqsErrorCode};
use serde::Deserialize;
use serde_json::json;

use super::arn_of;
use crate::services::fifo::{DeduplicationScope, Settings};

/// The largest message, and the largest batch, in bytes of UTF-8. AWS takes 1 MiB since 2025; some tools still
/// enforce what it was before, and so does this stack.
pub(super) const MAXIMUM_BYTES: usize = 256 * 1024;

/// Where messages go whose receives are used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redrive {
    /// The name of the dead-letter queue.
    pub(super) queue: String,
    /// Receives before the move: 1 to 1,000.
    pub(super) max_receives: u32,
}

/// What a person can set on a queue, with AWS's defaults ("`CreateQueue`" in the SQS API Reference).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attributes {
    pub(super) visibility: Duration,
    pub(super) wait: Duration,
    pub(super) maximum_bytes: usize,
    pub(super) redrive: Option<Redrive>,
    retention: Duration,
    scope: DeduplicationScope,
    throughput_per_group: bool,
}

impl Default for Attributes {
    fn default() -> Self {
        Self {
            visibility: Duration::from_secs(30),
            wait: Duration::ZERO,
            maximum_bytes: MAXIMUM_BYTES,
            redrive: None,
            retention: Duration::from_hours(4 * 24),
            scope: DeduplicationScope::Queue,
            throughput_per_group: false,
        }
    }
}

impl Attributes {
    /// These attributes with what the request gives.
    pub(super) fn with(&self, given: &HashMap<String, String>) -> Result<Self, SqsError> {
        let mut new = self.clone();
        for (name, value) in given {
            new.set(name, value)?;
        }
        if new.throughput_per_group && new.scope != DeduplicationScope::MessageGroup {
            return Err(invalid_value(
                "FifoThroughputLimit",
                "perMessageGroupId",
                "perMessageGroupId needs the DeduplicationScope messageGroup",
            ));
        }
        Ok(new)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), SqsError> {
        match name {
            "VisibilityTimeout" => self.visibility = seconds(name, value, 0, 43_200)?,
            "MessageRetentionPeriod" => self.retention = seconds(name, value, 60, 1_209_600)?,
            "ReceiveMessageWaitTimeSeconds" => self.wait = seconds(name, value, 0, 20)?,
            "MaximumMessageSize" => self.maximum_bytes = number(name, value, 1_024, MAXIMUM_BYTES)?,
            "RedrivePolicy" => self.redrive = redrive(value)?,
            "DeduplicationScope" => {
                self.scope = match value {
                    "messageGroup" => DeduplicationScope::MessageGroup,
                    "queue" => DeduplicationScope::Queue,
                    _ => return Err(invalid_value(name, value, "it is messageGroup or queue")),
                }
            }
            "FifoThroughputLimit" => {
                self.throughput_per_group = match value {
                    "perMessageGroupId" => true,
                    "perQueue" => false,
                    _ => {
                        return Err(invalid_value(name, value, "it is perQueue or perMessageGroupId"));
                    }
                }
            }
            "FifoQueue" if value == "true" => {}
            "ContentBasedDeduplication" if value == "false" => {}
            "DelaySeconds" if value == "0" => {}
            "FifoQueue"
            | "ContentBasedDeduplication"
            | "DelaySeconds"
            | "KmsMasterKeyId"
            | "Policy"
            | "KmsDataKeyReusePeriodSeconds"
            | "RedriveAllowPolicy"
            | "SqsManagedSseEnabled" => {
                let message = format!("The local stack does not support {name} = {value}: leave it out.");
                return Err(SqsError::new(SqsErrorCode::UnsupportedOperation, message));
            }
            _ => return Err(unknown(name)),
        }
        Ok(())
    }

    /// What the queue's state machine needs of them.
    pub(super) fn settings(&self) -> Settings {
        Settings {
            retention: self.retention,
            max_receives: self.redrive.as_ref().map(|redrive| redrive.max_receives),
            deduplication_scope: self.scope,
        }
    }

    /// Names and values as `GetQueueAttributes` gives them back.
    pub(super) fn show(&self) -> Vec<(&'static str, String)> {
        let mut shown = vec![
            ("VisibilityTimeout", self.visibility.as_secs().to_string()),
            ("MessageRetentionPeriod", self.retention.as_secs().to_string()),
            ("ReceiveMessageWaitTimeSeconds", self.wait.as_secs().to_string()),
            ("MaximumMessageSize", self.maximum_bytes.to_string()),
            ("DelaySeconds", "0".to_owned()),
            ("FifoQueue", "true".to_owned()),
            ("ContentBasedDeduplication", "false".to_owned()),
            (
                "DeduplicationScope",
                match self.scope {
                    DeduplicationScope::MessageGroup => "messageGroup".to_owned(),
                    DeduplicationScope::Queue => "queue".to_owned(),
                },
            ),
            (
                "FifoThroughputLimit",
                if self.throughput_per_group { "perMessageGroupId" } else { "perQueue" }.to_owned(),
            ),
        ];
        if let Some(redrive) = &self.redrive {
            let policy = json!({
                "deadLetterTargetArn": arn_of(&redrive.queue),
                "maxReceiveCount": redrive.max_receives,
            });
            shown.push(("RedrivePolicy", policy.to_string()));
        }
        shown
    }
}

fn number<T: Copy + FromStr + PartialOrd + Display>(name: &str, value: &str, from: T, to: T) -> Result<T, SqsError> {
    let number = value.parse().ok().filter(|number| (from..=to).contains(number));
    number.ok_or_else(|| invalid_value(name, value, &format!("it is a whole number from {from} to {to}")))
}

fn seconds(name: &str, value: &str, from: u64, to: u64) -> Result<Duration, SqsError> {
    number(name, value, from, to).map(Duration::from_secs)
}

/// An empty text takes the policy away, as in AWS.
fn redrive(value: &str) -> Result<Option<Redrive>, SqsError> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Count {
        Number(u32),
        Text(String),
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Policy {
        dead_letter_target_arn: String,
        max_receive_count: Count,
    }
    if value.is_empty() {
        return Ok(None);
    }
    let invalid = |reason: &str| invalid_value("RedrivePolicy", value, reason);
    let policy: Policy = serde_json::from_str(value)
        .map_err(|error| invalid(&format!("it needs deadLetterTargetArn and maxReceiveCount ({error})")))?;
    let max_receives = match policy.max_receive_count {
        Count::Number(count) => Some(count),
        Count::Text(text) => text.parse().ok(),
    };
    let max_receives = max_receives
        .filter(|count| (1..=1_000).contains(count))
        .ok_or_else(|| invalid("maxReceiveCount is a whole number from 1 to 1000"))?;
    let queue = policy.dead_letter_target_arn.rsplit(':').next().unwrap_or_default().to_owned();
    if arn_of(&queue) != policy.dead_letter_target_arn {
        return Err(invalid(&format!(
            "its ARN names no queue of this stack, which have ARNs like {}",
            arn_of("orders.fifo")
        )));
    }
    Ok(Some(Redrive { queue, max_receives }))
}

fn invalid_value(name: &str, value: &str, reason: &str) -> SqsError {
    let message = format!("Invalid value for the parameter {name}: {value}. Reason: {reason}.");
    SqsError::new(SqsErrorCode::InvalidAttributeValue, message)
}

/// A name that SQS does not know.
pub(super) fn unknown(name: &str) -> SqsError {
    SqsError::invalid_attribute_name(format!("Unknown Attribute {name}."))
}
