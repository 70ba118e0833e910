//! The gate of a destination: when requests to it may begin, all concurrent invocations together.
//!
//! A [`Gate`] is a value that is read, changed by what is here, and written back on the condition that nobody else has
//! ([`crate::ports::Gates`]). It has a budget (how many requests are booked in each [`Window`]), a time until which the
//! vendor asked to wait, and a circuit. Requests are leased a few at a time, each with the moment at which it may begin,
//! so that one write serves several.
//!
//! ```
//! use shared::{gate::{Gate, Lease, Window}, time::Timestamp};
//!
//! let windows: Vec<Window> = Window::new("all", 2.0, 10.0, 1.0).into_iter().collect();
//! let (mut gate, now) = (Gate::default(), Timestamp::from_millis(0));
//! assert_eq!(gate.lease(now, &windows, 2), Lease::Begin(vec![now, now]));
//! assert!(matches!(gate.lease(now, &windows, 2), Lease::Full(free) if free.millis() >= 10_000));
//! ```

mod circuit;
mod window;

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

pub use self::{circuit::FAILURES, window::Window};
use self::{
    circuit::{Admission, Circuit},
    window::Booked,
};
use crate::time::Timestamp;

/// How far ahead requests are booked: whoever books waits, on paid time.
pub const AHEAD: Duration = Duration::from_secs(1);

/// A booking that is not used within so long after its time is given up. What is left of the window's guard is for the
/// way to the vendor.
pub const LATE: Duration = Duration::from_millis(30);

/// What all invocations of a destination share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// By the window's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    windows: BTreeMap<String, Booked>,
    /// The vendor asked to wait until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blocked: Option<Timestamp>,
    #[serde(default)]
    circuit: Circuit,
}

/// What a lease gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lease {
    /// A request may begin at each of these times, in their order; at least one, and perhaps fewer than were wanted.
    Begin(Vec<Timestamp>),
    /// The one request that finds out whether the destination answers again.
    Probe(Timestamp),
    /// No request may begin within [`AHEAD`]; the next one may then.
    Full(Timestamp),
    /// The destination did not answer lately. Nothing is sent until then.
    Open(Timestamp),
}

/// Whether a destination takes requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It does, as far as is known.
    Answers,
    /// It did not answer lately. One request finds out whether it does again, at this time at the earliest.
    Down(Timestamp),
    /// It asked to wait until then.
    AskedToWait(Timestamp),
}

/// How long a probe is waited for, beyond which another may begin.
const PATIENCE: Duration = Duration::from_mins(1);

impl Gate {
    /// Books up to `wanted` requests that count in each of these windows.
    pub fn lease(&mut self, now: Timestamp, windows: &[Window], wanted: u32) -> Lease {
        let is_probe = match self.circuit.admits(now) {
            Admission::None(until) => return Lease::Open(until),
            Admission::Probe => true,
            Admission::All => false,
        };
        let mut begins = Vec::new();
        for _ in 0..if is_probe { 1 } else { wanted.max(1) } {
            let at = self.earliest(now, windows);
            if at > now + AHEAD {
                break;
            }
            for window in windows {
                self.windows.entry(window.name().to_owned()).or_default().book(window, now, at);
            }
            begins.push(at);
        }
        match begins[..] {
            [] => Lease::Full(self.earliest(now, windows)),
            [at, ..] if is_probe => {
                self.circuit.begin_probe(at, PATIENCE);
                Lease::Probe(at)
            }
            _ => Lease::Begin(begins),
        }
    }

    /// Takes back a booking in these windows that was not used.
    pub fn give_back(&mut self, windows: &[Window], begins: Timestamp) {
        for window in windows {
            if let Some(booked) = self.windows.get_mut(window.name()) {
                booked.give_back(window, begins);
            }
        }
    }

    /// The vendor answered a request that began then and told how many more it takes in the window; and, where it says
    /// so, when its window begins anew.
    pub fn correct(&mut self, window: &Window, begun: Timestamp, remaining: u64, reset: Option<Timestamp>) {
        let booked = self.windows.entry(window.name().to_owned()).or_default();
        match reset {
            Some(reset) if remaining == 0 => booked.hold(reset),
            _ => booked.correct(window, begun, remaining),
        }
    }

    /// The vendor asked to wait: nothing begins before.
    pub fn block(&mut self, until: Timestamp) {
        self.blocked = self.blocked.max(Some(until));
    }

    /// The destination answered, whatever it said. Whether this closes the circuit.
    pub fn succeeded(&mut self) -> bool {
        self.circuit.succeeded()
    }

    /// The destination did not answer a request that began then, or only that it cannot. `draw`, from 0 to 1, spreads
    /// the next try. Until when the circuit is open, where it was closed before.
    pub fn failed(&mut self, begun: Timestamp, now: Timestamp, draw: f64) -> Option<Timestamp> {
        self.circuit.failed(begun, now, draw)
    }

    /// Whether requests without a limit may begin now, with nobody to be asked: the circuit is closed, and the vendor
    /// does not ask to wait.
    pub fn is_clear(&self, now: Timestamp) -> bool {
        self.circuit.admits(now) == Admission::All && self.blocked.is_none_or(|until| until <= now)
    }

    /// Whether the destination takes requests now.
    pub fn condition(&self, now: Timestamp) -> Condition {
        match (self.circuit.admits(now), self.blocked.filter(|until| *until > now)) {
            (Admission::None(until), _) => Condition::Down(until),
            (Admission::Probe, _) => Condition::Down(now),
            (Admission::All, Some(until)) => Condition::AskedToWait(until),
            (Admission::All, None) => Condition::Answers,
        }
    }

    /// When the next request may begin by all of these windows.
    fn earliest(&self, now: Timestamp, windows: &[Window]) -> Timestamp {
        let mut at = self.blocked.map_or(now, |until| until.max(now));
        loop {
            let of = |window: &Window| self.windows.get(window.name()).map_or(at, |booked| booked.earliest(window, at));
            let latest = windows.iter().map(of).max().unwrap_or(at);
            if latest == at {
                return at;
            }
            at = latest;
        }
    }
}

#[cfg(test)]
mod tests;
