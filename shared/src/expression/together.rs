//! Several expressions in one run of the engine.

use minijinja::value::{Value as EngineValue, ValueKind};

use super::{
    ENGINE, Expression, MAX_RESULT_BYTES, Scope, data,
    rewritten::{MATCHED, rewritten},
    tokens::Token,
};
use crate::value::Value;

/// The fields of a pipeline and its filter, evaluated together: to begin a run costs as much as a short expression itself.
#[derive(Debug)]
pub struct Together(Option<minijinja::Expression<'static, 'static>>);

/// What they come to.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The filter is false.
    LeftOut,
    /// The fields' values, in their order.
    Values(Vec<Value>),
}

impl Together {
    /// Of expressions that were compiled one by one.
    pub fn of<'e>(filter: Option<&Expression>, fields: impl IntoIterator<Item = &'e Expression>) -> Self {
        Self(text_of(filter, fields).and_then(|text| ENGINE.compile_expression_owned(text).ok()))
    }

    /// What they come to; `None` where one of them fails. Which one it is, and why, is found out one by one.
    pub fn evaluate(&self, scope: &Scope) -> Option<Outcome> {
        let given = self.0.as_ref()?.eval(scope.context()).ok()?;
        if given.kind() == ValueKind::Bool {
            return Some(Outcome::LeftOut);
        }
        let value = |value: EngineValue| {
            let mut budget = MAX_RESULT_BYTES;
            if value.is_undefined() { None } else { data::from_engine(&value, &mut budget).ok() }
        };
        given.try_iter().ok()?.map(value).collect::<Option<_>>().map(Outcome::Values)
    }
}

/// One list of the fields; false where the filter is.
fn text_of<'e>(filter: Option<&Expression>, fields: impl IntoIterator<Item = &'e Expression>) -> Option<String> {
    let mut text = String::from("[");
    for field in fields {
        text = text + &in_brackets(field)? + ",";
    }
    text.push(']');
    if let Some(filter) = filter {
        text = text + " if " + &in_brackets(filter)? + "|" + MATCHED + " else false";
    }
    Some(text)
}

fn in_brackets(expression: &Expression) -> Option<String> {
    let source = expression.source();
    Some(format!("({})", rewritten(source, &Token::all(source)).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ChangeEvent;

    #[test]
    fn together_they_give_what_each_gives_alone() {
        let written = r#"{"after":{"email":"A@B.example","plan":null,"cents":1999,"deep":{"x":[1,2]}}}"#;
        let [event]: [ChangeEvent; 1] = ChangeEvent::read_written("customers", written).unwrap().try_into().unwrap();
        let scope = Scope::of(&event);
        let compile = |source: &&str| Expression::compile(source, &[]).unwrap();
        let sources = [
            "after.email | lower",
            "after.plan",
            "after.cents / 100 if after.cents > 5 else none",
            "after.deep.x",
            "(1, 2)",
            "after.email ~ '/' ~ after.plan",
            "after.gone | default([])",
            "not after.plan",
            "{'a': after.cents}",
        ];
        let expressions: Vec<Expression> = sources.iter().map(compile).collect();
        let alone: Vec<Value> = expressions.iter().map(|expression| expression.evaluate(&scope).unwrap()).collect();
        assert_eq!(Together::of(None, &expressions).evaluate(&scope), Some(Outcome::Values(alone.clone())));
        assert_eq!(Together::of(None, &[]).evaluate(&scope), Some(Outcome::Values(Vec::new())));
        for (filter, expected) in [
            ("after.cents > 5 and not after.plan", Some(Outcome::Values(alone))),
            ("after.cents < 5", Some(Outcome::LeftOut)),
            // Neither is a filter, and alone each says why.
            ("after.cents", None),
            ("after.gone", None),
        ] {
            let filter = compile(&filter);
            assert_eq!(Together::of(Some(&filter), &expressions).evaluate(&scope), expected, "{}", filter.source());
        }
        // One that fails is found out alone.
        for wrong in ["after.gone", "after.email | phone", "after.cents ~ after.deep", "[1] * 100000000", "1 / 0"] {
            let expressions = [compile(&"after.email"), compile(&wrong)];
            assert_eq!(Together::of(None, &expressions).evaluate(&scope), None, "{wrong}");
            assert!(expressions[1].evaluate(&scope).is_err(), "{wrong}");
        }
    }
}
