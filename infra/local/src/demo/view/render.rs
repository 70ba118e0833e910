//! The view as lines of text.

use super::{PipelineRow, Snapshot};

/// The gap between two cells.
const GAP: usize = 2;

/// Further lines of a row that does not fit into one begin with so many spaces.
const INDENT: usize = 4;

/// The view, at most `width` characters wide. Numbers stand below each other; a row that is too long goes on in the
/// next line.
pub fn render(snapshot: &Snapshot, width: usize) -> Vec<String> {
    let mut lines = vec![headline(snapshot), String::new()];
    lines.extend(table(&snapshot.pipelines, width));
    if snapshot.broken_keys > 0 {
        lines.push(String::new());
        lines.push(broken(snapshot.broken_keys));
    }
    if !snapshot.pages.is_empty() {
        lines.push(String::new());
        let widest = snapshot.pages.iter().map(|(name, _)| count(name)).max().unwrap_or(0);
        lines.extend(snapshot.pages.iter().map(|(name, url)| format!("{}{url}", pad(name, widest + GAP))));
    }
    if !snapshot.recent.is_empty() {
        lines.push(String::new());
        lines.extend(snapshot.recent.iter().cloned());
    }
    lines.into_iter().map(|line| cut(&line, width)).collect()
}

/// The view in one line, for a log.
pub fn plain(snapshot: &Snapshot) -> String {
    let sum = |of: fn(&super::Checked) -> u64| -> u64 {
        snapshot.pipelines.iter().filter_map(|row| row.checked.as_ref()).map(of).sum()
    };
    let failed: u64 = snapshot.pipelines.iter().map(|row| row.failed).sum();
    let mut line = format!(
        "{}: {} delivered, {} filtered, {} unchanged, {} superseded, {failed} failed, {} waiting",
        headline(snapshot),
        sum(|checked| checked.delivered),
        sum(|checked| checked.filtered),
        sum(|checked| checked.unchanged),
        sum(|checked| checked.superseded),
        sum(|checked| checked.waiting),
    );
    if snapshot.broken_keys > 0 {
        line.push_str("; ");
        line.push_str(&broken(snapshot.broken_keys));
    }
    line
}

fn headline(snapshot: &Snapshot) -> String {
    let Snapshot { elapsed_ms, changes, wanted, doing, .. } = snapshot;
    let of = if changes < wanted { format!(" of {wanted}") } else { String::new() };
    format!("{}  {changes}{of} changes  {doing}", seconds(*elapsed_ms))
}

fn broken(keys: usize) -> String {
    format!("ORDER BROKEN in {keys} {}", if keys == 1 { "key" } else { "keys" })
}

/// `12.3 s`
fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1_000, ms % 1_000 / 100)
}

fn table(rows: &[PipelineRow], width: usize) -> Vec<String> {
    let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    // A row's last cell has nothing to its right that would have to stand below something.
    let in_column = |column: usize| rows.iter().filter(move |row: &&Vec<String>| column + 1 < row.len());
    let widest = |column: usize| in_column(column).map(|row| count(&row[column])).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(widest).collect();
    rows.iter().flat_map(|row| wrap(row, &widths, width)).collect()
}

fn cells(row: &PipelineRow) -> Vec<String> {
    let mut cells = vec![format!("{} → {}", row.source, row.destination), format!("captured {}", row.captured)];
    match &row.checked {
        Some(checked) => {
            cells.push(format!("delivered {}", checked.delivered));
            cells.push(format!("filtered {}", checked.filtered));
            cells.push(format!("unchanged {}", checked.unchanged));
            cells.push(format!("superseded {}", checked.superseded));
            cells.push(format!("failed {}", row.failed));
            cells.push(format!("waiting {}", checked.waiting));
            cells.extend(checked.freshness_ms.map(|ms| format!("freshness {}", seconds(ms))));
        }
        None => cells.push(format!("failed {}, sent to your own endpoint and not checked", row.failed)),
    }
    cells
}

