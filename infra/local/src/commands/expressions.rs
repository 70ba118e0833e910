//! `freshet expressions`: what an expression can use.

use std::{fmt::Write as _, process::ExitCode};

use anyhow::bail;
use clap::Args;
use shared::{
    expression::{
        Scope,
        catalogue::{CATALOGUE, Entry, SAMPLE, SAMPLE_BEFORE},
    },
    nearest::suggestion,
};

/// The arguments of `freshet expressions`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only this filter, test or function
    name: Option<String>,
    /// As the page shared/EXPRESSIONS.md
    #[arg(long, conflicts_with = "name")]
    markdown: bool,
}

/// Prints the reference.
pub fn command(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.name {
        Some(name) => print!("{}", one(name)?),
        None if arguments.markdown => print!("{}", page()),
        None => print!("{}", list()),
    }
    Ok(ExitCode::SUCCESS)
}

/// The groups, in the catalogue's order.
fn groups() -> Vec<(&'static str, Vec<&'static Entry>)> {
    let mut groups: Vec<(&str, Vec<&Entry>)> = Vec::new();
    for entry in CATALOGUE {
        match groups.iter_mut().find(|(name, _)| *name == entry.group) {
            Some((_, entries)) => entries.push(entry),
            None => groups.push((entry.group, vec![entry])),
        }
    }
    groups
}

/// A line each.
fn list() -> String {
    let widest = CATALOGUE.iter().map(|entry| entry.form.chars().count()).max().unwrap_or(0);
    let mut text = format!("An expression sees {}, and each lookup by its name.\n", Scope::NAMES.join(", "));
    for (group, entries) in groups() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n{group}");
        for entry in entries {
            let _ = writeln!(text, "  {:<widest$}  {}", entry.form, entry.help);
        }
    }
    text + "\n`freshet expressions <name>` shows examples.\n"
}

fn one(name: &str) -> anyhow::Result<String> {
    let Some(entry) = CATALOGUE.iter().find(|entry| entry.name == name) else {
        bail!("there is no `{name}`{}", suggestion(name, CATALOGUE.iter().map(|entry| entry.name)));
    };
    let mut text = format!("{}\n  {}\n\n", entry.form, entry.help);
    for (expression, result) in entry.examples {
        let _ = writeln!(text, "  {expression}\n    {result}");
    }
    Ok(text)
}

fn page() -> String {
    let mut text = format!(
        "<!-- `freshet expressions --markdown` writes this page. -->\n\n# Expressions\n\n`when`, the fields of a pipeline \
         and the keys of its lookups are Jinja expressions. They see {}, and each lookup by its name. For a delete `after` \
         is the row as it was. For a create, and where a source does not tell what was before, `before` is a row that is \
         not there: null, with all its fields. A number stays a number, with all its digits; a null goes through every \
         filter but `default` as a null, and is never written as a text. A name that the row lacks is a failure of that event, unless `default` or `is \
         defined` says what then. Nothing else can be called than what stands here; an expression that takes too many \
         steps or makes too large a value is stopped, and its event becomes a failure.\n\nThe examples see this row:\n\n\
         ```json\n{SAMPLE}\n```\n\nand before the change:\n\n```json\n{SAMPLE_BEFORE}\n```\n",
        Scope::NAMES.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    );
    for (group, entries) in groups() {
        let _ = writeln!(text, "\n## {}\n", capital(group));
        for entry in entries {
            let _ = writeln!(text, "### `{}`\n\n{}\n\n| expression | gives |\n|---|---|", entry.form, entry.help);
            for (expression, result) in entry.examples {
                let _ = writeln!(text, "| `{}` | `{}` |", cell(expression), cell(result));
            }
            text.push('\n');
        }
    }
    text.truncate(text.trim_end().len());
    text + "\n"
}

/// A bar parts cells, also within code.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_the_one_that_is_committed() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/EXPRESSIONS.md");
        let committed = std::fs::read_to_string(file).unwrap();
        assert_eq!(committed, page(), "write it again: freshet expressions --markdown > shared/EXPRESSIONS.md");
    }

    #[test]
    fn one_is_found_and_a_misspelt_one_suggested() {
        assert!(one("phone").unwrap().contains("\n  after.phone | phone('CH')\n    \"+41446681800\"\n"));
        assert_eq!(one("phnoe").unwrap_err().to_string(), "there is no `phnoe`; did you mean `phone`?");
        assert!(list().lines().any(|line| line.starts_with("  | lower ") && line.ends_with("In small letters.")));
    }
}
