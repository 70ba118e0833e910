//! The only maker of partial batch responses.
//!
//! To AWS an empty or unknown item identifier means "all failed", and a missing one "all done": a response put together
//! by hand is one slip away from losing or repeating a whole batch.

use std::collections::HashSet;

use serde::{Serialize, Serializer};

/// What a function answers to an event source mapping with `ReportBatchItemFailures`.
///
/// Serialised as `{"batchItemFailures":[{"itemIdentifier":"…"}]}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    batch_item_failures: Vec<ItemFailure>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct ItemFailure(Identifier);

impl Serialize for ItemFailure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([("itemIdentifier", &self.0.0)])
    }
}

/// A record's sequence number or a message's id: never empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identifier(String);

/// The batch has a record without an identifier: nothing can be reported about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {index} of the batch has no sequence number or message id, so the whole batch has to be tried again")]
pub struct NoIdentifier {
    /// The record's place in the batch, from zero.
    pub index: usize,
}

impl BatchResponse {
    /// Everything is done.
    pub fn done() -> Self {
        Self::default()
    }

    /// Whether everything is done.
    pub fn is_done(&self) -> bool {
        self.batch_item_failures.is_empty()
    }

    /// The identifiers reported as failed.
    pub fn failed(&self) -> impl Iterator<Item = &str> {
        self.batch_item_failures.iter().map(|failure| failure.0.0.as_str())
    }
}

fn identifiers<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Vec<Identifier>, NoIdentifier> {
    texts
        .into_iter()
        .enumerate()
        .map(
            |(index, text)| if text.is_empty() { Err(NoIdentifier { index }) } else { Ok(Identifier(text.to_owned())) },
        )
        .collect()
}

/// A batch of a stream: DynamoDB streams or Kinesis.
///
/// Lambda takes the lowest reported sequence number as its checkpoint and retries everything from there on, what had
/// succeeded included ("Configuring partial batch response with Kinesis Data Streams and Lambda"). So one number is
/// reported: that of the first record, in the batch's order, which is not done.
#[derive(Debug)]
pub struct StreamBatch {
    sequence_numbers: Vec<Identifier>,
    first_failed: Option<usize>,
}

impl StreamBatch {
    /// A batch of records with these sequence numbers, in the order of the batch.
    pub fn new<'a>(sequence_numbers: impl IntoIterator<Item = &'a str>) -> Result<Self, NoIdentifier> {
        Ok(Self { sequence_numbers: identifiers(sequence_numbers)?, first_failed: None })
    }

    /// The record at `index` has to be tried again, and with it all behind it. An index beyond the batch fails the
    /// batch from its start: what cannot be placed must not be lost.
    pub fn fail(&mut self, index: usize) {
        let index = if index < self.sequence_numbers.len() { index } else { 0 };
        self.first_failed = Some(self.first_failed.map_or(index, |first| first.min(index)));
    }

    /// The response.
    pub fn response(mut self) -> BatchResponse {
        let failed = self.first_failed.filter(|index| *index < self.sequence_numbers.len());
        BatchResponse {
            batch_item_failures: failed
                .map(|index| ItemFailure(self.sequence_numbers.swap_remove(index)))
                .into_iter()
                .collect(),
        }
    }
}

/// A batch of a FIFO queue.
///
/// Each message is reported on its own. After a failed message of a group the rest of the group's messages have to be
/// reported too, or they would be deleted or handled before it ("Handling errors for an SQS event source in Lambda").
#[derive(Debug)]
pub struct FifoBatch {
    messages: Vec<(Identifier, String)>,
    failed: HashSet<usize>,
}

