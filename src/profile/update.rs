//! Reading and writing a profile's record, with no lock held.
#![forbid(unsafe_code)]

use super::profile::{Damaged, Profile, ProfileState};
use crate::error::Error;
use crate::store::{self, Backend as _, Change, MEMORY, StoreError, StoreWarning};

/// Has the store replace the record, with no lock held, and `take` use the result under the lock. Warnings are logged with no
/// lock held, those of a failed write only if `log_failure`.
pub(super) fn update<R>(
    profile: &'static Profile,
    log_failure: bool,
    change: Change,
    take: impl FnOnce(&mut ProfileState, Result<(), Error>) -> R,
) -> R {
    let (name, backend) = {
        let mut state = profile.lock();
        state.record.invalidate_readings();
        (state.name(), state.record.backend())
    };
    let mut updated = backend.update(&name, change);
    let mut later_format = None;
    if let Err(StoreError::LaterFormat(format)) = updated.result {
        // The profile is this process's own from now on.
        later_format = Some(format);
        updated.result = MEMORY.update(&name, change).result;
    }
    if updated.set_aside {
        StoreWarning::SetAside.log(&name);
    }
    match &updated.result {
        Err(StoreError::Io(error)) if log_failure => {
            store::warn(format!("profile {}: its file cannot be written: {error}", name.shown()));
        }
        Err(StoreError::Locked) => {
            store::note_error(format!("profile {}: another program holds the folder's lock", name.shown()));
        }
        _ => {}
    }
    let mut locked = profile.lock();
    let state = &mut *locked;
    let warning = later_format.map(|format| state.record.keep_in_memory(format));
    let result = match updated.result {
        Ok(record) => {
            state.record.updated(record);
            state.publish_capabilities();
            Ok(())
        }
        Err(error) => {
            if updated.set_aside {
                state.record.note_set_aside();
            }
            Err(error.into())
        }
    };
    let taken = take(state, result);
    drop(locked);
    if let Some(warning) = warning {
        warning.log(&name);
    }
    taken
}

/// The record is damaged: it is set aside, and written anew if this process knows what it said.
pub(super) fn restore(profile: &'static Profile, Damaged(known): Damaged) {
    let failed_before = profile.lock().record.restore_failed();
    update(profile, !failed_before, &mut |stored| Ok(known.filter(|_| stored.is_none())), |state, result| {
        if result.is_err() {
            state.record.note_restore_failed();
        }
    });
}

/// Takes what the store says if `needs` says so, and writes a damaged record anew.
pub(super) fn read_stored(profile: &'static Profile, needs: impl Fn(&mut ProfileState) -> bool) {
    let Some((damaged, warning)) = profile.read(needs, ProfileState::adopt) else { return };
    if let Some(warning) = warning {
        warning.log(&profile.name());
    }
    if let Some(damaged) = damaged {
        restore(profile, damaged);
    }
}
