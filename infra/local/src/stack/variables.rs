//! The stack's variables: the `*.tfvars` file that Terraform reads.

mod arn;
mod deployment;
mod lookups;

use std::{collections::BTreeMap, fmt, path::Path};

use indexmap::IndexMap;
use serde::Deserialize;
use shared::{
    destination,
    lane::Lanes,
    lookup::LookupTable,
    nearest::suggestion,
    pipeline::{Known, KnownDestination},
    value::{Number, Object, Value},
};

pub use self::lookups::LookupTableVariables;
use crate::mapping::filter::FilterCriteria;

/// The bucket's name has more behind the stack's, and ends at 63 characters.
const LONGEST_STACK: usize = 27;

/// Five filters for each mapping ("Lambda quotas").
const MOST_PATTERNS: usize = 5;

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
    /// The lookup tables by name.
    #[serde(default)]
    pub lookup_tables: IndexMap<String, LookupTableVariables>,
    /// The functions' processor. From here on the local stack checks, and takes no further notice.
    pub architecture: Option<String>,
    /// The folder with the functions' zips.
    pub packages: Option<String>,
    /// A customer key for everything that holds data.
    pub kms_key_arn: Option<String>,
    /// The permissions boundary of every role.
    pub permissions_boundary_arn: Option<String>,
    /// How many days logs are kept.
    pub log_retention_days: Option<u32>,
    /// The SNS topic that alarms go to.
    pub alarm_topic_arn: Option<String>,
    /// Whether what holds data refuses to be deleted.
    pub deletion_protection: Option<bool>,
    /// Tags of everything.
    #[serde(default)]
    pub tags: IndexMap<String, String>,
}

/// The stream between capture and transform.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackboneVariables {
    /// How many shards.
    pub shards: u32,
    /// How many lanes; fixed when the stack is created.
    pub lanes: u32,
    /// How long changes are kept, in hours. The local stack keeps them all.
    pub retention_hours: u32,
    /// Whether AWS decides on the number of shards. The local stack takes no notice.
    pub on_demand: bool,
}

impl Default for BackboneVariables {
    fn default() -> Self {
        Self { shards: 1, lanes: 16, retention_hours: 24, on_demand: false }
    }
}

/// A source: one of the two ARNs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceVariables {
    /// A table's stream.
    pub dynamodb_stream_arn: Option<String>,
    /// A Kinesis stream.
    pub kinesis_stream_arn: Option<String>,
    /// For Kinesis: the fields that name an event's row. The partition key does, without.
    #[serde(default)]
    pub key: Vec<String>,
    /// Greater than any before, where positions start anew without a new stream.
    pub epoch: Option<hcl::Number>,
    /// Patterns of event filtering, as JSON. What matches none is not captured at all.
    #[serde(default)]
    pub filter: Vec<String>,
    /// How many batches of a shard run at once.
    pub parallelization: Option<usize>,
    /// How long records are gathered for a batch.
    #[serde(default)]
    pub window_seconds: u64,
    /// The customer key that the table or stream is encrypted with. The local stack takes no notice.
    pub kms_key_arn: Option<String>,
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
    /// The customer key that the secret is encrypted with. The local stack takes no notice.
    pub secret_kms_key_arn: Option<String>,
    /// How many invocations may deliver at once, from 2.
    #[serde(default = "two")]
    pub maximum_concurrency: u32,
    /// The count of lanes of its queue; four for each concurrent invocation, without.
    pub lanes: Option<hcl::Number>,
    /// At most so many requests in so many seconds.
    pub rate_limit: Option<RateLimitVariables>,
    /// The share of the vendor's quota that may be used, by the connector's limits.
    pub quota_share: Option<f64>,
    /// Whether its address may be in a private network. The local stack lets it.
    #[serde(default)]
    pub allow_private_addresses: bool,
}

/// A limit of requests.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimitVariables {
    /// So many requests …
    pub requests: f64,
    /// … in so many seconds.
    pub seconds: f64,
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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

impl SourceVariables {
    /// How many batches of a shard run at once, each with keys of its own. One for a Kinesis stream, if nothing else is
    /// said: a record that the KPL has aggregated holds several keys.
    pub fn parallelization(&self) -> usize {
        self.parallelization.unwrap_or(if self.dynamodb_stream_arn.is_some() { 2 } else { 1 })
    }

