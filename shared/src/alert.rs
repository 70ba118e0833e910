//! Alerts: of what people want to be told, and what they have been told of.
//!
//! An alert is a limit of something that can be measured of a pipeline. People get one message when a pipeline passes the
//! limit, and one when it is within it again.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{tally::Counted, time::Timestamp};

/// So many minutes are looked back on for what has failed.
pub const MINUTES: u32 = 60;

/// So many minutes are looked back on for what waits. No limit of time can be longer.
pub const LONGEST_MINUTES: u32 = 180;

/// Delays are the averages of so many minutes.
const RECENT: i64 = 5;

/// A limit, and the pipelines that people were told have passed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Its own, and never given again.
    pub id: String,
    /// The pipeline that it is for; all of them, those of the future among them, without.
    pub pipeline: Option<String>,
    /// The limit.
    pub limit: Limit,
    /// Who made it.
    pub by: String,
    /// The console's address, which messages name: `https://console.example`.
    pub console: String,
    /// The pipelines that are beyond the limit, as people were told, and since when.
    pub raised: BTreeMap<String, Timestamp>,
}

/// How much is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// More changes than this failed within [`MINUTES`].
    Failed(u64),
    /// Of the changes that came to an end within [`MINUTES`], more than these per cent failed.
    Share(u8),
    /// It takes more minutes than this until a change is delivered: at most [`LONGEST_MINUTES`].
    Minutes(u32),
}

impl fmt::Display for Limit {
    /// What has to happen, as people say it: `more than 10 changes fail within an hour`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(0) => write!(out, "a change fails"),
            Self::Failed(1) => write!(out, "more than 1 change fails within an hour"),
            Self::Failed(most) => write!(out, "more than {most} changes fail within an hour"),
            Self::Share(most) => write!(out, "more than {most} % of an hour's changes fail"),
            Self::Minutes(1) => write!(out, "a change takes longer than 1 minute"),
            Self::Minutes(most) => write!(out, "a change takes longer than {most} minutes"),
        }
    }
}

/// What was measured of a pipeline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Changes that failed within [`MINUTES`].
    pub failed: u64,
    /// Changes that came to an end without failing within [`MINUTES`].
    pub fine: u64,
    /// From a change to its delivery, on average of what was delivered just now.
    pub delay: Option<Duration>,
    /// The first minute of changes after which none came to an end.
    pub unanswered_since: Option<Timestamp>,
}

impl Measured {
    /// Each pipeline's, out of what was counted within the last [`LONGEST_MINUTES`].
    pub fn of(counted: &[Counted], now: Timestamp) -> BTreeMap<String, Self> {
        #[derive(Default)]
        struct Seen {
            measured: Measured,
            ages: u64,
            delivered: u64,
            matched: Vec<i64>,
            last_end: Option<i64>,
        }
        let mut all: BTreeMap<String, Seen> = BTreeMap::new();
        // Subjects of capture are sources.
        for Counted { minute, counts, .. } in counted.iter().filter(|counted| counted.stage != "capture") {
            let ago = now.minutes() - minute;
            for (subject, counter, count) in counts {
                let seen = all.entry(subject.clone()).or_default();
                let is_recent = ago < RECENT;
                match counter.as_str() {
                    "matched" => seen.matched.push(*minute),
                    "age_ms" if is_recent => seen.ages += count,
                    "delivered" | "unchanged" | "superseded" | "kept" | "failed" => {
                        seen.last_end = seen.last_end.max(Some(*minute));
                        seen.delivered += if counter == "delivered" && is_recent { *count } else { 0 };
                        if ago < i64::from(MINUTES) {
                            let measured = &mut seen.measured;
                            *(if counter == "failed" { &mut measured.failed } else { &mut measured.fine }) += count;
                        }
                    }
                    _ => {}
                }
            }
        }
        let finish = |mut seen: Seen| {
            let unanswered = seen.matched.iter().filter(|minute| Some(**minute) > seen.last_end).min();
            seen.measured.unanswered_since = unanswered.map(|minute| Timestamp::from_millis(minute * 60_000));
            seen.measured.delay = seen.ages.checked_div(seen.delivered).map(Duration::from_millis);
            seen.measured
        };
        all.into_iter().map(|(name, seen)| (name, finish(seen))).collect()
    }

