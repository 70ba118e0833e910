//! Pipelines: which changes of a source go to which destination, and as what.
//!
//! A pipeline is a TOML document; the same text stands in a file and in the table.

mod document;
mod evaluate;

use std::fmt;

pub use self::{
    document::{OnDelete, OnLeave, Pipeline},
    evaluate::Evaluation,
};

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
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn all_mistakes_are_reported_at_once() {
        let many = GOOD.replace("\"customers\"", "\"x\"").replace("\"crm\"", "\"y\"").replace("| lower", "|");
        assert_eq!(parse(&many).unwrap_err().lines().count(), 3);
    }
}
