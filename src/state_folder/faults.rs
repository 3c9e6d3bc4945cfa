//! The faults that a state folder asks the programs of it for.
#![forbid(unsafe_code)]

use std::io::{self, ErrorKind};

use super::{StateFolder, into_io};
use crate::fault::{self, Fault, InvalidFault};
use crate::store::{self, FaultUse};

/// A line of a state folder's file of faults.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StoredFault {
    /// The number of the line, from 1 on. It stays the fault's own until the last fault of the folder is removed.
    pub line: u32,
    /// The line as it is.
    pub text: String,
    /// The fault, or what is wrong with it: then programs ignore the line, and say so in their logs.
    pub fault: Result<Fault, InvalidFault>,
}

/// What a fault of the state folder has done in a program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FaultCount {
    /// The fault's line.
    pub line: u32,
    /// How many calls or phases it concerned.
    pub calls: u32,
    /// At how many of them it happened.
    pub times: u32,
}

impl From<&FaultUse> for FaultCount {
    fn from(found: &FaultUse) -> Self {
        let [line, calls, times] = *found;
        Self { line, calls, times }
    }
}

impl StateFolder {
    /// Whether this is another folder than the one that the user's programs share if the environment names none: only such a
    /// folder can ask for faults.
    pub fn is_private(&self) -> bool {
        !store::is_of_users_programs(self.path())
    }

    /// The faults that the folder asks for, in their order.
    ///
    /// # Errors
    /// As for [`check`](Self::check).
    pub fn faults(&self) -> io::Result<Vec<StoredFault>> {
        let text = self.0.read_faults()?.unwrap_or_default();
        let stored = |(line, text): (u32, &str)| StoredFault { line, text: text.to_owned(), fault: text.parse() };
        Ok(fault::lines(&text).map(stored).collect())
    }

    /// Asks every program for a fault that uses this folder because `MAPIOFFLINE_STATE_DIR` names it, now and later. Returns the
    /// fault's line. A program that runs has the fault when it next answers [`programs`](Self::programs).
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`]: the folder is not [private](Self::is_private). [`ErrorKind::TimedOut`]: another program holds the
    /// folder's lock. Otherwise as for [`check`](Self::check).
    pub fn add_fault(&self, fault: &Fault) -> io::Result<u32> {
        if !self.is_private() {
            let why = "this is the folder that your programs share: faults need a folder of their own";
            return Err(io::Error::new(ErrorKind::Unsupported, why));
        }
        let add = |lines: &mut Vec<String>| {
            lines.push(fault.to_string());
            lines.len() as u32
        };
        self.0.change_faults(add).map_err(into_io)
    }

    /// Removes the fault of a line, or all. Returns whether there was any.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`]: another program holds the folder's lock. Otherwise as for [`check`](Self::check).
    pub fn remove_fault(&self, line: Option<u32>) -> io::Result<bool> {
        if self.0.read_faults()?.is_none() {
            return Ok(false);
        }
        let remove = |lines: &mut Vec<String>| {
            let is_removed = |(number, text): &(u32, &mut String)| match line {
                Some(line) => line == *number && fault::is_fault(text),
                None => true,
            };
            let removed = (1..).zip(lines).filter(is_removed);
            removed.fold(false, |found, (_, text)| found | fault::is_fault(&std::mem::take(text)))
        };
        self.0.change_faults(remove).map_err(into_io)
    }
}
