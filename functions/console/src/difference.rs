//! Two documents side by side.

use similar::{ChangeTag, TextDiff};

/// A line with its sign: `+` new, `-` gone, a space where it is in both, and `…` for lines in both that are not shown.
pub type Line = (&'static str, String);

/// So many lines in both are shown beside what differs.
const AROUND: usize = 3;

/// A text's lines with those that it had before. Where they differ, what is far from it is folded.
pub fn lines(before: &str, after: &str) -> Vec<Line> {
    let diff = TextDiff::from_lines(before, after);
    let lines: Vec<Line> = diff
        .iter_all_changes()
        .map(|change| {
            let sign = match change.tag() {
                ChangeTag::Insert => "+",
                ChangeTag::Delete => "-",
                ChangeTag::Equal => " ",
            };
            (sign, change.value().trim_end_matches(['\r', '\n']).to_owned())
        })
        .collect();
    if lines.iter().all(|(sign, _)| *sign == " ") { lines } else { folded(&lines) }
}

fn folded(lines: &[Line]) -> Vec<Line> {
    let mut shown = Vec::new();
    for run in lines.chunk_by(|(one, _), (other, _)| (*one == " ") == (*other == " ")) {
        let at_beginning = if shown.is_empty() { 0 } else { AROUND };
        let is_last = run.as_ptr_range().end == lines.as_ptr_range().end;
        let at_end = if is_last { 0 } else { AROUND };
        let hidden = run.len().saturating_sub(at_beginning + at_end);
        // A fold is a line, too.
        if run[0].0 != " " || hidden <= 1 {
            shown.extend_from_slice(run);
            continue;
        }
        shown.extend_from_slice(&run[..at_beginning]);
        shown.push(("…", format!("{hidden} lines as they were")));
        shown.extend_from_slice(&run[run.len() - at_end..]);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_shown_with_its_neighbours() {
        let before = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\nm\nn\n";
        let after = before.replace("f\n", "F\n").replace("n\n", "");
        let shown: Vec<String> = lines(before, &after).iter().map(|(sign, line)| format!("{sign}{line}")).collect();
        let expected =
            ["…2 lines as they were", " c", " d", " e", "-f", "+F", " g", " h", " i", " j", " k", " l", " m", "-n"];
        assert_eq!(shown, expected, "seven lines between, of which one would be hidden");
        let shown = lines(before, &before.replace("a\n", ""));
        assert_eq!(shown.last(), Some(&("…", "10 lines as they were".to_owned())));
        assert_eq!(lines(before, before).len(), 14, "of one text all is shown");
    }
}
