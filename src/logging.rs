//! Where log lines go: to the host's callback, to stderr when `MAPIOFFLINE_LOG` asks for it, or nowhere.
//!
//! Only the C entry points install this, and only when asked; a Rust program has a logger of its own.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::sync::{Mutex, MutexGuard};

use log::{LevelFilter, Log, Metadata, Record};
use once_cell::sync::OnceCell;

use crate::com::guard;
use crate::error::Error;
use crate::{sys, tree};

/// Takes lines. Called with no lock held, by any thread, and never from within itself.
pub(crate) type Callback = std::sync::Arc<dyn Fn(log::Level, &str) + Send + Sync>;

struct Target {
    callback: Option<(Callback, LevelFilter)>,
    /// Whether lines come here, once that was tried.
    installed: Option<bool>,
}

struct Router;

static ROUTER: Router = Router;
static TARGET: Mutex<Target> = Mutex::new(Target { callback: None, installed: None });
/// The logger that `MAPIOFFLINE_LOG` asks for, if it does.
static STDERR: OnceCell<Option<env_logger::Logger>> = OnceCell::new();

thread_local! {
    /// A callback that calls the library is not told of these calls. Needs no destructor.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Whether lines of every entry are wanted: one load and one branch, predicted.
#[inline]
pub(crate) fn tracing() -> bool {
    log::max_level() == LevelFilter::Trace
}

/// The environment asks at the first C entry.
pub(crate) fn init_from_environment() {
    // A filter that cannot be read is complained about on stderr, which may fail.
    let _ = guard("MAPIOFFLINE_LOG", || {
        if stderr_logger().is_some() {
            install();
        }
    });
}

/// The host's callback takes all lines up to `level`, or none does. Fails where the program has a logger of its own.
pub(crate) fn set_callback(callback: Option<(Callback, LevelFilter)>) -> Result<(), Error> {
    let level = callback.as_ref().map(|(_, level)| *level);
    let level = level.or_else(|| stderr_logger().map(env_logger::Logger::filter)).unwrap_or(LevelFilter::Off);
    if !install() {
        return Err(Error::Failed);
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

/// Whether lines come here: not where the program has a logger of its own, whose level stays as it is.
fn install() -> bool {
    tree::handle_fork();
    let level = stderr_logger().map_or(LevelFilter::Off, env_logger::Logger::filter);
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
        if INSIDE.replace(true) {
            return;
        }
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
    sys::lock(&TARGET)
}

/// Holds logging still around a fork.
pub(crate) struct Held(#[expect(dead_code, reason = "held until it is dropped")] MutexGuard<'static, Target>);

pub(crate) fn hold() -> Held {
    // The child must not find this half done on another thread.
    stderr_logger();
    Held(lock())
}
