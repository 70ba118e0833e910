//! Filter criteria of an event source mapping ("Control which events Lambda sends to your function").
//!
//! A mapping has up to ten patterns, and a record passes if any of them matches. A pattern speaks of the record's own fields
//! and, under the source's filter key, of what the producer put in:
//!
//! | source | filter key | what stands there while matching |
//! |---|---|---|
//! | Kinesis | `data` | the data, decoded from base64 and parsed as JSON |
//! | DynamoDB | `dynamodb` | the change, in DynamoDB's own JSON |
//! | SQS | `body` | the body, parsed as JSON |
//!
//! Data that is not JSON never matches a JSON pattern, and JSON data never matches a plain text pattern: such records are
//! dropped without a word, on AWS as here. A filtered record is done: the iterator moves past it, a message is deleted.

mod pattern;

use serde_json::{Map, Value};

use self::pattern::Pattern;

/// Five filters for each mapping, ten after a quota increase ("Lambda quotas").
const MOST_PATTERNS: usize = 10;

/// The kind of source that a pattern is matched against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilterSource {
    /// A Kinesis stream: patterns name fields of the record's `kinesis` object, with `data` parsed.
    Kinesis,
    /// A DynamoDB stream: patterns name fields of the record.
    DynamoDb,
    /// An SQS queue: patterns name fields of the message, with `body` parsed.
    Sqs,
}

impl FilterSource {
    fn key(self) -> &'static str {
        match self {
            Self::Kinesis => "data",
            Self::DynamoDb => "dynamodb",
            Self::Sqs => "body",
        }
    }
}

/// The patterns of one mapping. None at all let every record pass.
#[derive(Debug, Clone, Default)]
pub struct FilterCriteria {
    patterns: Vec<Pattern>,
}

/// A pattern that Lambda would not accept, or that can never do what it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("filter pattern {pattern}: {problem}; {mend}")]
pub struct FilterError {
    /// The pattern as it was given.
    pub pattern: String,
    /// What is wrong with it, and where.
    pub problem: String,
    /// What to write instead.
    pub mend: String,
}

