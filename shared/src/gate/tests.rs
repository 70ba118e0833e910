//! Eight invocations over one gate, in simulated time.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use proptest::prelude::*;

use super::*;

/// What the vendor allows: requests, milliseconds.
type Limit = (u32, u32);

fn windows(limits: &[Limit], share: f64) -> Vec<Window> {
    let of = |(index, (requests, millis)): (usize, &Limit)| {
        Window::new(index.to_string(), f64::from(*requests), f64::from(*millis) / 1e3, share).unwrap()
    };
    limits.iter().enumerate().map(of).collect()
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// An invocation's way: it leases a few, begins them (late by a little), and asks again when the last has begun. What is
/// too late it gives back. `late` and `pause` are drawn in turn. Answers when requests began, and when the last was
/// served.
fn run(
    limits: &[Limit],
    share: f64,
    arrivals: &[(u64, u32)],
    blocks: &[u32],
    late: &[u64],
    pauses: &[u64],
) -> Vec<Timestamp> {
    let windows = windows(limits, share);
    let start = Timestamp::from_millis(1_700_000_000_123);
    let mut gate = Gate::default();
    // Each invocation has so many requests to make; they come at their arrival.
    let mut queue: BinaryHeap<Reverse<(Timestamp, usize)>> = BinaryHeap::new();
    let mut left: Vec<u32> = Vec::new();
    let mut at = start;
    for (index, (after, count)) in arrivals.iter().enumerate() {
        at = at + millis(*after);
        queue.push(Reverse((at, index)));
        left.push(*count);
    }
    let (mut late, mut pauses, mut blocks) = (late.iter().cycle(), pauses.iter().cycle(), blocks.iter().cycle());
    let mut begun = Vec::new();
    let mut steps = 0;
    while let Some(Reverse((now, index))) = queue.pop() {
        steps += 1;
        assert!(steps < 200_000, "it never ends");
        let wanted = left[index].min(*blocks.next().unwrap());
        // The value survives its writing and reading.
        gate = serde_json::from_str(&serde_json::to_string(&gate).unwrap()).unwrap();
        match gate.lease(now, &windows, wanted) {
            Lease::Begin(times) => {
                assert!(times.len() <= usize::try_from(wanted).unwrap() && times.is_sorted());
                assert!(times.iter().all(|time| (now..=now + AHEAD).contains(time)), "{times:?} of {now:?}");
                let mut last = now;
                for time in times {
                    let lateness = millis(*late.next().unwrap());
                    if lateness > LATE {
                        gate.give_back(&windows, time);
                    } else {
                        begun.push(time + lateness);
                        left[index] -= 1;
                    }
                    last = time + lateness;
                }
                if left[index] > 0 {
                    queue.push(Reverse((last + millis(*pauses.next().unwrap()), index)));
                }
            }
            Lease::Full(free) => {
                assert!(free > now + AHEAD);
                // As deliver does: whole seconds of visibility, up to a second early.
                let wait = Duration::from_secs(free.since(now).as_secs().max(1));
                queue.push(Reverse((now + wait + millis(*pauses.next().unwrap()), index)));
            }
            lease => unreachable!("{lease:?}"),
        }
    }
    assert!(left.iter().all(|left| *left == 0), "{left:?}");
    begun
}

/// The most requests in any stretch of so many milliseconds, whenever it begins.
fn most(begun: &[Timestamp], within: u32) -> usize {
    let mut begun = begun.to_vec();
    begun.sort_unstable();
    let count = |index: usize| {
        let end = begun[index] + millis(u64::from(within));
        begun[index..].iter().take_while(|time| **time < end).count()
    };
    (0..begun.len()).map(count).max().unwrap_or(0)
}

fn limit() -> impl Strategy<Value = Limit> {
    prop_oneof![(1_u32..30, 500_u32..2_000), (10_u32..200, 3_000_u32..20_000), (50_u32..300, 60_000_u32..90_000)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_window_has_more_than_its_limit_and_all_is_served(
        limits in proptest::collection::vec(limit(), 1..4),
        share in 0.1_f64..=1.0,
        arrivals in proptest::collection::vec((0_u64..3_000, 1_u32..40), 1..=8),
        blocks in proptest::collection::vec(1_u32..10, 1..8),
        late in proptest::collection::vec(0_u64..60, 1..20),
        pauses in proptest::collection::vec(0_u64..400, 1..20),
    ) {
        // Not all are too late, or nothing would ever be served.
        let late: Vec<u64> = late.into_iter().chain([0]).collect();
        let begun = run(&limits, share, &arrivals, &blocks, &late, &pauses);
        for (requests, within) in limits {
            let most = most(&begun, within);
            prop_assert!(most <= usize::try_from(requests).unwrap(), "{most} of {requests} in {within}");
        }
    }

    #[test]
    fn eight_that_always_have_more_get_nine_tenths_of_what_is_allowed(
        limit in prop_oneof![(5_u32..40, 1_000_u32..2_000), (20_u32..200, 5_000_u32..15_000)],
        share in 0.5_f64..=1.0,
        blocks in proptest::collection::vec(1_u32..9, 1..8),
        late in proptest::collection::vec(0_u64..20, 1..20),
        pauses in proptest::collection::vec(0_u64..100, 1..20),
    ) {
        // Ten windows' worth.
        let each = (limit.0 * 10).div_ceil(8);
        let begun = run(&[limit], share, &[(0, each); 8], &blocks, &late, &pauses);
        let (first, last) = (begun.iter().min().unwrap(), begun.iter().max().unwrap());
        let windows = last.since(*first).as_secs_f64() * 1e3 / f64::from(limit.1);
        let served = f64::from(u32::try_from(begun.len()).unwrap());
        let rate = served / windows / (f64::from(limit.0) * share);
        prop_assert!(rate >= 0.9, "{rate}: {served} in {windows} windows of {limit:?}");
    }
}

#[test]
fn a_vendor_that_asks_to_wait_blocks_everybody() {
    let (windows, now) = (windows(&[(10, 1_000)], 1.0), Timestamp::from_millis(1_000));
    let mut gate = Gate::default();
    gate.block(now + Duration::from_secs(7));
    gate.block(now + Duration::from_secs(5));
    assert_eq!(gate.lease(now, &windows, 3), Lease::Full(now + Duration::from_secs(7)));
    assert_eq!(gate.lease(now, &[], 3), Lease::Full(now + Duration::from_secs(7)));
    let later = now + Duration::from_millis(6_500);
    let Lease::Begin(times) = gate.lease(later, &windows, 3) else { unreachable!("within a second") };
    assert_eq!(times[0], now + Duration::from_secs(7));
    assert!(!gate.is_clear(later) && gate.is_clear(now + Duration::from_secs(7)));
}

#[test]
fn a_used_up_day_holds_until_it_frees() {
    let (windows, now) = (windows(&[(100, 1_000), (50, 86_400_000)], 1.0), Timestamp::from_millis(1_000));
    let mut gate = Gate::default();
    assert_eq!(gate.lease(now, &windows, 60), Lease::Begin(vec![now; 50]));
    let Lease::Full(free) = gate.lease(now, &windows, 1) else { unreachable!("it is used up") };
    // A day, and the slots that a day touches in part.
    let wait = free.since(now).as_secs_f64() / 86_400.0;
    assert!((1.0..1.03).contains(&wait), "{wait} days");
}

#[test]
fn a_window_that_begins_anew_is_waited_for() {
    let (windows, now) = (windows(&[(100, 60_000)], 1.0), Timestamp::from_millis(1_000));
    let mut gate = Gate::default();
    let reset = now + Duration::from_secs(20);
    gate.correct(&windows[0], now, 0, Some(reset));
    assert_eq!(gate.lease(now, &windows, 1), Lease::Full(reset));
    // Without a word of when, a whole window long.
    let mut gate = Gate::default();
    gate.correct(&windows[0], now, 0, None);
    assert!(matches!(gate.lease(now, &windows, 1), Lease::Full(free) if free >= now + Duration::from_mins(1)));
}

#[test]
fn of_an_open_circuit_one_probe_in_all_is_let_through() {
    let (windows, mut now) = (windows(&[(1_000, 1_000)], 1.0), Timestamp::from_millis(1_000));
    let mut gate = Gate::default();
    for _ in 0..FAILURES {
        gate.failed(now, now, 0.5);
    }
    let mut probes = 0;
    // For an hour eight invocations ask twice a second, and no probe succeeds.
    for _ in 0..7_200 {
        for _ in 0..8 {
            match gate.lease(now, &windows, 8) {
                Lease::Probe(begins) => {
                    probes += 1;
                    assert_eq!(gate.failed(begins, now + Duration::from_secs(1), 0.5), None);
                }
                lease => assert!(matches!(lease, Lease::Open(until) if until > now), "{lease:?}"),
            }
        }
        now = now + Duration::from_millis(500);
    }
    // Half of 5, 10, 20, 40, 80, 160 seconds, then of five minutes.
    assert!((25..=32).contains(&probes), "{probes}");
    assert!(gate.succeeded() && !gate.succeeded());
    assert!(matches!(gate.lease(now, &windows, 8), Lease::Begin(times) if times.len() == 8));
}

#[test]
fn its_condition_is_what_the_next_request_would_find() {
    let now = Timestamp::from_millis(1_000_000);
    let mut gate = Gate::default();
    assert_eq!(gate.condition(now), Condition::Answers);
    gate.block(now + Duration::from_secs(30));
    assert_eq!(gate.condition(now), Condition::AskedToWait(now + Duration::from_secs(30)));
    assert_eq!(gate.condition(now + Duration::from_secs(30)), Condition::Answers);
    for _ in 0..FAILURES {
        gate.failed(now, now, 1.0);
    }
    let again = now + Duration::from_secs(5);
    assert_eq!(gate.condition(now), Condition::Down(again));
    assert_eq!(gate.condition(again), Condition::Down(again), "until one has found out otherwise");
    gate.succeeded();
    assert_eq!(gate.condition(now + Duration::from_mins(1)), Condition::Answers);
}
