//! `mapioffline check`: runs a client, and says how it misused the API.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::ValueEnum as _;
use serde_json::{Value, json};

use crate::checker::{Checker, Finding};
use crate::failure::{Code, Failure};
use crate::faults;
use crate::output::Output;
use crate::rule::Rule;
use crate::run::{self, Wanted};

/// What shows whether a client minds bits that it does not know: each second change to a state has them.
const UNKNOWN_BITS: &str = "notify bits 0x3F037C every 2";

/// What `check` is asked for.
pub(crate) struct Limits {
    pub(crate) notify: Duration,
    pub(crate) allowed: Vec<Rule>,
    pub(crate) junit: Option<PathBuf>,
}

pub(crate) fn check(
    mut wanted: Wanted,
    limits: &Limits,
    chosen: Option<&std::path::Path>,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let failed = |what: &str, error: std::io::Error| Failure::new(Code::Failed, format!("{what}: {error}"));
    let folder = tempfile::Builder::new().prefix("mapioffline-check-").tempdir();
    let folder = folder.map_err(|error| failed("cannot create a temporary folder", error))?;
    let file = folder.path().join("trace");
    wanted.trace = Some(file.clone());
    if !limits.allowed.contains(&Rule::UnknownBits) {
        wanted.faults.push(faults::parse(&[UNKNOWN_BITS.to_owned()])?);
    }
    // Also where a scenario failed: the misuse may be why.
    let ran = run::run(&wanted, chosen, output);
    let bytes = match fs::read(&file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let code = ran?;
            write_junit(limits, &[])?;
            if code != ExitCode::SUCCESS {
                return Ok(code);
            }
            let line = "nothing was checked: the program, and those that it started, did not use the library";
            return Err(Failure::new(Code::Failed, line));
        }
        Err(error) => return Err(failed("the calls cannot be read", error)),
    };
    let text = String::from_utf8_lossy(&bytes);
    let findings = Checker::new(limits.notify).check(&text);
    let findings: Vec<&Finding> = findings.iter().filter(|finding| !limits.allowed.contains(&finding.rule)).collect();
    for finding in &findings {
        output.say(|| finding.text(), || finding.object());
    }
    write_junit(limits, &findings)?;
    if findings.is_empty() {
        let code = ran?;
        output.note(&format!("{} calls and notifications, no misuse", text.lines().count()));
        return Ok(code);
    }
    if let Err(failure) = ran {
        output.failure(&failure.to_string(), failure.code as u8);
    }
    let ways = if findings.len() == 1 { "one way" } else { &format!("{} ways", findings.len()) };
    Err(Failure::new(Code::Misused, format!("the API was misused in {ways}")))
}

fn write_junit(limits: &Limits, findings: &[&Finding]) -> Result<(), Failure> {
    let Some(path) = &limits.junit else { return Ok(()) };
    fs::write(path, junit(findings)).map_err(|error| Failure::new(Code::Failed, format!("{}: {error}", path.display())))
}

impl Finding {
    fn text(&self) -> String {
        let times = if self.count == 1 { String::new() } else { format!(" ({} times)", self.count) };
        let Self { pid, thread, what, .. } = self;
        format!("{}: process {pid}, thread {thread}: {}{times}", self.rule.word(), crate::output::shown(what))
    }

    fn object(&self) -> Value {
        json!({
            "rule": self.rule.word(),
            "pid": self.pid,
            "thread": self.thread,
            "count": self.count,
            "what": self.what,
        })
    }
}

/// A report in JUnit's XML: a test case for each rule.
fn junit(findings: &[&Finding]) -> String {
    let failed: BTreeSet<Rule> = findings.iter().map(|finding| finding.rule).collect();
    let rules = Rule::value_variants();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"mapioffline check\" tests=\"{}\" failures=\"{}\">\n",
        rules.len(),
        failed.len()
    );
    for rule in rules {
        text += &format!("  <testcase classname=\"mapioffline.check\" name=\"{}\"", rule.word());
        let lines: Vec<String> =
            findings.iter().filter(|finding| finding.rule == *rule).map(|finding| escaped(&finding.text())).collect();
        if lines.is_empty() {
            text += "/>\n";
        } else {
            let help = escaped(&rule.help());
            text += &format!(">\n    <failure message=\"{help}\">{}</failure>\n  </testcase>\n", lines.join("\n"));
        }
    }
    text + "</testsuite>\n"
}

/// XML has no control characters.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\n' | '\t' => escaped.push(character),
            character if character.is_control() => escaped.push('?'),
            character => escaped.push(character),
        }
    }
    escaped
}
