//! What the operator of a fleet says about the profiles of a group of machines, and which of several such instructions is in force.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use mapioffline::{State, StateFolder};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::history::What;

const FORMAT: u32 = 1;
/// Behind the group in the key of an instruction about all profiles.
const ALL: &str = "profiles";
/// Behind the group in the key of an instruction about one, before its name.
const ONE: &str = "profile.";
/// By how much the clocks of a cluster's servers may differ.
const CLOCKS: SignedDuration = SignedDuration::from_mins(1);
/// The group of every machine.
pub(crate) const EVERY_MACHINE: &str = "all";

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Instruction {
    /// `Auto` takes back what was said before.
    pub(crate) state: What,
    /// The operator.
    pub(crate) by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
    /// When it ends by itself, by the server's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<Timestamp>,
    /// The same, from when the server stored it, in milliseconds: the operator's clock may be wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lasts: Option<u64>,
}

impl Instruction {
    /// The same, stored at that time: [`lasts`](Self::lasts) has become [`until`](Self::until).
    fn stored(mut self, at: Timestamp) -> Self {
        if let Some(lasts) = self.lasts.take() {
            self.until = Some(at.checked_add(Duration::from_millis(lasts)).unwrap_or(Timestamp::MAX));
        }
        self
    }

    pub(crate) fn is_in_force(&self, now: Timestamp) -> bool {
        self.state != What::Auto && self.until.is_none_or(|until| now < until)
    }
}

/// The value of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Value {
    format: u32,
    /// The profile, as the operator spelled it. `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) profile: Option<String>,
    #[serde(flatten)]
    pub(crate) instruction: Instruction,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) canary: Option<Canary>,
}

/// A part of the group that follows first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Canary {
    /// As the operator said, for people: 0 to 1.
    pub(crate) share: f64,
    /// The machines whose [`place`] is at most this.
    pub(crate) up_to: u32,
    /// What is in force for the others, the revision in which it was said, and when the server stored that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) others: Option<(Instruction, u64, Timestamp)>,
}

impl Canary {
    pub(crate) fn has(&self, group: &str, machine: &str) -> bool {
        place(group, machine) <= self.up_to
    }
}

impl Value {
    pub(crate) fn new(profile: Option<String>, instruction: Instruction, canary: Option<Canary>) -> Self {
        Self { format: FORMAT, profile, instruction, canary }
    }

    /// Reads a value that was stored at that time.
    ///
    /// # Errors
    /// A line that says what is wrong with it.
    pub(crate) fn read(bytes: &[u8], at: Timestamp) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        match serde_json::from_slice::<Format>(bytes) {
            Ok(Format { format }) if format > FORMAT => {
                return Err("it was written by a later version of mapioffline".to_owned());
            }
            _ => {}
        }
        let value: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        Ok(Self { instruction: value.instruction.stored(at), ..value })
    }

    /// What it says to a machine, the revision in which that was said, and when the server stored that. The value itself is of these.
    pub(crate) fn says(
        &self,
        group: &str,
        machine: &str,
        revision: u64,
        at: Timestamp,
    ) -> Option<(&Instruction, u64, Timestamp)> {
        match &self.canary {
            Some(canary) if !canary.has(group, machine) => {
                canary.others.as_ref().map(|(instruction, revision, at)| (instruction, *revision, *at))
            }
            _ => Some((&self.instruction, revision, at)),
        }
    }
}

/// The place of a machine among those of a group: fixed, spread evenly, and another one in each group.
pub(crate) fn place(group: &str, machine: &str) -> u32 {
    let hash = digest(&SHA256, format!("{group}\0{machine}").as_bytes());
    hash.as_ref()[..4].iter().fold(0, |place, byte| place << 8 | u32::from(*byte))
}

/// Up to which place the share of a group goes: at least one of those machines, and otherwise the nearest whole number above it.
pub(crate) fn up_to(group: &str, machines: &[&str], share: f64) -> u32 {
    let mut places: Vec<u32> = machines.iter().map(|machine| place(group, machine)).collect();
    places.sort_unstable();
    // Not one more for a rounding error.
    let count = (share * places.len() as f64 - 1e-9).ceil().max(1.0) as usize;
    // No machine is known: by their probability.
    places.get(count - 1).copied().unwrap_or((share * f64::from(u32::MAX)) as u32)
}

/// A share, as people write it.
pub(crate) fn percent(share: f64) -> String {
    format!("{}%", (share * 1e6).round() / 1e4)
}

/// Whether this can be the name of a group or of a machine: a part of a key.
pub(crate) fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=64).contains(&name.len()) && name.bytes().all(is_plain)
}

