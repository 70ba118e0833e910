//! Two documents side by side.

use similar::{ChangeTag, TextDiff};

/// A line with its sign: `+` new, `-` gone, a space where it is in both.
pub type Line = (&'static str, String);

/// A text's lines with those that it had before.
pub fn lines(before: &str, after: &str) -> Vec<Line> {
    let diff = TextDiff::from_lines(before, after);
    diff.iter_all_changes()
        .map(|change| {
            let sign = match change.tag() {
                ChangeTag::Insert => "+",
                ChangeTag::Delete => "-",
                ChangeTag::Equal => " ",
            };
            (sign, change.value().trim_end_matches(['\r', '\n']).to_owned())
        })
        .collect()
}
