//! Who listens: a client's COM object, or a Rust closure.

use std::sync::Arc;

use crate::abi;
use crate::com::{NotifyHandle, NotifySink, guard};
use crate::notify::{Change, Phase, Sink};

/// In a box of its own, so that a registration is one pointer in the table whichever kind it is.
pub(crate) type Closure = Box<dyn Fn(&Change) + Send + Sync>;

pub(crate) enum Listener {
    Com(NotifySink),
    Closure(Arc<Closure>),
}

pub(crate) enum Handle {
    Com(NotifyHandle),
    Closure(Arc<Closure>),
}

impl Sink for Listener {
    type Handle = Handle;

    fn handle(&self) -> Handle {
        match self {
            Self::Com(sink) => Handle::Com(sink.handle()),
            Self::Closure(closure) => Handle::Closure(closure.clone()),
        }
    }

    fn tell(handle: Handle, client_token: u32, change: &Change) {
        match handle {
            Handle::Com(sink) => sink.notify(&notification(client_token, change)),
            // A closure that panics has been told all the same.
            Handle::Closure(closure) => {
                let _ = guard("callback", move || closure(change));
            }
        }
    }
}

fn notification(client_token: u32, change: &Change) -> abi::MAPIOFFLINE_NOTIFY {
    abi::MAPIOFFLINE_NOTIFY {
        ulSize: size_of::<abi::MAPIOFFLINE_NOTIFY>() as u32,
        NotifyType: match change.phase {
            Phase::Start => abi::MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_START,
            Phase::Change => abi::MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE,
            Phase::Done => abi::MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_DONE,
        },
        ulClientToken: client_token,
        Info: abi::MAPIOFFLINE_NOTIFY_INFO {
            StateChange: abi::MAPIOFFLINE_STATECHANGE {
                ulMask: abi::MAPIOFFLINE_STATE_OFFLINE_MASK,
                ulStateOld: change.old.bits(),
                ulStateNew: change.new.bits(),
            },
        },
    }
}