/// One row in as many lines as it needs.
fn wrap(cells: &[String], widths: &[usize], width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for (index, cell) in cells.iter().enumerate() {
        let padded = pad(cell, widths[index]);
        let is_start = line.trim().is_empty();
        if !is_start && count(&line) + GAP + count(&padded) > width {
            lines.push(std::mem::replace(&mut line, " ".repeat(INDENT)));
        } else if !is_start {
            line.push_str(&" ".repeat(GAP));
        }
        line.push_str(&padded);
    }
    lines.push(line);
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

fn pad(text: &str, width: usize) -> String {
    format!("{text:<width$}")
}

fn count(text: &str) -> usize {
    text.chars().count()
}

/// At most `width` characters; what is cut off shows as `…`. Control characters, which could steer the terminal, show
/// as `?`.
fn cut(line: &str, width: usize) -> String {
    let safe = |text: &mut dyn Iterator<Item = char>| -> String {
        text.map(|character| if character.is_control() { '?' } else { character }).collect()
    };
    if count(line) <= width {
        return safe(&mut line.chars());
    }
    let mut shown = safe(&mut line.chars().take(width.saturating_sub(1)));
    if width > 0 {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::view::Checked;

    fn snapshot() -> Snapshot {
        let checked =
            Checked { delivered: 80, filtered: 30, unchanged: 8, superseded: 0, waiting: 5, freshness_ms: Some(949) };
        let row = |source: &str, destination: &str, checked: Option<Checked>| PipelineRow {
            source: source.into(),
            destination: destination.into(),
            captured: 123,
            failed: 0,
            checked,
        };
        Snapshot {
            elapsed_ms: 12_345,
            changes: 650,
            wanted: 2_000,
            doing: "writing 200 a second".into(),
            pipelines: vec![
                row("customers", "hubspot", Some(checked)),
                row("page_views", "analytics", Some(Checked::default())),
                row("tickets", "helpdesk", None),
            ],
            broken_keys: 0,
            pages: vec![
                ("hubspot".into(), "http://127.0.0.1:4001/".into()),
                ("analytics".into(), "http://127.0.0.1:4002/".into()),
            ],
            recent: vec!["12.1 s  hubspot  upsert ada@mail.example: plan=Pro".into()],
        }
    }

    fn text(text: &str) -> Vec<&str> {
        text.lines().collect()
    }

    #[test]
    fn a_wide_terminal_has_a_line_for_each_pipeline() {
        let wanted = "\
12.3 s  650 of 2000 changes  writing 200 a second

customers → hubspot     captured 123  delivered 80  filtered 30  unchanged 8  superseded 0  failed 0  waiting 5  freshness 0.9 s
page_views → analytics  captured 123  delivered 0   filtered 0   unchanged 0  superseded 0  failed 0  waiting 0
tickets → helpdesk      captured 123  failed 0, sent to your own endpoint and not checked

hubspot    http://127.0.0.1:4001/
analytics  http://127.0.0.1:4002/

12.1 s  hubspot  upsert ada@mail.example: plan=Pro";
        assert_eq!(render(&snapshot(), 130), text(wanted));
    }

    #[test]
    fn a_narrow_terminal_has_more_lines() {
        let wanted = "\
12.3 s  650 of 2000 changes  writing 200 a second

customers → hubspot     captured 123  delivered 80
    filtered 30  unchanged 8  superseded 0  failed 0
    waiting 5  freshness 0.9 s
page_views → analytics  captured 123  delivered 0
    filtered 0   unchanged 0  superseded 0  failed 0
    waiting 0
tickets → helpdesk      captured 123
    failed 0, sent to your own endpoint and not che…

hubspot    http://127.0.0.1:4001/
analytics  http://127.0.0.1:4002/

12.1 s  hubspot  upsert ada@mail.example: plan=Pro";
        assert_eq!(render(&snapshot(), 52), text(wanted));
    }

    #[test]
    fn no_width_is_exceeded() {
        for width in 0..200 {
            for line in render(&snapshot(), width) {
                assert!(count(&line) <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn a_broken_order_is_shouted() {
        let broken = Snapshot { broken_keys: 1, ..snapshot() };
        assert!(render(&broken, 80).contains(&"ORDER BROKEN in 1 key".to_owned()));
        assert!(plain(&broken).ends_with("5 waiting; ORDER BROKEN in 1 key"));
    }

    #[test]
    fn what_came_from_outside_cannot_steer_the_terminal() {
        let recent = vec!["hubspot \u{1b}[2Jgone".to_owned()];
        let lines = render(&Snapshot { recent, ..Snapshot::default() }, 80);
        assert_eq!(lines.last().map(String::as_str), Some("hubspot ?[2Jgone"));
    }

    #[test]
    fn a_log_has_one_line() {
        let wanted = "12.3 s  650 of 2000 changes  writing 200 a second: 80 delivered, 30 filtered, 8 unchanged, \
                      0 superseded, 0 failed, 5 waiting";
        assert_eq!(plain(&snapshot()), wanted);
        let done = Snapshot { changes: 2_000, ..snapshot() };
        assert!(plain(&done).starts_with("12.3 s  2000 changes  "));
    }
}
