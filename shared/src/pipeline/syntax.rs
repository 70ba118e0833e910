//! What is no TOML: the parser's word for it, and what people usually meant.

use toml::{Spanned, de::DeTable};

use super::problem::Findings;

/// The document's table; none where it is no TOML, which then is reported.
pub(super) fn parse<'t>(found: &mut Findings<'t>) -> Option<Spanned<DeTable<'t>>> {
    let text = found.text();
    let (table, mut errors) = DeTable::parse_recoverable(text);
    errors.sort_by_key(|error| error.span().map_or(0, |span| span.start));
    let mut whole = true;
    let mut line = 0;
    for error in errors {
        let span = error.span().unwrap_or_default();
        // What follows in the same line follows from the first.
        if found.line(span.start) == line {
            continue;
        }
        line = found.line(span.start);
        let message = error.message();
        if message == "duplicate key" {
            let key = text.get(span.clone()).unwrap_or_default();
            found.problem(span.start, format!("`{key}` stands here for the second time; keep one of the two"));
            continue;
        }
        whole = false;
        found.problem(span.start, format!("this is not TOML: {}", reason(message, text, span.start)));
        if !ends_with_its_line(message) {
            break;
        }
    }
    whole.then_some(table)
}

/// Whether the lines behind the mistake are read as they are meant.
fn ends_with_its_line(message: &str) -> bool {
    ["string values must be quoted", "key with no value", "invalid unquoted key", "invalid basic string"]
        .iter()
        .chain(
            ["invalid literal string", "unexpected key", "invalid boolean", "invalid float", "missing escaped"].iter(),
        )
        .any(|begin| message.starts_with(begin))
}

/// The reason and the mend.
fn reason(message: &str, text: &str, at: usize) -> String {
    let (before, behind) = text.split_at(at.min(text.len()));
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let end = behind.find('\n').map_or(text.len(), |end| at + end);
    let line = text[start..end].trim();
    let (key, value) = line.split_once('=').map_or((line, ""), |(key, value)| (key.trim(), value.trim()));
    if ["null", "none", "nil"].contains(&value.to_lowercase().as_str()) {
        return format!("it has no null; leave the line away, or write the expression {key} = \"none\"");
    }
    let begins = |part: &str| message.starts_with(part);
    let mend = if line.starts_with("//") || line.starts_with("--") {
        "a comment begins with #".to_owned()
    } else if begins("string values must be quoted") && value.is_empty() {
        format!("write a value behind the =, such as {key} = \"…\"")
    } else if begins("string values must be quoted") {
        // A value with quotation marks of its own would need to be quoted otherwise.
        let quoted = if value.contains(['"', '“', '”']) { "…" } else { value };
        format!("write text and expressions in quotes: {key} = \"{quoted}\"")
    } else if begins("invalid basic string") || begins("invalid literal string") {
        "end the text with the same quote that it begins with, in the same line".to_owned()
    } else if begins("invalid multi-line") {
        "end the text with the same three quotes that it begins with".to_owned()
    } else if begins("key with no value") || begins("invalid unquoted key") {
        "a line is a name, an equals sign and a value: name = \"…\"".to_owned()
    } else if begins("unexpected key or value") {
        "a line has one value; a text within a text goes in single quotes, as in when = \"after.plan == 'pro'\""
            .to_owned()
    } else if begins("missing escaped value") {
        "write a backslash twice, or the whole text in single quotes".to_owned()
    } else if begins("unclosed table") || begins("unclosed array table") {
        format!("close it with the same brackets: {line}{}", if line.starts_with("[[") { "]]" } else { "]" })
    } else if begins("invalid boolean") {
        "write true or false, in lower case".to_owned()
    } else if begins("missing comma") || begins("unclosed") || begins("unexpected") {
        "look for a bracket or a comma that is missing in this line or before it".to_owned()
    } else {
        "https://toml.io shows how TOML is written".to_owned()
    };
    format!("{message}; {mend}")
}
