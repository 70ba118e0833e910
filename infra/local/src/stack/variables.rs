//! The stack's variables: the `*.tfvars` file that Terraform reads.

use std::{fmt, path::Path};

use indexmap::IndexMap;
use serde::Deserialize;
use shared::{
    destination,
    lane::Lanes,
    nearest::suggestion,
    pipeline::Known,
    value::{Number, Object, Value},
};

/// What a stack consists of.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variables {
    /// The stack's name: the prefix of all that is made.
    pub name: String,
    /// The region. The local stack has one of its own, and takes no notice.
    pub region: String,
    /// The stream between capture and transform.
    #[serde(default)]
    pub backbone: BackboneVariables,
    /// The sources by name.
    pub sources: IndexMap<String, SourceVariables>,
    /// The destinations by name.
    pub destinations: IndexMap<String, DestinationVariables>,
}

/// The stream between capture and transform.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackboneVariables {
    /// How many shards.
    pub shards: u32,
    /// How many lanes; fixed when the stack is created.
    pub lanes: u32,
}

impl Default for BackboneVariables {
    fn default() -> Self {
        Self { shards: 1, lanes: 16 }
    }
}

/// A source: one of the two ARNs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceVariables {
    /// A table's stream.
    pub dynamodb_stream_arn: Option<String>,
    /// A Kinesis stream.
    pub kinesis_stream_arn: Option<String>,
    /// For Kinesis: the fields that name an event's row. The partition key does, without.
    #[serde(default)]
    pub key: Vec<String>,
}

/// A destination.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DestinationVariables {
    /// Its connector's slug.
    pub connector: String,
    /// Its settings.
    #[serde(default)]
    pub settings: IndexMap<String, hcl::Value>,
    /// The ARN of its secret.
    pub secret_arn: Option<String>,
    /// How many invocations may deliver at once, from 2.
    #[serde(default = "two")]
    pub maximum_concurrency: u32,
}

const fn two() -> u32 {
    2
}

/// Everything that is wrong with a variables file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct VariablesError {
    /// The file.
    pub file: String,
    /// Where in it, what is wrong and the mend.
    pub problems: Vec<String>,
}

impl fmt::Display for VariablesError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                out.write_str("\n")?;
            }
            write!(out, "{}: {problem}", self.file)?;
        }
        Ok(())
    }
}

/// What a source is, by its ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The table of this name.
    Table(String),
    /// The Kinesis stream of this name.
    Stream(String),
}

impl Origin {
    /// The table's or the stream's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Table(name) | Self::Stream(name) => name,
        }
    }
}

impl SourceVariables {
    /// The table or stream; the message where the ARN is none.
    pub fn origin(&self) -> Result<Origin, String> {
        match (&self.dynamodb_stream_arn, &self.kinesis_stream_arn) {
            (Some(arn), None) => table_of(arn).map(|table| Origin::Table(table.to_owned())).ok_or_else(|| {
                format!(
                    "dynamodb_stream_arn is {arn:?}, which is no ARN of a table's stream; it looks like \
                     arn:aws:dynamodb:<region>:<account>:table/<table>/stream/<label>: see the table's \"Exports and \
                     streams\", or its attribute stream_arn in Terraform"
                )
            }),
            (None, Some(arn)) => stream_of(arn).map(|stream| Origin::Stream(stream.to_owned())).ok_or_else(|| {
                format!(
                    "kinesis_stream_arn is {arn:?}, which is no ARN of a Kinesis stream; it looks like \
                     arn:aws:kinesis:<region>:<account>:stream/<name>"
                )
            }),
            _ => Err("has to have one of dynamodb_stream_arn and kinesis_stream_arn, and not both".to_owned()),
        }
    }
}

fn table_of(arn: &str) -> Option<&str> {
    let (table, label) = arn.strip_prefix("arn:")?.split_once(":table/")?.1.split_once("/stream/")?;
    (!table.is_empty() && !label.is_empty()).then_some(table)
}

fn stream_of(arn: &str) -> Option<&str> {
    let name = arn.strip_prefix("arn:")?.split_once(":stream/")?.1;
    (arn.contains(":kinesis:") && !name.is_empty()).then_some(name)
}

impl DestinationVariables {
    /// The count of lanes of the destination's queue: four for each concurrent invocation.
    pub const fn lanes(&self) -> u32 {
        4 * self.maximum_concurrency
    }

    /// The settings as the connector reads them.
    pub fn settings(&self) -> Object {
        self.settings.iter().map(|(name, value)| (name.clone(), to_value(value))).collect()
    }
}

fn to_value(value: &hcl::Value) -> Value {
    match value {
        hcl::Value::Null => Value::Null,
        hcl::Value::Bool(bool) => Value::Bool(*bool),
        hcl::Value::Number(number) => {
            Number::parse(&number.to_string()).map_or_else(|_| Value::String(number.to_string()), Value::Number)
        }
        hcl::Value::String(text) => Value::String(text.clone()),
        hcl::Value::Array(items) => Value::Array(items.iter().map(to_value).collect()),
        hcl::Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), to_value(value))).collect())
        }
    }
}

