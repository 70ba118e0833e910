//! The fields of an object.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, OnceLock},
};

use foldhash::fast::RandomState;
use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{Value, raw::Raw};

/// A field's name. A clone shares it: the fields of a pipeline have the same names for each event.
pub type Name = Arc<str>;

pub(super) type Fields = IndexMap<Name, Value, RandomState>;

/// An object's fields, in the order in which they came.
///
/// A clone shares them until one of the two is changed. One that was read with [`Object::raw`] is its own JSON until all of
/// its fields are asked for: of most rows few are.
#[derive(Clone, Default)]
pub struct Object(Arc<Held>);

#[derive(Clone, Default)]
struct Held {
    /// Where the object is its own JSON: that, and the fields once all were asked for.
    json: Option<(Raw, OnceLock<Fields>)>,
    /// Where it is not.
    fields: Fields,
}

/// A field as it is held.
#[derive(Clone, Copy, Debug)]
pub enum Part<'o> {
    /// A value.
    Value(&'o Value),
    /// Its JSON.
    Json(&'o str),
}

impl Object {
    /// Without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Without fields, and with room for so many.
    pub fn with_capacity(count: usize) -> Self {
        Fields::with_capacity_and_hasher(count, RandomState::default()).into()
    }

    /// Sets a field, and answers its value before.
    pub fn insert(&mut self, name: impl Into<Name>, value: Value) -> Option<Value> {
        (**self).insert(name.into(), value)
    }

    /// Whether it has no field.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn raw(raw: Raw) -> Self {
        Self(Arc::new(Held { json: Some((raw, OnceLock::new())), fields: Fields::default() }))
    }

    /// A field as it is held: of an object that is its own JSON the others are not read for it.
    pub fn part(&self, name: &str) -> Option<Part<'_>> {
        match &self.0.json {
            Some((raw, fields)) if fields.get().is_none() => raw.field(name).map(Part::Json),
            _ => self.get(name).map(Part::Value),
        }
    }
}

impl Deref for Object {
    type Target = Fields;

    fn deref(&self) -> &Fields {
        match &self.0.json {
            Some((raw, fields)) => fields.get_or_init(|| raw.fields()),
            None => &self.0.fields,
        }
    }
}

impl DerefMut for Object {
    fn deref_mut(&mut self) -> &mut Fields {
        let held = Arc::make_mut(&mut self.0);
        if let Some((raw, mut fields)) = held.json.take() {
            held.fields = fields.take().unwrap_or_else(|| raw.fields());
        }
        &mut held.fields
    }
}

impl std::fmt::Debug for Object {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.deref().fmt(out)
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || **self == **other
    }
}

impl From<Fields> for Object {
    fn from(fields: Fields) -> Self {
        Self(Arc::new(Held { json: None, fields }))
    }
}

impl<N: Into<Name>> FromIterator<(N, Value)> for Object {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(fields: I) -> Self {
        fields.into_iter().map(|(name, value)| (name.into(), value)).collect::<Fields>().into()
    }
}

impl IntoIterator for Object {
    type Item = (Name, Value);
    type IntoIter = indexmap::map::IntoIter<Name, Value>;

    fn into_iter(mut self) -> Self::IntoIter {
        std::mem::take(&mut *self).into_iter()
    }
}

impl<'a> IntoIterator for &'a Object {
    type Item = (&'a Name, &'a Value);
    type IntoIter = indexmap::map::Iter<'a, Name, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self)
    }
}

/// From JSON only, as a [`Value`].
impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Object(fields) => Ok(fields),
            other => Err(D::Error::custom(format!("an object was expected, and this is {}", other.kind()))),
        }
    }
}
