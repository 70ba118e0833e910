//! A row as it could be.

use super::{Field, Kind, Schema};
use crate::value::{Object, Value};

/// The text of a made-up field, which says so.
pub const MADE_UP: &str = "made up";

/// Made-up texts that filters take, by what a field's name ends with.
const BY_NAME: [(&str, &str); 4] = [
    ("email", "made.up@example.com"),
    ("phone", "+41446681800"),
    ("_at", "2026-01-01T00:00:00Z"),
    ("date", "2026-01-01"),
];

impl Schema {
    /// A row of the usual kinds, for a source that is quiet: every value is made up, and texts say so where their name
    /// does not ask for another form. Empty where nothing is known.
    pub fn sample(&self) -> Object {
        self.sample_under("")
    }

    fn sample_under(&self, above: &str) -> Object {
        let fields = self.fields.iter().filter_map(|(path, field)| {
            let name = if above.is_empty() { path } else { path.strip_prefix(above)?.strip_prefix('.')? };
            (!name.contains('.')).then(|| (name.to_owned(), self.example(path, name, usual(field))))
        });
        fields.collect()
    }

    fn example(&self, path: &str, name: &str, kind: Kind) -> Value {
        match kind {
            Kind::Text => {
                let told = BY_NAME.iter().find(|(end, _)| name.to_lowercase().ends_with(end));
                Value::from(told.map_or(MADE_UP, |(_, text)| text))
            }
            Kind::Number => Value::from(1),
            Kind::Boolean => Value::from(true),
            Kind::List => Value::Array(Vec::new()),
            Kind::Object => Value::Object(self.sample_under(path)),
            Kind::Null | Kind::Absent => Value::Null,
        }
    }
}

/// What a field has been most often; null only where it has been nothing else.
fn usual(field: &Field) -> Kind {
    let says_nothing = |kind: Kind| matches!(kind, Kind::Null | Kind::Absent);
    let counts = field.kinds.iter().map(|(kind, seen)| (!says_nothing(*kind), seen.count, *kind));
    counts.max().map_or(Kind::Null, |(.., kind)| kind)
}