/// Another name made one: what cannot be in it becomes a hyphen.
pub(crate) fn made_a_name(text: &str) -> String {
    text.chars().take(64).map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect()
}

/// The key of what is said about one profile of a group, or about all.
///
/// # Errors
/// The name of the profile is not valid.
pub(crate) fn key(group: &str, profile: Option<&str>) -> io::Result<String> {
    Ok(match profile {
        None => format!("{group}.{ALL}"),
        Some(profile) => format!("{group}.{ONE}{}", name_in_key(profile)?),
    })
}

/// All keys of a group.
pub(crate) fn keys(group: &str) -> String {
    format!("{group}.>")
}

/// The group of a key, and the profile as [`name_in_key`]. `None`: it is no key of an instruction.
pub(crate) fn parts(key: &str) -> Option<(&str, Option<&str>)> {
    let (group, about) = key.split_once('.')?;
    match about.strip_prefix(ONE) {
        Some(profile) => Some((group, Some(profile))),
        None => (about == ALL).then_some((group, None)),
    }
}

/// The name of a profile as a part of a key: the same for all its spellings.
pub(crate) fn name_in_key(profile: &str) -> io::Result<String> {
    // The folder does not matter.
    let file = StateFolder::at("").file_name(profile)?;
    let mut name = String::new();
    for byte in file.trim_end_matches(".json").bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'=' => name.push(char::from(byte)),
            other => name += &format!("/{other:02X}"),
        }
    }
    Ok(name)
}

/// A machine of a fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// Its groups, its own name and [`EVERY_MACHINE`] included.
    pub(crate) groups: Vec<String>,
}

impl Member {
    /// The group of a key of an instruction, if the machine is in it.
    pub(crate) fn group_of<'a>(&self, key: &'a str) -> Option<&'a str> {
        let (group, _) = parts(key)?;
        self.groups.iter().any(|own| own == group).then_some(group)
    }
}

/// An instruction that a machine follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InForce {
    pub(crate) key: String,
    pub(crate) revision: u64,
    pub(crate) online: bool,
    pub(crate) by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
}

impl InForce {
    pub(crate) fn state(&self) -> State {
        if self.online { State::Online } else { State::Offline }
    }

    /// Whether it is about this profile, as [`name_in_key`].
    pub(crate) fn is_about(&self, profile: &str) -> bool {
        matches!(parts(&self.key), Some((_, about)) if about.is_none_or(|about| about == profile))
    }
}

/// Of those in force, in their order, the one for a profile.
pub(crate) fn for_profile<'a>(in_force: &'a [InForce], profile: &str) -> Option<&'a InForce> {
    let name = name_in_key(profile).ok()?;
    in_force.iter().find(|instruction| instruction.is_about(&name))
}

/// What a machine has received. It keeps that when the server is out of reach, for a while.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Received {
    values: BTreeMap<String, Said>,
    /// Since when the server has been out of reach.
    #[serde(default)]
    pub(crate) silent: Option<Timestamp>,
    /// When the server was last known to be within reach, about.
    #[serde(default)]
    pub(crate) seen: Option<Timestamp>,
    /// By how much the server's clock is ahead of this machine's, in milliseconds.
    #[serde(default)]
    pub(crate) clock: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Said {
    value: Value,
    revision: u64,
    /// When the server stored it. A server that was set back to an earlier copy uses revisions again.
    at: Timestamp,
    /// When its bucket was created: a new one begins its revisions anew.
    bucket: Timestamp,
    /// Since when the bucket has not had it although no one took it back: the server was wiped, or replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lost: Option<Timestamp>,
}

impl Received {
    /// As an agent finds it that starts: the server has been silent since it was last seen.
    pub(crate) fn of_earlier_agent(mut self) -> Self {
        self.silent = self.silent.or(self.seen);
        self
    }

    /// The time by the server's clock.
    pub(crate) fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        now.checked_add(SignedDuration::from_millis(self.clock)).unwrap_or(now)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &String> {
        self.values.keys()
    }

    /// Takes what a key says. Returns whether that is new.
    pub(crate) fn take(&mut self, key: &str, value: Value, revision: u64, at: Timestamp, bucket: Timestamp) -> bool {
        if self.has_later(key, revision, at, bucket) {
            return false;
        }
        let said = Said { value, revision, at, bucket, lost: None };
        self.values.insert(key.to_owned(), said.clone()) != Some(said)
    }

    /// A key was deleted: what it said is taken back. Returns whether that is new.
    pub(crate) fn remove(&mut self, key: &str, revision: u64, at: Timestamp, bucket: Timestamp) -> bool {
        !self.has_later(key, revision, at, bucket) && self.values.remove(key).is_some()
    }

