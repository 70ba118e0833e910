//! The whole check of a document before it is published: of what it names, and of what its expressions read and give.

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;

use super::{
    Pipeline, Problem,
    case::{self, Case},
    check::Compiled,
    document::Document,
    known::{Known, KnownFields},
    lookup::{Looked, Missing},
    problem::Findings,
    syntax,
};
use crate::{
    destination::{self, Action},
    event::ChangeEvent,
    expression::{Expression, Scope},
    nearest::did_you_mean,
    schema::Kind,
    value::Value,
};

/// What a document says, and what is wrong with it.
#[derive(Debug)]
pub struct Review {
    /// The pipeline; it runs only where there is no problem.
    pub pipeline: Option<Pipeline>,
    /// Its tests, those that are right.
    pub cases: Vec<Case>,
    /// What keeps it from being published, by line.
    pub problems: Vec<Problem>,
    /// What looks like a mistake, and may be meant, by line.
    pub warnings: Vec<Problem>,
    /// Against what its source's fields were checked.
    pub fields_from: FieldsFrom,
    /// The line of its name.
    pub name_line: usize,
    /// The line of each field that it maps.
    pub field_lines: BTreeMap<String, usize>,
}

/// Where the fields of a source are known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldsFrom {
    /// Events that passed.
    Schema,
    /// The events of the pipeline's tests.
    Tests,
    /// Nowhere: they were not checked.
    Nothing,
}

/// Checks a document before it is published. `events` reads the events of a file that a test names; where it cannot, that
/// is told as a warning: a pipeline can be published without its tests' files.
pub fn review(text: &str, known: &Known, events: &dyn Fn(&str) -> Result<Vec<ChangeEvent>, String>) -> Review {
    let mut found = Findings::new(text);
    let Some(table) = syntax::parse(&mut found) else {
        let (problems, warnings) = found.into_sorted();
        return Review {
            pipeline: None,
            cases: Vec::new(),
            problems,
            warnings,
            fields_from: FieldsFrom::Nothing,
            name_line: 1,
            field_lines: BTreeMap::new(),
        };
    };
    let document = Document::read(&table, &mut found);
    let cases = case::read(&table, &mut found);
    let compiled = document.compile(known, &mut found);
    let source = document.source.as_ref().map_or("", |source| source.get_ref().as_str());
    let samples: Vec<_> = cases.iter().map(|case| (case, samples(case, source, events, &mut found))).collect();
    let fields_from = read_fields(&document, &compiled, known, &samples, &mut found);
    let pipeline = document.pipeline(compiled, 0, known, &mut found);
    if let Some(pipeline) = &pipeline {
        let destination = known.destination(&pipeline.destination);
        let connector = destination.and_then(|destination| destination::connector(&destination.connector).ok());
        if let Some(action) = connector.and_then(|connector| connector.action(&pipeline.action)) {
            let mut tried = Trial { document: &document, pipeline, action, found: &mut found };
            tried.samples(&samples);
            tried.kinds(known.fields.get(source));
        }
    }
    let name_line = found.line(document.name.as_ref().map_or(0, |name| name.span().start));
    let field_lines = document.fields.iter().map(|(name, field)| (name.clone(), found.line(field.at))).collect();
    let (problems, warnings) = found.into_sorted();
    Review { pipeline, cases, problems, warnings, fields_from, name_line, field_lines }
}

type Sample<'c> = (&'c Case, Vec<ChangeEvent>);

fn samples(
    case: &Case,
    source: &str,
    events: &dyn Fn(&str) -> Result<Vec<ChangeEvent>, String>,
    found: &mut Findings<'_>,
) -> Vec<ChangeEvent> {
    let mut events = match (case.event(), case.file().map(events)) {
        (Some(event), _) => vec![event.clone()],
        (None, Some(Ok(events))) => events,
        (None, Some(Err(reason))) => {
            found.warning_in(case.line, format!("the test {:?} has no events: {reason}", case.name));
            Vec::new()
        }
        (None, None) => Vec::new(),
    };
    events.retain(|event| event.source == source);
    events
}

/// An expression of the document.
struct Read<'e> {
    at: usize,
    /// Its name in messages.
    what: String,
    expression: &'e Expression,
    /// It says itself what happens where a field is not there.
    lenient: bool,
}

