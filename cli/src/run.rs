//! `mapioffline run`: runs a program with its own temporary state folder.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus};

use crate::failure::{Code, Failure};
use crate::output::Output;

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
    let signals = signals::Signals::catch()?;
    let mut command = Command::new(program);
    // The library creates this folder, and gives no other user access to it.
    let state = folder.path().join("state");
    command.args(arguments).env("MAPIOFFLINE_STATE_DIR", state).env_remove("MAPIOFFLINE_STORE");
    let mut child = command.spawn().map_err(|error| {
        let code = if error.kind() == ErrorKind::NotFound { Code::NotFound } else { Code::NotExecutable };
        Failure::new(code, format!("{} cannot be started: {error}", program.display()))
    })?;
    signals.forward_to(child.id());
    let status = child.wait().map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
    drop(signals);
    match folder.close() {
        // The program may have removed the folder itself.
        Err(error) if error.kind() != ErrorKind::NotFound => {
            output.warning(&format!("the temporary folder cannot be removed: {error}"));
        }
        _ => {}
    }
    Ok(code_of(status))
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

#[cfg(unix)]
mod signals {
    use std::io::IsTerminal as _;
    use std::thread::{self, JoinHandle};

    use rustix::process::{Pid, Signal, kill_process};
    use signal_hook::consts::{SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
    use signal_hook::iterator;

    use crate::failure::{Code, Failure};

    /// The signals that would end this process. They are forwarded to the child.
    const FORWARDED: [(i32, Signal); 7] = [
        (SIGHUP, Signal::HUP),
        (SIGINT, Signal::INT),
        (SIGQUIT, Signal::QUIT),
        (SIGTERM, Signal::TERM),
        (SIGUSR1, Signal::USR1),
        (SIGUSR2, Signal::USR2),
        (SIGALRM, Signal::ALARM),
    ];

    /// Returns the signals that this process ignores since its start, one bit each; 0 on systems without `/proc`.
    fn ignored() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        line.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0)
    }

    /// Catches the signals and forwards them to the child. Dropping it stops that.
    pub(super) struct Signals {
        handle: iterator::Handle,
        thread: Option<JoinHandle<()>>,
        child: std::sync::mpsc::Sender<u32>,
    }

    impl Signals {
        pub(super) fn catch() -> Result<Self, Failure> {
            // An ignored signal stays ignored, here and in the child; otherwise `nohup` would have no effect.
            let ignored = ignored();
            let caught = FORWARDED.iter().map(|(number, _)| *number).filter(|number| ignored & 1 << (number - 1) == 0);
            let mut signals =
                iterator::Signals::new(caught).map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
            let handle = signals.handle();
            let (child, id) = std::sync::mpsc::channel::<u32>();
            let thread = thread::spawn(move || {
                let Some(id) = id.recv().ok().and_then(|id| Pid::from_raw(id as i32)) else { return };
                // A terminal sends SIGINT and SIGQUIT to the child, too.
                let by_terminal = std::io::stdin().is_terminal();
                for signal in &mut signals {
                    if by_terminal && (signal == SIGINT || signal == SIGQUIT) {
                        continue;
                    }
                    if let Some((_, signal)) = FORWARDED.iter().find(|(number, _)| *number == signal) {
                        // Fails if the child has just ended.
                        let _ = kill_process(id, *signal);
                    }
                }
            });
            Ok(Self { handle, thread: Some(thread), child })
        }

        pub(super) fn forward_to(&self, child: u32) {
            // The thread waits for this id before it forwards signals.
            let _ = self.child.send(child);
        }
    }

    impl Drop for Signals {
        fn drop(&mut self) {
            self.handle.close();
            // If no child was started, the thread still waits for its id. Dropping the sender ends that wait.
            let (unconnected, _) = std::sync::mpsc::channel();
            self.child = unconnected;
            if let Some(thread) = self.thread.take() {
                drop(thread.join());
            }
        }
    }
}

#[cfg(not(unix))]
mod signals {
    use crate::failure::Failure;

    /// Does nothing: this system has no signals to forward.
    pub(super) struct Signals;

    impl Signals {
        #[expect(clippy::unnecessary_wraps, reason = "fails on Unix")]
        pub(super) fn catch() -> Result<Self, Failure> {
            Ok(Self)
        }

        pub(super) fn forward_to(&self, _: u32) {}
    }
}
