//! Puts the view where a person sees it.

use std::io::{self, IsTerminal, Write};

use crossterm::{
    cursor, queue,
    style::Print,
    terminal::{self, BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate},
};

use super::{Snapshot, plain, render};

/// How wide a terminal is that does not tell.
const USUAL_SIZE: (u16, u16) = (80, 24);

/// How long a log is silent between two lines, in milliseconds.
const LOG_EVERY_MS: u64 = 2_000;

/// Standard output: a table redrawn in place on a terminal, else a line every two seconds in which something changed.
pub struct Screen<W: Write> {
    out: W,
    is_terminal: bool,
    /// How many lines of the table stand on the terminal, the cursor below them.
    drawn: usize,
    logged: Option<Snapshot>,
}

impl Screen<io::Stdout> {
    /// Standard output.
    pub fn stdout() -> Self {
        let out = io::stdout();
        let is_terminal = out.is_terminal();
        Self::new(out, is_terminal)
    }
}

impl<W: Write> Screen<W> {
    fn new(out: W, is_terminal: bool) -> Self {
        Self { out, is_terminal, drawn: 0, logged: None }
    }

    /// A log, to look at later.
    #[cfg(test)]
    pub(in crate::demo) fn log(out: W) -> Self {
        Self::new(out, false)
    }

    /// Shows the snapshot; on a log, only where its time has come.
    pub fn show(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        if self.is_terminal {
            return self.draw(snapshot, terminal::size().unwrap_or(USUAL_SIZE));
        }
        let is_due = self.logged.as_ref().is_none_or(|logged| {
            let same = Snapshot { elapsed_ms: snapshot.elapsed_ms, ..logged.clone() };
            snapshot.elapsed_ms >= logged.elapsed_ms + LOG_EVERY_MS && *snapshot != same
        });
        if is_due {
            writeln!(self.out, "{}", plain(snapshot))?;
            self.logged = Some(snapshot.clone());
        }
        Ok(())
    }

    /// Writes a line that stays, above the table.
    pub fn say(&mut self, line: &str) -> io::Result<()> {
        if self.is_terminal {
            self.back_to_top()?;
            queue!(self.out, Clear(ClearType::FromCursorDown))?;
            self.drawn = 0;
        }
        writeln!(self.out, "{line}")?;
        self.out.flush()
    }

    /// Draws over what stands there, in one write, so that nothing flickers.
    fn draw(&mut self, snapshot: &Snapshot, (columns, rows): (u16, u16)) -> io::Result<()> {
        let mut lines = render(snapshot, usize::from(columns));
        // The cursor's own line has to fit too, or the terminal would scroll and the table could not be found again.
        lines.truncate(usize::from(rows).saturating_sub(1));
        queue!(self.out, BeginSynchronizedUpdate, cursor::Hide)?;
        self.back_to_top()?;
        for line in &lines {
            queue!(self.out, Print(line), Clear(ClearType::UntilNewLine), Print("\r\n"))?;
        }
        queue!(self.out, Clear(ClearType::FromCursorDown), EndSynchronizedUpdate)?;
        self.drawn = lines.len();
        self.out.flush()
    }

    fn back_to_top(&mut self) -> io::Result<()> {
        match u16::try_from(self.drawn) {
            Ok(0) | Err(_) => Ok(()),
            Ok(lines) => queue!(self.out, cursor::MoveToPreviousLine(lines)),
        }
    }
}

impl<W: Write> Drop for Screen<W> {
    /// Gives the cursor back; the table stays.
    fn drop(&mut self) {
        if self.is_terminal {
            // Nobody is left to hear of an error.
            let _ = queue!(self.out, cursor::Show);
            let _ = self.out.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Just enough of a terminal to see what is left standing: moves up, clears, and prints.
    fn screen_after(bytes: &[u8]) -> Vec<String> {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (mut lines, mut row, mut column) = (vec![String::new()], 0, 0);
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            match character {
                '\u{1b}' => {
                    assert_eq!(rest.next(), Some('['));
                    let mut number = String::new();
                    let command = loop {
                        match rest.next().unwrap() {
                            letter if letter.is_ascii_alphabetic() => break letter,
                            digit => number.push(digit),
                        }
                    };
                    match command {
                        'F' => {
                            row -= number.parse::<usize>().unwrap();
                            column = 0;
                        }
                        'K' => lines[row] = lines[row].chars().take(column).collect(),
                        'J' => {
                            lines[row] = lines[row].chars().take(column).collect();
                            lines.truncate(row + 1);
                        }
                        'h' | 'l' => {}
                        other => panic!("{other}"),
                    }
                }
                '\r' => column = 0,
                '\n' => {
                    row += 1;
                    column = 0;
                    if row == lines.len() {
                        lines.push(String::new());
                    }
                }
                printed => {
                    let mut line: Vec<char> = lines[row].chars().collect();
                    line.resize(line.len().max(column + 1), ' ');
                    line[column] = printed;
                    lines[row] = line.into_iter().collect();
                    column += 1;
                }
            }
        }
        lines
    }

    fn snapshot(elapsed_ms: u64, recent: &[&str]) -> Snapshot {
        Snapshot { elapsed_ms, recent: recent.iter().map(|line| (*line).to_owned()).collect(), ..Snapshot::default() }
    }

    #[test]
    fn a_table_is_redrawn_in_place() {
        let mut out = Vec::new();
        {
            let mut screen = Screen::new(&mut out, true);
            screen.draw(&snapshot(1_000, &["one", "a longer line", "three"]), (80, 24)).unwrap();
            screen.say("a line that stays").unwrap();
            screen.draw(&snapshot(2_000, &["one"]), (80, 24)).unwrap();
            screen.draw(&snapshot(3_000, &["two"]), (80, 24)).unwrap();
        }
        assert_eq!(screen_after(&out), ["a line that stays", "3.0 s  0 changes  ", "", "", "two", ""]);
        assert!(out.ends_with(b"\x1b[?25h"), "the cursor is given back");
    }

    #[test]
    fn a_low_terminal_shows_the_upper_part() {
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out, true);
        screen.draw(&snapshot(1_000, &["one", "two", "three"]), (80, 4)).unwrap();
        assert_eq!(screen.drawn, 3);
    }

    #[test]
    fn a_log_gets_a_line_when_something_has_changed() {
        let mut out = Vec::new();
        {
            let mut screen = Screen::new(&mut out, false);
            for (elapsed_ms, changes) in [(0, 0), (1_000, 5), (2_000, 9), (4_500, 9), (6_000, 10)] {
                screen.show(&Snapshot { elapsed_ms, changes, ..Snapshot::default() }).unwrap();
            }
        }
        let text = String::from_utf8(out).unwrap();
        let starts: Vec<&str> = text.lines().map(|line| line.split("  ").next().unwrap()).collect();
        assert_eq!(starts, ["0.0 s", "2.0 s", "6.0 s"]);
        assert!(!text.contains('\u{1b}'));
    }
}
