//! How many requests a vendor takes in how much time.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use shared::destination::{Connector, Limit};
use toml::Spanned;

use super::catalogue::Settings;

/// So many requests in so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many requests.
    pub requests: usize,
    /// In how much time: any such span, wherever it begins.
    pub window: Duration,
}

/// What a connector's file says of the limits of an account of this plan, each with the requests that it counts; none
/// where it counts all.
pub fn of(connector: &'static Connector, settings: &Settings) -> Vec<(Rate, Vec<String>)> {
    let names = |list: &[Spanned<String>]| list.iter().map(|name| name.get_ref().clone()).collect::<Vec<_>>();
    let plan = settings.get(Limit::PLAN);
    let limits = connector.limits.iter().filter(|limit| {
        let plans = names(&limit.plans);
        plans.is_empty() || plans.iter().any(|known| known == plan)
    });
    limits
        .map(|limit| {
            let requests = usize::try_from(limit.requests).unwrap_or(usize::MAX);
            let rate = Rate { requests, window: Duration::from_secs(limit.seconds.into()) };
            (rate, names(&limit.actions))
        })
        .collect()
}

/// Counts requests against some limits.
#[derive(Debug)]
pub struct Windows(Vec<Window>);

#[derive(Debug)]
struct Window {
    rate: Rate,
    /// The requests that it counts; none where it counts all.
    of: Vec<String>,
    taken: VecDeque<Instant>,
}

impl Windows {
    /// Before any request.
    pub fn new(rates: Vec<(Rate, Vec<String>)>) -> Self {
        Self(rates.into_iter().map(|(rate, of)| Window { rate, of, taken: VecDeque::new() }).collect())
    }

    /// Takes a request, by the name under which limits count it, or says how long none will be taken. One that is not
    /// taken does not count.
    pub fn admit(&mut self, counted: &str, now: Instant) -> Result<(), Duration> {
        let mut counting: Vec<_> = self
            .0
            .iter_mut()
            .filter(|window| window.of.is_empty() || window.of.iter().any(|of| of == counted))
            .collect();
        let mut wait = None;
        for Window { rate, taken, .. } in &mut counting {
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
        for window in counting {
            window.taken.push_back(now);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use shared::{destination::connector, value::Value};

    use super::*;

    fn rate(requests: usize, seconds: u64) -> Rate {
        Rate { requests, window: Duration::from_secs(seconds) }
    }

    #[test]
    fn no_span_has_more_than_its_limit_and_a_refusal_costs_nothing() {
        let mut windows = Windows::new(vec![(rate(2, 1), Vec::new()), (rate(3, 60), Vec::new())]);
        let start = Instant::now();
        let mut at =
            |millis: u64| windows.admit("send", start + Duration::from_millis(millis)).map_err(|wait| wait.as_millis());
        assert_eq!([at(0), at(600), at(900), at(1_000)], [Ok(()), Ok(()), Err(100), Ok(())]);
        assert_eq!([at(1_100), at(3_000)], [Err(58_900), Err(57_000)]);
        assert_eq!([at(60_000), at(60_100), at(60_600)], [Ok(()), Err(500), Ok(())]);
        assert_eq!(Windows::new(Vec::new()).admit("send", start), Ok(()));
    }

    #[test]
    fn a_limit_counts_its_own_requests() {
        let mut windows = Windows::new(vec![(rate(1, 1), vec!["event".to_owned()]), (rate(2, 1), Vec::new())]);
        let now = Instant::now();
        let second = Err(Duration::from_secs(1));
        assert_eq!(windows.admit("event", now), Ok(()));
        assert_eq!(windows.admit("event", now), second);
        assert_eq!(windows.admit("profile", now), Ok(()));
        assert_eq!(windows.admit("profile", now), second, "all together");
    }

    #[test]
    fn limits_are_those_of_the_accounts_plan() {
        // HubSpot's usage guidelines and changelog: private apps, in ten seconds and in a day.
        let hubspot = connector("hubspot").unwrap();
        for (plan, expected) in [
            ("starter", [rate(100, 10), rate(250_000, 86_400)]),
            ("enterprise", [rate(190, 10), rate(1_000_000, 86_400)]),
        ] {
            let given = [("plan".to_owned(), Value::from(plan))].into_iter().collect();
            let rates: Vec<_> = of(hubspot, &Settings::of(hubspot, &given)).into_iter().map(|(rate, _)| rate).collect();
            assert_eq!(rates, expected, "{plan}");
        }
    }
}