fn expressions<'e>(document: &'e Document, compiled: &'e Compiled) -> impl Iterator<Item = Read<'e>> {
    let when = document.when.as_ref().zip(compiled.when.as_ref());
    let when = when.map(|(text, expression)| Read {
        at: text.span().start,
        what: "`when`".to_owned(),
        expression,
        lenient: false,
    });
    let fields = compiled.fields.iter().map(|(name, field)| Read {
        at: document.fields[&**name].value.span().start,
        what: format!("the field `{name}`"),
        expression: &field.expression,
        lenient: false,
    });
    // Where the key is not there, the row is missing.
    let keys = compiled.lookups.iter().flat_map(|lookup| {
        let line = document.lookups.iter().find(|line| line.name.get_ref() == lookup.name());
        let lines = line.into_iter().flat_map(|line| &line.key);
        lines.filter_map(move |(attribute, text)| {
            let expression = lookup.key_expression(attribute.get_ref())?;
            let what = format!("the key of the lookup `{}`", lookup.name());
            Some(Read { at: text.span().start, what, expression, lenient: true })
        })
    });
    when.into_iter().chain(fields).chain(keys)
}

/// Whether the source has the fields that are read: by its learned schema, else by the events of the tests.
fn read_fields(
    document: &Document,
    compiled: &Compiled,
    known: &Known,
    samples: &[Sample<'_>],
    found: &mut Findings<'_>,
) -> FieldsFrom {
    let source = document.source.as_ref().map_or("", |source| source.get_ref().as_str());
    let mut tested = KnownFields::default();
    for event in samples.iter().flat_map(|(_, events)| events) {
        for row in [&event.before, &event.after].into_iter().flatten().filter_map(Value::as_object) {
            tested.learn(row);
        }
    }
    let learned = known.fields.get(source).filter(|fields| !fields.is_empty());
    let (fields, fields_from) = match learned {
        Some(fields) => (fields, FieldsFrom::Schema),
        None if tested.is_empty() => return FieldsFrom::Nothing,
        None => (&tested, FieldsFrom::Tests),
    };
    for Read { at, what, expression, lenient } in expressions(document, compiled) {
        let unknown: BTreeSet<&str> = expression.paths().filter_map(|path| unknown(path, fields)).collect();
        for path in unknown {
            let (above, name) = path.rsplit_once('.').unwrap_or(("", path));
            let near = did_you_mean(name, fields.names(row_path(above)));
            let near = near.map(|near| near.replacen('`', &format!("`{above}."), 1));
            let (lacks, otherwise, certain) = if fields_from == FieldsFrom::Tests {
                // That the tests do not have a field says little, but for one that they nearly have.
                let otherwise = "where rows have it, show it in the event of a test".to_owned();
                ("which no event of the tests has".to_owned(), otherwise, near.is_some())
            } else {
                let otherwise = format!("where rows may lack it, write `{path} | default(none)`");
                // One that the tests have is new, perhaps.
                let certain = tested.kinds(row_path(path)).is_none() && (near.is_some() || !lenient);
                (format!("which no event of `{source}` has had"), otherwise, certain)
            };
            let message = format!("{what} reads `{path}`, {lacks}; {}", near.unwrap_or(otherwise));
            if certain && !is_guarded(expression.source(), path) {
                found.problem(at, message);
            } else {
                found.warning(at, message);
            }
        }
    }
    fields_from
}

/// The path within the row, of one that begins with the image's name.
fn row_path(path: &str) -> &str {
    path.split_once('.').map_or("", |(_, path)| path)
}

/// The first part of a path that rows do not have; `None` where they have it, and where that cannot be told.
fn unknown<'p>(path: &'p str, fields: &KnownFields) -> Option<&'p str> {
    let (image, names) = path.split_once('.')?;
    if !["after", "before"].contains(&image) {
        return None;
    }
    let mut end = image.len();
    for name in names.split('.') {
        let above = row_path(&path[..end]);
        end += 1 + name.len();
        let within = row_path(&path[..end]);
        if fields.kinds(within).is_some() {
            continue;
        }
        // Below a certain depth nothing is learned, and an empty object shows nothing.
        let open = !above.is_empty()
            && fields.names(above).next().is_none()
            && fields.kinds(above).is_some_and(|kinds| kinds.contains(&Kind::Object));
        return (!open).then_some(&path[..end]);
    }
    None
}

/// Whether the expression says what happens where the path is not there.
fn is_guarded(source: &str, path: &str) -> bool {
    source.match_indices(path).any(|(at, _)| {
        let behind = source[at + path.len()..].trim_start();
        let test = behind.strip_prefix("is ").map(|test| test.trim_start().trim_start_matches("not ").trim_start());
        test.is_some_and(|test| test.starts_with("defined") || test.starts_with("undefined"))
            || behind.strip_prefix('|').is_some_and(|filter| filter.trim_start().starts_with("default"))
    })
}