    /// Whether it is beyond a limit; `waits` is whether anything waits for the pipeline's destination.
    pub fn is_beyond(&self, limit: Limit, waits: bool, now: Timestamp) -> bool {
        match limit {
            Limit::Failed(most) => self.failed > most,
            Limit::Share(most) => self.failed * 100 > u64::from(most) * (self.failed + self.fine),
            Limit::Minutes(most) => {
                let most = Duration::from_secs(u64::from(most) * 60);
                let waited = self.unanswered_since.filter(|_| waits).map(|since| now.since(since));
                waited.max(self.delay) > Some(most)
            }
        }
    }

    /// What a limit is about, as people say it: `12 changes failed within the last hour`.
    pub fn told(&self, limit: Limit, waits: bool) -> String {
        let Self { failed, fine, delay, unanswered_since } = *self;
        let changes = |count: u64| if count == 1 { "1 change".to_owned() } else { format!("{count} changes") };
        match (limit, unanswered_since.filter(|_| waits)) {
            (Limit::Failed(_) | Limit::Share(_), _) => {
                format!("{} of {} failed within the last hour", failed, changes(failed + fine))
            }
            (Limit::Minutes(_), Some(since)) => {
                format!("changes wait since {}, and none has come to an end after that", minute(since))
            }
            (Limit::Minutes(_), None) => match delay {
                Some(delay) => format!("changes took {} s on average to be delivered just now", delay.as_secs()),
                None => "nothing waits".to_owned(),
            },
        }
    }
}

/// A message to people: a pipeline has passed a limit, or is within it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// One line of ASCII, at most 100 characters ("Publish", SNS API reference).
    pub subject: String,
    /// What there is to know.
    pub text: String,
}

impl Message {
    /// That a pipeline is beyond the limit, by what was measured.
    pub fn raised(alert: &Alert, pipeline: &str, measured: &str) -> Self {
        let Alert { limit, console, by, .. } = alert;
        Self {
            subject: subject(pipeline, "needs attention"),
            text: format!(
                "{pipeline}: {measured}.\n\nLook at it: {console}/pipelines/{pipeline}\n\n{by} asked for this message when {limit}. \
                 There will be one more when that is over. Change it: {console}/settings/alerts\n"
            ),
        }
    }

    /// That a pipeline is within it again, and was beyond it since when.
    pub fn over(alert: &Alert, pipeline: &str, since: Timestamp, measured: &str) -> Self {
        let Alert { limit, console, .. } = alert;
        Self {
            subject: subject(pipeline, "is within its limits again"),
            text: format!(
                "{pipeline}: it is over that {limit}; it began at {}. Now: {measured}.\n\nFailed changes stay among the \
                 problems until somebody sees to them: {console}/problems?pipeline={pipeline}\n",
                minute(since)
            ),
        }
    }
}

/// `2026-07-01 09:30 UTC`.
fn minute(at: Timestamp) -> String {
    let text: String = at.to_rfc3339().chars().take("2026-07-01T09:30".len()).collect();
    format!("{} UTC", text.replace('T', " "))
}