    /// The epoch, where one is set.
    pub fn epoch(&self) -> Option<u64> {
        self.epoch.as_ref().and_then(hcl::Number::as_u64)
    }
}

fn whole(number: &hcl::Number) -> Option<u32> {
    u32::try_from(number.as_u64()?).ok()
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
    /// The count of lanes of the destination's queue: its own, or four for each concurrent invocation.
    pub fn lanes(&self) -> u32 {
        self.lanes.as_ref().and_then(whole).unwrap_or(4 * self.maximum_concurrency)
    }

    /// The limit of requests as deliver reads it.
    pub fn rate_limit(&self) -> Option<serde_json::Value> {
        self.rate_limit.map(|limit| serde_json::json!({"requests": limit.requests, "seconds": limit.seconds}))
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
        } else if self.name.len() > LONGEST_STACK {
            problems.push(format!(
                "name: the name {:?} has {} characters; a stack's may have {LONGEST_STACK}, since its bucket's name ends \
                 at 63",
                self.name,
                self.name.len()
            ));
        }
        if self.backbone.shards == 0 {
            problems.push("backbone.shards is 0; a stream has at least one".to_owned());
        }
        if Lanes::new(self.backbone.lanes).is_none() {
            problems.push(
                "backbone.lanes is 0; set it to 16, or four for each shard that the stack may ever have".to_owned(),
            );
        }
        if self.backbone.lanes > 4_000 {
            problems.push(format!("backbone.lanes is {}; it is a whole number, at most 4000", self.backbone.lanes));
        }
        if !(24..=8_760).contains(&self.backbone.retention_hours) {
            problems
                .push(format!("backbone.retention_hours is {}; AWS takes 24 to 8760", self.backbone.retention_hours));
        }
        if self.sources.is_empty() {
            problems.push("sources is empty; add a table or a stream".to_owned());
        }
        for (name, source) in &self.sources {
            source_problems(name, source, &mut problems);
        }
        let mut resources: Vec<Origin> = self.sources.values().filter_map(|source| source.origin().ok()).collect();
        let count = resources.len();
        resources.sort_unstable();
        resources.dedup();
        if resources.len() < count {
            problems.push(
                "sources: two of them are the same table or stream, or have the same name in two accounts; keep one, \
                 since a pipeline's filter can tell its events apart"
                    .to_owned(),
            );
        }
        for (name, destination) in &self.destinations {
            destination_problems(name, destination, &mut problems);
            let function = format!("{}-freshet-deliver-{name}", self.name);
            if function.len() > 64 {
                problems.push(format!(
                    "destinations.{name}: its function would be {function}, which has {} characters; AWS takes 64, so \
                     shorten the name of the destination or of the stack",
                    function.len()
                ));
            }
            if let Some(other) = name.strip_suffix("-dead")
                && self.destinations.contains_key(other)
            {
                problems.push(format!(
                    "destinations.{name}: the dead letters of {other} have a queue of this name; name the destination \
                     otherwise"
                ));
            }
        }
        for (name, table) in &self.lookup_tables {
            lookups::problems(name, table, &mut problems);
        }
        deployment::problems(self, &mut problems);
        problems
    }

    /// The lookup tables as transform and the commands know them.
    pub fn declared_lookups(&self) -> BTreeMap<String, LookupTable> {
        self.lookup_tables.iter().map(|(name, table)| (name.clone(), table.declared())).collect()
    }

    /// What pipelines can name.
    pub fn known(&self) -> Known {
        Known {
            sources: self.sources.keys().cloned().collect(),
            destinations: self
                .destinations
                .iter()
                .map(|(name, destination)| {
                    KnownDestination::new(name, &destination.connector).with_settings(destination.settings())
                })
                .collect(),
            lookup_tables: self.declared_lookups().into_iter().map(|(name, table)| (name, table.key)).collect(),
            ..Known::default()
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

fn source_problems(name: &str, source: &SourceVariables, problems: &mut Vec<String>) {
    let place = format!("sources.{name}");
    if !is_name(name) {
        problems.push(name_problem(&place, name));
    }
    if let Err(reason) = source.origin() {
        problems.push(format!("{place}: {reason}"));
    }
    if source.dynamodb_stream_arn.is_some() && !source.key.is_empty() {
        problems.push(format!("{place}: key is for Kinesis; a table has its own"));
    }
    if let Some(parallelization) = source.parallelization.filter(|factor| !(1..=10).contains(factor)) {
        problems.push(format!("{place}.parallelization is {parallelization}; AWS takes 1 to 10"));
    }
    if source.window_seconds > 300 {
        problems.push(format!("{place}.window_seconds is {}; AWS takes 0 to 300", source.window_seconds));
    }
    if let Some(epoch) = source.epoch.as_ref().filter(|epoch| epoch.as_u64().is_none()) {
        problems.push(format!("{place}.epoch is {epoch}; it is a whole number, and greater than any before"));
    }
    let is_object = |pattern: &String| serde_json::from_str::<serde_json::Map<_, serde_json::Value>>(pattern).is_ok();
    if source.filter.len() > MOST_PATTERNS || !source.filter.iter().all(is_object) {
        problems.push(format!(
            "{place}.filter has to be at most {MOST_PATTERNS} patterns, each a JSON object such as \
             jsonencode({{ dynamodb = {{ NewImage = {{ country = {{ S = [\"US\"] }} }} }} }})"
        ));
    } else if let Err(error) = FilterCriteria::parse(&source.filter) {
        problems.push(format!("{place}.filter: {error}"));
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
    if let Some(lanes) = &destination.lanes
        && !whole(lanes).is_some_and(|lanes| (1..=4_000).contains(&lanes))
    {
        problems.push(format!(
            "{place}.lanes is {lanes}; a queue has 1 to 4000: leave it out for four for each concurrent invocation, or \
             set 1 where the vendor takes one request at a time"
        ));
    }
    if let Some(RateLimitVariables { requests, seconds }) = destination.rate_limit
        && !(requests > 0.0 && seconds > 0.0)
    {
        problems.push(format!(
            "{place}.rate_limit is {requests} requests in {seconds} seconds; both have to be above zero: write \
             how many the vendor may get, or leave rate_limit out"
        ));
    }
    if let Some(share) = destination.quota_share
        && !(0.001..=1.0).contains(&share)
    {
        problems.push(format!(
            "{place}.quota_share is {share}; write which share of the vendor's quota may be used, from 0.001 to 1, or \
             leave quota_share out"
        ));
    }
    if let Some(arn) = &destination.secret_arn
        && !arn::is(arn, "secretsmanager", "secret:")
    {
        // The value is not repeated: it may be the secret itself.
        problems.push(format!(
            "{place}.secret_arn is no ARN of a secret; it looks like \
             arn:aws:secretsmanager:<region>:<account>:secret:<name>, and the secret itself never stands here"
        ));
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
    fn what_terraform_takes_is_taken() {
        let more = r#"
architecture             = "x86_64"
packages                 = "target/lambda/x86_64"
kms_key_arn              = "arn:aws:kms:eu-central-1:123456789012:key/1234"
permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
log_retention_days       = 7
alarm_topic_arn          = "arn:aws:sns:eu-central-1:123456789012:alarms"
deletion_protection      = false
tags                     = { team = "data" }
backbone                 = { retention_hours = 48, on_demand = true }
lookup_tables = {
  accounts = { table_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/the.accounts", key = { account_id = "S" } }
  prices   = { table_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/prices", key = { country = "S", sku = "N" }, cache_seconds = 0, kms_key_arn = "k" }
}
"#;
        let good = GOOD
            .replace(
                "{ connector",
                "{ lanes = 1, quota_share = 0.5, allow_private_addresses = true, rate_limit = { requests = 100, seconds = 10 }, connector",
            )
            .replace("key =", r#"epoch = 2, filter = ["{\"data\":{\"page\":[\"/\"]}}"], kms_key_arn = "k", key ="#);
        let variables = Variables::parse("a.tfvars", &format!("{good}{more}")).unwrap();
        assert_eq!(variables.destinations["hook"].lanes(), 1);
        let limit = variables.destinations["hook"].rate_limit().unwrap();
        assert_eq!(limit, serde_json::json!({"requests": 100.0, "seconds": 10.0}));
        assert_eq!(variables.destinations["hook"].quota_share, Some(0.5));
        assert_eq!(variables.sources["views"].epoch(), Some(2));
        assert_eq!(variables.sources["views"].filter.len(), 1);
        let accounts = variables.lookup_tables["accounts"].declared();
        assert_eq!((accounts.table.as_str(), accounts.cache_seconds), ("the.accounts", 60));
        assert_eq!(variables.lookup_tables["prices"].declared().cache_seconds, 0);
        assert_eq!(variables.known().lookup_tables["prices"].len(), 2);
    }

    #[test]
    fn two_sources_of_one_stream_and_a_queue_of_two_destinations_are_refused() {
        let twice = GOOD.replace(
            "  views ",
            "  again = { kinesis_stream_arn = \"arn:aws:kinesis:eu-central-1:123456789012:stream/views\" }\n  views ",
        );
        let error = Variables::parse("a.tfvars", &twice).unwrap_err().to_string();
        assert!(error.contains("sources: two of them are the same table or stream"), "{error}");
        let dead = GOOD.replace("  hook ", "  hook-dead = { connector = \"webhook\", settings = { url = \"https://b.example\", body = \"array\" } }\n  hook ");
        let error = Variables::parse("a.tfvars", &dead).unwrap_err().to_string();
        assert!(
            error.contains("destinations.hook-dead: the dead letters of hook have a queue of this name"),
            "{error}"
        );
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
            ("region  =", "regions = 1\nregion =", "regions"),
            ("{ connector", "{ lanes = 0, connector", "destinations.hook.lanes is 0; a queue has 1 to 4000"),
            (
                "{ connector",
                "{ rate_limit = { requests = 0, seconds = 10 }, connector",
                "destinations.hook.rate_limit is 0 requests in 10 seconds; both have to be above zero",
            ),
            ("{ connector", "{ quota_share = 90, connector", "destinations.hook.quota_share is 90; write which share"),
            (
                "{ connector",
                "{ secret_arn = \"hunter2\", connector",
                "destinations.hook.secret_arn is no ARN of a secret",
            ),
            ("key =", "epoch = -1, key =", "sources.views.epoch is -1; it is a whole number"),
            ("key =", "parallelization = 11, key =", "sources.views.parallelization is 11; AWS takes 1 to 10"),
            ("key =", "window_seconds = 301, key =", "sources.views.window_seconds is 301; AWS takes 0 to 300"),
            ("key =", "filter = [\"US\"], key =", "sources.views.filter has to be at most 5 patterns"),
            (
                "name    = \"store\"",
                "name = \"a-name-of-twenty-eight-chars\"",
                "has 28 characters; a stack's may have 27",
            ),
            ("{ connector", "{ maximum_concurrency = 2.5, connector", "2.5"),
            ("region  =", "architecture = \"arm\"\nregion =", "architecture is \"arm\"; Lambda has arm64 and x86_64"),
            ("region  =", "log_retention_days = 8\nregion =", "log_retention_days is 8; CloudWatch takes 1, 3, 5"),
            ("region  =", "kms_key_arn = \"x\"\nregion =", "kms_key_arn is \"x\", which is no ARN of a key"),
            (
                "region  =",
                "lookup_tables = { a = { table_arn = \"a\", key = {} } }\nregion =",
                "lookup_tables.a.table_arn is \"a\", which is no ARN of a table; it looks like arn:aws:dynamodb",
            ),
            (
                "region  =",
                "lookup_tables = { a = { table_arn = \"a\", key = { id = \"B\" } } }\nregion =",
                "lookup_tables.a.key has to be all key attributes of the table, one or two",
            ),
            (
                "region  =",
                "lookup_tables = { a = { table_arn = \"a\", key = {}, cache_seconds = 3601 } }\nregion =",
                "lookup_tables.a.cache_seconds is 3601; rows are kept for 0, not at all, to 3600 seconds",
            ),
            (
                "region  =",
                "backbone = { retention_hours = 1 }\nregion =",
                "backbone.retention_hours is 1; AWS takes 24",
            ),
        ] {
            let error = Variables::parse("a.tfvars", &GOOD.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.starts_with("a.tfvars: ") && error.contains(message), "{to}: {error}");
        }
        let many = GOOD.replace("\"webhook\"", "\"webhok\"").replace("table/customers/stream", "x");
        assert_eq!(Variables::parse("a.tfvars", &many).unwrap_err().problems.len(), 2);
    }
}
