//! An SQS queue, used with the AWS SDK.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, MessageSystemAttributeName};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::source::{Queue, QueueError, QueueMessage};
use crate::mapping::event::sqs::{self, SqsSourceInfo};
use crate::mapping::stream::region_of;

/// An SQS queue as a mapping's source.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: Client,
    url: String,
    info: SqsSourceInfo,
}

impl SqsQueue {
    /// A queue by its URL, with its ARN for the events.
    pub fn new(client: Client, url: impl Into<String>, arn: impl Into<String>) -> Self {
        let arn = arn.into();
        Self {
            client,
            url: url.into(),
            info: SqsSourceInfo { aws_region: region_of(&arn).to_owned(), event_source_arn: arn },
        }
    }

    async fn receive_messages(&self, most: usize, wait: Duration) -> Result<Vec<QueueMessage>, QueueError> {
        let answer = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(i32::try_from(most).unwrap_or(10))
            .wait_time_seconds(i32::try_from(wait.as_secs()).unwrap_or(20))
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await
            .map_err(|error| failed("ReceiveMessage", &error))?;
        let messages = answer.messages.unwrap_or_default();
        Ok(messages
            .into_iter()
            .map(|message| QueueMessage {
                json: sqs::record(&self.info, &message),
                message_id: message.message_id.unwrap_or_default(),
                receipt_handle: message.receipt_handle.unwrap_or_default(),
            })
            .collect())
    }

    async fn delete_messages(&self, receipt_handles: Vec<String>) -> Result<usize, QueueError> {
        let mut entries = Vec::with_capacity(receipt_handles.len());
        for (index, receipt_handle) in receipt_handles.into_iter().enumerate() {
            let entry = DeleteMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(receipt_handle)
                .build()
                .map_err(|error| failed("DeleteMessageBatch", &error))?;
            entries.push(entry);
        }
        let answer = self
            .client
            .delete_message_batch()
            .queue_url(&self.url)
            .set_entries(Some(entries))
            .send()
            .await
            .map_err(|error| failed("DeleteMessageBatch", &error))?;
        for failure in &answer.failed {
            tracing::warn!(
                queue = self.info.event_source_arn,
                code = failure.code,
                "a message could not be deleted: it will be received again"
            );
        }
        Ok(answer.successful.len())
    }
}

impl Queue for SqsQueue {
    fn arn(&self) -> &str {
        &self.info.event_source_arn
    }

    fn receive(&self, most: usize, wait: Duration) -> BoxFuture<'_, Result<Vec<QueueMessage>, QueueError>> {
        self.receive_messages(most, wait).boxed()
    }

    fn delete_batch(&self, receipt_handles: Vec<String>) -> BoxFuture<'_, Result<usize, QueueError>> {
        self.delete_messages(receipt_handles).boxed()
    }
}

fn failed(operation: &'static str, error: &(dyn std::error::Error + 'static)) -> QueueError {
    QueueError { operation, reason: DisplayErrorContext(error).to_string() }
}
