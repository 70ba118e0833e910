//! The time of the queues: tokio's clock, so that a test can stop it, set to the wall clock once at the start.

use std::time::Duration;

use shared::time::{Clock as _, SystemClock, Timestamp};
use tokio::time::Instant;

/// A clock that never runs backwards.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    started: Instant,
    started_since_epoch: Duration,
}

impl Clock {
    /// A clock that shows the wall clock's time now.
    pub(super) fn start() -> Self {
        Self { started: Instant::now(), started_since_epoch: SystemClock.now().since(Timestamp::default()) }
    }

    /// The time since the Unix epoch.
    pub(super) fn now(&self) -> Duration {
        self.started_since_epoch + self.started.elapsed()
    }

    /// When it will be, or was, `since_epoch`: for a timer.
    pub(super) fn instant(&self, since_epoch: Duration) -> Instant {
        self.started + since_epoch.saturating_sub(self.started_since_epoch)
    }
}
