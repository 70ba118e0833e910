//! The independent check: what was written to the sources against what the destinations received.
//!
//! It knows only the two ends: the changes that the writer wrote, and what the destinations were sent. It shares no
//! code and no counters with the functions between them. Every (change, pipeline) pair is *due* and gets one verdict:
//! delivered, filtered, unchanged, superseded, failed, or lost; while the stack works, what is not there yet waits.

mod align;
mod report;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use self::align::{Alignment, Expected, Fate, Observed, Why};
pub use self::report::{DestinationReport, OrderBreak, PipelineReport, Report};
use super::{
    expectation::{Effect, Keeps, Rule},
    received::{Received, Sent},
    store::Change,
    values::Values,
};

/// Nothing at the destination, or these fields.
type Content = Option<Arc<Values>>;

/// The check's memory.
pub struct Check {
    rules: Vec<Rule>,
    changes: u64,
    filtered: Vec<u64>,
    threads: BTreeMap<(usize, String), Thread>,
    /// Where an acknowledgement belongs: by the change's number, the thread and the place within it.
    pending: HashMap<u64, Vec<(usize, String, usize)>>,
    strays: Vec<OrderBreak>,
    /// How many events stand twice at a destination that cannot tell repeats.
    twice: HashMap<&'static str, u64>,
    left_out: BTreeSet<String>,
}

/// Everything about one key of one pipeline.
struct Thread {
    expected: Vec<Expected<Content>>,
    acknowledged: Vec<Option<i64>>,
    observed: Vec<Observed<Content>>,
    /// `None` since the last change to the above.
    alignment: Option<Alignment>,
}

impl Check {
    /// A check of these pipelines, before anything was written.
    pub fn new(rules: impl IntoIterator<Item = Rule>) -> Self {
        let rules: Vec<_> = rules.into_iter().collect();
        let filtered = vec![0; rules.len()];
        Self {
            rules,
            changes: 0,
            filtered,
            threads: BTreeMap::new(),
            pending: HashMap::new(),
            strays: Vec::new(),
            twice: HashMap::new(),
            left_out: BTreeSet::new(),
        }
    }

    /// A destination is not checked from here on, and nothing is said of what it has received before. Whether it was until
    /// now.
    pub fn leave_out(&mut self, destination: &str) -> bool {
        let was_checked = self.rules.iter().any(|rule| rule.destination == destination);
        was_checked && self.left_out.insert(destination.to_owned())
    }

    fn is_left_out(&self, destination: &str) -> bool {
        self.left_out.contains(destination)
    }

    /// The writing of a change begins. For a key, in the order of its changes; and told before anything that follows
    /// from it is told to [`Check::received`].
    pub fn begun(&mut self, change: &Change, at_ms: i64) {
        self.changes += 1;
        let mut places = Vec::new();
        for index in 0..self.rules.len() {
            let rule = self.rules[index];
            if rule.source != change.source {
                continue;
            }
            let content = match (rule.effect)(change) {
                Effect::Filtered => {
                    self.filtered[index] += 1;
                    continue;
                }
                Effect::Apply(values) => Some(Arc::new(values)),
                Effect::Remove => None,
            };
            let key = (rule.key)(change);
            let thread = self.thread(index, &key);
            thread.expected.push(Expected { content, begun_ms: at_ms });
            thread.acknowledged.push(None);
            places.push((index, key, thread.expected.len() - 1));
        }
        if !places.is_empty() {
            self.pending.insert(change.number, places);
        }
    }

    /// The source has acknowledged the change: from here on freshness counts.
    pub fn acknowledged(&mut self, number: u64, at_ms: i64) {
        for (rule, key, place) in self.pending.remove(&number).unwrap_or_default() {
            let thread = self.thread(rule, &key);
            if let Some(time) = thread.acknowledged.get_mut(place) {
                *time = Some(at_ms);
            }
        }
    }

    /// A destination received something. For a destination, in the order in which it did.
    pub fn received(&mut self, destination: &str, received: Received) {
        if self.is_left_out(destination) {
            return;
        }
        let Received { at_ms, accepted, sent } = received;
        let (keeps, key, id, content) = match sent {
            Sent::Upsert { key, values } => (Keeps::State, key, None, Some(values)),
            Sent::Remove { key } => (Keeps::State, key, None, None),
            Sent::Append { id, values } => (Keeps::Log, String::new(), id, Some(values)),
        };
        // What is told no id takes each event for a new one. What it says is what names it then; so the pipelines to
        // such destinations never say the same twice.
        let is_named = keeps == Keeps::State || id.is_some();
        let id = id.or_else(|| Some(format!("{:?}", content.as_ref()?))).unwrap_or_default();
        let place = self.rules.iter().enumerate().find_map(|(index, rule)| {
            if rule.destination != destination || rule.keeps != keeps {
                return None;
            }
            match (keeps, &content) {
                (Keeps::Log, Some(values)) => (rule.recognise)(values).map(|key| (index, key.to_owned())),
                _ => Some((index, key.clone())),
            }
        });
        let Some((rule, key)) = place else {
            self.strays.push(OrderBreak {
                pipeline: destination.to_owned(),
                key: if keeps == Keeps::Log { id } else { key },
                before: String::new(),
                got: content.map_or_else(|| "a removal".to_owned(), |values| values.to_string()),
                problem: "belongs to no pipeline",
            });
            return;
        };
        let content = content.map(Arc::new);
        let observed = &mut self.thread(rule, &key).observed;
        let is_repeat = !is_named && accepted && observed.iter().any(|earlier| earlier.accepted && earlier.id == id);
        observed.push(Observed { content, id, at_ms, accepted });
        if is_repeat {
            *self.twice.entry(self.rules[rule].destination).or_default() += 1;
        }
    }

