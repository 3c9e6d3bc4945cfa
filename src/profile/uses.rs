//! What this process does with profiles, for those who ask.
#![forbid(unsafe_code)]

use super::profile::{Profile, ProfileState};
use super::registry::Registry;
use crate::change::Phase;
use crate::model::Activity;
use crate::name::Name;
use crate::state::State;
use crate::store::{MOST_PROFILES, ProfileUse, Progress};

/// What this process does with the profile of this folded name, or with all, if it has them open and shares them.
pub(super) fn uses(folded: Option<&Name>) -> Vec<ProfileUse> {
    let mut uses = Vec::new();
    let mut add = |profile: &Profile| {
        if uses.len() < MOST_PROFILES {
            uses.extend(profile.lock().shared_use());
        }
    };
    match folded {
        Some(folded) => Registry::find_folded(folded).iter().for_each(|found| add(found.profile())),
        None => Registry::each(|found| add(found.profile())),
    }
    uses
}

impl ProfileState {
    fn shared_use(&self) -> Option<ProfileUse> {
        let (progress, registrations) = self.progress()?;
        let state = self.model.global_object().and_then(|object| State::from_bits(object.state_bits()));
        let since = if progress == Progress::Idle { self.opened_at } else { self.busy_since };
        self.record.is_shared().then(|| ProfileUse {
            profile: self.name().to_string(),
            state: state.unwrap_or(self.model.recorded()),
            registrations: registrations as u64,
            changes: self.model.transitions(),
            progress,
            since,
        })
    }

    /// How far the global object's tree is, and how many registrations it has. `None` if there is none.
    pub(super) fn progress(&self) -> Option<(Progress, usize)> {
        let (activity, registrations) = self.model.activity()?;
        let progress = match activity {
            Activity::Running(Phase::Start) => Progress::Start,
            Activity::Running(Phase::Change) => Progress::Change,
            Activity::Running(Phase::Done) => Progress::Done,
            Activity::Idle if self.record.needs_retry() => Progress::Unreadable,
            Activity::Idle if !self.follow_after_write => Progress::Idle,
            Activity::Accepted | Activity::Idle => Progress::Pending,
        };
        Some((progress, registrations))
    }
}
