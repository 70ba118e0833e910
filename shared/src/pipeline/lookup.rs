//! Lookups: rows of other tables that a pipeline's expressions can use.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::Deserialize;
use toml::Spanned;

use super::{Known, Pipeline, document::Check};
use crate::{
    expression::{Expression, ExpressionError, Scope},
    lookup::{Found, KeyAttributes, RowKey, Rows},
    nearest::suggestion,
    value::Value,
};

/// How many lookups a pipeline may have: each can be a round of reads that the batch waits for.
const MOST: usize = 8;

/// The lookups of a document, by name.
pub(super) type LookupDocuments = IndexMap<Spanned<String>, LookupDocument>;

/// A lookup as a person writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LookupDocument {
    table: Spanned<String>,
    key: Spanned<IndexMap<Spanned<String>, Spanned<String>>>,
    #[serde(default)]
    on_missing: OnMissing,
}

/// What happens to an event whose row is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OnMissing {
    /// It does not match the filter.
    Skip,
    /// The row, and each field of it, is null.
    #[default]
    Without,
    /// It becomes a failure.
    Fail,
}

/// A lookup that has been checked against its table.
#[derive(Debug)]
pub(super) struct Lookup {
    name: String,
    table: String,
    attributes: KeyAttributes,
    key: Vec<(String, Expression)>,
    on_missing: OnMissing,
    /// The lookups that the key is made of.
    needs: Vec<String>,
}

/// What looking up for an event came to.
pub(super) enum Looked {
    /// These rows have to be read first.
    Unread(Vec<RowKey>),
    /// A row is missing without which the event does not match.
    Skipped,
    /// The event's scope, with the rows in it.
    Scope(Scope),
}

/// Whether missing rows count as the pipeline says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// They do.
    AsWritten,
    /// They are null, whatever it says: the event is to take away what was sent.
    Null,
}

impl Lookup {
    /// The key of the event's row; `None` where the event does not say which.
    fn key(&self, scope: &Scope) -> Result<Option<RowKey>, ExpressionError> {
        let told = |reason: String| ExpressionError { message: format!("the lookup `{}`: {reason}", self.name) };
        let mut values: BTreeMap<&str, Value> = BTreeMap::new();
        for (attribute, expression) in &self.key {
            let value = expression.evaluate_if_there(scope).map_err(|error| told(error.message))?;
            values.extend(value.map(|value| (attribute.as_str(), value)));
        }
        RowKey::of(&self.table, &self.attributes, |name| values.get(name)).map_err(told)
    }
}

impl Pipeline {
    /// Whether it needs rows of other tables.
    pub fn has_lookups(&self) -> bool {
        !self.lookups.is_empty()
    }

    /// Whether the filter depends on rows that change without the event's: it uses one, or skips events without one.
    pub(super) fn filters_by_lookup(&self) -> bool {
        self.when_looks_up() || self.lookups.iter().any(|lookup| lookup.on_missing == OnMissing::Skip)
    }

    /// Whether `when` uses a lookup.
    pub(super) fn when_looks_up(&self) -> bool {
        let when = self.when.as_ref();
        when.is_some_and(|when| self.lookups.iter().any(|lookup| when.uses(&lookup.name)))
    }

    /// Puts the rows into the event's scope. What it comes to depends on the rows alone, not on how many of them have
    /// been read: a row to skip by weighs more than an error, and an error is told when all are read.
    pub(super) fn look_up(&self, scope: &Scope, rows: &Rows, missing: Missing) -> Result<Looked, ExpressionError> {
        let mut seen = scope.clone();
        let mut unread = Vec::new();
        let mut unknown: Vec<&str> = Vec::new();
        let mut error = None;
        for lookup in &self.lookups {
            if lookup.needs.iter().any(|need| unknown.contains(&need.as_str())) {
                unknown.push(&lookup.name);
                continue;
            }
            let row = match lookup.key(&seen) {
                Ok(Some(key)) => match rows.find(&lookup.name, &key) {
                    Found::Unread => {
                        unknown.push(&lookup.name);
                        if !unread.contains(&key) {
                            unread.push(key);
                        }
                        continue;
                    }
                    Found::Missing => None,
                    Found::Row(row) => Some(row),
                },
                Ok(None) => None,
                Err(wrong) => {
                    unknown.push(&lookup.name);
                    error.get_or_insert(wrong);
                    continue;
                }
            };
            if row.is_none() && missing == Missing::AsWritten {
                match lookup.on_missing {
                    OnMissing::Skip => return Ok(Looked::Skipped),
                    OnMissing::Without => {}
                    OnMissing::Fail => {
                        error.get_or_insert_with(|| ExpressionError {
                            message: format!(
                                "the lookup `{}` found no row in the table `{}`; add the row and redrive, or write \
                                 on_missing = \"without\" or \"skip\" for it",
                                lookup.name, lookup.table
                            ),
                        });
                    }
                }
            }
            seen = seen.with_row(&lookup.name, row);
        }
        match error {
            _ if !unread.is_empty() => Ok(Looked::Unread(unread)),
            Some(error) => Err(error),
            None => Ok(Looked::Scope(seen)),
        }
    }
}

