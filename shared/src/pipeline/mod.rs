//! Pipelines: which changes of a source go to which destination, and as what.
//!
//! A pipeline is a TOML document; the same text stands in a file and in the table.

pub mod believed;
mod document;
mod evaluate;
mod lookup;
pub mod state;
pub mod timeline;

use std::{collections::BTreeMap, fmt};

pub use self::{
    document::{OnDelete, OnLeave, Pipeline},
    evaluate::Evaluation,
};
use crate::lookup::KeyAttributes;

/// One mistake in a pipeline's document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and the mend.
    pub message: String,
}

/// Everything that is wrong with a pipeline's document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct PipelineError {
    /// The file, or the pipeline's name in the table.
    pub place: String,
    /// The mistakes, by line.
    pub problems: Vec<Problem>,
}

impl fmt::Display for PipelineError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Problem { line, message }) in self.problems.iter().enumerate() {
            if index > 0 {
                out.write_str("\n")?;
            }
            write!(out, "{}:{line}: {message}", self.place)?;
        }
        Ok(())
    }
}

/// What a stack has that pipelines can name.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The sources' names.
    pub sources: Vec<String>,
    /// The destinations: name and connector's slug.
    pub destinations: Vec<(String, String)>,
    /// The lookup tables by name, with the attributes of their keys.
    pub lookup_tables: BTreeMap<String, KeyAttributes>,
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
            destinations: vec![("crm".into(), "hubspot".into()), ("hook".into(), "webhook".into())],
            ..Known::default()
        };
        Pipeline::parse("contacts.toml", text, 1, &known).map_err(|error| error.to_string())
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
            ("\"keep\"", "\"kep\"", 6, "unknown variant `kep`"),
            ("\"keep\"", "\"delete\"", 6, "on_leave"),
            ("\"archive\"", "\"send\"", 7, "sends no events"),
            ("[fields]", "on_expire = \"delete\"\n[fields]", 9, "cannot delete; write on_expire = \"ignore\" or"),
            ("[fields]", "removes = \"all\"\n[fields]", 9, "unknown variant `all`"),
            ("email =", "# email =", 9, "no field is mapped"),
            ("[fields]", "colour = \"red\"\n[fields]", 9, "unknown field `colour`"),
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
    fn all_mistakes_are_reported_at_once() {
        let many = GOOD.replace("\"customers\"", "\"x\"").replace("\"crm\"", "\"y\"").replace("| lower", "|");
        assert_eq!(parse(&many).unwrap_err().lines().count(), 3);
    }
}
