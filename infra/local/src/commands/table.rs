//! Aligned text: what commands print for people.

/// The gap between two columns.
const GAP: usize = 2;

/// How a column stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A table: its heading, then rows of as many cells.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<(&'static str, Side)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// With these columns.
    pub fn new(columns: impl IntoIterator<Item = (&'static str, Side)>) -> Self {
        Self { columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    /// Adds a row: a cell for each column.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Whether there is nothing below the heading.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines, each cut to `width` characters where there is a width.
    pub fn render(&self, width: Option<usize>) -> String {
        let heading: Vec<String> = self.columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        let lines: Vec<&Vec<String>> = std::iter::once(&heading).chain(&self.rows).collect();
        let widest = |column: usize| {
            let cells = lines.iter().filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(widest).collect();
        let mut text = String::new();
        for line in lines {
            let mut whole = String::new();
            for ((cell, (_, side)), width) in line.iter().zip(&self.columns).zip(&widths) {
                let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
                match side {
                    Side::Left => whole.extend([cell, padding.as_str()]),
                    Side::Right => whole.extend([padding.as_str(), cell]),
                }
                whole.push_str(&" ".repeat(GAP));
            }
            text.push_str(&cut(whole.trim_end(), width));
            text.push('\n');
        }
        text
    }
}

/// A line's first characters, with an ellipsis where there are more.
fn cut(line: &str, width: Option<usize>) -> String {
    match width {
        Some(width) if line.chars().count() > width => {
            line.chars().take(width.saturating_sub(1)).chain(['…']).collect()
        }
        _ => line.to_owned(),
    }
}

/// The width of the terminal, where standard output is one.
pub fn terminal_width() -> Option<usize> {
    use std::io::IsTerminal as _;
    if !std::io::stdout().is_terminal() {
        return None;
    }
    crossterm::terminal::size().ok().map(|(columns, _)| usize::from(columns))
}

/// One line of what may be many: each line break, with the space around it, is one space.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let mut table = Table::new([("name", Side::Left), ("count", Side::Right), ("why", Side::Left)]);
        assert!(table.is_empty());
        table.row(["zürich", "7", "a"].map(str::to_owned));
        table.row(["b", "12345678", ""].map(str::to_owned));
        assert_eq!(table.render(None), "name       count  why\nzürich         7  a\nb       12345678\n");
        assert_eq!(table.render(Some(9)), "name    …\nzürich  …\nb       …\n");
    }

    #[test]
    fn breaks_become_spaces() {
        assert_eq!(one_line(" a\n  b\tc "), "a b c");
    }
}
