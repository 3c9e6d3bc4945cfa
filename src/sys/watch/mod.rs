//! Watching a folder, on each system.

mod contract;
#[cfg(target_os = "linux")]
mod inotify;
#[cfg(target_vendor = "apple")]
mod kqueue;
#[cfg(any(test, not(any(target_os = "linux", target_vendor = "apple", windows))))]
#[cfg_attr(any(target_os = "linux", target_vendor = "apple", windows), allow(dead_code, reason = "only tests use it"))]
mod polled;
#[cfg(test)]
mod tests;
#[cfg(windows)]
mod windows;

#[cfg(target_os = "linux")]
use inotify as system;
#[cfg(target_vendor = "apple")]
use kqueue as system;
#[cfg(not(any(target_os = "linux", target_vendor = "apple", windows)))]
use polled as system;
#[cfg(windows)]
use windows as system;

pub(crate) use contract::{Filter, FolderWatch, Seen, Wake};
pub(crate) use system::{Waker, Watch};
