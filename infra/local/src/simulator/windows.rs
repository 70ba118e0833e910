//! How many requests a vendor takes in how much time.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use shared::destination::Connector;

/// So many requests in so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many requests.
    pub requests: usize,
    /// In how much time: any such span, wherever it begins.
    pub window: Duration,
}

/// What a connector's file says of the vendor's limits.
///
/// For whom a limit is (a plan, an action) stands in it as words for people. So of several limits for one span the
/// widest is taken: nobody is refused whom the vendor would let pass.
pub fn of(connector: &Connector) -> Vec<Rate> {
    let mut widest: BTreeMap<u64, u64> = BTreeMap::new();
    for limit in &connector.limits {
        let requests = widest.entry(limit.seconds).or_default();
        *requests = limit.requests.max(*requests);
    }
    widest
        .into_iter()
        .map(|(seconds, requests)| Rate {
            requests: usize::try_from(requests).unwrap_or(usize::MAX),
            window: Duration::from_secs(seconds),
        })
        .collect()
}

/// Counts requests against some limits.
#[derive(Debug)]
pub struct Windows(Vec<(Rate, VecDeque<Instant>)>);

impl Windows {
    /// Before any request.
    pub fn new(rates: Vec<Rate>) -> Self {
        Self(rates.into_iter().map(|rate| (rate, VecDeque::new())).collect())
    }

    /// Takes a request, or says how long nothing will be taken. One that is not taken does not count.
    pub fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        let mut wait = None;
        for (rate, taken) in &mut self.0 {
            while taken.front().is_some_and(|first| now.duration_since(*first) >= rate.window) {
                taken.pop_front();
            }
            if taken.len() >= rate.requests {
                let free =
                    taken.front().map_or(rate.window, |first| rate.window.saturating_sub(now.duration_since(*first)));
                wait = wait.max(Some(free));
            }
        }
        if let Some(wait) = wait {
            return Err(wait);
        }
        for (_, taken) in &mut self.0 {
            taken.push_back(now);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use shared::destination::connector;

    use super::*;

    #[test]
    fn no_span_has_more_than_its_limit_and_a_refusal_costs_nothing() {
        let second = Rate { requests: 2, window: Duration::from_secs(1) };
        let minute = Rate { requests: 3, window: Duration::from_mins(1) };
        let mut windows = Windows::new(vec![second, minute]);
        let start = Instant::now();
        let mut at =
            |millis: u64| windows.admit(start + Duration::from_millis(millis)).map_err(|wait| wait.as_millis());
        assert_eq!([at(0), at(600), at(900), at(1_000)], [Ok(()), Ok(()), Err(100), Ok(())]);
        assert_eq!([at(1_100), at(3_000)], [Err(58_900), Err(57_000)]);
        assert_eq!([at(60_000), at(60_100), at(60_600)], [Ok(()), Err(500), Ok(())]);
        assert_eq!(Windows::new(Vec::new()).admit(start), Ok(()));
    }

    #[test]
    fn of_several_limits_for_a_span_the_widest_is_taken() {
        // HubSpot, in requests for ten seconds: 100 and 190 for private apps, 110 for public ones; for a day 250,000,
        // 650,000 and 1,000,000.
        let rates = of(connector("hubspot").unwrap());
        let rate = |requests, seconds| Rate { requests, window: Duration::from_secs(seconds) };
        assert_eq!(rates, [rate(190, 10), rate(1_000_000, 86_400)]);
    }
}
