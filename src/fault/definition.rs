//! One fault, and its text.
#![forbid(unsafe_code)]

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::words;
use crate::abi;
use crate::change::Phase;
use crate::error::{Error, ErrorKind};
use crate::name::Name;
use crate::state::Capabilities;

/// What a test asks the library to do wrong, or late. Its text is one line, such as `set fails E_PENDING for 2s`.
///
/// `docs/faults.md` has all texts. A fault does nothing by itself: [`add_fault`](crate::testing::add_fault) has it happen in this
/// process, [`StateFolder::add_fault`](crate::StateFolder::add_fault) in all programs of a folder.
///
/// ```
/// use mapioffline::testing::Fault;
///
/// let fault: Fault = "open fails MAPI_E_NOT_FOUND on 3".parse()?;
/// assert_eq!(fault.to_string(), "open fails MAPI_E_NOT_FOUND on 3");
/// let wrong = "open fails S_OK".parse::<Fault>().unwrap_err();
/// assert_eq!(wrong.to_string(), "S_OK is no HRESULT of a failure: a name such as E_FAIL, or a number such as 0x80004005");
/// # Ok::<(), mapioffline::testing::InvalidFault>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    text: String,
    pub(super) effect: Effect,
    pub(super) when: When,
    /// `None`: of every profile.
    pub(super) profile: Option<Name>,
}

/// What is wrong with the text of a fault, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidFault(String);

/// A method or function that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Open,
    Create,
    Advise,
    SetCurrentState,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Effect {
    Entry(Entry, EntryEffect),
    /// Of a phase, or of each.
    Notify(Option<Phase>, NotifyEffect),
    Capabilities(Capabilities),
    StrictHosting,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum EntryEffect {
    Fail(abi::HRESULT),
    Delay(Duration),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum NotifyEffect {
    /// The phase begins late.
    Delay(Duration),
    /// The client is entered late, when Unadvise cannot keep it back any more.
    Hold(Duration),
    /// The mask has bits that clients do not know.
    Bits(u32),
    /// A notification of a type that clients do not know precedes.
    Type(u32),
}

/// At which of the calls that it concerns a fault happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct When {
    /// The only one, by its number from 1 on.
    pub(super) on: Option<u32>,
    /// The first of them.
    pub(super) from: u32,
    /// Those whose numbers are multiples of this.
    pub(super) every: u32,
    /// How often at most.
    pub(super) times: u32,
    /// In a hundred.
    pub(super) chance: u32,
    pub(super) seed: u32,
    /// How long after the first call that it concerns.
    pub(super) lasting: Option<Duration>,
}

impl When {
    const ALWAYS: Self = Self { on: None, from: 1, every: 1, times: u32::MAX, chance: 100, seed: 0, lasting: None };
}

/// Why a call failed: by this fault.
#[derive(Debug)]
pub(crate) struct Reason(pub(super) String);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fault: {}", self.0)
    }
}

impl std::error::Error for Reason {}

/// Whether an error has such a reason.
pub(crate) fn is_reason(error: &Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<std::io::Error>());
    cause.and_then(std::io::Error::get_ref).is_some_and(|error| error.is::<Reason>())
}

impl fmt::Display for InvalidFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidFault {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Fault {
    type Err = InvalidFault;

    fn from_str(text: &str) -> Result<Self, InvalidFault> {
        let words = words::split(text).ok_or_else(|| InvalidFault("a quotation mark is not closed".to_owned()))?;
        Self::of_words(words).map_err(InvalidFault)
    }
}

impl Fault {
    /// A fault from the words of its text, as a command line has them: a name with spaces in it is one word.
    ///
    /// # Errors
    /// What is wrong.
    pub fn from_words(words: &[String]) -> Result<Self, InvalidFault> {
        Self::of_words(words.to_vec()).map_err(InvalidFault)
    }

