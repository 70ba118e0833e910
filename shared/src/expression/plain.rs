//! Expressions that are evaluated without the engine: fields, texts, whole numbers, and what is asked of them.
//!
//! Most of what a mapping says is of this kind, and a run of the engine costs more than all else that happens to an event.
//! The engine stays the judge: it has read the expression, and whatever it might see otherwise, or refuse, is left to it.

use std::{borrow::Cow, cmp::Ordering};

use minijinja::{
    machinery::{
        ast::{BinOpKind, CallArg, Expr, UnaryOpKind},
        parse_expr,
    },
    value::ValueKind,
};

use super::{
    Scope, data,
    filters::{self, OfText},
    rewritten::{CONCATENATED, ORDERED},
    scope::Row,
};
use crate::value::{Part, Value};

/// Longer texts are left to the engine, which bounds what becomes of them.
const MAX_TEXT_BYTES: usize = 16_384;

/// An expression, or a part of one.
#[derive(Debug)]
pub(super) enum Plain {
    /// `after.email`
    Field { row: Box<str>, name: Box<str> },
    /// `op`
    Op,
    /// `source`
    Source,
    /// `occurred_at`
    OccurredAt,
    /// `'text'`, `100`, `true`, `none`
    Constant(Given<'static>),
    /// `a | lower`
    OfText(OfText, Box<Plain>),
    /// `a | default(b)`
    Default(Box<[Plain; 2]>),
    /// `a ~ b`
    Concatenated(Vec<Plain>),
    /// `a < b`
    InOrder(fn(Ordering) -> bool, Box<[Plain; 2]>),
    /// `a == b`
    Equal(Box<[Plain; 2]>),
    /// `a / b`
    Divided(Box<[Plain; 2]>),
    /// `a + b`, where neither overflows
    Calculated(fn(i64, i64) -> Option<i64>, Box<[Plain; 2]>),
    /// `a and b`
    And(Box<[Plain; 2]>),
    /// `a or b`
    Or(Box<[Plain; 2]>),
    /// `not a`
    Not(Box<Plain>),
    /// `b if a else c`
    If(Box<[Plain; 3]>),
    /// `a is defined`
    IsDefined(Box<Plain>),
    /// `a is none`
    IsNone(Box<Plain>),
}

/// What a part comes to.
#[derive(Clone, Debug)]
pub(super) enum Given<'g> {
    /// A field that is not there.
    Undefined,
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(Cow<'g, str>),
}

impl Plain {
    /// The expression as the engine shall read it; `None` where a part of it is the engine's.
    pub fn of(expression: &str) -> Option<Self> {
        Self::read(&parse_expr(expression).ok()?)
    }

    fn read(expression: &Expr<'_>) -> Option<Self> {
        let boxed = |one: &Expr<'_>| Self::read(one).map(Box::new);
        let pair = |left: &Expr<'_>, right: &Expr<'_>| Some(Box::new([Self::read(left)?, Self::read(right)?]));
        Some(match expression {
            Expr::Const(_) => Self::Constant(Given::constant(expression)?),
            Expr::Var(variable) => match variable.id {
                "op" => Self::Op,
                "source" => Self::Source,
                "occurred_at" => Self::OccurredAt,
                _ => return None,
            },
            Expr::GetAttr(field) => match &field.expr {
                Expr::Var(row) => Self::Field { row: row.id.into(), name: field.name.into() },
                _ => return None,
            },
            Expr::Filter(filter) => {
                let operands = filter.expr.as_ref()?;
                let order = ORDERED.iter().find(|(_, name)| *name == filter.name);
                match (filter.name, operands, &filter.args[..]) {
                    ("default", value, [CallArg::Pos(other)]) => Self::Default(pair(value, other)?),
                    (CONCATENATED, Expr::List(list), []) => {
                        Self::Concatenated(list.items.iter().map(Self::read).collect::<Option<_>>()?)
                    }
                    (_, Expr::List(list), []) if let Some((sign, _)) = order => match &list.items[..] {
                        [left, right] => Self::InOrder(filters::holds(sign), pair(left, right)?),
                        _ => return None,
                    },
                    (name, text, []) => Self::OfText(filters::of_text_named(name)?, boxed(text)?),
                    _ => return None,
                }
            }
            Expr::Test(test) if test.args.is_empty() => match test.name {
                "defined" => Self::IsDefined(boxed(&test.expr)?),
                "none" => Self::IsNone(boxed(&test.expr)?),
                _ => return None,
            },
            Expr::UnaryOp(unary) => match unary.op {
                UnaryOpKind::Not => Self::Not(boxed(&unary.expr)?),
                UnaryOpKind::Neg => Self::Constant(Given::constant(expression)?),
            },
            Expr::BinOp(both) => {
                let operands = pair(&both.left, &both.right)?;
                match both.op {
                    BinOpKind::ScAnd => Self::And(operands),
                    BinOpKind::ScOr => Self::Or(operands),
                    BinOpKind::Eq => Self::Equal(operands),
                    BinOpKind::Ne => Self::Not(Box::new(Self::Equal(operands))),
                    BinOpKind::Add => Self::Calculated(i64::checked_add, operands),
                    BinOpKind::Sub => Self::Calculated(i64::checked_sub, operands),
                    BinOpKind::Mul => Self::Calculated(i64::checked_mul, operands),
                    BinOpKind::Div => Self::Divided(operands),
                    _ => return None,
                }
            }
            Expr::IfExpr(choice) => {
                let [asked, then] = *pair(&choice.test_expr, &choice.true_expr)?;
                Self::If(Box::new([asked, then, Self::read(choice.false_expr.as_ref()?)?]))
            }
            _ => return None,
        })
    }

