//! An expression's text in its parts, each with what it is to its neighbours.
//!
//! The engine tells nobody what it has parsed. What has to be known of a text before it runs is read from these.

/// A part of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token<'t> {
    /// The part itself.
    pub text: &'t str,
    /// Where it begins in the expression, in bytes.
    pub at: usize,
    /// What it is.
    pub kind: Kind,
}

/// What a part is to its neighbours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name, a field behind a dot, a number.
    Operand,
    /// A text in quotes, here without them.
    Quoted(String),
    /// The name of a filter.
    Filter,
    /// The name of a test.
    Test,
    /// `and`, `if`, and the like.
    Keyword,
    /// An opening bracket that begins a value: a list, an object, a part of the calculation.
    Opens,
    /// An opening bracket that belongs to what stands before it: an item, a slice, arguments.
    Follows,
    /// A closing bracket.
    Closes,
    /// Any other sign; `==` and the like are one.
    Sign,
}

const KEYWORDS: [&str; 7] = ["and", "else", "if", "in", "is", "not", "or"];
const DOUBLE: [&str; 6] = ["!=", "**", "//", "<=", "==", ">="];

impl<'t> Token<'t> {
    /// The parts of an expression, in their order.
    pub fn all(expression: &'t str) -> Vec<Self> {
        let mut tokens: Vec<Self> = Vec::new();
        let mut at = 0;
        while let Some(first) = expression[at..].chars().next() {
            let rest = &expression[at..];
            let length = match first {
                '\'' | '"' => quoted_length(rest, first),
                '0'..='9' if !follows_dot(&tokens) => number_length(rest),
                _ if is_word(first) => rest.find(|letter| !is_word(letter)).unwrap_or(rest.len()),
                _ if rest.get(..2).is_some_and(|two| DOUBLE.contains(&two)) => 2,
                _ => first.len_utf8(),
            };
            if !first.is_whitespace() {
                let text = &rest[..length];
                let kind = kind(text, first, &tokens);
                tokens.push(Token { text, at, kind });
            }
            at += length;
        }
        tokens
    }

    /// Whether a value ends with this part, so that a bracket behind it belongs to it and a `-` takes something away.
    pub fn ends_a_value(&self) -> bool {
        matches!(self.kind, Kind::Operand | Kind::Quoted(_) | Kind::Filter | Kind::Closes)
    }

    /// Whether the engine takes a step for it that may be inside of another: an operator, a bracket, a dot, a filter.
    pub fn is_a_step(&self) -> bool {
        match self.kind {
            Kind::Opens | Kind::Follows | Kind::Keyword => true,
            Kind::Sign => !matches!(self.text, "," | ":" | "="),
            _ => false,
        }
    }

    /// Whether it is this sign or this keyword.
    pub fn is(&self, text: &str) -> bool {
        self.text == text
            && matches!(self.kind, Kind::Sign | Kind::Keyword | Kind::Opens | Kind::Follows | Kind::Closes)
    }
}

fn kind(text: &str, first: char, before: &[Token<'_>]) -> Kind {
    let last = before.last();
    let is_last = |sign: &str| last.is_some_and(|token| token.is(sign));
    let asks = is_last("is") || (is_last("not") && before.iter().rev().nth(1).is_some_and(|token| token.is("is")));
    match first {
        '\'' | '"' => Kind::Quoted(unquoted(text, first)),
        '(' if last.is_some_and(|token| token.kind == Kind::Test) => Kind::Follows,
        '(' | '[' | '{' if last.is_some_and(Token::ends_a_value) => Kind::Follows,
        '(' | '[' | '{' => Kind::Opens,
        ')' | ']' | '}' => Kind::Closes,
        _ if !is_word(first) => Kind::Sign,
        _ if is_last(".") => Kind::Operand,
        _ if is_last("|") => Kind::Filter,
        // `is not` asks for the contrary.
        _ if asks && !(text == "not" && is_last("is")) => Kind::Test,
        _ if KEYWORDS.contains(&text) => Kind::Keyword,
        _ => Kind::Operand,
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn follows_dot(tokens: &[Token<'_>]) -> bool {
    tokens.last().is_some_and(|token| token.is("."))
}

/// How long a number such as `12`, `0xff`, `1_000`, `1.5` or `1e-5` is, in bytes.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let is_hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    let mut length = 1;
    while let Some(byte) = bytes.get(length) {
        let last_is_exponent = !is_hexadecimal && matches!(bytes[length - 1], b'e' | b'E');
        let is_part = match byte {
            b'.' => bytes.get(length + 1).is_some_and(u8::is_ascii_digit),
            b'+' | b'-' => last_is_exponent,
            _ => byte.is_ascii_alphanumeric() || *byte == b'_',
        };
        if !is_part {
            break;
        }
        length += 1;
    }
    length
}

/// As far as the closing quote; to the end where there is none.
fn quoted_length(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            letter if letter == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn unquoted(text: &str, quote: char) -> String {
    let inner = &text[1..];
    let inner = inner.strip_suffix(quote).unwrap_or(inner);
    let mut letters = inner.chars();
    let mut plain = String::with_capacity(inner.len());
    while let Some(letter) = letters.next() {
        plain.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_known_by_its_neighbours() {
        let said = |expression: &str| -> Vec<String> {
            let say = |token: Token<'_>| match token.kind {
                Kind::Quoted(text) => format!("quoted {text}"),
                kind => format!("{kind:?} {}", token.text).to_lowercase(),
            };
            Token::all(expression).into_iter().map(say).collect()
        };
        for (expression, parts) in [
            ("a.in|not", "operand a, sign ., operand in, sign |, filter not"),
            ("a is not in [1]", "operand a, keyword is, keyword not, test in, opens [, operand 1, closes ]"),
            ("a not in b[0]", "operand a, keyword not, keyword in, operand b, follows [, operand 0, closes ]"),
            ("a is eq(1) - 1", "operand a, keyword is, test eq, follows (, operand 1, closes ), sign -, operand 1"),
            ("1e-5-0x1e-x", "operand 1e-5, sign -, operand 0x1e, sign -, operand x"),
            ("a.0.5 ** 1.5", "operand a, sign ., operand 0, sign ., operand 5, sign **, operand 1.5"),
            (r#"'it\'s' ~ "| x""#, "quoted it's, sign ~, quoted | x"),
            ("'open", "quoted open"),
            ("(a)(b)", "opens (, operand a, closes ), follows (, operand b, closes )"),
        ] {
            assert_eq!(said(expression).join(", "), parts, "{expression}");
        }
    }
}
