//! What a vendor received, in order.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use shared::{
    delivery::Step,
    time::{Clock, SystemClock},
    value::Object,
};

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
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A row was created or updated.
    Upsert {
        /// The value by which it was matched, as it was sent.
        key: String,
        /// The vendor's own id of it.
        id: String,
        /// The fields sent.
        fields: Object,
        /// It is new.
        created: bool,
    },
    /// A row was archived, deleted or erased, or gets no more messages.
    Remove {
        /// Which of these.
        step: Step,
        /// The vendor's own id, or the match value, as it was sent.
        id: String,
        /// The value by which the row was matched last; `None` where no such row was there any more.
        key: Option<String>,
    },
    /// An event was taken.
    Event {
        /// Its id, where the vendor is told one.
        id: Option<String>,
        /// Its type, where it has one beside its fields.
        r#type: Option<String>,
        /// Its timestamp, as it was sent.
        timestamp: Option<String>,
        /// Its fields.
        fields: Object,
    },
    /// One record of a request was refused, the others not.
    RecordRefused {
        /// The value by which it would have been matched; `None` for an event.
        key: Option<String>,
        /// Its id, where the vendor is told one.
        id: Option<String>,
        /// The fields sent.
        fields: Object,
        /// The vendor's words.
        reason: String,
        /// It passes: the same record may be taken the next time.
        passing: bool,
    },
    /// A whole request was refused.
    Refused {
        /// The status that it got.
        status: u16,
        /// What was wrong with it.
        reason: String,
    },
    /// A request was one too many for the vendor's limits.
    Throttled {
        /// How long nothing more would have been taken.
        wait: Duration,
    },
    /// A fault struck the whole request: its name.
    Fault(&'static str),
}

impl What {
    /// One word for it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Upsert { .. } => "upsert",
            Self::Remove { step, .. } => step.as_str(),
            Self::Event { .. } => "event",
            Self::RecordRefused { .. } => "record refused",
            Self::Refused { .. } => "refused",
            Self::Throttled { .. } => "throttled",
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

    /// How many requests there were.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
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
