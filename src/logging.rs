//! Where log lines go: to the host's callback, to stderr when `MAPIOFFLINE_LOG` asks for it, or nowhere.
//!
//! Only the C entry points install this, and only when asked; a Rust program has a logger of its own.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use log::{LevelFilter, Log, Metadata, Record};
use once_cell::sync::OnceCell;

use crate::sys;

/// Takes lines. Called with no lock held, by any thread, and never from within itself.
pub(crate) type Callback = std::sync::Arc<dyn Fn(log::Level, &str) + Send + Sync>;

struct Target {
    callback: Option<(Callback, LevelFilter)>,
}

struct Router;

static ROUTER: Router = Router;
static TARGET: Mutex<Target> = Mutex::new(Target { callback: None });
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
    if stderr_logger().is_some() {
        install();
    }
}

/// The host's callback takes all lines up to `level`, or none does.
pub(crate) fn set_callback(callback: Option<(Callback, LevelFilter)>) {
    let level = callback.as_ref().map(|(_, level)| *level);
    let old = std::mem::replace(&mut lock().callback, callback);
    drop(old);
    install();
    log::set_max_level(level.or_else(|| stderr_logger().map(env_logger::Logger::filter)).unwrap_or(LevelFilter::Off));
}

fn stderr_logger() -> Option<&'static env_logger::Logger> {
    let init = || {
        let filters = sys::environment("MAPIOFFLINE_LOG")?;
        Some(env_logger::Builder::new().parse_filters(&filters).build())
    };
    STDERR.get_or_init(init).as_ref()
}

/// Fails, and leaves things as they are, where the program has a logger of its own.
fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if log::set_logger(&ROUTER).is_ok() {
            log::set_max_level(stderr_logger().map_or(LevelFilter::Off, env_logger::Logger::filter));
        }
    });
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
                    // So that a forked child does not find the logger's own lock taken.
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
    TARGET.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Holds logging still around a fork.
pub(crate) struct Held(#[expect(dead_code, reason = "held until it is dropped")] MutexGuard<'static, Target>);

pub(crate) fn hold() -> Held {
    Held(lock())
}
