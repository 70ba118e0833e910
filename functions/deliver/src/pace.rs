//! How often an instance may begin a request, where a person has set a limit for the destination.
//!
//! The instances know nothing of each other, so each takes an equal share of the limit. A bucket of tokens would let
//! twice the share through around a full bucket's last token; so the times of the last requests are remembered instead.

use std::{collections::VecDeque, fmt, time::Duration};

use serde::Deserialize;
use shared::time::Timestamp;

/// A destination's limit, all instances together: `RATE_LIMIT`, written as `{"requests":100,"seconds":10}`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// So many requests may begin …
    pub requests: f64,
    /// … in any so many seconds.
    pub seconds: f64,
}

impl fmt::Display for RateLimit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} requests in {} seconds", self.requests, self.seconds)
    }
}

/// An instance's share of a limit: whole requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    requests: usize,
    window: Duration,
}

/// The longest window: a longer one outlives every instance.
const LONGEST: f64 = 86_400.0;

/// More than this in a window is no limit that an instance could reach.
const MOST: f64 = 100_000.0;

impl RateLimit {
    /// The share of one of so many instances; `None` where there is nothing to share. A share of less than one request
    /// in the window is one request in a longer window; of one and a half it is one.
    pub fn share_of(self, instances: u32) -> Option<Rate> {
        let above_zero = self.requests > 0.0 && self.seconds > 0.0;
        if !above_zero || self.seconds > LONGEST {
            return None;
        }
        let share = self.requests / f64::from(instances.max(1));
        let window =
            Duration::from_secs_f64(if share < 1.0 { (self.seconds / share).min(LONGEST) } else { self.seconds });
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and MOST")]
        let requests = share.clamp(1.0, MOST).floor() as usize;
        // The clock has milliseconds: a window is never shorter than what was asked for.
        let window = Duration::from_millis(u64::try_from(window.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX));
        Some(Rate { requests, window })
    }
}

/// When an instance's requests began.
#[derive(Debug)]
pub struct Turns {
    rate: Rate,
    /// The last ones, oldest first: as many as the window may have.
    begun: VecDeque<Timestamp>,
}

impl Turns {
    /// Nothing has begun yet.
    pub const fn at(rate: Rate) -> Self {
        Self { rate, begun: VecDeque::new() }
    }

    /// Begins a request now, or answers when the next one may begin.
    pub fn take(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        if self.begun.len() >= self.rate.requests
            && let Some(oldest) = self.begun.front()
        {
            let free = *oldest + self.rate.window;
            if free > now {
                return Err(free);
            }
            self.begun.pop_front();
        }
        self.begun.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(requests: f64, seconds: f64, instances: u32) -> Option<(usize, u128)> {
        let rate = RateLimit { requests, seconds }.share_of(instances)?;
        Some((rate.requests, rate.window.as_millis()))
    }

    #[test]
    fn each_instance_has_its_share() {
        assert_eq!(rate(100.0, 10.0, 2), Some((50, 10_000)));
        assert_eq!(rate(3.0, 1.0, 2), Some((1, 1_000)));
        // Half a request a second is one in two seconds.
        assert_eq!(rate(1.0, 1.0, 2), Some((1, 2_000)));
        assert_eq!(rate(0.5, 1.0, 4), Some((1, 8_000)));
        for (requests, seconds) in [(0.0, 1.0), (1.0, 0.0), (-1.0, 1.0), (f64::NAN, 1.0), (1.0, 1e9)] {
            assert_eq!(rate(requests, seconds, 2), None, "{requests} in {seconds}");
        }
    }

    #[test]
    fn the_next_turn_is_when_the_oldest_request_leaves_the_window() {
        let mut turns = Turns::at(RateLimit { requests: 2.0, seconds: 10.0 }.share_of(1).unwrap());
        let at = Timestamp::from_millis;
        assert_eq!(turns.take(at(0)), Ok(()));
        assert_eq!(turns.take(at(4_000)), Ok(()));
        assert_eq!(turns.take(at(9_999)), Err(at(10_000)));
        assert_eq!(turns.take(at(10_000)), Ok(()));
        assert_eq!(turns.take(at(10_000)), Err(at(14_000)));
    }

    proptest! {
        #[test]
        fn no_window_has_more_than_its_share(
            requests in 1_u32..20, seconds in 1_u32..5, instances in 1_u32..8,
            steps in proptest::collection::vec(0_u64..400, 1..300),
        ) {
            let limit = RateLimit { requests: f64::from(requests), seconds: f64::from(seconds) };
            let mut turns = Turns::at(limit.share_of(instances).unwrap());
            let mut now = Timestamp::from_millis(1_000);
            let mut begun = Vec::new();
            for step in steps {
                now = now + Duration::from_millis(step);
                match turns.take(now) {
                    Ok(()) => begun.push(now),
                    // It is no later than it has to be.
                    Err(free) => prop_assert!(free > now && turns.take(free - Duration::from_millis(1)).is_err()),
                }
            }
            let window = Duration::from_secs(u64::from(seconds));
            for start in &begun {
                let within = begun.iter().filter(|other| **other >= *start && **other < *start + window).count();
                // All instances together, each at its busiest.
                let most = requests.max(instances);
                prop_assert!(u32::try_from(within).unwrap() * instances <= most, "{within} of {instances}: {begun:?}");
            }
        }
    }
}
