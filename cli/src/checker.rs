//! What a trace says of a client: its misuse of the API.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::rule::Rule;
use crate::trace::{Call, Line, Unknown, What};

const BLOCK: u64 = 0x2000;
const E_PENDING: u64 = 0x8000_000A;
/// A count that has come to zero and been released once more is far above any that was counted.
const NO_COUNT: u64 = 1 << 28;

/// A misuse, and how often it occurred.
#[derive(Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) rule: Rule,
    pub(crate) pid: u32,
    /// The thread on which it occurred first.
    pub(crate) thread: u64,
    pub(crate) count: u64,
    pub(crate) what: String,
}

/// Reads a trace, line by line.
pub(crate) struct Checker {
    limit: Duration,
    processes: BTreeMap<u32, Process>,
    /// By rule, process and text: the first thread and the count.
    findings: BTreeMap<(Rule, u32, String), (u64, u64)>,
}

/// What is known of a process.
#[derive(Default)]
struct Process {
    /// By interface pointer. The library keeps the memory of each, so that no other object gets its address.
    objects: HashMap<u64, Object>,
    tokens: HashMap<u64, Registration>,
    /// Requests that were refused by E_PENDING, by profile and state: the thread and the line.
    pending: BTreeMap<String, (u64, String)>,
    /// Sinks whose count has come to zero, and how often since the last Advise.
    dead_sinks: BTreeMap<u64, u32>,
    /// Notifications of such sinks: the thread and the count.
    miscounted: BTreeMap<u64, (u64, u64)>,
    /// By thread: the calls of the Notify that it is in.
    in_notify: HashMap<u64, Vec<String>>,
    /// By sink, its client token and change: how often it was notified, and how often it called the library meanwhile.
    reactions: BTreeMap<About, Reactions>,
    /// It has exited, and was not killed: what is left is left by the client.
    exited: bool,
}

/// A sink, its client token, and a change.
type About = (u64, u64, String);

/// What a sink did about the notifications of a change.
#[derive(Default)]
struct Reactions {
    thread: u64,
    /// Of those that are as usual.
    usual: Reaction,
    /// Of those with bits that clients do not know.
    with_bits: Reaction,
}

#[derive(Default)]
struct Reaction {
    notified: u64,
    called: u64,
}

impl Reaction {
    /// Twice at least: once may be a coincidence.
    fn always(&self) -> bool {
        self.notified >= 2 && self.called == self.notified
    }

    fn never(&self) -> bool {
        self.notified >= 2 && self.called == 0
    }
}

#[derive(Default)]
struct Object {
    /// How the client got it. `None`: by QueryInterface of an aggregate, which counts elsewhere.
    opened: Option<(u64, String)>,
    given: u64,
    released: u64,
    ended: bool,
}

struct Registration {
    object: u64,
    thread: u64,
    line: String,
    ended: bool,
}

