//! A pipeline's document as the pages change it: line by line, so that comments, tests and what no page knows stay as they
//! are.

use std::fmt;

use toml_edit::{DocumentMut, Item, Table, Value};

/// A document that is TOML, whatever else may be wrong with it.
#[derive(Clone, Debug, Default)]
pub struct Text(DocumentMut);

impl Text {
    /// Reads a document; the error is TOML's own, with the line.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error: toml_edit::TomlError| error.to_string())
    }

    /// A line's text; `None` where there is no such line, or it is no text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// Writes a line, or takes it out.
    pub fn set(&mut self, name: &str, text: Option<&str>) {
        if self.get(name) == text {
            return;
        }
        match (self.0.get_mut(name).and_then(Item::as_value_mut), text) {
            // The comment behind it stays.
            (Some(value), Some(text)) => replace(value, text),
            (None, Some(text)) => self.0[name] = toml_edit::value(text),
            (_, None) => drop(self.0.remove(name)),
        }
    }

    /// The mapped fields and their expressions, in their order.
    pub fn fields(&self) -> Vec<(String, String)> {
        let Some(fields) = self.0.get("fields").and_then(Item::as_table_like) else { return Vec::new() };
        let fields = fields.iter();
        fields.filter_map(|(name, item)| Some((name.to_owned(), expression(item)?.to_owned()))).collect()
    }

    /// Maps a field, or no longer.
    pub fn set_field(&mut self, name: &str, text: Option<&str>) {
        let fields = self.0.entry("fields").or_insert_with(|| Item::Table(Table::new()));
        let Some(fields) = fields.as_table_like_mut() else { return };
        match (fields.get_mut(name), text) {
            (_, None) => drop(fields.remove(name)),
            (Some(item), Some(text)) if expression(item) == Some(text) => {}
            (Some(item), Some(text)) => match item.as_table_like_mut() {
                // It has a null policy of its own.
                Some(line) => drop(line.insert("value", toml_edit::value(text))),
                None => match item.as_value_mut() {
                    Some(value) => replace(value, text),
                    None => *item = toml_edit::value(text),
                },
            },
            (None, Some(text)) => drop(fields.insert(name, toml_edit::value(text))),
        }
    }
}

/// A field's expression: the line itself, or `value` of a line with a policy of its own.
fn expression(item: &Item) -> Option<&str> {
    match item.as_value() {
        Some(Value::InlineTable(line)) => line.get("value").and_then(Value::as_str),
        Some(value) => value.as_str(),
        None => item.as_table_like()?.get("value")?.as_str(),
    }
}

/// Another text in the place of a value, with what stands around it.
fn replace(value: &mut Value, text: &str) {
    let decor = value.decor().clone();
    *value = Value::from(text);
    *value.decor_mut() = decor;
}

impl fmt::Display for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"# Contacts.
name = "contacts" # theirs
when = "after.consent"

[fields]
# By it HubSpot tells people.
email = "after.email | lower" # small
plan = { value = "after.plan", on_null = "skip" }
[fields.mrr]
value = "after.mrr"

[[tests]]
name = "one"
"#;

    #[test]
    fn a_line_is_changed_and_the_others_stay_byte_for_byte() {
        let mut text = Text::parse(DOCUMENT).unwrap();
        assert_eq!(text.to_string(), DOCUMENT);
        assert_eq!(text.get("when"), Some("after.consent"));
        let fields = [("email", "after.email | lower"), ("plan", "after.plan"), ("mrr", "after.mrr")];
        assert_eq!(text.fields(), fields.map(|(name, text)| (name.to_owned(), text.to_owned())));
        text.set("name", Some("people"));
        text.set("when", None);
        text.set("source", Some("customers"));
        text.set_field("email", Some("after.mail"));
        text.set_field("plan", Some("'pro'"));
        text.set_field("mrr", None);
        text.set_field("first name", Some("after.first_name"));
        let expected = r#"# Contacts.
name = "people" # theirs
source = "customers"

[fields]
# By it HubSpot tells people.
email = "after.mail" # small
plan = { value = "'pro'", on_null = "skip" }
"first name" = "after.first_name"

[[tests]]
name = "one"
"#;
        assert_eq!(text.to_string(), expected);
    }

    #[test]
    fn an_empty_one_becomes_a_pipeline() {
        let mut text = Text::default();
        text.set_field("email", Some("after.email"));
        text.set("name", Some("a-to-b"));
        assert_eq!(text.to_string(), "name = \"a-to-b\"\n\n[fields]\nemail = \"after.email\"\n");
        assert!(Text::parse("name = ").unwrap_err().contains("line 1"));
    }
}