impl Check<'_> {
    /// Checks a document's lookups; answers them in the order in which they are read.
    pub(super) fn lookups(&mut self, documents: &LookupDocuments, known: &Known) -> Vec<Lookup> {
        let names: Vec<&str> = documents.keys().map(|name| name.get_ref().as_str()).collect();
        let mut lookups = Vec::with_capacity(documents.len());
        for (index, (name, document)) in documents.iter().enumerate() {
            let at = name.span().start;
            if index == MOST {
                let message = format!("the lookup `{}` is one too many; a pipeline has at most {MOST}", name.get_ref());
                self.problem(at, message);
            }
            self.lookup_name(at, name.get_ref());
            let attributes = self.lookup_table(document, known);
            let mut key = Vec::new();
            for (attribute, text) in document.key.get_ref() {
                let what = format!("lookups.{}.key.{}", name.get_ref(), attribute.get_ref());
                let expression = self.expression(&what, text, &names);
                key.extend(expression.map(|expression| (attribute.get_ref().clone(), expression)));
            }
            let uses = |other: &&&str| key.iter().any(|(_, expression)| expression.uses(other));
            lookups.push(Lookup {
                needs: names.iter().filter(uses).map(|other| (*other).to_owned()).collect(),
                name: name.get_ref().clone(),
                table: document.table.get_ref().clone(),
                attributes,
                key,
                on_missing: document.on_missing,
            });
        }
        self.in_order(lookups, documents)
    }

    /// A name has to be one that expressions can use, and that means nothing else there.
    fn lookup_name(&mut self, at: usize, name: &str) {
        let is_word = name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !is_word {
            let message = format!(
                "the lookup `{name}` has to be named with lower-case letters, digits and underscores, beginning with a \
                 letter: such as `account`"
            );
            self.problem(at, message);
        } else if Expression::compile(name, &[]).is_ok() || Expression::compile(name, &[name]).is_err() {
            let message =
                format!("the lookup `{name}` would hide what `{name}` means in expressions; name it otherwise");
            self.problem(at, message);
        }
    }

    /// The key attributes of the lookup's table, each of which the key has to name.
    fn lookup_table(&mut self, document: &LookupDocument, known: &Known) -> KeyAttributes {
        let table = document.table.get_ref();
        let Some(attributes) = known.lookup_tables.get(table) else {
            let tables = known.lookup_tables.keys().map(String::as_str);
            let hint = suggestion(table, tables.clone());
            let there = match tables.collect::<Vec<_>>() {
                none if none.is_empty() => {
                    "none; tables are declared as `lookup_tables` in the stack's variables".to_owned()
                }
                tables => tables.join(", "),
            };
            let message = format!("there is no lookup table `{table}` in this stack{hint}; there is {there}");
            self.problem(document.table.span().start, message);
            return KeyAttributes::new();
        };
        let key = document.key.get_ref();
        let names = attributes.keys().map(String::as_str);
        for attribute in key.keys().filter(|attribute| !attributes.contains_key(attribute.get_ref())) {
            let attribute_name = attribute.get_ref();
            let hint = suggestion(attribute_name, names.clone());
            let all = names.clone().collect::<Vec<_>>().join(" and ");
            let message = format!(
                "the table `{table}` has no key attribute `{attribute_name}`{hint}; its rows are found by {all}"
            );
            self.problem(attribute.span().start, message);
        }
        for missing in names.filter(|name| !key.keys().any(|attribute| attribute.get_ref() == name)) {
            let message = format!(
                "the rows of the table `{table}` are found by `{missing}` too; add it to the key, such as \
                 {missing} = \"after.{missing}\""
            );
            self.problem(document.key.span().start, message);
        }
        attributes.clone()
    }

    /// The lookups such that each stands behind those that its key needs.
    fn in_order(&mut self, mut left: Vec<Lookup>, documents: &LookupDocuments) -> Vec<Lookup> {
        let mut ordered: Vec<Lookup> = Vec::with_capacity(left.len());
        while let Some(next) =
            left.iter().position(|lookup| !left.iter().any(|other| lookup.needs.contains(&other.name)))
        {
            ordered.push(left.remove(next));
        }
        if let Some(first) = left.first() {
            // Each that is left needs another that is left, so that this way comes back to where it has been.
            let mut way = vec![first.name.as_str()];
            let back_at = loop {
                let here = way.last().copied().unwrap_or_default();
                let needs = left.iter().find(|lookup| lookup.name == here).map_or(&[][..], |lookup| &lookup.needs);
                let Some(next) = needs.iter().find(|need| left.iter().any(|other| other.name == **need)) else {
                    break 0;
                };
                way.push(next);
                if let Some(at) = way.iter().position(|name| name == next).filter(|at| *at + 1 < way.len()) {
                    break at;
                }
            };
            let circle = way[back_at..].iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" needs ");
            let at = documents.keys().find(|name| name.get_ref() == way[back_at]).map_or(0, |name| name.span().start);
            let message =
                format!("the lookups need each other: {circle}; take the key of one of them from the event alone");
            self.problem(at, message);
        }
        ordered
    }
}

#[cfg(test)]
mod tests;
