//! Where log lines go: to the host's callback, to stderr when `MAPIOFFLINE_LOG` asks for it, or nowhere.
//!
//! Only the C entry points install this, and only when asked; a Rust program has a logger of its own.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::fmt;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use log::{LevelFilter, Log, Metadata, Record};
use once_cell::sync::OnceCell;

use crate::error::ErrorKind;
use crate::guard::guard;
use crate::{sync, sys};

/// Takes lines. Called with no lock held, by any thread, and never from within itself.
pub(crate) type Callback = std::sync::Arc<dyn Fn(log::Level, &str) + Send + Sync>;

struct Target {
    callback: Option<(Callback, LevelFilter)>,
    /// Whether `ROUTER` is the program's logger, once that was tried.
    installed: Option<bool>,
}

struct Router;

static ROUTER: Router = Router;
static TARGET: Mutex<Target> = Mutex::new(Target { callback: None, installed: None });
/// The logger that `MAPIOFFLINE_LOG` asks for, if it does.
static STDERR: OnceCell<Option<env_logger::Logger>> = OnceCell::new();

/// The exit handler has run: the host's callback, and what it uses, may be destroyed.
static ENDED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Calls that a log callback makes into the library are not logged. Needs no destructor.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// The file that gets a line for each entry, if `MAPIOFFLINE_TRACE` names one: for `mapioffline check`.
static FILE: OnceCell<Option<PathBuf>> = OnceCell::new();

/// Whether a line is written for every entry: one load and one predicted branch.
#[inline]
pub(crate) fn tracing() -> bool {
    log::max_level() == LevelFilter::Trace
}

/// Reads `MAPIOFFLINE_LOG`, at the first C entry.
pub(crate) fn init_from_environment() {
    // env_logger reports a filter that it cannot parse on stderr, and writing there may fail.
    let _ = guard("MAPIOFFLINE_LOG", || {
        if stderr_logger().is_some() || trace_file().is_some() {
            install();
        }
    });
}

/// Ends logging, at the process's exit.
pub(crate) fn end() {
    ENDED.store(true, Ordering::SeqCst);
    // Not on Windows, where other threads may have been killed in the heap by now.
    if let (Some(Some(path)), false) = (FILE.get(), cfg!(windows)) {
        // What is left now is left, unlike in a process that was killed.
        let _ = guard("exit", || write_to_file(path, &format_args!("Exit() -> 0")));
    }
}

/// Sends all lines up to the level to the host's callback, or to none. Fails if the program has a logger of its own.
pub(crate) fn set_callback(callback: Option<(Callback, LevelFilter)>) -> Result<(), ErrorKind> {
    let level = callback.as_ref().map(|(_, level)| *level);
    let level = level.unwrap_or_else(level_of_stderr).max(level_of_file());
    if !install() {
        return Err(ErrorKind::Failed);
    }
    let mut target = lock();
    let old = std::mem::replace(&mut target.callback, callback);
    log::set_max_level(level);
    drop(target);
    drop(old);
    Ok(())
}

fn stderr_logger() -> Option<&'static env_logger::Logger> {
    let init = || {
        let filters = sys::environment("MAPIOFFLINE_LOG")?.into_string().ok()?;
        Some(env_logger::Builder::new().parse_filters(&filters).build())
    };
    STDERR.get_or_init(init).as_ref()
}

fn level_of_stderr() -> LevelFilter {
    stderr_logger().map_or(LevelFilter::Off, env_logger::Logger::filter)
}

fn trace_file() -> Option<&'static Path> {
    FILE.get_or_init(|| sys::environment("MAPIOFFLINE_TRACE").map(PathBuf::from)).as_deref()
}

fn level_of_file() -> LevelFilter {
    if trace_file().is_some() { LevelFilter::Trace } else { LevelFilter::Off }
}

/// Whether the calls of this process are checked: then ended objects keep their memory.
pub(crate) fn is_checked() -> bool {
    FILE.get().is_some_and(Option::is_some)
}

/// Appends a line to the file. It is opened for each: no descriptor stays that the host could close, or find in its way.
fn write_to_file(path: &Path, line: &fmt::Arguments<'_>) {
    let text = format!("{} {} {line}\n", process::id(), sys::thread_number());
    let file = OpenOptions::new().append(true).create(true).open(path);
    // What cannot be written is missing. A log line about it would be one more.
    let _ = file.and_then(|mut file| file.write_all(text.as_bytes()));
}

/// Whether lines come here: not where the program has a logger of its own, whose level stays as it is.
fn install() -> bool {
    let level = level_of_stderr().max(level_of_file());
    let mut target = lock();
    *target.installed.get_or_insert_with(|| {
        let installed = log::set_logger(&ROUTER).is_ok();
        if installed {
            log::set_max_level(level);
        }
        installed
    })
}

impl Log for Router {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record) {
        if INSIDE.get() {
            return;
        }
        // Also behind the exit handler: clients release objects there.
        if let Some(path) = trace_file().filter(|_| record.level() == log::Level::Trace) {
            write_to_file(path, record.args());
        }
        if ENDED.load(Ordering::SeqCst) {
            return;
        }
        INSIDE.set(true);
        // Out of the lock before it is called: it is client code.
        let callback = lock().callback.clone();
        match callback {
            Some((callback, level)) if record.level() <= level => callback(record.level(), &record.args().to_string()),
            Some(_) => {}
            None => {
                if let Some(logger) = stderr_logger() {
                    // The logger has a lock of its own, which a forked child must not find taken; this one is held there.
                    let _still = lock();
                    logger.log(record);
                }
            }
        }
        INSIDE.set(false);
    }

    fn flush(&self) {}
}

fn lock() -> MutexGuard<'static, Target> {
    sync::lock(&TARGET)
}

/// Locks logging around a fork.
pub(crate) struct ForkGuard(#[expect(dead_code, reason = "locked until it is dropped")] MutexGuard<'static, Target>);

pub(crate) fn lock_for_fork() -> ForkGuard {
    // The child must not find these half done on another thread.
    stderr_logger();
    trace_file();
    ForkGuard(lock())
}
