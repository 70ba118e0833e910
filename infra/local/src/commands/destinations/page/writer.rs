//! Markdown that is read well as it is.

use std::fmt::Write as _;

/// No line of prose is longer, where its words allow it. Rows of a table are as long as they are.
const WIDTH: usize = 100;

/// A page under way.
pub struct Writer(String);

impl Writer {
    /// A page with its title.
    pub fn new(title: &str) -> Self {
        Self(format!("# {title}\n"))
    }

    /// The page.
    pub fn end(self) -> String {
        self.0
    }

    /// A heading, its marks before it.
    pub fn heading(&mut self, text: &str) {
        self.gap();
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{text}\n\n");
    }

    /// A paragraph.
    pub fn paragraph(&mut self, text: &str) {
        self.gap();
        self.wrapped("", text);
    }

    /// An item of a list. The first one's list begins under a gap.
    pub fn item(&mut self, text: &str) {
        if !self.0.trim_end_matches('\n').rsplit('\n').next().is_some_and(|line| line.starts_with(['-', ' '])) {
            self.gap();
        }
        self.wrapped("- ", text);
    }

    /// A block of code.
    pub fn code(&mut self, language: &str, text: &str) {
        self.gap();
        let _ = writeln!(self.0, "```{language}\n{}\n```", text.trim_end());
    }

    /// A table: its heading, then rows. All columns but the last are as wide as their widest cell.
    pub fn table<const N: usize>(&mut self, heading: [&str; N], rows: &[[String; N]]) {
        self.gap();
        let heading = heading.map(str::to_owned);
        let escaped = rows.iter().map(|row| row.clone().map(|cell| cell.replace('|', "\\|")));
        let rows: Vec<[String; N]> = std::iter::once(heading).chain(escaped).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; N] = std::array::from_fn(|column| if column + 1 == N { 0 } else { width(column) });
        for (place, row) in rows.iter().enumerate() {
            for (cell, width) in row.iter().zip(widths) {
                let _ = write!(self.0, "| {cell:<width$} ");
            }
            self.0.push_str("|\n");
            if place == 0 {
                let _ = writeln!(self.0, "|{}", widths.map(|width| "-".repeat(width.max(1) + 2) + "|").concat());
            }
        }
    }

    /// One empty line after what there is.
    fn gap(&mut self) {
        if !self.0.ends_with("\n\n") {
            self.0.push('\n');
        }
    }

    /// The text's words in lines; those after the first are indented as far as the first one's mark.
    fn wrapped(&mut self, mark: &str, text: &str) {
        let indent = " ".repeat(mark.len());
        let mut line = mark.to_owned();
        let mut is_begun = false;
        for word in words(text) {
            if is_begun && line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.0.push_str(&line);
                self.0.push('\n');
                line.clone_from(&indent);
                is_begun = false;
            }
            if is_begun {
                line.push(' ');
            }
            line.push_str(&word);
            is_begun = true;
        }
        self.0.push_str(&line);
        self.0.push('\n');
    }
}

/// The text's words. What stands between backticks is one.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match words.last_mut() {
            Some(last) if last.matches('`').count() % 2 == 1 => last.extend([" ", word]),
            _ => words.push(word.to_owned()),
        }
    }
    words
}