    /// What it comes to; `None` where the engine has to be asked.
    pub fn evaluate(&self, scope: &Scope) -> Option<Value> {
        match self.given(scope)? {
            Given::Undefined => None,
            Given::Null => Some(Value::Null),
            Given::Bool(bool) => Some(Value::Bool(bool)),
            Given::Integer(integer) => Some(Value::from(integer)),
            Given::Float(float) => data::float(float).ok(),
            Given::Text(text) => Some(Value::String(text.into_owned())),
        }
    }

    fn given<'g>(&'g self, scope: &'g Scope) -> Option<Given<'g>> {
        Some(match self {
            Self::Field { row, name } => match scope.row(row)? {
                Row::Absent => Given::Null,
                Row::There(fields) => fields.part(name).map_or(Some(Given::Undefined), Given::part)?,
            },
            Self::Op => Given::Text(Cow::Borrowed(scope.op())),
            Self::Source => Given::Text(Cow::Borrowed(scope.source())),
            Self::OccurredAt => Given::Integer(scope.occurred_at()),
            Self::Constant(constant) => constant.borrowed(),
            Self::OfText(filter, text) => match text.given(scope)? {
                Given::Null => Given::Null,
                Given::Text(text) => Given::text(Cow::Owned(filter(&text).ok()?))?,
                _ => return None,
            },
            Self::Default(both) => match both_given(both, scope)? {
                (Given::Undefined, other) => other,
                (value, _) => value,
            },
            Self::Concatenated(parts) => {
                let mut together = String::new();
                for part in parts {
                    match part.given(scope)? {
                        Given::Null => {}
                        Given::Text(text) => together.push_str(&text),
                        Given::Integer(integer) => together.push_str(&integer.to_string()),
                        _ => return None,
                    }
                }
                Given::text(Cow::Owned(together))?
            }
            Self::InOrder(holds, both) => Given::Bool(holds(match both_given(both, scope)? {
                (Given::Text(left), Given::Text(right)) => left.cmp(&right),
                (Given::Integer(left), Given::Integer(right)) => left.cmp(&right),
                _ => return None,
            })),
            Self::Equal(both) => Given::Bool(match both_given(both, scope)? {
                (Given::Text(left), Given::Text(right)) => left == right,
                (Given::Integer(left), Given::Integer(right)) => left == right,
                (Given::Bool(left), Given::Bool(right)) => left == right,
                _ => return None,
            }),
            #[expect(clippy::cast_precision_loss, reason = "the engine divides so")]
            Self::Divided(both) => match both_given(both, scope)? {
                (Given::Integer(left), Given::Integer(right)) if right != 0 => Given::Float(left as f64 / right as f64),
                _ => return None,
            },
            Self::Calculated(calculate, both) => match both_given(both, scope)? {
                (Given::Integer(left), Given::Integer(right)) => Given::Integer(calculate(left, right)?),
                _ => return None,
            },
            Self::And(both) => Given::Bool(both[0].is_true(scope)? && both[1].is_true(scope)?),
            Self::Or(both) => Given::Bool(both[0].is_true(scope)? || both[1].is_true(scope)?),
            Self::Not(one) => Given::Bool(!one.is_true(scope)?),
            Self::If(parts) => parts[if parts[0].is_true(scope)? { 1 } else { 2 }].given(scope)?,
            Self::IsDefined(one) => Given::Bool(!matches!(one.given(scope)?, Given::Undefined)),
            Self::IsNone(one) => match one.given(scope)? {
                Given::Undefined => return None,
                given => Given::Bool(matches!(given, Given::Null)),
            },
        })
    }

