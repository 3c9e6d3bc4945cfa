//! The faults that may happen in this process: its own, and those that its state folder asks for.
#![forbid(unsafe_code)]

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use super::clock::{Delay, Moment, sleep};
use super::definition::{Effect, Entry, EntryEffect, Fault, NotifyEffect, Reason, kind_of};
use crate::change::Phase;
use crate::error::Error;
use crate::name::Name;
use crate::state::{Capabilities, State};
use crate::sync::lock;

/// There are faults. Looked at by every call that a fault may concern.
static ARMED: AtomicBool = AtomicBool::new(false);
/// The number of the last fault of this process's own.
static LAST: AtomicU32 = AtomicU32::new(0);
/// Locked under a profile's lock at most, and for no longer than it takes to go through the faults.
static SET: Mutex<Set> = Mutex::new(Set { faults: Vec::new(), stored: String::new() });

struct Set {
    faults: Vec<Active>,
    /// The file of the state folder as it was read last.
    stored: String,
}

struct Active {
    fault: Fault,
    /// Of a fault of this process's own, or the line of the file.
    number: u32,
    is_stored: bool,
    /// Calls together, and the notifications of each profile by themselves.
    seen: Vec<Seen>,
    first: Option<Moment>,
}

/// What a fault has concerned: for notifications, each phase and state by itself; for calls the first.
struct Seen {
    profile: Option<Name>,
    counts: [Counts; 6],
}

/// How many calls a fault has concerned, and at how many it happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) calls: u32,
    pub(crate) times: u32,
}

/// What the notifications of a phase are like.
#[derive(Clone, Copy)]
pub(crate) struct Manner {
    /// Bits of the mask that clients do not know.
    pub(crate) bits: u32,
    /// The type of a notification that precedes.
    pub(crate) unknown: Option<u32>,
}

/// Whether any fault may happen: one load.
#[inline(always)]
pub(crate) fn may_happen() -> bool {
    ARMED.load(Ordering::Relaxed)
}

/// Adds a fault of this process's own. Its number.
pub(crate) fn add(fault: Fault) -> u32 {
    let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    let mut set = lock(&SET);
    set.faults.push(Active::new(fault, number, false));
    set.arm();
    number
}

/// Removes a fault of this process's own, or all of them. False: there is none of this number.
pub(crate) fn remove(number: Option<u32>) -> bool {
    let mut set = lock(&SET);
    let before = set.faults.len();
    set.faults.retain(|active| active.is_stored || number.is_some_and(|number| active.number != number));
    set.arm();
    number.is_none() || set.faults.len() < before
}

/// What a fault of this process's own has done.
pub(crate) fn counts(number: u32) -> Option<Counts> {
    lock(&SET).faults.iter().find(|active| !active.is_stored && active.number == number).map(Active::counts)
}

/// What the faults of the state folder have done here, by their lines.
pub(crate) fn stored_counts() -> Vec<(u32, Counts)> {
    let set = lock(&SET);
    set.faults.iter().filter(|active| active.is_stored).map(|active| (active.number, active.counts())).collect()
}

/// Takes the faults of the state folder: one a line; an empty line, and one that begins with #, is none. A fault whose line is as it
/// was goes on. What is wrong in which line, for the log; `None`: nothing has changed.
pub(crate) fn set_stored(text: &str) -> Option<Vec<String>> {
    let mut set = lock(&SET);
    if set.stored == text {
        return None;
    }
    text.clone_into(&mut set.stored);
    let (mut stored, mut faults): (Vec<_>, Vec<_>) =
        mem::take(&mut set.faults).into_iter().partition(|active| active.is_stored);
    let mut wrong = Vec::new();
    for (number, line) in lines(text) {
        match line.parse::<Fault>() {
            Ok(fault) => {
                let known = stored.iter().position(|active| active.number == number && active.fault == fault);
                faults.push(match known {
                    Some(known) => stored.swap_remove(known),
                    None => Active::new(fault, number, true),
                });
            }
            Err(error) => wrong.push(format!("line {number}: {error}")),
        }
    }
    set.faults = faults;
    set.arm();
    Some(wrong)
}

/// The lines of a file that have a fault, or should, and their numbers.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (u32, &str)> {
    // As some editors begin a file.
    let text = text.trim_start_matches('\u{feff}');
    (1..).zip(text.lines().map(str::trim)).filter(|(_, line)| is_fault(line))
}

/// Whether a line is none that is empty, or a comment.
pub(crate) fn is_fault(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}

/// A call of a client's may be delayed, or fail. Called with no lock held.
#[inline(always)]
pub(crate) fn check_entry(entry: Entry, profile: impl FnOnce() -> Name) -> Result<(), Error> {
    if may_happen() { happen_to(entry, profile) } else { Ok(()) }
}