    fn of_words(words: Vec<String>) -> Result<Self, String> {
        if words.iter().any(|word| word.contains(char::is_control)) {
            return Err("a fault is one line, without control characters".to_owned());
        }
        let mut rest = words.iter().map(String::as_str);
        let effect = effect(&mut rest)?;
        let (mut when, mut profile) = (When::ALWAYS, None);
        let mut given: Vec<&str> = Vec::new();
        while let Some(word) = rest.next() {
            if given.contains(&word) {
                return Err(format!("`{word}` is given twice"));
            }
            given.push(word);
            match (word, effect) {
                ("in", _) => {
                    let text = rest.next().ok_or("`in` needs the name of a profile")?;
                    let name = Name::from_utf8(text.bytes());
                    profile = Some(name.map_err(|_| format!("{text} is no name of a profile"))?.folded());
                }
                (
                    "on" | "from" | "every" | "times" | "chance" | "seed" | "for",
                    Effect::Capabilities(_) | Effect::StrictHosting,
                ) => {
                    return Err(format!("{} takes no `{word}`: it lasts until it is removed", words[0]));
                }
                ("for", _) => when.lasting = Some(duration(rest.next())?),
                ("chance", _) => {
                    let percent =
                        rest.next().and_then(|word| words::count(word.strip_suffix('%')?)).filter(|part| *part <= 100);
                    when.chance = percent.ok_or("`chance` needs 1% to 100%")?;
                }
                ("seed", _) => when.seed = rest.next().and_then(words::number).ok_or("`seed` needs a number")?,
                ("on" | "from" | "every" | "times", _) => {
                    let number = rest.next().and_then(words::count);
                    let number = number.ok_or_else(|| format!("`{word}` needs a number from 1 on"))?;
                    match word {
                        "on" => when.on = Some(number),
                        "from" => when.from = number,
                        "every" => when.every = number,
                        _ => when.times = number,
                    }
                }
                _ => {
                    return Err(format!(
                        "{word} is not known; `on`, `from`, `every`, `times`, `chance`, `seed`, `for` and `in` say when and where"
                    ));
                }
            }
        }
        Ok(Self { text: words::join(&words), effect, when, profile })
    }
}

/// What comes first.
fn effect<'a>(words: &mut impl Iterator<Item = &'a str>) -> Result<Effect, String> {
    let point = words.next().ok_or("the fault is missing, such as `open fails E_FAIL`")?;
    let what = words.next();
    let entry = match point {
        "open" => Entry::Open,
        "create" => Entry::Create,
        "advise" => Entry::Advise,
        "set" => Entry::SetCurrentState,
        "start" => return notify_effect(Some(Phase::Start), point, what, words),
        "change" => return notify_effect(Some(Phase::Change), point, what, words),
        "done" => return notify_effect(Some(Phase::Done), point, what, words),
        "notify" => return notify_effect(None, point, what, words),
        "capabilities" => {
            return match what {
                Some("online") => Ok(Effect::Capabilities(Capabilities::ONLINE)),
                Some("offline") => Ok(Effect::Capabilities(Capabilities::OFFLINE)),
                Some("none") => Ok(Effect::Capabilities(Capabilities::NONE)),
                _ => Err("`capabilities` needs online, offline or none".to_owned()),
            };
        }
        "hosting" => {
            return match what {
                Some("strict") => Ok(Effect::StrictHosting),
                _ => Err("`hosting` needs strict".to_owned()),
            };
        }
        _ => {
            return Err(format!(
                "{point} is not known; a fault begins with open, create, advise, set, start, change, done, notify, capabilities or hosting"
            ));
        }
    };
    match what {
        Some("fails") => Ok(Effect::Entry(entry, EntryEffect::Fail(failure(words.next())?))),
        Some("delayed") => Ok(Effect::Entry(entry, EntryEffect::Delay(duration(words.next())?))),
        _ => Err(format!("`{point}` needs `fails HRESULT` or `delayed TIME`")),
    }
}

