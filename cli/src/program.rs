//! `mapioffline doctor --pid`: the same checks from a running program's point of view, as far as files tell.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::inotify;

use crate::failure::{Code, Failure};

/// What decides which store a program uses.
const DECIDE: [&str; 2] = ["HOME", "XDG_STATE_HOME"];
/// What the program that looks keeps of its own environment.
const KEPT: [&str; 8] = ["PATH", "TERM", "COLORTERM", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "LANG", "LC_ALL"];
/// The name of the library's thread that reads inotify, as the kernel shortens it.
const THREAD: &str = "mapioffline-ino";

/// Becomes a program that checks with the user and the environment of the process `pid`. Returns only if that fails.
pub(crate) fn look_as(pid: u32) -> Failure {
    let of_process = |error: io::Error| match error.kind() {
        ErrorKind::NotFound => Failure::new(Code::Failed, format!("there is no process {pid}")),
        ErrorKind::PermissionDenied => {
            let line =
                format!("process {pid} may not be looked at: run doctor as the user that it runs as, or as root");
            Failure::new(Code::Failed, line)
        }
        _ => Failure::new(Code::Failed, format!("process {pid}: {error}")),
    };
    let process = PathBuf::from(format!("/proc/{pid}"));
    let (environment, owner) =
        match fs::read(process.join("environ")).and_then(|text| Ok((text, fs::metadata(&process)?))) {
            Ok(found) => found,
            Err(error) => return of_process(error),
        };
    let its = environment.split(|byte| *byte == 0).filter_map(|entry| {
        let equals = entry.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (OsStr::from_bytes(&entry[..equals]), OsStr::from_bytes(&entry[equals + 1..]));
        let decides = name.as_bytes().starts_with(b"MAPIOFFLINE_") || DECIDE.iter().any(|other| name == *other);
        decides.then(|| (name.to_owned(), value.to_owned()))
    });
    let own = std::env::vars_os().filter(|(name, _)| KEPT.iter().any(|kept| name == kept));
    let arguments = std::env::args_os().skip(1).map(|argument| {
        let text = argument.as_bytes();
        let rest = text.strip_prefix(b"--pid").filter(|rest| rest.is_empty() || rest[0] == b'=');
        rest.map_or(argument.clone(), |rest| OsString::from_vec([b"--seen-by", rest].concat()))
    });
    let mut command = match std::env::current_exe() {
        Ok(program) => Command::new(program),
        Err(error) => return Failure::new(Code::Failed, format!("the path of this program is not known: {error}")),
    };
    command.args(arguments).env_clear().envs(own).envs(its);
    if owner.uid() != rustix::process::geteuid().as_raw() {
        // Only root gets here and is allowed to.
        command.uid(owner.uid()).gid(owner.gid());
    }
    of_process(command.exec())
}

/// What can be seen of a process from outside.
pub(crate) struct Program {
    pub(crate) name: String,
    /// The shared library that it has loaded.
    pub(crate) library: Option<String>,
    pub(crate) watching: Watching,
}

pub(crate) enum Watching {
    /// It has no thread that watches.
    No,
    /// It watches the folder.
    This,
    Another,
    Unknown(io::Error),
}

impl Program {
    pub(crate) fn look(pid: u32, folder: &Path) -> Self {
        let process = PathBuf::from(format!("/proc/{pid}"));
        let name = fs::read_to_string(process.join("comm")).unwrap_or_default().trim_end().to_owned();
        let maps = fs::read(process.join("maps")).unwrap_or_default();
        let library = String::from_utf8_lossy(&maps).lines().find_map(|line| {
            let path = &line[line.find('/')?..];
            Path::new(path).file_name()?.to_str()?.starts_with("libmapioffline.so").then(|| path.to_owned())
        });
        let watching = watching(&process, folder).unwrap_or_else(Watching::Unknown);
        Self { name, library, watching }
    }
}

fn watching(process: &Path, folder: &Path) -> io::Result<Watching> {
    let mut threads = 0;
    let mut watched = Vec::new();
    for task in fs::read_dir(process.join("task"))? {
        let task = task?.path();
        // A thread may end meanwhile.
        if fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim_end() == THREAD) {
            threads += 1;
            for descriptor in fs::read_dir(task.join("fdinfo"))? {
                watched.extend(inodes(&descriptor?.path()).unwrap_or_default());
            }
        }
    }
    if threads == 0 {
        return Ok(Watching::No);
    }
    // Asked of the kernel in the same way: not every file system's numbers are those of `stat`.
    let own = inotify::init(inotify::CreateFlags::CLOEXEC)?;
    inotify::add_watch(&own, folder, inotify::WatchFlags::DELETE_SELF)?;
    let this = inodes(&PathBuf::from(format!("/proc/self/fdinfo/{}", std::os::fd::AsRawFd::as_raw_fd(&own))))?;
    Ok(if this.iter().any(|folder| watched.contains(folder)) { Watching::This } else { Watching::Another })
}

/// Inode and file system of what an inotify descriptor watches, as the kernel writes them.
fn inodes(fdinfo: &Path) -> io::Result<Vec<String>> {
    let text = fs::read_to_string(fdinfo)?;
    let lines = text.lines().filter(|line| line.starts_with("inotify "));
    Ok(lines
        .map(|line| line.split(' ').filter(|word| word.starts_with("ino:") || word.starts_with("sdev:")).collect())
        .collect())
}
