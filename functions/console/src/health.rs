//! How a pipeline is, out of what was counted and what has failed.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use shared::{failure::Listed, pipeline::state::FRESHET, ports::StoredPipeline, tally::Counted, time::Timestamp};

use crate::words;

/// So many minutes are looked back on.
pub const MINUTES: u32 = 60;

/// So many hours have a bar each on the first page: the present one, and those before.
pub const HOURS: u32 = 24;

/// How many minutes these hours have at `now`.
pub fn minutes_of_hours(now: Timestamp) -> u32 {
    u32::try_from(now.minutes().rem_euclid(60)).unwrap_or(0) + (HOURS - 1) * 60 + 1
}

/// Attempts of so many minutes tell whether a destination answers now.
const RECENT: i64 = 5;

/// How a pipeline is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nothing is to be done.
    Healthy,
    /// A person has to look.
    NeedsAttention,
    /// It is paused.
    Paused,
    /// It could not be found out.
    Unknown,
}

impl Health {
    /// The words on its badge.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::NeedsAttention => "Needs attention",
            Self::Paused => "Paused",
            Self::Unknown => "Not known",
        }
    }

    /// The class of its badge.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Healthy => "good",
            Self::NeedsAttention => "bad",
            Self::Paused | Self::Unknown => "open",
        }
    }

    /// A sign for it: colour is never alone.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Healthy => "✓",
            Self::NeedsAttention => "!",
            Self::Paused => "‖",
            Self::Unknown => "?",
        }
    }
}

/// What a pipeline did in the last [`MINUTES`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// Events that matched its filter.
    pub matched: u64,
    /// Deliveries that the destination has.
    pub sent: u64,
    /// Deliveries that the destination had already, or that a newer one made needless.
    pub needless: u64,
    /// Events and deliveries that failed.
    pub failed: u64,
    /// Deliveries by minute, the oldest first.
    pub by_minute: Vec<u64>,
    /// Deliveries and failures by hour, the oldest first, each with the hour's beginning; as far as they were read.
    pub by_hour: Vec<Hour>,
    /// From a change to its delivery, on average.
    pub freshness: Option<Duration>,
    /// Attempts of the last minutes that were put off: the destination did not answer, asked to wait, or refused the
    /// credentials.
    pub put_off: u64,
    /// Of those, refused credentials.
    pub unauthorised: u64,
}

/// What a pipeline did in an hour by the clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hour {
    /// When the hour begins.
    pub at: Timestamp,
    /// Deliveries that the destination has.
    pub sent: u64,
    /// Events and deliveries that failed.
    pub failed: u64,
}

/// The hours of the last day, in which nothing has happened.
fn hours(now: Timestamp) -> Vec<Hour> {
    let present = now.minutes().div_euclid(60);
    let at = |hour: i64| Timestamp::from_millis(hour * 3_600_000);
    (present + 1 - i64::from(HOURS)..=present).map(|hour| Hour { at: at(hour), ..Hour::default() }).collect()
}

/// A pipeline of which nothing was counted.
pub fn idle(now: Timestamp) -> Activity {
    Activity { by_minute: vec![0; MINUTES as usize], by_hour: hours(now), ..Activity::default() }
}

/// The activity of all pipelines by name.
pub fn activity(counted: &[Counted], now: Timestamp) -> HashMap<String, Activity> {
    let first = now.minutes() - i64::from(MINUTES) + 1;
    let mut all: HashMap<String, Activity> = HashMap::new();
    let mut ages: HashMap<String, u64> = HashMap::new();
    let of_pipelines = |counted: &&Counted| counted.stage == "transform" || counted.stage.starts_with("deliver/");
    for Counted { minute, counts, .. } in counted.iter().filter(of_pipelines) {
        for (subject, counter, count) in counts {
            let activity = all.entry(subject.clone()).or_insert_with(|| idle(now));
            let of_minute = |hour: &&mut Hour| hour.at.minutes() == minute.div_euclid(60) * 60;
            if let Some(hour) = activity.by_hour.iter_mut().find(of_minute) {
                match counter.as_str() {
                    "delivered" => hour.sent += count,
                    "failed" => hour.failed += count,
                    _ => {}
                }
            }
            // What follows is of the last hour alone.
            let Ok(place) = usize::try_from(minute - first) else { continue };
            match counter.as_str() {
                "matched" => activity.matched += count,
                "delivered" => {
                    activity.sent += count;
                    if let Some(sent) = activity.by_minute.get_mut(place) {
                        *sent += count;
                    }
                }
                "unchanged" | "superseded" | "kept" => activity.needless += count,
                "failed" => activity.failed += count,
                "age_ms" => *ages.entry(subject.clone()).or_default() += count,
                "retried" | "throttled" | "unauthorised" if now.minutes() - minute < RECENT => {
                    activity.put_off += count;
                    activity.unauthorised += if counter == "unauthorised" { *count } else { 0 };
                }
                _ => {}
            }
        }
    }
    for (name, activity) in &mut all {
        let age = ages.get(name).copied().unwrap_or_default();
        activity.freshness = age.checked_div(activity.sent).map(Duration::from_millis);
    }
    all
}

/// Open failures by pipeline.
pub fn failures(listed: &[Listed]) -> BTreeMap<String, u64> {
    let mut by_pipeline = BTreeMap::new();
    for name in listed.iter().filter_map(|failure| failure.pipeline.as_ref()) {
        *by_pipeline.entry(name.clone()).or_default() += 1;
    }
    by_pipeline
}

/// How a pipeline is, and what is to be done: `None` of either reading where it failed.
pub fn health(
    pipeline: &StoredPipeline,
    activity: Option<&Activity>,
    failures: Option<u64>,
    now: Timestamp,
    retention: Duration,
) -> (Health, Vec<String>) {
    let mut todo = Vec::new();
    if let Some(pause) = &pipeline.state.pause {
        if pause.by == FRESHET {
            todo.push(
                "A field of the source has changed, so Freshet holds it. Mend the mapping, and resume it.".to_owned(),
            );
        }
        if pause.warned_from(retention) <= now {
            todo.push("Resume it soon: changes are not kept for ever.".to_owned());
        }
    }
    if let Some(failures) = failures.filter(|failures| *failures > 0) {
        todo.push(format!("{} to look at.", words::count(failures, "failed change", "failed changes")));
    }
    if let Some(activity) = activity {
        if activity.unauthorised > 0 {
            todo.push("The destination refuses the credentials.".to_owned());
        } else if activity.put_off > activity.sent {
            todo.push("The destination does not answer, or asks to wait. Freshet tries again by itself.".to_owned());
        }
    }
    let health = if !todo.is_empty() {
        Health::NeedsAttention
    } else if pipeline.state.pause.is_some() {
        Health::Paused
    } else if activity.is_none() || failures.is_none() {
        Health::Unknown
    } else {
        Health::Healthy
    };
    (health, todo)
}
