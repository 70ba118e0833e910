//! Expressions: what a person writes to filter and map.
//!
//! Jinja expressions, evaluated by the `minijinja` crate: strict about unknown names, bounded in steps and size, with
//! no I/O and no clock but the event's. The same event gives the same result.

mod absent;
pub mod catalogue;
mod data;
mod decimal;
mod engine;
mod filters;
mod names;
mod plain;
mod rewritten;
mod scope;
mod tokens;

use std::sync::LazyLock;

use minijinja::{Environment, ErrorKind, value::Value as EngineValue};

pub use self::scope::Scope;
use self::{catalogue::Kind, engine::CHANGED, names::Names, plain::Plain, rewritten::ComparedInARow, tokens::Token};
use crate::{nearest::did_you_mean, value::Value};

/// How many steps of the engine an expression may take. A mapping takes tens; a loop that would not end is stopped
/// within 2 ms.
const FUEL: u64 = 50_000;

/// How large an expression's text may be, in bytes.
const MAX_SOURCE_BYTES: usize = 8_192;

/// How many operators, brackets and dots an expression may have. The engine calls itself for each, so that thousands end
/// the process for want of stack.
const MAX_STEPS_IN: usize = 1_000;

/// How large a result may be, in bytes of JSON.
const MAX_RESULT_BYTES: usize = 400_000;

static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(engine::engine);

/// A compiled expression.
#[derive(Debug)]
pub struct Expression {
    source: String,
    compiled: minijinja::Expression<'static, 'static>,
    /// The expression without the engine, where it needs none.
    plain: Option<Plain>,
    names: Vec<String>,
}

/// Why an expression cannot be compiled or evaluated, with the mend where one is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpressionError {
    /// One sentence for the person who wrote the expression.
    pub message: String,
}

impl ExpressionError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

impl Expression {
    /// Compiles an expression. It may use [`Scope::NAMES`] and these further `names`; others (`afer.email`) are refused
    /// here, with the nearest that exists.
    pub fn compile(source: &str, names: &[&str]) -> Result<Self, ExpressionError> {
        if source.len() > MAX_SOURCE_BYTES {
            return Err(ExpressionError::new(format!(
                "the expression is {} bytes long; at most {MAX_SOURCE_BYTES} are allowed",
                source.len()
            )));
        }
        let tokens = Token::all(source);
        let steps = tokens.iter().filter(|token| token.is_a_step()).count();
        if steps > MAX_STEPS_IN {
            return Err(ExpressionError::new(format!(
                "the expression has {steps} operators, brackets and dots; at most {MAX_STEPS_IN} are allowed"
            )));
        }
        let rewritten = rewritten::rewritten(source, &tokens).map_err(|ComparedInARow| {
            ExpressionError::new(format!(
                "`{source}` compares more than two values in a row; write `1 < a and a < 3` for `1 < a < 3`"
            ))
        })?;
        let plain = Plain::of(&rewritten);
        let compiled = ENGINE
            .compile_expression_owned(rewritten)
            .map_err(|error| ExpressionError::new(format!("`{source}` is not an expression: {}", describe(&error))))?;
        let mut used: Vec<String> = compiled.undeclared_variables(true).into_iter().collect();
        used.sort_unstable();
        for name in &used {
            let root = name.split('.').next().unwrap_or(name);
            let known = || Scope::NAMES.iter().chain(names).copied();
            if root != CHANGED && !known().any(|known| known == root) {
                let mend = did_you_mean(root, known())
                    .unwrap_or_else(|| format!("there are {}", known().collect::<Vec<_>>().join(", ")));
                return Err(ExpressionError::new(format!("`{source}` uses `{root}`, which no event has; {mend}")));
            }
        }
        let in_text = Names::of(&tokens);
        known(source, "filter", &in_text.filters, Kind::Filter)?;
        known(source, "test", &in_text.tests, Kind::Test)?;
        if in_text.compares_with_null {
            return Err(ExpressionError::new(format!(
                "`{source}` compares with none, which a row that is not there is not equal to; write `is none` or `is not \
                 none`"
            )));
        }
        if in_text.changed_is_open {
            return Err(ExpressionError::new(format!(
                "`{source}` asks for a change without saying of which field; write it in quotes, such as \
                 changed('after.plan')"
            )));
        }
        if let Some(path) = in_text.changed.iter().find(|path| !path.starts_with("after.")) {
            return Err(ExpressionError::new(format!(
                "`{source}` asks whether `{path}` has changed; write a field of the row, such as changed('after.plan')"
            )));
        }
        used.extend(in_text.changed);
        Ok(Self { source: source.to_owned(), compiled, plain, names: used })
    }

