//! `mapioffline run`: runs a program with its own temporary state folder.

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use mapioffline::StateFolder;
use mapioffline::testing::Fault;

use crate::arguments::Word;
use crate::failure::{Code, Failure};
use crate::faults;
use crate::folder::open;
use crate::output::Output;
use crate::player::{Player, Stage};
use crate::scenario::Scenario;
#[cfg(unix)]
use crate::signals::{self, Forwarding};

/// How long a program may take to end behind a scenario that failed.
const PATIENCE: Duration = Duration::from_secs(5);
const PREFIX: &str = "mapioffline-";
const STATE_DIR: &str = "MAPIOFFLINE_STATE_DIR";
const TRACE: &str = "MAPIOFFLINE_TRACE";

/// What `run` is asked for.
pub(crate) struct Wanted {
    pub(crate) command: Vec<OsString>,
    pub(crate) set: Vec<(String, Word)>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) scenario: Option<Scenario>,
    /// Where the report goes.
    pub(crate) report: Option<PathBuf>,
    /// The file to which the library writes each call.
    pub(crate) trace: Option<PathBuf>,
}

pub(crate) fn run(wanted: &Wanted, chosen: Option<&Path>, output: &Output) -> Result<ExitCode, Failure> {
    if chosen.is_some() {
        return Err(Failure::new(
            Code::Usage,
            "`run` and `check` create a temporary state folder; leave out --state-dir",
        ));
    }
    let folder = tempfile::Builder::new().prefix(PREFIX).tempdir();
    let folder =
        folder.map_err(|error| Failure::new(Code::NoFolder, format!("cannot create a temporary folder: {error}")))?;
    let (program, arguments) =
        wanted.command.split_first().ok_or_else(|| Failure::new(Code::Failed, "no program is given"))?;
    let state = StateFolder::at(folder.path().join("state"));
    if !wanted.set.is_empty() || wanted.scenario.is_some() {
        state.use_in_this_process();
    }
    for (profile, word) in &wanted.set {
        let object = open(&state, profile)?;
        object.set_state_and_wait((*word).into()).map_err(|error| Failure::of_profile(profile, &error))?;
    }
    for fault in &wanted.faults {
        faults::ask_for(&state, fault)?;
    }
    // Signals go to the child, so that this process can remove the folder when the child ends.
    #[cfg(unix)]
    let forwarding = Forwarding::begin().map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
    let mut command = command_of(program, arguments);
    // The library creates this folder, and gives no other user access to it.
    command.env(STATE_DIR, folder.path().join("state")).env_remove("MAPIOFFLINE_STORE");
    // Otherwise as it is: this may be run by a test that is checked.
    if let Some(file) = &wanted.trace {
        command.env(TRACE, file);
    }
    let mut child = command.spawn().map_err(|error| {
        let code = if error.kind() == ErrorKind::NotFound { Code::NotFound } else { Code::NotExecutable };
        Failure::new(code, format!("{} cannot be started: {error}", program.display()))
    })?;
    let (pid, has_ended) = (child.id(), AtomicBool::new(false));
    let stop = move || ask_to_end(pid);
    let (status, played) = thread::scope(|scope| {
        let player = wanted.scenario.as_ref().map(|scenario| {
            let stage = Stage { folder: &state, has_ended: &has_ended, stop: &stop };
            scope.spawn(|| {
                let played = Player::new(stage, scenario).play(scenario, &mut |_| {});
                if played.1.is_err() {
                    // It would perhaps wait for ever for what does not come now, and may not end when it is asked to.
                    stop();
                    let begun = Instant::now();
                    while !has_ended.load(Ordering::SeqCst) && begun.elapsed() < PATIENCE {
                        sleep(Duration::from_millis(10));
                    }
                    if !has_ended.load(Ordering::SeqCst) {
                        force_end(pid);
                    }
                }
                played
            })
        });
        // On Unix its id stays its own until it is waited for: the scenario has ended by then.
        #[cfg(unix)]
        forwarding.until_end_of(&child);
        #[cfg(not(unix))]
        let status = child.wait();
        has_ended.store(true, Ordering::SeqCst);
        let played = player.map(|player| player.join());
        #[cfg(unix)]
        let status = child.wait();
        (status, played)
    });
    let status = status.map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
    if is_used(folder.path()) && leave_removal(folder.path()).is_ok() {
        let _ = folder.keep();
    } else if let Err(error) = folder.close()
        // The program may have removed the folder itself.
        && error.kind() != ErrorKind::NotFound
    {
        output.warning(&format!("the temporary folder cannot be removed: {error}"));
    }
    let (report, result) = match played {
        Some(Ok(played)) => played,
        Some(Err(_)) => return Err(Failure::new(Code::Failed, "the scenario was not played to its end: a panic")),
        None => return Ok(code_of(status)),
    };
    match &wanted.report {
        Some(file) => {
            let written = fs::write(file, format!("{}\n", report.object()));
            written.map_err(|error| Failure::new(Code::Failed, format!("{}: {error}", file.display())))?;
        }
        None => report.text().iter().for_each(|line| output.note(line)),
    }
    result.map(|()| code_of(status))
}

fn force_end(pid: u32) {
    #[cfg(unix)]
    signals::force_end(pid);
    #[cfg(not(unix))]
    let _ = pid;
}

fn ask_to_end(pid: u32) {
    #[cfg(unix)]
    signals::ask_to_end(pid);
    #[cfg(not(unix))]
    let _ = pid;
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

/// Whether a process was started with this folder, and has not ended. Without `/proc` this is not known: false.
fn is_used(folder: &Path) -> bool {
    let variable = [STATE_DIR.as_bytes(), b"=", folder.join("state").as_os_str().as_encoded_bytes()].concat();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    // The files of other users, and of processes that have ended, cannot be read.
    let mut environments = processes.filter_map(|process| fs::read(process.path().join("environ")).ok());
    environments.any(|environment| environment.split(|byte| *byte == 0).any(|entry| entry == variable))
}

/// Starts a process that removes the folder later. This one must not wait: the program may have started a service.
fn leave_removal(folder: &Path) -> io::Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("remove-unused").arg(folder).current_dir("/").env_remove(STATE_DIR);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().map(drop)
}

/// Removes a folder that `run` made when the last program that was started with it has ended.
pub(crate) fn remove_unused(folder: &Path) -> ExitCode {
    // Nothing but what `run` made.
    let name = folder.file_name().unwrap_or_default().as_encoded_bytes();
    if !name.starts_with(PREFIX.as_bytes()) || !folder.is_absolute() {
        return ExitCode::FAILURE;
    }
    // Keys of the terminal are not for this process.
    #[cfg(unix)]
    let _ = rustix::process::setsid();
    let mut pause = Duration::from_millis(50);
    while is_used(folder) {
        sleep(pause);
        pause = (pause * 2).min(Duration::from_secs(10));
    }
    fs::remove_dir_all(folder).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
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
