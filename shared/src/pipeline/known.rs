//! What a pipeline's document is checked against.

use std::collections::{BTreeMap, BTreeSet};

use super::{ManagedBy, policy, syntax};
use crate::{
    destination,
    lookup::KeyAttributes,
    nearest::suggestion,
    schema::{EARLY, Kind, Schema},
    value::{Object, Value},
};

/// What a stack has that pipelines can name, and what is known of its sources' rows.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The sources' names.
    pub sources: Vec<String>,
    /// The destinations.
    pub destinations: Vec<KnownDestination>,
    /// The fields of sources whose schema has been learned, by source.
    pub fields: BTreeMap<String, KnownFields>,
    /// The lookup tables by name, with the attributes of their keys.
    pub lookup_tables: BTreeMap<String, KeyAttributes>,
    /// There is no stack: lookup tables are taken to be there, with the keys that the document has.
    pub guessed: bool,
    /// Without a stack: why the destination's connector cannot be guessed.
    pub unguessed: Option<String>,
}

/// A destination that pipelines can name.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownDestination {
    /// Its name in the stack.
    pub name: String,
    /// Its connector's slug.
    pub connector: String,
    /// Its settings, where they are known: what depends on them is checked then.
    pub settings: Option<Object>,
}

impl KnownDestination {
    /// A destination of whose settings nothing is known.
    pub fn new(name: impl Into<String>, connector: impl Into<String>) -> Self {
        Self { name: name.into(), connector: connector.into(), settings: None }
    }

    /// The same with its settings.
    #[must_use]
    pub fn with_settings(self, settings: Object) -> Self {
        Self { settings: Some(settings), ..self }
    }
}

impl Known {
    /// The destination of this name.
    pub fn destination(&self, name: &str) -> Option<&KnownDestination> {
        self.destinations.iter().find(|destination| destination.name == name)
    }

    /// With the fields of the sources of which enough rows have passed to tell.
    pub fn learn<'s>(&mut self, schemas: impl IntoIterator<Item = (&'s str, &'s Schema)>) {
        for (source, schema) in schemas {
            if schema.rows.is_some_and(|rows| rows.count >= EARLY) {
                self.fields.insert(source.to_owned(), KnownFields::from(schema));
            }
        }
    }

    /// What a document can be checked against where there is no stack: its source is taken for one, and its destination
    /// for one of the connector that the names tell, with the default settings.
    pub fn without_stack(document: &str) -> Self {
        let outline = Outline::of(document);
        let mut known = Self { sources: outline.source.into_iter().collect(), guessed: true, ..Self::default() };
        if let (Some(destination), Some(action)) = (outline.destination, outline.action) {
            match connector_of(&destination, &action) {
                Ok(slug) => {
                    known.destinations.push(KnownDestination::new(destination, slug).with_settings(Object::new()));
                }
                Err(reason) => known.unguessed = Some(reason),
            }
        }
        known
    }
}

/// The connector of a destination that has its name, or else is the only one with the action.
fn connector_of(destination: &str, action: &str) -> Result<&'static str, String> {
    if let Ok(connector) = destination::connector(destination) {
        return Ok(connector.slug());
    }
    let connectors = destination::connectors().map_err(|error| error.to_string())?;
    let able: Vec<&'static str> = connectors
        .iter()
        .filter(|connector| connector.action(action).is_some())
        .map(|connector| connector.slug())
        .collect();
    match able[..] {
        [slug] => Ok(slug),
        [] => {
            let actions =
                connectors.iter().flat_map(|connector| connector.actions.iter().map(destination::Action::name));
            Err(format!(
                "no connector is called `{destination}`, and none has an action `{action}`{}",
                suggestion(action, actions)
            ))
        }
        _ => Err(format!(
            "no connector is called `{destination}`, and the action `{action}` is one of {}; name the stack, which \
             tells",
            able.join(" and ")
        )),
    }
}

/// What a document says of itself, as far as it can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named for its line in the document")]
pub struct Outline {
    pub name: Option<String>,
    pub source: Option<String>,
    pub destination: Option<String>,
    pub action: Option<String>,
    pub managed_by: Option<ManagedBy>,
}

impl Outline {
    /// Of a document, even where the rest of it is wrong.
    pub fn of(document: &str) -> Self {
        let Some(table) = syntax::parse(&mut super::problem::Findings::new(document)) else { return Self::default() };
        let text = |name: &str| table.get_ref().get(name)?.get_ref().as_str().map(str::to_owned);
        Self {
            name: text("name"),
            source: text("source"),
            destination: text("destination"),
            action: text("action"),
            managed_by: text("managed_by").and_then(|word| policy::word(&word)),
        }
    }
}

impl Kind {
    /// Values of this kind, such that what takes any of its kind takes one of them; none of null and absent, which say nothing of a
    /// field.
    pub fn examples(self) -> Vec<Value> {
        match self {
            Self::Null | Self::Absent => Vec::new(),
            Self::Boolean => vec![Value::from(true)],
            Self::Number => vec![Value::from(1)],
            Self::Text => ["text", "1", "true", "2026-01-01T00:00:00Z"].map(Value::from).to_vec(),
            Self::List => vec![Value::Array(Vec::new())],
            Self::Object => vec![Value::Object(Object::new())],
        }
    }
}