/// A pipeline's name is ASCII; one that is very long loses its end.
fn subject(pipeline: &str, what: &str) -> String {
    const MOST: usize = 100;
    let room = MOST - "Freshet:  ".len() - what.len();
    let name: String = pipeline.chars().take(room).collect();
    format!("Freshet: {name} {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2027-01-15 08:00:30 UTC.
    const NOW: Timestamp = Timestamp::from_millis(1_800_000_030_000);

    fn counted(ago: i64, stage: &str, counts: &[(&str, u64)]) -> Counted {
        let counts = counts.iter().map(|(counter, count)| ("contacts".to_owned(), (*counter).to_owned(), *count));
        Counted { minute: NOW.minutes() - ago, stage: stage.to_owned(), counts: counts.collect() }
    }

    fn measured(counted: &[Counted]) -> Measured {
        Measured::of(counted, NOW).get("contacts").copied().unwrap_or_default()
    }

    #[test]
    fn failures_count_for_an_hour() {
        let of = |ago| measured(&[counted(ago, "deliver/crm", &[("failed", 3), ("delivered", 97)])]);
        for (limit, expected) in
            [(Limit::Failed(2), true), (Limit::Failed(3), false), (Limit::Share(2), true), (Limit::Share(3), false)]
        {
            assert_eq!(of(59).is_beyond(limit, false, NOW), expected, "{limit:?}");
            assert!(!of(60).is_beyond(limit, false, NOW), "{limit:?}, an hour later");
        }
        assert!(!Measured::default().is_beyond(Limit::Share(0), false, NOW), "nothing is no share");
        assert_eq!(of(0).told(Limit::Failed(2), false), "3 of 100 changes failed within the last hour");
    }

    #[test]
    fn a_failure_of_any_stage_counts_and_those_of_sources_do_not() {
        let of = |stage| measured(&[counted(0, stage, &[("failed", 1)])]).failed;
        assert_eq!([of("transform"), of("deliver/crm"), of("collect-failures"), of("capture")], [1, 1, 1, 0]);
    }

    #[test]
    fn what_waits_is_told_by_its_first_minute() {
        let since = |ago: i64| Some(Timestamp::from_millis((NOW.minutes() - ago) * 60_000));
        let down = [
            counted(20, "transform", &[("matched", 5)]),
            counted(20, "deliver/crm", &[("delivered", 5)]),
            counted(15, "transform", &[("matched", 2)]),
            counted(14, "deliver/crm", &[("retried", 2)]),
            counted(3, "transform", &[("matched", 2)]),
        ];
        let measured_down = measured(&down);
        assert_eq!(measured_down.unanswered_since, since(15));
        assert!(measured_down.is_beyond(Limit::Minutes(15), true, NOW), "15 minutes and a half");
        assert!(!measured_down.is_beyond(Limit::Minutes(16), true, NOW));
        assert!(!measured_down.is_beyond(Limit::Minutes(15), false, NOW), "its queue is empty, so nothing waits");
        let mut up = down.to_vec();
        up.push(counted(2, "deliver/crm", &[("unchanged", 1)]));
        assert_eq!(measured(&up).unanswered_since, None);
    }

    #[test]
    fn a_delay_is_the_average_of_the_last_minutes() {
        let of = |ago| measured(&[counted(ago, "deliver/crm", &[("delivered", 2), ("age_ms", 240_000)])]);
        assert_eq!(of(4).delay, Some(Duration::from_mins(2)));
        assert_eq!(of(5).delay, None);
        assert!(of(0).is_beyond(Limit::Minutes(1), false, NOW));
        assert!(!of(0).is_beyond(Limit::Minutes(2), false, NOW));
    }

    #[test]
    fn a_message_says_what_is_and_where_to_look() {
        let alert = Alert {
            id: "a".to_owned(),
            pipeline: None,
            limit: Limit::Failed(2),
            by: "Ada".to_owned(),
            console: "https://console.example".to_owned(),
            raised: BTreeMap::new(),
        };
        let message = Message::raised(&alert, "contacts", "3 of 100 changes failed within the last hour");
        assert_eq!(message.subject, "Freshet: contacts needs attention");
        assert_eq!(
            message.text,
            "contacts: 3 of 100 changes failed within the last hour.\n\n\
             Look at it: https://console.example/pipelines/contacts\n\n\
             Ada asked for this message when more than 2 changes fail within an hour. There will be one more when that is \
             over. Change it: https://console.example/settings/alerts\n"
        );
        let long = Message::over(&alert, &"p".repeat(200), NOW, "nothing waits");
        assert_eq!((long.subject.len(), long.subject.ends_with(" is within its limits again")), (100, true));
    }
}
