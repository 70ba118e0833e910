//! Pipelines: which changes of a source go to which destination, and as what.
//!
//! A pipeline is a TOML document; the same text stands in a file and in the table.

pub mod believed;
pub mod case;
mod check;
mod document;
mod drift;
mod evaluate;
mod known;
mod lookup;
mod policy;
mod problem;
pub mod publication;
mod review;
pub mod standing;
pub mod state;
mod syntax;
mod table;
pub mod timeline;

use indexmap::IndexMap;

use self::{document::Document, lookup::Lookup, problem::Findings};
pub use self::{
    drift::Expectation,
    evaluate::Evaluation,
    known::{Known, KnownDestination, KnownFields, Outline},
    policy::{ManagedBy, OnDelete, OnDrift, OnLeave, OnNull},
    problem::{PipelineError, Problem},
    review::{FieldsFrom, Review, review},
};
use crate::{delivery::Removes, destination::Mode, expression::Expression, value::Name};

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
    /// What it is for, in a sentence.
    pub description: Option<String>,
    /// Where it is edited, if it says so.
    pub managed_by: Option<ManagedBy>,
    /// What happens when its source drifts.
    pub on_drift: OnDrift,
    when: Option<Expression>,
    on_leave: OnLeave,
    on_delete: OnDelete,
    on_expire: OnDelete,
    removes: Removes,
    lookups: Vec<Lookup>,
    fields: IndexMap<Name, Field>,
}

/// A field of the destination, and what it is made of.
#[derive(Debug)]
struct Field {
    expression: Expression,
    on_null: OnNull,
    personal: bool,
}

impl Pipeline {
    /// Reads and checks a document; every mistake is reported at once. `place` is where the text comes from: a file's
    /// path, or the name in the table. Its `[[tests]]` are passed over: what runs need not pay for them.
    pub fn parse(place: &str, text: &str, version: u64, known: &Known) -> Result<Self, PipelineError> {
        let mut found = Findings::new(text);
        let pipeline = syntax::parse(&mut found).and_then(|table| {
            let document = Document::read(&table, &mut found);
            let compiled = document.compile(known, &mut found);
            document.pipeline(compiled, version, known, &mut found)
        });
        let (problems, _) = found.into_sorted();
        match pipeline {
            Some(pipeline) if problems.is_empty() => Ok(pipeline),
            _ => Err(PipelineError { place: place.to_owned(), problems }),
        }
    }

    /// The filter, where there is one.
    pub fn when(&self) -> Option<&Expression> {
        self.when.as_ref()
    }

    /// The fields whose values say something of a person, with their expressions: those of which the connector's file says
    /// it, or the document (`personal = true`).
    pub fn personal(&self) -> impl Iterator<Item = (&str, &Expression)> {
        let personal = self.fields.iter().filter(|(_, field)| field.personal);
        personal.map(|(name, field)| (&**name, &field.expression))
    }

    /// The fields with their expressions, in the document's order.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &Expression)> {
        self.fields.iter().map(|(name, field)| (&**name, &field.expression))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        delivery::{Removes, Step},
        event::{ChangeEvent, Op, Origin},
        expression::Scope,
        key::Key,
        lookup::Rows,
        position::Position,
        time::Timestamp,
        value::{Object, Value},
    };

    const GOOD: &str = r#"name = "contacts"
source = "customers"
destination = "crm"
action = "upsert_contact"
when = "after.country == 'US'"
on_leave = "keep"
on_delete = "archive"

