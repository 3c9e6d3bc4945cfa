//! Printing: for people in aligned columns, with colours on a terminal and relative times; for scripts as one JSON object
//! per line, or one field of it.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::process;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anstyle::{AnsiColor, Style};
use clap::ColorChoice;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use mapioffline::{Capabilities, State};
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr as _;

/// What a command prints to stdout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// For people.
    Text,
    /// One object on each line.
    Json,
    /// This field of each of those objects.
    Field(String),
    Nothing,
}

/// Prints the results and failures of a command.
pub(crate) struct Output {
    form: Form,
    seen: Mutex<Seen>,
}

/// What was seen of the fields of objects, where one is asked for.
#[derive(Default)]
struct Seen {
    has_field: bool,
    names: BTreeSet<String>,
}

impl Output {
    pub(crate) fn new(form: Form, color: ColorChoice) -> Self {
        match color {
            ColorChoice::Auto => {}
            ColorChoice::Always => anstream::ColorChoice::Always.write_global(),
            ColorChoice::Never => anstream::ColorChoice::Never.write_global(),
        }
        Self { form, seen: Mutex::default() }
    }

    /// Whether objects are asked for.
    pub(crate) fn is_json(&self) -> bool {
        self.form == Form::Json
    }

    /// Prints a line: the text for people, or what scripts asked for of the object.
    pub(crate) fn say(&self, person: impl FnOnce() -> String, script: impl FnOnce() -> Value) {
        match self.form {
            Form::Text => self.line(&person()),
            _ => self.object(&script()),
        }
    }

    fn object(&self, object: &Value) {
        match &self.form {
            Form::Field(name) => {
                let field = name.split('.').try_fold(object, |value, part| value.get(part));
                let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                seen.has_field |= field.is_some();
                seen.names.extend(object.as_object().into_iter().flat_map(|object| object.keys().cloned()));
                drop(seen);
                self.line(&plain(field.unwrap_or(&Value::Null)));
            }
            Form::Nothing => {}
            Form::Text | Form::Json => self.line(&json_text(object)),
        }
    }

    /// If no object had the field that was asked for: what is wrong.
    pub(crate) fn unknown_field(&self) -> Option<String> {
        let Form::Field(name) = &self.form else { return None };
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let names = seen.names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        (!seen.has_field && !names.is_empty()).then(|| format!("there is no field {name:?}; there are {names}"))
    }

    /// Prints a line for people only.
    pub(crate) fn remark(&self, text: &str) {
        if self.form == Form::Text {
            self.line(text);
        }
    }

    /// Prints a text as it is: a manual page, completions.
    pub(crate) fn text(&self, text: &[u8]) {
        let mut out = io::stdout().lock();
        self.written(out.write_all(text).and_then(|()| out.flush()));
    }

    /// Prints a text of several lines, without its colours where stdout shows none.
    pub(crate) fn styled(&self, text: &str) {
        let mut out = anstream::stdout().lock();
        self.written(write!(out, "{text}").and_then(|()| out.flush()));
    }

    fn line(&self, text: &str) {
        self.styled(&format!("{text}\n"));
    }

    /// Ends the process if stdout is closed (exit code 0) or cannot be written (1).
    fn written(&self, result: io::Result<()>) {
        match result {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::BrokenPipe => process::exit(0),
            Err(error) => {
                self.failure(&format!("cannot write the output: {error}"), 1);
                process::exit(1);
            }
        }
    }

    /// Prints the rows under a heading, or the JSON object of each row. Every row has as many cells as `head`.
    pub(crate) fn table(&self, head: &[&str], rows: Vec<(Vec<Cell>, Value)>) {
        if self.form != Form::Text {
            rows.iter().for_each(|(_, object)| self.object(object));
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
            self.line(&text);
        }
    }

    /// Prints a failure and, for scripts, its exit code to stderr. The message may have names and paths in it as they are.
    pub(crate) fn failure(&self, message: &str, code: u8) {
        if self.is_json() {
            print_error(&json_text(&json!({ "error": message, "code": code })));
        } else {
            let red = Style::new().fg_color(Some(AnsiColor::Red.into())).bold();
            print_error(&format!("{red}mapioffline:{red:#} {}", shown(message)));
        }
    }

    /// Prints a line about this program's own work to stderr, beside another program's output.
    pub(crate) fn note(&self, line: &str) {
        print_error(&format!("mapioffline: {line}"));
    }

