//! The fields of an object.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

use foldhash::fast::RandomState;
use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::Value;

pub(super) type Fields = IndexMap<String, Value, RandomState>;

/// An object's fields, in the order in which they came.
///
/// A clone shares them until one of the two is changed: whoever looks at an event's row need not copy it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object(Arc<Fields>);

impl Object {
    /// Without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Without fields, and with room for so many.
    pub fn with_capacity(count: usize) -> Self {
        Self(Arc::new(Fields::with_capacity_and_hasher(count, RandomState::default())))
    }
}

impl Deref for Object {
    type Target = Fields;

    fn deref(&self) -> &Fields {
        &self.0
    }
}

impl DerefMut for Object {
    fn deref_mut(&mut self) -> &mut Fields {
        Arc::make_mut(&mut self.0)
    }
}

impl From<Fields> for Object {
    fn from(fields: Fields) -> Self {
        Self(Arc::new(fields))
    }
}

impl FromIterator<(String, Value)> for Object {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(fields: I) -> Self {
        Self(Arc::new(fields.into_iter().collect()))
    }
}

impl IntoIterator for Object {
    type Item = (String, Value);
    type IntoIter = indexmap::map::IntoIter<String, Value>;

    fn into_iter(self) -> Self::IntoIter {
        Arc::unwrap_or_clone(self.0).into_iter()
    }
}

impl<'a> IntoIterator for &'a Object {
    type Item = (&'a String, &'a Value);
    type IntoIter = indexmap::map::Iter<'a, String, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
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
