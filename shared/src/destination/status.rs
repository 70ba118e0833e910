//! What a status code asks for.

use std::time::{Duration, UNIX_EPOCH};

use super::descriptor::{Limit, Reset, ResetAs, Statuses};
use crate::{ports::HttpResponse, time::Timestamp};

/// The longest wait that is believed: an SQS message can stay hidden for twelve hours ("Amazon SQS visibility timeout").
pub const LONGEST_WAIT: Duration = Duration::from_hours(12);

/// What a status code asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Read the body.
    Success,
    /// Try again.
    Retry,
    /// Try again then.
    Throttled(Timestamp),
    /// Pause.
    Unauthorised,
    /// Never.
    Rejected,
}

/// Reads a whole answer's status, and its Retry-After.
pub(super) fn classify(statuses: &Statuses, limits: &[Limit], response: &HttpResponse, now: Timestamp) -> Class {
    match of_status(statuses, response.status) {
        Class::Retry => later(limits, response, now),
        class => class,
    }
}

/// When to try again: at the time that the answer tells, or whenever the sender will.
pub(super) fn later(limits: &[Limit], response: &HttpResponse, now: Timestamp) -> Class {
    let retry_after = response.header("retry-after").and_then(|text| retry_after(text, now));
    // Any answer may tell of its windows; that one waits for them is a matter of 429.
    let windows =
        limits.iter().filter(|limit| response.status == 429 && limit.left(response).is_none_or(|left| left == 0));
    match retry_after.or_else(|| windows.filter_map(|limit| limit.begins_anew(response, now)).max()) {
        Some(until) if until > now => Class::Throttled(until),
        _ => Class::Retry,
    }
}

/// Reads a status alone.
pub(super) fn of_status(statuses: &Statuses, status: u16) -> Class {
    let listed = |list: &[toml::Spanned<u16>]| list.iter().any(|listed| *listed.get_ref() == status);
    match status {
        200..=299 => Class::Success,
        401 => Class::Unauthorised,
        408 | 425 | 429 => Class::Retry,
        400..=499 if listed(&statuses.unauthorised) => Class::Unauthorised,
        400..=499 if listed(&statuses.retry) => Class::Retry,
        400..=499 => Class::Rejected,
        // A redirect, which is not followed, says nothing about the data; nor does a failing server.
        _ => Class::Retry,
    }
}

/// `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3); at most [`LONGEST_WAIT`] from now.
fn retry_after(text: &str, now: Timestamp) -> Option<Timestamp> {
    let text = text.trim();
    let until = if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        // More digits than fit are a long wait, not none.
        now + Duration::from_secs(text.parse().unwrap_or(u64::MAX)).min(LONGEST_WAIT)
    } else {
        let date = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
        Timestamp::from_millis(0) + date
    };
    Some(until.min(now + LONGEST_WAIT))
}

impl Limit {
    /// How many requests an answer says are left in the window.
    pub fn left(&self, response: &HttpResponse) -> Option<u64> {
        response.header(self.remaining.as_deref()?)?.trim().parse().ok()
    }

    /// When an answer says that the window begins anew; at most [`LONGEST_WAIT`] from now.
    pub fn begins_anew(&self, response: &HttpResponse, now: Timestamp) -> Option<Timestamp> {
        reset_at(self.reset.as_ref()?, response, now)
    }
}

