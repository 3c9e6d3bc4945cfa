//! What identifies a process among those that use a state folder.
#![forbid(unsafe_code)]

use std::fmt;
use std::hash::{DefaultHasher, Hasher as _};
use std::process;
use std::str::FromStr;

use crate::sys;

/// A process. Its text is the name of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ProgramId {
    /// Of which processes the ids are: see `sys::process_space`.
    space: u32,
    pub(crate) pid: u32,
    /// See `sys::process_start`.
    start: u64,
    /// Counts the files of one process.
    number: u32,
}

impl ProgramId {
    pub(super) fn of_this_process(number: u32) -> Self {
        let pid = process::id();
        Self { space: space(), pid, start: sys::process_start(pid).unwrap_or(0), number }
    }

    /// Whether the process runs. `None`: that cannot be seen from this one.
    pub(super) fn runs(&self, space: u32) -> Option<bool> {
        let same_start = |start| start == self.start || start == 0 || self.start == 0;
        (self.space == space).then(|| sys::process_start(self.pid).is_some_and(same_start))
    }
}

/// Of which processes this one sees the ids.
pub(super) fn space() -> u32 {
    let mut hasher = DefaultHasher::new();
    hasher.write(sys::process_space().as_bytes());
    hasher.finish() as u32
}

impl fmt::Display for ProgramId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { space, pid, start, number } = self;
        write!(f, "{space:08x}-{pid}-{start}-{number}")
    }
}

impl FromStr for ProgramId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('-');
        let mut next = || parts.next().ok_or(());
        let id = Self {
            space: u32::from_str_radix(next()?, 16).map_err(drop)?,
            pid: next()?.parse().map_err(drop)?,
            start: next()?.parse().map_err(drop)?,
            number: next()?.parse().map_err(drop)?,
        };
        // One process has one text.
        if id.to_string() == text { Ok(id) } else { Err(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_text_and_says_whether_the_process_runs() {
        let own = ProgramId::of_this_process(3);
        assert_eq!(own.to_string().parse(), Ok(own));
        for text in
            ["", "1", "0000000a-1-2", "0000000a-1-2-3-4", "a-1-2-3", "0000000a-01-2-3", "0000000a-1-2-x", "lock"]
        {
            assert_eq!(text.parse::<ProgramId>(), Err(()), "{text}");
        }
        assert_eq!(own.runs(space()), Some(true));
        assert_eq!(own.runs(space() ^ 1), None, "of another machine");
        if cfg!(any(target_os = "linux", windows)) {
            assert_eq!(ProgramId { start: own.start ^ 1, ..own }.runs(space()), Some(false), "an earlier process");
        }
        assert_eq!(ProgramId { pid: 0x7FFF_FFF0, ..own }.runs(space()), Some(false));
    }
}
