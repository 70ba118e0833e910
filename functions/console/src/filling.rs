//! What a destination's field is filled with, as a form asks for it, and the expression that it is.

use std::sync::LazyLock;

use shared::{
    destination::FieldType,
    expression::catalogue::{CATALOGUE, Entry, Kind},
    pipeline::KnownFields,
    value::Number,
};

/// What a field is filled with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filling {
    /// Nothing: the pipeline does not map it.
    Nothing,
    /// A field of the row, by its path: `address.city`.
    Field(String),
    /// A field of the row, through a helper.
    Helped(String, &'static str),
    /// Always the same.
    Fixed(String),
    /// An expression.
    Formula(String),
}

/// The filters that take no argument, by which a field can be changed on its way; in the order of the reference.
pub static HELPERS: LazyLock<Vec<&'static Entry>> = LazyLock::new(|| {
    let is_helper = |entry: &&Entry| entry.kind == Kind::Filter && entry.form == format!("| {}", entry.name);
    CATALOGUE.iter().filter(is_helper).collect()
});

impl Filling {
    /// Of an expression. What the form has no words for is a formula.
    pub fn of(expression: &str) -> Self {
        let text = expression.trim();
        if text.is_empty() {
            return Self::Nothing;
        }
        let (front, helper) = match text.rsplit_once('|') {
            Some((front, name)) if name.trim() != LENIENT => (front.trim(), Some(name.trim())),
            _ => (text, None),
        };
        let front = match front.rsplit_once('|') {
            Some((read, name)) if name.trim() == LENIENT => read.trim(),
            _ => front,
        };
        if let Some(path) = path(front) {
            match helper {
                None => return Self::Field(path),
                Some(name) => {
                    if let Some(helper) = HELPERS.iter().find(|helper| helper.name == name) {
                        return Self::Helped(path, helper.name);
                    }
                }
            }
        }
        literal(text).map_or_else(|| Self::Formula(text.to_owned()), Self::Fixed)
    }

    /// The expression, for a field that takes values of a type; `None` of nothing. A field that some rows lack is null
    /// there, and does not fail them.
    pub fn expression(&self, kind: FieldType, fields: &KnownFields) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Field(path) => Some(leniently(path, fields)),
            Self::Helped(path, helper) => Some(format!("{} | {helper}", leniently(path, fields))),
            Self::Fixed(text) => Some(fixed(text, kind)),
            Self::Formula(text) => Some(text.clone()),
        }
    }
}

/// What stands behind a field that a row may lack.
const LENIENT: &str = "default(none)";

/// The expression that reads a path of the row, null where the row lacks it.
pub fn leniently(path: &str, fields: &KnownFields) -> String {
    let read = reading(path);
    if fields.may_lack(path) { format!("{read} | {LENIENT}") } else { read }
}

/// The expression that reads a path of the row.
pub fn reading(path: &str) -> String {
    let names =
        path.split('.').map(|name| if is_name(name) { format!(".{name}") } else { format!("[{}]", quoted(name)) });
    std::iter::once("after".to_owned()).chain(names).collect()
}

/// A value that is always the same, as an expression. A number or a boolean is one where the vendor takes one; everything
/// else is text.
pub fn fixed(text: &str, kind: FieldType) -> String {
    let text = text.trim();
    let is_one = match kind {
        FieldType::Number => Number::parse(text).is_ok(),
        FieldType::Boolean => matches!(text, "true" | "false"),
        FieldType::Text | FieldType::Email | FieldType::Phone | FieldType::Url | FieldType::Time | FieldType::Json => {
            false
        }
    };
    if is_one { text.to_owned() } else { quoted(text) }
}

/// A text as an expression.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for letter in text.chars() {
        match letter {
            '\'' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            letter => quoted.push(letter),
        }
    }
    quoted.push('\'');
    quoted
}

/// The text of an expression that is a literal.
pub fn literal(expression: &str) -> Option<String> {
    if Number::parse(expression).is_ok() || matches!(expression, "true" | "false") {
        return Some(expression.to_owned());
    }
    let quote = expression.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    let (text, rest) = string(&expression[1..], quote)?;
    rest.is_empty().then_some(text)
}

/// A string up to its closing quote, and what is behind it. Escapes that [`quoted`] does not write are left to formulas.
fn string(text: &str, quote: char) -> Option<(String, &str)> {
    let mut read = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => read.push(match letters.next()?.1 {
                'n' => '\n',
                escaped @ ('\'' | '"' | '\\') => escaped,
                _ => return None,
            }),
            letter if letter == quote => return Some((read, &text[at + letter.len_utf8()..])),
            letter => read.push(letter),
        }
    }
    None
}

