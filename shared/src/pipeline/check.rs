//! From a document to a pipeline: everything that can be told without an event.

use indexmap::IndexMap;
use toml::Spanned;

use super::{
    Field, Pipeline,
    document::{Document, FieldLine, is_policy},
    known::{Known, KnownDestination},
    lookup::{self, Lookup},
    policy::{OnDelete, OnLeave, OnNull},
    problem::Findings,
};
use crate::{
    delivery::Removes,
    destination::{self, Action, Cause, Connector, Mode},
    expression::Expression,
    nearest::did_you_mean,
    value::Name,
};

/// How long a pipeline's name may be: it is part of keys in the ledger.
const MAX_NAME: usize = 64;

/// The expressions of a document, as far as they compile.
#[derive(Debug)]
pub(super) struct Compiled {
    pub lookups: Vec<Lookup>,
    pub when: Option<Expression>,
    pub fields: IndexMap<Name, Field>,
}

impl Document {
    /// Compiles what is an expression.
    pub fn compile(&self, known: &Known, found: &mut Findings<'_>) -> Compiled {
        let lookups = lookup::check(&self.lookups, known, found);
        let names: Vec<&str> = self.lookups.iter().map(|lookup| lookup.name.get_ref().as_str()).collect();
        let when = self.when.as_ref().and_then(|when| {
            Expression::compile(when.get_ref(), &names)
                .map_err(|error| found.problem(when.span().start, format!("when: {error}")))
                .ok()
        });
        let on_null = self.on_null.as_ref().map(|policy| *policy.get_ref()).unwrap_or_default();
        let field = |(name, line): (&String, &FieldLine)| match Expression::compile(line.value.get_ref(), &names) {
            Ok(expression) => {
                let on_null = line.on_null.as_ref().map_or(on_null, |policy| *policy.get_ref());
                let personal = line.personal.unwrap_or_else(|| self.is_personal(name, known));
                Some((Name::from(name.as_str()), Field { expression, on_null, personal }))
            }
            Err(_) if is_policy(name) => {
                let message =
                    format!("`{name}` stands below [fields], so it is taken for a field; move it above [fields]");
                found.problem(line.at, message);
                None
            }
            Err(error) => {
                found.problem(line.value.span().start, format!("the field `{name}`: {error}"));
                None
            }
        };
        Compiled { lookups, when, fields: self.fields.iter().filter_map(field).collect() }
    }

    /// Whether the connector's file says that a field's values say something of a person.
    fn is_personal(&self, field: &str, known: &Known) -> bool {
        let named = self.destination.as_ref().and_then(|name| known.destination(name.get_ref()));
        let connector = named.and_then(|named| destination::connector(&named.connector).ok());
        let action = connector.zip(self.action.as_ref()).and_then(|(connector, name)| connector.action(name.get_ref()));
        let field = action.and_then(|action| action.fields.iter().find(|known| known.name == field));
        field.is_some_and(destination::Field::is_personal)
    }

    /// Checks what the document names, and makes the pipeline of it where nothing is missing.
    pub fn pipeline(
        &self,
        compiled: Compiled,
        version: u64,
        known: &Known,
        found: &mut Findings<'_>,
    ) -> Option<Pipeline> {
        if let Some(name) = &self.name
            && !is_name(name.get_ref())
        {
            found.problem(
                name.span().start,
                format!(
                    "the name {:?} has to be of lower-case letters, digits and dashes, beginning with a letter, at most \
                     {MAX_NAME}: such as \"customers-to-hubspot\"",
                    name.get_ref()
                ),
            );
        }
        let source = named("source", self.source.as_ref(), known.sources.iter().map(String::as_str), found);
        if let (Some(reason), Some(action)) = (&known.unguessed, &self.action) {
            found.problem(action.span().start, reason.clone());
            return None;
        }
        let destinations = known.destinations.iter().map(|destination| destination.name.as_str());
        let destination = named("destination", self.destination.as_ref(), destinations, found);
        // Without a known destination there is nothing to check the action against; that has been reported.
        let destination = known.destination(&destination?)?;
        let connector = destination::connector(&destination.connector);
        let connector = connector.map_err(|error| found.problem(0, error.to_string())).ok()?;
        let action = action(self.action.as_ref()?, connector, found)?;
        self.removals(action, found);
        self.nulls(action, connector, destination, found);
        self.mapped(action, connector, destination, found);
        let value = |word: &Option<Spanned<OnDelete>>| word.as_ref().map(|word| *word.get_ref());
        let on_delete = value(&self.on_delete).unwrap_or_default();
        Some(Pipeline {
            name: self.name.as_ref()?.get_ref().clone(),
            version,
            source: source?,
            destination: destination.name.clone(),
            action: action.name().to_owned(),
            mode: action.mode,
            description: self.description.as_ref().map(|text| text.get_ref().clone()),
            managed_by: self.managed_by.as_ref().map(|word| *word.get_ref()),
            on_drift: self.on_drift.as_ref().map(|word| *word.get_ref()).unwrap_or_default(),
            when: compiled.when,
            on_leave: self.on_leave.as_ref().map(|word| *word.get_ref()).unwrap_or_default(),
            on_delete,
            on_expire: value(&self.on_expire).unwrap_or(on_delete),
            removes: self.removes(),
            lookups: compiled.lookups,
            fields: compiled.fields,
        })
    }

    fn removes(&self) -> Removes {
        self.removes.as_ref().map(|word| *word.get_ref()).unwrap_or_default()
    }

