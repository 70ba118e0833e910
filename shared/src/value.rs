//! The data inside a change event: JSON whose numbers keep every digit.
//!
//! DynamoDB numbers have 38 digits; an `f64` has 17. A [`Number`] is therefore its own decimal text, and parsing goes
//! through a pull parser that yields it.

mod object;
mod raw;

use std::fmt;

use indexmap::map::Entry;
use jiter::{Jiter, JiterError, JiterErrorType, JsonErrorType, Peek};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};
use serde_json::value::RawValue;

pub use self::object::{Name, Object, Part};
use self::{object::Fields, raw::Raw};

/// How deep arrays and objects may nest. DynamoDB allows 32 levels ("Quotas and limits", nested attribute depth);
/// the rest is room for an envelope.
pub const MAX_DEPTH: usize = 40;

/// A JSON value without loss.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, digit for digit.
    Number(Number),
    /// Text.
    String(String),
    /// A list.
    Array(Vec<Value>),
    /// Named values.
    Object(Object),
}

/// A decimal number as its own text, which always is a valid JSON number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Number(String);

/// Why a text is not a [`Value`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Not JSON, at the byte given.
    #[error("not valid JSON at byte {at}: {reason}")]
    Json {
        /// Offset in bytes from the start.
        at: usize,
        /// What the parser says.
        reason: String,
    },
    /// A name stands twice in one object, so that which one counts would be a guess.
    #[error("the name {name:?} appears twice in one object, at byte {at}")]
    DuplicateName {
        /// The name.
        name: String,
        /// Offset in bytes from the start.
        at: usize,
    },
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels, at byte {at}")]
    TooDeep {
        /// Offset in bytes from the start.
        at: usize,
    },
    /// Not a decimal number.
    #[error("{text:?} is not a decimal number")]
    Number {
        /// The first 50 characters of the text.
        text: String,
    },
}

impl Number {
    /// Takes a decimal text as DynamoDB or JSON writes it: optional sign, digits, fraction, exponent.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let text = text.strip_prefix('+').unwrap_or(text);
        if is_json_number(text.as_bytes()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ValueError::Number { text: text.chars().take(50).collect() })
        }
    }

    /// The decimal text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number as an `i64`, where it is written as an integer and fits.
    pub fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    /// The nearest `f64`; digits beyond its 17 are lost.
    pub fn to_f64(&self) -> Option<f64> {
        self.0.parse::<f64>().ok().filter(|float| float.is_finite())
    }
}

/// Whether the bytes are a number by JSON's grammar (RFC 8259, section 6).
fn is_json_number(text: &[u8]) -> bool {
    let digits = |from: usize| text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(text.first() == Some(&b'-'));
    match text.get(at) {
        Some(b'0') => at += 1,
        Some(b'1'..=b'9') => at += digits(at),
        _ => return false,
    }
    if text.get(at) == Some(&b'.') {
        let count = digits(at + 1);
        if count == 0 {
            return false;
        }
        at += 1 + count;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        at += 1;
        if matches!(text.get(at), Some(b'+' | b'-')) {
            at += 1;
        }
        let count = digits(at);
        if count == 0 {
            return false;
        }
        at += count;
    }
    at == text.len()
}

impl From<i64> for Number {
    fn from(number: i64) -> Self {
        Self(number.to_string())
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self(number.to_string())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Value {
    /// Parses JSON. A name that appears twice in an object, and nesting beyond [`MAX_DEPTH`], are errors.
    pub fn from_json(json: &[u8]) -> Result<Self, ValueError> {
        let mut parser = Jiter::new(json);
        let peek = parser.peek().map_err(json_error)?;
        let value = parse(&mut parser, peek, 0)?;
        parser.finish().map_err(json_error)?;
        Ok(value)
    }

    /// The value as compact JSON.
    pub fn to_json(&self) -> String {
        // Writing to memory cannot fail, names are strings, and a `Number` is a JSON number by construction.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The text, where it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The fields, where it is an object.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(fields) => Some(fields),
            _ => None,
        }
    }

    /// A field of an object; `None` where there is none, or where this is no object.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.as_object().and_then(|fields| fields.get(name))
    }

