//! Which processes run.

/// Distinguishes the process that has this id now from earlier ones that had it: when it started, in the system's own unit. `None`
/// if there is no such process, or only the rest of one. 0: it runs, and that is all that is known.
pub(crate) fn process_start(pid: u32) -> Option<u64> {
    system::start(pid)
}

/// Whether the process has been stopped, by SIGSTOP or a debugger.
pub(crate) fn is_stopped(pid: u32) -> bool {
    system::is_stopped(pid)
}

/// How many threads the process has, and whether one of them has this name. `None`: this system does not say.
pub(crate) fn threads(pid: u32, name: &str) -> Option<(usize, bool)> {
    system::threads(pid, name)
}

/// A text that is the same for all processes that see one another under their ids: not for those of other machines, other
/// containers, or of Wine beside Linux.
pub(crate) fn process_space() -> String {
    system::space()
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use std::fs;

    /// What the kernel says of a process.
    struct Stat {
        state: char,
        threads: u64,
        start: u64,
    }

    /// As of the first thread: qemu-user gives a process a `/proc/self/stat` of its own making.
    fn stat(pid: u32) -> Option<Stat> {
        let text = fs::read(format!("/proc/{pid}/task/{pid}/stat")).ok()?;
        let text = String::from_utf8_lossy(&text);
        // The name, in brackets, may have anything in it. Behind it come the fields from the third on.
        let mut fields = text.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?.chars().next()?;
        Some(Stat { state, threads: fields.nth(16)?.parse().ok()?, start: fields.nth(1)?.parse().ok()? })
    }

    pub(super) fn start(pid: u32) -> Option<u64> {
        match stat(pid) {
            // The first thread may have ended before the others.
            Some(Stat { state: 'Z' | 'X', threads: ..=1, .. }) => None,
            Some(stat) => Some(stat.start),
            // There is none, or this process may not look: then it is not known when that one started.
            None => super::posix::exists(pid).then_some(0),
        }
    }

    pub(super) fn is_stopped(pid: u32) -> bool {
        stat(pid).is_some_and(|stat| matches!(stat.state, 'T' | 't'))
    }

    pub(super) fn threads(pid: u32, name: &str) -> Option<(usize, bool)> {
        // The kernel shortens names.
        let name = &name.as_bytes()[..name.len().min(15)];
        let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
        let mut names = Vec::new();
        for thread in threads {
            match fs::read(thread.ok()?.path().join("comm")) {
                Ok(name) => names.push(name),
                // It has just ended.
                Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH)) => {}
                Err(_) => return None,
            }
        }
        Some((names.len(), names.iter().any(|found| found.trim_ascii_end() == name)))
    }

    pub(super) fn space() -> String {
        let machine = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let ids = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        format!("linux {} {}", machine.trim_end(), ids.display())
    }
}

#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
mod system {
    pub(super) fn start(pid: u32) -> Option<u64> {
        super::posix::exists(pid).then_some(0)
    }

    pub(super) fn is_stopped(_: u32) -> bool {
        false
    }

    pub(super) fn threads(_: u32, _: &str) -> Option<(usize, bool)> {
        None
    }

    pub(super) fn space() -> String {
        format!("posix {}", rustix::system::uname().nodename().to_string_lossy())
    }
}

#[cfg(unix)]
mod posix {
    use rustix::io::Errno;
    use rustix::process::{Pid, test_kill_process};

    pub(super) fn exists(pid: u32) -> bool {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        pid.is_some_and(|pid| !matches!(test_kill_process(pid), Err(Errno::SRCH)))
    }
}

#[cfg(windows)]
mod system {
    use windows_sys::Win32::Foundation::{CloseHandle, ERROR_ACCESS_DENIED, FILETIME, GetLastError, WAIT_TIMEOUT};
    use windows_sys::Win32::System::Threading::{
        GetProcessTimes, OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE, WaitForSingleObject,
    };

    pub(super) fn start(pid: u32) -> Option<u64> {
        // SAFETY: the id may be any number.
        let process = unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE, 0, pid) };
        if process.is_null() {
            // SAFETY: has no preconditions.
            return (unsafe { GetLastError() } == ERROR_ACCESS_DENIED).then_some(0);
        }
        let mut times = [FILETIME { dwLowDateTime: 0, dwHighDateTime: 0 }; 4];
        let [created, exited, kernel, user] = &mut times;
        // SAFETY: the handle is open until the last line, and each time is writable.
        let runs = unsafe {
            let runs = WaitForSingleObject(process, 0) == WAIT_TIMEOUT;
            GetProcessTimes(process, created, exited, kernel, user);
            CloseHandle(process);
            runs
        };
        runs.then(|| u64::from(created.dwHighDateTime) << 32 | u64::from(created.dwLowDateTime))
    }

    pub(super) fn is_stopped(_: u32) -> bool {
        false
    }

    pub(super) fn threads(_: u32, _: &str) -> Option<(usize, bool)> {
        None
    }

    pub(super) fn space() -> String {
        format!("windows {}", crate::sys::environment("COMPUTERNAME").unwrap_or_default().display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn processes_differ_by_when_they_started() {
        use std::process::Command;
        let own = process_start(std::process::id()).unwrap();
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let started = process_start(child.id()).unwrap();
        assert!(started >= own && started != 0, "{started} {own}");
        assert_eq!(threads(child.id(), "sleep"), Some((1, true)));
        assert_eq!(threads(child.id(), "mapioffline-watch"), Some((1, false)));
        assert!(!is_stopped(child.id()));
        child.kill().unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while process_start(child.id()).is_some() {
            assert!(std::time::Instant::now() < deadline, "a killed process runs, although it has not been waited for");
        }
        child.wait().unwrap();
        assert_eq!(process_start(child.id()), None);
        assert_eq!(process_space(), process_space());
    }
}
