//! The queues of the stack, and the operations that manage them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustack_sqs_model::error::{SqsError, SqsErrorCode};
use rustack_sqs_model::input::{
    CreateQueueInput, GetQueueAttributesInput, GetQueueUrlInput, ListQueuesInput, PurgeQueueInput,
    SetQueueAttributesInput,
};
use rustack_sqs_model::output::{
    CreateQueueOutput, GetQueueAttributesOutput, GetQueueUrlOutput, ListQueuesOutput, PurgeQueueOutput,
    SetQueueAttributesOutput,
};
use rustack_sqs_model::types::QueueAttributeName;
use tokio::sync::Notify;

use super::arn_of;
use super::attributes::{self, Attributes};
use super::clock::Clock;
use crate::faults::Faults;
use crate::services::ACCOUNT;
use crate::services::fifo::Fifo;

/// How long SQS refuses another purge ("`PurgeQueue`").
const PURGE_INTERVAL: Duration = Duration::from_mins(1);

/// One queue with its name and attributes.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) attributes: Attributes,
    pub(super) fifo: Fifo,
    /// Wakes the receives that wait: something was sent, deleted, or made visible.
    pub(super) changed: Arc<Notify>,
    created_at: Duration,
    modified_at: Duration,
    purged_at: Option<Duration>,
}

/// All queues. They live in memory and are never deleted.
#[derive(Debug)]
pub(super) struct Queues {
    pub(super) clock: Clock,
    pub(super) faults: Faults,
    endpoint_url: String,
    by_name: Mutex<BTreeMap<String, Queue>>,
}

impl Queues {
    pub(super) fn new(endpoint_url: String, faults: Faults) -> Self {
        Self { clock: Clock::start(), faults, endpoint_url, by_name: Mutex::new(BTreeMap::new()) }
    }

    /// The queues, by name. Held for the length of one operation, never across an await.
    pub(super) fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Queue>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn url_of(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", self.endpoint_url)
    }

    pub(super) fn create(&self, input: &CreateQueueInput) -> Result<CreateQueueOutput, SqsError> {
        let name = &input.queue_name;
        check_name(name)?;
        if input.attributes.get("FifoQueue").is_none_or(|value| value != "true") {
            return Err(SqsError::invalid_parameter_value(
                "The local stack has FIFO queues only: set the attribute FifoQueue to true.",
            ));
        }
        let now = self.clock.now();
        let mut queues = self.lock();
        if let Some(queue) = queues.get(name) {
            if queue.attributes.with(&input.attributes)? != queue.attributes {
                return Err(SqsError::queue_already_exists(format!(
                    "A queue already exists with the same name and a different value for an attribute: {name}.",
                )));
            }
        } else {
            let attributes = Attributes::default().with(&input.attributes)?;
            check_redrive(&queues, &attributes)?;
            let queue = Queue {
                fifo: Fifo::new(attributes.settings()),
                attributes,
                changed: Arc::default(),
                created_at: now,
                modified_at: now,
                purged_at: None,
            };
            queues.insert(name.clone(), queue);
        }
        Ok(CreateQueueOutput { queue_url: Some(self.url_of(name)) })
    }

    pub(super) fn url(&self, input: &GetQueueUrlInput) -> Result<GetQueueUrlOutput, SqsError> {
        if !self.lock().contains_key(&input.queue_name) {
            return Err(missing());
        }
        Ok(GetQueueUrlOutput { queue_url: Some(self.url_of(&input.queue_name)) })
    }

    /// Pages only when `MaxResults` is given, as in AWS; the token is the last name.
    pub(super) fn list(&self, input: &ListQueuesInput) -> Result<ListQueuesOutput, SqsError> {
        let prefix = input.queue_name_prefix.as_deref().unwrap_or_default();
        let limit = within("MaxResults", input.max_results, 1, 1_000)?;
        let queues = self.lock();
        let mut names = queues
            .keys()
            .filter(|name| name.starts_with(prefix) && input.next_token.as_ref().is_none_or(|token| *name > token));
        let page: Vec<_> = names.by_ref().take(limit.unwrap_or(1_000)).collect();
        let more = limit.is_some() && names.next().is_some();
        Ok(ListQueuesOutput {
            next_token: page.last().filter(|_| more).map(|name| (*name).clone()),
            queue_urls: page.into_iter().map(|name| self.url_of(name)).collect(),
        })
    }

