//! What is printed: for people aligned, coloured on a terminal, with relative times; for scripts one JSON object a line.

use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::process;
use std::time::{Duration, Instant, SystemTime};

use anstyle::{AnsiColor, Style};
use clap::ColorChoice;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use mapioffline::{Capabilities, State};
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr as _;

use crate::failure::Failure;

pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool, color: ColorChoice) -> Self {
        match color {
            ColorChoice::Auto => {}
            ColorChoice::Always => anstream::ColorChoice::Always.write_global(),
            ColorChoice::Never => anstream::ColorChoice::Never.write_global(),
        }
        Self { json }
    }

    /// One or the other.
    pub(crate) fn say(&self, person: impl FnOnce() -> String, script: impl FnOnce() -> Value) {
        if self.json { line(&script().to_string()) } else { line(&person()) }
    }

    /// For people only.
    pub(crate) fn remark(&self, text: &str) {
        if !self.json {
            line(text);
        }
    }

    /// Rows under a head, or one object a row.
    pub(crate) fn table(&self, head: &[&str], rows: Vec<(Vec<Cell>, Value)>) {
        if self.json {
            rows.iter().for_each(|(_, object)| line(&object.to_string()));
            return;
        }
        let bold = Style::new().bold();
        let head: Vec<Cell> = head.iter().map(|text| Cell { text: (*text).to_owned(), style: bold }).collect();
        let rows: Vec<Vec<Cell>> = [head].into_iter().chain(rows.into_iter().map(|(cells, _)| cells)).collect();
        let columns = rows[0].len();
        let widths: Vec<usize> =
            (0..columns).map(|column| rows.iter().map(|row| row[column].text.width()).max().unwrap_or(0)).collect();
        for row in &rows {
            let mut text = String::new();
            for (index, cell) in row.iter().enumerate() {
                let Cell { text: content, style } = cell;
                text += &format!("{style}{content}{style:#}");
                if index + 1 < columns {
                    text += &" ".repeat(widths[index] - content.width() + 2);
                }
            }
            line(&text);
        }
    }

    pub(crate) fn failure(&self, failure: &Failure) {
        if self.json {
            let object = json!({ "error": failure.to_string(), "code": failure.code as u8 });
            complain(&object.to_string());
        } else {
            let red = Style::new().fg_color(Some(AnsiColor::Red.into())).bold();
            complain(&format!("{red}mapioffline:{red:#} {failure}"));
        }
    }

    /// What the library warned of, beside the output.
    pub(crate) fn warning(&self, warning: &str) {
        if self.json {
            complain(&json!({ "warning": warning }).to_string());
        } else {
            complain(&format!("mapioffline: note: {}", shown(warning)));
        }
    }

    /// A line that says what is waited for, while it is.
    pub(crate) fn progress(&self, what: &str) -> Progress {
        let shown = !self.json && io::stderr().is_terminal();
        Progress { what: what.to_owned(), since: Instant::now(), shown, last: None }
    }
}

/// Goes away when it is dropped.
pub(crate) struct Progress {
    what: String,
    since: Instant,
    shown: bool,
    last: Option<u64>,
}

impl Progress {
    /// To be called again and again.
    pub(crate) fn step(&mut self) {
        let seconds = self.since.elapsed().as_secs();
        if self.shown && self.last.replace(seconds) != Some(seconds) {
            let _ = write!(io::stderr(), "\r{} ({seconds} s)", self.what);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.last.is_some() && self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// A cell of a table.
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, style: Style::new() }
    }
}

pub(crate) fn style_of(state: State) -> Style {
    let color = match state {
        State::Online => AnsiColor::Green,
        State::Offline => AnsiColor::Yellow,
    };
    Style::new().fg_color(Some(color.into()))
}

impl From<State> for Cell {
    fn from(state: State) -> Self {
        Self { text: word(state).to_owned(), style: style_of(state) }
    }
}

/// Something is wrong with it.
pub(crate) fn bad(text: impl Into<String>) -> Cell {
    Cell { text: text.into(), style: Style::new().fg_color(Some(AnsiColor::Red.into())) }
}

/// A line for who reads errors, if anybody does.
fn complain(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Prints a line at once. Where nobody reads any more, there is nothing left to do.
fn line(text: &str) {
    let mut out = anstream::stdout().lock();
    if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush()) {
        if error.kind() == ErrorKind::BrokenPipe {
            process::exit(0);
        }
        complain(&format!("mapioffline: the output cannot be written: {error}"));
        process::exit(1);
    }
}

pub(crate) const fn word(state: State) -> &'static str {
    match state {
        State::Online => "online",
        State::Offline => "offline",
    }
}

pub(crate) fn words(capabilities: Capabilities) -> Vec<&'static str> {
    [State::Online, State::Offline].into_iter().filter(|state| capabilities.allow(*state)).map(word).collect()
}

/// As a person would list them.
pub(crate) fn list(capabilities: Capabilities) -> String {
    let words = words(capabilities);
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

/// A name without what would move a terminal's cursor.
pub(crate) fn shown(name: &str) -> String {
    name.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// For scripts: RFC 3339, in UTC.
pub(crate) fn timestamp(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(|_| String::new(), |time| format!("{time:.3}"))
}

/// For people: the wall clock.
pub(crate) fn clock(time: SystemTime) -> String {
    let zoned = Timestamp::try_from(time).map(|time| time.to_zoned(TimeZone::system()));
    zoned.map_or_else(|_| String::new(), |time| time.strftime("%H:%M:%S%.3f").to_string())
}

/// For people: how long ago.
pub(crate) fn ago(time: SystemTime) -> String {
    let Ok(age) = time.elapsed() else { return "in the future".to_owned() };
    if age < Duration::from_secs(1) {
        return "just now".to_owned();
    }
    const UNITS: [(u64, &str); 4] = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let seconds = age.as_secs();
    let (size, unit) = UNITS.into_iter().find(|(size, _)| seconds >= *size).unwrap_or((1, "second"));
    let count = seconds / size;
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_relative() {
        let before = |seconds| ago(SystemTime::now() - Duration::from_secs(seconds));
        assert_eq!(before(0), "just now");
        assert_eq!(before(1), "1 second ago");
        assert_eq!(before(179), "2 minutes ago");
        assert_eq!(before(3 * 86_400), "3 days ago");
        assert_eq!(ago(SystemTime::now() + Duration::from_secs(9)), "in the future");
    }

    #[test]
    fn names_do_not_move_the_cursor() {
        assert_eq!(shown("a\x1b[2Jb\n"), "a\\u{1b}[2Jb\\n");
        assert_eq!(shown("Žluť 日本"), "Žluť 日本");
    }
}
