//! An object that is its own JSON.

use std::{collections::HashSet, ops::Range};

use jiter::{Jiter, Peek};

use super::{MAX_DEPTH, Number, Value, ValueError, json_error, object::Fields, parse};

/// Objects with more fields have their names compared by a set.
const FEW: usize = 32;

/// The JSON of an object, checked, and where its fields stand in it.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    json: Box<str>,
    fields: Vec<Place>,
}

#[derive(Clone, Debug)]
struct Place {
    name: Range<usize>,
    value: Range<usize>,
}

impl Raw {
    /// The object that begins where the parser of `whole` stands, and ends where it stands then. `None` where one of its
    /// names is escaped, so that it does not stand in the text as it is.
    pub fn read(parser: &mut Jiter<'_>, whole: &str, depth: usize) -> Result<Option<Self>, ValueError> {
        let begin = parser.current_index();
        let address = whole.as_ptr() as usize;
        // Where a name that the parser hands over stands: elsewhere, if it had to be put together.
        let place_of = |name: &str| {
            let from = (name.as_ptr() as usize).wrapping_sub(address);
            (from < whole.len()).then(|| from - begin..from - begin + name.len())
        };
        let mut fields: Vec<Place> = Vec::with_capacity(FEW / 2);
        let mut is_plain = true;
        let mut next = parser.known_object().map_err(json_error)?.map(place_of);
        while let Some(name) = next {
            let peek = parser.peek().map_err(json_error)?;
            let from = parser.current_index() - begin;
            check(parser, peek, depth + 1)?;
            match name {
                Some(name) => fields.push(Place { name, value: from..parser.current_index() - begin }),
                None => is_plain = false,
            }
            next = parser.next_key().map_err(json_error)?.map(place_of);
        }
        let json = &whole[begin..parser.current_index()];
        if !is_plain {
            return Ok(None);
        }
        let raw = Self { json: json.into(), fields };
        match raw.repeated() {
            Some(place) => {
                Err(ValueError::DuplicateName { name: raw.name(place).to_owned(), at: begin + place.value.start })
            }
            None => Ok(Some(raw)),
        }
    }

    /// The second field of a name.
    fn repeated(&self) -> Option<&Place> {
        if self.fields.len() > FEW {
            let mut names = HashSet::with_capacity(self.fields.len());
            return self.fields.iter().find(|place| !names.insert(&self.json[place.name.clone()]));
        }
        let is_before = |index: usize, name: &str| self.fields[..index].iter().any(|other| self.name(other) == name);
        self.fields
            .iter()
            .enumerate()
            .find(|(index, place)| is_before(*index, self.name(place)))
            .map(|(_, place)| place)
    }

    fn name(&self, place: &Place) -> &str {
        &self.json[place.name.clone()]
    }

    /// The JSON of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        let place = self.fields.iter().find(|place| place.name.len() == name.len() && self.name(place) == name)?;
        Some(&self.json[place.value.clone()])
    }

    /// All fields.
    pub fn fields(&self) -> Fields {
        // It was checked when it was read.
        match Value::from_json(self.json.as_bytes()) {
            Ok(Value::Object(mut fields)) => std::mem::take(&mut *fields),
            _ => Fields::default(),
        }
    }
}