[fields]
email = "after.email | lower"
"#;

    fn parse(text: &str) -> Result<Pipeline, String> {
        let known = Known {
            sources: vec!["customers".into(), "orders".into()],
            destinations: vec![KnownDestination::new("crm", "hubspot"), KnownDestination::new("hook", "webhook")],
            ..Known::default()
        };
        Pipeline::parse("contacts.toml", text, 1, &known).map_err(|error| error.to_string())
    }

    #[test]
    fn a_field_is_personal_by_the_connectors_file_or_by_the_documents_word() {
        let personal = |lines: &str| {
            let pipeline = parse(&format!("{GOOD}{lines}")).unwrap();
            pipeline.personal().map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(personal("lastname = \"after.name\"\ncity = \"after.city\""), ["email", "lastname"]);
        assert_eq!(personal("birthday = { value = \"after.born\", personal = true }"), ["email", "birthday"]);
        assert_eq!(personal("phone = { value = \"after.desk\", personal = false }"), ["email"]);
        let wrong = parse(&format!("{GOOD}phone = {{ value = \"after.desk\", personal = \"no\" }}")).unwrap_err();
        assert!(wrong.contains("personal is text; write personal = true or personal = false"), "{wrong}");
    }

    #[test]
    fn a_good_document_is_read() {
        assert_eq!(parse(GOOD).unwrap().name, "contacts");
    }

    #[test]
    fn each_mistake_has_its_line_its_reason_and_its_mend() {
        for (from, to, line, message) in [
            ("\"contacts\"", "\"My contacts\"", 1, "lower-case letters"),
            (
                "\"customers\"",
                "\"custmers\"",
                2,
                "there is no source `custmers` in this stack; did you mean `customers`?",
            ),
            ("\"crm\"", "\"crn\"", 3, "there is no destination `crn` in this stack; did you mean `crm`?"),
            ("upsert_contact", "upsert_contacts", 4, "did you mean `upsert_contact`?"),
            ("after.country", "afer.country", 5, "did you mean `after`?"),
            ("== 'US'", "== 'US", 5, "is not an expression"),
            ("\"keep\"", "\"kep\"", 6, "on_leave cannot be \"kep\"; did you mean `keep`?"),
            ("\"keep\"", "\"delete\"", 6, "on_leave"),
            ("\"archive\"", "\"send\"", 7, "sends no events"),
            ("[fields]", "on_expire = \"delete\"\n[fields]", 9, "cannot delete; write on_expire = \"ignore\" or"),
            (
                "[fields]",
                "removes = \"all\"\n[fields]",
                9,
                "removes cannot be \"all\"; write one of \"created\", \"any\"",
            ),
            ("email =", "# email =", 9, "no field is mapped"),
            ("[fields]", "colour = \"red\"\n[fields]", 9, "a pipeline has no `colour`"),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let error = parse(&GOOD.replacen(from, to, 1)).unwrap_err();
            assert!(error.contains(&format!("contacts.toml:{line}: ")) && error.contains(message), "{to}: {error}");
        }
        let hook = GOOD.replace("\"crm\"", "\"hook\"").replace("upsert_contact", "send");
        let error = parse(&hook).unwrap_err();
        assert!(error.contains("contacts.toml:7: ") && error.contains("\"send\""), "{error}");
        assert!(parse(&hook.replace("\"archive\"", "\"send\"")).is_ok());
    }

    #[test]
    fn a_row_that_expires_has_a_policy_of_its_own() {
        let position = Position::parse("7").unwrap();
        let row = Value::from_json(br#"{"email":"Ada@Example.com","country":"US"}"#).unwrap();
        let event = |origin| ChangeEvent {
            id: ChangeEvent::id_at("customers", 1, &position),
            source: "customers".into(),
            op: Op::Delete,
            key: Key::single("id", "c-1"),
            before: Some(row.clone()),
            after: None,
            occurred_at: Timestamp::from_millis(0),
            epoch: 1,
            position: position.clone(),
            origin,
        };
        let step = |document: &str, origin| {
            let event = event(origin);
            match parse(document).unwrap().evaluate(&event, &Scope::of(&event), &Rows::default()).unwrap() {
                Evaluation::Deliver(delivery) => (delivery.step, delivery.removes, delivery.fields),
                Evaluation::Filtered => panic!("{document}"),
            }
        };
        let none = Object::new;
        assert_eq!(step(GOOD, Origin::User), (Step::Archive, Removes::Created, none()));
        assert_eq!(step(GOOD, Origin::Ttl), (Step::Archive, Removes::Created, none()), "as on_delete, unless told");
        let kept = GOOD.replacen("[fields]", "on_expire = \"ignore\"\nremoves = \"any\"\n[fields]", 1);
        assert_eq!(step(&kept, Origin::User), (Step::Archive, Removes::Any, none()));
        assert_eq!(step(&kept, Origin::Ttl), (Step::Keep, Removes::Any, none()));
        let cleared = GOOD.replacen("[fields]", "on_expire = \"clear\"\n[fields]", 1);
        let email = Object::from_iter([("email".to_owned(), Value::from("ada@example.com"))]);
        assert_eq!(step(&cleared, Origin::Ttl), (Step::Clear, Removes::Created, email));
    }

    #[test]
    fn a_null_is_cleared_or_left_out() {
        let fields = |lines: &str, op, before: Option<&str>, after: Option<&str>| {
            let document = GOOD.replacen("on_delete = \"archive\"\n", "on_delete = \"clear\"\n", 1);
            let document = document.replacen("[fields]", lines, 1);
            let parts = [("op", Some(op)), ("before", before), ("after", after)];
            let parts = parts.into_iter().filter_map(|(name, part)| Some((name.to_owned(), Value::from(part?))));
            let event = ChangeEvent::written("customers", 1, parts.collect()).unwrap();
            match parse(&document).unwrap().evaluate(&event, &Scope::of(&event), &Rows::default()).unwrap() {
                Evaluation::Deliver(delivery) => Value::Object(delivery.fields).to_json(),
                Evaluation::Filtered => panic!("{document}"),
            }
        };
        let row = r#"{"country":"US","email":"a","plan":null,"city":null}"#;
        let read = |lines: &str| fields(lines, "read", None, Some(row));
        let (plan, city) = ("plan = \"after.plan\"", "city = \"after.city\"");
        let cleared = r#"{"plan":null,"city":null,"email":"a"}"#;
        assert_eq!(read(&format!("[fields]\n{plan}\n{city}")), cleared);
        assert_eq!(read(&format!("on_null = \"omit\"\n[fields]\n{plan}\n{city}")), r#"{"email":"a"}"#);
        // A field's own policy goes before the pipeline's.
        let own = "city = { value = \"after.city\", on_null = \"clear\" }";
        let kept = format!("on_null = \"keep\"\n[fields]\n{plan}\n{own}");
        assert_eq!(read(&kept), r#"{"city":null,"email":"a"}"#);
        // What has been sent at some time is cleared, whatever it is at the end.
        assert_eq!(fields(&kept, "delete", Some(row), None), cleared);
    }

    #[test]
    fn what_is_kept_has_to_stay_at_the_destination() {
        let keeps = GOOD.replacen("[fields]", "on_null = \"keep\"\n[fields]", 1);
        let known = |id_property: &str| Known {
            sources: vec!["customers".into()],
            destinations: vec![
                KnownDestination::new("crm", "hubspot")
                    .with_settings(Object::from_iter([("id_property".to_owned(), Value::from(id_property))])),
            ],
            ..Known::default()
        };
        let error = Pipeline::parse("p", &keeps, 1, &known("email")).unwrap_err();
        assert_eq!(error.problems[0].line, 9);
        assert!(error.to_string().contains("replaces the whole row where it is matched by email"), "{error}");
        let by_own = keeps.replacen("email =", "customer_id = \"after.id\"\nemail =", 1);
        assert!(Pipeline::parse("p", &by_own, 1, &known("customer_id")).is_ok());
        // What runs was checked when it was published, and knows no settings.
        assert!(parse(&keeps).is_ok());
    }

    #[test]
    fn policies_are_told_and_have_defaults() {
        let told = "description = \"Contacts.\"\nmanaged_by = \"git\"\non_drift = \"hold\"\n[fields]";
        let told = parse(&GOOD.replacen("[fields]", told, 1)).unwrap();
        assert_eq!((told.on_drift, told.managed_by), (OnDrift::Hold, Some(ManagedBy::Git)));
        assert_eq!(told.description.as_deref(), Some("Contacts."));
        let silent = parse(GOOD).unwrap();
        assert_eq!((silent.on_drift, silent.managed_by, silent.description), (OnDrift::Warn, None, None));
    }

    #[test]
    fn what_runs_passes_over_the_tests() {
        let tests = "\n[[tests]]\nwrong = 123456789012345678901234567890\n";
        assert!(parse(&format!("{GOOD}{tests}")).is_ok());
        assert!(case::cases("p", &format!("{GOOD}{tests}")).is_err());
    }

    #[test]
    fn all_mistakes_are_reported_at_once() {
        let many = GOOD.replace("\"customers\"", "\"x\"").replace("\"crm\"", "\"y\"").replace("| lower", "|");
        assert_eq!(parse(&many).unwrap_err().lines().count(), 3);
    }
}
