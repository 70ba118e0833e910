//! What somebody looks for: rows by their ids, in the words of each source.

use std::collections::{BTreeMap, BTreeSet};

use shared::{
    destination::{self, FieldType, Mode},
    key::Key,
    pipeline::{Known, Outline},
    ports::StoredPipeline,
    schema::{Kind, Schema},
    value::{Object, Value},
};

/// A pipeline, as far as a search needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Course {
    /// Its name.
    pub pipeline: String,
    /// Its source.
    pub source: String,
    /// Its destination, with the vendor's name where that says more.
    pub destination: String,
    /// It adds events, of which the ledger keeps no history by row.
    pub appends: bool,
    /// The ledger knows its rows by their e-mail addresses.
    pub knows_addresses: bool,
}

impl Course {
    /// Of a pipeline; `None` where its text says no source or destination.
    pub fn of(pipeline: &StoredPipeline, known: &Known) -> Option<Self> {
        let Outline { source, destination, action, .. } = Outline::of(&pipeline.document);
        let (source, destination) = (source?, destination?);
        let connector = known.destination(&destination).and_then(|known| destination::connector(&known.connector).ok());
        let action = action.and_then(|action| connector?.action(&action));
        let appends = action.is_some_and(|action| action.mode == Mode::Append);
        let is_email = |field: &destination::Field| field.r#type == FieldType::Email;
        let has_address = action.is_some_and(|action| action.fields.iter().any(is_email));
        Some(Self {
            pipeline: pipeline.name.clone(),
            source,
            destination: connector.map_or_else(|| destination.clone(), |connector| connector.name.clone()),
            appends,
            knows_addresses: has_address && !appends,
        })
    }
}

/// The rows that an id can mean, and what could not be searched by it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// Source and key.
    pub keys: Vec<(String, Key)>,
    /// Which sources were searched, and by which attribute: `customers (customer_id)`.
    pub searched: Vec<String>,
    /// What was not, and why; a sentence each.
    pub gaps: Vec<String>,
}

/// The rows of these sources that have this id.
pub fn rows_by_id(id: &str, sources: &BTreeSet<String>, schemas: &BTreeMap<String, (u64, Schema)>) -> Rows {
    let mut rows = Rows::default();
    for source in sources {
        let key = schemas.get(source).map(|(_, schema)| &schema.key);
        let mut attributes = key.into_iter().flatten();
        match (attributes.next(), attributes.next()) {
            (None, _) => rows.gaps.push(format!(
                "Of {source} no change has come by yet that tells what names its records, so it was not searched."
            )),
            (Some((name, kind)), None) => {
                if let Some(value) = value(id, *kind) {
                    rows.keys.push((source.clone(), Key::single(name, value)));
                    rows.searched.push(format!("{source} (by {name})"));
                } else {
                    let kind = kind.as_str();
                    rows.gaps.push(format!("What names a record of {source} is a {kind}, and “{id}” is none."));
                }
            }
            (Some(_), Some(_)) => rows.gaps.push(format!(
                "A record of {source} is named by more than one field: search for it in its own form below."
            )),
        }
    }
    rows
}

/// The row of a source whose key has these parts; the names of those that are missing or of another kind.
pub fn row_by_parts(schema: &Schema, parts: &BTreeMap<String, String>) -> Result<Key, Vec<String>> {
    let found = schema.key.iter().map(|(name, kind)| {
        let value = parts.get(name).filter(|text| !text.is_empty()).and_then(|text| value(text, *kind));
        value.map(|value| (name.clone(), value)).ok_or_else(|| name.clone())
    });
    let (found, missing): (Vec<_>, Vec<_>) = found.partition(Result::is_ok);
    if !missing.is_empty() || found.is_empty() {
        return Err(missing.into_iter().filter_map(Result::err).collect());
    }
    Ok(Key::new(found.into_iter().filter_map(Result::ok).collect::<Object>()))
}

/// Whether a text is an e-mail address, as far as that can be told without sending to it.
pub fn is_address(text: &str) -> bool {
    text.split_once('@')
        .is_some_and(|(who, host)| !who.is_empty() && host.len() > 2 && !text.contains(char::is_whitespace))
}

/// Whether an address stands in a text, whole: who types a part of one finds nobody. Capitals say nothing.
pub fn mentions(text: &str, address: &str) -> bool {
    let (text, address) = (text.to_lowercase(), address.to_lowercase());
    let is_part =
        |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || "._+-@".contains(letter));
    text.match_indices(&address).any(|(start, found)| {
        let (before, after) = (&text[..start], &text[start + found.len()..]);
        // A sentence may end behind an address.
        let rest = after.trim_start_matches('.');
        !is_part(before.chars().next_back()) && !is_part(rest.chars().next())
    })
}

/// What somebody has typed, as a value of a kind; `None` where it is none.
fn value(text: &str, kind: Kind) -> Option<Value> {
    match kind {
        Kind::Text => Some(Value::from(text)),
        _ => Value::from_json(text.as_bytes()).ok().filter(|value| Kind::of(value) == kind),
    }
}

