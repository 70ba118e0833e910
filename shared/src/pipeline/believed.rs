//! What a function makes of the table of pipelines, kept in step with it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    ports::{Pipelines, PortError, StoredPipeline},
    time::Timestamp,
};

/// How long a revision is believed before it is read again. Changes take effect later by
/// [`NOTICE`](super::timeline::NOTICE), so that everybody knows of them by then.
const BELIEVED: Duration = Duration::from_secs(2);

#[derive(Debug)]
struct Held<T> {
    revision: u64,
    read_at: Timestamp,
    made: Arc<T>,
}

/// What was made of the newest revision that was read.
#[derive(Debug)]
pub struct Believed<T>(Mutex<Option<Held<T>>>);

impl<T> Default for Believed<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Believed<T> {
    /// What `make` makes of the pipelines as they stand: the revision is one small read, at most once in two seconds; the
    /// pipelines are read when it has changed.
    pub async fn current<P: Pipelines>(
        &self,
        store: &P,
        now: Timestamp,
        make: impl AsyncFnOnce(Vec<StoredPipeline>) -> Result<T, PortError>,
    ) -> Result<Arc<T>, PortError> {
        if let Some(held) = &*self.held()
            && now.since(held.read_at) < BELIEVED
        {
            return Ok(Arc::clone(&held.made));
        }
        let revision = store.revision().await?;
        if let Some(held) = &mut *self.held()
            && held.revision == revision
        {
            held.read_at = now;
            return Ok(Arc::clone(&held.made));
        }
        let held = Held { revision, read_at: now, made: Arc::new(make(store.stored().await?).await?) };
        Ok(Arc::clone(&self.held().insert(held).made))
    }

    /// Reads again the next time: this instance has changed something itself.
    pub fn forget(&self) {
        *self.held() = None;
    }

    fn held(&self) -> MutexGuard<'_, Option<Held<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
