//! Signals: which this process was started with, what ends it, and what `run` forwards.

use std::io;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, getpgid, getpgrp, getpid, getsid, kill_process, waitid};
use signal_hook::consts::{SIGALRM, SIGCHLD, SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::exfiltrator::WithRawSiginfo;
use signal_hook::iterator::{Handle, SignalsInfo};

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

/// The signals that were ignored when this process was started. Rust ignores SIGPIPE in each program before `main`.
static IGNORED_AT_START: AtomicU64 = AtomicU64::new(0);

#[cfg(target_os = "linux")]
ctor::declarative::ctor! {
    // Before `main` no more than system calls and arithmetic is safe, and this is no more.
    #[ctor(unsafe)]
    fn before_main() {
        IGNORED_AT_START.store(ignored(), Ordering::Relaxed);
    }
}

/// Returns the signals that this process ignores, one bit each; 0 on systems without `/proc`.
fn ignored() -> u64 {
    let mut buffer = [0; 4096];
    let status = rustix::fs::open("/proc/self/status", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let length = status.and_then(|status| rustix::io::read(status, &mut buffer)).unwrap_or(0);
    let text = std::str::from_utf8(&buffer[..length]).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0)
}

/// Whether SIGPIPE was ignored when this process was started.
pub(crate) fn ignored_sigpipe() -> bool {
    has(IGNORED_AT_START.load(Ordering::Relaxed), SIGPIPE)
}

const fn has(signals: u64, signal: i32) -> bool {
    signals & 1 << (signal - 1) != 0
}

/// Lets the usual signals end this process also where it is the first of a container: the kernel ignores their default
/// disposition there.
pub(crate) fn end_first_process() {
    if getpid().is_init() {
        let ignored = ignored();
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM].into_iter().filter(|signal| !has(ignored, *signal)) {
            // The exit code is that of a process that the signal ends. Without memory the signal stays without effect.
            let always = Arc::new(AtomicBool::new(true));
            drop(signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, always));
        }
    }
}

/// Catches the signals and forwards them to the child. Dropping it stops that.
pub(crate) struct Forwarding {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
    child: Option<Sender<u32>>,
}

impl Forwarding {
    pub(crate) fn begin() -> io::Result<Self> {
        // An ignored signal stays ignored, here and in the child; otherwise `nohup` would have no effect.
        let ignored = ignored();
        let caught = FORWARDED.iter().map(|(number, _)| *number).filter(|number| !has(ignored, *number));
        // A child of a process that ignores SIGCHLD cannot be waited for. The child has the default then.
        let mut signals = SignalsInfo::<WithRawSiginfo>::new(caught.chain([SIGCHLD]))?;
        let handle = signals.handle();
        let (child, id) = channel::<u32>();
        let thread = thread::spawn(move || {
            let Some(child) = id.recv().ok().and_then(pid) else { return };
            for signal in &mut signals {
                let number = signal.si_signo;
                if let Some((_, forwarded)) = FORWARDED.iter().find(|(forwarded, _)| *forwarded == number)
                    && !(is_by_terminal(&signal) && has_received(child, number))
                {
                    // Fails if the child has just ended.
                    let _ = kill_process(child, *forwarded);
                }
            }
        });
        Ok(Self { handle, thread: Some(thread), child: Some(child) })
    }

    /// Forwards signals until the child ends. Does not reap it: its id is its own as long as signals are forwarded.
    pub(crate) fn until_end_of(self, child: &Child) {
        if let Some(sender) = &self.child {
            // The thread waits for this id before it forwards signals.
            let _ = sender.send(child.id());
        }
        if let Some(id) = pid(child.id()) {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            let _ = rustix::io::retry_on_intr(|| waitid(WaitId::Pid(id), options));
        }
    }
}

impl Drop for Forwarding {
    fn drop(&mut self) {
        self.handle.close();
        // If no child was started, the thread still waits for its id. This ends that wait.
        self.child = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Asks a child to end. Its id is its own until it is waited for.
pub(crate) fn ask_to_end(child: u32) {
    if let Some(child) = pid(child) {
        let _ = kill_process(child, Signal::TERM);
    }
}

/// Ends a child that did not end when it was asked to.
pub(crate) fn force_end(child: u32) {
    if let Some(child) = pid(child) {
        let _ = kill_process(child, Signal::KILL);
    }
}

fn pid(id: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(id).ok()?)
}

/// Whether the kernel sent the signal for a terminal, and no process did.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_by_terminal(signal: &libc::siginfo_t) -> bool {
    signal.si_code == libc::SI_KERNEL
}

/// Whether the kernel sent the signal for a terminal, and no process did.
#[cfg(target_os = "macos")]
fn is_by_terminal(signal: &libc::siginfo_t) -> bool {
    signal.si_pid == 0
}

/// Not known here: a signal that arrives twice is better than one that is lost.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos")))]
fn is_by_terminal(_: &libc::siginfo_t) -> bool {
    false
}

/// Whether the child, too, has received a signal that a terminal sent. A key sends it to each process of the foreground group.
/// A terminal that hangs up sends SIGHUP to the session's leader only, if that is this process.
fn has_received(child: Pid, signal: i32) -> bool {
    match signal {
        SIGINT | SIGQUIT => getpgid(Some(child)) == Ok(getpgrp()),
        SIGHUP => getpgid(Some(child)) == Ok(getpgrp()) && getsid(None) != Ok(getpid()),
        _ => false,
    }
}
