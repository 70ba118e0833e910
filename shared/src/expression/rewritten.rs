//! An expression as the engine shall read it.
//!
//! Three of the engine's ways are not what people expect, and it has no setting for them. `~` writes Python's words: `None`
//! for a null, `True` for true. So `a ~ b` is read as `[a, b] | concatenated`, a filter of ours. `<` and its like put any
//! two values in some order: a null is less than a number, and a number that 64 bits do not hold is greater than all. So
//! `a < b` is read as `[a, b] | less`. And lists of constants are calculated while an expression is compiled, when nobody counts the steps yet: `2 in [1] * 100000000` takes
//! seconds. So where something is multiplied, a list that is written out goes through a filter that gives it back, which
//! is left for the run.

use super::tokens::{Kind, Token};

/// The filter that takes the operands of `~`.
pub(super) const CONCATENATED: &str = "concatenated";
/// The filters that take the operands of a comparison by order, each with its sign.
pub(super) const ORDERED: [(&str, &str); 4] =
    [("<", "less"), ("<=", "less_or_equal"), (">", "greater"), (">=", "greater_or_equal")];
/// The filter that gives back what it gets.
pub(super) const LISTED: &str = "listed";

/// What has been compared since the last sign that binds less.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Comparison {
    #[default]
    None,
    /// By order: a list has begun for this filter.
    Ordered(&'static str),
    /// By `==`, `!=`, `in` or `not in`, which are left to the engine.
    Other,
}

/// A bracket that is open; the outermost is the whole expression.
#[derive(Default)]
struct Bracket {
    /// Where it begins in what is written.
    opened: usize,
    /// Where the operand begins in it that `~` may follow.
    operand: usize,
    /// The operand has begun a list of operands.
    is_concatenated: bool,
    /// Where what is compared begins in it, that `<` may follow.
    compared: usize,
    comparison: Comparison,
    /// It may be a list: what begins a value. With a comma it is one also in round brackets.
    begins_a_value: bool,
    has_comma: bool,
}

/// Three values or more that are compared in a row, as `1 < a < 3`: it is one comparison or two by whom one asks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ComparedInARow;

/// The expression with the engine's ways around.
pub(super) fn rewritten(expression: &str, tokens: &[Token<'_>]) -> Result<String, ComparedInARow> {
    let multiplies = tokens.iter().any(|token| token.is("*"));
    let mut text = String::with_capacity(expression.len() + 32);
    let mut open = vec![Bracket::default()];
    let mut read = 0;
    for (place, token) in tokens.iter().enumerate() {
        text.push_str(&expression[read..token.at]);
        read = token.at + token.text.len();
        let is_left_open = place.checked_sub(1).is_some_and(|before| is_open(&tokens[before]));
        // More closing brackets than opening ones are the engine's to refuse, and a `~` without what should follow.
        let Some(bracket) = open.last_mut() else { return Ok(expression.to_owned()) };
        let ends = match token.kind {
            Kind::Closes => true,
            Kind::Keyword | Kind::Sign => ends_an_operand(tokens, place),
            _ => false,
        };
        if is_left_open && ends {
            return Ok(expression.to_owned());
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
                let begin = text.len();
                open.push(Bracket { opened, operand: begin, compared: begin, begins_a_value, ..Bracket::default() });
            }
            Kind::Closes => {
                end(&mut text, bracket);
                end_comparison(&mut text, bracket);
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
                let comparison = comparison(tokens, place);
                match (bracket.comparison, comparison) {
                    (Comparison::Ordered(_), Comparison::Ordered(_) | Comparison::Other)
                    | (Comparison::Other, Comparison::Ordered(_)) => return Err(ComparedInARow),
                    (_, Comparison::Ordered(_)) => {
                        text.insert(bracket.compared, '[');
                        text.push(',');
                        bracket.comparison = comparison;
                    }
                    (_, Comparison::Other) => {
                        text.push_str(token.text);
                        bracket.comparison = comparison;
                    }
                    _ if matches!(token.text, "+" | "-") || is_of_not_in(tokens, place) => text.push_str(token.text),
                    _ => {
                        end_comparison(&mut text, bracket);
                        text.push_str(token.text);
                        bracket.compared = text.len();
                    }
                }
                bracket.has_comma |= token.text == ",";
                bracket.operand = text.len();
            }
            _ => text.push_str(token.text),
        }
    }
    if tokens.last().is_some_and(is_open) {
        return Ok(expression.to_owned());
    }
    if let Some(bracket) = open.last_mut() {
        end(&mut text, bracket);
        end_comparison(&mut text, bracket);
    }
    Ok(text + &expression[read..])
}