/// When the window begins anew; at most [`LONGEST_WAIT`] from now.
fn reset_at(reset: &Reset, response: &HttpResponse, now: Timestamp) -> Option<Timestamp> {
    let seconds = Duration::from_secs(response.header(&reset.header)?.trim().parse().ok()?);
    let from_now = match reset.written {
        ResetAs::Seconds => seconds,
        ResetAs::EpochSeconds => seconds.saturating_sub(now.since(Timestamp::from_millis(0))),
    };
    Some(now + from_now.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(784_111_777_000);

    /// Limits, as TOML.
    fn limits(text: &str) -> Vec<Limit> {
        let mut limits: BTreeMap<String, Vec<Limit>> = toml::from_str(text).unwrap();
        limits.remove("limits").unwrap_or_default()
    }

    /// Reads an answer as usual, but for these limits.
    fn read(limits: &[Limit], response: &HttpResponse) -> Class {
        classify(&Statuses::default(), limits, response, NOW)
    }

    fn limit(more: &str) -> String {
        format!("[[limits]]\nrequests = 1\nseconds = 1\nscope = \"an account\"\nsource = \"a\"\n{more}\n")
    }

    #[test]
    fn a_wait_is_seconds_or_a_date_and_bounded() {
        // RFC 9110, section 5.6.7: this date is 784111777 seconds since 1970.
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", NOW - Duration::from_mins(1)), Some(NOW));
        assert_eq!(retry_after("120", NOW), Some(NOW + Duration::from_mins(2)));
        assert_eq!(retry_after("86400", NOW), Some(NOW + LONGEST_WAIT));
        assert_eq!(retry_after("99999999999999999999999", NOW), Some(NOW + LONGEST_WAIT));
        assert_eq!(retry_after("Sat, 06 Nov 2094 08:49:37 GMT", NOW), Some(NOW + LONGEST_WAIT));
        for text in ["", "soon", "-1", "1.5"] {
            assert_eq!(retry_after(text, NOW), None, "{text:?}");
        }
    }

    #[test]
    fn a_wait_that_is_over_is_no_wait() {
        let response = |value: &str| HttpResponse {
            status: 503,
            headers: vec![("retry-after".into(), value.into())],
            body: Vec::new(),
        };
        assert_eq!(read(&[], &response("0")), Class::Retry);
        assert_eq!(read(&[], &response("Sun, 06 Nov 1994 08:49:36 GMT")), Class::Retry);
        assert_eq!(read(&[], &response("1")), Class::Throttled(NOW + Duration::from_secs(1)));
    }

    #[test]
    fn a_window_begins_anew_when_the_vendor_says() {
        let reset =
            |header: &str, written: &str| format!("reset = {{ header = \"{header}\", written = \"{written}\" }}");
        let vendor = |written: &str| limits(&limit(&reset("x-reset", written)));
        let answer = |status, headers: &[(&str, &str)]| HttpResponse {
            status,
            headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            body: Vec::new(),
        };
        let after = |seconds| Class::Throttled(NOW + Duration::from_secs(seconds));
        for (written, value, class) in [
            ("epoch_seconds", "784111780", after(3)),
            ("epoch_seconds", "784111777", Class::Retry),
            ("epoch_seconds", "1", Class::Retry),
            ("epoch_seconds", "99999999999", Class::Throttled(NOW + LONGEST_WAIT)),
            ("epoch_seconds", "soon", Class::Retry),
            ("seconds", "3", after(3)),
            ("seconds", "0", Class::Retry),
        ] {
            let response = answer(429, &[("x-reset", value)]);
            assert_eq!(read(&vendor(written), &response), class, "{written} {value}");
        }
        let one = vendor("seconds");
        assert_eq!(read(&one, &answer(429, &[("x-reset", "3"), ("retry-after", "9")])), after(9));
        assert_eq!(read(&one, &answer(503, &[("x-reset", "3")])), Class::Retry);
        assert_eq!(read(&one, &answer(200, &[("x-reset", "3")])), Class::Success);
        // Of two windows that counts of which nothing is left; where it cannot be told, the later one.
        let window = |name: &str| limit(&format!("remaining = \"{name}-left\"\n{}", reset(name, "seconds")));
        let two = limits(&(window("second") + &window("day")));
        let resets = [("second", "1"), ("day", "3600")];
        let left = |second, day| [resets[0], resets[1], ("second-left", second), ("day-left", day)];
        assert_eq!(read(&two, &answer(429, &left("0", "17"))), after(1));
        assert_eq!(read(&two, &answer(429, &left("9", "0"))), after(3_600));
        assert_eq!(read(&two, &answer(429, &resets)), after(3_600));
    }

    #[test]
    fn every_status_has_a_reading() {
        let statuses: Statuses = toml::from_str("unauthorised = [403]\nretry = [423, 429]").unwrap();
        for (status, class) in [
            (100, Class::Retry),
            (200, Class::Success),
            (204, Class::Success),
            (207, Class::Success),
            (302, Class::Retry),
            (400, Class::Rejected),
            (401, Class::Unauthorised),
            (403, Class::Unauthorised),
            (404, Class::Rejected),
            (408, Class::Retry),
            (423, Class::Retry),
            (425, Class::Retry),
            (429, Class::Retry),
            (500, Class::Retry),
            (503, Class::Retry),
            (599, Class::Retry),
        ] {
            assert_eq!(of_status(&statuses, status), class, "{status}");
        }
    }
}
