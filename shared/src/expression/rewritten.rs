//! An expression as the engine shall read it.
//!
//! Two of the engine's ways are not what people expect, and it has no setting for them. `~` writes Python's words: `None`
//! for a null, `True` for true. So `a ~ b` is read as `[a, b] | concatenated`, a filter of ours. And lists of constants
//! are calculated while an expression is compiled, when nobody counts the steps yet: `2 in [1] * 100000000` takes
//! seconds. So where something is multiplied, a list that is written out goes through a filter that gives it back, which
//! is left for the run.

use super::tokens::{Kind, Token};

/// The filter that takes the operands of `~`.
pub(super) const CONCATENATED: &str = "concatenated";
/// The filter that gives back what it gets.
pub(super) const LISTED: &str = "listed";

/// A bracket that is open; the outermost is the whole expression.
#[derive(Default)]
struct Bracket {
    /// Where it begins in what is written.
    opened: usize,
    /// Where the operand begins in it that `~` may follow.
    operand: usize,
    /// The operand has begun a list of operands.
    is_concatenated: bool,
    /// It may be a list: what begins a value. With a comma it is one also in round brackets.
    begins_a_value: bool,
    has_comma: bool,
}

/// The expression with the engine's ways around.
pub(super) fn rewritten(expression: &str, tokens: &[Token<'_>]) -> String {
    let multiplies = tokens.iter().any(|token| token.is("*"));
    let mut text = String::with_capacity(expression.len() + 32);
    let mut open = vec![Bracket::default()];
    let mut read = 0;
    for (place, token) in tokens.iter().enumerate() {
        text.push_str(&expression[read..token.at]);
        read = token.at + token.text.len();
        let is_left_open = place.checked_sub(1).is_some_and(|before| tokens[before].is("~"));
        // More closing brackets than opening ones are the engine's to refuse, and a `~` without what should follow.
        let Some(bracket) = open.last_mut() else { return expression.to_owned() };
        let ends = match token.kind {
            Kind::Closes => true,
            Kind::Keyword | Kind::Sign => ends_an_operand(tokens, place),
            _ => false,
        };
        if is_left_open && ends {
            return expression.to_owned();
        }
        match token.kind {
            Kind::Sign if token.text == "~" => {
                if !bracket.is_concatenated {
                    text.insert(bracket.operand, '[');
                    bracket.is_concatenated = true;
                }
                text.push(',');
            }
            Kind::Opens | Kind::Follows => {
                let opened = text.len();
                text.push_str(token.text);
                let begins_a_value = token.kind == Kind::Opens;
                open.push(Bracket { opened, operand: text.len(), begins_a_value, ..Bracket::default() });
            }
            Kind::Closes => {
                end(&mut text, bracket);
                text.push_str(token.text);
                let is_list = bracket.begins_a_value && (token.text == "]" || (token.text == ")" && bracket.has_comma));
                if is_list && multiplies {
                    text.insert(bracket.opened, '(');
                    text = text + "|" + LISTED + ")";
                }
                open.pop();
            }
            _ if ends => {
                end(&mut text, bracket);
                text.push_str(token.text);
                bracket.has_comma |= token.text == ",";
                bracket.operand = text.len();
            }
            _ => text.push_str(token.text),
        }
    }
    if tokens.last().is_some_and(|last| last.is("~")) {
        return expression.to_owned();
    }
    if let Some(bracket) = open.last_mut() {
        end(&mut text, bracket);
    }
    text + &expression[read..]
}

fn end(text: &mut String, bracket: &mut Bracket) {
    if bracket.is_concatenated {
        text.push_str("]|");
        text.push_str(CONCATENATED);
        // A keyword may follow.
        text.push(' ');
        bracket.is_concatenated = false;
    }
}

/// Whether `~` binds its operands closer than this sign or keyword.
fn ends_an_operand(tokens: &[Token<'_>], place: usize) -> bool {
    let before = place.checked_sub(1).and_then(|before| tokens.get(before));
    match tokens[place].text {
        // Those that take something away, and not those that make negative.
        "+" | "-" => before.is_some_and(Token::ends_a_value),
        "." | "|" | "*" | "/" | "//" | "%" | "**" | "is" => false,
        // The one of `is not` belongs to the test.
        "not" => !before.is_some_and(|before| before.is("is")),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(expression: &str) -> String {
        super::rewritten(expression, &Token::all(expression))
    }

    #[test]
    fn operands_are_put_together() {
        for (expression, expected) in [
            ("a ~ b", "[a , b]|concatenated "),
            ("a.b|f(c ~ 1)~d*2 ~ -3 + 4", "[a.b|f([c , 1]|concatenated ),d*2 , -3 ]|concatenated + 4"),
            (
                "x ~ y if a ~ b == c else d ~ e",
                "[x , y ]|concatenated if[ a , b ]|concatenated == c else[ d , e]|concatenated ",
            ),
            ("not a ~ b and c is not none ~ d", "not[ a , b ]|concatenated and[ c is not none , d]|concatenated "),
            ("{'k': a ~ b, 'l': c[0 : 1 ~ 2]}", "{'k':[ a , b]|concatenated , 'l': c[0 :[ 1 , 2]|concatenated ]}"),
            ("a is eq -1 ~ b", "[a is eq -1 , b]|concatenated "),
            ("'a ~ b'", "'a ~ b'"),
            ("a.in[0](b)", "a.in[0](b)"),
        ] {
            assert_eq!(rewritten(expression), expected, "{expression}");
        }
    }

    #[test]
    fn lists_are_left_for_the_run_where_something_is_multiplied() {
        assert_eq!(rewritten("2 in [1]"), "2 in [1]");
        assert_eq!(rewritten("2 in [1] * 9"), "2 in ([1]|listed) * 9");
        assert_eq!(rewritten("((1,) + (2))[0] * 9"), "(((1,)|listed) + (2))[0] * 9");
        assert_eq!(rewritten("a[0] * f(1, 2)"), "a[0] * f(1, 2)");
    }

    #[test]
    fn what_is_no_expression_stays_none() {
        for wrong in ["a)", "(a", "]~", "~", "a ~", "(a ~)", "a ~ == b", "a ~ ~ b", "'a", "a b ~ c)("] {
            assert!(super::super::Expression::compile(wrong, &["a", "b", "c"]).is_err(), "{wrong}");
        }
    }
}