fn notify_effect<'a>(
    phase: Option<Phase>,
    point: &str,
    what: Option<&str>,
    words: &mut impl Iterator<Item = &'a str>,
) -> Result<Effect, String> {
    let effect = match what {
        Some("delayed") => NotifyEffect::Delay(duration(words.next())?),
        Some("held") => NotifyEffect::Hold(duration(words.next())?),
        Some("bits") => {
            let bits = words.next().and_then(words::number);
            let unknown = |bits: &u32| *bits != 0 && bits & abi::MAPIOFFLINE_STATE_OFFLINE_MASK == 0;
            NotifyEffect::Bits(
                bits.filter(unknown).ok_or("`bits` needs a number without the bits 0x3, such as 0x3F037C")?,
            )
        }
        Some("type") => {
            let kind = words.next().and_then(words::number);
            let known = abi::MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_START..=abi::MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_DONE;
            let unknown = |kind: &u32| !known.contains(kind);
            NotifyEffect::Type(kind.filter(unknown).ok_or("`type` needs a number that is not 1, 2 or 3")?)
        }
        _ => return Err(format!("`{point}` needs `delayed TIME`, `held TIME`, `bits MASK` or `type NUMBER`")),
    };
    Ok(Effect::Notify(phase, effect))
}

fn duration(word: Option<&str>) -> Result<Duration, String> {
    word.and_then(words::duration).ok_or_else(|| format!("{}a time is needed, such as 200ms, 2s or 1m", of(word)))
}

fn failure(word: Option<&str>) -> Result<abi::HRESULT, String> {
    let named = |word: &str| abi::HRESULTS.iter().find(|(_, name)| *name == word).map(|(value, _)| *value);
    let found = word.and_then(|word| named(word).or_else(|| words::number(word).map(u32::cast_signed)));
    found.filter(|value| *value < 0).ok_or_else(|| {
        format!(
            "{}no HRESULT of a failure: a name such as E_FAIL, or a number such as 0x80004005",
            of(word).replace(": ", " is ")
        )
    })
}

/// What is wrong, where there is anything.
fn of(word: Option<&str>) -> String {
    word.map(|word| format!("{word}: ")).unwrap_or_default()
}

