//! `mapioffline run`: a program with a state folder of its own.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus};

use crate::failure::{Code, Failure};
use crate::output::{Output, shown};

pub(crate) fn run(command: &[OsString], chosen: Option<&Path>, output: &Output) -> Result<ExitCode, Failure> {
    if chosen.is_some() {
        return Err(Failure::new(Code::Usage, "run makes a state folder of its own: leave out --state-dir"));
    }
    let folder = tempfile::Builder::new().prefix("mapioffline-").tempdir();
    let folder = folder.map_err(|error| Failure::new(Code::NoFolder, format!("no folder could be made: {error}")))?;
    let (program, arguments) = command.split_first().ok_or_else(|| Failure::new(Code::Failed, "nothing to run"))?;
    // What is sent to this program meanwhile is for that one; the folder goes in any case.
    let signals = signals::Signals::hold()?;
    let mut command = Command::new(program);
    // Made by the library, which gives nobody else a right to it.
    let state = folder.path().join("state");
    command.args(arguments).env("MAPIOFFLINE_STATE_DIR", state).env_remove("MAPIOFFLINE_STORE");
    let mut child = command.spawn().map_err(|error| {
        let code = if error.kind() == ErrorKind::NotFound { Code::NotFound } else { Code::NotExecutable };
        Failure::new(code, format!("{} cannot be run: {error}", shown(&program.to_string_lossy())))
    })?;
    signals.hand_on_to(child.id());
    let status = child.wait().map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
    drop(signals);
    match folder.close() {
        // The program may have removed it itself.
        Err(error) if error.kind() != ErrorKind::NotFound => {
            output.warning(&format!("the folder could not be removed: {error}"));
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
    // Windows has 32 bits of them, of which a program that ends by itself may pass on 8.
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

    /// What would end this program, and is for the one that it runs.
    const HANDED: [(i32, Signal); 7] = [
        (SIGHUP, Signal::HUP),
        (SIGINT, Signal::INT),
        (SIGQUIT, Signal::QUIT),
        (SIGTERM, Signal::TERM),
        (SIGUSR1, Signal::USR1),
        (SIGUSR2, Signal::USR2),
        (SIGALRM, Signal::ALARM),
    ];

    /// The signals that this program was started to ignore, a bit each, where the system says it.
    fn ignored() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        line.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0)
    }

    /// Signals that would end this program.
    pub(super) struct Signals {
        held: iterator::Handle,
        thread: Option<JoinHandle<()>>,
        child: std::sync::mpsc::Sender<u32>,
    }

    impl Signals {
        pub(super) fn hold() -> Result<Self, Failure> {
            // What is ignored stays ignored, here and in the program: nohup would be lost.
            let ignored = ignored();
            let handed = HANDED.iter().map(|(number, _)| *number).filter(|number| ignored & 1 << (number - 1) == 0);
            let mut signals =
                iterator::Signals::new(handed).map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
            let held = signals.handle();
            let (child, id) = std::sync::mpsc::channel::<u32>();
            let thread = thread::spawn(move || {
                let Some(id) = id.recv().ok().and_then(|id| Pid::from_raw(id as i32)) else { return };
                // A terminal sends these two to both by itself.
                let by_terminal = std::io::stdin().is_terminal();
                for signal in &mut signals {
                    if by_terminal && (signal == SIGINT || signal == SIGQUIT) {
                        continue;
                    }
                    if let Some((_, signal)) = HANDED.iter().find(|(number, _)| *number == signal) {
                        // It may have ended just now.
                        let _ = kill_process(id, *signal);
                    }
                }
            });
            Ok(Self { held, thread: Some(thread), child })
        }

        pub(super) fn hand_on_to(&self, child: u32) {
            // The thread waits for it.
            let _ = self.child.send(child);
        }
    }

    impl Drop for Signals {
        fn drop(&mut self) {
            self.held.close();
            // Without a child it still waits for one.
            let (nobody, _) = std::sync::mpsc::channel();
            self.child = nobody;
            if let Some(thread) = self.thread.take() {
                drop(thread.join());
            }
        }
    }
}

#[cfg(not(unix))]
mod signals {
    use crate::failure::Failure;

    /// There are none.
    pub(super) struct Signals;

    impl Signals {
        #[expect(clippy::unnecessary_wraps, reason = "elsewhere it fails")]
        pub(super) fn hold() -> Result<Self, Failure> {
            Ok(Self)
        }

        pub(super) fn hand_on_to(&self, _: u32) {}
    }
}
