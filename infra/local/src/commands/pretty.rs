//! JSON for reading, with each of its tokens as it is: numbers keep their digits, fields their order.

use serde::de::IgnoredAny;

const INDENT: &str = "  ";

/// A JSON text over several lines; `None` where the text is none.
pub fn pretty(json: &str) -> Option<String> {
    serde_json::from_str::<IgnoredAny>(json).ok()?;
    let mut text = String::with_capacity(json.len() * 2);
    let mut depth = 0_usize;
    let mut quoted = false;
    let mut escaped = false;
    let mut characters = json.chars().peekable();
    while let Some(character) = characters.next() {
        if quoted {
            text.push(character);
            quoted = escaped || character != '"';
            escaped = !escaped && character == '\\';
            continue;
        }
        match character {
            '"' => {
                quoted = true;
                text.push(character);
            }
            '{' | '[' => {
                text.push(character);
                while characters.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(end) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    text.push(end);
                } else {
                    depth += 1;
                    break_line(&mut text, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                break_line(&mut text, depth);
                text.push(character);
            }
            ',' => {
                text.push(character);
                break_line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            space if space.is_ascii_whitespace() => {}
            other => text.push(other),
        }
    }
    Some(text)
}

fn break_line(text: &mut String, depth: usize) {
    text.push('\n');
    for _ in 0..depth {
        text.push_str(INDENT);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tokens_stay_as_they_are() {
        let json = r#" {"b":[1.0, 12345678901234567890123456789012345678 ,{ }],"a":"x: {\"y\"}, \\","c":[ ]}"#;
        let expected = "\
{
  \"b\": [
    1.0,
    12345678901234567890123456789012345678,
    {}
  ],
  \"a\": \"x: {\\\"y\\\"}, \\\\\",
  \"c\": []
}";
        assert_eq!(pretty(json).as_deref(), Some(expected));
        assert_eq!(pretty("7").as_deref(), Some("7"));
        assert_eq!(pretty("not JSON"), None);
        assert_eq!(pretty("{} {}"), None);
    }

    proptest! {
        #[test]
        fn the_meaning_stays(texts in proptest::collection::vec(any::<String>(), 0..5), numbers in any::<[i64; 3]>()) {
            let value = serde_json::json!({"texts": texts, "numbers": numbers, "more": {"empty": [], "null": null}});
            let text = pretty(&value.to_string()).unwrap();
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        }
    }
}
