//! Who listens: a client's COM object, or a Rust closure in the shape of one.

use crate::abi;
use crate::com::{NotifyHandle, NotifySink};
use crate::notify::{Change, Phase, Sink};
use crate::state::State;

/// One pointer, whichever kind it is.
pub(crate) struct Listener(NotifySink);

impl Listener {
    pub(crate) fn new(sink: NotifySink) -> Self {
        Self(sink)
    }

    pub(crate) fn of_closure(closure: impl Fn(&Change) + Send + Sync + 'static) -> Self {
        Self(NotifySink::of_closure(move |phase: u32, change: &abi::MAPIOFFLINE_STATECHANGE| {
            if let Some(change) = change_of(phase, change) {
                closure(&change);
            }
        }))
    }
}

impl Sink for Listener {
    type Handle = NotifyHandle;
    type Message = abi::MAPIOFFLINE_NOTIFY;

    fn handle(&self) -> NotifyHandle {
        self.0.handle()
    }

    fn message(change: &Change) -> abi::MAPIOFFLINE_NOTIFY {
        abi::MAPIOFFLINE_NOTIFY {
            ulSize: size_of::<abi::MAPIOFFLINE_NOTIFY>() as u32,
            NotifyType: match change.phase {
                Phase::Start => abi::MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_START,
                Phase::Change => abi::MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE,
                Phase::Done => abi::MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_DONE,
            },
            ulClientToken: 0,
            Info: abi::MAPIOFFLINE_NOTIFY_INFO {
                StateChange: abi::MAPIOFFLINE_STATECHANGE {
                    ulMask: abi::MAPIOFFLINE_STATE_OFFLINE_MASK,
                    ulStateOld: change.old.bits(),
                    ulStateNew: change.new.bits(),
                },
            },
        }
    }

    #[inline]
    fn tell(sink: NotifyHandle, client_token: u32, message: &mut abi::MAPIOFFLINE_NOTIFY) {
        message.ulClientToken = client_token;
        sink.notify(message);
    }
}

/// What a message says.
fn change_of(phase: abi::MAPIOFFLINE_NOTIFY_TYPE, change: &abi::MAPIOFFLINE_STATECHANGE) -> Option<Change> {
    let phase = match phase {
        abi::MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_START => Phase::Start,
        abi::MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE => Phase::Change,
        abi::MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_DONE => Phase::Done,
        _ => return None,
    };
    Some(Change { phase, old: State::from_bits(change.ulStateOld)?, new: State::from_bits(change.ulStateNew)? })
}
