//! Values that say something of a person, for who may not see them.
//!
//! A field of a destination is personal by its connector's file or by the pipeline's document; and so is what its expression
//! reads of the source's row. Every page that shows viewers something out of a record goes through here.

use std::collections::BTreeSet;

use shared::{
    failure::Payload,
    pipeline::{Known, Pipeline},
    value::Value,
};

/// Stands for a value.
pub const MASK: &str = "•••";

/// Texts shorter than this are not looked for: they would be found in any sentence.
const LEAST: usize = 2;

/// Which values of a pipeline's records are personal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Personal {
    /// Nobody can tell, so all are: the pipeline is not known, or its text cannot be read.
    Unknown,
    /// Those of these fields: as the destination calls them, and as the source does (`email`, `address.city`).
    Fields { sent: BTreeSet<String>, read: BTreeSet<String> },
}

impl Personal {
    /// By a pipeline's document.
    pub fn of(name: &str, document: &str, known: &Known) -> Self {
        let Ok(pipeline) = Pipeline::parse(name, document, 0, known) else { return Self::Unknown };
        let sent = pipeline.personal().map(|(field, _)| field.to_owned()).collect();
        let paths = pipeline.personal().flat_map(|(_, expression)| expression.paths());
        let of_row = |path: &str| {
            let (image, rest) = path.split_once('.')?;
            matches!(image, "after" | "before").then(|| rest.to_owned())
        };
        Self::Fields { sent, read: paths.filter_map(of_row).collect() }
    }

    /// The personal values in what has failed: a delivery, a change event, or whatever it is. Their texts, the longest first.
    pub fn values(&self, payload: &Payload) -> Vec<String> {
        let mut found = BTreeSet::new();
        let value = payload.bytes().and_then(|bytes| Value::from_json(&bytes).ok());
        match (self, value) {
            (_, None) => {}
            (Self::Unknown, Some(value)) => texts(&value, &mut found),
            (Self::Fields { sent, read }, Some(value)) => {
                for (name, value) in value.get("fields").and_then(Value::as_object).into_iter().flatten() {
                    if sent.contains(&**name) {
                        texts(value, &mut found);
                    }
                }
                for (image, path) in
                    ["before", "after"].iter().flat_map(|image| read.iter().map(move |path| (image, path)))
                {
                    if let Some(value) = value.get(image).and_then(|row| at(row, path)) {
                        texts(value, &mut found);
                    }
                }
            }
        }
        let mut found: Vec<_> = found.into_iter().filter(|text| text.chars().count() >= LEAST).collect();
        found.sort_by_key(|text| std::cmp::Reverse(text.len()));
        found
    }
}

fn at<'v>(row: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(row, |value, name| value.get(name))
}

/// The texts and numbers within a value.
fn texts(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => drop(into.insert(number.as_str().to_owned())),
        Value::String(text) => drop(into.insert(text.trim().to_owned())),
        Value::Array(items) => items.iter().for_each(|item| texts(item, into)),
        Value::Object(fields) => fields.into_iter().for_each(|(_, value)| texts(value, into)),
    }
}

/// A text without these values, and without any e-mail address. Capitals say nothing.
pub fn text(text: &str, values: &[String]) -> String {
    values.iter().fold(addresses(text), |text, value| without(&text, value))
}

/// A text without e-mail addresses.
pub fn addresses(text: &str) -> String {
    let is_part = |letter: char| letter.is_alphanumeric() || "._%+-@".contains(letter);
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let (before, from) = rest.split_at(start);
        let (word, after) = from.split_at(from.find(|letter| !is_part(letter)).unwrap_or(from.len()));
        masked.push_str(before);
        // A sentence may end behind an address.
        let bare = word.trim_end_matches('.');
        match bare.split_once('@') {
            Some((who, host)) if !who.is_empty() && !host.is_empty() => {
                masked.push_str(MASK);
                masked.push_str(&word[bare.len()..]);
            }
            _ => masked.push_str(word),
        }
        rest = after;
    }
    masked + rest
}