impl Checker {
    /// `limit`: how long Notify may take.
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, processes: BTreeMap::new(), findings: BTreeMap::new() }
    }

    /// What is wrong in the trace.
    pub(crate) fn check(mut self, text: &str) -> Vec<Finding> {
        // One that is not whole is the last of a process that was killed.
        for line in text.split_inclusive('\n').filter_map(|line| Line::parse(line.strip_suffix('\n')?)) {
            self.line(&line);
        }
        self.end();
        let findings = self.findings.into_iter();
        findings.map(|((rule, pid, what), (thread, count))| Finding { rule, pid, thread, count, what }).collect()
    }

    fn find(&mut self, rule: Rule, line: &Line, what: String) {
        self.note(rule, line.pid, line.thread, what);
    }

    fn note(&mut self, rule: Rule, pid: u32, thread: u64, what: String) {
        self.findings.entry((rule, pid, what)).or_insert((thread, 0)).1 += 1;
    }

    fn line(&mut self, line: &Line) {
        let process = self.processes.entry(line.pid).or_default();
        match &line.what {
            What::Notify { sink, client_token, microseconds, change, unknown } => {
                let calls = process.in_notify.remove(&line.thread).unwrap_or_default();
                if process.dead_sinks.contains_key(sink) {
                    process.miscounted.entry(*sink).or_insert((line.thread, 0)).1 += 1;
                }
                let took = Duration::from_micros(*microseconds);
                if took > self.limit {
                    let what = format!("Notify of sink {sink:#x} took longer than {:?}", self.limit);
                    self.find(Rule::SlowNotify, line, what);
                }
                self.react(line, (*sink, *client_token, change.clone()), *unknown, &calls);
            }
            What::SinkReleased { sink, left: 0 } => {
                *process.dead_sinks.entry(*sink).or_default() += 1;
                // Another sink may get the address.
                let (of_sink, others) =
                    std::mem::take(&mut process.reactions).into_iter().partition(|((of, ..), _)| of == sink);
                process.reactions = others;
                self.compare(line.pid, of_sink);
            }
            What::SinkReleased { .. } => {}
            What::Call(call) => self.call(line, call),
        }
    }

    /// A sink was notified, and made these calls meanwhile.
    fn react(&mut self, line: &Line, about: About, unknown: Unknown, calls: &[String]) {
        if unknown == Unknown::Type {
            // One that only looks may do so before it asks for the type.
            let acts = calls.iter().filter(|name| ["SetCurrentState", "Advise", "Unadvise"].contains(&name.as_str()));
            for name in acts {
                let what = format!("{name} in Notify of a notification whose type is not known");
                self.find(Rule::UnknownType, line, what);
            }
            return;
        }
        let process = self.processes.entry(line.pid).or_default();
        let reactions = process.reactions.entry(about).or_default();
        reactions.thread = line.thread;
        let reaction = if unknown == Unknown::Bits { &mut reactions.with_bits } else { &mut reactions.usual };
        reaction.notified += 1;
        reaction.called += u64::from(!calls.is_empty());
    }

    /// Whether sinks did the same with and without unknown bits.
    fn compare(&mut self, pid: u32, reactions: BTreeMap<About, Reactions>) {
        for ((sink, _, change), Reactions { thread, usual, with_bits }) in reactions {
            let does = match () {
                () if usual.always() && with_bits.never() => "does not call",
                () if usual.never() && with_bits.always() => "calls",
                () => continue,
            };
            let what = format!("sink {sink:#x} {does} the library if ulMask has bits that it does not know: {change}");
            let found = self.findings.entry((Rule::UnknownBits, pid, what)).or_insert((thread, 0));
            found.1 += with_bits.notified;
        }
    }

    fn call(&mut self, line: &Line, call: &Call) {
        let what = |words: &str| format!("{words}: {}", line.text);
        let waits = matches!(call.name, "SetCurrentState" if call.argument(1) & BLOCK != 0)
            || matches!(call.name, "MapiOfflineDispatch" if call.argument(1) != 0)
            || call.name.starts_with("MapiOfflineWait")
            || call.name.starts_with("MapiOfflineSettle");
        if line.in_notify && waits {
            self.find(Rule::BlockInNotify, line, without_pointers(line.text));
        }
        if let Some(reason) = call.reason.filter(|reason| !reason.contains(": fault: ")) {
            self.find(Rule::InvalidArgument, line, format!("{}: {reason}", call.name));
        }
        let process = self.processes.entry(line.pid).or_default();
        if line.in_notify && !matches!(call.name, "QueryInterface" | "AddRef" | "Release") {
            process.in_notify.entry(line.thread).or_default().push(call.name.to_owned());
        }
        let this = call.argument(0);
        let mut wrong = None;
        match call.name {
            "AddRef" | "Release" => {
                let object = process.objects.entry(this).or_default();
                if call.result >= NO_COUNT {
                    wrong = Some((Rule::UsedAfterRelease, what("it has no reference any more")));
                } else if call.name == "AddRef" {
                    object.given += 1;
                } else {
                    object.released += 1;
                    if call.result == 0 {
                        object.ended = true;
                        process
                            .tokens
                            .values_mut()
                            .filter(|token| token.object == this)
                            .for_each(|token| token.ended = true);
                    }
                }
            }
            // These call clients, which may release the object meanwhile: the library says whether that was so before.
            "SetCurrentState" | "Advise" | "Unadvise" if call.after_release => {
                wrong = Some((Rule::UsedAfterRelease, what("its last reference was released")));
            }
            "QueryInterface" | "GetCapabilities" | "GetCurrentState" | "Placeholder"
                if process.objects.get(&this).is_some_and(|object| object.ended) =>
            {
                wrong = Some((Rule::UsedAfterRelease, what("its last reference was released")));
            }
            "QueryInterface" => {
                if let Some(given) = call.object {
                    process.objects.entry(given).or_default().given += 1;
                }
            }
            "Advise" => {
                if let Some(token) = call.token {
                    let line_ = without_pointers(line.text);
                    let registration = Registration { object: this, thread: line.thread, line: line_, ended: false };
                    process.tokens.insert(token, registration);
                    // The same address may be that of another sink by now.
                    process.dead_sinks.clear();
                }
            }
            "Unadvise" => {
                let token = call.argument(2);
                let why = match process.tokens.get_mut(&token) {
                    Some(found) if found.object == this && !found.ended => {
                        found.ended = true;
                        None
                    }
                    Some(found) if found.object == this => Some("the registration has ended already"),
                    Some(_) => Some("the registration is another object's"),
                    None if token == 0 => None,
                    // A forked child has what its parent has advised.
                    None if process.objects.get(&this).is_none_or(|object| object.opened.is_none()) => None,
                    None => Some("no Advise has given this token"),
                };
                wrong = why.map(|why| (Rule::WrongToken, what(why)));
            }
            "SetCurrentState" => {
                let request = call.request.unwrap_or_default();
                if call.result == 0 {
                    process.pending.remove(request);
                } else if call.result == E_PENDING && !(line.in_notify && waits) {
                    process
                        .pending
                        .entry(request.to_owned())
                        .or_insert_with(|| (line.thread, without_pointers(line.text)));
                }
            }
            "Exit" => process.exited = true,
            _ => {
                if let Some(given) = call.object {
                    let object = process.objects.entry(given).or_default();
                    object.opened.get_or_insert_with(|| (line.thread, without_pointers(line.text)));
                    object.given += 1;
                }
            }
        }
        if let Some((rule, what)) = wrong {
            self.find(rule, line, what);
        }
    }

    /// What is left when all processes have ended.
    fn end(&mut self) {
        for (pid, process) in std::mem::take(&mut self.processes) {
            for (sink, (thread, count)) in process.miscounted {
                // One that is never freed may say 0 each time.
                if process.dead_sinks.get(&sink).is_none_or(|zeros| *zeros == 1) {
                    let what = format!("sink {sink:#x} is notified, and its own count was zero");
                    self.findings.insert((Rule::SinkMiscounted, pid, what), (thread, count));
                }
            }
            self.compare(pid, process.reactions);
            for (thread, line) in process.pending.into_values() {
                self.note(Rule::PendingIgnored, pid, thread, line);
            }
            if !process.exited {
                continue;
            }
            let left = |object: &Object| object.given.saturating_sub(object.released);
            for registration in process.tokens.into_values().filter(|registration| !registration.ended) {
                // An object whose children have kept it ends without a call.
                if process.objects.get(&registration.object).is_none_or(|object| left(object) > 0) {
                    self.note(Rule::UnadviseMissing, pid, registration.thread, registration.line);
                }
            }
            for object in process.objects.into_values().filter(|object| !object.ended) {
                let left = left(&object);
                if let (Some((thread, line)), true) = (object.opened, left > 0) {
                    let what = format!("{left} of {} references were not released, of: {line}", object.given);
                    self.note(Rule::ReferenceLeaked, pid, thread, what);
                }
            }
        }
    }
}

