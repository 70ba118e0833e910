//! Lays what a destination received of one key beside what it should have received.
//!
//! Two kinds of destination. One that holds a *state* (a contact) may be sent fewer values than there were changes:
//! changes in quick succession collapse to the last, and a value that it holds already is not sent again. One that
//! keeps a *log* (events, messages) gets every value, in order; a repeat is harmless only under the same id.

use std::collections::HashMap;

/// What a change should bring about at the destination.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected<C> {
    /// The value that the destination should hold, or be told.
    pub content: C,
    /// When the writing of the change began, in milliseconds since 1970: nothing can arrive before.
    pub begun_ms: i64,
}

/// What the destination received.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed<C> {
    /// The value.
    pub content: C,
    /// The idempotency key, which only a log looks at.
    pub id: String,
    /// When the destination answered, in milliseconds since 1970.
    pub at_ms: i64,
    /// Whether it took the value; otherwise it refused it for good.
    pub accepted: bool,
}

/// What has become of an expected value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The destination took it, first at this time (milliseconds since 1970).
    Delivered(i64),
    /// The destination held it already.
    Unchanged,
    /// A newer one was delivered in its stead.
    Superseded,
    /// The destination refused it for good.
    Failed,
    /// Not there; as long as the stack works on it, it may still come.
    Missing,
}

/// An observed value that no order-keeping delivery explains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Break {
    /// Which observation.
    pub observed: usize,
    /// The observation before it, of those that count.
    pub after: Option<usize>,
    /// What is wrong.
    pub why: Why,
}

/// What is wrong with an observed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A newer value had arrived before it.
    Late,
    /// No change calls for it.
    Invented,
    /// The same event came again under another id, so that no receiver can tell.
    Twice,
    /// Another value came under an id that was used before.
    OtherContent,
}

/// The two sequences, laid side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct Alignment {
    /// The fate of each expected value.
    pub fates: Vec<Fate>,
    /// What cannot be explained.
    pub breaks: Vec<Break>,
    /// False where all is explained but more may come: A, B, A was expected and one A has arrived, which may have been
    /// the first.
    pub settled: bool,
}

/// Aligns the states of a key: the held values, with repeats folded, must be a subsequence of the expected ones, and
/// the last of both must agree. `initial` is what the destination holds before anything is sent.
///
/// Each observation is laid to the earliest expected value that explains it. If any order-keeping explanation exists,
/// this is one (an earlier place never leaves less room for what follows), and it never flatters the freshness.
pub fn align_states<C: PartialEq>(initial: &C, expected: &[Expected<C>], observed: &[Observed<C>]) -> Alignment {
    let mut fates = Vec::with_capacity(expected.len());
    let mut breaks = Vec::new();
    let mut held = initial;
    let mut is_untouched = true;
    let mut previous = None;
    for (index, seen) in observed.iter().enumerate() {
        // A repeat; but the first value sent, even if it is what was there anyway, has to have its reason.
        if seen.accepted && seen.content == *held && !is_untouched {
            continue;
        }
        let explains = |value: &Expected<C>| value.content == seen.content && value.begun_ms <= seen.at_ms;
        if let Some(skipped) = expected[fates.len()..].iter().position(explains) {
            let place = fates.len() + skipped;
            fates.extend(expected[fates.len()..place].iter().map(|value| not_sent(value, held)));
            fates.push(if seen.accepted { Fate::Delivered(seen.at_ms) } else { Fate::Failed });
        } else if refused_before(expected, &fates, &seen.content) {
            if let (true, Some(last)) = (seen.accepted, fates.last_mut()) {
                *last = Fate::Delivered(seen.at_ms);
            }
        } else {
            let known = expected.iter().any(|value| value.content == seen.content);
            breaks.push(Break { observed: index, after: previous, why: if known { Why::Late } else { Why::Invented } });
        }
        if seen.accepted {
            held = &seen.content;
            is_untouched = false;
        }
        previous = Some(index);
    }
    let mut settled = true;
    if let Some(last) = expected.last() {
        let rest = &expected[fates.len()..];
        if last.content == *held {
            settled = rest.iter().all(|value| value.content == *held);
            fates.extend(rest.iter().map(|value| not_sent(value, held)));
        } else {
            let same = rest.iter().take_while(|value| value.content == *held).count();
            fates.resize(fates.len() + same, Fate::Unchanged);
            fates.resize(expected.len(), Fate::Missing);
            // It did arrive, and something that should not have come undid it.
            if let Some(fate @ Fate::Delivered(_)) = fates.last_mut() {
                *fate = Fate::Missing;
            }
        }
    }
    Alignment { fates, breaks, settled }
}

