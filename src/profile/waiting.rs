//! Waiting for a state, and for all programs.
#![forbid(unsafe_code)]

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::open::open_to_wait;
use super::registry::Registry;
use crate::error::{Error, ErrorKind};
use crate::name::Name;
use crate::state::State;
use crate::store::{self, Progress, Survey, Surveyed};
use crate::sys::Thread;

/// How often it is looked whether what is waited for has come, at first and later.
const SHORTEST_PAUSE: Duration = Duration::from_micros(200);
const LONGEST_PAUSE: Duration = Duration::from_millis(5);

/// Waits until the global object is in this state and its clients have returned from all notifications of that. `Timeout` if
/// that takes longer; `Pending` on a thread that delivers notifications, which could wait for itself.
pub(crate) fn wait_for_state(name: &Name, state: State, timeout: Duration) -> Result<(), Error> {
    refuse_in_callback()?;
    let object = open_to_wait(name)?;
    let profile = object.profile();
    wait(timeout, || {
        Ok(object.state_bits() == state.bits() && matches!(profile.lock().progress(), None | Some((Progress::Idle, _))))
    })
}

/// Waits until every program that has the profile open has returned from all notifications. The programs that have not, if
/// that takes longer. `Pending` as for `wait_for_state`.
pub(crate) fn settle(name: &Name, timeout: Duration) -> Result<Vec<Surveyed>, Error> {
    refuse_in_callback()?;
    let object = open_to_wait(name)?;
    let profile = object.profile();
    match store::shared_folder() {
        Some(folder) if profile.lock().record.is_shared() => {
            let mut survey = Survey::begin(folder, Some(&name.folded()), timeout)?;
            // This process, too, where it could not be announced.
            let waited = wait(timeout, || {
                let is_idle = matches!(profile.lock().progress(), None | Some((Progress::Idle, _)));
                survey.look().map(|()| is_idle && survey.programs().all(Surveyed::is_idle))
            });
            match waited {
                Err(error) if error.kind() == ErrorKind::Timeout => {
                    Ok(survey.programs().filter(|program| !program.is_idle()).cloned().collect())
                }
                other => other.map(|()| Vec::new()),
            }
        }
        _ => {
            wait(timeout, || Ok(matches!(profile.lock().progress(), None | Some((Progress::Idle, _)))))?;
            Ok(Vec::new())
        }
    }
}

fn wait(timeout: Duration, mut is_over: impl FnMut() -> std::io::Result<bool>) -> Result<(), Error> {
    let begun = Instant::now();
    let mut pause = SHORTEST_PAUSE;
    while !is_over().map_err(store::StoreError::from)? {
        let left = timeout.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Err(ErrorKind::Timeout.into());
        }
        sleep(pause.min(left));
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    Ok(())
}

pub(super) fn refuse_in_callback() -> Result<(), ErrorKind> {
    let mut delivers = false;
    Registry::each(|found| delivers |= found.profile().lock().model.is_delivered_by(Thread::current()));
    if delivers { Err(ErrorKind::Pending) } else { Ok(()) }
}
