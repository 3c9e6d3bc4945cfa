//! The lines that the library writes to the file of `MAPIOFFLINE_TRACE`.

/// A line: which thread of which process did what.
#[derive(Debug, PartialEq)]
pub(crate) struct Line<'a> {
    pub(crate) pid: u32,
    pub(crate) thread: u64,
    /// What was done, as the library says it.
    pub(crate) text: &'a str,
    /// It was done from within Notify.
    pub(crate) in_notify: bool,
    pub(crate) what: What<'a>,
}

#[derive(Debug, PartialEq)]
pub(crate) enum What<'a> {
    Call(Call<'a>),
    /// A client was notified.
    Notify {
        sink: u64,
        microseconds: u64,
        /// The number that the client gave at Advise.
        client_token: u64,
        /// The phase, the states and the profile, without what clients do not know.
        change: String,
        /// What of it they do not know.
        unknown: Unknown,
    },
    /// The library released a client's sink, which then had this many references left.
    SinkReleased {
        sink: u64,
        left: u64,
    },
}

/// What a fault has put into a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    Nothing,
    Bits,
    Type,
}

/// A call into the library.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Call<'a> {
    pub(crate) name: &'a str,
    pub(crate) arguments: Vec<u64>,
    /// An HRESULT, or a number.
    pub(crate) result: u64,
    /// The interface pointer that the client was given.
    pub(crate) object: Option<u64>,
    /// The token of a registration.
    pub(crate) token: Option<u64>,
    /// Why an argument was refused.
    pub(crate) reason: Option<&'a str>,
    /// Of SetCurrentState: which profile was to be in which state.
    pub(crate) request: Option<&'a str>,
    /// The object's last reference had been released when the call began.
    pub(crate) after_release: bool,
}

impl Call<'_> {
    pub(crate) fn argument(&self, index: usize) -> u64 {
        self.arguments.get(index).copied().unwrap_or_default()
    }
}