/// Whether an operand has to follow.
fn is_open(token: &Token<'_>) -> bool {
    token.is("~") || ordered(token).is_some()
}

/// The filter of a sign that asks for an order.
fn ordered(token: &Token<'_>) -> Option<&'static str> {
    ORDERED.iter().find(|(sign, _)| token.is(sign)).map(|(_, filter)| *filter)
}

/// How a sign or keyword compares; `not in` does by its `not`.
fn comparison(tokens: &[Token<'_>], place: usize) -> Comparison {
    let follows_a_value = || place.checked_sub(1).is_some_and(|before| tokens[before].ends_a_value());
    match (tokens[place].text, ordered(&tokens[place])) {
        (_, Some(filter)) => Comparison::Ordered(filter),
        ("==" | "!=", _) => Comparison::Other,
        ("in", _) if !is_of_not_in(tokens, place) => Comparison::Other,
        ("not", _) if follows_a_value() => Comparison::Other,
        _ => Comparison::None,
    }
}

/// Whether it is the `in` of `not in`.
fn is_of_not_in(tokens: &[Token<'_>], place: usize) -> bool {
    tokens[place].text == "in" && place.checked_sub(1).is_some_and(|before| tokens[before].is("not"))
}

fn end_comparison(text: &mut String, bracket: &mut Bracket) {
    if let Comparison::Ordered(filter) = std::mem::take(&mut bracket.comparison) {
        text.push_str("]|");
        text.push_str(filter);
        // A keyword may follow.
        text.push(' ');
    }
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
        super::rewritten(expression, &Token::all(expression)).unwrap()
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
    fn what_is_put_in_an_order_is_put_together() {
        for (expression, expected) in [
            ("a < b", "[a , b]|less "),
            (
                "a.b|f >= -c + 1 and not d ~ 'x' > e",
                "[a.b|f , -c + 1 ]|greater_or_equal and not[[ d , 'x' ]|concatenated , e]|greater ",
            ),
            (
                "f(a < b, c)[d <= 1] if (a) > 2 else 3",
                "f([a , b]|less , c)[[d , 1]|less_or_equal ] if[ (a) , 2 ]|greater else 3",
            ),
            ("a not in b or c < d", "a not in b or[ c , d]|less "),
            ("{'k': a < b}", "{'k':[ a , b]|less }"),
            ("a == b != c in d", "a == b != c in d"),
            ("a is not none", "a is not none"),
            ("'a < b'", "'a < b'"),
        ] {
            assert_eq!(rewritten(expression), expected, "{expression}");
        }
        for expression in ["1 < a < 3", "a < b == c", "a == b < c", "a in b < c", "a < b not in c", "(1 < a + 2 >= 4)"]
        {
            assert_eq!(super::rewritten(expression, &Token::all(expression)), Err(ComparedInARow), "{expression}");
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
        for wrong in [
            "a)",
            "(a",
            "]~",
            "~",
            "a ~",
            "(a ~)",
            "a ~ == b",
            "a ~ ~ b",
            "a <",
            "(a <)",
            "a < == b",
            "a < not b",
            "< b",
            "a < and b",
            "'a",
            "a b ~ c)(",
        ] {
            assert!(super::super::Expression::compile(wrong, &["a", "b", "c"]).is_err(), "{wrong}");
        }
    }
}
