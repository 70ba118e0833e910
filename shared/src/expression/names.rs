//! The filters, tests and fields that an expression's text names.
//!
//! The engine looks filters and tests up when it comes to them, which for some branch may be never before production. So
//! they are found in the text: outside of quotes `|` is followed by a filter's name, and `is` by a test's.

/// What a text names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// Filters, in their order.
    pub filters: Vec<String>,
    /// Tests, in their order.
    pub tests: Vec<String>,
    /// What stands in quotes between the brackets of `changed(…)`.
    pub changed: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Token<'t> {
    Word(&'t str),
    Quoted(String),
    Sign(char),
}

impl Names {
    /// Of an expression.
    pub fn of(text: &str) -> Self {
        let mut names = Self::default();
        let tokens = tokens(text);
        let mut changed = false;
        for (place, token) in tokens.iter().enumerate() {
            let word = |at: usize| match tokens.get(at) {
                Some(Token::Word(word)) => Some((*word).to_owned()),
                _ => None,
            };
            match token {
                Token::Sign('|') => names.filters.extend(word(place + 1)),
                Token::Word("is") => {
                    let negated = usize::from(tokens.get(place + 1) == Some(&Token::Word("not")));
                    names.tests.extend(word(place + 1 + negated));
                }
                Token::Word(super::engine::CHANGED) => changed = tokens.get(place + 1) == Some(&Token::Sign('(')),
                Token::Sign(')') => changed = false,
                Token::Quoted(path) if changed => names.changed.push(path.clone()),
                Token::Word(_) | Token::Quoted(_) | Token::Sign(_) => {}
            }
        }
        names
    }
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
        if first == '\'' || first == '"' {
            let mut quoted = String::new();
            let mut letters = rest.char_indices().skip(1);
            let mut end = rest.len();
            while let Some((at, letter)) = letters.next() {
                match letter {
                    '\\' => quoted.extend(letters.next().map(|(_, escaped)| escaped)),
                    letter if letter == first => {
                        end = at + 1;
                        break;
                    }
                    letter => quoted.push(letter),
                }
            }
            tokens.push(Token::Quoted(quoted));
            rest = &rest[end..];
        } else if is_word(first) {
            let end = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
            tokens.push(Token::Word(&rest[..end]));
            rest = &rest[end..];
        } else {
            if !first.is_whitespace() {
                tokens.push(Token::Sign(first));
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_outside_of_quotes() {
        let names = Names::of(
            r#"after.a | lower|replace('| x is y', "it\"s | z") if after.b is not defined and op is none else changed('after.c', "after.d") ~ 'after.e'"#,
        );
        assert_eq!(names.filters, ["lower", "replace"]);
        assert_eq!(names.tests, ["defined", "none"]);
        assert_eq!(names.changed, ["after.c", "after.d"]);
        assert_eq!(Names::of("'open | lower"), Names::default());
    }
}
