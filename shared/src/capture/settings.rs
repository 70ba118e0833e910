//! The settings that every capture function has, beside its sources.

use std::collections::HashMap;

use crate::{config::Reader, lane::Lanes, state};

/// Where a capture function publishes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The name of the backbone's stream: `CHANGES_STREAM`.
    pub changes_stream: String,
    /// The backbone's count of lanes: `CHANGES_LANES`.
    pub changes_lanes: Lanes,
    /// The table of pipelines, which records the count of lanes: `PIPELINES_TABLE`.
    pub pipelines_table: String,
    /// What every function works on.
    pub state: state::Settings,
}

impl Settings {
    /// Reads them; what is wrong is noted with the reader, and `None` is the answer where no count of lanes stands.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let changes_stream = reader.required("CHANGES_STREAM", "the name of the backbone's Kinesis stream");
        let pipelines_table = reader.required("PIPELINES_TABLE", "the name of the table of pipelines");
        let state = state::Settings::read(reader);
        let changes_lanes = reader.lanes("CHANGES_LANES", "the backbone")?;
        Some(Self { changes_stream, changes_lanes, pipelines_table, state })
    }
}

/// What is wrong with the names that `SOURCES` gives to tables or streams, `(table, name)` each, if anything is.
pub(super) fn name_problem<'a>(names: impl Iterator<Item = (&'a str, &'a str)>) -> Option<String> {
    let mut seen: HashMap<&str, &str> = HashMap::new();
    for (place, name) in names {
        if name.is_empty() {
            return Some(format!("gives {place:?} an empty name; name its source"));
        }
        if let Some(other) = seen.insert(name, place) {
            return Some(format!(
                "gives {other:?} and {place:?} the same name, {name:?}, which would mix the keys of the two; name them \
                 differently"
            ));
        }
    }
    seen.is_empty().then(|| "names no source; name each table or stream that is to be captured".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_given_once_and_not_empty() {
        let problem = |names: &[(&'static str, &'static str)]| name_problem(names.iter().copied());
        assert_eq!(problem(&[("a", "x"), ("b", "y")]), None);
        assert!(problem(&[]).unwrap().starts_with("names no source"));
        assert!(problem(&[("a", "")]).unwrap().starts_with(r#"gives "a" an empty name"#));
        assert!(problem(&[("a", "x"), ("b", "x")]).unwrap().starts_with(r#"gives "a" and "b" the same name, "x""#));
    }

    #[test]
    fn a_count_of_lanes_has_to_be_one() {
        for (text, wrong) in [("0", true), ("-1", true), ("many", true), ("", true), ("16", false)] {
            let environment = |name: &str| Some(if name == "CHANGES_LANES" { text } else { "set" }.to_owned());
            let mut reader = Reader::new(&environment);
            let settings = Settings::read(&mut reader);
            assert_eq!(settings.is_none(), wrong, "{text}");
            assert_eq!(reader.finish().is_err(), wrong, "{text}");
        }
    }
}
