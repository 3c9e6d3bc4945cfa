//! What the tests of the shared store share.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use mapioffline::{OfflineObject, State, StateFolder};

/// The folder of this test program: all tests of a program share one process, and the process has one store.
pub(crate) fn folder() -> &'static StateFolder {
    static FOLDER: OnceLock<(tempfile::TempDir, StateFolder)> = OnceLock::new();
    let (_, folder) = FOLDER.get_or_init(|| {
        let path = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(path.path().join("state"));
        assert!(folder.use_in_this_process());
        folder.create().unwrap();
        (path, folder)
    });
    folder
}

/// A process that runs one test of this program, with this state folder.
pub(crate) struct Helper(Command);

/// A process that runs the test `name` alone.
pub(crate) fn helper(name: &str, folder: &Path) -> Helper {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env("HELPER", folder);
    command.env("MAPIOFFLINE_STATE_DIR", folder).env_remove("MAPIOFFLINE_STORE");
    Helper(command)
}

impl Helper {
    pub(crate) fn with(mut self, variable: &str, value: &str) -> Self {
        self.0.env(variable, value);
        self
    }

    /// Runs the process, checks that it succeeds, and returns what it printed.
    pub(crate) fn run(mut self) -> String {
        let output = self.0.output().unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{text}");
        text
    }
}

/// In a helper: its folder. `None` where the test program runs all its tests.
pub(crate) fn helpers_folder() -> Option<PathBuf> {
    std::env::var_os("HELPER").map(PathBuf::from)
}

/// Waits until another thread or process has made the condition true, and returns how long that took.
pub(crate) fn wait_for(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < limit, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
    start.elapsed()
}

/// Whether this is root, which tests that mount or change owners need. CI runs as root.
pub(crate) fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    assert!(id || std::env::var_os("CI").is_none(), "CI skips nothing");
    if !id {
        println!("SKIPPED: this needs root");
    }
    id
}

/// The profile that most tests use.
pub(crate) fn open() -> OfflineObject {
    OfflineObject::open("Profile").unwrap()
}

/// What is stored of a profile.
pub(crate) fn stored(folder: &Path, name: &str) -> Option<State> {
    StateFolder::at(folder).profile(name).unwrap().map(|profile| profile.record.unwrap().state)
}

/// The path of a new state folder, in a temporary folder that is removed when the value is dropped.
pub(crate) fn place() -> (tempfile::TempDir, PathBuf) {
    place_in(&std::env::temp_dir())
}

/// The same in memory where there is such a file system: what is timed does not wait for what others write to the disk.
pub(crate) fn place_in_memory() -> (tempfile::TempDir, PathBuf) {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { place_in(memory) } else { place() }
}

fn place_in(parent: &Path) -> (tempfile::TempDir, PathBuf) {
    let place = tempfile::tempdir_in(parent).unwrap();
    let folder = place.path().join("state");
    (place, folder)
}

/// The lines that the library logs in this process.
pub(crate) static LOGGED: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata) -> bool {
        true
    }
    fn log(&self, record: &log::Record) {
        if record.level() <= log::Level::Warn {
            LOGGED.lock().unwrap().push(record.args().to_string());
        }
    }
    fn flush(&self) {}
}

/// In a helper: installs the logger and returns the folder. `None` where the test program runs all its tests.
pub(crate) fn begin() -> Option<PathBuf> {
    let folder = helpers_folder()?;
    log::set_logger(&Logger).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    Some(folder)
}

/// How many of the logged lines contain `part`.
pub(crate) fn logged(part: &str) -> usize {
    LOGGED.lock().unwrap().iter().filter(|line| line.contains(part)).count()
}
