//! Rows of lookup tables, kept in the execution environment: bounded in time and in size.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use shared::{
    lookup::{RowKey, Rows},
    time::Timestamp,
    value::Value,
};

/// How much memory the rows may take, about, in bytes.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// How long a missing row is believed to be missing, at most: it may be about to be written.
const MISSING: Duration = Duration::from_secs(5);

/// What an entry takes beside what its texts do.
const ENTRY_BYTES: usize = 256;

/// Rows, and that there is none, by their keys.
#[derive(Debug, Default)]
pub struct Cache(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    entries: HashMap<RowKey, Entry>,
    /// The keys by when their entries end, so that what is forgotten to make room would have ended first anyway.
    ends: BTreeMap<End, RowKey>,
    bytes: usize,
    count: u64,
}

/// When an entry ends; and a number, which makes it the entry's own.
type End = (Timestamp, u64);

#[derive(Debug)]
struct Entry {
    row: Option<Arc<Value>>,
    end: End,
    bytes: usize,
}

impl Cache {
    /// Puts what was read of a row, and may still be believed, among the rows; whether there was something.
    pub fn recall(&self, key: &RowKey, now: Timestamp, rows: &mut Rows) -> bool {
        let kept = self.kept();
        let entry = kept.entries.get(key).filter(|entry| now < entry.end.0);
        if let Some(entry) = entry {
            rows.insert(key.clone(), entry.row.clone());
        }
        entry.is_some()
    }

    /// Keeps what was read at `now` for so long; that a row is missing, no longer than [`MISSING`].
    pub fn keep(&self, key: &RowKey, row: Option<&Arc<Value>>, now: Timestamp, time: Duration) {
        let time = if row.is_some() { time } else { time.min(MISSING) };
        let bytes = ENTRY_BYTES + 2 * key_bytes(key) + row.map_or(0, |row| value_bytes(row));
        let mut kept = self.kept();
        kept.forget(key);
        if time.is_zero() || bytes > MOST_BYTES {
            return;
        }
        while let Some((end, first)) = kept.ends.first_key_value()
            && (end.0 <= now || kept.bytes + bytes > MOST_BYTES)
        {
            let first = first.clone();
            kept.forget(&first);
        }
        kept.count += 1;
        let end = (now + time, kept.count);
        kept.bytes += bytes;
        kept.ends.insert(end, key.clone());
        kept.entries.insert(key.clone(), Entry { row: row.cloned(), end, bytes });
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn forget(&mut self, key: &RowKey) {
        if let Some(entry) = self.entries.remove(key) {
            self.ends.remove(&entry.end);
            self.bytes -= entry.bytes;
        }
    }
}

fn key_bytes(key: &RowKey) -> usize {
    key.table().len()
        + key.attributes().map(|(name, _, text)| size_of::<String>() * 2 + name.len() + text.len()).sum::<usize>()
}

/// What a value takes in memory, about.
fn value_bytes(value: &Value) -> usize {
    let own = match value {
        Value::Null | Value::Bool(_) => 0,
        Value::Number(number) => number.as_str().len(),
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(value_bytes).sum(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| 2 * size_of::<String>() + name.len() + value_bytes(value)).sum()
        }
    };
    size_of::<Value>() + own
}

#[cfg(test)]
mod tests {
    use shared::lookup::{Found, KeyAttributes, KeyType};

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn key(id: usize) -> RowKey {
        let value = Value::from(format!("a-{id}"));
        let key = KeyAttributes::from([("id".to_owned(), KeyType::S)]);
        RowKey::of("accounts", &key, |_| Some(&value)).unwrap().unwrap()
    }

    fn row(bytes: usize) -> Arc<Value> {
        Arc::new(Value::from("x".repeat(bytes)))
    }

    /// What is known of a row: `None` where it would have to be read.
    fn known(cache: &Cache, id: usize, now: Timestamp) -> Option<String> {
        let mut rows = Rows::default();
        let kept = cache.recall(&key(id), now, &mut rows);
        let found = match rows.find("account", &key(id)) {
            Found::Unread => None,
            Found::Missing => Some("missing".to_owned()),
            Found::Row(row) => row.as_str().map(str::to_owned),
        };
        assert_eq!(found.is_some(), kept);
        found
    }

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn a_row_is_believed_for_its_time_and_that_there_is_none_for_a_shorter_one() {
        let cache = Cache::default();
        assert_eq!(known(&cache, 1, at(0)), None);
        cache.keep(&key(1), Some(&row(1)), at(0), MINUTE);
        cache.keep(&key(2), None, at(0), MINUTE);
        cache.keep(&key(3), None, at(0), Duration::from_secs(2));
        cache.keep(&key(4), Some(&row(1)), at(0), Duration::ZERO);
        for (id, last, what) in [(1, 59, "x"), (2, 4, "missing"), (3, 1, "missing")] {
            assert_eq!(known(&cache, id, at(last)).as_deref(), Some(what), "{id}");
            assert_eq!(known(&cache, id, at(last + 1)), None, "{id}");
        }
        assert_eq!(known(&cache, 4, at(0)), None);
    }

    #[test]
    fn what_is_read_again_takes_the_place_of_what_was() {
        let cache = Cache::default();
        cache.keep(&key(1), None, at(0), MINUTE);
        cache.keep(&key(1), Some(&row(3)), at(4), MINUTE);
        assert_eq!(known(&cache, 1, at(63)).as_deref(), Some("xxx"));
        cache.keep(&key(1), Some(&row(3)), at(5), Duration::ZERO);
        assert_eq!(known(&cache, 1, at(5)), None);
        let kept = cache.kept();
        assert_eq!((kept.bytes, kept.entries.len(), kept.ends.len()), (0, 0, 0));
    }

    #[test]
    fn what_would_end_first_makes_room() {
        let cache = Cache::default();
        let megabyte = row(1024 * 1024);
        for id in 0..20 {
            cache.keep(&key(id), Some(&megabyte), at(0), MINUTE);
            let kept = cache.kept();
            assert!(kept.bytes <= MOST_BYTES && kept.entries.len() == kept.ends.len());
        }
        let there: Vec<usize> = (0..20).filter(|id| known(&cache, *id, at(1)).is_some()).collect();
        assert_eq!(there, [13, 14, 15, 16, 17, 18, 19]);
        cache.keep(&key(20), Some(&row(MOST_BYTES)), at(1), MINUTE);
        assert_eq!(known(&cache, 20, at(1)), None, "larger than all that may be kept");
        assert!(known(&cache, 19, at(1)).is_some());
        // What has ended goes before it is in the way.
        cache.keep(&key(21), Some(&row(1)), at(60), MINUTE);
        assert_eq!(cache.kept().entries.len(), 1);
    }
}