/// The path of an expression that only reads a field of the row: `after.address.city`, `after['first name']`.
pub fn path(expression: &str) -> Option<String> {
    let mut rest = expression.strip_prefix("after")?;
    let mut names = Vec::new();
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix('.') {
            let end = behind.find(|letter: char| !is_letter(letter)).unwrap_or(behind.len());
            let name = &behind[..end];
            if !is_name(name) {
                return None;
            }
            names.push(name.to_owned());
            rest = &behind[end..];
        } else {
            let quote = rest.strip_prefix('[')?.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
            let (name, behind) = string(&rest[2..], quote)?;
            // A dot within a name could not be told from one between two.
            if name.is_empty() || name.contains('.') {
                return None;
            }
            names.push(name);
            rest = behind.strip_prefix(']')?;
        }
    }
    (!names.is_empty()).then(|| names.join("."))
}

fn is_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

fn is_name(name: &str) -> bool {
    name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_') && name.chars().all(is_letter)
}

#[cfg(test)]
mod tests {
    use shared::{expression::Expression, schema::Kind, value::Value};

    use super::*;

    #[test]
    fn a_form_says_what_an_expression_says() {
        use Filling::{Field, Fixed, Formula, Helped, Nothing};
        let cases = [
            ("", Nothing, FieldType::Text),
            ("after.email", Field("email".into()), FieldType::Email),
            ("after.address.city", Field("address.city".into()), FieldType::Text),
            ("after['first name'].x", Field("first name.x".into()), FieldType::Text),
            ("after.email | lower", Helped("email".into(), "lower"), FieldType::Email),
            ("'it\\'s \\\\ here'", Fixed("it's \\ here".into()), FieldType::Text),
            ("12.50", Fixed("12.50".into()), FieldType::Number),
            ("true", Fixed("true".into()), FieldType::Boolean),
            ("'12'", Fixed("12".into()), FieldType::Text),
            ("after.cents / 100", Formula("after.cents / 100".into()), FieldType::Number),
            ("after.email | lower | trim", Formula("after.email | lower | trim".into()), FieldType::Text),
            ("after.phone | phone('CH')", Formula("after.phone | phone('CH')".into()), FieldType::Phone),
            ("after.country | default(none)", Field("country".into()), FieldType::Text),
            ("after.country | default(none) | upper", Helped("country".into(), "upper"), FieldType::Text),
            ("before.email", Formula("before.email".into()), FieldType::Text),
            ("'a' ~ 'b'", Formula("'a' ~ 'b'".into()), FieldType::Text),
            ("'tab\\t'", Formula("'tab\\t'".into()), FieldType::Text),
            ("after", Formula("after".into()), FieldType::Json),
            ("after.tags[0]", Formula("after.tags[0]".into()), FieldType::Text),
        ];
        let mut fields = KnownFields::default();
        fields.add("country", Kind::Absent);
        for (expression, filling, kind) in &cases {
            assert_eq!(Filling::of(expression), *filling, "{expression}");
            let back = filling.expression(*kind, &fields);
            assert_eq!(back.as_deref(), Some(*expression).filter(|text| !text.is_empty()), "{expression}");
        }
        println!("{} expressions", cases.len());
    }

    #[test]
    fn whatever_is_typed_as_a_fixed_value_is_that_text() {
        let texts = ["", "pro", "it's", "a\\b", "{{ 1 }}", "'; drop", "\"", "line\nbreak", "=HYPERLINK(\"x\")", "ß€😀"];
        for text in texts {
            let expression = Expression::compile(&fixed(text, FieldType::Text), &[]).unwrap();
            let event = shared::event::ChangeEvent::read_written("a", r#"{"after":{"id":1}}"#).unwrap().remove(0);
            let value = expression.evaluate(&shared::expression::Scope::of(&event)).unwrap();
            assert_eq!(value, Value::from(text.trim()), "{text}");
        }
        println!("{} texts", texts.len());
    }

    #[test]
    fn helpers_take_no_argument_and_have_their_help() {
        let names: Vec<_> = HELPERS.iter().map(|helper| helper.name).collect();
        assert!(["lower", "trim", "email", "cents_to_units"].iter().all(|name| names.contains(name)), "{names:?}");
        assert!(!names.contains(&"phone") && !names.contains(&"replace"), "{names:?}");
    }
}