/// Whether the event has every path that the expression reads; for a delete `after` is the row as it was.
fn has_all(event: &ChangeEvent, expression: &Expression) -> bool {
    let has = |path: &str| {
        let mut names = path.split('.');
        let row = match names.next() {
            Some("after") => event.after.as_ref().or(event.before.as_ref()),
            Some("before") => event.before.as_ref(),
            _ => return true,
        };
        row.is_some_and(|row| names.try_fold(row, |value, name| value.get(name)).is_some())
    };
    expression.paths().all(has)
}

/// The pipeline tried on the events of its tests.
struct Trial<'a, 'f, 't> {
    document: &'a Document,
    pipeline: &'a Pipeline,
    action: &'a Action,
    found: &'f mut Findings<'t>,
}

impl Trial<'_, '_, '_> {
    fn samples(&mut self, samples: &[Sample<'_>]) {
        let as_wanted = samples.iter().filter(|(case, _)| !case.wants_a_failure());
        for (case, event) in as_wanted.flat_map(|(case, events)| events.iter().map(move |event| (case, event))) {
            let scope = Scope::of(event);
            // One that cannot be evaluated is looked at part by part, since all mistakes are wanted.
            match self.pipeline.evaluate(event, &scope, &case.rows()) {
                Err(_) => self.failing(case, event, &scope),
                Ok(super::Evaluation::Filtered) => {}
                Ok(super::Evaluation::Deliver(delivery)) => {
                    for (name, value) in &delivery.fields {
                        self.fits(name, value, &format!("in the test {:?}", case.name));
                    }
                }
            }
        }
    }

    /// What fails on an event that has all that is read. One that lacks something is no matter of the pipeline: tests
    /// show as much of a row as they need, and their own run tells.
    fn failing(&mut self, case: &Case, event: &ChangeEvent, scope: &Scope) {
        let document = self.document;
        let of = format!("in the test {:?}", case.name);
        // What is wrong with a lookup on an event is told by the test's own run.
        let Ok(Looked::Scope(scope)) = &self.pipeline.look_up(scope, &case.rows(), Missing::AsWritten) else { return };
        if let Some((text, when)) = document.when.as_ref().zip(self.pipeline.when())
            && let Err(error) = when.matches(scope)
        {
            if has_all(event, when) {
                self.told(text, &format!("when: {error} ({of})"));
            }
            return;
        }
        for (name, expression) in self.pipeline.fields() {
            match expression.evaluate(scope) {
                Err(error) if has_all(event, expression) => {
                    self.told(&document.fields[name].value, &format!("the field `{name}`: {error} ({of})"));
                }
                Err(_) => {}
                Ok(value) => self.fits(name, &value, &of),
            }
        }
    }

    /// What nothing of the source can be, by the kinds that its fields have had; for expressions that take a field as it
    /// is.
    fn kinds(&mut self, fields: Option<&KnownFields>) {
        let Some(fields) = fields else { return };
        for (name, expression) in self.pipeline.fields() {
            let path = expression.source().trim();
            let Some(kinds) = path.starts_with("after.").then(|| fields.kinds(row_path(path))).flatten() else {
                continue;
            };
            let examples: Vec<_> = kinds.iter().flat_map(|kind| kind.examples()).collect();
            if let Some(first) = examples.first()
                && examples.iter().all(|example| self.action.fits(name, example).is_err())
            {
                self.fits(name, first, "in all events so far");
            }
        }
    }

    fn fits(&mut self, name: &str, value: &Value, of: &str) {
        if let Err(reason) = self.action.fits(name, value) {
            self.told(&self.document.fields[name].value, &format!("the field `{name}` {reason} ({of})"));
        }
    }

    /// Reports what an expression does, once: other events would tell the same.
    fn told(&mut self, text: &Spanned<String>, message: &str) {
        if !self.found.has_problem_at(text.span().start) {
            self.found.problem(text.span().start, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::KnownDestination;

    fn known(learned: &[(&str, Kind)]) -> Known {
        let mut fields = KnownFields::default();
        for (path, kind) in learned {
            fields.add(*path, *kind);
        }
        Known {
            sources: vec!["customers".into()],
            destinations: vec![
                KnownDestination::new("people", "customer_io").with_settings(crate::value::Object::new()),
            ],
            fields: [("customers".to_owned(), fields)].into(),
            ..Known::default()
        }
    }

    /// The problems and the warnings of a pipeline with these fields and tests.
    fn found(fields: &str, tests: &str, known: &Known) -> (Vec<String>, Vec<String>, FieldsFrom) {
        let text = format!(
            "name = \"a\"\nsource = \"customers\"\ndestination = \"people\"\naction = \"upsert_person\"\n[fields]\n\
             id = \"after.id\"\n{fields}\n{tests}"
        );
        let review = review(&text, known, &|file| Err(format!("there is no {file}")));
        let told = |problems: Vec<Problem>| problems.into_iter().map(|problem| problem.message).collect();
        (told(review.problems), told(review.warnings), review.fields_from)
    }

    const LEARNED: [(&str, Kind); 6] = [
        ("id", Kind::Number),
        ("email", Kind::Text),
        ("tags", Kind::List),
        ("address", Kind::Object),
        ("address.city", Kind::Text),
        ("more", Kind::Object),
    ];

    #[test]
    fn fields_are_those_of_the_learned_schema() {
        let learned = known(&LEARNED);
        for (fields, problem) in [
            ("a = \"after.email\"\nb = \"after.address.city\"\nc = \"after.more.below\"", None),
            ("a = \"after.emial\"", Some("which no event of `customers` has had; did you mean `after.email`?")),
            (
                "a = \"before.adress.city\"",
                Some("reads `before.adress`, which no event of `customers` has had; did you mean `before.address`?"),
            ),
            (
                "a = \"after.address.town\"",
                Some("reads `after.address.town`, which no event of `customers` has had; where rows may lack it"),
            ),
            ("a = \"after.email.length\"", Some("reads `after.email.length`")),
        ] {
            let (problems, warnings, from) = found(fields, "", &learned);
            assert_eq!(
                (problems.len(), warnings.len(), from),
                (problem.iter().len(), 0, FieldsFrom::Schema),
                "{fields}"
            );
            assert!(problem.is_none_or(|problem| problems[0].contains(problem)), "{problems:?}");
        }
        // A guarded one is no mistake for certain, and neither is one that the tests show.
        let new = "[[tests]]\nname = \"x\"\nevent = { after = { id = 1, phone = \"1\" } }\nexpect = \"apply\"";
        for (fields, tests) in [
            ("a = \"after.emial | default('')\"", ""),
            ("a = \"'' if after.emial is not defined else after.emial\"", ""),
            ("a = \"after.phone\"", new),
        ] {
            let (problems, warnings, _) = found(fields, tests, &learned);
            assert_eq!((problems.len(), warnings.len()), (0, 1), "{fields}: {problems:?} {warnings:?}");
        }
    }

    #[test]
    fn a_field_as_it_is_has_to_be_of_a_kind_that_the_destination_takes() {
        let (problems, ..) = found("unsubscribed = \"after.email\"\nemail = \"after.tags\"", "", &known(&LEARNED));
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].contains("the vendor takes true or false"), "{problems:?}");
        assert!(problems[1].contains("is a list, and the vendor takes text"), "{problems:?}");
        assert!(problems[1].ends_with("(in all events so far)"), "{problems:?}");
        // Where only some are of a wrong kind, there is no saying.
        let mixed = known(&[("id", Kind::Number), ("tags", Kind::List), ("tags", Kind::Text)]);
        assert_eq!(found("email = \"after.tags\"", "", &mixed).0, Vec::<String>::new());
    }

    #[test]
    fn without_a_schema_the_tests_show_what_rows_have() {
        let nothing = known(&[]);
        let test = |row: &str| {
            format!("[[tests]]\nname = \"x\"\nevent = {{ after = {{ id = 1, {row} }} }}\nexpect = \"apply\"")
        };
        assert_eq!(found("a = \"after.emial\"", "", &nothing), (vec![], vec![], FieldsFrom::Nothing));
        let (problems, warnings, from) = found("a = \"after.emial\"", &test("email = \"a\""), &nothing);
        assert_eq!((problems.len(), warnings.len(), from), (1, 0, FieldsFrom::Tests), "{problems:?}");
        // The mistake is told once, and not by what the test then does, too.
        assert!(problems[0].ends_with("which no event of the tests has; did you mean `after.email`?"), "{problems:?}");
        let (problems, warnings, _) = found("a = \"after.phone | default('')\"", &test("email = \"a\""), &nothing);
        assert_eq!((problems.len(), warnings.len()), (0, 1));
        let (problems, ..) = found("email = \"after.email\"", &test("email = [1]"), &nothing);
        assert!(problems[0].ends_with("(in the test \"x\")"), "{problems:?}");
        // What a test does not show of a row is told by its own run.
        let two = format!("{}\n{}", test("email = \"a\""), test("plan = \"pro\"").replace("\"x\"", "\"y\""));
        assert_eq!(found("email = \"after.email | lower\"", &two, &nothing), (vec![], vec![], FieldsFrom::Tests));
        // A test may want a failure.
        let wanted = test("x = 1").replace("expect = \"apply\"", "error = \"email\"");
        assert_eq!(found("email = \"after.email | lower\"", &wanted, &nothing).0, Vec::<String>::new());
    }
}