    /// Whether something later is known of a key: a server of a cluster may be behind the others. What it stored long after that is later all
    /// the same, as it was set back to an earlier copy and uses revisions again.
    fn has_later(&self, key: &str, revision: u64, at: Timestamp, bucket: Timestamp) -> bool {
        let known = self.values.get(key).filter(|known| known.lost.is_none() && known.bucket == bucket);
        known.is_some_and(|known| known.revision > revision && at.duration_since(known.at) <= CLOCKS)
    }

    /// The bucket has revisions only up to this one: it was set back to an earlier copy. Returns the keys that it has lost.
    pub(crate) fn set_back(&mut self, last: u64, bucket: Timestamp, now: Timestamp) -> Vec<String> {
        let later = self.values.iter().filter(|(_, said)| said.bucket == bucket && said.revision > last);
        let mut keys: Vec<String> = later.map(|(key, _)| key.clone()).collect();
        keys.retain(|key| self.lose(key, now));
        keys
    }

    /// The bucket does not have the key, and does not say that it was deleted: since then, or since the server was within reach.
    pub(crate) fn lose(&mut self, key: &str, now: Timestamp) -> bool {
        let Some(said) = self.values.get_mut(key).filter(|said| said.lost.is_none()) else { return false };
        said.lost = self.silent.or(Some(now));
        true
    }

    /// The revision of the bucket that was received last.
    pub(crate) fn revision(&self, bucket: Timestamp) -> u64 {
        let of_bucket = self.values.values().filter(|said| said.bucket == bucket && said.lost.is_none());
        of_bucket.map(|said| said.revision).max().unwrap_or(0)
    }