    /// What a person calls this kind of value.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::String(_) => "text",
            Self::Array(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// The row that begins where the parser of `whole` stands, of which only some fields may be asked for: see [`Object`].
/// `None` for `null`.
pub(crate) fn row(parser: &mut Jiter<'_>, whole: &str, peek: Peek) -> Result<Option<Value>, ValueError> {
    if peek != Peek::Object {
        let value = parse(parser, peek, 0)?;
        return Ok((value != Value::Null).then_some(value));
    }
    let begin = parser.current_index();
    Ok(Some(match Raw::read(parser, whole, 0)? {
        Some(raw) => Value::Object(Object::raw(raw)),
        None => Value::from_json(&whole.as_bytes()[begin..parser.current_index()])?,
    }))
}

pub(crate) fn parse(parser: &mut Jiter<'_>, peek: Peek, depth: usize) -> Result<Value, ValueError> {
    if depth > MAX_DEPTH {
        return Err(ValueError::TooDeep { at: parser.current_index() });
    }
    match peek {
        Peek::Null => parser.known_null().map(|()| Value::Null).map_err(json_error),
        Peek::True | Peek::False => parser.known_bool(peek).map(Value::Bool).map_err(json_error),
        Peek::String => parser.known_str().map(|text| Value::String(text.to_owned())).map_err(json_error),
        Peek::Array => {
            let mut items = Vec::new();
            let mut next = parser.known_array().map_err(json_error)?;
            while let Some(peek) = next {
                items.push(parse(parser, peek, depth + 1)?);
                next = parser.array_step().map_err(json_error)?;
            }
            Ok(Value::Array(items))
        }
        Peek::Object => {
            let mut fields = Fields::default();
            let mut next = parser.known_object().map_err(json_error)?.map(Name::from);
            while let Some(name) = next {
                let field = match fields.entry(name) {
                    Entry::Vacant(field) => field,
                    Entry::Occupied(field) => {
                        let (name, at) = (field.key().to_string(), parser.current_index());
                        return Err(ValueError::DuplicateName { name, at });
                    }
                };
                let peek = parser.peek().map_err(json_error)?;
                field.insert(parse(parser, peek, depth + 1)?);
                next = parser.next_key().map_err(json_error)?.map(Name::from);
            }
            Ok(Value::Object(fields.into()))
        }
        // What is left is a number, or nothing that JSON knows; the grammar decides.
        _ => {
            let at = parser.current_index();
            let bytes = parser.known_number_bytes(peek).map_err(json_error)?;
            std::str::from_utf8(bytes)
                .ok()
                .and_then(|text| Number::parse(text).ok())
                .map(Value::Number)
                .ok_or(ValueError::Json { at, reason: "expected a value".to_owned() })
        }
    }
}

pub(crate) fn json_error(error: JiterError) -> ValueError {
    let reason = match error.error_type {
        JiterErrorType::JsonError(JsonErrorType::RecursionLimitExceeded) => {
            return ValueError::TooDeep { at: error.index };
        }
        other => other.to_string(),
    };
    ValueError::Json { at: error.index, reason }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(bool) => serializer.serialize_bool(*bool),
            Self::Number(number) => number.serialize(serializer),
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Object(fields) => serializer.collect_map(fields),
        }
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.as_i64() {
            Some(integer) if self.0 != "-0" => serializer.serialize_i64(integer),
            _ => serde_json::from_str::<&RawValue>(&self.0).map_err(S::Error::custom)?.serialize(serializer),
        }
    }
}

/// From JSON only: other formats would lose digits.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::from_json(raw.get().as_bytes()).map_err(D::Error::custom)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Value {
    fn from(bool: bool) -> Self {
        Self::Bool(bool)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_keep_every_digit() {
        for text in
            ["12345678901234567890123456789012345678", "0.1", "-0", "1E+100", "1e400", "-1.50", "9007199254740993"]
        {
            let value = Value::from_json(text.as_bytes()).unwrap();
            assert_eq!(value, Value::Number(Number(text.to_owned())), "{text}");
            assert_eq!(value.to_json(), text);
            assert_eq!(serde_json::from_str::<Value>(text).unwrap(), value);
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "-", "01", "1.", ".5", "1e", "1e+", "NaN", "Infinity", "0x10", "1_000", " 1"] {
            assert!(Number::parse(text).is_err(), "{text:?}");
            assert!(text == " 1" || Value::from_json(text.as_bytes()).is_err(), "{text:?}");
        }
        assert_eq!(Number::parse("+5").unwrap().as_str(), "5");
    }

    #[test]
    fn a_name_twice_is_refused_with_its_place() {
        let error = Value::from_json(br#"{"a":1,"b":{"c":2,"c":3}}"#).unwrap_err();
        assert!(matches!(&error, ValueError::DuplicateName { name, .. } if name == "c"), "{error}");
    }

    #[test]
    fn nesting_ends_at_the_limit() {
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Value::from_json(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(matches!(Value::from_json(nested(MAX_DEPTH + 1).as_bytes()), Err(ValueError::TooDeep { .. })));
        assert!(matches!(Value::from_json(nested(100_000).as_bytes()), Err(ValueError::TooDeep { .. })));
    }

    #[test]
    fn broken_json_says_where() {
        for json in ["{", "[1,", r#"{"a"}"#, "nul", "\"\\ud800\"", "1 2", "\"\u{1}\""] {
            assert!(Value::from_json(json.as_bytes()).is_err(), "{json}");
        }
        assert!(Value::from_json(b"\"\xff\"").is_err());
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::from),
            "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?"
                .prop_map(|text| Value::Number(Number(text))),
            any::<String>().prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 64, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                proptest::collection::vec((any::<String>(), inner), 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(value in any_value()) {
            let json = value.to_json();
            prop_assert_eq!(&Value::from_json(json.as_bytes()).unwrap(), &value);
            prop_assert_eq!(&serde_json::from_str::<Value>(&json).unwrap(), &value);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Value::from_json(&bytes);
        }
    }
}
