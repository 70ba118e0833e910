//! The rows of other tables that events need, read once for a batch.

use std::{
    collections::{BTreeMap, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use futures_util::future::join_all;
use shared::{
    expression::Scope,
    lookup::{LookupTable, RowKey, Rows},
    pipeline::Pipeline,
    ports::Lookups,
    time::Timestamp,
};

use crate::{cache::Cache, read::Arrival};

/// Looks rows up for the events of a batch.
#[derive(Debug)]
pub struct LookUp<'a, L> {
    /// The tables themselves.
    pub lookups: &'a L,
    /// As the stack declares them, by name.
    pub tables: &'a BTreeMap<String, LookupTable>,
    /// What was read before.
    pub cache: &'a Cache,
    /// When what is read is said to have been.
    pub now: Timestamp,
}

/// The rows of a table that a round has to read: each with the place of the first record that needs it.
type Wanted = BTreeMap<String, HashMap<RowKey, usize>>;

impl<L: Lookups> LookUp<'_, L> {
    /// Reads what the events need for their `pipelines`, all of them together, in rounds: a key can be made of a row that another round has
    /// read. Answers the place of the first record that lacks a row because its table could not be read, too: from there
    /// on records have to come again, so that no event overtakes another.
    pub async fn rows<'p>(
        &self,
        arrivals: &[Arrival],
        pipelines: impl Fn(&Arrival) -> Vec<&'p Pipeline>,
    ) -> (Rows, Option<usize>) {
        let mut rows = Rows::default();
        let mut lacking: Option<usize> = None;
        let mut open: Vec<&Arrival> = arrivals.iter().collect();
        loop {
            let mut wanted = Wanted::new();
            open.retain(|arrival| {
                let keys = wants(&pipelines(arrival), arrival, &rows);
                let is_open = !keys.is_empty();
                for key in keys {
                    let of_table = wanted.entry(key.table().to_owned()).or_default();
                    of_table.entry(key).or_insert(arrival.record);
                }
                is_open
            });
            if open.is_empty() {
                return (rows, lacking);
            }
            for record in self.read(wanted, &mut rows).await {
                lacking = Some(lacking.map_or(record, |first| first.min(record)));
            }
            open.retain(|arrival| lacking.is_none_or(|first| arrival.record < first));
        }
    }

    /// Takes rows from what is kept, or reads them; answers, for each table that could not be read, the first record that
    /// needed it.
    async fn read(&self, wanted: Wanted, rows: &mut Rows) -> Vec<usize> {
        let mut reads = Vec::new();
        for (table, mut keys) in wanted {
            keys.retain(|key, _| !self.cache.recall(key, self.now, rows));
            if let Some(first) = keys.values().min().copied() {
                let keys: Vec<RowKey> = keys.into_keys().collect();
                reads.push(async move { (self.lookups.read(&table, &keys).await, table, keys, first) });
            }
        }
        let mut lacking = Vec::new();
        for (found, table, keys, first) in join_all(reads).await {
            let mut found = match found {
                Ok(found) => found,
                Err(error) => {
                    tracing::warn!(table, "the rows of a lookup table could not be read: {error}");
                    lacking.push(first);
                    continue;
                }
            };
            let seconds = self.tables.get(&table).map_or(0, |table| table.cache_seconds);
            for key in keys {
                let row = found.remove(&key).map(Arc::new);
                self.cache.keep(&key, row.as_ref(), self.now, Duration::from_secs(seconds.into()));
                rows.insert(key, row);
            }
        }
        lacking
    }
}

/// The rows that an event's pipelines need and that have not been read. A panic in one is the event's failure, when it is
/// mapped.
fn wants(pipelines: &[&Pipeline], arrival: &Arrival, rows: &Rows) -> Vec<RowKey> {
    let event = &arrival.event;
    let looking = || pipelines.iter().filter(|pipeline| pipeline.has_lookups());
    if looking().next().is_none() {
        return Vec::new();
    }
    let scope = Scope::of(event);
    let wanted = |pipeline: &&Pipeline| {
        catch_unwind(AssertUnwindSafe(|| pipeline.wants(event, &scope, rows))).unwrap_or_default()
    };
    looking().flat_map(wanted).collect()
}
