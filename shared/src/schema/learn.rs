//! Learning from rows.

use super::{Field, Kind, MAX_DEPTH, MAX_PATH_BYTES, Schema, Seen, depth, kind_at};
use crate::{
    key::Key,
    time::Timestamp,
    value::{Object, Value},
};

impl Schema {
    /// Counts an event of the source, whether it has a row to learn from or not.
    pub fn count(&mut self, at: Timestamp) {
        Seen::add(&mut self.events, Seen::once(at));
    }

    /// Learns what names a row. Whether that is news; a key has other attributes only where the source is another one.
    pub fn learn_key(&mut self, key: &Key) -> bool {
        let attributes = || key.attributes().into_iter().map(|(name, value)| (&**name, Kind::of(value)));
        if attributes().eq(self.key.iter().map(|(name, kind)| (name.as_str(), *kind))) {
            return false;
        }
        self.key = attributes().map(|(name, kind)| (name.to_owned(), kind)).collect();
        true
    }

    /// Learns of a row that a field was of this kind, and nothing else.
    pub fn sight(&mut self, path: &str, kind: Kind, at: Timestamp) {
        let rows = self.rows;
        let field = self.fields.entry(path.to_owned()).or_insert_with(|| Field::lacked_by(rows));
        field.add(kind, Seen::once(at));
        field.settle();
    }

    /// Learns from a row that arrived at `at`. Whether it has shown a field, or a kind of one, for the first time.
    pub fn learn(&mut self, row: &Value, at: Timestamp) -> bool {
        let Value::Object(fields) = row else { return false };
        let mut learning = Learning { at, before: self.rows, new: Vec::new(), news: false };
        learning.walk(self, &mut String::new(), fields);
        for (path, field) in &mut self.fields {
            if kind_at(row, path).is_none_or(|kind| kind == Kind::Absent) {
                learning.sight(field, Kind::Absent);
            }
        }
        Seen::add(&mut self.rows, Seen::once(at));
        self.trim();
        learning.news || learning.new.iter().any(|path| self.fields.contains_key(path))
    }
}

struct Learning {
    at: Timestamp,
    /// The rows that came before: those lacked what is new.
    before: Option<Seen>,
    new: Vec<String>,
    news: bool,
}

impl Learning {
    /// Goes through the fields under a path.
    fn walk(&mut self, schema: &mut Schema, path: &mut String, fields: &Object) {
        let above = path.len();
        for (name, value) in fields {
            // A name with a dot would look like a path.
            if name.is_empty() || name.contains('.') {
                continue;
            }
            if above > 0 {
                path.push('.');
            }
            path.push_str(name);
            if path.len() <= MAX_PATH_BYTES {
                if let Some(field) = schema.fields.get_mut(path.as_str()) {
                    self.sight(field, Kind::of(value));
                } else {
                    let mut field = Field::lacked_by(self.before);
                    field.add(Kind::of(value), Seen::once(self.at));
                    schema.fields.insert(path.clone(), field);
                    self.new.push(path.clone());
                }
                if let Value::Object(inner) = value
                    && depth(path) < MAX_DEPTH
                {
                    self.walk(schema, path, inner);
                }
            } else {
                schema.more = schema.more.max(1);
            }
            path.truncate(above);
        }
    }

    fn sight(&mut self, field: &mut Field, kind: Kind) {
        self.news |= !field.kinds.contains_key(&kind);
        field.add(kind, Seen::once(self.at));
        field.settle();
    }
}