/// The fields of a source's rows, by their paths (`email`, `address.city`), and the kinds of value that each has had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownFields {
    kinds: BTreeMap<String, BTreeSet<Kind>>,
    /// Those that some rows lack.
    lacking: BTreeSet<String>,
}

/// What was learned of a source. That rows may lack a field says nothing of what it is where it is there.
impl From<&Schema> for KnownFields {
    fn from(schema: &Schema) -> Self {
        let mut known = Self::default();
        for (path, kinds) in schema.fields() {
            for kind in kinds {
                known.add(path, kind);
            }
        }
        known
    }
}

impl KnownFields {
    /// Adds a field's path and a kind of its values; or that a row lacks it.
    pub fn add(&mut self, path: impl Into<String>, kind: Kind) {
        let path = path.into();
        if kind == Kind::Absent {
            self.lacking.insert(path);
        } else {
            self.kinds.entry(path).or_default().insert(kind);
        }
    }

    /// Adds what a row shows.
    pub fn learn(&mut self, row: &Object) {
        self.learn_under("", row);
    }

    fn learn_under(&mut self, above: &str, row: &Object) {
        for (name, value) in row {
            let path = if above.is_empty() { name.to_string() } else { format!("{above}.{name}") };
            if let Value::Object(fields) = value {
                self.learn_under(&path, fields);
            }
            self.add(path, Kind::of(value));
        }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Whether some rows lack a field: it is not there, or something above it is not.
    pub fn may_lack(&self, path: &str) -> bool {
        let above = path.match_indices('.').map(|(end, _)| &path[..end]);
        above.chain([path]).any(|path| self.lacking.contains(path))
    }

    /// The fields' paths, in order.
    pub fn paths(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.kinds.keys().map(String::as_str)
    }

    /// The kinds of a field's values; `None` where no row has had it.
    pub fn kinds(&self, path: &str) -> Option<&BTreeSet<Kind>> {
        self.kinds.get(path)
    }

    /// The names of the fields directly under a path; of the row itself under the empty path.
    pub fn names<'a>(&'a self, above: &'a str) -> impl Iterator<Item = &'a str> + Clone {
        self.kinds.keys().filter_map(move |path| {
            let name = if above.is_empty() { path } else { path.strip_prefix(above)?.strip_prefix('.')? };
            (!name.contains('.')).then_some(name)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_teaches_its_paths_and_kinds() {
        let row =
            Value::from_json(br#"{"email":"a","address":{"city":"Bern","geo":{}},"tags":[1],"note":null}"#).unwrap();
        let mut fields = KnownFields::default();
        fields.learn(row.as_object().unwrap());
        fields.learn(&Object::from_iter([("note".to_owned(), Value::from("x"))]));
        assert_eq!(fields.names("").collect::<Vec<_>>(), ["address", "email", "note", "tags"]);
        assert_eq!(fields.names("address").collect::<Vec<_>>(), ["city", "geo"]);
        assert_eq!(fields.kinds("note"), Some(&BTreeSet::from([Kind::Null, Kind::Text])));
        assert_eq!(fields.kinds("address.zip"), None);
    }

    #[test]
    fn without_a_stack_the_connector_is_told_by_the_names() {
        let document = |destination: &str, action: &str| {
            format!("source = \"customers\"\ndestination = \"{destination}\"\naction = \"{action}\"\n")
        };
        for (destination, action, slug) in [
            ("hubspot", "upsert_contact", "hubspot"),
            ("braze", "track_event", "braze"),
            ("crm", "upsert_contact", "hubspot"),
            // The name tells, and then the action is wrong.
            ("slack", "upsert_contact", "slack"),
        ] {
            let known = Known::without_stack(&document(destination, action));
            assert_eq!(known.destination(destination).unwrap().connector, slug);
            assert_eq!(known.sources, ["customers"]);
        }
        let known = Known::without_stack(&document("crm", "upsert_contcat"));
        assert!(known.destinations.is_empty());
        assert_eq!(
            known.unguessed.unwrap(),
            "no connector is called `crm`, and none has an action `upsert_contcat`; did you mean `upsert_contact`?"
        );
        let reason = Known::without_stack(&document("crm", "track_event")).unguessed.unwrap();
        assert!(
            reason.ends_with("the action `track_event` is one of braze and customer_io; name the stack, which tells"),
            "{reason}"
        );
    }

    #[test]
    fn an_outline_is_what_can_be_read() {
        let outline = Outline::of("name = \"a\"\nsource = \"s\"\nmore = 123456789012345678901234567890");
        assert_eq!((outline.name.as_deref(), outline.source.as_deref()), (Some("a"), Some("s")));
        assert_eq!(Outline::of("name = "), Outline::default());
    }
}