    /// Of true and false; what else counts as true is the engine's to know.
    fn is_true(&self, scope: &Scope) -> Option<bool> {
        match self.given(scope)? {
            Given::Bool(bool) => Some(bool),
            _ => None,
        }
    }
}

fn both_given<'g>([left, right]: &'g [Plain; 2], scope: &'g Scope) -> Option<(Given<'g>, Given<'g>)> {
    Some((left.given(scope)?, right.given(scope)?))
}

impl<'g> Given<'g> {
    fn text(text: Cow<'g, str>) -> Option<Self> {
        (text.len() <= MAX_TEXT_BYTES).then_some(Self::Text(text))
    }

    fn constant(expression: &Expr<'_>) -> Option<Given<'static>> {
        let constant = expression.as_const()?;
        match constant.kind() {
            ValueKind::None => Some(Given::Null),
            ValueKind::Bool => Some(Given::Bool(constant.is_true())),
            ValueKind::Number if constant.is_integer() => i64::try_from(constant).ok().map(Given::Integer),
            ValueKind::String => Given::text(Cow::Owned(constant.as_str()?.to_owned())),
            _ => None,
        }
    }

    fn borrowed(&'g self) -> Self {
        match self {
            Self::Text(text) => Self::Text(Cow::Borrowed(text)),
            other => other.clone(),
        }
    }

    /// A field of a row. Lists, objects and fractions are the engine's.
    fn part(part: Part<'g>) -> Option<Self> {
        match part {
            Part::Json("null") | Part::Value(Value::Null) => Some(Self::Null),
            Part::Json("true") | Part::Value(Value::Bool(true)) => Some(Self::Bool(true)),
            Part::Json("false") | Part::Value(Value::Bool(false)) => Some(Self::Bool(false)),
            Part::Json(json) => match json.strip_prefix('"') {
                None => json.parse().ok().map(Self::Integer),
                Some(_) => match data::plain_text(json) {
                    Some(text) => Self::text(Cow::Borrowed(text)),
                    None => match Value::from_json(json.as_bytes()) {
                        Ok(Value::String(text)) => Self::text(Cow::Owned(text)),
                        _ => None,
                    },
                },
            },
            Part::Value(Value::String(text)) => Self::text(Cow::Borrowed(text)),
            Part::Value(Value::Number(number)) => number.as_i64().map(Self::Integer),
            Part::Value(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::{prelude::*, test_runner::TestRunner};

    use super::{super::Expression, *};
    use crate::event::ChangeEvent;

    /// Expressions of all that is evaluated here, and of some that is not; many of them are wrong.
    fn expression() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            6 => prop::sample::select(vec!["after.text", "after.other", "after.long", "after.escaped", "after.number"]),
            6 => prop::sample::select(vec!["after.minus", "after.yes", "after.no", "after.null", "after.gone"]),
            3 => prop::sample::select(vec!["after.list", "after.object.x", "after.price", "after.many_digits", "after.big"]),
            3 => prop::sample::select(vec!["before.text", "key.id", "op", "source", "occurred_at", "after", "row.text"]),
            4 => prop::sample::select(vec!["'Ab c'", "''", "'a@b.example'", "0", "7", "-7", "100", "true", "none", "1.5"]),
            1 => prop::sample::select(vec!["9223372036854775807", "9223372036854775808", "[1, 'a']", "{'a': 1}"]),
        ]
        .prop_map(str::to_owned);
        leaf.prop_recursive(4, 24, 3, |inner| {
            let filters = vec!["lower", "upper", "trim", "title", "slug", "string", "redact", "email", "sha256", "length"];
            let tests = vec!["is defined", "is none", "is not none", "is not defined", "is string", "is undefined"];
            let signs = vec!["~", "<", "<=", ">", ">=", "==", "!=", "+", "-", "*", "/", "//", "%", "and", "or", "in"];
            prop_oneof![
                4 => (inner.clone(), prop::sample::select(filters)).prop_map(|(one, filter)| format!("({one}) | {filter}")),
                2 => (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one}) | default({other})")),
                2 => (inner.clone(), prop::sample::select(tests)).prop_map(|(one, test)| format!("({one}) {test}")),
                1 => inner.clone().prop_map(|one| format!("not ({one})")),
                6 => (inner.clone(), prop::sample::select(signs), inner.clone())
                    .prop_map(|(one, sign, other)| format!("({one}) {sign} ({other})")),
                2 => (inner.clone(), inner.clone(), inner)
                    .prop_map(|(then, asked, other)| format!("({then}) if ({asked}) else ({other})")),
            ]
        })
    }

    /// An event whose row is its own JSON, and the same with its fields as values.
    fn scopes() -> [Scope; 2] {
        let row = format!(
            r#"{{"text":"Ada@Example.COM","other":" z\u00c9 ","long":"{}","escaped":"a\"b","number":12900,"minus":-3,"yes":true,"no":false,"null":null,"list":[1,"a"],"object":{{"x":"y"}},"price":1.50,"many_digits":0.12345678901234567890,"big":9223372036854775807}}"#,
            "x".repeat(9_000)
        );
        let event = |before: &str| {
            let json = format!(
                r#"{{"id":"customers/1/5","source":"customers","op":"update","key":{{"id":"c-1"}}{before},"after":{row},"occurred_at":1700000000000,"epoch":1,"position":"5"}}"#
            );
            ChangeEvent::from_json(&json).unwrap()
        };
        let raw = event("");
        let known = event(r#","before":{"text":"ada"}"#);
        let _ = known.after.as_ref().and_then(Value::as_object).map(|fields| fields.len());
        [Scope::of(&raw).with_row("row", None), Scope::of(&known).with_row("row", known.before.as_ref())]
    }

    #[test]
    fn what_comes_out_is_what_the_engine_gives() {
        const CASES: u32 = 20_000;
        let scopes = scopes();
        let (compared, plain) = (Cell::new(0), Cell::new(0));
        let mut runner =
            TestRunner::new(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() });
        let held = runner.run(&expression(), |source| {
            let Ok(expression) = Expression::compile(&source, &["row"]) else { return Ok(()) };
            plain.set(plain.get() + u32::from(expression.plain.is_some()));
            for scope in &scopes {
                if let Some(value) = expression.plain.as_ref().and_then(|plain| plain.evaluate(scope)) {
                    prop_assert_eq!(Ok(value), expression.evaluate_by_engine(scope), "{}", source);
                    compared.set(compared.get() + 1);
                }
            }
            Ok(())
        });
        held.unwrap();
        println!("{CASES} expressions, {} of them plain: {} values are the engine's", plain.get(), compared.get());
        assert!(plain.get() > CASES / 10 && compared.get() > CASES / 10);
    }

    #[test]
    fn what_people_write_in_mappings_is_plain() {
        let [scope, _] = scopes();
        for source in [
            "after.text",
            "after.text | trim | lower",
            "after.text ~ ' ' ~ after.escaped",
            "after.gone | default('unknown')",
            "after.number / 100",
            "'business' if after.number >= 10 else 'self-service'",
            "after.yes and after.text is defined and after.null is none",
            "op != 'delete' and not after.no",
            "(after.text | email) == 'ada@example.com' or after.number - 1 < 0",
            "before.text",
        ] {
            let expression = Expression::compile(source, &[]).unwrap();
            assert!(expression.plain.as_ref().is_some_and(|plain| plain.evaluate(&scope).is_some()), "{source}");
        }
    }
}