    /// Prints a warning to stderr.
    pub(crate) fn warning(&self, warning: &str) {
        if self.is_json() {
            print_error(&json_text(&json!({ "warning": warning })));
        } else {
            print_error(&format!("mapioffline: warning: {}", shown(warning)));
        }
    }

    /// Returns a progress line on stderr. It appears at the first [`step`](Progress::step), on a terminal only.
    pub(crate) fn progress(&self, what: &str) -> Progress {
        let shown = self.form == Form::Text && io::stderr().is_terminal();
        Progress { what: what.to_owned(), since: Instant::now(), shown, last: None }
    }
}

/// A progress line. Dropping it erases the line.
pub(crate) struct Progress {
    what: String,
    since: Instant,
    shown: bool,
    last: Option<u64>,
}

impl Progress {
    /// Updates the line at most once a second. Call it repeatedly while waiting.
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
#[derive(Clone)]
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

/// Returns a red cell, for a profile that cannot be read.
pub(crate) fn bad(text: impl Into<String>) -> Cell {
    Cell { text: text.into(), style: Style::new().fg_color(Some(AnsiColor::Red.into())) }
}

/// Prints a line to stderr. Ignores a write error, as there is nowhere to report it.
fn print_error(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
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

/// Lists the states for people, separated by commas.
pub(crate) fn list(capabilities: Capabilities) -> String {
    let words = words(capabilities);
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

/// Returns the text with its control and direction characters escaped, so that a name can neither control the terminal nor
/// look like another one.
pub(crate) fn shown(name: &str) -> String {
    name.chars().flat_map(|c| if is_unsafe(c) { c.escape_default().collect() } else { vec![c] }).collect()
}

/// A value as a shell has it: a text without quotes, a list with commas between, nothing for null.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => shown(text),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(","),
        other => json_text(other),
    }
}

/// The object on one line. Escapes the same characters as [`shown`], in JSON's way: they occur in strings only.
fn json_text(object: &Value) -> String {
    let mut text = String::new();
    for c in object.to_string().chars() {
        if is_unsafe(c) {
            text.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            text.push(c);
        }
    }
    text
}

/// Whether a terminal does something else with the character than to show it in its place: controls, line separators, marks
/// of direction, and characters without width. Joiners, which some scripts need, are not among them.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Formats a time for scripts: RFC 3339, in UTC.
pub(crate) fn timestamp(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(|_| String::new(), |time| format!("{time:.3}"))
}

/// Formats a time for people: the local time of day.
pub(crate) fn clock(time: SystemTime) -> String {
    let zoned = Timestamp::try_from(time).map(|time| time.to_zoned(TimeZone::system()));
    zoned.map_or_else(|_| String::new(), |time| time.strftime("%H:%M:%S%.3f").to_string())
}

/// Formats a time for people: how long ago it was.
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
    fn ago_gives_the_largest_whole_unit() {
        let before = |seconds| ago(SystemTime::now() - Duration::from_secs(seconds));
        assert_eq!(before(0), "just now");
        assert_eq!(before(1), "1 second ago");
        assert_eq!(before(179), "2 minutes ago");
        assert_eq!(before(3 * 86_400), "3 days ago");
        assert_eq!(ago(SystemTime::now() + Duration::from_secs(9)), "in the future");
    }

    #[test]
    fn a_field_is_printed_as_shells_have_it() {
        let values = [json!("a\nb"), json!(["online", "offline"]), json!(null), json!(7), json!({"pid": 1})];
        assert_eq!(values.each_ref().map(plain), ["a\\nb", "online,offline", "", "7", "{\"pid\":1}"]);
    }

    #[test]
    fn control_and_direction_characters_are_escaped() {
        assert_eq!(shown("a\x1b[2Jb\n"), "a\\u{1b}[2Jb\\n");
        assert_eq!(shown("Žluť 日本 \u{200d}"), "Žluť 日本 \u{200d}");
        assert_eq!(shown("a\u{202e}b\u{2066}\u{200f}\u{9b}"), "a\\u{202e}b\\u{2066}\\u{200f}\\u{9b}");
        assert_eq!(json_text(&json!("\u{202e}\u{7f}\n\u{e0001}")), "\"\\u202e\\u007f\\n\\udb40\\udc01\"");
    }
}
