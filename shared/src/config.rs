//! Reading a function's environment: every problem at once, each with its mend.

use std::{fmt, ops::RangeInclusive, str::FromStr};

use serde::de::DeserializeOwned;

use crate::lane::Lanes;

/// Where a function's settings come from: the process's environment on Lambda, a map on the local stack, where several
/// functions share a process.
pub trait Environment: Send + Sync {
    /// A variable's value; `None` where it is not set.
    fn get(&self, name: &str) -> Option<String>;
}

impl<F: Fn(&str) -> Option<String> + Send + Sync> Environment for F {
    fn get(&self, name: &str) -> Option<String> {
        self(name)
    }
}

/// The process's own environment.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    #[expect(clippy::disallowed_methods, reason = "the one place where the process's environment is read")]
    fn get(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// What is wrong with one variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The variable.
    pub variable: &'static str,
    /// What is wrong, and the mend.
    pub message: String,
}

/// Everything that is wrong with a function's environment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError(pub Vec<Problem>);

impl ConfigError {
    /// One problem.
    pub fn of(variable: &'static str, message: impl fmt::Display) -> Self {
        Self(vec![Problem { variable, message: message.to_string() }])
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the function's environment has {} problem(s):", self.0.len())?;
        self.0.iter().try_for_each(|Problem { variable, message }| write!(out, "\n  {variable}: {message}"))
    }
}

/// Reads variables one by one and collects what is wrong with them.
///
/// A reading method answers with a stand-in where the variable is wrong; [`Reader::finish`] then fails, so the stand-in
/// is never used.
pub struct Reader<'a> {
    environment: &'a dyn Environment,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// Begins to read.
    pub fn new(environment: &'a dyn Environment) -> Self {
        Self { environment, problems: Vec::new() }
    }

    /// A text that has to be there and not empty.
    pub fn required(&mut self, variable: &'static str, what: &str) -> String {
        self.optional(variable).unwrap_or_else(|| {
            self.problem(variable, format!("is not set; set it to {what}"));
            String::new()
        })
    }

    /// A text that may be missing; an empty one counts as missing.
    pub fn optional(&mut self, variable: &'static str) -> Option<String> {
        self.environment.get(variable).filter(|value| !value.is_empty())
    }

    /// A number within bounds, or the default where the variable is not set.
    pub fn number<N>(&mut self, variable: &'static str, default: N, bounds: RangeInclusive<N>) -> N
    where
        N: FromStr + PartialOrd + fmt::Display + Copy,
    {
        let Some(text) = self.optional(variable) else { return default };
        match text.parse::<N>() {
            Ok(number) if bounds.contains(&number) => number,
            _ => {
                let (low, high) = (bounds.start(), bounds.end());
                self.problem(variable, format!("is {text:?}; set it to a number from {low} to {high}"));
                default
            }
        }
    }

    /// `true` or `false`, or the default where the variable is not set.
    pub fn boolean(&mut self, variable: &'static str, default: bool) -> bool {
        let Some(text) = self.optional(variable) else { return default };
        text.parse().unwrap_or_else(|_| {
            self.problem(variable, format!("is {text:?}; set it to true or false"));
            default
        })
    }

    /// A JSON document; `example` shows its shape where it is missing or wrong.
    pub fn json<T: DeserializeOwned>(&mut self, variable: &'static str, example: &str) -> Option<T> {
        let text = self.required(variable, &format!("JSON such as {example}"));
        if text.is_empty() {
            return None;
        }
        serde_json::from_str(&text)
            .map_err(|error| {
                self.problem(variable, format!("is not the JSON expected ({error}); an example: {example}"));
            })
            .ok()
    }

    /// The count of lanes of a stream or queue. There is no default: another count than the one that it was created with
    /// would split a key over two lanes.
    pub fn lanes(&mut self, variable: &'static str, of: &str) -> Option<Lanes> {
        const MOST: u32 = 4_000;
        let text = self.required(variable, &format!("the count of lanes that {of} was created with"));
        if text.is_empty() {
            return None;
        }
        let count = text.parse().ok().filter(|count| *count <= MOST);
        let lanes = count.and_then(Lanes::new);
        if lanes.is_none() {
            self.problem(variable, format!("is {text:?}; set it to a whole number from 1 to {MOST}"));
        }
        lanes
    }

    /// Notes a problem that the caller found.
    pub fn problem(&mut self, variable: &'static str, message: String) {
        self.problems.push(Problem { variable, message });
    }

    /// Ends the reading: fails if anything was wrong.
    pub fn finish(self) -> Result<(), ConfigError> {
        if self.problems.is_empty() { Ok(()) } else { Err(ConfigError(self.problems)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_reported_at_once() {
        let environment = |name: &str| match name {
            "LANES" => Some("0".to_owned()),
            "SOURCES" => Some("[".to_owned()),
            "REGION" => Some("eu-central-1".to_owned()),
            "PROTECTED" => Some("false".to_owned()),
            "SHARED" => Some("yes".to_owned()),
            _ => None,
        };
        let mut reader = Reader::new(&environment);
        assert_eq!(reader.required("REGION", "the region"), "eu-central-1");
        assert_eq!(reader.number("BATCH", 5, 1..=9), 5);
        assert!(!reader.boolean("PROTECTED", true));
        assert!(reader.boolean("ABSENT", true));
        reader.boolean("SHARED", false);
        reader.required("STREAM", "the backbone's name");
        reader.number("LANES", 16, 1..=1024);
        reader.json::<Vec<String>>("SOURCES", r#"["a"]"#);
        let text = reader.finish().unwrap_err().to_string();
        assert_eq!(
            text,
            "the function's environment has 4 problem(s):\n  \
             SHARED: is \"yes\"; set it to true or false\n  \
             STREAM: is not set; set it to the backbone's name\n  \
             LANES: is \"0\"; set it to a number from 1 to 1024\n  \
             SOURCES: is not the JSON expected (EOF while parsing a list at line 1 column 1); an example: [\"a\"]"
        );
    }
}
