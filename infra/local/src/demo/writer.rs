//! The writer: puts the store's changes into its tables and its stream, through the AWS SDK, as any shop would.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use anyhow::Context;
use aws_sdk_dynamodb::{error::ProvideErrorMetadata, types::AttributeValue};
use aws_sdk_kinesis::primitives::Blob;
use shared::time::Clock;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};

use super::{
    item::{Update, item},
    store::{Change, Row, Write},
};

/// How many keys are written at the same time, at most.
const WORKERS: u64 = 16;

/// How many changes may wait for a worker; then the pace slackens.
const QUEUE: usize = 64;

/// Answers that say "later": nothing was written ("Error handling with DynamoDB"; `PutRecord` of
/// Kinesis, "Errors").
const THROTTLES: [&str; 4] =
    ["ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded", "LimitExceededException"];

/// How long the first wait after a throttle is; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// How long a wait after a throttle is at most.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// What the writer tells as it goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// The writing of a change begins, at this time (milliseconds since 1970). For a key, in order.
    Begun(Box<Change>, i64),
    /// The source has acknowledged the change of this number, at this time.
    Acknowledged(u64, i64),
}

/// Writes to the sources.
#[derive(Clone, Debug)]
pub struct Writer<C> {
    /// The client for the tables.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// The client for the stream.
    pub kinesis: aws_sdk_kinesis::Client,
    /// The clock of the destinations too.
    pub clock: C,
}

impl<C: Clock + Clone + 'static> Writer<C> {
    /// Writes the changes, each key's strictly in order and several keys at a time, `rate` a second (at least one).
    /// Ends with the changes, or soon after `stop` becomes true, once all that was begun is acknowledged.
    pub async fn write(
        &self,
        changes: impl Iterator<Item = Change> + Send,
        rate: u32,
        progress: &mpsc::UnboundedSender<Progress>,
        mut stop: watch::Receiver<bool>,
    ) -> anyhow::Result<()> {
        let mut workers = JoinSet::new();
        let mut queues = Vec::new();
        for _ in 0..WORKERS {
            let (queue, mut changes) = mpsc::channel::<Change>(QUEUE);
            let (writer, progress) = (self.clone(), progress.clone());
            queues.push(queue);
            workers.spawn(async move {
                while let Some(change) = changes.recv().await {
                    writer.write_one(change, &progress).await?;
                }
                anyhow::Ok(())
            });
        }
        let mut pace = interval(Duration::from_secs(1) / rate.max(1));
        // After a stall the lost time is made up for; the queues bound how much.
        pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
        for change in changes {
            tokio::select! {
                _ = pace.tick() => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
            let queue = &queues[worker_of(&change)];
            if queue.send(change).await.is_err() {
                // The worker has ended with an error, which is found below.
                break;
            }
        }
        drop(queues);
        while let Some(ended) = workers.join_next().await {
            ended??;
        }
        Ok(())
    }

    async fn write_one(&self, change: Change, progress: &mpsc::UnboundedSender<Progress>) -> anyhow::Result<()> {
        let number = change.number;
        // Nobody listens any more only when the demo is over.
        let _ = progress.send(Progress::Begun(Box::new(change.clone()), self.clock.now().millis()));
        let mut wait = FIRST_WAIT;
        while let Some(throttle) = self.try_once(&change).await? {
            tracing::debug!(number, throttle, ?wait, "the source asks to wait");
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        let _ = progress.send(Progress::Acknowledged(number, self.clock.now().millis()));
        Ok(())
    }

    /// Writes the change; yields the code of the answer where that is a throttle.
    async fn try_once(&self, change: &Change) -> anyhow::Result<Option<String>> {
        match self.send(change).await {
            Ok(()) => Ok(None),
            Err(SendError::Throttled(code)) => Ok(Some(code)),
            Err(SendError::Other(error)) => Err(error).with_context(|| {
                format!(
                    "change {} of {} ({}) could not be written, so the demo cannot go on",
                    change.number,
                    change.key,
                    change.source.resource()
                )
            }),
        }
    }

    async fn send(&self, change: &Change) -> Result<(), SendError> {
        let table = change.source.resource();
        let key = (change.source.key_attribute(), AttributeValue::S(change.key.clone()));
        match (change.write, &change.before, &change.after) {
            (Write::Record, _, Some(Row::PageView(view))) => {
                let json = serde_json::to_vec(view).map_err(|error| SendError::Other(error.into()))?;
                let put = self.kinesis.put_record().stream_name(table).partition_key(&change.key);
                put.data(Blob::new(json)).send().await.map(drop).map_err(SendError::of)
            }
            (Write::Put, _, Some(after)) => {
                let put = self.dynamodb.put_item().table_name(table).set_item(item(after));
                put.send().await.map(drop).map_err(SendError::of)
            }
            (Write::Update, Some(before), Some(after)) => {
                let Update { expression, names, values } =
                    Update::between(&item(before).unwrap_or_default(), &item(after).unwrap_or_default());
                let update = self.dynamodb.update_item().table_name(table).key(key.0, key.1);
                let update = update.update_expression(expression).set_expression_attribute_names(Some(names));
                let values = (!values.is_empty()).then_some(values);
                update.set_expression_attribute_values(values).send().await.map(drop).map_err(SendError::of)
            }
            (Write::Delete, ..) => {
                let delete = self.dynamodb.delete_item().table_name(table).key(key.0, key.1);
                delete.send().await.map(drop).map_err(SendError::of)
            }
            (write, ..) => Err(SendError::Other(anyhow::anyhow!("a {write:?} without its row"))),
        }
    }
}

/// Why one call did not write.
enum SendError {
    /// The source asks to wait; nothing was written.
    Throttled(String),
    /// Anything else, after the SDK's own retries.
    Other(anyhow::Error),
}

impl SendError {
    fn of<E>(error: E) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        match error.code() {
            Some(code) if THROTTLES.contains(&code) => Self::Throttled(code.to_owned()),
            _ => Self::Other(error.into()),
        }
    }
}

/// One worker for all changes of a key.
fn worker_of(change: &Change) -> usize {
    let mut hasher = DefaultHasher::new();
    (change.source, &change.key).hash(&mut hasher);
    usize::try_from(hasher.finish() % WORKERS).unwrap_or(0)
}

#[cfg(test)]
mod tests;