    pub(super) fn attributes(&self, input: &GetQueueAttributesInput) -> Result<GetQueueAttributesOutput, SqsError> {
        for name in &input.attribute_names {
            QueueAttributeName::from_str_name(name).ok_or_else(|| attributes::unknown(name))?;
        }
        let now = self.clock.now();
        let mut queues = self.lock();
        let (name, queue) = find(&mut queues, &input.queue_url)?;
        let counts = queue.fifo.counts(now);
        let mut shown = queue.attributes.show();
        shown.extend([
            ("QueueArn", arn_of(name)),
            ("CreatedTimestamp", queue.created_at.as_secs().to_string()),
            ("LastModifiedTimestamp", queue.modified_at.as_secs().to_string()),
            ("ApproximateNumberOfMessages", counts.visible.to_string()),
            ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
            ("ApproximateNumberOfMessagesDelayed", "0".to_owned()),
        ]);
        let wanted = |name: &str| input.attribute_names.iter().any(|asked| asked == "All" || asked == name);
        shown.retain(|(name, _)| wanted(name));
        Ok(GetQueueAttributesOutput {
            attributes: shown.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        })
    }

    pub(super) fn set_attributes(&self, input: &SetQueueAttributesInput) -> Result<SetQueueAttributesOutput, SqsError> {
        let now = self.clock.now();
        let mut queues = self.lock();
        let attributes = find(&mut queues, &input.queue_url)?.1.attributes.with(&input.attributes)?;
        check_redrive(&queues, &attributes)?;
        let (_, queue) = find(&mut queues, &input.queue_url)?;
        queue.fifo.set(attributes.settings());
        queue.attributes = attributes;
        queue.modified_at = now;
        Ok(SetQueueAttributesOutput {})
    }

    pub(super) fn purge(&self, input: &PurgeQueueInput) -> Result<PurgeQueueOutput, SqsError> {
        let now = self.clock.now();
        let mut queues = self.lock();
        let (_, queue) = find(&mut queues, &input.queue_url)?;
        if queue.purged_at.is_some_and(|at| now < at + PURGE_INTERVAL) {
            return Err(SqsError::purge_queue_in_progress());
        }
        queue.fifo.purge();
        queue.purged_at = Some(now);
        Ok(PurgeQueueOutput {})
    }
}

/// The queue that a URL names by its last segment.
pub(super) fn find<'a, 'url>(
    queues: &'a mut BTreeMap<String, Queue>,
    queue_url: &'url str,
) -> Result<(&'url str, &'a mut Queue), SqsError> {
    let name = queue_url.rsplit('/').next().unwrap_or_default();
    Ok((name, queues.get_mut(name).ok_or_else(missing)?))
}

fn missing() -> SqsError {
    SqsError::non_existent_queue("The specified queue does not exist.")
}

/// A number of a request that SQS limits.
pub(super) fn within(name: &str, given: Option<i32>, from: i32, to: i32) -> Result<Option<usize>, SqsError> {
    let Some(number) = given else {
        return Ok(None);
    };
    let number = Some(number).filter(|number| (from..=to).contains(number));
    let number = number.and_then(|number| usize::try_from(number).ok()).ok_or_else(|| {
        let given = given.unwrap_or_default();
        let reason = format!("Must be between {from} and {to}, if provided.");
        SqsError::invalid_parameter_value(format!("Value {given} for parameter {name} is invalid. Reason: {reason}"))
    })?;
    Ok(Some(number))
}

fn check_name(name: &str) -> Result<(), SqsError> {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let stem = name.strip_suffix(".fifo");
    if name.len() <= 80 && stem.is_some_and(|stem| !stem.is_empty() && stem.bytes().all(valid)) {
        return Ok(());
    }
    Err(SqsError::invalid_parameter_value(format!(
        "{name} is no name of a FIFO queue, and the local stack has no others: up to 75 alphanumeric characters, \
         hyphens and underscores, then .fifo",
    )))
}

/// The dead-letter queue must be there first, and stays (no queue is deleted), so a move always finds it.
fn check_redrive(queues: &BTreeMap<String, Queue>, attributes: &Attributes) -> Result<(), SqsError> {
    match &attributes.redrive {
        Some(redrive) if !queues.contains_key(&redrive.queue) => Err(SqsError::new(
            SqsErrorCode::InvalidParameterValue,
            format!(
                "RedrivePolicy is invalid. Reason: Dead letter target does not exist: create the queue {} first.",
                redrive.queue
            ),
        )),
        _ => Ok(()),
    }
}