impl FilterCriteria {
    /// Reads patterns, each the text of a JSON object.
    pub fn parse<S: AsRef<str>>(patterns: &[S]) -> Result<Self, FilterError> {
        if let Some(surplus) = patterns.get(MOST_PATTERNS) {
            return Err(FilterError {
                pattern: surplus.as_ref().to_owned(),
                problem: format!("it is beyond the {MOST_PATTERNS} that a mapping can have"),
                mend: "put alternatives of one field into one pattern's list".to_owned(),
            });
        }
        let patterns = patterns.iter().map(|text| Pattern::parse(text.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { patterns })
    }

    /// Whether a record reaches the function. `record` is one element of `Records`, as the function would get it.
    pub fn passes(&self, source: FilterSource, record: &str) -> bool {
        if self.patterns.is_empty() {
            return true;
        }
        let Ok(Value::Object(record)) = serde_json::from_str(record) else {
            return false;
        };
        let view = view(source, record);
        self.patterns.iter().any(|pattern| matches(source, pattern, &view))
    }
}

fn matches(source: FilterSource, pattern: &Pattern, view: &Map<String, Value>) -> bool {
    let key = source.key();
    // A text pattern on JSON, and a JSON pattern on text, drop the record even where "does not exist" would hold.
    let is_object = view.get(key).is_some_and(Value::is_object);
    match pattern.wants_object(key) {
        Some(wanted) if wanted != is_object => false,
        _ => pattern.matches(view),
    }
}

/// The record as patterns see it.
fn view(source: FilterSource, mut record: Map<String, Value>) -> Map<String, Value> {
    match source {
        FilterSource::DynamoDb => {}
        FilterSource::Kinesis => {
            if let Some(Value::Object(kinesis)) = record.remove("kinesis") {
                record.extend(kinesis);
            }
            if let Some(Value::String(data)) = record.get("data") {
                let decoded = base64_simd::STANDARD.decode_to_vec(data).unwrap_or_default();
                record.insert("data".to_owned(), parsed(&decoded));
            }
        }
        FilterSource::Sqs => {
            if let Some(Value::String(body)) = record.get("body") {
                let body = parsed(body.as_bytes());
                record.insert("body".to_owned(), body);
            }
        }
    }
    record
}

/// A JSON object as such, anything else as text.
fn parsed(data: &[u8]) -> Value {
    match serde_json::from_slice(data) {
        Ok(object @ Value::Object(_)) => object,
        _ => Value::String(String::from_utf8_lossy(data).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn criteria(pattern: &Value) -> FilterCriteria {
        FilterCriteria::parse(&[pattern.to_string()]).unwrap()
    }

    fn kinesis(data: &str) -> String {
        json!({
            "kinesis": {"partitionKey": "1", "data": base64_simd::STANDARD.encode_to_string(data)},
            "eventSource": "aws:kinesis"
        })
        .to_string()
    }

    fn sqs(body: &str) -> String {
        json!({"messageId": "m", "body": body, "eventSource": "aws:sqs"}).to_string()
    }

    #[test]
    fn without_patterns_everything_passes() {
        assert!(FilterCriteria::default().passes(FilterSource::Kinesis, &kinesis("no json")));
    }

    /// The example of "Event filtering basics": `Metadata1` beside `data`.
    #[test]
    fn kinesis_data_is_decoded_and_parsed() {
        let seattle = r#"{"City": "Seattle", "State": "WA", "Temperature": "46", "Month": "December"}"#;
        for (pattern, data, passes) in [
            (json!({"data": {"City": ["Seattle"]}}), seattle, true),
            (json!({"data": {"City": ["Portland"]}}), seattle, false),
            (json!({"partitionKey": ["1"], "data": {"State": ["WA"]}}), seattle, true),
            (json!({"partitionKey": ["2"], "data": {"State": ["WA"]}}), seattle, false),
            (json!({"partitionKey": ["1"]}), "no json", true),
            (json!({"data": {"City": ["Seattle"]}}), "no json", false),
            (json!({"data": {"City": [{"exists": false}]}}), "no json", false),
            (json!({"data": ["no json"]}), "no json", true),
            (json!({"data": [{"prefix": "{"}]}), seattle, false),
        ] {
            let passed = criteria(&pattern).passes(FilterSource::Kinesis, &kinesis(data));
            assert_eq!(passed, passes, "{pattern} on {data}");
        }
    }

    /// The table "incoming message body format × filter pattern body format" of "Using event filtering with an Amazon SQS
    /// event source".
    #[test]
    fn the_six_cases_of_an_sqs_body() {
        let json_body = r#"{"RecordNumber": 1000}"#;
        for (body, pattern, passes) in [
            ("plain", json!({"body": ["plain"]}), true),
            ("plain", json!({"messageId": ["m"]}), true),
            ("plain", json!({"body": {"RecordNumber": [1000]}}), false),
            (json_body, json!({"body": [json_body]}), false),
            (json_body, json!({"messageId": ["m"]}), true),
            (json_body, json!({"body": {"RecordNumber": [{"numeric": [">", 999]}]}}), true),
        ] {
            let passed = criteria(&pattern).passes(FilterSource::Sqs, &sqs(body));
            assert_eq!(passed, passes, "{pattern} on {body}");
        }
    }

    /// "Using event filtering with a DynamoDB event source": the pattern names DynamoDB's types.
    #[test]
    fn dynamodb_patterns_name_the_types() {
        let record = json!({
            "eventName": "INSERT",
            "dynamodb": {
                "Keys": {"Id": {"N": "101"}},
                "NewImage": {"Message": {"S": "New item!"}, "Id": {"N": "101"}}
            }
        })
        .to_string();
        for (pattern, passes) in [
            (json!({"eventName": ["INSERT", "MODIFY"]}), true),
            (json!({"dynamodb": {"Keys": {"Id": {"N": ["101"]}}}}), true),
            // A DynamoDB number is a text, so that numeric operators never match.
            (json!({"dynamodb": {"Keys": {"Id": {"N": [{"numeric": ["=", 101]}]}}}}), false),
            (json!({"dynamodb": {"NewImage": {"Message": {"S": [{"exists": false}]}}}}), false),
            (json!({"dynamodb": {"NewImage": {"Other": {"S": [{"exists": false}]}}}}), true),
        ] {
            let passed = criteria(&pattern).passes(FilterSource::DynamoDb, &record);
            assert_eq!(passed, passes, "{pattern}");
        }
    }

    #[test]
    fn patterns_are_alternatives() {
        let filters = FilterCriteria::parse(&[r#"{"body": ["a"]}"#, r#"{"body": ["b"]}"#]).unwrap();
        assert!(filters.passes(FilterSource::Sqs, &sqs("b")));
        assert!(!filters.passes(FilterSource::Sqs, &sqs("c")));
    }

    #[test]
    fn an_eleventh_pattern_is_refused() {
        let error = FilterCriteria::parse(&[r#"{"a": ["b"]}"#; 11]).unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"filter pattern {"a": ["b"]}: it is beyond the 10 that a mapping can have; put alternatives of one field into one pattern's list"#
        );
    }
}
