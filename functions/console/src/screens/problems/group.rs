//! Failures with which the same is wrong, and which of them are meant.

use std::collections::HashMap;

use serde::Deserialize;
use shared::{
    digest,
    failure::{Listed, Selection, Stage, Standing},
    time::Timestamp,
};

/// How many failures of a group are listed.
const SHOWN: usize = 10;

/// Failures with which the same is wrong.
#[derive(Debug, PartialEq)]
pub struct Group {
    /// What is wrong, without what is another value each time.
    pub reason: String,
    /// What is wrong with the newest, as it was said; for who may not see people's values it is [`Group::reason`].
    pub title: String,
    pub pipeline: Option<String>,
    pub destination: Option<String>,
    pub stage: Stage,
    pub count: u64,
    pub newest: Timestamp,
    /// The newest.
    pub shown: Vec<Listed>,
}

impl Group {
    /// What names it in a form.
    pub fn filter(&self) -> Filter {
        Filter {
            pipeline: self.pipeline.clone().unwrap_or_default(),
            destination: self.destination.clone().unwrap_or_default(),
            stage: self.stage.as_str().to_owned(),
            reason: mark(&self.reason),
        }
    }
}

/// Which failures are meant: those of a group, or those of a pipeline, or all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// Of this pipeline. Of a group's, empty is none; else any.
    pub pipeline: String,
    /// For this destination, where a group is meant.
    pub destination: String,
    /// Where it failed, where a group is meant.
    pub stage: String,
    /// The mark of the group's reason; empty where none is meant.
    pub reason: String,
}

impl Filter {
    /// Whether one group is meant.
    pub fn is_of_group(&self) -> bool {
        !self.reason.is_empty()
    }

    /// As far as the table can tell.
    pub fn selection(&self) -> Selection {
        let pipeline = Some(&self.pipeline).filter(|pipeline| !pipeline.is_empty()).cloned();
        Selection { pipeline, ..Selection::default() }
    }

    /// Whether a failure goes the way that is meant, whatever is wrong with it.
    pub fn is_way_of(&self, failure: &Listed) -> bool {
        let is = |asked: &str, is: &Option<String>| is.as_deref().unwrap_or_default() == asked;
        if self.is_of_group() {
            is(&self.pipeline, &failure.pipeline)
                && is(&self.destination, &failure.destination)
                && self.stage == failure.stage.as_str()
        } else {
            self.pipeline.is_empty() || is(&self.pipeline, &failure.pipeline)
        }
    }

    /// Whether a failure is meant.
    pub fn takes(&self, failure: &Listed) -> bool {
        self.is_way_of(failure) && (!self.is_of_group() || mark(&pattern(&failure.reason)) == self.reason)
    }

    /// In words, for the audit log: never a value.
    pub fn words(&self) -> String {
        let parts = [("of", &self.pipeline), ("for", &self.destination), ("at", &self.stage)];
        let given = parts.into_iter().filter(|(_, part)| !part.is_empty());
        let parts = given.map(|(before, part)| format!("{before} {part}"));
        std::iter::once("failures".to_owned()).chain(parts).collect::<Vec<_>>().join(" ")
    }

    /// As a query.
    pub fn query(&self) -> String {
        let fields = [
            ("pipeline", &self.pipeline),
            ("destination", &self.destination),
            ("stage", &self.stage),
            ("reason", &self.reason),
        ];
        let given = fields.into_iter().filter(|(_, value)| !value.is_empty());
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish()
    }
}

/// Those that wait for a person.
pub fn open(selection: Selection) -> Selection {
    Selection { standing: Some(Standing::Open), ..selection }
}

