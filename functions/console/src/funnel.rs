//! From a change to a destination: how many got how far in a span of time, out of what was counted.

use std::collections::{BTreeMap, BTreeSet};

use shared::{tally::Counted, time::Timestamp};

/// What is asked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Span {
    /// The last 60 minutes.
    #[default]
    Hour,
    /// The present hour and the 23 before.
    Day,
}

impl Span {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Hour, Self::Day];

    /// Its word in an address.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// The span of a word.
    pub fn parse(word: &str) -> Self {
        Self::ALL.into_iter().find(|span| span.as_str() == word).unwrap_or_default()
    }

    /// How people call it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Hour => "The last hour",
            Self::Day => "The last 24 hours",
        }
    }

    /// How long each step of its chart is, in minutes.
    const fn step(self) -> i64 {
        match self {
            Self::Hour => 1,
            Self::Day => 60,
        }
    }

    /// How many minutes it goes back at `now`.
    pub fn minutes(self, now: Timestamp) -> u32 {
        u32::try_from(now.minutes() - self.first(now) + 1).unwrap_or(1)
    }

    /// Its first minute: whole hours are shown by the clock.
    fn first(self, now: Timestamp) -> i64 {
        match self {
            Self::Hour => now.minutes() - 59,
            Self::Day => (now.minutes().div_euclid(60) - 23) * 60,
        }
    }
}

/// How many changes got how far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Changes of the sources.
    pub captured: u64,
    /// Left out by the filter.
    pub filtered: u64,
    /// Not sent, since nothing had to be: the destination had the values, a newer change has overtaken it, or the record
    /// has left the filter and stays.
    pub needless: u64,
    /// Left out while the pipeline was paused; they are sent when it is resumed.
    pub paused: u64,
    /// The destination has it.
    pub sent: u64,
    /// Did not arrive, and waits for a person.
    pub failed: u64,
    /// How often something was put off, since the destination did not answer, asked to wait, refused the credentials, or
    /// does its work later.
    pub put_off: u64,
}

impl Sums {
    fn add(&mut self, stage: &str, counter: &str, count: u64) {
        let sum = match (stage, counter) {
            ("capture", "events") => &mut self.captured,
            (_, "filtered") => &mut self.filtered,
            (_, "unchanged" | "superseded" | "kept") => &mut self.needless,
            (_, "paused") => &mut self.paused,
            (_, "delivered") => &mut self.sent,
            (_, "failed") => &mut self.failed,
            (_, "retried" | "throttled" | "unauthorised" | "pending") => &mut self.put_off,
            _ => return,
        };
        *sum += count;
    }
}

/// What a span of time came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Funnel {
    /// In all.
    pub all: Sums,
    /// By step of the chart, the oldest first: when it begins, and what it came to.
    pub steps: Vec<(Timestamp, Sums)>,
    /// By pipeline.
    pub by_pipeline: BTreeMap<String, Sums>,
}

impl Funnel {
    /// Of these pipelines and their sources.
    pub fn of(
        counted: &[Counted],
        span: Span,
        now: Timestamp,
        pipelines: &BTreeSet<&str>,
        sources: &BTreeSet<&str>,
    ) -> Self {
        let (first, step) = (span.first(now), span.step());
        let steps = (now.minutes() - first) / step + 1;
        let begins = |place: i64| Timestamp::from_millis((first + place * step) * 60_000);
        let mut funnel = Self {
            all: Sums::default(),
            steps: (0..steps).map(|place| (begins(place), Sums::default())).collect(),
            by_pipeline: BTreeMap::new(),
        };
        for Counted { minute, stage, counts } in counted {
            let place = usize::try_from((minute - first).div_euclid(step)).ok();
            let Some((_, sums)) = place.and_then(|place| funnel.steps.get_mut(place)) else { continue };
            for (subject, counter, count) in counts {
                let is_asked = if stage == "capture" { sources } else { pipelines }.contains(subject.as_str());
                if is_asked {
                    sums.add(stage, counter, *count);
                    funnel.all.add(stage, counter, *count);
                    if stage != "capture" {
                        funnel.by_pipeline.entry(subject.clone()).or_default().add(stage, counter, *count);
                    }
                }
            }
        }
        funnel
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2027-01-15 08:00:30 UTC.
    const NOW: Timestamp = Timestamp::from_millis(1_800_000_030_000);

    fn counted(ago: i64, stage: &str, counts: &[(&str, &str, u64)]) -> Counted {
        let counts = counts.iter().map(|(subject, counter, count)| ((*subject).into(), (*counter).into(), *count));
        Counted { minute: NOW.minutes() - ago, stage: stage.to_owned(), counts: counts.collect() }
    }

    #[test]
    fn each_counter_is_one_step_of_the_way() {
        let counted = [
            counted(0, "capture", &[("customers", "events", 10), ("orders", "events", 5), ("customers", "failed", 1)]),
            counted(
                0,
                "transform",
                &[("customers", "events", 10), ("contacts", "filtered", 2), ("contacts", "matched", 7)],
            ),
            counted(3, "transform", &[("contacts", "failed", 1), ("contacts", "paused", 4), ("other", "filtered", 9)]),
            counted(
                3,
                "deliver/crm",
                &[("contacts", "delivered", 3), ("contacts", "unchanged", 1), ("contacts", "kept", 1)],
            ),
            counted(
                59,
                "deliver/crm",
                &[("contacts", "superseded", 1), ("contacts", "retried", 6), ("contacts", "age_ms", 99)],
            ),
            counted(60, "deliver/crm", &[("contacts", "delivered", 100)]),
            counted(1, "collect-failures", &[("contacts", "failed", 2)]),
        ];
        let of = |span| Funnel::of(&counted, span, NOW, &["contacts"].into(), &["customers"].into());
        let hour = of(Span::Hour);
        let expected = Sums { captured: 10, filtered: 2, needless: 3, paused: 4, sent: 3, failed: 4, put_off: 6 };
        assert_eq!(hour.all, expected);
        assert_eq!(hour.steps.len(), 60);
        assert_eq!((hour.steps[59].1.captured, hour.steps[56].1.sent, hour.steps[0].1.needless), (10, 3, 1));
        assert_eq!(hour.by_pipeline.keys().collect::<Vec<_>>(), ["contacts"]);
        // An hour ago is in the day's hour before.
        let day = of(Span::Day);
        assert_eq!(day.all.sent, 103);
        assert_eq!(day.steps.len(), 24);
        let hours: Vec<_> = day.steps.iter().map(|(at, sums)| (at.to_rfc3339(), sums.sent)).collect();
        assert_eq!(hours[22], ("2027-01-15T07:00:00.000Z".to_owned(), 103));
        assert_eq!(hours[0], ("2027-01-14T09:00:00.000Z".to_owned(), 0));
    }

    #[test]
    fn a_day_is_whole_hours() {
        assert_eq!((Span::Hour.minutes(NOW), Span::Day.minutes(NOW)), (60, 23 * 60 + 1));
        let late = Timestamp::from_millis(NOW.millis() + 59 * 60_000);
        assert_eq!((Span::Hour.minutes(late), Span::Day.minutes(late)), (60, 24 * 60));
        assert_eq!((Span::parse("day"), Span::parse("hour"), Span::parse("year")), (Span::Day, Span::Hour, Span::Hour));
    }
}
