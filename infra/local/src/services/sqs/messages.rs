//! The operations on messages.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use md5::{Digest, Md5};
use rustack_sqs_model::error::{SqsError, SqsErrorCode};
use rustack_sqs_model::input::{
    ChangeMessageVisibilityBatchInput, ChangeMessageVisibilityInput, DeleteMessageBatchInput, DeleteMessageInput,
    ReceiveMessageInput, SendMessageBatchInput, SendMessageInput,
};
use rustack_sqs_model::output::{
    ChangeMessageVisibilityBatchOutput, ChangeMessageVisibilityOutput, DeleteMessageBatchOutput, DeleteMessageOutput,
    ReceiveMessageOutput, SendMessageBatchOutput, SendMessageOutput,
};
use rustack_sqs_model::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchResultEntry, DeleteMessageBatchResultEntry, Message,
    MessageSystemAttributeName, SendMessageBatchRequestEntry, SendMessageBatchResultEntry,
};
use tokio::time::Instant;
use uuid::Uuid;

use super::arn_of;
use super::limits::{check_batch, check_batch_bytes, check_message};
use super::queues::{Queue, Queues, find, within};
use super::refusal::Refusal;
use crate::services::fifo::{Delivery, NewMessage, Receipt, ReceiptError, Sent};
use crate::services::{ACCOUNT, throttle};

impl Queues {
    pub(super) fn send(&self, input: SendMessageInput) -> Result<SendMessageOutput, Refusal> {
        let entry = SendMessageBatchRequestEntry {
            id: String::new(),
            message_body: input.message_body,
            delay_seconds: input.delay_seconds,
            message_deduplication_id: input.message_deduplication_id,
            message_group_id: input.message_group_id,
            message_attributes: input.message_attributes,
            message_system_attributes: input.message_system_attributes,
        };
        let mut queues = self.lock();
        // Read under the lock: a queue's time must not run backwards.
        let now = self.clock.now();
        let (_, queue) = find(&mut queues, &input.queue_url)?;
        let sent = queue.send(now, &entry)?;
        queue.changed.notify_waiters();
        Ok(SendMessageOutput {
            message_id: Some(sent.id),
            md5_of_message_body: Some(md5_of(&entry.message_body)),
            sequence_number: Some(sent.sequence.to_string()),
            ..SendMessageOutput::default()
        })
    }

    pub(super) fn send_batch(&self, input: &SendMessageBatchInput) -> Result<SendMessageBatchOutput, SqsError> {
        let mut queues = self.lock();
        // Read under the lock: a queue's time must not run backwards.
        let now = self.clock.now();
        let (_, queue) = find(&mut queues, &input.queue_url)?;
        check_batch(input.entries.iter().map(|entry| entry.id.as_str()))?;
        check_batch_bytes(&input.entries)?;
        let mut output = SendMessageBatchOutput::default();
        for entry in &input.entries {
            if let Some(failed) = throttle::send_message_batch_entry(&self.faults, &entry.id) {
                output.failed.push(failed);
                continue;
            }
            match queue.send(now, entry) {
                Ok(sent) => output.successful.push(SendMessageBatchResultEntry {
                    id: entry.id.clone(),
                    message_id: sent.id,
                    md5_of_message_body: md5_of(&entry.message_body),
                    md5_of_message_attributes: None,
                    sequence_number: Some(sent.sequence.to_string()),
                }),
                Err(refusal) => output.failed.push(failed(&entry.id, &refusal)),
            }
        }
        queue.changed.notify_waiters();
        Ok(output)
    }