impl Variables {
    /// Reads and checks a file.
    pub fn read(path: &Path) -> Result<Self, VariablesError> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| VariablesError {
            file: file.clone(),
            problems: vec![format!("cannot be read: {error}; give the path of a tfvars file")],
        })?;
        Self::parse(&file, &text)
    }

    /// Reads and checks a file's text; `file` is its name in messages.
    pub fn parse(file: &str, text: &str) -> Result<Self, VariablesError> {
        let error = |problems| VariablesError { file: file.to_owned(), problems };
        let variables: Self = hcl::from_str(text).map_err(|reason| error(vec![reason.to_string()]))?;
        let problems = variables.problems();
        if problems.is_empty() { Ok(variables) } else { Err(error(problems)) }
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !is_name(&self.name) {
            problems.push(name_problem("name", &self.name));
        }
        if self.backbone.shards == 0 {
            problems.push("backbone.shards is 0; a stream has at least one".to_owned());
        }
        if Lanes::new(self.backbone.lanes).is_none() {
            problems.push(
                "backbone.lanes is 0; set it to 16, or four for each shard that the stack may ever have".to_owned(),
            );
        }
        if self.sources.is_empty() {
            problems.push("sources is empty; add a table or a stream".to_owned());
        }
        for (name, source) in &self.sources {
            if !is_name(name) {
                problems.push(name_problem(&format!("sources.{name}"), name));
            }
            if let Err(reason) = source.origin() {
                problems.push(format!("sources.{name}: {reason}"));
            }
            if source.dynamodb_stream_arn.is_some() && !source.key.is_empty() {
                problems.push(format!("sources.{name}: key is for Kinesis; a table has its own"));
            }
        }
        for (name, destination) in &self.destinations {
            destination_problems(name, destination, &mut problems);
        }
        problems
    }

    /// What pipelines can name.
    pub fn known(&self) -> Known {
        Known {
            sources: self.sources.keys().cloned().collect(),
            destinations: self
                .destinations
                .iter()
                .map(|(name, destination)| (name.clone(), destination.connector.clone()))
                .collect(),
        }
    }

    /// The destination of this name; the message names the nearest.
    pub fn destination(&self, name: &str) -> Result<&DestinationVariables, String> {
        self.destinations.get(name).ok_or_else(|| {
            let names: Vec<&str> = self.destinations.keys().map(String::as_str).collect();
            let hint = suggestion(name, names.iter().copied());
            format!("there is no destination `{name}` in this stack{hint}; there is {}", names.join(", "))
        })
    }
}

fn destination_problems(name: &str, destination: &DestinationVariables, problems: &mut Vec<String>) {
    let place = format!("destinations.{name}");
    if !is_name(name) {
        problems.push(name_problem(&place, name));
    }
    match destination::connector(&destination.connector) {
        Err(error) => problems.push(format!("{place}.connector: {error}")),
        Ok(connector) => {
            if let Err(wrong) = connector.configure(name, &destination.settings()) {
                problems.extend(wrong.into_iter().map(|problem| format!("{place}.settings.{problem}")));
            }
            if connector.needs_secret() && destination.secret_arn.is_none() {
                problems.push(format!(
                    "{place}.secret_arn is not set; {} needs a secret: put it into Secrets Manager and set its ARN",
                    connector.name
                ));
            }
        }
    }
    if !(2..=1_000).contains(&destination.maximum_concurrency) {
        problems
            .push(format!("{place}.maximum_concurrency is {}; AWS takes 2 to 1000", destination.maximum_concurrency));
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= 32
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_')
}

fn name_problem(place: &str, name: &str) -> String {
    format!(
        "{place}: the name {name:?} has to be of lower-case letters, digits, dashes and underscores, beginning with a \
         letter, at most 32"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
name    = "store"
region  = "eu-central-1"
sources = {
  customers = { dynamodb_stream_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/customers/stream/2026-01-01T00:00:00.000" }
  views     = { kinesis_stream_arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/views", key = ["visitor_id"] }
}
destinations = {
  hook = { connector = "webhook", settings = { url = "https://a.example/hook", body = "array" } }
}
"#;

    #[test]
    fn a_good_file_is_read() {
        let variables = Variables::parse("a.tfvars", GOOD).unwrap();
        assert_eq!(variables.sources["customers"].origin(), Ok(Origin::Table("customers".to_owned())));
        assert_eq!(variables.sources["views"].origin(), Ok(Origin::Stream("views".to_owned())));
        assert_eq!(variables.destinations["hook"].lanes(), 8);
        assert_eq!(variables.backbone.lanes, 16);
    }

    #[test]
    fn each_mistake_gets_its_place_and_mend() {
        for (from, to, message) in [
            ("\"webhook\"", "\"webhok\"", "a.tfvars: destinations.hook.connector:"),
            ("connector = \"webhook\"", "connector = \"hubspot\"", "destinations.hook.secret_arn is not set"),
            ("https://", "http://", "destinations.hook.settings.url"),
            ("{ connector", "{ maximum_concurrency = 1, connector", "maximum_concurrency is 1; AWS takes 2 to 1000"),
            ("table/customers/stream", "table/customers/index", "no ARN of a table's stream"),
            ("name    = \"store\"", "name = \"My Store\"", "lower-case letters"),
            ("key =", "keys =", "keys"),
            ("region  = \"eu-central-1\"", "", "region"),
            ("sources = {", "sources = ", "-->"),
        ] {
            let error = Variables::parse("a.tfvars", &GOOD.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.starts_with("a.tfvars: ") && error.contains(message), "{to}: {error}");
        }
        let many = GOOD.replace("\"webhook\"", "\"webhok\"").replace("table/customers/stream", "x");
        assert_eq!(Variables::parse("a.tfvars", &many).unwrap_err().problems.len(), 2);
    }
}
