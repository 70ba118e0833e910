//! Lookups: rows of other tables that a pipeline's expressions can use.

use std::{borrow::Cow, collections::BTreeMap};

use toml::{Spanned, de::DeValue};

use super::{
    Known, Pipeline,
    policy::Word,
    problem::Findings,
    table::{Table, Text, kind, text},
};
use crate::{
    expression::{Expression, ExpressionError, Scope},
    lookup::{Found, KeyAttributes, RowKey, Rows},
    nearest::did_you_mean,
    value::Value,
};

/// How many lookups a pipeline may have: each can be a round of reads that the batch waits for.
const MOST: usize = 8;

/// A lookup as a person writes it. What is missing has been reported, and is `None` here.
#[derive(Debug)]
pub(super) struct LookupLine {
    pub name: Text,
    table: Option<Text>,
    /// The expressions of the key attributes, by name.
    pub key: Vec<(Text, Text)>,
    key_at: usize,
    on_missing: OnMissing,
}

/// What happens to an event whose row is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum OnMissing {
    /// It does not match the filter.
    Skip,
    /// The row, and each field of it, is null.
    #[default]
    Without,
    /// It becomes a failure.
    Fail,
}

impl Word for OnMissing {
    const WORDS: &'static [(&'static str, Self)] =
        &[("skip", Self::Skip), ("without", Self::Without), ("fail", Self::Fail)];
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
    /// Its name in expressions.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The expression of a key attribute.
    pub fn key_expression(&self, attribute: &str) -> Option<&Expression> {
        self.key.iter().find(|(name, _)| name == attribute).map(|(_, expression)| expression)
    }

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

    /// What the keys of the rows are made of.
    pub(super) fn lookup_keys(&self) -> impl Iterator<Item = &Expression> {
        self.lookups.iter().flat_map(|lookup| lookup.key.iter().map(|(_, expression)| expression))
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

impl LookupLine {
    /// Reads `[lookups.<name>]`, each a table.
    pub fn read(lookups: &Spanned<DeValue<'_>>, found: &mut Findings<'_>) -> Vec<Self> {
        let Some(lookups) = lookups.get_ref().as_table() else {
            let message =
                format!("lookups is {}; write [lookups.account], and below it table and key", kind(lookups.get_ref()));
            found.problem(lookups.span().start, message);
            return Vec::new();
        };
        lookups
            .iter()
            .filter_map(|(name, value)| Self::of(Spanned::new(name.span(), name.get_ref().to_string()), value, found))
            .collect()
    }

    fn of(name: Text, value: &Spanned<DeValue<'_>>, found: &mut Findings<'_>) -> Option<Self> {
        let at = name.span().start;
        let mut table = Table::of("a lookup", &format!("lookups.{}", name.get_ref()), value, found)?;
        let from = table.required("table", at, "table = \"accounts\"", found);
        let key = table.value("key");
        let on_missing = table.word("on_missing", found).map(Spanned::into_inner).unwrap_or_default();
        table.finish(found);
        let lines = key.and_then(|key| key.get_ref().as_table());
        if lines.is_none() {
            let message =
                "a lookup needs `key`, a table; add a line such as key = { account_id = \"after.account_id\" }";
            found.problem(key.map_or(at, |key| key.span().start), message);
        }
        let line = |(attribute, value): (&Spanned<Cow<'_, str>>, _)| {
            let expression = text(attribute.get_ref(), value, found)?;
            Some((Spanned::new(attribute.span(), attribute.get_ref().to_string()), expression))
        };
        Some(Self {
            name,
            table: from,
            key: lines.into_iter().flatten().filter_map(line).collect(),
            key_at: key.map_or(at, |key| key.span().start),
            on_missing,
        })
    }
}

/// Checks a document's lookups; answers them in the order in which they are read.
pub(super) fn check(lines: &[LookupLine], known: &Known, found: &mut Findings<'_>) -> Vec<Lookup> {
    let names: Vec<&str> = lines.iter().map(|line| line.name.get_ref().as_str()).collect();
    let mut lookups = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        let (at, name) = (line.name.span().start, line.name.get_ref());
        if index == MOST {
            found.problem(at, format!("the lookup `{name}` is one too many; a pipeline has at most {MOST}"));
        }
        check_name(at, name, found);
        let attributes = key_attributes(line, known, found);
        let mut key = Vec::new();
        for (attribute, text) in &line.key {
            match Expression::compile(text.get_ref(), &names) {
                Ok(expression) => key.push((attribute.get_ref().clone(), expression)),
                Err(error) => {
                    found.problem(text.span().start, format!("lookups.{name}.key.{}: {error}", attribute.get_ref()));
                }
            }
        }
        let uses = |other: &&&str| key.iter().any(|(_, expression)| expression.uses(other));
        lookups.push(Lookup {
            needs: names.iter().filter(uses).map(|other| (*other).to_owned()).collect(),
            name: name.clone(),
            table: line.table.as_ref().map(|table| table.get_ref().clone()).unwrap_or_default(),
            attributes,
            key,
            on_missing: line.on_missing,
        });
    }
    in_order(lookups, lines, found)
}

