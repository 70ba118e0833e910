//! A table of a document, read key by key.
//!
//! By hand and not by `serde`, which stops at the first mistake: a person wants to know of all of them.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{policy::Word, problem::Findings};
use crate::nearest::did_you_mean;

/// A table of which each key is asked for; what nobody has asked for is a mistake.
#[derive(Debug)]
pub(super) struct Table<'d> {
    what: &'static str,
    entries: &'d DeTable<'d>,
    asked: Vec<&'static str>,
}

/// A text and where it stands.
pub(super) type Text = Spanned<String>;

impl<'d> Table<'d> {
    /// `what` names the table in messages: "a pipeline".
    pub fn new(what: &'static str, entries: &'d DeTable<'d>) -> Self {
        Self { what, entries, asked: Vec::new() }
    }

    /// The table of a value, or the problem that it is none.
    pub fn of(
        what: &'static str,
        key: &str,
        value: &'d Spanned<DeValue<'d>>,
        found: &mut Findings<'_>,
    ) -> Option<Self> {
        let entries = value.get_ref().as_table();
        if entries.is_none() {
            found.problem(value.span().start, format!("{key} is {}; write a table: [{key}]", kind(value.get_ref())));
        }
        entries.map(|entries| Self::new(what, entries))
    }

    /// The value of a key.
    pub fn value(&mut self, key: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.asked.push(key);
        self.entries.get(key)
    }

    /// A text; one that is blank is a problem.
    pub fn text(&mut self, key: &'static str, found: &mut Findings<'_>) -> Option<Text> {
        text(key, self.value(key)?, found)
    }

    /// A text that there has to be; `at` is where the table begins, and `example` a good line.
    pub fn required(&mut self, key: &'static str, at: usize, example: &str, found: &mut Findings<'_>) -> Option<Text> {
        if !self.has(key) {
            found.problem(at, format!("{} needs `{key}`; add a line such as {example}", self.what));
        }
        self.text(key, found)
    }

    /// True or false.
    pub fn flag(&mut self, key: &'static str, found: &mut Findings<'_>) -> Option<bool> {
        let value = self.value(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            let what = kind(value.get_ref());
            found.problem(value.span().start, format!("{key} is {what}; write {key} = true or {key} = false"));
        }
        flag
    }

    /// One of a few words.
    pub fn word<W: Word>(&mut self, key: &'static str, found: &mut Findings<'_>) -> Option<Spanned<W>> {
        let text = self.text(key, found)?;
        let words = || W::WORDS.iter().map(|(word, _)| *word);
        let meant = W::WORDS.iter().find(|(word, _)| word == text.get_ref());
        if meant.is_none() {
            let mend = did_you_mean(text.get_ref(), words()).unwrap_or_else(|| {
                format!("write one of {}", words().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", "))
            });
            found.problem(text.span().start, format!("{key} cannot be {:?}; {mend}", text.get_ref()));
        }
        meant.map(|(_, meant)| Spanned::new(text.span(), *meant))
    }

    /// Reports what was not asked for; false where there was something.
    pub fn finish(self, found: &mut Findings<'_>) -> bool {
        let unknown: Vec<_> = self.entries.keys().filter(|key| !self.asked.contains(&key.get_ref().as_ref())).collect();
        for key in &unknown {
            let mend = did_you_mean(key.get_ref(), self.asked.iter().copied())
                .unwrap_or_else(|| format!("it has {}", self.asked.join(", ")));
            found.problem(key.span().start, format!("{} has no `{}`; {mend}", self.what, key.get_ref()));
        }
        unknown.is_empty()
    }

    /// Whether a key is there.
    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }
}

/// The text of a value, or the problem that it is none.
pub(super) fn text(key: &str, value: &Spanned<DeValue<'_>>, found: &mut Findings<'_>) -> Option<Text> {
    let at = value.span().start;
    match value.get_ref() {
        DeValue::String(text) if text.trim().is_empty() => {
            found.problem(at, format!("{key} is empty; write something between the quotes, or take the line away"));
            None
        }
        DeValue::String(text) => Some(Spanned::new(value.span(), text.clone().into_owned())),
        other => {
            found.problem(at, format!("{key} is {}; write text in quotes: {key} = \"…\"", kind(other)));
            None
        }
    }
}

/// What a person calls this kind of TOML value.
pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
