//! What is known of the sources' rows, learned as their events pass, and shared with the other execution environments by
//! the table of pipelines.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use shared::{
    ports::{PortError, Schemas},
    schema::{Drift, Notice, Schema},
    time::Timestamp,
};

use crate::read::Arrival;

/// How many rows of a source are learned from in a batch; all of them where these bring news.
const SAMPLE: usize = 10;

/// How long what was read is believed.
const BELIEVED: Duration = Duration::from_mins(1);

/// How long what is no news waits to be written: counts, and when something was seen last.
const NO_NEWS: Duration = Duration::from_mins(10);

/// How often a schema is merged with what others write at the same time.
const TRIES: usize = 5;

/// The schemas of the sources.
#[derive(Debug, Default)]
pub struct Learned(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    read_at: Option<Timestamp>,
    sources: BTreeMap<String, Source>,
}

#[derive(Debug, Default)]
struct Source {
    /// At which the schema stands in the table.
    revision: u64,
    /// What is known in all.
    whole: Schema,
    /// The part of it that was learned here and is not in the table.
    fresh: Schema,
    /// When that was written last, or began to be learned.
    written_at: Timestamp,
    has_news: bool,
}

impl Learned {
    /// Reads what others have learned, where what was read is older than `believed`; whether it was. Where it cannot be
    /// read again, what was known before is believed on.
    async fn refresh(&self, store: &impl Schemas, now: Timestamp, believed: Duration) -> Result<bool, PortError> {
        let read_at = self.kept().read_at;
        if read_at.is_some_and(|read_at| now.since(read_at) < believed) {
            return Ok(false);
        }
        match store.schemas().await {
            Ok(schemas) => {
                let mut kept = self.kept();
                kept.read_at = Some(now);
                for (name, (revision, schema)) in schemas {
                    kept.source(&name, now).stands(revision, schema);
                }
                Ok(true)
            }
            Err(error) if read_at.is_some() => {
                tracing::warn!("the schemas of the sources could not be read again: {error}");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads what others have learned, at most once a minute. An error, where nothing was ever read: without it nobody
    /// can tell what drifts.
    pub async fn follow(&self, store: &impl Schemas, now: Timestamp) -> Result<(), PortError> {
        self.refresh(store, now, BELIEVED).await.map(drop)
    }

    /// Reads what others have learned up to now: a version that was published meanwhile accepts it. Whether it was read.
    pub async fn catch_up(&self, store: &impl Schemas, now: Timestamp) -> Result<bool, PortError> {
        self.refresh(store, now, Duration::from_millis(1)).await
    }

    /// Learns from events of these sources.
    pub fn learn(&self, sources: &[String], arrivals: &[Arrival], now: Timestamp) {
        let mut kept = self.kept();
        for name in sources {
            let of_source = || arrivals.iter().filter(|arrival| arrival.event.source == *name);
            if of_source().next().is_none() {
                continue;
            }
            let source = kept.source(name, now);
            if let Some(arrival) = of_source().next_back() {
                source.fresh.learn_key(&arrival.event.key);
                source.has_news |= source.whole.learn_key(&arrival.event.key);
            }
            for arrival in of_source() {
                source.each(|schema| schema.count(arrival.arrived_at));
            }
            let rows: Vec<_> =
                of_source().filter_map(|arrival| Some((arrival.event.after.as_ref()?, arrival.arrived_at))).collect();
            let step = rows.len().div_ceil(SAMPLE).max(1);
            let is_sample = |place: usize| place.is_multiple_of(step);
            for sampled in [true, false] {
                if !sampled && !source.has_news {
                    break;
                }
                for (_, (row, at)) in rows.iter().enumerate().filter(|(place, _)| is_sample(*place) == sampled) {
                    source.fresh.learn(row, *at);
                    source.has_news |= source.whole.learn(row, *at);
                }
            }
        }
    }

    /// Does something with what is known of a source; with nothing, where that is.
    pub fn with<T>(&self, source: &str, see: impl FnOnce(&Schema) -> T) -> T {
        match self.kept().sources.get(source) {
            Some(source) => see(&source.whole),
            None => see(&Schema::default()),
        }
    }

    /// Whether a drift has been told.
    pub fn is_noted(&self, source: &str, drift: &Drift) -> bool {
        self.with(source, |schema| schema.is_noted(drift))
    }

    /// Notes that a drift has been told, and that the field was of this kind then.
    pub fn note(&self, source: &str, notice: &Notice, now: Timestamp) {
        let mut kept = self.kept();
        let source = kept.source(source, now);
        let Notice { drift, at, .. } = notice;
        // The row may not have been among those that were learned from.
        let is_known = source.whole.fields.get(&drift.path).is_some_and(|field| field.kinds.contains_key(&drift.kind));
        source.each(|schema| {
            if !is_known {
                schema.sight(&drift.path, drift.kind, *at);
            }
            schema.note(notice.clone());
        });
        source.has_news = true;
    }

    /// Writes news at once, and the rest after a while. What cannot be written is kept for the next time, and keeps no
    /// event waiting.
    pub async fn keep(&self, store: &impl Schemas, now: Timestamp) {
        let due: Vec<_> =
            self.kept().sources.iter().filter(|(_, source)| source.is_due(now)).map(|(name, _)| name.clone()).collect();
        for name in due {
            if let Err(error) = self.write(store, &name, now).await {
                tracing::warn!(source = name, "what was learned of the source could not be kept yet: {error}");
            }
        }
    }

    async fn write(&self, store: &impl Schemas, name: &str, now: Timestamp) -> Result<(), PortError> {
        for _ in 0..TRIES {
            let (revision, whole, fresh) = self.kept().source(name, now).take(now);
            let written = store.write(name, revision, &whole).await;
            let read = match &written {
                Ok(true) => {
                    let mut kept = self.kept();
                    let source = kept.source(name, now);
                    source.revision = source.revision.max(revision + 1);
                    return Ok(());
                }
                Ok(false) => store.schemas().await,
                Err(error) => Err(error.clone()),
            };
            let mut kept = self.kept();
            let source = kept.source(name, now);
            source.has_news = true;
            source.fresh.merge(&fresh);
            let (revision, schema) = read?.remove(name).unwrap_or_default();
            source.stands(revision, schema);
        }
        Err(PortError { operation: "dynamodb:PutItem", reason: "others write it all the time".to_owned() })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn source(&mut self, name: &str, now: Timestamp) -> &mut Source {
        self.sources.entry(name.to_owned()).or_insert_with(|| Source { written_at: now, ..Source::default() })
    }
}

impl Source {
    /// The table has this, and what is fresh comes to it.
    fn stands(&mut self, revision: u64, schema: Schema) {
        self.revision = revision;
        self.whole = schema;
        self.whole.merge(&self.fresh);
    }

    fn each(&mut self, change: impl Fn(&mut Schema)) {
        change(&mut self.whole);
        change(&mut self.fresh);
    }

    fn is_due(&self, now: Timestamp) -> bool {
        self.has_news || (self.fresh.events.is_some() && now.since(self.written_at) >= NO_NEWS)
    }

    /// What is to be written, at which revision, and the part of it that is lost where it cannot be.
    fn take(&mut self, now: Timestamp) -> (u64, Schema, Schema) {
        self.has_news = false;
        self.written_at = now;
        (self.revision, self.whole.clone(), std::mem::take(&mut self.fresh))
    }
}