impl FifoBatch {
    /// A batch of (message id, message group), in the order of the batch.
    pub fn new<'a>(messages: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, NoIdentifier> {
        let (ids, groups): (Vec<_>, Vec<_>) = messages.into_iter().unzip();
        let messages = identifiers(ids)?.into_iter().zip(groups.into_iter().map(str::to_owned)).collect();
        Ok(Self { messages, failed: HashSet::new() })
    }

    /// The message at `index` has to be tried again, and with it all of its group behind it. An index beyond the
    /// batch fails every message.
    pub fn fail(&mut self, index: usize) {
        match self.messages.get(index) {
            Some((_, group)) => {
                let rest = self.messages.iter().enumerate().skip(index);
                self.failed.extend(rest.filter(|(_, (_, other))| other == group).map(|(index, _)| index));
            }
            None => self.failed.extend(0..self.messages.len()),
        }
    }

    /// The indexes of all messages that will be reported, in the batch's order.
    pub fn failed(&self) -> Vec<usize> {
        let mut failed: Vec<_> = self.failed.iter().copied().collect();
        failed.sort_unstable();
        failed
    }

    /// The response.
    pub fn response(self) -> BatchResponse {
        let failed = self.failed();
        let batch_item_failures = failed.into_iter().map(|index| ItemFailure(self.messages[index].0.clone())).collect();
        BatchResponse { batch_item_failures }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_wire_form_is_that_of_aws() {
        // "Implementing partial batch responses", AWS Lambda developer guide.
        let mut batch = StreamBatch::new(["49590338271490256608559692538361571095921575989136588898"]).unwrap();
        assert_eq!(serde_json::to_string(&BatchResponse::done()).unwrap(), r#"{"batchItemFailures":[]}"#);
        batch.fail(0);
        assert_eq!(
            serde_json::to_string(&batch.response()).unwrap(),
            r#"{"batchItemFailures":[{"itemIdentifier":"49590338271490256608559692538361571095921575989136588898"}]}"#
        );
    }

    #[test]
    fn a_stream_reports_its_first_failure_only() {
        let mut batch = StreamBatch::new(["1", "2", "3"]).unwrap();
        batch.fail(2);
        batch.fail(1);
        assert_eq!(batch.response().failed().collect::<Vec<_>>(), ["2"]);
    }

    #[test]
    fn an_empty_identifier_is_never_written() {
        assert_eq!(StreamBatch::new(["1", ""]).unwrap_err(), NoIdentifier { index: 1 });
        assert_eq!(FifoBatch::new([("", "a")]).unwrap_err(), NoIdentifier { index: 0 });
    }

    #[test]
    fn what_cannot_be_placed_fails_all() {
        let mut stream = StreamBatch::new(["1", "2"]).unwrap();
        stream.fail(7);
        assert_eq!(stream.response().failed().collect::<Vec<_>>(), ["1"]);
        let mut fifo = FifoBatch::new([("1", "a"), ("2", "b")]).unwrap();
        fifo.fail(7);
        assert_eq!(fifo.response().failed().collect::<Vec<_>>(), ["1", "2"]);
        assert!(StreamBatch::new([]).unwrap().response().is_done());
    }

    proptest! {
        /// What a stream mapping does with the response: done up to the checkpoint, the rest again. Over any number
        /// of retries with any failures, every record is done at last, and first done in order.
        #[test]
        fn a_stream_loses_nothing_and_keeps_order(count in 1_usize..40, plans in proptest::collection::vec(proptest::collection::vec(0_usize..40, 0..4), 0..30)) {
            let mut waiting: Vec<usize> = (0..count).collect();
            let mut done = Vec::new();
            let mut plans = plans.into_iter();
            while !waiting.is_empty() {
                let names: Vec<String> = waiting.iter().map(|record| format!("{:03}", record + 1)).collect();
                let mut batch = StreamBatch::new(names.iter().map(String::as_str)).unwrap();
                for index in plans.next().unwrap_or_default() {
                    if index < waiting.len() {
                        batch.fail(index);
                    }
                }
                let checkpoint = batch.response().failed().next().map(str::to_owned);
                let upto = checkpoint.map_or(waiting.len(), |number| names.iter().position(|name| *name == number).unwrap());
                done.extend(waiting.drain(..upto));
            }
            prop_assert_eq!(done, (0..count).collect::<Vec<_>>());
        }

        /// What a queue mapping does: delete what is not reported. Over any retries every message is deleted once,
        /// and each group's in order.
        #[test]
        fn a_queue_loses_nothing_and_keeps_each_groups_order(groups in proptest::collection::vec(0_u8..4, 1..40), plans in proptest::collection::vec(proptest::collection::vec(0_usize..10, 0..4), 0..60)) {
            let mut waiting: Vec<(usize, String)> = groups.iter().enumerate().map(|(id, group)| (id, format!("lane-{group}"))).collect();
            let mut done: BTreeMap<String, Vec<usize>> = BTreeMap::new();
            let mut plans = plans.into_iter();
            while !waiting.is_empty() {
                let received: Vec<_> = waiting.iter().take(10).cloned().collect();
                let ids: Vec<String> = received.iter().map(|(id, _)| format!("m-{id}")).collect();
                let mut batch = FifoBatch::new(ids.iter().map(String::as_str).zip(received.iter().map(|(_, group)| group.as_str()))).unwrap();
                for index in plans.next().unwrap_or_default() {
                    if index < received.len() {
                        batch.fail(index);
                    }
                }
                let response = batch.response();
                let failed: HashSet<&str> = response.failed().collect();
                for ((id, group), name) in received.iter().zip(&ids) {
                    if !failed.contains(name.as_str()) {
                        done.entry(group.clone()).or_default().push(*id);
                        waiting.retain(|(other, _)| other != id);
                    }
                }
            }
            let total: usize = done.values().map(Vec::len).sum();
            prop_assert_eq!(total, groups.len());
            for ids in done.values() {
                prop_assert!(ids.is_sorted(), "{ids:?}");
            }
        }
    }
}
