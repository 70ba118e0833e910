//! What a failed test shows.

use std::fmt::Write as _;

use shared::{
    pipeline::case::{FieldMismatch, Mismatch},
    value::Value,
};
use similar::TextDiff;

/// A difference in a few lines.
pub fn of(mismatch: &Mismatch) -> String {
    match mismatch {
        Mismatch::Undecided(reason) => reason.clone(),
        Mismatch::Count { expected, actual } => {
            let came = if actual.is_empty() { "none".to_owned() } else { actual.join(", ") };
            format!("expected {expected} deliveries, got {} ({came})", actual.len())
        }
        Mismatch::Outcome { delivery, expected, actual } => {
            format!("{}expected {expected}, got {actual}", place(*delivery))
        }
        Mismatch::Fields { delivery, fields } => {
            let mut text = String::new();
            for FieldMismatch { name, expected, actual } in fields {
                let (expected, actual) = (shown(expected.as_ref()), shown(actual.as_ref()));
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{}{name}: expected {expected}, got {actual}", place(*delivery));
            }
            text
        }
        Mismatch::Request { delivery, part, expected, actual } => {
            format!("{}the request's {part}: expected {expected}, got {actual}", place(*delivery))
        }
        Mismatch::Body { delivery, expected, actual } => {
            let mut text = format!("{}the request's body:\n", place(*delivery));
            // A text without a newline at its end would have a line of its own that says so.
            let (expected, actual) = (format!("{expected}\n"), format!("{actual}\n"));
            let diff = TextDiff::from_lines(&expected, &actual);
            let _ = write!(text, "{}", diff.unified_diff().header("expected", "got"));
            text
        }
    }
}

fn place(delivery: Option<usize>) -> String {
    delivery.map_or_else(String::new, |place| format!("delivery {place}: "))
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), Value::to_json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_difference_is_shown() {
        let field = |name: &str, expected: Option<&str>, actual: Option<&str>| FieldMismatch {
            name: name.to_owned(),
            expected: expected.map(Value::from),
            actual: actual.map(Value::from),
        };
        let fields = vec![field("email", Some("a"), Some("A")), field("plan", None, Some("pro"))];
        for (mismatch, shown) in [
            (
                Mismatch::Outcome { delivery: None, expected: "archive".into(), actual: "filtered".into() },
                "expected archive, got filtered",
            ),
            (Mismatch::Count { expected: 2, actual: vec!["apply".into()] }, "expected 2 deliveries, got 1 (apply)"),
            (
                Mismatch::Fields { delivery: Some(2), fields },
                "delivery 2: email: expected \"a\", got \"A\"\ndelivery 2: plan: expected nothing, got \"pro\"\n",
            ),
            (
                Mismatch::Request { delivery: None, part: "method", expected: "PUT".into(), actual: "POST".into() },
                "the request's method: expected PUT, got POST",
            ),
            (
                Mismatch::Body { delivery: None, expected: "{\n  1\n}".into(), actual: "{\n  2\n}".into() },
                "the request's body:\n--- expected\n+++ got\n@@ -1,3 +1,3 @@\n {\n-  1\n+  2\n }\n",
            ),
        ] {
            assert_eq!(of(&mismatch), shown);
        }
    }
}
