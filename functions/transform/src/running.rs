//! The pipelines that run, kept in step with their table.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use shared::{
    pipeline::{Known, Pipeline},
    ports::{Pipelines, PortError},
    time::Timestamp,
};

/// How long a revision is believed before it is read again.
const BELIEVED: Duration = Duration::from_secs(2);

/// The live pipelines of one revision.
#[derive(Debug, Default)]
pub struct Set {
    /// Those that run.
    pub running: Vec<Pipeline>,
    /// Those that cannot.
    pub broken: Vec<Broken>,
}

/// A live pipeline that cannot run any more: what it names is gone from the stack.
#[derive(Debug)]
pub struct Broken {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u64,
    /// Its source, where the document still tells.
    pub source: Option<String>,
    /// What is wrong with it.
    pub reason: String,
}

#[derive(Debug)]
struct Held {
    revision: u64,
    read_at: Timestamp,
    set: Arc<Set>,
}

/// The newest revision that was read.
#[derive(Debug, Default)]
pub struct Running(Mutex<Option<Held>>);

impl Running {
    /// The pipelines as they stand: the revision is one small read, at most once in two seconds; the documents are read
    /// when it has changed.
    pub async fn current<P: Pipelines>(&self, store: &P, known: &Known, now: Timestamp) -> Result<Arc<Set>, PortError> {
        if let Some(held) = &*self.held()
            && now.since(held.read_at) < BELIEVED
        {
            return Ok(Arc::clone(&held.set));
        }
        let revision = store.revision().await?;
        if let Some(held) = &mut *self.held()
            && held.revision == revision
        {
            held.read_at = now;
            return Ok(Arc::clone(&held.set));
        }
        let mut set = Set::default();
        for stored in store.live().await? {
            match Pipeline::parse(&stored.name, &stored.document, stored.version, known) {
                Ok(pipeline) => set.running.push(pipeline),
                Err(error) => {
                    tracing::error!(
                        pipeline = stored.name,
                        version = stored.version,
                        "the pipeline cannot run: {error}"
                    );
                    let source = Pipeline::source_of(&stored.document);
                    let (name, version) = (stored.name, stored.version);
                    set.broken.push(Broken { name, version, source, reason: error.to_string() });
                }
            }
        }
        tracing::info!(revision, running = set.running.len(), broken = set.broken.len(), "pipelines loaded");
        let set = Arc::new(set);
        *self.held() = Some(Held { revision, read_at: now, set: Arc::clone(&set) });
        Ok(set)
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
