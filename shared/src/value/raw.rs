//! An object that is its own JSON.

use std::{collections::HashSet, ops::Range};

use jiter::{Jiter, Peek};

use super::{MAX_DEPTH, Value, ValueError, is_json_number, json_error, object::Fields, parse};

/// Objects with more fields have their names compared by a set.
const FEW: usize = 32;

/// The JSON of an object, checked, and where its fields stand in it.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    json: Box<str>,
    fields: Vec<Place>,
}

/// Where a field stands in its object, in bytes from its beginning.
#[derive(Clone, Debug)]
struct Place {
    name: Range<u32>,
    value: Range<u32>,
}

impl Raw {
    /// The object that begins where the parser of `whole` stands, and ends where it stands then. `None` where a name in
    /// it is escaped, so that it does not stand in the text as it is.
    pub fn read(parser: &mut Jiter<'_>, whole: &str, depth: usize) -> Result<Option<Self>, ValueError> {
        let begin = parser.current_index();
        let fields = places(parser, whole, depth)?;
        let json = &whole[begin..parser.current_index()];
        Ok(fields.map(|fields| Self { json: json.into(), fields }))
    }

    /// The JSON of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        let place = self.fields.iter().find(|place| place.name_in(self.json.as_bytes()) == name.as_bytes())?;
        self.json.get(in_bytes(&place.value))
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

/// Reads over an object and tells where its fields stand; `None` where a name in it is escaped.
fn places(parser: &mut Jiter<'_>, whole: &str, depth: usize) -> Result<Option<Vec<Place>>, ValueError> {
    let begin = parser.current_index();
    // Where a name that the parser hands over stands: elsewhere, if it had to be put together.
    let place_of = |name: &str| {
        let from = (name.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
        if from < whole.len() { range(from - begin, from - begin + name.len()) } else { None }
    };
    let mut fields: Vec<Place> = Vec::with_capacity(FEW / 2);
    let mut is_plain = true;
    let mut next = parser.known_object().map_err(json_error)?.map(place_of);
    while let Some(name) = next {
        let peek = parser.peek().map_err(json_error)?;
        let from = parser.current_index() - begin;
        is_plain &= check(parser, whole, peek, depth + 1)?;
        match (name, range(from, parser.current_index() - begin)) {
            (Some(name), Some(value)) => fields.push(Place { name, value }),
            _ => is_plain = false,
        }
        next = parser.next_key().map_err(json_error)?.map(place_of);
    }
    if !is_plain {
        return Ok(None);
    }
    let object = &whole.as_bytes()[begin..];
    match repeated(object, &fields) {
        Some(place) => {
            let name = String::from_utf8_lossy(place.name_in(object)).into_owned();
            Err(ValueError::DuplicateName { name, at: begin + place.value.start as usize })
        }
        None => Ok(Some(fields)),
    }
}

fn range(from: usize, to: usize) -> Option<Range<u32>> {
    Some(u32::try_from(from).ok()?..u32::try_from(to).ok()?)
}

const fn in_bytes(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}

impl Place {
    fn name_in<'o>(&self, object: &'o [u8]) -> &'o [u8] {
        &object[in_bytes(&self.name)]
    }
}

/// The second field of a name.
fn repeated<'f>(object: &[u8], fields: &'f [Place]) -> Option<&'f Place> {
    if fields.len() > FEW {
        let mut names = HashSet::with_capacity(fields.len());
        return fields.iter().find(|place| !names.insert(place.name_in(object)));
    }
    // A bit for each name's length and ends: where it is new, no name before is the same.
    let mut seen = 0_u64;
    fields.iter().enumerate().find_map(|(index, place)| {
        let name = place.name_in(object);
        let end = |byte: Option<&u8>| byte.map_or(0, |byte| usize::from(*byte));
        let bit = 1 << ((name.len() + 5 * end(name.first()) + 11 * end(name.last())) % 64);
        let is_new = seen & bit == 0;
        seen |= bit;
        (!is_new && fields[..index].iter().any(|other| other.name_in(object) == name)).then_some(place)
    })
}

/// Reads over a value; false where a name in it is escaped.
fn check(parser: &mut Jiter<'_>, whole: &str, peek: Peek, depth: usize) -> Result<bool, ValueError> {
    if depth > MAX_DEPTH {
        return Err(ValueError::TooDeep { at: parser.current_index() });
    }
    match peek {
        Peek::String => {
            parser.known_str().map_err(json_error)?;
        }
        Peek::Object => return Ok(places(parser, whole, depth)?.is_some()),
        Peek::Array => {
            let mut is_plain = true;
            let mut next = parser.known_array().map_err(json_error)?;
            while let Some(peek) = next {
                is_plain &= check(parser, whole, peek, depth + 1)?;
                next = parser.array_step().map_err(json_error)?;
            }
            return Ok(is_plain);
        }
        Peek::Null | Peek::True | Peek::False => return parse(parser, peek, depth).map(|_| true),
        _ => {
            let at = parser.current_index();
            let bytes = parser.known_number_bytes(peek).map_err(json_error)?;
            if !is_json_number(bytes) {
                return Err(ValueError::Json { at, reason: "expected a value".to_owned() });
            }
        }
    }
    Ok(true)
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