#[cfg(test)]
mod tests {
    use shared::pipeline::KnownDestination;

    use super::*;

    fn schemas() -> BTreeMap<String, (u64, Schema)> {
        let schema = |key: &str| {
            let mut schema = Schema::default();
            schema.learn_key(&serde_json::from_str(key).unwrap());
            (1, schema)
        };
        BTreeMap::from([
            ("customers".to_owned(), schema(r#"{"customer_id":"c-1"}"#)),
            ("orders".to_owned(), schema(r#"{"order_id":"o-1","line":7}"#)),
            ("tickets".to_owned(), schema(r#"{"number":7}"#)),
        ])
    }

    #[test]
    fn an_id_is_that_of_each_source_or_it_is_said_why_not() {
        let sources = ["customers", "orders", "quiet", "tickets"].map(str::to_owned).into();
        let text = rows_by_id("c-1", &sources, &schemas());
        assert_eq!(text.keys, [("customers".to_owned(), Key::single("customer_id", "c-1"))]);
        assert_eq!(text.searched, ["customers (by customer_id)"]);
        let gaps = text.gaps.join("\n");
        for part in ["orders is named by more than one", "Of quiet no change", "tickets is a number, and “c-1” is none"]
        {
            assert!(gaps.contains(part), "{gaps}");
        }
        // Digits are a number where ids are numbers, and a text where they are texts.
        let number = rows_by_id("7", &sources, &schemas());
        assert_eq!(
            number.keys,
            [
                ("customers".to_owned(), Key::single("customer_id", "7")),
                ("tickets".to_owned(), Key::single("number", 7)),
            ]
        );
    }

    #[test]
    fn an_address_is_mentioned_whole_or_not_at_all() {
        for (text, mentioned) in [
            (r#"{"email":"ada@example.com"}"#, true),
            (r#"{\"email\":\"Ada@Example.com\"}"#, true),
            ("there is no ada@example.com. Look again", true),
            (r#"{"email":"canada@example.com"}"#, false),
            (r#"{"email":"ada@example.com.au"}"#, false),
            (r#"{"email":"x.ada@example.com"}"#, false),
            ("canada@example.com, ada@example.com", true),
            ("", false),
        ] {
            assert_eq!(mentions(text, "ada@example.com"), mentioned, "{text}");
        }
        for (text, expected) in [
            ("ada@example.com", true),
            ("@", false),
            ("a@", false),
            ("@b.c", false),
            ("a b@c.de", false),
            ("c-1", false),
        ] {
            assert_eq!(is_address(text), expected, "{text}");
        }
    }

    #[test]
    fn a_key_of_parts_needs_all_of_them() {
        let orders = &schemas()["orders"].1;
        let parts = |line: &str| {
            BTreeMap::from([("order_id".to_owned(), "o-1".to_owned()), ("line".to_owned(), line.to_owned())])
        };
        assert_eq!(row_by_parts(orders, &parts("7")).unwrap().canonical(), r#"{"line":7,"order_id":"o-1"}"#);
        assert_eq!(row_by_parts(orders, &parts("seven")), Err(vec!["line".to_owned()]));
        assert_eq!(row_by_parts(orders, &BTreeMap::new()), Err(vec!["line".to_owned(), "order_id".to_owned()]));
        assert_eq!(row_by_parts(&Schema::default(), &BTreeMap::new()), Err(Vec::new()));
    }

    #[test]
    fn a_connectors_file_tells_what_the_ledger_knows_of_a_pipeline() {
        let destinations = [("crm", "hubspot"), ("audit", "webhook")];
        let destinations = destinations.map(|(name, connector)| KnownDestination::new(name, connector)).to_vec();
        let known = Known { destinations, ..Known::default() };
        let stored = |destination: &str, action: &str| {
            let document =
                format!("source = \"customers\"\ndestination = \"{destination}\"\naction = \"{action}\"\n[fields]\n");
            StoredPipeline {
                name: "p".to_owned(),
                edit: 1,
                version: 1,
                document,
                by: String::new(),
                at: shared::time::Timestamp::default(),
                state: shared::pipeline::state::PipelineState::default(),
            }
        };
        let contacts = Course::of(&stored("crm", "upsert_contact"), &known).unwrap();
        assert_eq!(
            (contacts.destination.as_str(), contacts.appends, contacts.knows_addresses),
            ("HubSpot", false, true)
        );
        let events = Course::of(&stored("audit", "send"), &known).unwrap();
        assert_eq!((events.appends, events.knows_addresses), (true, false));
        let unknown = Course::of(&stored("elsewhere", "send"), &known).unwrap();
        assert_eq!(
            (unknown.destination.as_str(), unknown.appends, unknown.knows_addresses),
            ("elsewhere", false, false)
        );
        assert_eq!(Course::of(&StoredPipeline { document: String::new(), ..stored("", "") }, &known), None);
    }
}
