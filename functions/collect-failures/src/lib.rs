//! Turns what AWS gave up on into failures that a person sees: on-failure objects of stream mappings, of which S3
//! notifies, and dead letters of the destinations' queues.
//!
//! Ids are those of the record or delivery, so that the same thing, handed over again, is the same failure.

pub mod config;
pub mod dead_letter;
pub mod invocation;
pub mod notification;

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize, Serializer};
use shared::{
    batch::{BatchResponse, FifoBatch, NoIdentifier},
    capture::{RecordsError, split},
    failure::Failure,
    lambda::{Handle, HandleError},
    ports::{Failures as _, Objects as _, PortError},
    state::State,
    tally::Tally,
    telemetry::Metrics,
    time::{Clock as _, Timestamp},
};

use crate::{config::Config, dead_letter::Message};

/// The function.
#[derive(Debug)]
pub struct CollectFailures<S> {
    /// The destination of each dead-letter queue, by the queue's ARN.
    dead_letter_queues: BTreeMap<String, String>,
    state: S,
}

/// What the function answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// To S3, which does not look at it: `{}`.
    Notification,
    /// To an event source mapping of a queue.
    Queue(BatchResponse),
}

impl Serialize for Response {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Notification => serializer.collect_map(std::iter::empty::<((), ())>()),
            Self::Queue(response) => response.serialize(serializer),
        }
    }
}

/// Why an invocation failed as a whole; it comes again.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// Not a batch.
    #[error(transparent)]
    Payload(#[from] RecordsError),
    /// Neither from S3 nor from SQS, or not as they write it.
    #[error(
        "record {index} cannot be read: {reason}; this function takes S3's notifications and SQS's messages, so look \
         at what invoked it"
    )]
    Record {
        /// Its place in the batch, from zero.
        index: usize,
        /// What is wrong.
        reason: String,
    },
    /// Nothing to report by.
    #[error(transparent)]
    Identifier(#[from] NoIdentifier),
    /// The infrastructure failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl From<CollectError> for HandleError {
    fn from(error: CollectError) -> Self {
        Self::from_error(error)
    }
}

impl<S: State> CollectFailures<S> {
    /// The function, as its settings say.
    pub fn new(config: Config, state: S) -> Self {
        Self { dead_letter_queues: config.dead_letter_queues, state }
    }

    /// What it works on.
    pub const fn state(&self) -> &S {
        &self.state
    }

    /// Collects from a notification of S3, or from messages of a dead-letter queue.
    pub async fn collect(&self, payload: &[u8]) -> Result<Response, CollectError> {
        if notification::is_test(payload) {
            return Ok(Response::Notification);
        }
        let records = split(payload)?;
        match records.first().map(|raw| event_source(raw)) {
            Some(source) if source == "aws:sqs" => self.messages(&records).await.map(Response::Queue),
            Some(source) if source == "aws:s3" => self.notices(&records).await.map(|()| Response::Notification),
            Some(source) => Err(CollectError::Record { index: 0, reason: format!("its eventSource is {source:?}") }),
            None => Ok(Response::Notification),
        }
    }

    async fn notices(&self, records: &[&[u8]]) -> Result<(), CollectError> {
        let mut failures = Vec::new();
        for (index, raw) in records.iter().enumerate() {
            let notice = notification::read(raw)
                .map_err(|error| CollectError::Record { index, reason: error.to_string() })?
                .filter(|notice| notice.key.starts_with(invocation::PREFIX));
            let Some(notice) = notice else { continue };
            let now = self.state.clock().now();
            match self.state.objects().get(&notice.bucket, &notice.key).await? {
                Some(object) => failures.extend(invocation::failures(&notice.key, &object, now)),
                None => failures.push(invocation::whole(
                    &notice.key,
                    format!(
                        "Lambda gave up on a batch of records, and what it wrote about it is no longer in bucket {}; \
                         the object's key names mapping, shard and time: replay that time from the stream",
                        notice.bucket
                    ),
                    raw,
                    now,
                )),
            }
        }
        Ok(self.keep(failures).await?)
    }

    async fn messages(&self, records: &[&[u8]]) -> Result<BatchResponse, CollectError> {
        let messages: Vec<Message<'_>> = records
            .iter()
            .enumerate()
            .map(|(index, raw)| {
                serde_json::from_slice(raw).map_err(|error| CollectError::Record { index, reason: error.to_string() })
            })
            .collect::<Result<_, _>>()?;
        let mut batch = FifoBatch::new(messages.iter().map(|message| (&*message.message_id, message.group())))?;
        for (index, message) in messages.iter().enumerate() {
            let now = self.state.clock().now();
            let kept = match dead_letter::failures(message, &self.dead_letter_queues, self.state.objects(), now).await {
                Ok(failures) => self.keep(failures).await.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            if let Err(error) = kept {
                tracing::warn!(message = &*message.message_id, error, "a dead letter is tried again");
                batch.fail(index);
            }
        }
        Ok(batch.response())
    }

    async fn keep(&self, failures: Vec<Failure>) -> Result<(), PortError> {
        let Some(first) = failures.first() else { return Ok(()) };
        tracing::warn!(count = failures.len(), first = first.id, "AWS gave up; failures are kept");
        let mut tally = Tally::default();
        for failure in &failures {
            let subject = failure.pipeline.as_ref().or(failure.destination.as_ref());
            tally.add(subject.map_or("unknown", String::as_str), "failed");
        }
        self.state.failures().keep(failures).await?;
        let mut metrics = Metrics::new(None);
        metrics.count("Failed", tally.total("failed"));
        self.state.report("collect-failures", &tally, &metrics).await;
        Ok(())
    }
}

impl<S: State> Handle for CollectFailures<S> {
    async fn handle(&self, payload: &[u8], _deadline: Timestamp) -> Result<Vec<u8>, HandleError> {
        let response = self.collect(payload).await?;
        serde_json::to_vec(&response).map_err(HandleError::from_error)
    }
}

fn event_source(raw: &[u8]) -> Cow<'_, str> {
    #[derive(Deserialize)]
    struct Record<'a> {
        #[serde(borrow, default, rename = "eventSource")]
        event_source: Cow<'a, str>,
    }
    serde_json::from_slice::<Record<'_>>(raw).map(|record| record.event_source).unwrap_or_default()
}
