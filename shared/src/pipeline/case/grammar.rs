//! `[[tests]]`: what a person writes.

use std::collections::BTreeMap;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Body, Case, Expectation, Expected, ExpectedRequest, Given, Verdict, data};
use crate::{
    delivery::Step,
    event::{ChangeEvent, WrittenProblem},
    nearest::did_you_mean,
    pipeline::{
        policy::Word,
        problem::Findings,
        table::{Table, kind},
    },
    value::{Object, Value},
};

impl Word for Verdict {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("filtered", Self::Filtered),
        ("apply", Self::Deliver(Step::Apply)),
        ("keep", Self::Deliver(Step::Keep)),
        ("archive", Self::Deliver(Step::Archive)),
        ("delete", Self::Deliver(Step::Delete)),
        ("erase", Self::Deliver(Step::Erase)),
        ("clear", Self::Deliver(Step::Clear)),
        ("unsubscribe", Self::Deliver(Step::Unsubscribe)),
    ];
}

/// The tests of a document that are right; what is wrong with the others is reported.
pub(in crate::pipeline) fn read(document: &Spanned<DeTable<'_>>, found: &mut Findings<'_>) -> Vec<Case> {
    let Some(tests) = document.get_ref().get("tests") else { return Vec::new() };
    let Some(items) = tests.get_ref().as_array() else {
        let what = kind(tests.get_ref());
        found.problem(
            tests.span().start,
            format!("tests is {what}; write [[tests]], with two brackets, above each test"),
        );
        return Vec::new();
    };
    let source = document.get_ref().get("source").and_then(|source| source.get_ref().as_str()).unwrap_or_default();
    let lookups = document.get_ref().get("lookups").and_then(|lookups| lookups.get_ref().as_table());
    let lookups: Vec<&str> = lookups.into_iter().flatten().map(|(name, _)| name.get_ref().as_ref()).collect();
    let mut cases: Vec<Case> = Vec::new();
    for item in items {
        let Some(case) = case(item, source, &lookups, found) else { continue };
        if let Some(other) = cases.iter().find(|other| other.name == case.name) {
            let message =
                format!("the test of line {} is called {:?} too; give one another name", other.line, case.name);
            found.problem(item.span().start, message);
        }
        cases.push(case);
    }
    cases
}

fn case(item: &Spanned<DeValue<'_>>, source: &str, lookups: &[&str], found: &mut Findings<'_>) -> Option<Case> {
    let at = item.span().start;
    let mut table = Table::of("a test", "tests", item, found)?;
    let name = table.required("name", at, "name = \"who agreed to mail is a contact\"", found);
    let given = given(&mut table, at, source, found);
    let rows = table.value("lookups").map_or(Some(BTreeMap::new()), |value| rows(value, lookups, found));
    let settings = table.value("settings").map_or(Some(Object::new()), |value| data::object("settings", value, found));
    let destination_key = table.text("destination_key", found).map(Spanned::into_inner);
    let outcome = expectation(&mut table, found);
    let deliveries = table.value("deliveries").map(|value| (value.span().start, deliveries(value, found)));
    let is_understood = table.finish(found);
    let expected = match (outcome?, deliveries) {
        (outcome, Some((at, _))) if outcome != Expectation::default() => {
            found.problem(at, "deliveries are of several events, and the rest of one; keep the one or the other");
            None
        }
        (_, Some((_, deliveries))) => deliveries.map(Expected::Deliveries),
        // What is expected may stand in a line that is misspelt.
        (outcome, None) if outcome == Expectation::default() && !is_understood => None,
        (outcome, None) if outcome == Expectation::default() => {
            found.problem(
                at,
                "the test expects nothing; add expect = \"filtered\", fields = { … }, error = \"…\", request = { … } or \
                 deliveries = [ … ]",
            );
            None
        }
        (outcome, None) => Some(Expected::Outcome(Box::new(outcome))),
    };
    Some(Case {
        name: name?.into_inner(),
        line: found.line(at),
        given: given?,
        lookups: rows?,
        settings: settings?,
        destination_key,
        expected: expected?,
    })
}

fn given(table: &mut Table<'_>, at: usize, source: &str, found: &mut Findings<'_>) -> Option<Given> {
    let event = table.value("event");
    let file = table.text("file", found);
    match (event, file) {
        (Some(event), None) => written(event, source, found).map(|event| Given::Event(Box::new(event))),
        (None, Some(file)) => Some(Given::File(file.into_inner())),
        (Some(_), Some(file)) => {
            found.problem(file.span().start, "a test has an event or a file of events; keep the one or the other");
            None
        }
        (None, None) => {
            found.problem(
                at,
                "the test has no event; add one, such as event = { after = { email = \"ada@example.com\" } }, or \
                 file = \"events/ada.json\"",
            );
            None
        }
    }
}