/// The failures by what is wrong with them, the most first.
pub fn grouped(listed: Vec<Listed>) -> Vec<Group> {
    let mut groups: HashMap<_, Vec<Listed>> = HashMap::new();
    for failure in listed {
        let (pipeline, destination) = (failure.pipeline.clone(), failure.destination.clone());
        groups.entry((pattern(&failure.reason), pipeline, destination, failure.stage)).or_default().push(failure);
    }
    let groups = groups.into_iter().map(|((reason, pipeline, destination, stage), mut failures)| {
        let count = u64::try_from(failures.len()).unwrap_or(u64::MAX);
        let newest = failures.iter().map(|failure| failure.last_at).max().unwrap_or_default();
        failures.truncate(SHOWN);
        let title = failures.first().map(|failure| failure.reason.clone()).unwrap_or_default();
        Group { title, reason, pipeline, destination, stage, count, newest, shown: failures }
    });
    let mut groups: Vec<_> = groups.collect();
    groups.sort_by(|one, other| (other.count, other.newest, &one.reason).cmp(&(one.count, one.newest, &other.reason)));
    groups
}

/// Stands for a reason in forms and addresses: a vendor's words may be long, and may have people's data in them.
fn mark(reason: &str) -> String {
    digest::hex(reason.as_bytes()).chars().take(16).collect()
}

/// A reason without its numbers and what stands in quotes, which are another value each time.
fn pattern(reason: &str) -> String {
    let mut pattern = String::with_capacity(reason.len());
    let mut letters = reason.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if letters.clone().any(|later| later == '"') => {
                letters.by_ref().find(|later| *later == '"');
                pattern.push('…');
            }
            '0'..='9' => {
                while letters.next_if(char::is_ascii_digit).is_some() {}
                pattern.push('…');
            }
            letter => pattern.push(letter),
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_another_value_each_time_is_left_out() {
        for (reason, expected) in [
            ("HubSpot rejects it: 400", "HubSpot rejects it: …"),
            (r#"the e-mail "ada@x" is none"#, "the e-mail … is none"),
            (r#"an inch is 1""#, r#"an inch is …""#),
            ("the field `email`: `after.email` is null", "the field `email`: `after.email` is null"),
        ] {
            assert_eq!(pattern(reason), expected);
        }
    }

    fn listed(pipeline: Option<&str>, stage: Stage, reason: &str) -> Listed {
        let at = Timestamp::from_millis(0);
        Listed {
            id: "f".to_owned(),
            stage,
            standing: Standing::Open,
            reason: reason.to_owned(),
            pipeline: pipeline.map(str::to_owned),
            destination: None,
            times: 1,
            first_at: at,
            last_at: at,
        }
    }

    #[test]
    fn a_groups_filter_takes_the_group_and_nothing_else() {
        let one = listed(Some("p"), Stage::Deliver, "row 1 is refused");
        let [group] = grouped(vec![one.clone()]).try_into().unwrap();
        let filter = group.filter();
        for (failure, is_taken, is_way) in [
            (one, true, true),
            (listed(Some("p"), Stage::Deliver, "row 2 is refused"), true, true),
            (listed(Some("p"), Stage::Deliver, "it is too large"), false, true),
            (listed(Some("q"), Stage::Deliver, "row 1 is refused"), false, false),
            (listed(None, Stage::Deliver, "row 1 is refused"), false, false),
            (listed(Some("p"), Stage::Transform, "row 1 is refused"), false, false),
        ] {
            assert_eq!((filter.takes(&failure), filter.is_way_of(&failure)), (is_taken, is_way), "{failure:?}");
        }
        assert_eq!(filter.words(), "failures of p at deliver");
        let of_none = grouped(vec![listed(None, Stage::Capture, "no")])[0].filter();
        assert!(of_none.takes(&listed(None, Stage::Capture, "no")));
        assert!(!of_none.takes(&listed(Some("p"), Stage::Capture, "no")));
    }

    #[test]
    fn a_pipelines_filter_takes_whatever_is_wrong() {
        let filter = Filter { pipeline: "p".to_owned(), ..Filter::default() };
        assert!(
            filter.takes(&listed(Some("p"), Stage::Deliver, "a"))
                && filter.takes(&listed(Some("p"), Stage::Transform, "b"))
        );
        assert!(
            !filter.takes(&listed(Some("q"), Stage::Deliver, "a")) && !filter.takes(&listed(None, Stage::Deliver, "a"))
        );
        assert!(Filter::default().takes(&listed(None, Stage::Capture, "a")));
        assert_eq!(filter.query(), "pipeline=p");
    }
}
