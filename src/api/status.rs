//! What the store and the barrier are, for C.

use super::convert::write_if_wanted;
use super::result::unless_shutting_down;
use crate::abi::*;
use crate::error::Error;
use crate::registration::barrier;
use crate::store::{self, WatchMode};

/// A buffer of C's, and its size in bytes.
type Buffer = (*mut MAPIOFFLINE_CHAR8, ULONG);

/// `MapiOfflineGetStoreStatus`. The numbers are those of the store, the watch and the barrier.
///
/// # Safety
/// C's contract for all pointers.
pub(super) unsafe fn store(numbers: [*mut ULONG; 3], folder: Buffer, last_error: Buffer) -> Result<(), Error> {
    unless_shutting_down()?;
    let chosen = store::chosen();
    let status = store::status();
    let kind = match chosen {
        None => 0,
        Some(None) => 1,
        Some(Some(_)) => 2,
    };
    let watch = match status.watch {
        None => 0,
        Some(WatchMode::Watched) => 1,
        Some(WatchMode::Polled(_)) => 2,
        Some(WatchMode::WatchedAndPolled) => 3,
    };
    let path = chosen.flatten().map(|path| path.to_string_lossy()).unwrap_or_default();
    // SAFETY: C's contract.
    unsafe {
        for (out, value) in numbers.into_iter().zip([kind, watch, barrier() as ULONG]) {
            write_if_wanted(out, value);
        }
        write_text(folder, &path);
        write_text(last_error, status.last_error.as_deref().unwrap_or_default());
    }
    Ok(())
}

/// Writes as many whole characters as fit, and a zero.
///
/// # Safety
/// The buffer is null or may be written for its size.
unsafe fn write_text((buffer, size): Buffer, text: &str) {
    let Some(room) = (size as usize).checked_sub(1).filter(|_| !buffer.is_null()) else { return };
    let length = (0..=room.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    // SAFETY: as the caller says; the text and the zero fit.
    unsafe {
        buffer.cast::<u8>().copy_from_nonoverlapping(text.as_ptr(), length);
        buffer.cast::<u8>().add(length).write(0);
    }
}
