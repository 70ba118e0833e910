//! DynamoDB's attribute values, in one pass from JSON to values.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use shared::{
    decimal,
    value::{MAX_DEPTH, Object, Value},
};

/// An item or its key: attribute names with typed values, `{"id":{"N":"101"}}`.
///
/// Sets become lists, binaries stay base64 text. An error says where: `.profile.tags[2]: …`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Image(pub Object);

impl<'de> Deserialize<'de> for Image {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Attributes { depth: 1 }).map(Self)
    }
}

/// The content of an `M`, or of an image: `depth` is that of its values.
#[derive(Clone, Copy)]
struct Attributes {
    depth: usize,
}

impl<'de> Visitor<'de> for Attributes {
    type Value = Object;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("attribute names with typed values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut fields = Object::with_capacity(map.size_hint().unwrap_or(8));
        while let Some(name) = map.next_key::<String>()? {
            if fields.contains_key(name.as_str()) {
                return Err(A::Error::custom(format!(".{name}: this name appears twice")));
            }
            let value = map
                .next_value_seed(Attribute { depth: self.depth })
                .map_err(|error| below(&format!(".{name}"), &error))?;
            fields.insert(name, value);
        }
        Ok(fields)
    }
}

impl<'de> DeserializeSeed<'de> for Attributes {
    type Value = Object;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Object, D::Error> {
        deserializer.deserialize_map(self)
    }
}

/// One typed value: `{"S":"text"}`.
#[derive(Clone, Copy)]
struct Attribute {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Attribute {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if self.depth > MAX_DEPTH {
            return Err(D::Error::custom(format!(
                "nested deeper than {MAX_DEPTH} levels, where DynamoDB has 32: it was not DynamoDB that wrote this"
            )));
        }
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Attribute {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a typed value such as {\"S\":\"text\"}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let Some(Text(kind)) = map.next_key()? else { return Err(A::Error::custom("a value without a type")) };
        let value = match &*kind {
            "S" => map.next_value().map(Value::String)?,
            "N" => map.next_value::<Text<'_>>().and_then(|text| number(&text.0))?,
            "B" => map.next_value::<Text<'_>>().and_then(|text| binary(text.0))?,
            "BOOL" => map.next_value().map(Value::Bool)?,
            "NULL" if map.next_value()? => Value::Null,
            "NULL" => return Err(A::Error::custom("NULL is false, where DynamoDB allows true only")),
            "M" => map.next_value_seed(Attributes { depth: self.depth + 1 }).map(Value::Object)?,
            "L" => map.next_value_seed(List { depth: self.depth + 1 }).map(Value::Array)?,
            "SS" => set(map.next_value()?, |text| Ok(Value::String(text.into_owned())))?,
            "NS" => set(map.next_value()?, |text| number(&text))?,
            "BS" => set(map.next_value()?, binary)?,
            other => {
                return Err(A::Error::custom(format!(
                    "{other:?} is no type of DynamoDB's, which are S, N, B, BOOL, NULL, M, L, SS, NS and BS"
                )));
            }
        };
        match map.next_key::<IgnoredAny>()? {
            None => Ok(value),
            Some(_) => Err(A::Error::custom("a value with two types, so that which one counts would be a guess")),
        }
    }
}

/// The content of an `L`: `depth` is that of its values.
struct List {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for List {
    type Value = Vec<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Value>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List {
    type Value = Vec<Value>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of typed values")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<Value>, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items
            .next_element_seed(Attribute { depth: self.depth })
            .map_err(|error| below(&format!("[{}]", values.len()), &error))?
        {
            values.push(value);
        }
        Ok(values)
    }
}

/// Text that is copied only where it has escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn number<E: Error>(text: &str) -> Result<Value, E> {
    decimal::parse(text).map(Value::Number).map_err(E::custom)
}

fn binary<E: Error>(text: Cow<'_, str>) -> Result<Value, E> {
    match base64_simd::STANDARD.check(text.as_bytes()) {
        Ok(()) => Ok(Value::String(text.into_owned())),
        Err(_) => Err(E::custom("a binary that is not base64")),
    }
}

fn set<'a, E: Error>(texts: Vec<Text<'a>>, value: impl Fn(Cow<'a, str>) -> Result<Value, E>) -> Result<Value, E> {
    texts.into_iter().map(|text| value(text.0)).collect::<Result<Vec<_>, E>>().map(Value::Array)
}

/// The same error one level further out.
fn below<E: Error>(segment: &str, error: &E) -> E {
    let error = error.to_string();
    let joint = if error.starts_with(['.', '[']) { "" } else { ": " };
    E::custom(format!("{segment}{joint}{error}"))
}
