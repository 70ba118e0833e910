//! A queue's mapping: it receives, invokes, and deletes what the function got through.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::settings::QueueSettings;
use super::source::{Queue, QueueError, QueueMessage};
use crate::function::{Function, FunctionError};
use crate::mapping::event;
use crate::mapping::filter::FilterSource;
use crate::mapping::handle::{Counts, MappingHandle, MappingStatus, stopped};
use crate::mapping::response::{self, Report};
use crate::mapping::settings::SettingsError;
use crate::mapping::stream::Backoff;

/// The most invocations under way where no maximum concurrency is set: AWS's greatest value for it.
const MOST_INVOCATIONS: usize = 1000;

/// A mapping from a queue to a function.
#[derive(Clone)]
pub struct QueueMapping {
    /// The mapping's identity, for the log.
    pub uuid: Uuid,
    /// The queue.
    pub queue: Arc<dyn Queue>,
    /// The function.
    pub function: Arc<dyn Function>,
    /// How to read.
    pub settings: QueueSettings,
}

/// Starts a mapping. It runs until its handle stops it.
pub fn start(mapping: QueueMapping) -> Result<MappingHandle, SettingsError> {
    mapping.settings.validate()?;
    let (stop, stop_seen) = watch::channel(false);
    let (status, status_seen) = watch::channel(MappingStatus::default());
    let poller = Poller { mapping: Arc::new(mapping), status, under_way: JoinSet::new(), receive_errors: 0 };
    let task = tokio::spawn(poller.run(stop_seen));
    Ok(MappingHandle::new(stop, status_seen, task))
}

struct Poller {
    mapping: Arc<QueueMapping>,
    status: watch::Sender<MappingStatus>,
    under_way: JoinSet<Counts>,
    receive_errors: u32,
}

impl Poller {
    async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let most = self.mapping.settings.maximum_concurrency.unwrap_or(MOST_INVOCATIONS);
        let mut receiving = Box::pin(receive(self.mapping.clone(), 0));
        loop {
            tokio::select! {
                () = stopped(&mut stop) => break,
                Some(ended) = self.under_way.join_next() => self.ended(ended),
                // No receive is answered that no invocation may follow: messages would lie in memory while their visibility
                // runs out.
                received = &mut receiving, if self.under_way.len() < most => {
                    self.received(received);
                    receiving.set(receive(self.mapping.clone(), self.receive_errors));
                }
            }
        }
        drop(receiving);
        while let Some(ended) = self.under_way.join_next().await {
            self.ended(ended);
        }
    }

    fn received(&mut self, received: Result<Vec<QueueMessage>, QueueError>) {
        match received {
            Ok(messages) => {
                self.receive_errors = 0;
                let none = messages.is_empty();
                if !none {
                    self.under_way.spawn(process(self.mapping.clone(), messages));
                }
                self.update(none, Counts::default());
            }
            Err(error) => {
                self.receive_errors += 1;
                tracing::warn!(mapping = %self.mapping.uuid, queue = self.mapping.queue.arn(), %error, "cannot receive");
            }
        }
    }

    fn ended(&self, ended: Result<Counts, tokio::task::JoinError>) {
        match ended {
            Ok(counts) => self.update(false, counts),
            Err(error) => {
                tracing::error!(mapping = %self.mapping.uuid, %error, "processing a batch ended badly: its messages come back");
            }
        }
    }

    fn update(&self, found_nothing: bool, counts: Counts) {
        let idle = found_nothing && self.under_way.is_empty();
        self.status.send_if_modified(|status| {
            let before = (status.idle, status.counts);
            status.idle = idle;
            status.counts += counts;
            before != (status.idle, status.counts)
        });
    }
}

async fn receive(mapping: Arc<QueueMapping>, errors: u32) -> Result<Vec<QueueMessage>, QueueError> {
    if errors > 0 {
        tokio::time::sleep(Backoff::default().after(errors)).await;
    }
    mapping.queue.receive(mapping.settings.batch_size, mapping.settings.wait_time).await
}

/// Takes one batch through filter, function and deletion.
async fn process(mapping: Arc<QueueMapping>, messages: Vec<QueueMessage>) -> Counts {
    let mut counts = Counts { read: messages.len() as u64, ..Counts::default() };
    let (batch, filtered): (Vec<_>, Vec<_>) = messages
        .into_iter()
        .partition(|message| mapping.settings.filter_criteria.passes(FilterSource::Sqs, &message.json));
    counts.filtered = filtered.len() as u64;
    counts.deleted += delete(&mapping, filtered).await;
    if batch.is_empty() {
        return counts;
    }
    let payload = event::payload(batch.iter().map(|message| message.json.as_str()));
    let function = mapping.function.clone();
    let result = tokio::spawn(async move { function.invoke(payload).await })
        .await
        .unwrap_or_else(|error| Err(FunctionError::unhandled(error.to_string())));
    counts.invocations = 1;
    if let Err(error) = &result {
        counts.errors = 1;
        tracing::warn!(
            mapping = %mapping.uuid,
            function = mapping.function.name(),
            queue = mapping.queue.arn(),
            first = batch.first().map(|message| message.message_id.as_str()),
            messages = batch.len(),
            %error,
            "an invocation failed"
        );
    }
    let done = done(&mapping.settings, batch, &result);
    counts.deleted += delete(&mapping, done).await;
    counts
}