#[cold]
#[inline(never)]
fn happen_to(entry: Entry, profile: impl FnOnce() -> Name) -> Result<(), Error> {
    happen(entry, &profile())
}

#[inline(never)]
fn happen(entry: Entry, profile: &Name) -> Result<(), Error> {
    let (mut delay, mut failure) = (Duration::ZERO, None);
    let begun = each(profile, |active, _| {
        if let Effect::Entry(of, effect) = active.fault.effect
            && of == entry
            && active.happens(None, 0)
        {
            match effect {
                EntryEffect::Delay(by) => delay += by,
                EntryEffect::Fail(hresult) => drop(failure.get_or_insert_with(|| (hresult, active.fault.to_string()))),
            }
        }
    });
    sleep(Delay { begun, by: delay }, may_happen);
    match failure {
        Some((hresult, text)) => Err(Error::with_cause(kind_of(hresult), std::io::Error::other(Reason(text)))),
        None => Ok(()),
    }
}

/// How late a phase of a profile's change begins, which comes next.
pub(crate) fn delay(profile: &Name, phase: Phase, to: State) -> Delay {
    late(profile, phase, to, |effect| if let NotifyEffect::Delay(by) = effect { Some(by) } else { None })
}

/// How late clients are entered in a phase. Called when the first one is about to be, which Unadvise cannot keep back any more.
pub(crate) fn hold(profile: &Name, phase: Phase, to: State) -> Delay {
    late(profile, phase, to, |effect| if let NotifyEffect::Hold(by) = effect { Some(by) } else { None })
}

fn late(profile: &Name, phase: Phase, to: State, of: impl Fn(NotifyEffect) -> Option<Duration>) -> Delay {
    let mut by = Duration::ZERO;
    let begun =
        each_of_phase(profile, phase, to, |effect| of(effect).is_some(), |effect| by += of(effect).unwrap_or_default());
    Delay { begun, by }
}

/// What the notifications of a phase are like. Called before the first one.
pub(crate) fn manner(profile: &Name, phase: Phase, to: State) -> Manner {
    let mut manner = Manner { bits: 0, unknown: None };
    let is_about = |effect| matches!(effect, NotifyEffect::Bits(_) | NotifyEffect::Type(_));
    each_of_phase(profile, phase, to, is_about, |effect| match effect {
        NotifyEffect::Bits(bits) => manner.bits |= bits,
        NotifyEffect::Type(kind) => manner.unknown = Some(kind),
        NotifyEffect::Delay(_) | NotifyEffect::Hold(_) => {}
    });
    manner
}

/// The effects on a phase that happen now, of those that are `wanted`, and when that is.
fn each_of_phase(
    profile: &Name,
    phase: Phase,
    to: State,
    wanted: impl Fn(NotifyEffect) -> bool,
    mut with: impl FnMut(NotifyEffect),
) -> Moment {
    let slot = phase as usize * 2 + usize::from(to == State::Online);
    each(profile, |active, folded| {
        if let Effect::Notify(of, effect) = active.fault.effect
            && of.is_none_or(|of| of == phase)
            && wanted(effect)
            && active.happens(Some(folded), slot)
        {
            with(effect);
        }
    })
}

/// What the capabilities of a profile's global object are restricted to.
pub(crate) fn capabilities(profile: &Name) -> Capabilities {
    let mut left = Capabilities::ALL;
    if may_happen() {
        each(profile, |active, _| {
            if let Effect::Capabilities(only) = active.fault.effect {
                left = left.and(only);
            }
        });
    }
    left
}

/// Whether the profile is found only if it was created.
pub(crate) fn is_strict(profile: &Name) -> bool {
    let mut is_strict = false;
    if may_happen() {
        each(profile, |active, _| is_strict |= active.fault.effect == Effect::StrictHosting);
    }
    is_strict
}

/// The faults that concern the profile, with its folded name. The moment is one at which a test could not see yet what they count.
fn each(profile: &Name, mut with: impl FnMut(&mut Active, &Name)) -> Moment {
    let folded = profile.folded();
    let concerned = |active: &&mut Active| active.fault.profile.is_none_or(|profile| profile == folded);
    let mut set = lock(&SET);
    set.faults.iter_mut().filter(concerned).for_each(|active| with(active, &folded));
    Moment::now()
}

impl Set {
    fn arm(&self) {
        ARMED.store(!self.faults.is_empty(), Ordering::SeqCst);
    }
}

impl Active {
    fn new(fault: Fault, number: u32, is_stored: bool) -> Self {
        Self { fault, number, is_stored, seen: Vec::new(), first: None }
    }

