//! A registered sink as the rest of the library sees it, and the message that it receives.

use std::ptr::NonNull;
use std::time::Instant;

use super::notify::{NotifyHandle, NotifySink};
use crate::abi;
use crate::change::{Change, Phase};
use crate::guard::guard;
use crate::name::Name;
use crate::registration::Sink;
use crate::state::State;
use crate::trace;

/// One pointer, whichever kind it is.
pub(crate) struct ClientSink(NotifySink);

impl ClientSink {
    /// Asks a client's object once for its IMAPIOfflineNotify. `None`: it has none.
    ///
    /// # Safety
    /// `callback` points to a COM object that is alive during the call.
    pub(crate) unsafe fn query(callback: NonNull<abi::IUnknown>) -> Option<Self> {
        // SAFETY: as the caller says.
        unsafe { NotifySink::query(callback) }.map(Self)
    }

    /// A sink that calls `closure`.
    pub(crate) fn of_closure(closure: impl Fn(&Change) + Send + Sync + 'static) -> Self {
        Self(NotifySink::of_closure(move |phase: u32, change: &abi::MAPIOFFLINE_STATECHANGE| {
            if let Some(change) = change_of(phase, change) {
                closure(&change);
            }
        }))
    }
}

impl Sink for ClientSink {
    type Handle = NotifyHandle;

    fn handle(&self) -> NotifyHandle {
        self.0.handle()
    }
}

/// What all sinks receive in a phase, but for their client tokens.
pub(crate) struct Message(abi::MAPIOFFLINE_NOTIFY);

impl Message {
    pub(crate) fn new(change: &Change) -> Self {
        Self(abi::MAPIOFFLINE_NOTIFY {
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
        })
    }

    /// Bits that clients have to ignore.
    pub(crate) fn add_to_mask(&mut self, bits: u32) {
        self.0.Info.StateChange.ulMask = abi::MAPIOFFLINE_STATE_OFFLINE_MASK | bits;
    }

    /// The same message, but of a type that clients have to ignore.
    pub(crate) fn of_type(&self, kind: u32) -> Self {
        let mut message = Self(self.0);
        message.0.NotifyType = kind;
        message
    }

    /// Calls the client. No lock is held.
    #[inline(always)]
    pub(crate) fn send(&mut self, sink: NotifyHandle, client_token: u32) {
        self.0.ulClientToken = client_token;
        sink.notify(&self.0);
    }

    /// The same, and writes the trace line of it.
    #[cold]
    #[inline(never)]
    pub(crate) fn send_traced(&mut self, sink: NotifyHandle, client_token: u32, change: &Change, profile: &Name) {
        let begun = Instant::now();
        trace::in_notify(|| self.send(sink, client_token));
        let taken = begun.elapsed();
        // The logger may be client code; a panic in ours must not reach the delivery.
        let _ = guard("Notify", || {
            // SAFETY: its only kind of information, in whatever type of message, is a change of state.
            let (kind, mask) = (self.0.NotifyType, unsafe { self.0.Info.StateChange.ulMask });
            let kind = match kind {
                abi::MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_START => "START".to_owned(),
                abi::MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE => "CHANGE".to_owned(),
                abi::MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_DONE => "DONE".to_owned(),
                unknown => format!("TYPE {unknown}"),
            };
            let mask = match mask {
                abi::MAPIOFFLINE_STATE_OFFLINE_MASK => String::new(),
                more => format!(", mask {more:#x}"),
            };
            log::trace!(
                "Notify({sink:?}, {client_token:#x}): {kind}, {} to {}{mask}, profile {}, took {} us",
                change.old.word(),
                change.new.word(),
                profile.shown(),
                taken.as_micros()
            );
        });
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
