//! The rows that a vendor holds.

use std::collections::HashMap;

use shared::value::Object;

use super::record::is_nothing;

/// A row as it stands at a vendor.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The action that made it. Rows of different actions are of different kinds (contacts, companies), and are told
    /// apart.
    pub action: &'static str,
    /// The value by which it was matched last, as it was sent.
    pub key: String,
    /// The vendor's own id of it.
    pub id: String,
    /// Its fields.
    pub fields: Object,
    /// It was archived or deleted.
    pub removed: bool,
}

/// All rows of a vendor, removed ones among them, in the order in which they were made.
#[derive(Debug, Default)]
pub struct Rows {
    made: Vec<Row>,
    /// Places of rows that are not removed, by action and match value without its case.
    by_key: HashMap<(&'static str, String), usize>,
    /// Places of rows that are not removed, by action and id.
    by_id: HashMap<(&'static str, String), usize>,
}

impl Rows {
    /// All of them.
    pub fn all(&self) -> &[Row] {
        &self.made
    }

    /// Creates the row, or replaces the fields that are sent; one that is sent as nothing is taken away. Also whether it
    /// is new. Where the vendor has no ids of its own, the key is one.
    pub fn upsert(&mut self, action: &'static str, key: &str, key_is_id: bool, fields: &Object) -> (&Row, bool) {
        let folded = (action, key.trim().to_lowercase());
        let known = self.by_key.get(&folded).copied();
        let place = known.unwrap_or_else(|| {
            let id = if key_is_id { key.to_owned() } else { (101 + self.made.len()).to_string() };
            self.by_id.insert((action, id.clone()), self.made.len());
            self.by_key.insert(folded, self.made.len());
            self.made.push(Row { action, key: String::new(), id, fields: Object::new(), removed: false });
            self.made.len() - 1
        });
        let row = &mut self.made[place];
        key.clone_into(&mut row.key);
        for (name, value) in fields {
            if is_nothing(value) {
                row.fields.shift_remove(name);
            } else {
                row.fields.insert(name.clone(), value.clone());
            }
        }
        (row, known.is_none())
    }

    /// What the row of an id, or of a match value, was matched by last; `None` where it is not there, or not any more.
    pub fn find(&self, action: &'static str, id: Option<&str>, key: Option<&str>) -> Option<&str> {
        self.place(action, id, key).map(|place| self.made[place].key.as_str())
    }

    /// Removes such a row; yields what it was matched by last. One that is not there, or not any more, is no error.
    pub fn remove(&mut self, action: &'static str, id: Option<&str>, key: Option<&str>) -> Option<String> {
        let place = self.place(action, id, key)?;
        let row = &mut self.made[place];
        row.removed = true;
        self.by_id.retain(|_, other| *other != place);
        self.by_key.retain(|_, other| *other != place);
        Some(row.key.clone())
    }

    fn place(&self, action: &'static str, id: Option<&str>, key: Option<&str>) -> Option<usize> {
        let by_id = id.and_then(|id| self.by_id.get(&(action, id.to_owned())));
        let by_key = || self.by_key.get(&(action, key?.trim().to_lowercase()));
        by_id.or_else(by_key).copied()
    }
}

#[cfg(test)]
mod tests {
    use shared::value::Value;

    use super::*;

    fn fields(json: &str) -> Object {
        Value::from_json(json.as_bytes()).unwrap().as_object().unwrap().clone()
    }

    #[test]
    fn rows_are_made_merged_removed_and_made_anew() {
        let mut rows = Rows::default();
        let (row, created) = rows.upsert("contact", "Ada@x.example", false, &fields(r#"{"plan":"pro","city":"Rome"}"#));
        assert_eq!((row.id.as_str(), created), ("101", true));
        let (row, created) = rows.upsert("contact", " ada@X.example", false, &fields(r#"{"city":null,"n":1}"#));
        assert_eq!((row.id.as_str(), created), ("101", false));
        assert_eq!(Value::Object(row.fields.clone()).to_json(), r#"{"plan":"pro","n":1}"#);
        assert_eq!(rows.upsert("company", "ada@x.example", false, &Object::new()).0.id, "102");
        assert_eq!(rows.remove("contact", Some("102"), None), None, "of another kind");
        assert_eq!(rows.remove("contact", Some("101"), None).as_deref(), Some(" ada@X.example"));
        assert_eq!(rows.remove("contact", Some("101"), None), None);
        assert_eq!(rows.upsert("contact", "ada@x.example", false, &Object::new()).0.id, "103");
        assert_eq!(rows.remove("contact", None, Some("ADA@x.example")).as_deref(), Some("ada@x.example"));
        assert_eq!(rows.upsert("user", "c-1", true, &Object::new()).0.id, "c-1");
        assert_eq!(rows.all().iter().filter(|row| !row.removed).count(), 2);
    }
}
