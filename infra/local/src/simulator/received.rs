//! What a vendor received, in order.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use shared::time::{Clock, SystemClock};

/// One record that was taken, or one request that was not.
#[derive(Clone, Debug)]
pub struct Received {
    /// The request that brought it, from 1. Several records of one request have the same.
    pub request: u64,
    /// When, on a clock that never goes back.
    pub at: Instant,
    /// When, in milliseconds since 1970.
    pub at_millis: i64,
    /// What.
    pub what: What,
}

/// What was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A row was created or updated.
    Upsert {
        /// The value by which it was matched, as it was sent.
        key: String,
        /// The vendor's own id of it.
        id: String,
        /// The properties sent.
        properties: BTreeMap<String, String>,
        /// It is new.
        created: bool,
    },
    /// A row was archived.
    Archive {
        /// The vendor's own id, as it was sent.
        id: String,
        /// The value by which the row was matched last; `None` where no row of that id was there any more.
        key: Option<String>,
    },
    /// An event was taken.
    Event {
        /// Its id.
        id: String,
        /// Its type.
        r#type: String,
        /// Its timestamp, as it was sent.
        timestamp: String,
        /// Its data: JSON, as it was sent.
        data: String,
    },
    /// One record of a request was refused, the others not.
    RecordRefused {
        /// The value by which it would have been matched.
        key: String,
        /// The properties sent.
        properties: BTreeMap<String, String>,
        /// The vendor's words.
        reason: String,
        /// It passes: the same record may be taken the next time.
        passing: bool,
    },
    /// A whole request was refused.
    Refused {
        /// The status that it got.
        status: u16,
        /// The vendor's words.
        reason: String,
    },
    /// A fault struck the whole request: its name.
    Fault(&'static str),
}

impl What {
    /// One word for it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Upsert { .. } => "upsert",
            Self::Archive { .. } => "archive",
            Self::Event { .. } => "event",
            Self::RecordRefused { .. } => "record refused",
            Self::Refused { .. } => "refused",
            Self::Fault(_) => "fault",
        }
    }
}

/// The list of what was received. It only grows.
#[derive(Debug, Default)]
pub struct Log {
    entries: Mutex<Vec<Received>>,
    requests: AtomicU64,
}

impl Log {
    /// Begins a request and numbers it.
    pub fn request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Writes down what a request brought, all of it together.
    pub fn add(&self, request: u64, what: impl IntoIterator<Item = What>) {
        let (at, at_millis) = (Instant::now(), SystemClock.now().millis());
        self.entries().extend(what.into_iter().map(|what| Received { request, at, at_millis, what }));
    }

    /// A copy of the entries from `index` on.
    pub fn since(&self, index: usize) -> Vec<Received> {
        self.entries().get(index..).unwrap_or_default().to_vec()
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Received>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