/// A text in which a value, where it stands as a word or words of its own, is masked.
fn without(text: &str, value: &str) -> String {
    // Of ASCII letters alone, so that both have the same places.
    let (low, sought) = (text.to_ascii_lowercase(), value.to_ascii_lowercase());
    let mut masked = String::with_capacity(text.len());
    let mut from = 0;
    for (start, _) in low.match_indices(&sought) {
        let end = start + sought.len();
        let is_in_word = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
        if !is_in_word(low[..start].chars().next_back()) && !is_in_word(low[end..].chars().next()) {
            masked.push_str(&text[from..start]);
            masked.push_str(MASK);
            from = end;
        }
    }
    masked + &text[from..]
}

#[cfg(test)]
mod tests {
    use shared::pipeline::KnownDestination;

    use super::*;

    fn known() -> Known {
        Known {
            sources: vec!["customers".to_owned()],
            destinations: vec![KnownDestination::new("crm", "hubspot")],
            ..Known::default()
        }
    }

    fn personal() -> Personal {
        let document = "name = \"contacts\"\nsource = \"customers\"\ndestination = \"crm\"\naction = \"upsert_contact\"\n\n\
                        [fields]\nemail = \"after.email | lower\"\nlastname = \"after.name.last\"\ncity = \"after.city\"\n\
                        plan = { value = \"after.plan\", personal = true }\n";
        Personal::of("contacts", document, &known())
    }

    #[test]
    fn a_mark_reaches_from_the_destinations_field_to_the_sources() {
        let Personal::Fields { sent, read } = personal() else { panic!("the document is fine") };
        assert_eq!(sent.into_iter().collect::<Vec<_>>(), ["email", "lastname", "plan"]);
        assert_eq!(read.into_iter().collect::<Vec<_>>(), ["email", "name.last", "plan"]);
        assert_eq!(Personal::of("contacts", "name = ", &known()), Personal::Unknown);
    }

    #[test]
    fn the_values_of_a_delivery_and_of_an_event_are_found() {
        let values = |json: &str| personal().values(&Payload::of(json.as_bytes()));
        let delivery = r#"{"pipeline":"contacts","fields":{"email":"ada@x.example","lastname":"Lovelace","city":"London","plan":7}}"#;
        assert_eq!(values(delivery), ["ada@x.example", "Lovelace"]);
        let event = r#"{"before":{"name":{"last":"Byron"}},"after":{"name":{"last":"Lovelace"},"city":"London","plan":"gold"}}"#;
        assert_eq!(values(event), ["Lovelace", "Byron", "gold"]);
        assert_eq!(values("no JSON"), Vec::<String>::new());
        // Where nobody can tell, all of them are.
        let all = Personal::Unknown.values(&Payload::of(br#"{"a":["Ada",{"b":"London"}],"c":1815}"#));
        assert_eq!(all, ["London", "1815", "Ada"]);
    }

    #[test]
    fn values_are_masked_as_words_and_addresses_always() {
        let values = ["Lovelace".to_owned(), "Ada".to_owned()];
        for (given, masked) in [
            ("“ada” is no name, ADA LOVELACE is", "“•••” is no name, ••• ••• is"),
            ("Adam and Canada stay", "Adam and Canada stay"),
            ("Zoë Lovelace, Ümit", "Zoë •••, Ümit"),
            ("nothing", "nothing"),
            ("", ""),
        ] {
            assert_eq!(text(given, &values), masked);
        }
        for (given, masked) in [
            ("ask ada.l+x@mail.example.com. Or not", "ask •••. Or not"),
            (r#"{"email":"Ada@x.example"}"#, r#"{"email":"•••"}"#),
            ("a @ b, @handle, after.email", "a @ b, @handle, after.email"),
        ] {
            assert_eq!(addresses(given), masked);
        }
    }
}