/// A call by its name and what came of it. Pointers and tokens differ each time.
fn without_pointers(text: &str) -> String {
    let Some((name, rest)) = text.split_once('(') else { return text.to_owned() };
    let Some((_, rest)) = rest.split_once(") -> ") else { return text.to_owned() };
    let rest = rest.trim_end_matches(", in Notify");
    let rest = rest.rsplit_once(", token ").map_or(rest, |(before, _)| before);
    let rest = rest.rsplit_once(", object ").map_or(rest, |(before, _)| before);
    let rest = rest.split_once(' ').map_or(rest, |(_, rest)| rest);
    format!("{name}: {rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: &str = "HrOpenOfflineObj(0x0, 0x1, 0x1, 0x0, 0x1) -> 0x0 S_OK, profile P, object 0x70";
    const ADVISE: &str = "Advise(0x70, 0x0, 0x1, 0x1) -> 0x0 S_OK, profile P, token 0x8";
    const RELEASE: &str = "Release(0x70) -> 0";
    const EXIT: &str = "Exit() -> 0";

    fn found(lines: &[&str]) -> Vec<(Rule, u64)> {
        let text: String = lines.iter().map(|line| format!("1 2 {line}\n")).collect();
        let findings = Checker::new(Duration::from_millis(1)).check(&text);
        findings.into_iter().map(|finding| (finding.rule, finding.count)).collect()
    }

    #[test]
    fn a_client_that_keeps_the_rules_is_right() {
        let unadvise = "Unadvise(0x70, 0x0, 0x8) -> 0x0 S_OK, profile P";
        let nothing = "Unadvise(0x70, 0x0, 0x0) -> 0x0 S_OK, profile P";
        let query = "QueryInterface(0x70, 0x1, 0x1) -> 0x0 S_OK, object 0x70";
        let notify = "Notify(0x90, 0x0): DONE, online to offline, profile P, took 999 us";
        assert_eq!(
            found(&[
                OPEN,
                OPEN,
                query,
                "Release(0x70) -> 2",
                ADVISE,
                notify,
                unadvise,
                nothing,
                "Release(0x70) -> 1",
                RELEASE
            ]),
            []
        );
        // The last Release ends registrations.
        assert_eq!(found(&[OPEN, ADVISE, RELEASE]), []);
    }

    #[test]
    fn what_is_left_at_the_end_is_found() {
        let left = [OPEN, OPEN, ADVISE, "Release(0x70) -> 1", EXIT];
        assert_eq!(found(&left), [(Rule::ReferenceLeaked, 1), (Rule::UnadviseMissing, 1)]);
        assert_eq!(found(&left[..4]), [], "it was killed");
        // Kept by a child, and ended with that.
        let child = ["HrCreateOfflineObj(0x0, 0x1, 0x1) -> 0x0 S_OK, profile P, object 0x71", "Release(0x71) -> 0"];
        assert_eq!(found(&[OPEN, ADVISE, child[0], "Release(0x70) -> 1", child[1], EXIT]), []);
        let pending =
            "SetCurrentState(0x70, 0x0, 0x3, 0x1, 0x0) -> 0x8000000a E_PENDING: a transition, profile P, to offline";
        let accepted = "SetCurrentState(0x70, 0x0, 0x3, 0x1, 0x0) -> 0x0 S_OK, profile P, to offline";
        assert_eq!(found(&[OPEN, pending, accepted, RELEASE]), []);
        assert_eq!(found(&[OPEN, accepted, pending, EXIT]), [(Rule::ReferenceLeaked, 1), (Rule::PendingIgnored, 1)]);
        // By another object of the profile.
        let again = "SetCurrentState(0x72, 0x0, 0x3, 0x1, 0x0) -> 0x0 S_OK, profile P, to offline";
        assert_eq!(found(&[OPEN, pending, RELEASE, again]), []);
    }

    #[test]
    fn what_is_wrong_at_once_is_found() {
        let after = ["Release(0x70) -> 2147483647", "GetCurrentState(0x70, 0x1) -> 0x0 S_OK (online)"];
        assert_eq!(found(&[OPEN, RELEASE, after[0], after[1]]).len(), 2);
        // Released by a Notify or a sink within the call, and before it.
        let set = "SetCurrentState(0x70, 0x2000, 0x3, 0x1, 0x0) -> 0x0 S_OK, profile P, to offline";
        assert_eq!(found(&[OPEN, RELEASE, set]), []);
        let late = format!("{set}, after its last Release");
        assert_eq!(found(&[OPEN, RELEASE, &late]), [(Rule::UsedAfterRelease, 1)]);
        let of_another = "Unadvise(0x71, 0x0, 0x8) -> 0x0 S_OK, profile P";
        let twice = "Unadvise(0x70, 0x0, 0x8) -> 0x0 S_OK, profile P";
        assert_eq!(
            found(&[OPEN, ADVISE, of_another, twice, twice, twice, RELEASE])
                .iter()
                .map(|(_, count)| count)
                .sum::<u64>(),
            3
        );
        let block =
            "SetCurrentState(0x70, 0x2000, 0x3, 0x1, 0x0) -> 0x8000000a E_PENDING: a, profile P, to offline, in Notify";
        assert_eq!(found(&[OPEN, block, block, RELEASE]), [(Rule::BlockInNotify, 2)]);
        let slow = "Notify(0x90, 0x0): DONE, online to offline, profile P, took 1001 us";
        assert_eq!(found(&[slow]), [(Rule::SlowNotify, 1)]);
        let unknown = "Unadvise(0x70, 0x0, 0x9) -> 0x0 S_OK, profile P";
        assert_eq!(found(&[OPEN, unknown, RELEASE]), [(Rule::WrongToken, 1)]);
        assert_eq!(found(&[unknown, RELEASE]), [], "in a forked child");
        let refused = "HrOpenOfflineObj(0x0, 0x0, 0x1, 0x0, 0x1) -> 0x80070057 E_INVALIDARG: the name is null";
        assert_eq!(found(&[refused]), [(Rule::InvalidArgument, 1)]);
    }

    #[test]
    fn a_sink_that_minds_unknown_bits_or_types_is_found() {
        let call = "GetCurrentState(0x70, 0x1) -> 0x0 S_OK (online), in Notify";
        let usual = "Notify(0x90, 0x0): DONE, online to offline, profile P, took 1 us";
        let bits = "Notify(0x90, 0x0): DONE, online to offline, mask 0x3f037f, profile P, took 1 us";
        let other_way = "Notify(0x90, 0x0): DONE, offline to online, mask 0x3f037f, profile P, took 1 us";
        assert_eq!(found(&[call, usual, bits, call, usual, bits]), [(Rule::UnknownBits, 2)]);
        assert_eq!(found(&[usual, call, bits, usual, call, bits]), [(Rule::UnknownBits, 2)]);
        assert_eq!(found(&[call, usual, call, bits, call, usual, call, bits]), []);
        assert_eq!(found(&[call, usual, bits, usual, bits]), [], "it does not always call");
        assert_eq!(found(&[call, usual, bits]), [], "once may be a coincidence");
        let other = "Notify(0x90, 0x2): DONE, online to offline, mask 0x3f037f, profile P, took 1 us";
        let elsewhere = "Notify(0x90, 0x0): DONE, online to offline, mask 0x3f037f, profile Q, took 1 us";
        assert_eq!(
            found(&[call, usual, call, usual, other, other, elsewhere, elsewhere]),
            [],
            "of another registration"
        );
        let freed = "Sink.Release(0x90) -> 0";
        assert_eq!(found(&[call, usual, call, usual, freed, ADVISE, bits, bits]), [], "another sink at that address");
        assert_eq!(found(&[call, usual, bits, call, usual, bits, freed]), [(Rule::UnknownBits, 2)]);
        assert_eq!(found(&[call, usual, call, usual, other_way, other_way]), []);
        let set = "SetCurrentState(0x70, 0x0, 0x3, 0x1, 0x0) -> 0x0 S_OK, profile P, to offline, in Notify";
        let unknown = "Notify(0x90, 0x0): TYPE 7, online to offline, profile P, took 1 us";
        assert_eq!(found(&[set, unknown, set, unknown]), [(Rule::UnknownType, 2)]);
        assert_eq!(found(&[call, unknown, unknown, set, usual]), [], "it only looks");
    }

    #[test]
    fn what_a_fault_refuses_is_no_misuse() {
        let refused = "Advise(0x70, 0x0, 0x1, 0x1) -> 0x80070057 E_INVALIDARG: an argument is not valid: fault: advise fails E_INVALIDARG, profile P";
        assert_eq!(found(&[refused]), []);
        // But a client that does not try again after E_PENDING does what it must not do.
        let pending = "SetCurrentState(0x70, 0x0, 0x3, 0x1, 0x0) -> 0x8000000a E_PENDING: a: fault: set fails E_PENDING, profile P, to offline";
        assert_eq!(found(&[pending]), [(Rule::PendingIgnored, 1)]);
    }

    #[test]
    fn a_sink_that_counts_wrongly_is_found() {
        let released = "Sink.Release(0x90) -> 0";
        let notify = "Notify(0x90, 0x0): DONE, online to offline, profile P, took 1 us";
        assert_eq!(found(&[OPEN, ADVISE, ADVISE, released, notify, RELEASE]), [(Rule::SinkMiscounted, 1)]);
        assert_eq!(found(&[OPEN, ADVISE, released, ADVISE, notify, RELEASE]), []);
        // One that is never freed, and says 0 each time.
        assert_eq!(found(&[OPEN, ADVISE, ADVISE, released, notify, released, RELEASE]), []);
    }
}