    /// Counts a call, or a phase of a profile's change, and decides whether the fault happens at it.
    fn happens(&mut self, profile: Option<&Name>, slot: usize) -> bool {
        let when = self.fault.when;
        let first = *self.first.get_or_insert_with(Moment::now);
        let known = self.seen.iter().position(|seen| seen.profile.as_ref() == profile).unwrap_or_else(|| {
            self.seen.push(Seen { profile: profile.copied(), counts: [Counts::default(); 6] });
            self.seen.len() - 1
        });
        let seen = &mut self.seen[known].counts[slot];
        seen.calls = seen.calls.saturating_add(1);
        let happens = when.on.is_none_or(|on| seen.calls == on)
            && seen.calls >= when.from
            && seen.calls.is_multiple_of(when.every)
            && seen.times < when.times
            && when.lasting.is_none_or(|lasting| first.elapsed() < lasting)
            && is_chosen(when.seed, slot, seen.calls, when.chance);
        seen.times += u32::from(happens);
        happens
    }

    fn counts(&self) -> Counts {
        let sum = |sum: Counts, seen: &Counts| Counts {
            calls: sum.calls.saturating_add(seen.calls),
            times: sum.times.saturating_add(seen.times),
        };
        self.seen.iter().flat_map(|seen| &seen.counts).fold(Counts::default(), sum)
    }
}

/// Chance, the same in every run: of a hundred calls so many.
fn is_chosen(seed: u32, slot: usize, call: u32, chance: u32) -> bool {
    // SplitMix64's finaliser.
    let mut mixed =
        (u64::from(seed) << 32 | u64::from(call)).wrapping_add(slot as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed ^ mixed >> 31) % 100 < u64::from(chance)
}

/// Locks the faults around a fork.
pub(crate) fn lock_for_fork() -> ForkGuard {
    ForkGuard { _set: lock(&SET) }
}

pub(crate) struct ForkGuard {
    _set: MutexGuard<'static, Set>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn active(text: &str) -> Active {
        Active::new(text.parse().unwrap(), 1, false)
    }

    fn happening(text: &str, calls: u32) -> Vec<u32> {
        let mut active = active(text);
        (1..=calls).filter(|_| active.happens(None, 0)).collect()
    }

    #[test]
    fn conditions_say_at_which_calls_a_fault_happens() {
        let calls = |text: &str| {
            let mut active = active(text);
            (1..=12).filter(|_| active.happens(None, 0)).collect::<Vec<u32>>()
        };
        assert_eq!(calls("open fails E_FAIL").len(), 12);
        for (when, expected) in [
            ("on 3", &[3][..]),
            ("from 4", &[4, 5, 6, 7, 8, 9, 10, 11, 12]),
            ("times 2", &[1, 2]),
            ("from 4 times 2", &[4, 5]),
            ("every 3", &[3, 6, 9, 12]),
            ("every 3 times 2", &[3, 6]),
            ("from 4 every 3", &[6, 9, 12]),
            ("every 3 from 4", &[6, 9, 12]),
            ("every 3 from 1", &[3, 6, 9, 12]),
            ("on 4 times 3", &[4]),
            ("times 3 on 4", &[4]),
            ("on 3 every 2", &[]),
        ] {
            assert_eq!(calls(&format!("open fails E_FAIL {when}")), expected, "{when}");
        }
        assert!(calls("open fails E_FAIL for 0ms").is_empty());
    }

    #[test]
    fn chance_is_about_what_it_says_and_the_same_in_every_run() {
        for (percent, seed) in [(1, 0), (30, 0), (30, 1), (99, 7)] {
            let text = format!("open fails E_FAIL chance {percent}% seed {seed}");
            let times = happening(&text, 10_000).len();
            let expected = percent * 100;
            assert!(times.abs_diff(expected) < 200, "{text}: {times}");
            assert_eq!(happening(&text, 1000), happening(&text, 1000));
        }
        assert_ne!(
            happening("open fails E_FAIL chance 50%", 100),
            happening("open fails E_FAIL chance 50% seed 1", 100)
        );
    }

    #[test]
    fn notifications_are_counted_by_profile_phase_and_state() {
        let mut active = active("notify bits 0x4 on 2");
        let profiles = ["A", "B"].map(|name| Name::from_utf8(name.bytes()).unwrap());
        for (profile, slot) in profiles.iter().flat_map(|profile| [0, 3, 5].map(|slot| (Some(profile), slot))) {
            assert!(!active.happens(profile, slot) && active.happens(profile, slot) && !active.happens(profile, slot));
        }
        assert_eq!(active.counts(), Counts { calls: 18, times: 6 });
    }
}
