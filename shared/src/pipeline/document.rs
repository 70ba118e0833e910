//! The document: what a person writes, and everything that can be wrong with it.

use std::collections::HashSet;

use indexmap::IndexMap;
use serde::Deserialize;
use toml::Spanned;

use super::{
    Known, PipelineError, Problem,
    lookup::{Lookup, LookupDocuments},
};
use crate::{
    delivery::{Removes, Step},
    destination::{self, Action, Cause, Mode},
    expression::Expression,
    nearest::suggestion,
};

/// A pipeline that has been checked against its destination, ready to run.
#[derive(Debug)]
pub struct Pipeline {
    /// Its name.
    pub name: String,
    /// Its version, from 1; 0 for a document that is not in the table.
    pub version: u64,
    /// The source that it reads.
    pub source: String,
    /// The destination that it sends to.
    pub destination: String,
    /// The destination's action.
    pub action: String,
    /// Whether the action appends (an event, a message) or keeps a row in step.
    pub mode: Mode,
    pub(super) when: Option<Expression>,
    pub(super) on_leave: OnLeave,
    pub(super) on_delete: OnDelete,
    pub(super) on_expire: OnDelete,
    pub(super) removes: Removes,
    pub(super) lookups: Vec<Lookup>,
    pub(super) fields: IndexMap<String, Expression>,
}

/// What happens at the destination when a row no longer matches the filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnLeave {
    /// What the destination holds stays.
    #[default]
    Keep,
    /// It is archived.
    Archive,
    /// It is deleted.
    Delete,
    /// It is erased.
    Erase,
    /// It stays, without what the pipeline has sent.
    Clear,
    /// It stays, and gets no messages.
    Unsubscribe,
}

/// What happens at the destination when a row is deleted, or expires by the table's time to live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnDelete {
    /// What the destination holds stays.
    #[default]
    Ignore,
    /// It is archived.
    Archive,
    /// It is deleted.
    Delete,
    /// It is erased.
    Erase,
    /// It stays, without what the pipeline has sent.
    Clear,
    /// It stays, and gets no messages.
    Unsubscribe,
    /// The delete is sent as an event of its own; for actions that append.
    Send,
}

impl OnLeave {
    pub(super) const fn step(self) -> Step {
        match self {
            Self::Keep => Step::Keep,
            Self::Archive => Step::Archive,
            Self::Delete => Step::Delete,
            Self::Erase => Step::Erase,
            Self::Clear => Step::Clear,
            Self::Unsubscribe => Step::Unsubscribe,
        }
    }
}

impl OnDelete {
    pub(super) const fn step(self) -> Step {
        match self {
            Self::Ignore => Step::Keep,
            Self::Archive => Step::Archive,
            Self::Delete => Step::Delete,
            Self::Erase => Step::Erase,
            Self::Clear => Step::Clear,
            Self::Unsubscribe => Step::Unsubscribe,
            Self::Send => Step::Apply,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    name: Spanned<String>,
    source: Spanned<String>,
    destination: Spanned<String>,
    action: Spanned<String>,
    when: Option<Spanned<String>>,
    on_leave: Option<Spanned<OnLeave>>,
    on_delete: Option<Spanned<OnDelete>>,
    on_expire: Option<Spanned<OnDelete>>,
    removes: Option<Removes>,
    #[serde(default)]
    lookups: LookupDocuments,
    fields: Spanned<IndexMap<String, Spanned<String>>>,
}

/// How long a pipeline's name may be: it is part of keys in the ledger.
const MAX_NAME: usize = 64;

impl Pipeline {
    /// Reads and checks a document; every mistake is reported at once. `place` is where the text comes from: a file's
    /// path, or the name in the table.
    pub fn parse(place: &str, text: &str, version: u64, known: &Known) -> Result<Self, PipelineError> {
        let mut check = Check { text, problems: Vec::new() };
        let pipeline = check.document().and_then(|document| check.pipeline(document, version, known));
        check.problems.sort_by_key(|problem| problem.line);
        match pipeline {
            Some(pipeline) if check.problems.is_empty() => Ok(pipeline),
            _ => Err(PipelineError { place: place.to_owned(), problems: check.problems }),
        }
    }
}

impl Pipeline {
    /// The source that a document names, even where the rest of it is wrong.
    pub fn source_of(text: &str) -> Option<String> {
        text.parse::<toml::Table>().ok()?.get("source")?.as_str().map(str::to_owned)
    }
}

pub(super) struct Check<'a> {
    text: &'a str,
    problems: Vec<Problem>,
}

impl Check<'_> {
    pub(super) fn problem(&mut self, at: usize, message: String) {
        let line = 1 + self.text.bytes().take(at).filter(|byte| *byte == b'\n').count();
        self.problems.push(Problem { line, message });
    }

    fn document(&mut self) -> Option<Document> {
        toml::from_str(self.text)
            .map_err(|error| {
                let at = error.span().map_or(0, |span| span.start);
                self.problem(at, error.message().to_owned());
            })
            .ok()
    }

