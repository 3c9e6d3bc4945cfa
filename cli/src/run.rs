//! `mapioffline run`: runs a program with its own temporary state folder.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus};

use crate::failure::{Code, Failure};
use crate::output::Output;
#[cfg(unix)]
use crate::signals::{self, Forwarding};

pub(crate) fn run(command: &[OsString], chosen: Option<&Path>, output: &Output) -> Result<ExitCode, Failure> {
    if chosen.is_some() {
        return Err(Failure::new(Code::Usage, "`run` creates a temporary state folder; leave out --state-dir"));
    }
    let folder = tempfile::Builder::new().prefix("mapioffline-").tempdir();
    let folder =
        folder.map_err(|error| Failure::new(Code::NoFolder, format!("cannot create a temporary folder: {error}")))?;
    let (program, arguments) =
        command.split_first().ok_or_else(|| Failure::new(Code::Failed, "no program is given"))?;
    // Signals go to the child, so that this process can remove the folder when the child ends.
    #[cfg(unix)]
    let forwarding = Forwarding::begin().map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
    let mut command = command_of(program, arguments);
    // The library creates this folder, and gives no other user access to it.
    command.env("MAPIOFFLINE_STATE_DIR", folder.path().join("state")).env_remove("MAPIOFFLINE_STORE");
    let mut child = command.spawn().map_err(|error| {
        let code = if error.kind() == ErrorKind::NotFound { Code::NotFound } else { Code::NotExecutable };
        Failure::new(code, format!("{} cannot be started: {error}", program.display()))
    })?;
    #[cfg(unix)]
    forwarding.until_end_of(&child);
    let status = child.wait().map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
    match folder.close() {
        // The program may have removed the folder itself.
        Err(error) if error.kind() != ErrorKind::NotFound => {
            output.warning(&format!("the temporary folder cannot be removed: {error}"));
        }
        _ => {}
    }
    Ok(code_of(status))
}

fn command_of(program: &OsString, arguments: &[OsString]) -> Command {
    // The standard library resets SIGPIPE for the programs that it starts: only a program in between can ignore it again.
    #[cfg(unix)]
    if signals::ignored_sigpipe() {
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' PIPE; exec \"$@\"", "sh"]).arg(program).args(arguments);
        return command;
    }
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

#[cfg(unix)]
fn code_of(status: ExitStatus) -> ExitCode {
    use std::os::unix::process::ExitStatusExt as _;
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    u8::try_from(code).unwrap_or(1).into()
}

#[cfg(not(unix))]
fn code_of(status: ExitStatus) -> ExitCode {
    // A Windows exit code has 32 bits, an `ExitCode` has 8. A code that does not fit becomes 1.
    match status.code() {
        Some(0) => ExitCode::SUCCESS,
        Some(code) => u8::try_from(code).unwrap_or(1).into(),
        None => ExitCode::FAILURE,
    }
}