    fn removals(&self, action: &Action, found: &mut Findings<'_>) {
        if let Some(leave) = &self.on_leave {
            let step = OnLeave::step(*leave.get_ref());
            if let Err(reason) = action.permits(Cause::Left, step, self.removes()) {
                found.problem(leave.span().start, reason);
            }
        }
        for (cause, line) in [(Cause::Deleted, &self.on_delete), (Cause::Expired, &self.on_expire)] {
            let Some(line) = line else { continue };
            if (action.mode, *line.get_ref()) == (Mode::Upsert, OnDelete::Send) {
                let message = format!(
                    "the action {} keeps rows in step and sends no events; write {} = \"ignore\", or what it can do \
                     with a row",
                    action.name(),
                    cause.setting()
                );
                found.problem(line.span().start, message);
            } else if let Err(reason) = action.permits(cause, line.get_ref().step(), self.removes()) {
                found.problem(line.span().start, reason);
            }
        }
    }

    /// A promise to keep what is there has to be one that the destination keeps.
    fn nulls(&self, action: &Action, connector: &Connector, destination: &KnownDestination, found: &mut Findings<'_>) {
        let match_field = destination.settings.as_ref().and_then(|settings| connector.match_field(action, settings));
        let Err(reason) = action.keeps_what_is_not_sent(match_field.as_deref()) else { return };
        let lines = self.fields.values().filter_map(|line| line.on_null.as_ref());
        for policy in self.on_null.iter().chain(lines).filter(|policy| *policy.get_ref() == OnNull::Keep) {
            found.problem(
                policy.span().start,
                format!("{reason}; write on_null = \"clear\" (it is sent as null) or \"omit\" (it is not sent)"),
            );
        }
    }

    /// The fields by what the action takes, and those that it needs.
    fn mapped(&self, action: &Action, connector: &Connector, destination: &KnownDestination, found: &mut Findings<'_>) {
        // That nothing is mapped has been reported.
        if self.fields.is_empty() {
            return;
        }
        let known = || action.fields.iter().map(|field| field.name.as_str());
        for (name, line) in self.fields.iter().filter(|(name, _)| action.field(name).is_none()) {
            let near = did_you_mean(name, known());
            match (action.other_fields, near) {
                (false, near) => {
                    let mend = near.unwrap_or_else(|| format!("it has {}", known().collect::<Vec<_>>().join(", ")));
                    found.problem(line.at, format!("the action {} has no field `{name}`; {mend}", action.name()));
                }
                (true, Some(near)) => {
                    let message = format!(
                        "`{name}` is none of the fields that {} is known to have, and is sent as one of your own; {near}",
                        connector.name
                    );
                    found.warning(line.at, message);
                }
                (true, None) => {}
            }
        }
        for field in action.fields.iter().filter(|field| field.required && !self.fields.contains_key(&field.name)) {
            let (name, help) = (&field.name, in_a_sentence(&field.help));
            let message = format!(
                "the action {} needs the field `{name}` ({help}); add a line such as {name} = \"{}\"",
                action.name(),
                field.mapping()
            );
            found.problem(self.fields_at, message);
        }
        let match_field = destination.settings.as_ref().and_then(|settings| connector.match_field(action, settings));
        if let Some(name) = match_field
            && !self.fields.contains_key(&name)
            && !action.field(&name).is_some_and(|field| field.required)
        {
            let mapping = action.field(&name).map_or_else(|| format!("after.{name}"), destination::Field::mapping);
            let message = format!(
                "{} tells rows by `{name}`, which is not mapped; add a line such as {name} = \"{mapping}\"",
                connector.name
            );
            found.problem(self.fields_at, message);
        }
    }
}

/// A field's help within a sentence.
fn in_a_sentence(help: &str) -> String {
    let help = help.trim_end_matches('.');
    let mut letters = help.chars();
    match (letters.next(), letters.clone().next()) {
        // A name or an abbreviation stays as it is.
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => help.to_owned(),
    }
}

/// The name, which the stack has to have.
fn named<'k>(
    what: &str,
    name: Option<&Spanned<String>>,
    known: impl Iterator<Item = &'k str> + Clone,
    found: &mut Findings<'_>,
) -> Option<String> {
    let name = name?;
    if !known.clone().any(|other| other == name.get_ref()) {
        let mut names: Vec<&str> = known.clone().collect();
        names.sort_unstable();
        let mend = did_you_mean(name.get_ref(), known).unwrap_or_else(|| {
            format!("there is {}", if names.is_empty() { "none".to_owned() } else { names.join(", ") })
        });
        let message = format!("there is no {what} `{}` in this stack; {mend}", name.get_ref());
        found.problem(name.span().start, message);
    }
    Some(name.get_ref().clone())
}

fn action<'c>(name: &Spanned<String>, connector: &'c Connector, found: &mut Findings<'_>) -> Option<&'c Action> {
    let action = connector.action(name.get_ref());
    if action.is_none() {
        let names: Vec<&str> = connector.actions.iter().map(Action::name).collect();
        let mend = did_you_mean(name.get_ref(), names.iter().copied())
            .unwrap_or_else(|| format!("it has {}", names.join(", ")));
        found.problem(name.span().start, format!("{} has no action `{}`; {mend}", connector.slug(), name.get_ref()));
    }
    action
}

/// Lower-case letters, digits and dashes, beginning with a letter.
fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
