//! The backbone in memory, to be read again.

use std::{sync::Mutex, time::Duration};

use super::{Breaks, lock};
use crate::{
    ports::{Backlog, BacklogPage, BacklogRecord, PortError, Shard, Since},
    time::Timestamp,
};

/// A stream that a test writes: shards that may come out of others, and be closed.
#[derive(Debug, Default)]
pub struct MemoryBacklog {
    shards: Mutex<Vec<Held>>,
    /// Makes pages fail.
    pub breaks: Breaks,
    /// So many of the next pages are refused, as where too much was read.
    pub throttled: Breaks,
}

#[derive(Debug)]
struct Held {
    shard: Shard,
    records: Vec<BacklogRecord>,
    written: u64,
    is_closed: bool,
}

impl MemoryBacklog {
    /// Adds a shard that has come out of others, which are closed by that.
    pub fn open(&self, id: &str, parents: &[&str]) {
        let mut shards = lock(&self.shards);
        for held in shards.iter_mut().filter(|held| parents.contains(&held.shard.id.as_str())) {
            held.is_closed = true;
        }
        let parents = parents.iter().map(|parent| (*parent).to_owned()).collect();
        let shard = Shard { id: id.to_owned(), parents };
        shards.push(Held { shard, records: Vec::new(), written: 0, is_closed: false });
    }

    /// Writes a record.
    pub fn put(&self, shard: &str, arrived_at: Timestamp, data: Vec<u8>) {
        let mut shards = lock(&self.shards);
        if let Some(held) = shards.iter_mut().find(|held| held.shard.id == shard) {
            held.written += 1;
            held.records.push(BacklogRecord { number: format!("{:09}", held.written), arrived_at, data });
        }
    }

    /// Drops what arrived before a time, as Kinesis does at the end of its retention.
    pub fn trim(&self, before: Timestamp) {
        for held in lock(&self.shards).iter_mut() {
            held.records.retain(|record| record.arrived_at >= before);
        }
    }
}

impl Backlog for MemoryBacklog {
    async fn shards(&self) -> Result<Vec<Shard>, PortError> {
        self.breaks.check("kinesis:ListShards").await?;
        Ok(lock(&self.shards).iter().map(|held| held.shard.clone()).collect())
    }

    /// An iterator is its shard and the number of the record behind which it stands.
    async fn iterator(&self, shard: &str, since: &Since) -> Result<String, PortError> {
        self.breaks.check("kinesis:GetShardIterator").await?;
        let after = match since {
            Since::After(number) => number.clone(),
            Since::Arrived(at) => {
                let shards = lock(&self.shards);
                let records = shards.iter().filter(|held| held.shard.id == shard).flat_map(|held| &held.records);
                let passed = records.take_while(|record| record.arrived_at < *at).last();
                passed.map(|record| record.number.clone()).unwrap_or_default()
            }
        };
        Ok(format!("{shard}/{after}"))
    }

    async fn page(&self, iterator: &str, most: usize) -> Result<Option<BacklogPage>, PortError> {
        self.breaks.check("kinesis:GetRecords").await?;
        if self.throttled.check("kinesis:GetRecords").await.is_err() {
            return Ok(None);
        }
        let unknown = || PortError { operation: "kinesis:GetRecords", reason: format!("no iterator {iterator}") };
        let (shard, after) = iterator.split_once('/').ok_or_else(unknown)?;
        let shards = lock(&self.shards);
        let held = shards.iter().find(|held| held.shard.id == shard).ok_or_else(unknown)?;
        let mut left = held.records.iter().filter(|record| record.number.as_str() > after);
        let records: Vec<BacklogRecord> = left.by_ref().take(most).cloned().collect();
        let last = records.last();
        let behind = left.next_back().zip(last).map(|(newest, last)| newest.arrived_at.since(last.arrived_at));
        let is_at_end = behind.is_none();
        let after = last.map_or(after, |record| &record.number);
        let next = (!held.is_closed || !is_at_end).then(|| format!("{shard}/{after}"));
        Ok(Some(BacklogPage {
            behind: behind.map_or(Duration::ZERO, |behind| behind.max(Duration::from_millis(1))),
            next,
            records,
        }))
    }
}
