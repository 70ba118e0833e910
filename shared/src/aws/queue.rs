//! A destination's queue: SQS FIFO as a [`Channel`], and its messages' [`Visibility`].

use std::{collections::HashMap, time::Duration};

use aws_sdk_sqs::{
    Client,
    types::{ChangeMessageVisibilityBatchRequestEntry, QueueAttributeName, SendMessageBatchRequestEntry},
};

use super::failed;
use crate::{
    frame::{Channel, Outgoing},
    ports::{PortError, Queues, Visibility, Waiting},
};

/// A FIFO queue; the message group is the lane.
#[derive(Clone, Debug)]
pub struct FifoQueue {
    client: Client,
    url: String,
}

/// The queues of an account.
#[derive(Clone, Debug)]
pub struct FifoQueues(Client);

impl FifoQueues {
    /// Over this client.
    pub fn new(client: &Client) -> Self {
        Self(client.clone())
    }
}

impl Queues for FifoQueues {
    type Queue = FifoQueue;

    fn queue(&self, queue_url: &str) -> FifoQueue {
        FifoQueue::new(&self.0, queue_url)
    }

    async fn waiting(&self, queue_url: &str) -> Result<u64, PortError> {
        self.queue(queue_url).waiting().await
    }
}

/// How many entries a batch call takes ("Amazon SQS message quotas").
const BATCH: usize = 10;

impl FifoQueue {
    /// The queue at this URL.
    pub fn new(client: &Client, url: &str) -> Self {
        Self { client: client.clone(), url: url.to_owned() }
    }

    /// How much is in it.
    pub async fn depth(&self) -> Result<Depth, PortError> {
        const WAITING: QueueAttributeName = QueueAttributeName::ApproximateNumberOfMessages;
        const IN_FLIGHT: QueueAttributeName = QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
        let get = self.client.get_queue_attributes().queue_url(&self.url);
        let answer = get.attribute_names(WAITING).attribute_names(IN_FLIGHT).send().await;
        let attributes =
            answer.map_err(|error| failed("sqs:GetQueueAttributes", &error))?.attributes.unwrap_or_default();
        let count = |name: QueueAttributeName| {
            let count = attributes.get(&name).and_then(|count| count.parse().ok());
            let missing = || PortError { operation: "sqs:GetQueueAttributes", reason: format!("no {}", name.as_str()) };
            count.ok_or_else(missing)
        };
        Ok(Depth { waiting: count(WAITING)?, in_flight: count(IN_FLIGHT)? })
    }
}

/// How many messages a queue holds. SQS's counts are approximate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Those that may be received now.
    pub waiting: u64,
    /// Those received, or hidden until they are tried again.
    pub in_flight: u64,
}

impl Waiting for FifoQueue {
    async fn waiting(&self) -> Result<u64, PortError> {
        self.depth().await.map(|depth| depth.waiting + depth.in_flight)
    }
}

impl Channel for FifoQueue {
    const MAX_FRAMES: usize = BATCH;
    /// A batch may be 1 MiB today; it was 256 KiB, and some tools still enforce that.
    const MAX_BYTES: usize = 256 * 1024;

    async fn send(&self, frames: &[Outgoing<'_>]) -> Vec<Result<String, String>> {
        let entries = frames.iter().enumerate().filter_map(|(index, outgoing)| {
            SendMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .message_body(&outgoing.frame.body)
                .message_group_id(outgoing.frame.lane.to_string())
                .message_deduplication_id(&outgoing.frame.deduplication_id)
                .build()
                .ok()
        });
        let send = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries.collect()));
        let answer = match send.send().await {
            Ok(answer) => answer,
            Err(error) => return vec![Err(failed("sqs:SendMessageBatch", &error).to_string()); frames.len()],
        };
        let mut answers: HashMap<String, Result<String, String>> =
            answer.successful.into_iter().map(|sent| (sent.id, Ok(sent.sequence_number.unwrap_or_default()))).collect();
        answers.extend(answer.failed.into_iter().map(|failure| {
            let reason = format!("{}: {}", failure.code, failure.message.unwrap_or_default());
            (failure.id, Err(reason))
        }));
        let missing = || Err("sqs:SendMessageBatch did not say whether it took the message".to_owned());
        (0..frames.len()).map(|index| answers.remove(&index.to_string()).unwrap_or_else(missing)).collect()
    }
}

impl Visibility for FifoQueue {
    async fn hide(&self, messages: &[(String, Duration)]) -> Result<(), PortError> {
        const OPERATION: &str = "sqs:ChangeMessageVisibilityBatch";
        for batch in messages.chunks(BATCH) {
            let entries = batch.iter().enumerate().filter_map(|(index, (handle, duration))| {
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(handle)
                    .visibility_timeout(i32::try_from(duration.as_secs()).unwrap_or(43_200).min(43_200))
                    .build()
                    .ok()
            });
            let hide = self.client.change_message_visibility_batch().queue_url(&self.url);
            let answer = hide.set_entries(Some(entries.collect())).send().await;
            let answer = answer.map_err(|error| failed(OPERATION, &error))?;
            if let Some(failure) = answer.failed.first() {
                let reason = format!("{}: {}", failure.code, failure.message.as_deref().unwrap_or_default());
                return Err(PortError { operation: OPERATION, reason });
            }
        }
        Ok(())
    }
}
