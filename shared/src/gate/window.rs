//! How many requests a destination takes in how much time, and how many are booked.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A window's length is counted in so many slots, as far as a millisecond holds one.
const SLOTS: i64 = 100;

/// So much later than booked a request may reach the vendor, against others: it begins late, it travels longer, the
/// clocks of two instances differ.
const GUARD: Duration = Duration::from_millis(50);

/// The longest window: a day.
const LONGEST_SECONDS: f64 = 86_400.0;

/// More than this in a window is no limit that could be reached.
const MOST: f64 = 1e9;

/// At most so many requests in any stretch of time of this length, whenever the vendor's own window begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    name: String,
    /// What the vendor allows, for everybody who uses its quota.
    quota: u32,
    /// What may be booked.
    allowed: u32,
    millis: i64,
}

impl Window {
    /// A share (above 0, at most 1) of what the vendor allows: so many requests in so many seconds. `None` where there
    /// is nothing to count: not a positive number of requests or seconds, a share of none, or more than a day.
    ///
    /// A share of a few requests is no whole number: of three, nine tenths are 2.7. So the window holds all three and is
    /// longer, which is the same rate and never more than the vendor allows.
    pub fn new(name: impl Into<String>, requests: f64, seconds: f64, share: f64) -> Option<Self> {
        let share_is_good = share > 0.0 && share <= 1.0;
        let is_good = requests > 0.0 && seconds > 0.0 && seconds <= LONGEST_SECONDS && share_is_good;
        if !is_good {
            return None;
        }
        let whole = requests.clamp(1.0, MOST).floor();
        let ours = requests.min(MOST) * share;
        // What binary fractions add to a product is no request.
        let allowed = (ours - 1e-6).ceil().clamp(1.0, whole);
        let seconds = seconds * (allowed / ours).max(1.0);
        let millis = (seconds.min(LONGEST_SECONDS * 1e3) * 1e3).ceil();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "all were bounded above")]
        Some(Self { name: name.into(), quota: whole as u32, allowed: allowed as u32, millis: (millis as i64).max(1) })
    }

    /// By which it is found in the gate: of two windows with one name only one counts.
    pub fn name(&self) -> &str {
        &self.name
    }

    const fn slot_millis(&self) -> i64 {
        let millis = (self.millis + SLOTS - 1) / SLOTS;
        if millis < 1 { 1 } else { millis }
    }

    const fn slot_of(&self, at: Timestamp) -> i64 {
        at.millis().div_euclid(self.slot_millis())
    }

    /// How many slots in a row a window of the vendor's can touch, guard included.
    const fn span(&self) -> i64 {
        #[expect(clippy::cast_possible_truncation, reason = "a fraction of a second")]
        let length = self.millis + GUARD.as_millis() as i64;
        (length + self.slot_millis() - 1) / self.slot_millis() + 1
    }

    /// Between two requests where all are spread evenly, in microseconds: over nine tenths of the window, so that turns
    /// that were given up are made up for.
    fn interval(&self) -> i64 {
        self.span() * self.slot_millis() * 900 / i64::from(self.allowed)
    }
}

/// What is booked of a window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Booked {
    /// The slot of the first count.
    first: i64,
    counts: Vec<u32>,
    /// Spread evenly, the next one that has to wait is at this time, in microseconds since 1970.
    next: i64,
}

impl Booked {
    /// The first time from `at` on at which the window takes one more.
    pub fn earliest(&self, window: &Window, at: Timestamp) -> Timestamp {
        self.room(window, at.max(Timestamp::from_millis(self.next.saturating_add(999).div_euclid(1_000)))).0
    }

    /// Books a request at a time that [`Booked::earliest`] has told when asked at `now`, or a later one.
    pub fn book(&mut self, window: &Window, now: Timestamp, at: Timestamp) {
        let waited = self.next > now.millis() * 1_000 || self.room(window, now).1;
        self.forget(window, window.slot_of(at));
        self.add(window.slot_of(at), 1);
        // What arrives while there is room goes at once, all of it. What has to wait is spread evenly: else everybody
        // would wait for the same moment, use it up and wait again.
        if waited {
            self.next = self.next.max(at.millis() * 1_000 - 999) + window.interval();
        }
    }

    /// The first time from `at` on with room for one more, and whether the limit puts it off. Bookings only go forward.
    fn room(&self, window: &Window, at: Timestamp) -> (Timestamp, bool) {
        let (span, first) = (window.span(), window.slot_of(at).max(self.newest()));
        let (mut slot, mut within) = (first, self.sum(first - span + 1, first));
        while within >= u64::from(window.allowed) {
            // Behind the newest there is nothing, so the count only shrinks.
            within = within.saturating_sub(u64::from(self.count(slot - span + 1)));
            slot += 1;
        }
        (at.max(Timestamp::from_millis(slot * window.slot_millis())), slot > first)
    }

    /// Takes back a booking that was not used.
    pub fn give_back(&mut self, window: &Window, at: Timestamp) {
        let index = usize::try_from(window.slot_of(at) - self.first);
        if let Some(count) = index.ok().and_then(|index| self.counts.get_mut(index)) {
            *count = count.saturating_sub(1);
        }
    }

    /// The vendor said to a request that began then how many are left of its quota. What somebody else has used is taken
    /// away; nothing that the vendor says gives more.
    pub fn correct(&mut self, window: &Window, begun: Timestamp, remaining: u64) {
        let (slot, span) = (window.slot_of(begun), window.span());
        if self.newest().saturating_sub(span) >= slot {
            // So old an answer tells of a window that is over.
            return;
        }
        let ours = self.sum(slot - span + 1, self.newest().max(slot));
        let left = u64::from(window.allowed).saturating_sub(ours);
        let gone = left.saturating_sub(remaining);
        self.add(slot, u32::try_from(gone).unwrap_or(u32::MAX));
    }