/// Reads over a value.
fn check(parser: &mut Jiter<'_>, peek: Peek, depth: usize) -> Result<(), ValueError> {
    match peek {
        Peek::String => parser.known_str().map(drop).map_err(json_error),
        Peek::Array => {
            let mut next = parser.known_array().map_err(json_error)?;
            // As deep as the list itself may be; the items are a level deeper.
            while let Some(peek) = next {
                if depth >= MAX_DEPTH {
                    return Err(ValueError::TooDeep { at: parser.current_index() });
                }
                check(parser, peek, depth + 1)?;
                next = parser.array_step().map_err(json_error)?;
            }
            Ok(())
        }
        Peek::Null | Peek::True | Peek::False | Peek::Object => parse(parser, peek, depth).map(drop),
        _ => {
            let at = parser.current_index();
            let bytes = parser.known_number_bytes(peek).map_err(json_error)?;
            if Number::is_one(bytes) {
                Ok(())
            } else {
                Err(ValueError::Json { at, reason: "expected a value".to_owned() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::{Object, row},
        *,
    };

    fn read(json: &str) -> Result<Option<Value>, ValueError> {
        let mut parser = Jiter::new(json.as_bytes());
        let peek = parser.peek().map_err(json_error)?;
        let row = row(&mut parser, json, peek)?;
        parser.finish().map_err(json_error)?;
        Ok(row)
    }

    /// Values as JSON has them, of few names, so that some come twice.
    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            "-?[1-9][0-9]{0,40}(\\.[0-9]{1,3})?",
            Just("-0".to_owned()),
            "[a-z é]{0,30}".prop_map(|text| format!("\"{text}\"")),
            Just(r#""a\"\\\u00e9""#.to_owned()),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            let name = prop_oneof!["[a-f]".prop_map(|name| format!("\"{name}\"")), Just(r#""\u0061""#.to_owned())];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(", "))),
                prop::collection::vec((name, inner), 0..40).prop_map(|fields| {
                    let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name} :{value}")).collect();
                    format!("{{ {} }}", fields.join(","))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_is_read_as_what_is_read_at_once(json in json()) {
            let at_once = Value::from_json(json.as_bytes());
            match read(&json) {
                Err(_) => prop_assert!(at_once.is_err(), "{json}"),
                Ok(None) => prop_assert_eq!(at_once, Ok(Value::Null)),
                Ok(Some(row)) => {
                    for (name, value) in at_once.as_ref().ok().and_then(Value::as_object).into_iter().flatten() {
                        let fresh = read(&json).unwrap().unwrap();
                        match fresh.as_object().unwrap().part(name).unwrap() {
                            super::super::Part::Json(part) => {
                                prop_assert_eq!(&Value::from_json(part.as_bytes()).unwrap(), value);
                            }
                            super::super::Part::Value(part) => prop_assert_eq!(part, value),
                        }
                    }
                    prop_assert_eq!(Ok(row), at_once);
                }
            }
        }
    }

    #[test]
    fn a_field_is_found_without_the_others() {
        let row = read(r#"{"a": "x", "b":{"c":1} ,"d":12345678901234567890123456789012345678}"#).unwrap().unwrap();
        let row = row.as_object().unwrap();
        let part = |row: &Object, name: &str| match row.part(name) {
            Some(super::super::Part::Json(json)) => Some(json.to_owned()),
            _ => None,
        };
        let expected = [("a", r#""x""#), ("b", r#"{"c":1}"#), ("d", "12345678901234567890123456789012345678")];
        for (name, json) in expected {
            assert_eq!(part(row, name).as_deref(), Some(json));
        }
        assert!(row.part("c").is_none());
        let mut changed = row.clone();
        changed.insert("a".to_owned(), Value::Null);
        assert_eq!((part(row, "a").as_deref(), changed["a"].clone()), (Some(r#""x""#), Value::Null));
        assert_eq!(row.len(), 3);
        assert_eq!(part(row, "a"), None, "all have been asked for");
    }

    #[test]
    fn what_is_no_row_is_refused_at_once() {
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(MAX_DEPTH + 1), "]".repeat(MAX_DEPTH + 1));
        let many: Vec<String> = (0..50).chain([7]).map(|number| format!(r#""{number}":0"#)).collect();
        for (json, reason) in [
            (r#"{"a":1,"a":2}"#, r#"the name "a" appears twice"#),
            (r#"{"a":{"b":1,"b":2}}"#, r#"the name "b" appears twice"#),
            (&format!("{{{}}}", many.join(",")), r#"the name "7" appears twice"#),
            (&deep, "nested deeper"),
            (r#"{"a":01}"#, ""),
            (r#"{"a":1,}"#, ""),
            (r#"{"a"}"#, ""),
            ("{", ""),
        ] {
            let error = read(json).unwrap_err().to_string();
            assert!(error.contains(reason), "{json}: {error}");
        }
    }
}