    fn pipeline(&mut self, document: Document, version: u64, known: &Known) -> Option<Pipeline> {
        let at = document.name.span().start;
        let name = document.name.into_inner();
        if !is_name(&name) {
            self.problem(
                at,
                format!(
                    "the name {name:?} has to be of lower-case letters, digits and dashes, beginning with a letter, \
                     at most {MAX_NAME}: such as \"customers-to-hubspot\""
                ),
            );
        }
        let source = self.known("source", document.source, known.sources.iter().map(String::as_str));
        let destinations = known.destinations.iter().map(|(name, _)| name.as_str());
        let destination = self.known("destination", document.destination, destinations);
        let lookups = self.lookups(&document.lookups, known);
        let names: Vec<&str> = document.lookups.keys().map(|name| name.get_ref().as_str()).collect();
        let when = document.when.and_then(|when| self.expression("when", &when, &names));
        let mut fields = IndexMap::new();
        let fields_at = document.fields.span().start;
        for (field, text) in document.fields.get_ref() {
            if let Some(expression) = self.expression(field, text, &names) {
                fields.insert(field.clone(), expression);
            }
        }
        let connector = known.destinations.iter().find(|(name, _)| *name == destination).map(|(_, slug)| slug.as_str());
        // Without a known destination there is nothing to check the action against; that was reported above.
        let action = self.action(&document.action, destination::connector(connector?).ok()?)?;
        let (on_leave_at, on_leave) = unspan(document.on_leave);
        let (on_delete_at, on_delete) = unspan(document.on_delete);
        let expires = document.on_expire.is_some();
        let (on_expire_at, on_expire) = document.on_expire.map_or((0, on_delete), |it| unspan(Some(it)));
        let removes = document.removes.unwrap_or_default();
        self.leaves(action, on_leave_at, on_leave, removes);
        self.gone(action, Cause::Deleted, on_delete_at, on_delete, removes);
        if expires {
            self.gone(action, Cause::Expired, on_expire_at, on_expire, removes);
        }
        self.fields(action, document.fields.get_ref(), fields_at);
        Some(Pipeline {
            name,
            version,
            source,
            destination,
            action: action.name().to_owned(),
            mode: action.mode,
            when,
            on_leave,
            on_delete,
            on_expire,
            removes,
            lookups,
            fields,
        })
    }

    fn known<'k>(
        &mut self,
        what: &str,
        value: Spanned<String>,
        known: impl Iterator<Item = &'k str> + Clone,
    ) -> String {
        let at = value.span().start;
        let value = value.into_inner();
        if !known.clone().any(|other| other == value) {
            let mut names: Vec<&str> = known.clone().collect();
            names.sort_unstable();
            let hint = suggestion(&value, known);
            let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            self.problem(at, format!("there is no {what} `{value}` in this stack{hint}; there is {there}"));
        }
        value
    }

    /// An expression that may use the lookups of these names.
    pub(super) fn expression(&mut self, what: &str, text: &Spanned<String>, lookups: &[&str]) -> Option<Expression> {
        Expression::compile(text.get_ref(), lookups)
            .map_err(|error| self.problem(text.span().start, format!("{what}: {error}")))
            .ok()
    }

    fn action<'c>(&mut self, name: &Spanned<String>, connector: &'c destination::Connector) -> Option<&'c Action> {
        let found = connector.action(name.get_ref());
        if found.is_none() {
            let names: Vec<&str> = connector.actions.iter().map(Action::name).collect();
            let hint = suggestion(name.get_ref(), names.iter().copied());
            let slug = connector.slug();
            let message = format!("{slug} has no action `{}`{hint}; it has {}", name.get_ref(), names.join(", "));
            self.problem(name.span().start, message);
        }
        found
    }

    fn leaves(&mut self, action: &Action, at: usize, leave: OnLeave, removes: Removes) {
        if let Err(reason) = action.permits(Cause::Left, leave.step(), removes) {
            self.problem(at, reason);
        }
    }

    fn gone(&mut self, action: &Action, cause: Cause, at: usize, delete: OnDelete, removes: Removes) {
        if (action.mode, delete) == (Mode::Upsert, OnDelete::Send) {
            let message = format!(
                "the action {} keeps rows in step and sends no events; write {} = \"ignore\", or what it can do \
                 with a row",
                action.name(),
                cause.setting()
            );
            self.problem(at, message);
        } else if let Err(reason) = action.permits(cause, delete.step(), removes) {
            self.problem(at, reason);
        }
    }

    fn fields(&mut self, action: &Action, fields: &IndexMap<String, Spanned<String>>, fields_at: usize) {
        let known: HashSet<&str> = action.fields.iter().map(|field| field.name.as_str()).collect();
        for (name, text) in fields {
            if !action.other_fields && !known.contains(name.as_str()) {
                let hint = suggestion(name, known.iter().copied());
                self.problem(text.span().start, format!("{} has no field `{name}`{hint}", action.name()));
            }
        }
        for field in action.fields.iter().filter(|field| field.required && !fields.contains_key(&field.name)) {
            self.problem(
                fields_at,
                format!(
                    "{} needs the field `{name}`: {help}; add a line such as {name} = \"{mapping}\"",
                    action.name(),
                    name = field.name,
                    help = field.help,
                    mapping = field.mapping()
                ),
            );
        }
        if fields.is_empty() {
            self.problem(fields_at, "no field is mapped, so there would be nothing to send".to_owned());
        }
    }
}

fn unspan<T: Default>(value: Option<Spanned<T>>) -> (usize, T) {
    value.map_or_else(|| (0, T::default()), |value| (value.span().start, value.into_inner()))
}

/// Lower-case letters, digits and dashes, beginning with a letter.
pub(super) fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