    /// The paths that the expression reads: `after.email`, `before.plan`, and those that it asks whether they have
    /// changed. The names of functions are among them.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The text that was compiled.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the expression looks at `name`: one of [`Scope::NAMES`], or a further one.
    pub fn uses(&self, name: &str) -> bool {
        self.names.iter().any(|used| used.split('.').next() == Some(name))
    }

    /// Evaluates to a value; a number stays a number.
    pub fn evaluate(&self, scope: &Scope) -> Result<Value, ExpressionError> {
        if let Some(value) = self.plain.as_ref().and_then(|plain| plain.evaluate(scope)) {
            return Ok(value);
        }
        self.evaluate_by_engine(scope)
    }

    fn evaluate_by_engine(&self, scope: &Scope) -> Result<Value, ExpressionError> {
        let result = self.compiled.eval(scope.context()).map_err(|error| self.explain(&error, scope))?;
        if result.is_undefined() {
            return Err(self.missing(scope));
        }
        self.value(&result)
    }

    /// Evaluates to a value; `None` where the expression asks for a field that is not there.
    pub fn evaluate_if_there(&self, scope: &Scope) -> Result<Option<Value>, ExpressionError> {
        if let Some(value) = self.plain.as_ref().and_then(|plain| plain.evaluate(scope)) {
            return Ok(Some(value));
        }
        match self.compiled.eval(scope.context()) {
            Ok(result) if result.is_undefined() => Ok(None),
            Err(error) if error.kind() == ErrorKind::UndefinedError => Ok(None),
            Ok(result) => self.value(&result).map(Some),
            Err(error) => Err(self.explain(&error, scope)),
        }
    }

    /// Evaluates to true or false; anything else is a mistake in the filter.
    pub fn matches(&self, scope: &Scope) -> Result<bool, ExpressionError> {
        match self.evaluate(scope)? {
            Value::Bool(matches) => Ok(matches),
            other => Err(self.error(&format!(
                "gives {}, but a filter has to be true or false; compare it with something, such as `{} == 'x'`",
                other.kind(),
                self.source
            ))),
        }
    }

    fn value(&self, result: &EngineValue) -> Result<Value, ExpressionError> {
        let mut budget = MAX_RESULT_BYTES;
        data::from_engine(result, &mut budget).map_err(|reason| self.error(&reason))
    }

    fn error(&self, reason: &str) -> ExpressionError {
        ExpressionError::new(format!("`{}` {reason}", self.source))
    }

    fn explain(&self, error: &minijinja::Error, scope: &Scope) -> ExpressionError {
        match error.kind() {
            ErrorKind::UndefinedError => self.missing(scope),
            ErrorKind::OutOfFuel => {
                self.error("takes too many steps; an expression has no room for long loops over large lists")
            }
            _ => self.error(&format!("failed: {}", describe(error))),
        }
    }

    /// Names the first field that is not there, and the nearest that is.
    fn missing(&self, scope: &Scope) -> ExpressionError {
        match self.names.iter().find_map(|name| scope.why_missing(name)) {
            Some(why) => self.error(&why),
            None => self.error("uses a value that is not there; give it one with `| default('…')`"),
        }
    }
}