/// A name has to be one that expressions can use, and that means nothing else there.
fn check_name(at: usize, name: &str, found: &mut Findings<'_>) {
    let is_word = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if !is_word {
        let message = format!(
            "the lookup `{name}` has to be named with lower-case letters, digits and underscores, beginning with a \
             letter: such as `account`"
        );
        found.problem(at, message);
    } else if Expression::compile(name, &[]).is_ok() || Expression::compile(name, &[name]).is_err() {
        let message = format!("the lookup `{name}` would hide what `{name}` means in expressions; name it otherwise");
        found.problem(at, message);
    }
}

/// The key attributes of the lookup's table, each of which the key has to name.
fn key_attributes(line: &LookupLine, known: &Known, found: &mut Findings<'_>) -> KeyAttributes {
    let Some(table) = &line.table else { return KeyAttributes::new() };
    let (at, table) = (table.span().start, table.get_ref());
    let Some(attributes) = known.lookup_tables.get(table) else {
        if !known.guessed {
            let tables = || known.lookup_tables.keys().map(String::as_str);
            let mend = did_you_mean(table, tables()).unwrap_or_else(|| match tables().collect::<Vec<_>>().join(", ") {
                none if none.is_empty() => {
                    "there is none; tables are declared as `lookup_tables` in the stack's variables".to_owned()
                }
                tables => format!("there is {tables}"),
            });
            found.problem(at, format!("there is no lookup table `{table}` in this stack; {mend}"));
        }
        return KeyAttributes::new();
    };
    let names = || attributes.keys().map(String::as_str);
    for (attribute, _) in line.key.iter().filter(|(attribute, _)| !attributes.contains_key(attribute.get_ref())) {
        let name = attribute.get_ref();
        let mend = did_you_mean(name, names())
            .unwrap_or_else(|| format!("its rows are found by {}", names().collect::<Vec<_>>().join(" and ")));
        found.problem(attribute.span().start, format!("the table `{table}` has no key attribute `{name}`; {mend}"));
    }
    for missing in names().filter(|name| !line.key.iter().any(|(attribute, _)| attribute.get_ref() == name)) {
        let message = format!(
            "the rows of the table `{table}` are found by `{missing}` too; add it to the key, such as \
             {missing} = \"after.{missing}\""
        );
        found.problem(line.key_at, message);
    }
    attributes.clone()
}

/// The lookups such that each stands behind those that its key needs.
fn in_order(mut left: Vec<Lookup>, lines: &[LookupLine], found: &mut Findings<'_>) -> Vec<Lookup> {
    let mut ordered: Vec<Lookup> = Vec::with_capacity(left.len());
    while let Some(next) = left.iter().position(|lookup| !left.iter().any(|other| lookup.needs.contains(&other.name))) {
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
        let at = lines.iter().map(|line| &line.name).find(|name| name.get_ref() == way[back_at]);
        let at = at.map_or(0, |name| name.span().start);
        let message =
            format!("the lookups need each other: {circle}; take the key of one of them from the event alone");
        found.problem(at, message);
    }
    ordered
}

#[cfg(test)]
mod tests;
