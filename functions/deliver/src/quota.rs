//! How much of the vendor's quota an invocation may use.

use std::fmt;

use serde::Deserialize;
use shared::{
    destination::{Destination, Limit},
    gate::Window,
};

/// A person's own limit for a destination, all invocations together: `RATE_LIMIT`, written as
/// `{"requests":100,"seconds":10}`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// So many requests may begin …
    pub requests: f64,
    /// … in any so many seconds, up to a day.
    pub seconds: f64,
}

impl fmt::Display for RateLimit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} requests in {} seconds", self.requests, self.seconds)
    }
}

impl RateLimit {
    /// As a window of the gate; `None` where there is nothing to count.
    pub fn window(self) -> Option<Window> {
        Window::new(format!("own {}/{}", self.requests, self.seconds), self.requests, self.seconds, 1.0)
    }
}

/// What may be used.
#[derive(Clone, Debug, PartialEq)]
pub enum Quota {
    /// So much as a person has set, for all requests together, in place of what the connector's file says.
    Own(Window),
    /// This share of what the vendor allows, by the connector's file: above 0, at most 1.
    Share(f64),
}

/// The share without a setting. Others use the vendor's quota too: people, reports, other tools.
pub const SHARE: f64 = 0.9;

impl Default for Quota {
    fn default() -> Self {
        Self::Share(SHARE)
    }
}

impl Quota {
    /// The windows in which requests count, by the name under which they are counted, each with the connector's limit
    /// that it comes from.
    pub fn windows(&self, destination: &Destination, counted: &str) -> Vec<(Window, Option<&'static Limit>)> {
        let share = match self {
            Self::Own(window) => return vec![(window.clone(), None)],
            Self::Share(share) => *share,
        };
        let of = |limit: &'static Limit| {
            let (requests, seconds) = (f64::from(limit.requests), f64::from(limit.seconds));
            Some((Window::new(limit.name(), requests, seconds, share)?, Some(limit)))
        };
        destination.limits(counted).filter_map(of).collect()
    }
}