fn not_sent<C: PartialEq>(value: &Expected<C>, held: &C) -> Fate {
    if value.content == *held { Fate::Unchanged } else { Fate::Superseded }
}

/// Whether the content is the value that was refused last.
fn refused_before<C: PartialEq>(expected: &[Expected<C>], fates: &[Fate], content: &C) -> bool {
    fates.last() == Some(&Fate::Failed) && expected.get(fates.len() - 1).is_some_and(|value| value.content == *content)
}

/// Aligns the log of a key: every expected value must come, in order.
pub fn align_log<C: PartialEq>(expected: &[Expected<C>], observed: &[Observed<C>]) -> Alignment {
    let mut fates = vec![Fate::Missing; expected.len()];
    let mut breaks = Vec::new();
    let mut next = 0;
    let mut previous = None;
    // By id: the first observation, and the expected value that it stands for.
    let mut known: HashMap<&str, (usize, Option<usize>)> = HashMap::new();
    for (index, seen) in observed.iter().enumerate() {
        if let Some(&(first, place)) = known.get(seen.id.as_str()) {
            if observed[first].content != seen.content {
                breaks.push(Break { observed: index, after: Some(first), why: Why::OtherContent });
            } else if let (true, Some(place)) = (seen.accepted, place)
                && fates[place] == Fate::Failed
            {
                fates[place] = Fate::Delivered(seen.at_ms);
            }
            continue;
        }
        let fate = if seen.accepted { Fate::Delivered(seen.at_ms) } else { Fate::Failed };
        let explains = |value: &Expected<C>| value.content == seen.content && value.begun_ms <= seen.at_ms;
        let place = if let Some(skipped) = expected[next..].iter().position(explains) {
            next += skipped + 1;
            Some(next - 1)
        } else {
            let overtaken = (0..next).find(|&at| fates[at] == Fate::Missing && explains(&expected[at]));
            let why = match overtaken {
                Some(_) => Why::Late,
                None if expected.iter().any(explains) => Why::Twice,
                None => Why::Invented,
            };
            breaks.push(Break { observed: index, after: previous, why });
            overtaken
        };
        if let Some(place) = place {
            fates[place] = fate;
        }
        known.insert(&seen.id, (index, place));
        previous = Some(index);
    }
    Alignment { fates, breaks, settled: true }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `.` stands for "the destination holds nothing".
    fn states(expected: &str, observed: &str) -> Alignment {
        align_states(&'.', &wanted(expected), &seen(observed))
    }

    fn log(expected: &str, observed: &[(&str, char)]) -> Alignment {
        let observed: Vec<_> = observed
            .iter()
            .zip(100..)
            .map(|(&(id, content), at_ms)| Observed { content, id: id.into(), at_ms, accepted: true })
            .collect();
        align_log(&wanted(expected), &observed)
    }

    fn wanted(contents: &str) -> Vec<Expected<char>> {
        contents.chars().zip(0..).map(|(content, begun_ms)| Expected { content, begun_ms }).collect()
    }

    /// A capital letter is taken, a small one refused.
    fn seen(contents: &str) -> Vec<Observed<char>> {
        let one = |(content, at_ms): (char, i64)| Observed {
            content: content.to_ascii_uppercase(),
            id: String::new(),
            at_ms,
            accepted: !content.is_ascii_lowercase(),
        };
        contents.chars().zip(100..).map(one).collect()
    }

    /// One letter a fate: Delivered, Unchanged, Superseded, Failed, Missing.
    fn letters(alignment: &Alignment) -> String {
        let letter = |fate: &Fate| match fate {
            Fate::Delivered(_) => 'D',
            Fate::Unchanged => 'U',
            Fate::Superseded => 'S',
            Fate::Failed => 'F',
            Fate::Missing => 'M',
        };
        alignment.fates.iter().map(letter).collect()
    }

    fn whys(alignment: &Alignment) -> Vec<Why> {
        alignment.breaks.iter().map(|found| found.why).collect()
    }

    #[test]
    fn states_worked_out_by_hand() {
        for (expected, observed, fates, settled) in [
            ("", "", "", true),
            ("A", "A", "D", true),
            ("ABC", "ABC", "DDD", true),
            ("ABC", "AABBBC", "DDD", true), // repeats of the last value
            ("ABC", "C", "SSD", true),      // collapsed
            ("AAB", "AB", "DUD", true),     // the second is held already
            ("ABA", "ABA", "DDD", true),    // a value recurs
            ("ABA", "A", "DSU", false),     // and may still be on its way
            ("ABAC", "AC", "DSUD", true),
            ("A.", "", "SU", false), // came and left within one frame
            ("A.A", "A.A", "DDD", true),
            ("A.", ".", "SD", true), // removing what was never sent
            ("A.B", "AB", "DSD", true),
            ("AB", "", "MM", true),
            ("ABC", "A", "DMM", true),
            ("AAB", "A", "DUM", true),
            ("AB", "Ab", "DF", true), // refused for good
            ("AB", "AbbB", "DD", true),
            ("ABC", "AbC", "DFD", true),
            ("ABA", "Ab", "DFU", true),
        ] {
            let alignment = states(expected, observed);
            assert_eq!(letters(&alignment), fates, "{expected} {observed}");
            assert_eq!(alignment.breaks, [], "{expected} {observed}");
            assert_eq!(alignment.settled, settled, "{expected} {observed}");
        }
    }

    #[test]
    fn states_out_of_order_are_seen() {
        let stale = states("AB", "ABA");
        assert_eq!(stale.breaks, [Break { observed: 2, after: Some(1), why: Why::Late }]);
        assert_eq!(letters(&stale), "DM", "the destination does not hold B any more");
        let mended = states("ABC", "ABAC");
        assert_eq!((letters(&mended).as_str(), whys(&mended)), ("DDD", vec![Why::Late]));
        assert_eq!(whys(&states("AB", "BA")), [Why::Late]);
        assert_eq!(whys(&states("AB", "AXB")), [Why::Invented]);
        assert_eq!(whys(&states("", "X")), [Why::Invented]);
        assert_eq!(whys(&states("A", ".A")), [Why::Invented], "removed for no reason");
        assert_eq!(whys(&states("A.B", ".AB")), [Why::Late]);
        assert_eq!(whys(&states("AB", "Ax")), [Why::Invented], "refused, but sent all the same");
    }

    #[test]
    fn a_value_cannot_arrive_before_it_is_written() {
        // A again before the second A was written: the first one, late.
        let expected = [('A', 0), ('B', 10), ('A', 500)].map(|(content, begun_ms)| Expected { content, begun_ms });
        assert_eq!(whys(&align_states(&'.', &expected, &seen("ABA"))), [Why::Late]);
    }

    #[test]
    fn logs_worked_out_by_hand() {
        assert_eq!(letters(&log("AAB", &[("1", 'A'), ("2", 'A'), ("3", 'B')])), "DDD");
        let repeated = log("AB", &[("1", 'A'), ("2", 'B'), ("1", 'A'), ("2", 'B')]);
        assert_eq!((letters(&repeated).as_str(), whys(&repeated)), ("DD", vec![]));
        let waiting = log("ABC", &[("1", 'A'), ("3", 'C')]);
        assert_eq!((letters(&waiting).as_str(), whys(&waiting)), ("DMD", vec![]));
        let swapped = log("ABC", &[("1", 'A'), ("3", 'C'), ("2", 'B')]);
        assert_eq!((letters(&swapped).as_str(), whys(&swapped)), ("DDD", vec![Why::Late]));
        let twice = log("AB", &[("1", 'A'), ("2", 'B'), ("9", 'B')]);
        assert_eq!((letters(&twice).as_str(), whys(&twice)), ("DD", vec![Why::Twice]));
        assert_eq!(whys(&log("AB", &[("1", 'A'), ("1", 'B')])), [Why::OtherContent]);
        assert_eq!(whys(&log("A", &[("1", 'X')])), [Why::Invented]);
        assert_eq!(letters(&log("AB", &[("1", 'A')])), "DM");
    }

    /// A sequence of few distinct values, so that they recur; `.` among them.
    fn any_sequence() -> impl Strategy<Value = Vec<char>> {
        proptest::collection::vec(prop_oneof![Just('A'), Just('B'), Just('C'), Just('.')], 0..20)
    }

    /// What an order-keeping sender may make of a sequence: cuts it into frames (a bit for each value: the frame ends
    /// here), sends the last value of each unless it is held, and repeats what it sent.
    fn deliver(expected: &[char], cuts: &[bool], repeats: &[bool]) -> String {
        let (mut held, mut sent) = ('.', String::new());
        for (at, &value) in expected.iter().enumerate() {
            if (cuts[at] || at + 1 == expected.len()) && value != held {
                held = value;
                sent.push(value);
                if repeats[at] {
                    sent.push(value);
                }
            }
        }
        sent
    }

    fn any_delivery() -> impl Strategy<Value = (String, String)> {
        let bits = || proptest::collection::vec(any::<bool>(), 20);
        (any_sequence(), bits(), bits()).prop_map(|(expected, cuts, repeats)| {
            let sent = deliver(&expected, &cuts, &repeats);
            (expected.into_iter().collect(), sent)
        })
    }

    /// The definition, without regard to speed: which folded sequences are explained at all.
    fn is_valid(expected: &str, observed: &str) -> bool {
        let mut folded: Vec<char> = observed.chars().collect();
        folded.dedup();
        let mut rest = expected.chars();
        folded.last().unwrap_or(&'.') == &expected.chars().last().unwrap_or('.')
            && folded.iter().all(|value| rest.any(|other| other == *value))
    }

    fn is_accepted(alignment: &Alignment) -> bool {
        alignment.breaks.is_empty() && !alignment.fates.contains(&Fate::Missing)
    }

    proptest! {
        #[test]
        fn what_an_orderly_sender_sends_is_accepted((expected, sent) in any_delivery()) {
            let alignment = states(&expected, &sent);
            prop_assert!(is_accepted(&alignment), "{expected} {sent} {alignment:?}");
            let mut folded: Vec<char> = sent.chars().collect();
            folded.dedup();
            prop_assert_eq!(letters(&alignment).matches('D').count(), folded.len());
        }

        #[test]
        fn every_prefix_of_an_orderly_delivery_keeps_the_order((expected, sent) in any_delivery(), cut in 0usize..40) {
            let part: String = sent.chars().take(cut).collect();
            prop_assert_eq!(states(&expected, &part).breaks, []);
        }

        #[test]
        fn exactly_the_valid_is_accepted(expected in any_sequence(), observed in any_sequence()) {
            let (expected, observed): (String, String) = (expected.iter().collect(), observed.iter().collect());
            let alignment = states(&expected, &observed);
            prop_assert_eq!(is_accepted(&alignment), is_valid(&expected, &observed), "{} {}", expected, observed);
            prop_assert_eq!(alignment.fates.len(), expected.len());
        }

        #[test]
        fn a_swap_an_invention_and_a_missing_end_are_seen((expected, sent) in any_delivery(), at in 0usize..40) {
            let values: Vec<char> = sent.chars().collect();
            if !values.is_empty() {
                let at = at % values.len();
                let mut invented = values.clone();
                invented.insert(at, 'X');
                let invented: String = invented.iter().collect();
                prop_assert!(whys(&states(&expected, &invented)).starts_with(&[Why::Invented]));

                let mut swapped = values.clone();
                swapped.swap(at, values.len() - 1);
                let swapped: String = swapped.iter().collect();
                prop_assert_eq!(is_accepted(&states(&expected, &swapped)), is_valid(&expected, &swapped));

                let mut cut = values;
                let last = cut.pop();
                while cut.last() == last.as_ref() {
                    cut.pop();
                }
                let cut: String = cut.iter().collect();
                prop_assert!(letters(&states(&expected, &cut)).ends_with('M'));
            }
        }

        #[test]
        fn a_log_takes_every_event_once_and_in_order(
            contents in any_sequence(),
            repeats in proptest::collection::vec(0usize..20, 0..20),
        ) {
            let expected: String = contents.iter().collect();
            let ids: Vec<String> = (0..contents.len()).map(|at| at.to_string()).collect();
            let mut sent: Vec<(&str, char)> = ids.iter().map(String::as_str).zip(contents.iter().copied()).collect();
            // A repeat may come at any time after its event.
            for (late, from) in repeats.iter().enumerate().filter(|(_, from)| **from < contents.len()) {
                let at = (from + 1 + late).min(sent.len());
                if sent[..at].iter().any(|(id, _)| *id == ids[*from]) {
                    sent.insert(at, (&ids[*from], contents[*from]));
                }
            }
            let alignment = log(&expected, &sent);
            prop_assert!(is_accepted(&alignment), "{expected} {sent:?}");
            prop_assert!(letters(&alignment).chars().all(|letter| letter == 'D'));
        }

        #[test]
        fn a_log_sees_what_is_lost_and_what_is_swapped(count in 2usize..15, at in 0usize..15) {
            // All different, so that each fault has one meaning.
            let expected: String = ('A'..='Z').take(count).collect();
            let ids: Vec<String> = (0..count).map(|at| at.to_string()).collect();
            let sent: Vec<(&str, char)> = ids.iter().map(String::as_str).zip(expected.chars()).collect();
            let at = at % (count - 1);

            let mut swapped = sent.clone();
            swapped.swap(at, at + 1);
            prop_assert_eq!(whys(&log(&expected, &swapped)), [Why::Late]);

            let mut lost = sent;
            lost.remove(at);
            let alignment = log(&expected, &lost);
            prop_assert_eq!(alignment.fates[at], Fate::Missing);
            prop_assert_eq!(alignment.breaks, []);
        }
    }
}
