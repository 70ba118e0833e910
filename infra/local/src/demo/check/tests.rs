//! The check, put to the test: an orderly stack passes, and each way of going wrong is seen.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::demo::{
    expectation::RULES,
    store::{Source, Story},
};

const CHANGES: usize = 600;

/// What a destination is sent, and the pipeline that sends it.
type Log = Vec<(&'static Rule, Received)>;

fn story(seed: u64) -> Vec<Change> {
    Story::new(seed).take(CHANGES).collect()
}

/// An orderly stack, in ten lines: collapses `frame` changes of a key at a time, skips what is unchanged, and appends
/// everything. A change is written in the millisecond of its number, and arrives a second later.
fn deliver(changes: &[Change], frame: usize) -> Log {
    let mut log = Log::new();
    for rule in &RULES {
        let mut held: HashMap<String, Option<Values>> = HashMap::new();
        let mine: Vec<_> = changes.iter().filter(|change| change.source == rule.source).collect();
        for frame in mine.chunks(frame) {
            for (at, change) in frame.iter().enumerate() {
                let at_ms = at_ms(frame[frame.len() - 1]) + 1_000;
                let key = (rule.key)(change);
                let content = match (rule.effect)(change) {
                    Effect::Filtered => continue,
                    Effect::Apply(values) => Some(values),
                    Effect::Remove => None,
                };
                let is_last = !frame[at + 1..]
                    .iter()
                    .any(|later| (rule.key)(later) == key && (rule.effect)(later) != Effect::Filtered);
                let sent = match (rule.keeps, content) {
                    (Keeps::Log, Some(values)) => {
                        Sent::Append { id: Some(format!("{}/{}", rule.pipeline, change.number)), values }
                    }
                    (_, content) if !is_last || held.get(&key).cloned().flatten() == content => continue,
                    (_, content) => {
                        held.insert(key.clone(), content.clone());
                        match content {
                            Some(values) => Sent::Upsert { key, values },
                            None => Sent::Remove { key },
                        }
                    }
                };
                log.push((rule, Received { at_ms, accepted: true, sent }));
            }
        }
    }
    log
}

fn at_ms(change: &Change) -> i64 {
    i64::try_from(change.number).unwrap()
}

fn judge(changes: &[Change], log: &Log) -> Report {
    let mut check = Check::new(RULES);
    for change in changes {
        check.begun(change, at_ms(change));
        check.acknowledged(change.number, at_ms(change));
    }
    for (rule, received) in log {
        check.received(rule.destination, received.clone());
    }
    check.verdict()
}

/// Which row a delivery is about.
fn row_of((rule, received): &(&'static Rule, Received)) -> (&'static str, String) {
    let key = match &received.sent {
        Sent::Upsert { key, .. } | Sent::Remove { key } => key.clone(),
        Sent::Append { values, .. } => (rule.recognise)(values).unwrap().to_owned(),
    };
    (rule.pipeline, key)
}

/// Whether two deliveries say the same, whatever their ids.
fn is_alike((_, one): &(&'static Rule, Received), (_, other): &(&'static Rule, Received)) -> bool {
    match (&one.sent, &other.sent) {
        (Sent::Append { values: one, .. }, Sent::Append { values: other, .. }) => one == other,
        (one, other) => one == other,
    }
}

#[test]
fn an_orderly_stack_passes() {
    for (seed, frame) in [(1, 1), (2, 5), (3, 40), (4, 200)] {
        let changes = story(seed);
        let report = judge(&changes, &deliver(&changes, frame));
        assert!(report.is_good(), "{report} {:?}", report.breaks);
        let pairs = |source| match source {
            Source::Customers => 4,
            Source::Orders => 3,
            Source::Tickets => 2,
            Source::PageViews => 1,
        };
        assert_eq!(report.due(), changes.iter().map(|change| pairs(change.source)).sum::<u64>());
        assert_eq!(report.changes, 600);
        let contacts = &report.pipelines[0];
        assert_eq!(contacts.superseded > 0, frame > 1, "{contacts:?}");
        assert!(contacts.unchanged > 5, "{contacts:?}");
    }
}

#[test]
fn freshness_runs_from_the_acknowledgement_to_the_answer() {
    let changes = story(1);
    let report = judge(&changes, &deliver(&changes, 1));
    assert_eq!((report.freshness_p50_ms, report.freshness_p99_ms), (Some(1_000), Some(1_000)));
    assert!(report.pipelines.iter().all(|row| row.recent_freshness_ms == Some(1_000)));
}

#[test]
fn what_is_not_there_waits_and_then_is_lost() {
    let changes = story(1);
    let mut check = Check::new(RULES);
    for change in &changes {
        check.begun(change, at_ms(change));
    }
    let running = check.report();
    assert!(running.waiting() > 500 && running.lost() == 0);
    let verdict = check.verdict();
    assert_eq!((verdict.waiting(), verdict.lost()), (0, running.waiting()));
    assert!(!verdict.is_good());
    assert!(!verdict.to_string().contains("waiting"));
}

#[test]
fn an_event_without_an_id_that_comes_again_stands_twice() {
    let changes = story(1);
    let mut log = deliver(&changes, 5);
    let at = log.iter().position(|(rule, _)| rule.destination == "braze").unwrap();
    for (rule, received) in &mut log {
        if let (Sent::Append { id, .. }, "braze" | "slack") = (&mut received.sent, rule.destination) {
            *id = None;
        }
    }
    let once = judge(&changes, &log);
    log.push(log[at].clone());
    let report = judge(&changes, &log);
    let twice =
        |report: &Report| report.destinations.iter().map(|row| (row.destination, row.twice)).collect::<Vec<_>>();
    assert!(report.is_good(), "{report}");
    assert!(twice(&once).iter().all(|(_, twice)| *twice == 0));
    assert_eq!(twice(&report).iter().filter(|(_, twice)| *twice > 0).collect::<Vec<_>>(), [&("braze", 1)]);
}

#[test]
fn what_belongs_nowhere_is_seen() {
    let changes = story(1);
    let mut log = deliver(&changes, 5);
    let stray = Sent::Append { id: Some("x".into()), values: Values::from([("type", "invoice".into())]) };
    log.push((&RULES[3], Received { at_ms: 9_000, accepted: true, sent: stray }));
    let report = judge(&changes, &log);
    assert_eq!((report.broken_keys(), report.lost()), (1, 0));
}

#[test]
fn what_was_refused_for_good_is_failed_not_lost() {
    let changes = story(1);
    let mut log = deliver(&changes, 5);
    let at = log.iter().position(|(rule, _)| rule.destination == "helpdesk").unwrap();
    log[at].1.accepted = false;
    let report = judge(&changes, &log);
    assert!(report.is_good(), "{report}");
    assert_eq!(report.pipelines.iter().map(|row| row.failed).sum::<u64>(), 1);
}

#[test]
fn a_report_in_between_changes_nothing() {
    let changes = story(5);
    let log = deliver(&changes, 5);
    let mut check = Check::new(RULES);
    for change in &changes {
        check.begun(change, at_ms(change));
        check.acknowledged(change.number, at_ms(change));
        if change.number % 50 == 0 {
            check.report();
        }
    }
    for (number, (rule, received)) in log.iter().enumerate() {
        check.received(rule.destination, received.clone());
        if number % 50 == 0 {
            assert_eq!(check.report().breaks, []);
        }
    }
    assert_eq!(check.verdict(), judge(&changes, &log));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_lost_event_is_seen(seed in 0u64..50, frame in 1usize..20, pick in any::<prop::sample::Index>()) {
        let changes = story(seed);
        let mut log = deliver(&changes, frame);
        let logged: Vec<usize> = (0..log.len()).filter(|at| log[*at].0.keeps == Keeps::Log).collect();
        log.remove(*pick.get(&logged));
        let report = judge(&changes, &log);
        prop_assert_eq!((report.lost(), report.broken_keys()), (1, 0), "{}", report);
    }

    #[test]
    fn a_lost_last_value_is_seen(seed in 0u64..50, frame in 1usize..20, pick in any::<prop::sample::Index>()) {
        let changes = story(seed);
        let mut log = deliver(&changes, frame);
        let lasts: Vec<usize> = (0..log.len())
            .filter(|at| log[*at].0.keeps == Keeps::State)
            .filter(|at| !log[at + 1..].iter().any(|later| row_of(later) == row_of(&log[*at])))
            .collect();
        log.remove(*pick.get(&lasts));
        let report = judge(&changes, &log);
        prop_assert!(report.lost() > 0, "{}", report);
    }

    #[test]
    fn two_swapped_deliveries_are_seen(seed in 0u64..50, pick in any::<prop::sample::Index>()) {
        let changes = story(seed);
        let mut log = deliver(&changes, 1);
        let mut rows: BTreeMap<(&str, String), Vec<usize>> = BTreeMap::new();
        for (at, delivery) in log.iter().enumerate() {
            rows.entry(row_of(delivery)).or_default().push(at);
        }
        // A value that recurs may be explained in its new place too; one that does not, never.
        let is_single = |row: &[usize], at: usize| row.iter().filter(|other| is_alike(&log[**other], &log[at])).count() == 1;
        let pairs: Vec<(usize, usize)> = rows
            .values()
            .flat_map(|row| row.windows(2).map(move |two| (row, two[0], two[1])))
            .filter(|(row, one, other)| is_single(row, *one) && is_single(row, *other))
            .map(|(_, one, other)| (one, other))
            .collect();
        let (one, other) = *pick.get(&pairs);
        log.swap(one, other);
        prop_assert!(!judge(&changes, &log).is_good());
    }

    #[test]
    fn a_repeat_under_its_own_id_is_harmless_and_under_another_is_seen(
        seed in 0u64..50,
        pick in any::<prop::sample::Index>(),
    ) {
        let changes = story(seed);
        let log = deliver(&changes, 5);
        let at = pick.index(log.len());
        let mut repeated = log.clone();
        repeated.insert(at + 1, log[at].clone());
        prop_assert_eq!(judge(&changes, &repeated), judge(&changes, &log));

        if let Sent::Append { id: Some(id), .. } = &mut repeated[at + 1].1.sent {
            id.push_str("-again");
            let report = judge(&changes, &repeated);
            prop_assert!(!report.is_good(), "{}", report);
        }
    }

    #[test]
    fn an_altered_value_is_seen(seed in 0u64..50, pick in any::<prop::sample::Index>()) {
        let changes = story(seed);
        let mut log = deliver(&changes, 5);
        let at = pick.index(log.len());
        match &mut log[at].1.sent {
            Sent::Upsert { values, .. } | Sent::Append { values, .. } => {
                let mut fields = serde_json::Map::new();
                fields.insert("type".into(), values.text("type").unwrap_or_default().into());
                for key in ["customer_id", "order_id", "ticket_id", "visitor_id"] {
                    fields.extend(values.text(key).map(|text| (key.to_owned(), text.into())));
                }
                *values = Values::of(fields);
            }
            Sent::Remove { key } => key.push('x'),
        }
        let report = judge(&changes, &log);
        prop_assert!(!report.breaks.is_empty(), "{}", report);
    }
}