impl<'a> Line<'a> {
    /// `None`: that is no line of the library's.
    pub(crate) fn parse(line: &'a str) -> Option<Self> {
        let mut parts = line.splitn(3, ' ');
        let (pid, thread) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let text = parts.next()?;
        let (rest, in_notify) = match text.strip_suffix(", in Notify") {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let (name, rest) = rest.split_once('(')?;
        let (arguments, rest) = rest.split_once(')')?;
        let arguments: Vec<u64> =
            arguments.split(", ").filter(|word| !word.is_empty()).map(number).collect::<Option<_>>()?;
        let what = match (name, rest.strip_prefix(" -> ")) {
            ("Notify", _) => {
                let (what, took) = rest.strip_prefix(": ")?.strip_suffix(" us")?.rsplit_once(", took ")?;
                let (change, unknown) = change(what)?;
                let (sink, client_token) = (*arguments.first()?, *arguments.get(1)?);
                What::Notify { sink, client_token, microseconds: took.parse().ok()?, change, unknown }
            }
            ("Sink.Release", Some(left)) => What::SinkReleased { sink: *arguments.first()?, left: number(left)? },
            (name, Some(rest)) => What::Call(call(name, arguments, rest)?),
            _ => return None,
        };
        Some(Self { pid, thread, text, in_notify, what })
    }
}

/// What a notification was about. The name of the profile may have anything in it, and comes behind.
fn change(text: &str) -> Option<(String, Unknown)> {
    let (change, profile) = text.split_once(", profile ")?;
    let (change, unknown) = match change.split_once(", mask ") {
        _ if change.starts_with("TYPE ") => (change, Unknown::Type),
        Some((change, _)) => (change, Unknown::Bits),
        None => (change, Unknown::Nothing),
    };
    Some((format!("{change}, profile {profile}"), unknown))
}

fn call<'a>(name: &'a str, arguments: Vec<u64>, mut rest: &'a str) -> Option<Call<'a>> {
    // From the end: the name of a profile may have anything in it.
    let after_release = rest.ends_with(", after its last Release");
    rest = rest.trim_end_matches(", after its last Release");
    let mut last = |key: &str| {
        let (before, value) = rest.rsplit_once(key)?;
        let value = number(value)?;
        rest = before;
        Some(value)
    };
    let token = last(", token ");
    let object = last(", object ");
    let result = rest.split([' ', ':', ',']).next()?;
    let reason = rest.split_once(" E_INVALIDARG: ").map(|(_, reason)| reason);
    let reason = reason.map(|reason| reason.rsplit_once(", profile ").map_or(reason, |(reason, _)| reason));
    let request = rest.split_once(", profile ").map(|(_, request)| request);
    Some(Call { name, arguments, result: number(result)?, object, token, reason, request, after_release })
}

fn number(word: &str) -> Option<u64> {
    match word.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_whatever_the_profile_is_called() {
        let line =
            "12 34 HrOpenOfflineObj(0x0, 0x7f, 0x1, 0x0, 0x2) -> 0x0 S_OK, profile A (b), object 0x9, object 0x7f00";
        let read = Line::parse(line).unwrap();
        assert_eq!((read.pid, read.thread, read.in_notify), (12, 34, false));
        let What::Call(call) = read.what else { panic!() };
        assert_eq!((call.name, call.argument(1), call.result), ("HrOpenOfflineObj", 0x7F, 0));
        assert_eq!((call.object, call.token, call.reason), (Some(0x7F00), None, None));
    }

    #[test]
    fn numbers_tokens_and_reasons_are_read() {
        let call = |line| match Line::parse(line).unwrap().what {
            What::Call(call) => call,
            other => panic!("{other:?}"),
        };
        assert_eq!(call("1 2 Release(0x7f00) -> 3").result, 3);
        let advised = call("1 2 Advise(0x1, 0x0, 0x2, 0x3) -> 0x0 S_OK, profile P, token 0x8, in Notify");
        assert_eq!((advised.token, advised.name, advised.after_release), (Some(8), "Advise", false));
        let set = call(
            "1 2 SetCurrentState(0x1, 0x0, 0x3, 0x1, 0x0) -> 0x0 S_OK, profile P, to offline, after its last Release",
        );
        assert_eq!((set.request, set.after_release), (Some("P, to offline"), true));
        let refused = call("1 2 Advise(0x1, 0x0, 0x2, 0x3) -> 0x80070057 E_INVALIDARG: ulSize is too small, profile P");
        assert_eq!((refused.result, refused.reason), (0x8007_0057, Some("ulSize is too small")));
        assert!(call("1 2 MapiOfflineVersion() -> 0x10000").arguments.is_empty());
    }

    #[test]
    fn what_the_library_calls_is_read() {
        let notify = |text: &str| Line::parse(text).map(|line| format!("{:?}", line.what));
        let expected = |microseconds, change, unknown| {
            let change = String::from(change);
            Some(format!("{:?}", What::Notify { sink: 0x7F, client_token: 1, microseconds, change, unknown }))
        };
        assert_eq!(
            notify("1 2 Notify(0x7f, 0x1): DONE, online to offline, profile a, took 1 us, mask 0x7, took 250 us"),
            expected(250, "DONE, online to offline, profile a, took 1 us, mask 0x7", Unknown::Nothing)
        );
        assert_eq!(
            notify("1 2 Notify(0x7f, 0x1): START, offline to online, mask 0x3f037f, profile a, took 1 us"),
            expected(1, "START, offline to online, profile a", Unknown::Bits)
        );
        assert_eq!(
            notify("1 2 Notify(0x7f, 0x1): TYPE 7, offline to online, mask 0x3f037f, profile a, took 1 us"),
            expected(1, "TYPE 7, offline to online, mask 0x3f037f, profile a", Unknown::Type)
        );
        let line = Line::parse("1 2 Sink.Release(0x7f) -> 0");
        assert_eq!(line.unwrap().what, What::SinkReleased { sink: 0x7F, left: 0 });
        for no_line in
            ["", "1", "1 2", "1 2 Release", "1 2 Release(x) -> 1", "a b Release(0x1) -> 1", "1 2 Release(0x1)"]
        {
            assert_eq!(Line::parse(no_line), None, "{no_line}");
        }
    }
}