/// The kind of error whose HRESULT this is.
pub(crate) fn kind_of(hresult: abi::HRESULT) -> ErrorKind {
    match hresult {
        abi::E_INVALIDARG => ErrorKind::InvalidArgument,
        abi::MAPI_E_UNKNOWN_FLAGS => ErrorKind::UnknownFlags,
        abi::MAPI_E_NOT_FOUND => ErrorKind::NotFound,
        abi::MAPI_E_NO_SUPPORT => ErrorKind::NoSupport,
        abi::E_NOINTERFACE => ErrorKind::NoInterface,
        abi::E_PENDING => ErrorKind::Pending,
        abi::E_OUTOFMEMORY => ErrorKind::OutOfMemory,
        abi::E_FAIL => ErrorKind::Failed,
        abi::MAPI_E_DISK_ERROR => ErrorKind::Disk,
        abi::MAPI_E_TIMEOUT => ErrorKind::Timeout,
        abi::E_UNEXPECTED => ErrorKind::Unexpected,
        other => ErrorKind::Hresult(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Fault {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn faults_have_an_effect_and_conditions() {
        let fault = parse("open fails E_PENDING from 2 times 3 in \"Work mail\"");
        assert_eq!(fault.effect, Effect::Entry(Entry::Open, EntryEffect::Fail(abi::E_PENDING)));
        assert_eq!(fault.when, When { from: 2, times: 3, ..When::ALWAYS });
        assert_eq!(fault.profile, Name::from_utf8("WORK MAIL".bytes()).ok());
        assert_eq!(parse(&fault.to_string()), fault);
        assert_eq!(
            parse("set fails 0x80040115 on 4").effect,
            Effect::Entry(Entry::SetCurrentState, EntryEffect::Fail(0x8004_0115_u32.cast_signed()))
        );
        assert_eq!(parse("set fails E_FAIL on 4").when, When { on: Some(4), ..When::ALWAYS });
        assert_eq!(parse("create fails E_FAIL every 3").when, When { every: 3, ..When::ALWAYS });
        let random = When { chance: 25, seed: 7, lasting: Some(Duration::from_secs(2)), ..When::ALWAYS };
        assert_eq!(parse("advise delayed 5ms chance 25% seed 7 for 2s").when, random);
        let hold = NotifyEffect::Hold(Duration::from_secs(60));
        assert_eq!(parse("done held 1m").effect, Effect::Notify(Some(Phase::Done), hold));
        assert_eq!(parse("notify bits 0x3F037C").effect, Effect::Notify(None, NotifyEffect::Bits(0x3F_037C)));
        assert_eq!(parse("start type 0").effect, Effect::Notify(Some(Phase::Start), NotifyEffect::Type(0)));
        assert_eq!(parse("capabilities none in A").effect, Effect::Capabilities(Capabilities::NONE));
        assert_eq!(parse("hosting strict").effect, Effect::StrictHosting);
    }

    #[test]
    fn each_name_of_a_failure_is_known_and_is_its_kind() {
        for (value, name) in abi::HRESULTS.iter().filter(|(value, _)| *value < 0) {
            assert_eq!(
                parse(&format!("set fails {name}")).effect,
                Effect::Entry(Entry::SetCurrentState, EntryEffect::Fail(*value))
            );
            let kind = kind_of(*value);
            assert!(kind != ErrorKind::Hresult(*value) || name.starts_with("MAPI_E_"), "{name}: {kind:?}");
        }
    }

    #[test]
    fn an_error_says_what_is_wrong() {
        for (text, what) in [
            ("", "the fault is missing"),
            ("close fails E_FAIL", "close is not known"),
            ("open", "needs `fails HRESULT`"),
            ("open fails", "no HRESULT of a failure"),
            ("open fails S_OK", "S_OK is no HRESULT of a failure"),
            ("open fails 1", "1 is no HRESULT of a failure"),
            ("open held 1s", "`open` needs"),
            ("start fails E_FAIL", "`start` needs"),
            ("start delayed", "a time is needed"),
            ("start delayed 5", "5: a time is needed"),
            ("notify bits 0x3", "without the bits 0x3"),
            ("notify bits 0", "without the bits 0x3"),
            ("notify type 3", "not 1, 2 or 3"),
            ("capabilities both", "online, offline or none"),
            ("capabilities none on 2", "takes no `on`"),
            ("hosting", "needs strict"),
            ("open fails E_FAIL on 0", "from 1 on"),
            ("open fails E_FAIL on", "`on` needs a number"),
            ("open fails E_FAIL chance 101%", "1% to 100%"),
            ("open fails E_FAIL chance 10", "1% to 100%"),
            ("open fails E_FAIL seed x", "`seed` needs"),
            ("open fails E_FAIL for 2", "2: a time is needed"),
            ("open fails E_FAIL in", "needs the name"),
            ("open fails E_FAIL in \"\"", "is no name"),
            ("open fails E_FAIL in \"A", "quotation mark"),
            ("open fails E_FAIL sometimes", "sometimes is not known"),
            ("open fails E_FAIL on 2 on 3", "`on` is given twice"),
            ("open fails E_FAIL in A in B", "`in` is given twice"),
            ("open fails E_FAIL in \"A\nB\"", "one line"),
            ("open fails E_FAIL\nopen fails E_FAIL", "open is not known"),
        ] {
            let said = text.parse::<Fault>().unwrap_err().to_string();
            assert!(said.contains(what), "{text:?}: {said}");
        }
    }
}