    /// Nothing begins before.
    pub fn hold(&mut self, until: Timestamp) {
        self.next = self.next.max(until.millis() * 1_000);
    }

    /// The slot of the last count.
    fn newest(&self) -> i64 {
        if self.counts.is_empty() {
            return i64::MIN;
        }
        self.first + i64::try_from(self.counts.len()).unwrap_or(i64::MAX) - 1
    }

    fn sum(&self, from: i64, to: i64) -> u64 {
        (from..=to).map(|slot| u64::from(self.count(slot))).sum()
    }

    fn count(&self, slot: i64) -> u32 {
        usize::try_from(slot - self.first).ok().and_then(|index| self.counts.get(index)).copied().unwrap_or(0)
    }

    fn add(&mut self, slot: i64, more: u32) {
        if more == 0 {
            return;
        }
        if self.counts.is_empty() {
            self.first = slot;
        }
        if slot < self.first {
            let before = usize::try_from(self.first - slot).unwrap_or(0);
            self.counts.splice(0..0, std::iter::repeat_n(0, before));
            self.first = slot;
        }
        let index = usize::try_from(slot - self.first).unwrap_or(0);
        if index >= self.counts.len() {
            self.counts.resize(index + 1, 0);
        }
        self.counts[index] = self.counts[index].saturating_add(more);
    }

    /// Drops what no window that has this slot can touch.
    fn forget(&mut self, window: &Window, slot: i64) {
        let old = usize::try_from(slot - window.span() + 1 - self.first).unwrap_or(0).min(self.counts.len());
        let empty = self.counts[old..].iter().take_while(|count| **count == 0).count();
        self.counts.drain(..old + empty);
        self.first += i64::try_from(old + empty).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(requests: f64, seconds: f64, share: f64) -> Option<(u32, i64)> {
        Window::new("w", requests, seconds, share).map(|window| (window.allowed, window.millis))
    }

    #[test]
    fn a_share_is_whole_requests_at_the_same_rate() {
        assert_eq!(of(100.0, 10.0, 0.9), Some((90, 10_000)));
        assert_eq!(of(190.0, 10.0, 0.9), Some((171, 10_000)));
        assert_eq!(of(20.0, 1.0, 1.0), Some((20, 1_000)));
        // 2.7 a second are three in 1.112 seconds, and 0.9 a second one in 1.112.
        assert_eq!(of(3.0, 1.0, 0.9), Some((3, 1_112)));
        assert_eq!(of(1.0, 1.0, 0.9), Some((1, 1_112)));
        // One and a half a second: never two within one.
        assert_eq!(of(1.5, 1.0, 1.0), Some((1, 1_000)));
        assert_eq!(of(0.5, 1.0, 1.0), Some((1, 2_000)));
        for (requests, seconds, share) in
            [(0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (-1.0, 1.0, 1.0), (f64::NAN, 1.0, 1.0), (1.0, 1e9, 1.0), (1.0, 1.0, 0.0)]
        {
            assert_eq!(of(requests, seconds, share), None, "{requests} in {seconds}, {share}");
        }
    }

    #[test]
    fn a_burst_goes_at_once_and_what_waits_is_spread() {
        let window = Window::new("w", 10.0, 1.0, 1.0).unwrap();
        let mut booked = Booked::default();
        let now = Timestamp::from_millis(5_000);
        let mut times = Vec::new();
        for _ in 0..30 {
            let at = booked.earliest(&window, now);
            booked.book(&window, now, at);
            times.push(at.millis() - 5_000);
        }
        assert_eq!(times[..10], [0; 10]);
        // A second, the guard, and the slots that a window touches in part: 1.06 seconds. Over nine tenths of it ten are
        // spread, and what is left of it follows.
        assert_eq!(times[10..14], [1_060, 1_155, 1_250, 1_346]);
        assert!(times[10..20].windows(2).all(|pair| (95..=96).contains(&(pair[1] - pair[0]))), "{times:?}");
        assert_eq!(times[20], 2_120);
    }

    #[test]
    fn what_others_have_used_is_taken_away_and_never_given() {
        let window = Window::new("w", 10.0, 10.0, 1.0).unwrap();
        let at = Timestamp::from_millis(50_000);
        let left = |booked: &Booked| 10 - booked.sum(0, 10_000);
        let mut booked = Booked::default();
        booked.book(&window, at, at);
        booked.correct(&window, at, 9);
        assert_eq!(left(&booked), 9, "as we think");
        booked.correct(&window, at, 4);
        assert_eq!(left(&booked), 4, "somebody else has had five");
        booked.correct(&window, at, 8);
        assert_eq!(left(&booked), 4, "nothing is given");
        booked.correct(&window, at - Duration::from_mins(1), 0);
        assert_eq!(left(&booked), 4, "an old answer");
        // A tenth is not to be used: of ten left at the vendor all nine of ours are.
        let window = Window::new("w", 10.0, 10.0, 0.9).unwrap();
        let mut booked = Booked::default();
        booked.book(&window, at, at);
        booked.correct(&window, at, 8);
        assert_eq!(booked.sum(0, 10_000), 1);
    }

    #[test]
    fn what_is_given_back_is_free_again() {
        let window = Window::new("w", 1.0, 10.0, 1.0).unwrap();
        let at = Timestamp::from_millis(50_000);
        let mut booked = Booked::default();
        booked.book(&window, at, at);
        assert!(booked.earliest(&window, at) > at + Duration::from_secs(10));
        booked.give_back(&window, at);
        booked.give_back(&window, at);
        assert_eq!(booked.earliest(&window, at), at);
    }
}
