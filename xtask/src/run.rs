//! Running other programs.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Result;

/// A command that runs in the checkout.
pub(crate) fn command<S: AsRef<OsStr>>(program: impl AsRef<OsStr>, arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(crate::root());
    command
}

/// The cargo that runs this program.
pub(crate) fn cargo<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), arguments)
}

/// Runs the command. Its output goes to the terminal.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|error| format!("{}: {error}", words(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{}: {status}", words(command)).into()) }
}

/// Runs the command, and returns its standard output. Its errors go to the terminal.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| format!("{}: {error}", words(command)))?;
    if output.status.success() {
        Ok(String::from_utf8(output.stdout)?)
    } else {
        Err(format!("{}: {}", words(command), output.status).into())
    }
}

/// Runs the command, and writes its standard output to `log`. The lines that `shown` selects also go to the terminal, as
/// its errors do.
pub(crate) fn run_filtered(command: &mut Command, log: &Path, shown: impl Fn(&str) -> bool) -> Result<()> {
    let mut file = File::create(log)?;
    let words = words(command);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
    for line in BufReader::new(child.stdout.take().ok_or("no output")?).lines() {
        let line = line?;
        writeln!(file, "{line}")?;
        if shown(&line) {
            println!("{line}");
        }
    }
    let status = child.wait()?;
    if status.success() { Ok(()) } else { Err(format!("{words}: {status}; its output is in {}", log.display()).into()) }
}

/// Whether the program exists, and succeeds.
pub(crate) fn succeeds(program: impl AsRef<OsStr>, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

fn words(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let mut words = program.to_string_lossy().into_owned();
    for argument in command.get_args().take(4) {
        words.push(' ');
        words.push_str(&argument.to_string_lossy());
    }
    words
}
