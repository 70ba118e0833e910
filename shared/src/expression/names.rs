//! The filters, tests and fields that an expression's text names.
//!
//! The engine looks filters and tests up when it comes to them, which for some branch may be never before production. So
//! they are found in the text.

use super::{
    engine::CHANGED,
    tokens::{Kind, Token},
};

/// What a text names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// Filters, in their order: behind a bar, and in `map('upper')`.
    pub filters: Vec<String>,
    /// Tests, in their order: behind `is`, and in `select('none')` and its like.
    pub tests: Vec<String>,
    /// What stands in quotes between the brackets of `changed(…)`.
    pub changed: Vec<String>,
    /// Nothing stands there, or something else, which is known only when the expression runs.
    pub changed_is_open: bool,
    /// It compares with a null by `==` or `!=`.
    pub compares_with_null: bool,
}

impl Names {
    /// Of an expression.
    pub fn of(tokens: &[Token<'_>]) -> Self {
        let mut names = Self::default();
        for (place, token) in tokens.iter().enumerate() {
            let behind = &tokens[place + 1..];
            match &token.kind {
                Kind::Filter => {
                    names.filters.push(token.text.to_owned());
                    match (token.text, behind) {
                        ("map", [open, name, ..]) if open.is("(") => names.filters.extend(quoted(name)),
                        ("select" | "reject", [open, name, ..]) if open.is("(") => names.tests.extend(quoted(name)),
                        ("selectattr" | "rejectattr", [open, _, comma, name, ..]) if open.is("(") && comma.is(",") => {
                            names.tests.extend(quoted(name));
                        }
                        _ => {}
                    }
                }
                Kind::Test => names.tests.push(token.text.to_owned()),
                Kind::Operand if token.text == CHANGED && !is_field(tokens, place) => names.add_changed(behind),
                Kind::Operand if matches!(token.text, "none" | "None") && !is_field(tokens, place) => {
                    let before = place.checked_sub(1).and_then(|before| tokens.get(before));
                    let compares = |sign: Option<&Token<'_>>| sign.is_some_and(|sign| sign.is("==") || sign.is("!="));
                    names.compares_with_null |= compares(before) || compares(behind.first());
                }
                _ => {}
            }
        }
        names
    }

    fn add_changed(&mut self, behind: &[Token<'_>]) {
        let arguments = || behind.iter().skip(1).take_while(|token| token.kind != Kind::Closes);
        self.changed_is_open |= !behind.first().is_some_and(|open| open.is("(")) || arguments().next().is_none();
        for argument in arguments() {
            match quoted(argument) {
                Some(path) => self.changed.push(path),
                None => self.changed_is_open |= !argument.is(","),
            }
        }
    }
}

fn quoted(token: &Token<'_>) -> Option<String> {
    match &token.kind {
        Kind::Quoted(text) => Some(text.clone()),
        _ => None,
    }
}

/// Whether the name is that of a field, behind a dot.
fn is_field(tokens: &[Token<'_>], place: usize) -> bool {
    place.checked_sub(1).and_then(|before| tokens.get(before)).is_some_and(|before| before.is("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(expression: &str) -> Names {
        Names::of(&Token::all(expression))
    }

    #[test]
    fn names_are_found_outside_of_quotes() {
        let names = names(
            r#"after.a | lower|replace('| x is y', "it\"s | z") if after.b is not defined and op is none else changed('after.c', "after.d") ~ 'after.e'"#,
        );
        assert_eq!(names.filters, ["lower", "replace"]);
        assert_eq!(names.tests, ["defined", "none"]);
        assert_eq!(names.changed, ["after.c", "after.d"]);
        assert!(!names.changed_is_open && !names.compares_with_null);
        assert_eq!(self::names("'open | lower"), Names::default());
    }

    #[test]
    fn names_are_found_where_a_filter_is_told_another() {
        let names = names("a|map('upper')|select('string')|rejectattr('b', 'eq', 'c')|map(attribute='d')|select");
        assert_eq!(names.filters, ["map", "upper", "select", "rejectattr", "map", "select"]);
        assert_eq!(names.tests, ["string", "eq"]);
    }

    #[test]
    fn what_is_known_only_later_is_told() {
        assert!(names("changed('after.a', after.b)").changed_is_open);
        assert!(names("changed('after.' ~ 'a')").changed_is_open);
        assert!(names("changed()").changed_is_open && names("changed or op").changed_is_open);
        assert!(!names("after.changed(after.b)").changed_is_open);
        for (expression, compares) in
            [("before == none", true), ("None != a.b", true), ("a.none == 1", false), ("a == b or a is none", false)]
        {
            assert_eq!(names(expression).compares_with_null, compares, "{expression}");
        }
    }
}