/// Refuses a filter or a test that is not in the catalogue.
fn known(source: &str, what: &str, used: &[String], kind: Kind) -> Result<(), ExpressionError> {
    match used.iter().find(|name| !catalogue::names(kind).any(|known| known == name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let mend = did_you_mean(name, catalogue::names(kind))
                .unwrap_or_else(|| "`freshet expressions` lists all".to_owned());
            Err(ExpressionError::new(format!("`{source}` uses the {what} `{name}`, which there is not; {mend}")))
        }
    }
}

/// The engine's error in one line.
fn describe(error: &minijinja::Error) -> String {
    match error.detail() {
        // The engine's name of what it does not know.
        Some(detail) => detail.replace("plain object", "a number of more digits than can be calculated with"),
        None => error.kind().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{ChangeEvent, Op, Origin},
        key::Key,
        position::Position,
        time::Timestamp,
    };

    fn event(after: &str) -> ChangeEvent {
        ChangeEvent {
            id: "customers/1/5".into(),
            source: "customers".into(),
            op: Op::Update,
            key: Key::single("id", "c-1"),
            before: Some(Value::from_json(br#"{"plan":"free"}"#).unwrap()),
            after: Some(Value::from_json(after.as_bytes()).unwrap()),
            occurred_at: Timestamp::from_millis(1_700_000_000_000),
            epoch: 1,
            position: Position::parse("5").unwrap(),
            origin: Origin::User,
        }
    }

    const ROW: &str = r#"{"email":"Ada@Example.COM","plan":"pro","mrr_cents":12900,"big":12345678901234567890123456789012345678,"price":19.9,"exact":0.12345678901234567890,"tags":["a","b"],"none":null,"address":{"city":"Bern"}}"#;

    fn evaluate(expression: &str) -> Result<String, String> {
        let scope = Scope::of(&event(ROW));
        Expression::compile(expression, &[])
            .and_then(|expression| expression.evaluate(&scope))
            .map(|value| value.to_json())
            .map_err(|error| error.message)
    }

    #[test]
    fn results_keep_their_type() {
        for (expression, result) in [
            ("after.email | lower", r#""ada@example.com""#),
            ("after.plan | upper", r#""PRO""#),
            ("after.mrr_cents / 100", "129"),
            ("after.mrr_cents", "12900"),
            ("after.price", "19.9"),
            ("after.big", "12345678901234567890123456789012345678"),
            ("after.exact", "0.12345678901234567890"),
            ("after.tags", r#"["a","b"]"#),
            ("after.tags | join(', ')", r#""a, b""#),
            ("after.none", "null"),
            ("after.address", r#"{"city":"Bern"}"#),
            ("after.address.city", r#""Bern""#),
            ("before.plan != after.plan", "true"),
            ("op", r#""update""#),
            ("source ~ '/' ~ op", r#""customers/update""#),
            ("occurred_at", "1700000000000"),
            ("after.nickname | default('none')", r#""none""#),
            ("'yes' if after.plan == 'pro' else 'no'", r#""yes""#),
            ("key.id", r#""c-1""#),
        ] {
            assert_eq!(evaluate(expression).as_deref(), Ok(result), "{expression}");
        }
    }

    #[test]
    fn mistakes_get_their_place_and_mend() {
        for (expression, part) in [
            ("afer.email", "`afer`, which no event has; did you mean `after`?"),
            ("after.emial", "`after` has no field `emial`; did you mean `email`?"),
            ("after.address.town", "`after.address` has no field `town`"),
            ("after.none.deep", "`after.none` is null"),
            ("after.email | lowwer", "uses the filter `lowwer`, which there is not; did you mean `lower`?"),
            ("after.email is definde", "uses the test `definde`, which there is not; did you mean `defined`?"),
            ("changed('before.plan')", "write a field of the row, such as changed('after.plan')"),
            ("after.email |", "is not an expression"),
            ("after.exact * 2", "failed"),
            ("range(10000000)", "`range`, which no event has"),
        ] {
            let error = evaluate(expression).unwrap_err();
            assert!(error.contains(part), "{expression}: {error}");
        }
        assert!(Expression::compile(&"1 + ".repeat(3_000), &[]).is_err());
    }

    #[test]
    fn bombs_are_stopped() {
        // The largest row that DynamoDB stores, and the longest expression.
        let scope = Scope::of(&event(&format!(r#"{{"text":"{}"}}"#, "x,".repeat(190_000))));
        let doubled = |text: &str| text.repeat(MAX_SOURCE_BYTES / text.len() - 10);
        for bomb in [
            "('x' * 90000000)".to_owned(),
            "[[1] * 9999] * 9999".to_owned(),
            format!("after.text {}", doubled("~ after.text ")),
            format!("after.text {}", doubled("| replace('x', 'xxxxxxxxxxxxxxxx') ")),
            "after.text | replace(',', after.text)".to_owned(),
            "after.text | split(',') | map('replace', '', after.text) | join(after.text)".to_owned(),
            "after.text | split(',') | join(after.text)".to_owned(),
            "after.text | split(',') | sort | unique | map('upper') | map('lower') | map('upper') | join".to_owned(),
            "9 ** 9 ** 9 ** 9 ** 9 ** 9 ** 9 ** 9".to_owned(),
            format!("{}1{}", "[".repeat(2_000), "]".repeat(2_000)),
            format!("{}1{}", "(".repeat(4_000), ")".repeat(4_000)),
        ] {
            let given = Expression::compile(&bomb, &[]).and_then(|expression| expression.evaluate(&scope));
            let size = given.as_ref().map_or(0, |value| value.to_json().len());
            assert!(given.is_err(), "{} gives {size} bytes", &bomb[..60.min(bomb.len())]);
        }
    }

    #[test]
    fn further_names_are_rows_or_nothing() {
        let row = Value::from_json(br#"{"plan":"pro","digits":12345678901234567890123456789012345678}"#).unwrap();
        let scope = Scope::of(&event(ROW)).with_row("account", Some(&row)).with_row("owner", None);
        let evaluate = |source: &str| {
            let compiled = Expression::compile(source, &["account", "owner"]);
            compiled.and_then(|expression| expression.evaluate(&scope)).map(|value| value.to_json())
        };
        for (source, result) in [
            ("account.plan ~ '/' ~ after.plan", r#""pro/pro""#),
            ("account.digits", "12345678901234567890123456789012345678"),
            ("account is none", "false"),
            ("owner", "null"),
            ("owner is none", "true"),
            ("after.none is none", "true"),
            ("'no' if not owner else 'yes'", r#""no""#),
            ("owner.email", "null"),
            ("owner.email is none", "true"),
            ("owner.email | default('-', true)", r#""-""#),
        ] {
            assert_eq!(evaluate(source).as_deref(), Ok(result), "{source}");
        }
        for (source, part) in [
            ("account.pln", "`account` has no field `pln`; did you mean `plan`?"),
            ("acount.plan", "`acount`, which no event has; did you mean `account`?"),
            ("owner.address.city", "`owner.address` is null here"),
        ] {
            let error = evaluate(source).unwrap_err();
            assert!(error.message.contains(part), "{source}: {error}");
        }
    }

    #[test]
    fn every_example_of_the_catalogue_gives_what_it_says() {
        let mut event = event(catalogue::SAMPLE);
        event.before = Some(Value::from_json(catalogue::SAMPLE_BEFORE.as_bytes()).unwrap());
        let scope = Scope::of(&event);
        let (mut examples, mut wrong) = (0, Vec::new());
        for entry in catalogue::CATALOGUE {
            assert!(!entry.examples.is_empty(), "{}", entry.name);
            for (expression, result) in entry.examples {
                let given = Expression::compile(expression, &[]).and_then(|expression| expression.evaluate(&scope));
                let given = given.map_or_else(|error| error.message, |value| value.to_json());
                if given != *result {
                    wrong.push(format!("{expression} gives {given}, and not {result}"));
                }
                examples += 1;
            }
        }
        assert_eq!(wrong, Vec::<String>::new());
        println!("{examples} examples");
    }

    #[test]
    fn a_change_touches_what_is_another_value_than_before() {
        let row = |json: &str| Some(Value::from_json(json.as_bytes()).unwrap());
        let (one, two) = (row(r#"{"a":1,"b":null,"deep":{"c":1}}"#), row(r#"{"a":1,"c":2,"deep":{"c":2}}"#));
        for (op, before, after, touched) in [
            (Op::Create, None, &two, "a c deep.c"),
            (Op::Update, one.clone(), &two, "b c deep.c"),
            (Op::Update, None, &two, "a b c deep.c"),
            (Op::Delete, one.clone(), &None, ""),
            (Op::Read, None, &two, ""),
        ] {
            let event = ChangeEvent { op, before, after: after.clone(), ..event("{}") };
            let scope = Scope::of(&event);
            let is_touched = |path: &&str| {
                let changed = Expression::compile(&format!("changed('after.{path}')"), &[]).unwrap();
                changed.matches(&scope).unwrap()
            };
            let found: Vec<_> = ["a", "b", "c", "deep.c"].into_iter().filter(is_touched).collect();
            assert_eq!(found.join(" "), touched, "{op:?}");
        }
    }

    #[test]
    fn no_digit_is_lost() {
        // The 38 digits of DynamoDB, and a fraction that 64 bits do not hold.
        let row = r#"{"whole":12345678901234567890123456789012345678,"less":-12345678901234567890123456789012345678,"part":0.12345678901234567891,"both":123456789012345678901.25,"long":"123456789012345678901.25","huge":1e40,"zeros":1.500000000000000000000000,"parts":[0.12345678901234567891,0.1234567890123456789],"mixed":[1,0.12345678901234567891],"rows":[{"n":1},{"n":0.12345678901234567891}]}"#;
        let scope = Scope::of(&event(row));
        let evaluate = |source: &str| {
            let given = Expression::compile(source, &[]).and_then(|expression| expression.evaluate(&scope));
            given.map_or_else(|error| error.message, |value| value.to_json())
        };
        for (source, result) in [
            ("after.whole | int", "12345678901234567890123456789012345678"),
            ("after.whole | string | int", "12345678901234567890123456789012345678"),
            ("after.whole | round", "12345678901234567890123456789012345678"),
            ("after.whole | round(-2)", "12345678901234567890123456789012345700"),
            ("after.less | abs", "12345678901234567890123456789012345678"),
            ("after.part | round(5)", "0.12346"),
            ("after.part | round(19)", "0.1234567890123456789"),
            ("after.part | int", "0"),
            ("after.part | abs", "0.12345678901234567891"),
            ("after.part | round(5) + 1", "1.12346"),
            ("after.both | int", "123456789012345678901"),
            ("after.long | int", "123456789012345678901"),
            ("after.both | round(1)", "123456789012345678901.2"),
            ("after.huge | int", "10000000000000000000000000000000000000000"),
            ("after.zeros * 2", "3"),
            ("after.part is number", "true"),
            ("true is number", "false"),
            ("after.parts | sort | first", "0.1234567890123456789"),
            ("after.parts | max", "0.12345678901234567891"),
            ("after.part ~ ''", r#""0.12345678901234567891""#),
            ("[after.part, after.part] | unique | length", "1"),
            ("true | int", "1"),
            ("' 42 ' | int", "42"),
            ("'0042' | int", "42"),
        ] {
            assert_eq!(evaluate(source), result, "{source}");
        }
        for (source, part) in [
            ("after.mixed | sort", "`sort` gets a number of more digits than it can calculate with"),
            ("after.mixed | min", "shorten it first, such as map('round', 2)"),
            ("after.parts | sum", "`sum` gets a number of more digits"),
            ("after.rows | sort(attribute='n')", "`sort` gets a number of more digits"),
            ("after.rows | sum('n')", "`sum` gets a number of more digits"),
            ("after.part + 1", "a number of more digits than can be calculated with"),
            ("'x' | int", "`int` takes a number, and gets another text"),
            ("after.parts | round", "`round` takes a number, and gets a list"),
            ("true | round", "`round` takes a number, and gets true or false"),
            ("1 | round(1, 'even')", "round(2, 'floor') down"),
        ] {
            let error = evaluate(source);
            assert!(error.contains(part), "{source}: {error}");
        }
    }

    #[test]
    fn what_has_no_order_is_not_compared() {
        let row = r#"{"null":null,"part":0.12345678901234567891,"huge":123456789012345678901.25,"cents":1999,"text":"b","tags":[1],"parts":[0.5,0.12345678901234567891]}"#;
        let scope = Scope::of(&event(row)).with_row("nobody", None);
        let evaluate = |source: &str| {
            let given = Expression::compile(source, &["nobody"]).and_then(|expression| expression.evaluate(&scope));
            given.map_or_else(|error| error.message, |value| value.to_json())
        };
        for (source, result) in [
            ("after.part < 1", "true"),
            ("1 > after.part", "true"),
            ("after.part > 0.1234567890123456", "true"),
            ("after.huge >= 123456789012345678901", "true"),
            ("after.huge <= 123456789012345678901", "false"),
            ("after.part < after.huge", "true"),
            ("after.part <= after.part", "true"),
            ("9007199254740993 > 9007199254740992.0", "true"),
            ("after.cents + 1 >= 2000 and after.text < 'c'", "true"),
            ("'B' < 'a'", "true"),
            ("after.null is not none and after.null < 1", "false"),
            ("after.null | default(0, true) < 1", "true"),
            ("not after.cents > 1", "false"),
            ("after.parts | select('lt', 0.2) | first", "0.12345678901234567891"),
        ] {
            assert_eq!(evaluate(source), result, "{source}");
        }
        for (source, part) in [
            (
                "after.null < 1",
                "`<` compares two numbers or two texts, and gets null and a number; ask `is not none and`",
            ),
            (
                "1 >= nobody",
                "gets a number and null; ask `is not none and` first, or say what else with `| default(0, true)`",
            ),
            ("nobody.name > 'a'", "gets null and a text"),
            ("after.text < 1", "gets a text and a number"),
            ("true < 2", "gets true or false and a number"),
            ("after.tags < [2]", "gets a list and a list"),
            ("[after.null] | select('gt', 1)", "gets null and a number"),
            ("after.missing < 1", "has no field `missing`"),
            ("1 < after.cents < 3000", "compares more than two values in a row; write `1 < a and a < 3`"),
        ] {
            let error = evaluate(source);
            assert!(error.contains(part), "{source}: {error}");
        }
    }

    #[test]
    fn a_null_stays_a_null_or_is_left_out() {
        let row =
            r#"{"null":null,"numbers":[3,null,1],"texts":["b",null,"A"],"nulls":[null],"rows":[{"n":2},{"n":null}]}"#;
        let scope = Scope::of(&event(row)).with_row("nobody", None);
        let evaluate = |source: &str| {
            let given = Expression::compile(source, &["nobody"]).and_then(|expression| expression.evaluate(&scope));
            given.map_or_else(|error| error.message, |value| value.to_json())
        };
        // Of a null, and of a row that is not there.
        let (mut filters, given) = (0, ["after.null", "nobody", "nobody.name"]);
        for filter in catalogue::names(Kind::Filter).filter(|filter| *filter != "default") {
            let arguments = match filter {
                "replace" => "('a', 'b')",
                "split" => "(',')",
                "truncate" => "(1)",
                "format_date" => "('%Y')",
                "map" => "('upper')",
                "select" | "reject" => "('string')",
                "selectattr" | "rejectattr" => "('name', 'eq', 1)",
                _ => "",
            };
            for null in given {
                assert_eq!(evaluate(&format!("{null} | {filter}{arguments}")), "null", "{null} | {filter}");
            }
            filters += 1;
        }
        println!("{filters} filters give null for {} nulls", given.len());
        for (source, result) in [
            ("after.null ~ 'x' ~ nobody ~ nobody.name", r#""x""#),
            ("after.null ~ after.null", r#""""#),
            ("after.numbers | sort", "[null,1,3]"),
            ("after.texts | sort", r#"[null,"A","b"]"#),
            ("after.numbers | sum", "4"),
            ("after.nulls | sum", "0"),
            ("after.numbers | min", "1"),
            ("after.numbers | max", "3"),
            ("after.numbers | unique", "[3,null,1]"),
            ("after.texts | join('/')", r#""b/A""#),
            ("after.nulls | join", r#""""#),
            ("after.rows | map(attribute='n') | sum", "2"),
            ("after.null | default('x')", "null"),
            ("after.null | default('x', true)", r#""x""#),
            ("[after.null, 1] | tojson", r#""[null,1]""#),
            ("after.null == 0", "false"),
            ("after.null in after.numbers", "true"),
        ] {
            assert_eq!(evaluate(source), result, "{source}");
        }
        for (source, part) in [
            ("after.null + 1", "failed"),
            ("'x' in after.null", "failed"),
            ("after.nulls | max", "uses a value that is not there"),
        ] {
            let error = evaluate(source);
            assert!(error.contains(part), "{source}: {error}");
        }
    }

    #[test]
    fn what_is_not_there_is_no_error_where_it_may_be_missing() {
        let scope = Scope::of(&event(ROW));
        let evaluate = |source: &str| Expression::compile(source, &[]).unwrap().evaluate_if_there(&scope);
        assert_eq!(evaluate("after.plan"), Ok(Some(Value::from("pro"))));
        assert_eq!(evaluate("after.none"), Ok(Some(Value::Null)));
        for missing in ["after.account", "after.account.id", "after.none.id", "after.account | upper"] {
            assert_eq!(evaluate(missing), Ok(None), "{missing}");
        }
        assert!(evaluate("after.exact * 2").is_err());
    }

    #[test]
    fn what_is_wrong_in_a_value_is_said_with_the_mend() {
        for (expression, part) in [
            ("'ada@example' | email", "is no e-mail address"),
            ("'044 668 18 00' | phone", "has no country; say which"),
            ("'12' | phone('CH')", "is no telephone number"),
            ("'044 668 18 00' | phone('Swiss')", "`Swiss` is no country"),
            ("'19.999' | units_to_cents", "has 3 digits behind the point"),
            ("'x' | cents_to_units", "takes a number"),
            ("'31.7.1999' | format_date('%Y')", "takes a date, such as 2026-07-01"),
            ("'1999' | parse_date('%d.%m.%Y')", "is no date in the form `%d.%m.%Y`, such as 31.07.2026"),
            ("0 | format_date('%Y', 'Europe/Zürich')", "is no time zone; did you mean `Europe/Zurich`?"),
            ("after.tags | lower", "takes a text, and gets a list"),
            ("after.missing | lower", "has no field `missing`"),
            ("'x' | fromjson", "is no JSON"),
        ] {
            let error = evaluate(expression).unwrap_err();
            assert!(error.contains(part), "{expression}: {error}");
        }
    }

    #[test]
    fn a_filter_is_true_or_false() {
        let scope = Scope::of(&event(ROW));
        let filter = Expression::compile("after.plan == 'pro' and after.mrr_cents > 100", &[]).unwrap();
        assert_eq!(filter.matches(&scope), Ok(true));
        let error = Expression::compile("after.plan", &[]).unwrap().matches(&scope).unwrap_err();
        assert!(error.message.contains("gives text, but a filter has to be true or false"), "{error}");
        assert!(filter.uses("after") && !filter.uses("before"));
    }
}
