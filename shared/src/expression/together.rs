//! Several expressions in one run of the engine.

use minijinja::value::Value as EngineValue;

use super::{ENGINE, Expression, MAX_RESULT_BYTES, Scope, data, rewritten::rewritten, tokens::Token};
use crate::value::Value;

/// Expressions that are evaluated together: to begin a run costs as much as a short expression itself.
#[derive(Debug)]
pub struct Together(Option<minijinja::Expression<'static, 'static>>);

impl Together {
    /// Of expressions that were compiled one by one.
    pub fn of<'e>(expressions: impl IntoIterator<Item = &'e Expression>) -> Self {
        let mut list = String::from("[");
        for expression in expressions {
            let source = expression.source();
            let Ok(text) = rewritten(source, &Token::all(source)) else { return Self(None) };
            list = list + "(" + &text + "),";
        }
        Self(ENGINE.compile_expression_owned(list + "]").ok())
    }

    /// The values, in order; `None` where one of them fails. Which one it is, and why, is found out one by one.
    pub fn evaluate(&self, scope: &Scope) -> Option<Vec<Value>> {
        let values = self.0.as_ref()?.eval(scope.context()).ok()?;
        let value = |value: EngineValue| {
            let mut budget = MAX_RESULT_BYTES;
            if value.is_undefined() { None } else { data::from_engine(&value, &mut budget).ok() }
        };
        values.try_iter().ok()?.map(value).collect()
    }
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
        assert_eq!(Together::of(&expressions).evaluate(&scope), Some(alone));
        assert_eq!(Together::of(&[]).evaluate(&scope), Some(Vec::new()));
        // One that fails is found out alone.
        for wrong in ["after.gone", "after.email | phone", "after.cents ~ after.deep", "[1] * 100000000", "1 / 0"] {
            let expressions = [compile(&"after.email"), compile(&wrong)];
            assert_eq!(Together::of(&expressions).evaluate(&scope), None, "{wrong}");
            assert!(expressions[1].evaluate(&scope).is_err(), "{wrong}");
        }
    }
}