    /// Waits for a message as long as the request, or else the queue, says.
    pub(super) async fn receive(&self, input: &ReceiveMessageInput) -> Result<ReceiveMessageOutput, SqsError> {
        let max = within("MaxNumberOfMessages", input.max_number_of_messages, 1, 10)?.unwrap_or(1);
        let wait = within("WaitTimeSeconds", input.wait_time_seconds, 0, 20)?.map(seconds);
        let visibility = visibility(input.visibility_timeout)?;
        if input.receive_request_attempt_id.is_some() {
            let message = "The local stack does not support ReceiveRequestAttemptId: leave it out.";
            return Err(SqsError::new(SqsErrorCode::UnsupportedOperation, message));
        }
        let wanted = WantedAttributes::new(input)?;
        let (changed, wait) = {
            let mut queues = self.lock();
            let (_, queue) = find(&mut queues, &input.queue_url)?;
            (Arc::clone(&queue.changed), wait.unwrap_or(queue.attributes.wait))
        };
        let deadline = Instant::now() + wait;
        loop {
            let mut change = std::pin::pin!(changed.notified());
            // From here on a change is noticed, so none is missed between the look and the wait.
            change.as_mut().enable();
            let (messages, next_visible) = self.take(&input.queue_url, max, visibility, &wanted)?;
            if !messages.is_empty() || Instant::now() >= deadline {
                return Ok(ReceiveMessageOutput { messages });
            }
            let until = next_visible.map_or(deadline, |at| self.clock.instant(at).min(deadline));
            tokio::select! {
                () = change => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }

    /// Takes what can be received now; and when nothing can, says when something becomes visible.
    fn take(
        &self,
        queue_url: &str,
        max: usize,
        visibility: Option<Duration>,
        wanted: &WantedAttributes,
    ) -> Result<(Vec<Message>, Option<Duration>), SqsError> {
        let mut queues = self.lock();
        let now = self.clock.now();
        let (name, queue) = find(&mut queues, queue_url)?;
        let visibility = visibility.unwrap_or(queue.attributes.visibility);
        let received = queue.fifo.receive(now, max, visibility);
        let next_visible = queue.fifo.next_visible();
        let redrive = queue.attributes.redrive.clone();
        let dead_letters = redrive.and_then(|redrive| queues.get_mut(&redrive.queue));
        if let Some(dead_letters) = dead_letters.filter(|_| !received.dead.is_empty()) {
            for message in received.dead {
                dead_letters.fifo.accept_dead(now, message, arn_of(name).into());
            }
            dead_letters.changed.notify_waiters();
        }
        let deliveries = received.deliveries.into_iter();
        Ok((deliveries.map(|delivery| on_the_wire(name, delivery, wanted)).collect(), next_visible))
    }

    pub(super) fn delete(&self, input: &DeleteMessageInput) -> Result<DeleteMessageOutput, Refusal> {
        let deleted = self.delete_one(&input.queue_url, &input.receipt_handle)?;
        deleted.map_err(|error| error.alone(&input.receipt_handle))?;
        Ok(DeleteMessageOutput {})
    }

    pub(super) fn delete_batch(&self, input: &DeleteMessageBatchInput) -> Result<DeleteMessageBatchOutput, SqsError> {
        check_batch(input.entries.iter().map(|entry| entry.id.as_str()))?;
        let mut output = DeleteMessageBatchOutput::default();
        for entry in &input.entries {
            match self.delete_one(&input.queue_url, &entry.receipt_handle)? {
                Ok(()) => output.successful.push(DeleteMessageBatchResultEntry { id: entry.id.clone() }),
                Err(error) => output.failed.push(failed(&entry.id, &error.in_batch())),
            }
        }
        Ok(output)
    }

    fn delete_one(&self, queue_url: &str, handle: &str) -> Result<Result<(), HandleError>, SqsError> {
        let mut queues = self.lock();
        let now = self.clock.now();
        let (name, queue) = find(&mut queues, queue_url)?;
        let deleted =
            read_handle(name, handle).and_then(|receipt| queue.fifo.delete(now, receipt).map_err(HandleError::Refused));
        queue.changed.notify_waiters();
        Ok(deleted)
    }

    pub(super) fn change_visibility(
        &self,
        input: &ChangeMessageVisibilityInput,
    ) -> Result<ChangeMessageVisibilityOutput, Refusal> {
        let visibility = visibility(Some(input.visibility_timeout))?.unwrap_or_default();
        let changed = self.change_one(&input.queue_url, &input.receipt_handle, visibility)?;
        changed.map_err(|error| error.alone(&input.receipt_handle))?;
        Ok(ChangeMessageVisibilityOutput {})
    }

    pub(super) fn change_visibility_batch(
        &self,
        input: &ChangeMessageVisibilityBatchInput,
    ) -> Result<ChangeMessageVisibilityBatchOutput, SqsError> {
        check_batch(input.entries.iter().map(|entry| entry.id.as_str()))?;
        let mut output = ChangeMessageVisibilityBatchOutput::default();
        for entry in &input.entries {
            let visibility = match visibility(Some(entry.visibility_timeout)) {
                Ok(visibility) => visibility.unwrap_or_default(),
                Err(error) => {
                    output.failed.push(failed(&entry.id, &error.into()));
                    continue;
                }
            };
            match self.change_one(&input.queue_url, &entry.receipt_handle, visibility)? {
                Ok(()) => {
                    let id = entry.id.clone();
                    output.successful.push(ChangeMessageVisibilityBatchResultEntry { id });
                }
                Err(error) => output.failed.push(failed(&entry.id, &error.in_batch())),
            }
        }
        Ok(output)
    }

    fn change_one(
        &self,
        queue_url: &str,
        handle: &str,
        visibility: Duration,
    ) -> Result<Result<(), HandleError>, SqsError> {
        let mut queues = self.lock();
        let now = self.clock.now();
        let (name, queue) = find(&mut queues, queue_url)?;
        let changed = read_handle(name, handle)
            .and_then(|receipt| queue.fifo.change_visibility(now, receipt, visibility).map_err(HandleError::Refused));
        queue.changed.notify_waiters();
        Ok(changed)
    }
}

impl Queue {
    fn send(&mut self, now: Duration, entry: &SendMessageBatchRequestEntry) -> Result<Sent, Refusal> {
        let (group, deduplication_id) = check_message(entry, self.attributes.maximum_bytes)?;
        Ok(self.fifo.send(
            now,
            NewMessage {
                id: Uuid::new_v4().to_string(),
                group: group.into(),
                deduplication_id: deduplication_id.into(),
                body: entry.message_body.as_str().into(),
            },
        ))
    }
}

/// Why a receipt handle did nothing.
#[derive(Debug)]
enum HandleError {
    Invalid,
    Refused(ReceiptError),
}

impl HandleError {
    /// The error of an operation on one message.
    fn alone(self, handle: &str) -> Refusal {
        match self {
            // An expired handle is an invalid parameter here, but in a batch it is an invalid handle: so AWS answers.
            Self::Refused(error @ ReceiptError::Expired) => Refusal::Sqs(SqsError::invalid_parameter_value(format!(
                "Value {handle} for parameter ReceiptHandle is invalid. Reason: {error}"
            ))),
            error => error.in_batch(),
        }
    }

    /// The error of an entry.
    fn in_batch(self) -> Refusal {
        match self {
            Self::Invalid => Refusal::Sqs(SqsError::receipt_handle_is_invalid()),
            Self::Refused(ReceiptError::NotInFlight) => Refusal::NotInFlight,
            Self::Refused(error @ ReceiptError::Expired) => {
                Refusal::Sqs(SqsError::new(SqsErrorCode::ReceiptHandleIsInvalid, error.to_string()))
            }
            Self::Refused(error @ ReceiptError::BeyondMaximum) => {
                Refusal::Sqs(SqsError::invalid_parameter_value(error.to_string()))
            }
        }
    }
}

fn failed(id: &str, refusal: &Refusal) -> BatchResultErrorEntry {
    BatchResultErrorEntry {
        id: id.to_owned(),
        sender_fault: true,
        code: refusal.code().to_owned(),
        message: Some(refusal.message()),
    }
}

/// A handle names its queue, so that another queue refuses it.
fn handle_of(queue: &str, receipt: Receipt) -> String {
    format!("{queue}:{receipt}")
}

fn read_handle(queue: &str, handle: &str) -> Result<Receipt, HandleError> {
    let receipt = handle.strip_prefix(queue).and_then(|rest| rest.strip_prefix(':'));
    receipt.and_then(|receipt| receipt.parse().ok()).ok_or(HandleError::Invalid)
}

fn visibility(given: Option<i32>) -> Result<Option<Duration>, SqsError> {
    Ok(within("VisibilityTimeout", given, 0, 43_200)?.map(seconds))
}

fn seconds(number: usize) -> Duration {
    Duration::from_secs(number as u64)
}

/// 32 hexadecimal digits, as the SDKs compare them.
fn md5_of(body: &str) -> String {
    let digest: [u8; 16] = Md5::digest(body.as_bytes()).into();
    format!("{:032x}", u128::from_be_bytes(digest))
}

/// Which system attributes a receive asked for, in the old parameter or in the new one.
#[derive(Debug)]
struct WantedAttributes(Vec<MessageSystemAttributeName>);

impl WantedAttributes {
    fn new(input: &ReceiveMessageInput) -> Result<Self, SqsError> {
        let names = input.attribute_names.iter().chain(&input.message_system_attribute_names);
        let known = names.map(|name| {
            MessageSystemAttributeName::from_str_name(name)
                .ok_or_else(|| SqsError::invalid_attribute_name(format!("Unknown Attribute {name}.")))
        });
        Ok(Self(known.collect::<Result<_, _>>()?))
    }

    fn contains(&self, name: MessageSystemAttributeName) -> bool {
        self.0.iter().any(|wanted| *wanted == name || *wanted == MessageSystemAttributeName::All)
    }
}

fn on_the_wire(queue: &str, delivery: Delivery, wanted: &WantedAttributes) -> Message {
    use MessageSystemAttributeName as Name;
    let message = delivery.message;
    let milliseconds = |time: Duration| time.as_millis().to_string();
    let attributes = [
        (Name::SenderId, Some(ACCOUNT.to_owned())),
        (Name::SentTimestamp, Some(milliseconds(message.sent_at))),
        (Name::ApproximateReceiveCount, Some(message.receives.to_string())),
        (Name::ApproximateFirstReceiveTimestamp, message.first_received_at.map(milliseconds)),
        (Name::SequenceNumber, Some(message.sequence.to_string())),
        (Name::MessageDeduplicationId, Some(message.deduplication_id.to_string())),
        (Name::MessageGroupId, Some(message.group.to_string())),
        (Name::DeadLetterQueueSourceArn, message.dead_letter_of.as_deref().map(str::to_owned)),
    ];
    let attributes = attributes.into_iter().filter(|(name, _)| wanted.contains(*name));
    let attributes = attributes.filter_map(|(name, value)| Some((name.as_str().to_owned(), value?)));
    Message {
        message_id: Some(message.id),
        receipt_handle: Some(handle_of(queue, delivery.receipt)),
        md5_of_body: Some(md5_of(&message.body)),
        body: Some(message.body.to_string()),
        md5_of_message_attributes: None,
        message_attributes: HashMap::new(),
        attributes: attributes.collect(),
    }
}
