//! One filter pattern: a JSON object in the shape of the record, with lists of rules where the record has values.

use serde_json::{Map, Number, Value};

use super::FilterError;

/// A pattern, checked.
#[derive(Debug, Clone)]
pub(super) struct Pattern(Object);

/// All fields must match, and one of `alternatives` if there are any.
#[derive(Debug, Clone, Default)]
struct Object {
    fields: Vec<(String, Node)>,
    alternatives: Vec<Object>,
}

#[derive(Debug, Clone)]
enum Node {
    Object(Object),
    /// One of the rules must match.
    Rules(Vec<Rule>),
}

/// The comparison operators of "Filter rule syntax".
#[derive(Debug, Clone)]
enum Rule {
    Equals(Value),
    EqualsIgnoreCase(String),
    Prefix(String),
    Suffix(String),
    AnythingBut(Vec<Value>),
    Numeric(Vec<(Comparison, Number)>),
    Exists(bool),
}

#[derive(Debug, Clone, Copy)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, FilterError> {
        let parser = Parser { text };
        let value: Value = serde_json::from_str(text).map_err(|error| {
            parser.error(format!("it is not JSON: {error}"), r#"write a JSON object such as {"eventName": ["INSERT"]}"#)
        })?;
        match value {
            Value::Object(fields) if !fields.is_empty() => Ok(Self(parser.object("", &fields)?)),
            _ => Err(parser.error(
                "it is not an object with fields".to_owned(),
                r#"write a JSON object such as {"eventName": ["INSERT"]}"#,
            )),
        }
    }

    /// Whether the pattern wants an object (`true`) or a text (`false`) under the filter key, if it speaks of it.
    pub(super) fn wants_object(&self, key: &str) -> Option<bool> {
        let (_, node) = self.0.fields.iter().find(|(name, _)| name == key)?;
        Some(matches!(node, Node::Object(_)))
    }

    pub(super) fn matches(&self, record: &Map<String, Value>) -> bool {
        self.0.matches(Some(record))
    }
}

impl Object {
    /// A missing object has no fields: only "does not exist" matches in it.
    fn matches(&self, object: Option<&Map<String, Value>>) -> bool {
        self.fields.iter().all(|(name, node)| node.matches(object.and_then(|object| object.get(name))))
            && (self.alternatives.is_empty() || self.alternatives.iter().any(|alternative| alternative.matches(object)))
    }
}

impl Node {
    fn matches(&self, value: Option<&Value>) -> bool {
        match self {
            Self::Object(object) => match value {
                Some(Value::Object(fields)) => object.matches(Some(fields)),
                Some(Value::Array(items)) => items.iter().any(|item| self.matches(Some(item))),
                _ => object.matches(None),
            },
            Self::Rules(rules) => {
                let mut leaves = Vec::new();
                if let Some(value) = value {
                    collect_leaves(value, &mut leaves);
                }
                rules.iter().any(|rule| rule.matches(&leaves))
            }
        }
    }
}

/// The values that a list of rules sees. An object is no value: "the Exists operator only works on leaf nodes". A list
/// matches if any of its values does.
fn collect_leaves<'a>(value: &'a Value, leaves: &mut Vec<&'a Value>) {
    match value {
        Value::Object(_) => {}
        Value::Array(items) => {
            for item in items {
                collect_leaves(item, leaves);
            }
        }
        leaf => leaves.push(leaf),
    }
}

impl Rule {
    fn matches(&self, leaves: &[&Value]) -> bool {
        match self {
            Self::Exists(exists) => *exists != leaves.is_empty(),
            _ => leaves.iter().any(|leaf| self.matches_leaf(leaf)),
        }
    }