/// The rows that lookups find, by their names; null for one that is missing.
fn rows(value: &Spanned<DeValue<'_>>, known: &[&str], found: &mut Findings<'_>) -> Option<BTreeMap<String, Value>> {
    let mut rows = data::object("lookups", value, found)?;
    rows.retain(|_, row| *row != Value::Null);
    for (name, row) in &rows {
        if !known.contains(&&**name) {
            let mend = did_you_mean(name, known.iter().copied()).unwrap_or_else(|| match known.join(", ") {
                none if none.is_empty() => "it has none; add [lookups], or take the row away".to_owned(),
                names => format!("it has {names}"),
            });
            found.problem(value.span().start, format!("the pipeline has no lookup `{name}`; {mend}"));
        } else if row.as_object().is_none() {
            let message = format!("the row of the lookup `{name}` is {}; write its fields as a table", row.kind());
            found.problem(value.span().start, message);
        }
    }
    Some(rows.into_iter().map(|(name, row)| (name.to_string(), row)).collect())
}

fn written(value: &Spanned<DeValue<'_>>, source: &str, found: &mut Findings<'_>) -> Option<ChangeEvent> {
    let parts = data::object("event", value, found)?;
    let placed = |part: &'static str| value.get_ref().as_table().and_then(|table| table.get(part)).map(Spanned::span);
    ChangeEvent::written(source, 1, parts)
        .map_err(|WrittenProblem { part, message }| {
            let at = part.and_then(placed).unwrap_or(value.span()).start;
            found.problem(at, message);
        })
        .ok()
        .filter(|event| {
            let right = event.source == source;
            if !right {
                let at = placed("source").unwrap_or(value.span()).start;
                found.problem(
                    at,
                    format!(
                        "the event is of the source `{}`, which this pipeline does not read; take `source` away",
                        event.source
                    ),
                );
            }
            right
        })
}

fn expectation(table: &mut Table<'_>, found: &mut Findings<'_>) -> Option<Expectation> {
    let expect = table.word::<Verdict>("expect", found);
    if expect.is_none() && table.has("expect") {
        return None;
    }
    let fields = table.value("fields");
    let error = table.text("error", found);
    let request = table.value("request");
    if let Some(error) = &error
        && (expect.is_some() || fields.is_some() || request.is_some())
    {
        found.problem(error.span().start, "an event that fails makes nothing; expect the error alone");
        return None;
    }
    let verdict = expect.as_ref().map(|verdict| *verdict.get_ref());
    if let (Some(expect), Some(fields)) = (&expect, fields)
        && !matches!(expect.get_ref(), Verdict::Deliver(Step::Apply | Step::Clear))
    {
        let message = format!("an event that is {:?} has no fields; take them away", expect.get_ref().as_str());
        found.problem(fields.span().start, message);
        return None;
    }
    Some(Expectation {
        verdict,
        fields: match fields {
            None => None,
            Some(value) => Some(data::object("fields", value, found)?),
        },
        error: error.map(Spanned::into_inner),
        request: match request {
            None => None,
            Some(value) => Some(expected_request(value, found)?),
        },
    })
}

fn expected_request(value: &Spanned<DeValue<'_>>, found: &mut Findings<'_>) -> Option<ExpectedRequest> {
    let mut table = Table::of("a request", "request", value, found)?;
    let method = table.text("method", found).map(Spanned::into_inner);
    let url = table.text("url", found).map(Spanned::into_inner);
    let path = table.text("path", found).map(Spanned::into_inner);
    let body = table.value("body").map(|body| self::body(body, found));
    table.finish(found);
    Some(ExpectedRequest { method, url, path, body: body.map_or(Some(None), |body| body.map(Some))? })
}

/// A body in JSON, as a text or as a table; a text that is no JSON is the body itself.
fn body(value: &Spanned<DeValue<'_>>, found: &mut Findings<'_>) -> Option<Body> {
    match value.get_ref() {
        DeValue::String(text) => {
            Some(Value::from_json(text.as_bytes()).map_or_else(|_| Body::Text(text.clone().into_owned()), Body::Json))
        }
        _ => data::from_toml(value, found).map(Body::Json),
    }
}

fn deliveries(value: &Spanned<DeValue<'_>>, found: &mut Findings<'_>) -> Option<Vec<Expectation>> {
    let Some(items) = value.get_ref().as_array() else {
        let message = format!("deliveries is {}; write a list: [{{ fields = {{ … }} }}]", kind(value.get_ref()));
        found.problem(value.span().start, message);
        return None;
    };
    let delivery = |item| {
        let mut table = Table::of("a delivery", "deliveries", item, found)?;
        let expectation = expectation(&mut table, found);
        table.finish(found);
        let expectation = expectation?;
        if expectation.verdict == Some(Verdict::Filtered) {
            let message = "what is filtered is no delivery; take it out of the list";
            found.problem(item.span().start, message);
            return None;
        }
        Some(expectation)
    };
    let deliveries: Vec<_> = items.iter().map(delivery).collect();
    deliveries.into_iter().collect()
}