    /// What is in force for a machine, that which decides first: the last that was said; what a bucket has lost behind that. And when
    /// something of it ends by itself. Times are the server's.
    pub(crate) fn in_force(
        &self,
        member: &Member,
        keep: Duration,
        now: Timestamp,
    ) -> (Vec<InForce>, Option<Timestamp>) {
        let mut found = Vec::new();
        let mut next: Option<Timestamp> = None;
        for (key, said) in &self.values {
            let Some(group) = member.group_of(key) else { continue };
            let says = said.value.says(group, &member.name, said.revision, said.at);
            let Some((instruction, revision, _)) = says else { continue };
            // What has come since then, as where only another group is out of reach, is kept from then on.
            let silent = [said.lost, self.silent].into_iter().flatten().min().map(|since| since.max(said.at));
            let kept_until = silent.map(|since| since.checked_add(keep).unwrap_or(Timestamp::MAX));
            if !instruction.is_in_force(now) || kept_until.is_some_and(|until| until <= now) {
                continue;
            }
            let end = [instruction.until, kept_until].into_iter().flatten().min();
            let online = instruction.state == What::Online;
            next = [next, end].into_iter().flatten().min();
            let Instruction { by, why, .. } = instruction.clone();
            let in_force = InForce { key: key.clone(), revision, online, by, why };
            found.push(((said.lost.is_none(), said.bucket, revision), in_force));
        }
        found.sort_by_key(|(order, _)| Reverse(*order));
        (found.into_iter().map(|(_, instruction)| instruction).collect(), next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Duration = Duration::from_secs(1000);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn said(state: What, until: Option<i64>) -> Value {
        let by = "alice".to_owned();
        Value::new(None, Instruction { state, by, why: None, until: until.map(at), lasts: None }, None)
    }

    fn member(name: &str) -> Member {
        Member { name: name.to_owned(), groups: ["all", "lab", name].map(str::to_owned).to_vec() }
    }

    /// Which state, and by which key, for the profile Outlook.
    fn decided(received: &Received, now: i64) -> Option<(State, String)> {
        let (in_force, _) = received.in_force(&member("pc-1"), KEEP, at(now));
        for_profile(&in_force, "outlook").map(|instruction| (instruction.state(), instruction.key.clone()))
    }

    fn is(state: State, key: &str) -> Option<(State, String)> {
        Some((state, key.to_owned()))
    }

    #[test]
    fn the_last_instruction_decides_whatever_its_group() {
        let mut received = Received::default();
        assert_eq!(decided(&received, 0), None);
        received.take("all.profiles", said(What::Offline, None), 1, at(1), at(0));
        assert_eq!(decided(&received, 0), is(State::Offline, "all.profiles"));
        received.take("lab.profile.OUTLOOK", said(What::Online, Some(50)), 2, at(2), at(0));
        received.take("lab.profile.OTHER", said(What::Offline, None), 3, at(3), at(0));
        received.take("office.profiles", said(What::Offline, None), 4, at(4), at(0));
        assert_eq!(decided(&received, 49), is(State::Online, "lab.profile.OUTLOOK"));
        // It has ended: the one before is in force.
        assert_eq!(decided(&received, 50), is(State::Offline, "all.profiles"));
        received.take("pc-1.profiles", said(What::Online, None), 5, at(5), at(0));
        assert_eq!(decided(&received, 50), is(State::Online, "pc-1.profiles"));
        received.take("all.profiles", said(What::Offline, None), 6, at(6), at(0));
        assert_eq!(decided(&received, 50), is(State::Offline, "all.profiles"));
        received.take("all.profiles", said(What::Auto, None), 7, at(7), at(0));
        // A server that is behind the others takes nothing back.
        assert!(!received.remove("pc-1.profiles", 4, at(4), at(0)));
        assert_eq!(decided(&received, 50), is(State::Online, "pc-1.profiles"));
        assert!(received.remove("pc-1.profiles", 8, at(8), at(0)));
        assert_eq!(decided(&received, 50), None);
        // What comes late changes nothing.
        assert!(!received.take("all.profiles", said(What::Offline, None), 6, at(6), at(0)));
        assert_eq!(received.revision(at(0)), 7);
    }

    #[test]
    fn without_the_server_the_last_instruction_ends_after_a_while() {
        let mut received = Received::default();
        received.take("all.profiles", said(What::Offline, Some(5000)), 1, at(1), at(0));
        received.silent = Some(at(100));
        let (_, next) = received.in_force(&member("pc-1"), KEEP, at(200));
        assert_eq!(next, Some(at(1100)));
        assert_eq!(decided(&received, 1099), is(State::Offline, "all.profiles"));
        assert_eq!(decided(&received, 1100), None);
        // Only another group is out of reach.
        received.take("lab.profiles", said(What::Online, None), 2, at(600), at(0));
        assert_eq!(decided(&received, 1599), is(State::Online, "lab.profiles"));
        assert_eq!(decided(&received, 1600), None);
        received.take("lab.profiles", said(What::Auto, None), 3, at(700), at(0));
        received.silent = None;
        assert_eq!(decided(&received, 4999), is(State::Offline, "all.profiles"));
        assert_eq!(decided(&received, 5000), None);
    }

    #[test]
    fn a_bucket_that_was_wiped_takes_nothing_back_at_once() {
        let mut received = Received::default();
        received.take("all.profiles", said(What::Offline, None), 70, at(70), at(0));
        received.take("lab.profiles", said(What::Offline, None), 71, at(71), at(0));
        assert!(received.lose("all.profiles", at(100)) && !received.lose("all.profiles", at(200)));
        received.lose("lab.profiles", at(100));
        assert_eq!(decided(&received, 1099), is(State::Offline, "lab.profiles"));
        // The new one begins with revision 1, and decides.
        assert!(received.take("all.profiles", said(What::Online, None), 1, at(1), at(90)));
        assert_eq!(decided(&received, 1099), is(State::Online, "all.profiles"));
        received.take("all.profiles", said(What::Auto, None), 2, at(2), at(90));
        assert_eq!(decided(&received, 1099), is(State::Offline, "lab.profiles"));
        assert_eq!(decided(&received, 1100), None);
        assert_eq!(received.revision(at(90)), 2);
    }

    #[test]
    fn a_server_that_was_set_back_is_followed_again() {
        let mut received = Received::default();
        received.take("lab.profiles", said(What::Offline, None), 70, at(70), at(0));
        received.take("all.profiles", said(What::Offline, None), 71, at(71), at(0));
        // What it has lost takes nothing back; what is said then does, although its revision is smaller.
        assert_eq!(received.set_back(65, at(0), at(80)), ["all.profiles", "lab.profiles"]);
        assert_eq!(received.set_back(65, at(0), at(81)), [""; 0]);
        assert_eq!(decided(&received, 90), is(State::Offline, "all.profiles"));
        assert_eq!(received.revision(at(0)), 0);
        assert!(received.take("pc-1.profiles", said(What::Online, None), 66, at(90), at(0)));
        assert_eq!(decided(&received, 90), is(State::Online, "pc-1.profiles"));
        assert!(received.take("pc-1.profiles", said(What::Auto, None), 67, at(91), at(0)));
        assert_eq!(decided(&received, 91), is(State::Offline, "all.profiles"));
        assert_eq!(received.revision(at(0)), 67);
        // A machine was away until the server had as many revisions again.
        received.take("lab.profiles", said(What::Offline, None), 100, at(200), at(0));
        assert_eq!(received.set_back(150, at(0), at(300)), [""; 0]);
        assert!(!received.take("lab.profiles", said(What::Online, None), 90, at(201), at(0)));
        assert!(received.take("lab.profiles", said(What::Online, None), 90, at(300), at(0)));
        assert_eq!(decided(&received, 300), is(State::Online, "lab.profiles"));
    }

    #[test]
    fn a_leader_whose_clock_is_behind_is_followed() {
        let mut received = Received::default();
        received.take("lab.profiles", said(What::Offline, None), 70, at(10_000), at(0));
        received.take("all.profiles", said(What::Offline, None), 71, at(10_001), at(0));
        // By half a minute, and by hours.
        for (state, revision, second) in [(What::Online, 72, 9970), (What::Offline, 73, 100)] {
            assert!(received.take("lab.profiles", said(state, None), revision, at(second), at(0)));
            assert_eq!(decided(&received, 102).unwrap().1, "lab.profiles");
            assert_eq!(received.revision(at(0)), revision);
        }
        assert_eq!(decided(&received, 102), is(State::Offline, "lab.profiles"));
        // An answer of a server that has not received it.
        assert!(!received.take("lab.profiles", said(What::Online, None), 72, at(101), at(0)));
    }

    #[test]
    fn a_canary_is_as_large_as_asked_and_the_others_keep_what_they_had() {
        let names: Vec<String> = (0..200).map(|index| format!("pc-{index}")).collect();
        let machines: Vec<&str> = names.iter().map(String::as_str).collect();
        let count = |up_to| machines.iter().filter(|machine| place("lab", machine) <= up_to).count();
        for (share, expected) in [(0.05, 10), (0.001, 1), (0.333, 67), (1.0, 200)] {
            assert_eq!(count(up_to("lab", &machines, share)), expected, "{share}");
        }
        // A larger one has all of a smaller one. None is known: about as many.
        assert!(up_to("lab", &machines, 0.05) < up_to("lab", &machines, 0.1));
        assert!((10..=30).contains(&count(up_to("lab", &[], 0.1))));

        let first = said(What::Offline, None);
        let others = Some((first.instruction, 1, at(1)));
        let canary = Canary { share: 0.05, up_to: up_to("lab", &machines, 0.05), others };
        let value = Value { canary: Some(canary), ..said(What::Online, None) };
        let states = machines
            .iter()
            .map(|machine| value.says("lab", machine, 2, at(2)).map(|(said, revision, _)| (said.state, revision)));
        let states: Vec<_> = states.collect();
        assert_eq!(states.iter().filter(|state| **state == Some((What::Online, 2))).count(), 10);
        assert_eq!(states.iter().filter(|state| **state == Some((What::Offline, 1))).count(), 190);
        assert_eq!(Value::read(&serde_json::to_vec(&value).unwrap(), at(0)).unwrap(), value);
    }

    #[test]
    fn keys_are_the_same_for_all_spellings_of_a_name() {
        assert_eq!(key("lab", None).unwrap(), "lab.profiles");
        assert_eq!(key("lab", Some("Work mail")).unwrap(), "lab.profile.WORK/2BMAIL");
        assert_eq!(key("lab", Some("jo@example.com")).unwrap(), "lab.profile.JO/40EXAMPLE/2ECOM");
        assert_eq!(parts("lab.profile.WORK/2BMAIL"), Some(("lab", Some("WORK/2BMAIL"))));
        assert_eq!([parts("lab"), parts("lab.other")], [None, None]);
        assert!(key("lab", Some("")).is_err());
        assert!(is_name("pc-1_A") && !is_name("pc.1") && !is_name("") && !is_name("*") && !is_name(">"));
        assert_eq!(made_a_name("pc1.example.com"), "pc1-example-com");
    }

    #[test]
    fn what_is_no_instruction_is_said_to_be_none() {
        let read = |text: &[u8]| Value::read(text, at(0));
        assert!(read(b"{\"format\":2}").unwrap_err().contains("later version"));
        assert!(read(b"offline").is_err());
        assert!(read(b"{\"format\":1,\"state\":\"away\"}").is_err());
    }

    #[test]
    fn a_duration_begins_when_the_server_has_stored_it() {
        let value = said(What::Offline, None);
        let value = Value { instruction: Instruction { lasts: Some(2500), ..value.instruction }, ..value };
        let read = Value::read(&serde_json::to_vec(&value).unwrap(), at(100)).unwrap();
        assert_eq!(read.instruction.until, Some(at(102).checked_add(Duration::from_millis(500)).unwrap()));
        assert!(read.instruction.is_in_force(at(102)) && !read.instruction.is_in_force(at(103)));
    }
}
