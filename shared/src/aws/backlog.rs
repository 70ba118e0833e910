//! What the backbone still holds, read again.

use std::time::Duration;

use aws_sdk_kinesis::{
    operation::get_records::GetRecordsError,
    primitives::DateTime,
    types::{Record, ShardFilter, ShardFilterType, ShardIteratorType},
};

use super::{Backbone, failed, malformed};
use crate::{
    ports::{Backlog, BacklogPage, BacklogRecord, PortError, Shard, Since},
    time::Timestamp,
};

/// What a call gives at most ("`GetRecords`", Kinesis API reference).
const MOST_RECORDS: usize = 10_000;

impl Backlog for Backbone {
    /// "`ListShards`", Kinesis API reference: the shards that are open at the trim horizon or were opened since.
    async fn shards(&self) -> Result<Vec<Shard>, PortError> {
        const OPERATION: &str = "kinesis:ListShards";
        let mut shards = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let list = if let Some(token) = &next {
                // A token stands for the stream and the filter.
                self.client.list_shards().next_token(token)
            } else {
                let filter = ShardFilter::builder().r#type(ShardFilterType::FromTrimHorizon).build();
                let filter = filter.map_err(|error| failed(OPERATION, &error))?;
                self.client.list_shards().stream_name(&self.stream).shard_filter(filter)
            };
            let page = list.send().await.map_err(|error| failed(OPERATION, &error))?;
            shards.extend(page.shards.into_iter().flatten().map(|shard| {
                let parents = [shard.parent_shard_id, shard.adjacent_parent_shard_id];
                Shard { id: shard.shard_id, parents: parents.into_iter().flatten().collect() }
            }));
            next = page.next_token;
            if next.is_none() {
                return Ok(shards);
            }
        }
    }

    async fn iterator(&self, shard: &str, since: &Since) -> Result<String, PortError> {
        const OPERATION: &str = "kinesis:GetShardIterator";
        let get = self.client.get_shard_iterator().stream_name(&self.stream).shard_id(shard);
        let get = match since {
            Since::Arrived(at) => {
                get.shard_iterator_type(ShardIteratorType::AtTimestamp).timestamp(DateTime::from_millis(at.millis()))
            }
            Since::After(number) => {
                get.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).starting_sequence_number(number)
            }
        };
        let answer = get.send().await.map_err(|error| failed(OPERATION, &error))?;
        answer.shard_iterator.ok_or_else(|| malformed(OPERATION, shard))
    }

    async fn page(&self, iterator: &str, most: usize) -> Result<Option<BacklogPage>, PortError> {
        let get = self.client.get_records().shard_iterator(iterator);
        let get = get.limit(i32::try_from(most.clamp(1, MOST_RECORDS)).unwrap_or(1));
        let answer = match get.send().await {
            Ok(answer) => answer,
            // Another reader of the shard was quicker; the SDK has tried again for a while.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetRecordsError::is_provisioned_throughput_exceeded_exception) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(failed("kinesis:GetRecords", &error)),
        };
        Ok(Some(BacklogPage {
            records: answer.records.into_iter().map(record).collect(),
            next: answer.next_shard_iterator,
            // Not told means that it is not known to be at its tip.
            behind: Duration::from_millis(answer.millis_behind_latest.map_or(u64::MAX, i64::unsigned_abs)),
        }))
    }
}

fn record(record: Record) -> BacklogRecord {
    // Kinesis keeps milliseconds. The SDK's fraction has a float's noise behind them, which must not make another one: the
    // version of an event hangs on it.
    let nanos = record.approximate_arrival_timestamp.map_or(0, |at| at.as_nanos());
    let millis = i64::try_from((nanos + 500_000).div_euclid(1_000_000)).unwrap_or(i64::MAX);
    BacklogRecord {
        number: record.sequence_number,
        arrived_at: Timestamp::from_millis(millis),
        data: record.data.into_inner(),
    }
}
