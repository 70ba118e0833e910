//! The document: what a person writes.

use indexmap::IndexMap;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    lookup::LookupLine,
    policy::{ManagedBy, OnDelete, OnDrift, OnLeave, OnNull},
    problem::Findings,
    table::{Table, Text, kind, text},
};
use crate::delivery::Removes;

/// A document's lines, each with its place. What is missing or wrong has been reported, and is `None` here.
#[derive(Debug)]
pub(super) struct Document {
    pub name: Option<Text>,
    pub source: Option<Text>,
    pub destination: Option<Text>,
    pub action: Option<Text>,
    pub description: Option<Text>,
    pub managed_by: Option<Spanned<ManagedBy>>,
    pub when: Option<Text>,
    pub on_leave: Option<Spanned<OnLeave>>,
    pub on_delete: Option<Spanned<OnDelete>>,
    pub on_expire: Option<Spanned<OnDelete>>,
    pub removes: Option<Spanned<Removes>>,
    pub on_null: Option<Spanned<OnNull>>,
    pub on_drift: Option<Spanned<OnDrift>>,
    pub lookups: Vec<LookupLine>,
    pub fields: IndexMap<String, FieldLine>,
    /// Where `[fields]` stands.
    pub fields_at: usize,
}

/// A line under `[fields]`.
#[derive(Debug)]
pub(super) struct FieldLine {
    /// Where the name stands.
    pub at: usize,
    /// The expression.
    pub value: Text,
    /// Its own null policy.
    pub on_null: Option<Spanned<OnNull>>,
    /// Whether its values say something of a person, where the document says it.
    pub personal: Option<bool>,
}

/// Lines of a pipeline that, written behind `[fields]`, would be fields.
const POLICIES: [&str; 8] =
    ["when", "on_leave", "on_delete", "on_expire", "on_null", "on_drift", "removes", "managed_by"];

impl Document {
    /// Reads the document; its `[[tests]]` are for [`super::case`], and only checked to be asked for.
    pub fn read(document: &Spanned<DeTable<'_>>, found: &mut Findings<'_>) -> Self {
        let mut table = Table::new("a pipeline", document.get_ref());
        let name = table.required("name", 0, "name = \"customers-to-hubspot\"", found);
        let source = table.required("source", 0, "source = \"customers\"", found);
        let destination = table.required("destination", 0, "destination = \"hubspot\"", found);
        let action = table.required("action", 0, "action = \"upsert_contact\"", found);
        let description = table.text("description", found);
        let managed_by = table.word("managed_by", found);
        let when = table.text("when", found);
        let on_leave = table.word("on_leave", found);
        let on_delete = table.word("on_delete", found);
        let on_expire = table.word("on_expire", found);
        let removes = table.word("removes", found);
        let on_null = table.word("on_null", found);
        let on_drift = table.word("on_drift", found);
        let lookups = table.value("lookups").map_or_else(Vec::new, |lookups| LookupLine::read(lookups, found));
        let fields = table.value("fields");
        let fields_at = fields.map_or(0, |fields| fields.span().start);
        let fields = if let Some(fields) = fields {
            field_lines(fields, found)
        } else {
            found.problem(0, "a pipeline needs [fields]; add it with a line such as email = \"after.email\"");
            IndexMap::new()
        };
        let _ = table.value("tests");
        table.finish(found);
        Self {
            name,
            source,
            destination,
            action,
            description,
            managed_by,
            when,
            on_leave,
            on_delete,
            on_expire,
            removes,
            on_null,
            on_drift,
            lookups,
            fields,
            fields_at,
        }
    }
}

fn field_lines(fields: &Spanned<DeValue<'_>>, found: &mut Findings<'_>) -> IndexMap<String, FieldLine> {
    let Some(table) = fields.get_ref().as_table() else {
        let what = kind(fields.get_ref());
        found.problem(
            fields.span().start,
            format!("fields is {what}; write [fields] in a line of its own, and below it a line for each field"),
        );
        return IndexMap::new();
    };
    if table.is_empty() {
        found.problem(
            fields.span().start,
            "no field is mapped, so there would be nothing to send; add a line such as email = \"after.email\"",
        );
    }
    table
        .iter()
        .filter_map(|(name, value)| Some((name.get_ref().to_string(), field_line(name, value, found)?)))
        .collect()
}

fn field_line(
    name: &Spanned<std::borrow::Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
    found: &mut Findings<'_>,
) -> Option<FieldLine> {
    let at = name.span().start;
    match value.get_ref() {
        DeValue::String(_) => {
            Some(FieldLine { at, value: text(name.get_ref(), value, found)?, on_null: None, personal: None })
        }
        DeValue::Table(entries) => {
            let mut table = Table::new("a field", entries);
            let value = table.required("value", at, "value = \"after.email\"", found);
            let on_null = table.word("on_null", found);
            let personal = table.flag("personal", found);
            table.finish(found);
            Some(FieldLine { at, value: value?, on_null, personal })
        }
        other => {
            let name = name.get_ref();
            let what = kind(other);
            let raw = found.text().get(value.span()).unwrap_or_default().replace('"', "'");
            found.problem(
                at,
                format!(
                    "the field `{name}` is {what}; write an expression in quotes: {name} = \"{raw}\" is always the same \
                     value, {name} = \"after.{name}\" the row's"
                ),
            );
            None
        }
    }
}

/// Whether a field has the name of a policy: it may have slipped below `[fields]`.
pub(super) fn is_policy(name: &str) -> bool {
    POLICIES.contains(&name)
}