    fn matches_leaf(&self, leaf: &Value) -> bool {
        let is_text = |test: &dyn Fn(&str) -> bool| leaf.as_str().is_some_and(test);
        match self {
            // Numbers are compared by how they are written: 300 is not 300.0. (AWS tells 300.0 from 3.0e2 too; here both
            // are the same float.)
            Self::Equals(value) => leaf == value,
            Self::EqualsIgnoreCase(wanted) => is_text(&|text| text.to_lowercase() == wanted.to_lowercase()),
            Self::Prefix(prefix) => is_text(&|text| text.starts_with(prefix.as_str())),
            Self::Suffix(suffix) => is_text(&|text| text.ends_with(suffix.as_str())),
            Self::AnythingBut(values) => !values.contains(leaf),
            Self::Numeric(bounds) => leaf.as_f64().is_some_and(|number| {
                bounds
                    .iter()
                    .all(|(comparison, bound)| bound.as_f64().is_some_and(|bound| comparison.holds(number, bound)))
            }),
            Self::Exists(exists) => *exists,
        }
    }
}

impl Comparison {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "=" => Self::Equal,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    fn holds(self, number: f64, bound: f64) -> bool {
        match self {
            Self::Equal => number.total_cmp(&bound).is_eq(),
            Self::Less => number < bound,
            Self::LessOrEqual => number <= bound,
            Self::Greater => number > bound,
            Self::GreaterOrEqual => number >= bound,
        }
    }
}

/// Reads a pattern, and remembers its text for the error.
struct Parser<'a> {
    text: &'a str,
}

impl Parser<'_> {
    fn object(&self, path: &str, fields: &Map<String, Value>) -> Result<Object, FilterError> {
        let mut object = Object::default();
        for (name, value) in fields {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            match (name.as_str(), value) {
                ("$or", Value::Array(alternatives)) if !alternatives.is_empty() => {
                    for alternative in alternatives {
                        let Value::Object(fields) = alternative else {
                            return Err(self.not_alternatives(&path));
                        };
                        object.alternatives.push(self.object(&path, fields)?);
                    }
                }
                ("$or", _) => return Err(self.not_alternatives(&path)),
                (_, Value::Object(fields)) if !fields.is_empty() => {
                    let node = Node::Object(self.object(&path, fields)?);
                    object.fields.push((name.clone(), node));
                }
                (_, Value::Array(rules)) if !rules.is_empty() => {
                    let rules = rules.iter().map(|rule| self.rule(&path, rule)).collect::<Result<_, _>>()?;
                    object.fields.push((name.clone(), Node::Rules(rules)));
                }
                _ => {
                    return Err(self.error(
                        format!("{path} is neither an object nor a list of rules"),
                        &format!("write [{value}] where the record has a value"),
                    ));
                }
            }
        }
        Ok(object)
    }

    fn rule(&self, path: &str, rule: &Value) -> Result<Rule, FilterError> {
        let operator = match rule {
            Value::Object(operator) => operator,
            Value::Array(_) => {
                return Err(self
                    .error(format!("{path} has a list within its list"), "write the values side by side in one list"));
            }
            value => return Ok(Rule::Equals(value.clone())),
        };
        let mut entries = operator.iter();
        let (Some((name, operand)), None) = (entries.next(), entries.next()) else {
            return Err(self.error(
                format!("{path} has a rule with several operators or none"),
                "give each operator an object of its own in the list",
            ));
        };
        let parsed = match (name.as_str(), operand) {
            ("prefix", Value::String(text)) => Some(Rule::Prefix(text.clone())),
            ("suffix", Value::String(text)) => Some(Rule::Suffix(text.clone())),
            ("equals-ignore-case", Value::String(text)) => Some(Rule::EqualsIgnoreCase(text.clone())),
            ("exists", Value::Bool(exists)) => Some(Rule::Exists(*exists)),
            ("anything-but", operand) => anything_but(operand),
            ("numeric", Value::Array(bounds)) => numeric(bounds),
            _ => None,
        };
        parsed.ok_or_else(|| {
            self.error(
                format!("{path} has the rule {rule}, which is none of Lambda's"),
                r#"use a plain value, {"prefix": "a"}, {"suffix": "a"}, {"equals-ignore-case": "a"}, {"anything-but": ["a"]}, {"numeric": [">", 1, "<=", 2]} or {"exists": true}"#,
            )
        })
    }

    fn not_alternatives(&self, path: &str) -> FilterError {
        self.error(format!("{path} is not a list of objects"), r#"write {"$or": [{"a": [1]}, {"b": [2]}]}"#)
    }

    fn error(&self, problem: String, mend: &str) -> FilterError {
        FilterError { pattern: self.text.to_owned(), problem, mend: mend.to_owned() }
    }
}