    /// The state of things: what is not there yet counts as waiting.
    pub fn report(&mut self) -> Report {
        let mut pipelines: Vec<_> = self.rules.iter().zip(&self.filtered).map(PipelineReport::new).collect();
        let left_out = &self.left_out;
        // A stray is told by its destination.
        let mut breaks = self.strays.clone();
        breaks.retain(|found| !left_out.contains(&found.pipeline));
        let mut settled = true;
        let mut waits: Vec<Vec<(i64, u64)>> = vec![Vec::new(); self.rules.len()];
        for ((rule, key), thread) in &mut self.threads {
            let rule_index = *rule;
            let rule = self.rules[rule_index];
            if left_out.contains(rule.destination) {
                continue;
            }
            if thread.alignment.is_none() {
                thread.alignment = Some(match rule.keeps {
                    Keeps::State => align::align_states(&None, &thread.expected, &thread.observed),
                    Keeps::Log => align::align_log(&thread.expected, &thread.observed),
                });
            }
            let Some(alignment) = &thread.alignment else { continue };
            settled &= alignment.settled;
            let row = &mut pipelines[rule_index];
            for (fate, acknowledged) in alignment.fates.iter().zip(&thread.acknowledged) {
                row.count(*fate);
                if let (Fate::Delivered(at), Some(acknowledged)) = (*fate, *acknowledged) {
                    waits[rule_index].push((at, u64::try_from(at - acknowledged).unwrap_or(0)));
                }
            }
            breaks.extend(alignment.breaks.iter().map(|found| thread.describe(&rule, key, found)));
        }
        for (row, waits) in pipelines.iter_mut().zip(&mut waits) {
            row.recent_freshness_ms = report::recent_median(waits);
        }
        pipelines.retain(|row| !left_out.contains(&row.destination));
        let mut by_destination: BTreeMap<&'static str, Vec<u64>> = BTreeMap::new();
        for (rule, waits) in self.rules.iter().zip(&waits).filter(|(rule, _)| !left_out.contains(rule.destination)) {
            by_destination.entry(rule.destination).or_default().extend(waits.iter().map(|(_, wait)| *wait));
        }
        let twice = |name: &str| self.twice.get(name).copied().unwrap_or(0);
        let destinations =
            by_destination.into_iter().map(|(name, waits)| DestinationReport::new(name, twice(name), waits)).collect();
        let mut all: Vec<u64> = waits.into_iter().flatten().map(|(_, wait)| wait).collect();
        all.sort_unstable();
        Report {
            changes: self.changes,
            pipelines,
            destinations,
            breaks,
            settled,
            freshness_p50_ms: report::percentile(&all, 50),
            freshness_p99_ms: report::percentile(&all, 99),
            is_final: false,
        }
    }

    /// The verdict: what is not there now is lost.
    pub fn verdict(&mut self) -> Report {
        let mut report = self.report();
        report.is_final = true;
        for row in &mut report.pipelines {
            row.lost = std::mem::take(&mut row.waiting);
        }
        report
    }

    /// The thread, which is about to change.
    fn thread(&mut self, rule: usize, key: &str) -> &mut Thread {
        let thread = self.threads.entry((rule, key.to_owned())).or_insert_with(|| Thread {
            expected: Vec::new(),
            acknowledged: Vec::new(),
            observed: Vec::new(),
            alignment: None,
        });
        thread.alignment = None;
        thread
    }
}

impl Thread {
    fn describe(&self, rule: &Rule, key: &str, found: &align::Break) -> OrderBreak {
        let got = self.observed[found.observed].content.as_deref();
        let before = found.after.and_then(|index| self.observed[index].content.as_deref());
        let show = |one: Option<&Values>, other: Option<&Values>| match (one, other) {
            (None, _) => "nothing".to_owned(),
            (Some(one), Some(other)) if one != other => one.unlike(other).to_string(),
            (Some(one), _) => one.to_string(),
        };
        OrderBreak {
            pipeline: rule.pipeline.to_owned(),
            key: key.to_owned(),
            before: show(before, got),
            got: show(got, before),
            problem: match found.why {
                Why::Late => "came after a newer one",
                Why::Invented => "no change calls for it",
                Why::Twice => "came twice, under two ids",
                Why::OtherContent => "came under an id that was used for another",
            },
        }
    }
}

#[cfg(test)]
mod tests;
