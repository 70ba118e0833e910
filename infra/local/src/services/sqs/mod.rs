//! SQS, FIFO queues only: AWS's protocol around [`crate::services::fifo`].
//!
//! The crate `rustack-sqs-core` has FIFO queues too; it hands out one message of a group per receive, where AWS hands
//! out as many as it can.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use rustack_sqs_http::body::SqsResponseBody;
use rustack_sqs_http::dispatch::SqsHandler;
use rustack_sqs_http::response::json_response;
use rustack_sqs_http::service::{SqsHttpConfig, SqsHttpService};
use rustack_sqs_model::error::{SqsError, SqsErrorCode};
use rustack_sqs_model::operations::SqsOperation;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use self::queues::Queues;
use self::refusal::Refusal;
use super::running::{Running, bind, url_of};
use super::{ACCOUNT, Error, REGION};
use crate::faults::Faults;

mod attributes;
mod clock;
mod limits;
mod messages;
mod queues;
mod refusal;
#[cfg(test)]
mod tests;

/// Starts SQS on `port`, or on a free one. Queues live in memory.
pub async fn start(port: Option<u16>, faults: Faults) -> Result<Running, Error> {
    let listener = bind("SQS", port).await?;
    let queues = Queues::new(url_of(&listener)?, faults);
    let service = SqsHttpService::new(
        Arc::new(Handler(Arc::new(queues))),
        SqsHttpConfig { region: REGION.to_owned(), ..SqsHttpConfig::default() },
    );
    Running::serve(listener, service)
}

/// The ARN of the queue with this name.
fn arn_of(queue: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}")
}

struct Handler(Arc<Queues>);

impl SqsHandler for Handler {
    fn handle_operation(
        &self,
        operation: SqsOperation,
        body: Bytes,
    ) -> Pin<Box<dyn Future<Output = Result<Response<SqsResponseBody>, SqsError>> + Send>> {
        let queues = Arc::clone(&self.0);
        Box::pin(async move { answer(&queues, operation, &body).await.or_else(Refusal::response) })
    }
}

async fn answer(queues: &Queues, operation: SqsOperation, body: &[u8]) -> Result<Response<SqsResponseBody>, Refusal> {
    match operation {
        SqsOperation::CreateQueue => reply(&queues.create(&read(body)?)?),
        SqsOperation::GetQueueUrl => reply(&queues.url(&read(body)?)?),
        SqsOperation::ListQueues => reply(&queues.list(&read(body)?)?),
        SqsOperation::GetQueueAttributes => reply(&queues.attributes(&read(body)?)?),
        SqsOperation::SetQueueAttributes => reply(&queues.set_attributes(&read(body)?)?),
        SqsOperation::PurgeQueue => reply(&queues.purge(&read(body)?)?),
        SqsOperation::SendMessage => reply(&queues.send(read(body)?)?),
        SqsOperation::SendMessageBatch => reply(&queues.send_batch(&read(body)?)?),
        SqsOperation::ReceiveMessage => reply(&queues.receive(&read(body)?).await?),
        SqsOperation::DeleteMessage => reply(&queues.delete(&read(body)?)?),
        SqsOperation::DeleteMessageBatch => reply(&queues.delete_batch(&read(body)?)?),
        SqsOperation::ChangeMessageVisibility => reply(&queues.change_visibility(&read(body)?)?),
        SqsOperation::ChangeMessageVisibilityBatch => reply(&queues.change_visibility_batch(&read(body)?)?),
        other => {
            let message = format!("The local stack does not support {other}.");
            Err(SqsError::new(SqsErrorCode::UnsupportedOperation, message).into())
        }
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, SqsError> {
    serde_json::from_slice(body)
        .map_err(|error| SqsError::invalid_parameter_value(format!("The request cannot be read: {error}.")))
}

fn reply(output: &impl Serialize) -> Result<Response<SqsResponseBody>, Refusal> {
    let json = serde_json::to_vec(output).map_err(|error| SqsError::internal_error(error.to_string()))?;
    Ok(json_response(json, &Uuid::new_v4().to_string()))
}
