//! `mapioffline run`: a program with a state folder of its own.

use std::ffi::OsString;
use std::process::{Command, ExitCode, ExitStatus};

use crate::failure::{Code, Failure};

/// As shells say that a program could not be started.
const NOT_STARTED: u8 = 126;
const NOT_FOUND: u8 = 127;

pub(crate) fn run(command: &[OsString]) -> Result<ExitCode, Failure> {
    let folder = tempfile::Builder::new().prefix("mapioffline-").tempdir();
    let folder = folder.map_err(|error| Failure::new(Code::NoFolder, format!("no folder could be made: {error}")))?;
    let (program, arguments) = command.split_first().ok_or_else(|| Failure::new(Code::Failed, "nothing to run"))?;
    // What is sent to this program meanwhile is for that one; the folder goes in any case.
    let signals = signals::Signals::hold()?;
    let mut command = Command::new(program);
    // Made by the library, which gives nobody else a right to it.
    let state = folder.path().join("state");
    command.args(arguments).env("MAPIOFFLINE_STATE_DIR", state).env_remove("MAPIOFFLINE_STORE");
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let found = error.kind() != std::io::ErrorKind::NotFound;
            eprintln!("mapioffline: {} cannot be run: {error}", program.to_string_lossy());
            return Ok(if found { NOT_STARTED } else { NOT_FOUND }.into());
        }
    };
    signals.hand_on_to(child.id());
    let status = child.wait().map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
    drop(signals);
    folder.close().map_err(|error| Failure::new(Code::Failed, format!("the folder could not be removed: {error}")))?;
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
    use std::thread::{self, JoinHandle};

    use rustix::process::{Pid, Signal, kill_process};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    use signal_hook::iterator;

    use crate::failure::{Code, Failure};

    /// Signals that would end this program.
    pub(super) struct Signals {
        held: iterator::Handle,
        thread: Option<JoinHandle<()>>,
        child: std::sync::mpsc::Sender<u32>,
    }

    impl Signals {
        pub(super) fn hold() -> Result<Self, Failure> {
            let mut signals = iterator::Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM])
                .map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
            let held = signals.handle();
            let (child, id) = std::sync::mpsc::channel::<u32>();
            let thread = thread::spawn(move || {
                let Some(id) = id.recv().ok().and_then(|id| Pid::from_raw(id as i32)) else { return };
                for signal in &mut signals {
                    // A terminal sends these to both by itself.
                    if signal == SIGTERM || signal == SIGHUP {
                        // It may have ended just now.
                        let _ = kill_process(id, if signal == SIGTERM { Signal::TERM } else { Signal::HUP });
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