/// The messages that the function got through.
fn done(
    settings: &QueueSettings,
    batch: Vec<QueueMessage>,
    result: &Result<Bytes, FunctionError>,
) -> Vec<QueueMessage> {
    let response = match result {
        Err(_) => return Vec::new(),
        Ok(_) if !settings.report_batch_item_failures => return batch,
        Ok(response) => response,
    };
    let in_batch = |identifier: &str| batch.iter().any(|message| message.message_id == identifier);
    match response::read(response, in_batch) {
        Report::Success => batch,
        Report::CompleteFailure => Vec::new(),
        Report::Failed(identifiers) => {
            let failed: HashSet<String> = identifiers.into_iter().collect();
            batch.into_iter().filter(|message| !failed.contains(&message.message_id)).collect()
        }
    }
}

/// Deletes messages. What cannot be deleted comes back: delivery is at least once.
async fn delete(mapping: &QueueMapping, messages: Vec<QueueMessage>) -> u64 {
    if messages.is_empty() {
        return 0;
    }
    let receipt_handles = messages.into_iter().map(|message| message.receipt_handle).collect();
    match mapping.queue.delete_batch(receipt_handles).await {
        Ok(deleted) => deleted as u64,
        Err(error) => {
            tracing::warn!(mapping = %mapping.uuid, queue = mapping.queue.arn(), %error, "cannot delete");
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;
    use std::time::Duration;

    use futures_util::FutureExt;
    use futures_util::future::BoxFuture;
    use serde_json::json;

    use super::*;
    use crate::function::Invocation;
    use crate::mapping::filter::FilterCriteria;

    /// Hands out scripted receives, then nothing; remembers what is deleted.
    #[derive(Default)]
    struct Scripted {
        receives: Mutex<VecDeque<Vec<QueueMessage>>>,
        deleted: Mutex<Vec<String>>,
    }

    impl Queue for Scripted {
        fn arn(&self) -> &'static str {
            "arn:aws:sqs:eu-central-1:000000000000:deliver.fifo"
        }

        fn receive(&self, most: usize, wait: Duration) -> BoxFuture<'_, Result<Vec<QueueMessage>, QueueError>> {
            let next = self.receives.lock().unwrap().pop_front();
            async move {
                if let Some(messages) = next {
                    assert!(messages.len() <= most);
                    return Ok(messages);
                }
                tokio::time::sleep(wait).await;
                Ok(Vec::new())
            }
            .boxed()
        }

        fn delete_batch(&self, receipt_handles: Vec<String>) -> BoxFuture<'_, Result<usize, QueueError>> {
            let count = receipt_handles.len();
            self.deleted.lock().unwrap().extend(receipt_handles);
            async move { Ok(count) }.boxed()
        }
    }

    /// Answers each invocation with the same, and remembers the payloads.
    struct Answering {
        answer: Result<Bytes, FunctionError>,
        payloads: Mutex<Vec<String>>,
    }

    impl Function for Answering {
        fn name(&self) -> &'static str {
            "deliver"
        }

        fn invoke(&self, payload: Bytes) -> Invocation<'_> {
            self.payloads.lock().unwrap().push(String::from_utf8(payload.to_vec()).unwrap());
            let answer = self.answer.clone();
            async move { answer }.boxed()
        }
    }

    fn message(id: &str) -> QueueMessage {
        QueueMessage {
            message_id: id.to_owned(),
            receipt_handle: format!("handle of {id}"),
            json: json!({"messageId": id, "body": json!({"id": id}).to_string()}).to_string(),
        }
    }

    struct Outcome {
        deleted: Vec<String>,
        payloads: Vec<String>,
        counts: Counts,
    }

    async fn run(answer: Result<&'static str, FunctionError>, change: impl FnOnce(&mut QueueSettings)) -> Outcome {
        let queue = Arc::new(Scripted::default());
        queue.receives.lock().unwrap().push_back(["a", "b", "c"].map(message).into());
        let function = Arc::new(Answering {
            answer: answer.map(|text| Bytes::from_static(text.as_bytes())),
            payloads: Mutex::default(),
        });
        let mut settings = QueueSettings {
            wait_time: Duration::from_millis(1),
            report_batch_item_failures: true,
            ..Default::default()
        };
        change(&mut settings);
        let mapping =
            QueueMapping { uuid: Uuid::from_u128(1), queue: queue.clone(), function: function.clone(), settings };
        let handle = start(mapping).unwrap();
        handle.wait_for(|status| status.idle).await;
        let status = handle.stop().await;
        Outcome {
            deleted: queue.deleted.lock().unwrap().clone(),
            payloads: function.payloads.lock().unwrap().clone(),
            counts: status.counts,
        }
    }

    const ALL: [&str; 3] = ["handle of a", "handle of b", "handle of c"];

    #[tokio::test]
    async fn a_success_deletes_the_batch() {
        let outcome = run(Ok("{}"), |_| {}).await;
        assert_eq!(outcome.deleted, ALL);
        assert_eq!(
            outcome.payloads,
            [
                r#"{"Records":[{"body":"{\"id\":\"a\"}","messageId":"a"},{"body":"{\"id\":\"b\"}","messageId":"b"},{"body":"{\"id\":\"c\"}","messageId":"c"}]}"#
            ]
        );
        assert_eq!(outcome.counts, Counts { read: 3, invocations: 1, deleted: 3, ..Default::default() });
    }

    #[tokio::test]
    async fn what_is_reported_stays() {
        let outcome = run(Ok(r#"{"batchItemFailures": [{"itemIdentifier": "b"}]}"#), |_| {}).await;
        assert_eq!(outcome.deleted, ["handle of a", "handle of c"]);
    }

    #[tokio::test]
    async fn a_failure_of_the_whole_batch_deletes_nothing() {
        for answer in [
            Ok(r#"{"batchItemFailures": [{"itemIdentifier": ""}]}"#),
            Ok(r#"{"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "unknown"}]}"#),
            Err(FunctionError::unhandled("no")),
            Err(FunctionError::new("TooManyRequestsException", "later")),
        ] {
            let outcome = run(answer.clone(), |_| {}).await;
            assert_eq!(outcome.deleted, [""; 0], "{answer:?}");
        }
    }

    #[tokio::test]
    async fn without_reporting_a_response_is_not_read() {
        let answer = Ok(r#"{"batchItemFailures": [{"itemIdentifier": "b"}]}"#);
        let outcome = run(answer, |settings| settings.report_batch_item_failures = false).await;
        assert_eq!(outcome.deleted, ALL);
    }

    #[tokio::test]
    async fn filtered_messages_are_deleted_without_an_invocation() {
        let only_b = FilterCriteria::parse(&[r#"{"body": {"id": ["b"]}}"#]).unwrap();
        let outcome = run(Err(FunctionError::unhandled("no")), |settings| settings.filter_criteria = only_b).await;
        assert_eq!(outcome.deleted, ["handle of a", "handle of c"]);
        assert_eq!(outcome.payloads.len(), 1);
        assert_eq!(
            outcome.counts,
            Counts { read: 3, filtered: 2, invocations: 1, errors: 1, deleted: 2, ..Default::default() }
        );
    }

    /// Counts how many of its invocations are under way at once; each ends when told.
    struct Gated {
        gate: tokio::sync::Semaphore,
        under_way: watch::Sender<usize>,
    }

    impl Function for Gated {
        fn name(&self) -> &'static str {
            "gated"
        }

        fn invoke(&self, _: Bytes) -> Invocation<'_> {
            async {
                self.under_way.send_modify(|count| *count += 1);
                let permit = self.gate.acquire().await;
                permit.unwrap().forget();
                self.under_way.send_modify(|count| *count -= 1);
                Ok(Bytes::new())
            }
            .boxed()
        }
    }

    #[tokio::test]
    async fn the_maximum_concurrency_holds_back_receives() {
        let queue = Arc::new(Scripted::default());
        queue.receives.lock().unwrap().extend(["a", "b", "c", "d"].map(|id| vec![message(id)]));
        let function = Arc::new(Gated { gate: tokio::sync::Semaphore::new(0), under_way: watch::Sender::new(0) });
        let mut under_way = function.under_way.subscribe();
        let settings = QueueSettings {
            maximum_concurrency: Some(2),
            wait_time: Duration::from_millis(1),
            ..QueueSettings::default()
        };
        let mapping =
            QueueMapping { uuid: Uuid::from_u128(1), queue: queue.clone(), function: function.clone(), settings };
        let handle = start(mapping).unwrap();
        under_way.wait_for(|count| *count == 2).await.unwrap();
        // One task, and nothing else to do: had the mapping wanted a third, it would have had it by now.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(*under_way.borrow(), 2);
        function.gate.add_permits(4);
        let status = handle.wait_for(|status| status.idle && status.counts.deleted == 4).await;
        assert_eq!(status.counts.invocations, 4);
        handle.stop().await;
    }
}