fn anything_but(operand: &Value) -> Option<Rule> {
    let values = match operand {
        Value::Array(values) => values.clone(),
        value => vec![value.clone()],
    };
    let valid = values.iter().all(|value| value.is_string() || value.is_number());
    (valid && !values.is_empty()).then_some(Rule::AnythingBut(values))
}

/// One bound, or a lower and an upper one.
fn numeric(bounds: &[Value]) -> Option<Rule> {
    if !matches!(bounds.len(), 2 | 4) {
        return None;
    }
    bounds
        .chunks(2)
        .map(|pair| match pair {
            [Value::String(comparison), Value::Number(bound)] => Some((Comparison::parse(comparison)?, bound.clone())),
            _ => None,
        })
        .collect::<Option<_>>()
        .map(Rule::Numeric)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn matches(pattern: &Value, record: &Value) -> bool {
        let Value::Object(record) = record else {
            panic!("a record is an object");
        };
        Pattern::parse(&pattern.to_string()).unwrap().matches(record)
    }

    /// The table "Filter rule syntax" of "Control which events Lambda sends to your function", each row with a record that
    /// matches and one that does not.
    #[test]
    fn the_documented_operators() {
        for (pattern, yes, no) in [
            (json!({"UserID": [null]}), json!({"UserID": null}), json!({"UserID": "1"})),
            (json!({"LastName": [""]}), json!({"LastName": ""}), json!({"LastName": "a"})),
            (json!({"Name": ["Alice"]}), json!({"Name": "Alice"}), json!({"Name": "alice"})),
            (json!({"Name": [{"equals-ignore-case": "alice"}]}), json!({"Name": "ALICE"}), json!({"Name": "Bob"})),
            (
                json!({"Location": ["New York"], "Day": ["Monday"]}),
                json!({"Location": "New York", "Day": "Monday"}),
                json!({"Location": "New York", "Day": "Sunday"}),
            ),
            (
                json!({"PaymentType": ["Credit", "Debit"]}),
                json!({"PaymentType": "Debit"}),
                json!({"PaymentType": "Cash"}),
            ),
            (
                json!({"$or": [{"Location": ["New York"]}, {"Day": ["Monday"]}]}),
                json!({"Location": "Boston", "Day": "Monday"}),
                json!({"Location": "Boston", "Day": "Sunday"}),
            ),
            (
                json!({"Weather": [{"anything-but": ["Raining"]}]}),
                json!({"Weather": "Sunny"}),
                json!({"Weather": "Raining"}),
            ),
            (json!({"Price": [{"numeric": ["=", 100]}]}), json!({"Price": 100}), json!({"Price": 101})),
            (json!({"Price": [{"numeric": [">", 10, "<=", 20]}]}), json!({"Price": 20}), json!({"Price": 10})),
            (json!({"ProductName": [{"exists": true}]}), json!({"ProductName": "a"}), json!({"Other": "a"})),
            (json!({"ProductName": [{"exists": false}]}), json!({"Other": "a"}), json!({"ProductName": "a"})),
            (json!({"Region": [{"prefix": "us-"}]}), json!({"Region": "us-east-1"}), json!({"Region": "eu-us-1"})),
            (json!({"FileName": [{"suffix": ".png"}]}), json!({"FileName": "a.png"}), json!({"FileName": "a.png.txt"})),
        ] {
            assert!(matches(&pattern, &yes), "{pattern} on {yes}");
            assert!(!matches(&pattern, &no), "{pattern} on {no}");
        }
    }

    /// Notes and edges of the same page, and of EventBridge's patterns, which it refers to.
    #[test]
    fn the_edges() {
        for (pattern, record, expected) in [
            // "Exists only works on leaf nodes": an object is none.
            (
                json!({"person": {"address": [{"exists": true}]}}),
                json!({"person": {"name": "John", "address": {"street": "1 Main St"}}}),
                false,
            ),
            // "300, 300.0, and 3.0e2 are not considered equal."
            (json!({"n": [300]}), json!({"n": 300.0}), false),
            (json!({"n": [300]}), json!({"n": "300"}), false),
            (json!({"n": [{"numeric": ["=", 300]}]}), json!({"n": 300.0}), true),
            (json!({"n": [{"numeric": ["<", 3]}]}), json!({"n": "2"}), false),
            (json!({"a": [true]}), json!({"a": true}), true),
            (json!({"a": [true]}), json!({"a": false}), false),
            // A field that is not there matches nothing but "does not exist".
            (json!({"a": [{"anything-but": ["x"]}]}), json!({}), false),
            (json!({"a": [null]}), json!({}), false),
            (json!({"a": {"b": [{"exists": false}]}}), json!({}), true),
            (json!({"a": {"b": [{"exists": false}]}}), json!({"a": {"b": 1}}), false),
            // A list matches if one of its values does.
            (json!({"a": ["y"]}), json!({"a": ["x", "y"]}), true),
            (json!({"a": ["z"]}), json!({"a": ["x", "y"]}), false),
            // Rules of one list are alternatives.
            (json!({"a": [{"prefix": "x"}, {"exists": false}]}), json!({}), true),
            // $or stands beside other fields, which must match too.
            (json!({"a": [1], "$or": [{"b": [1]}, {"c": [1]}]}), json!({"a": 2, "b": 1}), false),
        ] {
            assert_eq!(matches(&pattern, &record), expected, "{pattern} on {record}");
        }
    }

    #[test]
    fn a_bad_pattern_says_what_to_write() {
        for (pattern, problem) in [
            ("{", "it is not JSON"),
            ("[]", "it is not an object with fields"),
            ("{}", "it is not an object with fields"),
            (r#"{"a": "b"}"#, "a is neither an object nor a list of rules"),
            (r#"{"a": []}"#, "a is neither an object nor a list of rules"),
            (r#"{"a": {"b": 1}}"#, "a.b is neither an object nor a list of rules"),
            (r#"{"a": [["b"]]}"#, "a has a list within its list"),
            (r#"{"a": [{"wildcard": "b*"}]}"#, "which is none of Lambda's"),
            (r#"{"a": [{"prefix": 1}]}"#, "which is none of Lambda's"),
            (r#"{"a": [{"numeric": [">"]}]}"#, "which is none of Lambda's"),
            (r#"{"a": [{"numeric": ["~", 1]}]}"#, "which is none of Lambda's"),
            (r#"{"a": [{"anything-but": []}]}"#, "which is none of Lambda's"),
            (r#"{"a": [{"prefix": "b", "suffix": "c"}]}"#, "several operators"),
            (r#"{"$or": {"a": [1]}}"#, "$or is not a list of objects"),
        ] {
            let error = Pattern::parse(pattern).unwrap_err();
            assert_eq!(error.pattern, pattern);
            assert!(error.problem.contains(problem), "{error}");
            assert!(!error.mend.is_empty());
        }
        assert_eq!(
            Pattern::parse(r#"{"a": "b"}"#).unwrap_err().to_string(),
            r#"filter pattern {"a": "b"}: a is neither an object nor a list of rules; write ["b"] where the record has a value"#
        );
    }
}
