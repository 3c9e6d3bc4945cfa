//! States and capabilities: two values and two bits, as pure data.
#![forbid(unsafe_code)]

use crate::abi;

/// The connection state of an offline object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum State {
    /// `MAPIOFFLINE_STATE_OFFLINE`
    Offline = abi::MAPIOFFLINE_STATE_OFFLINE,
    /// `MAPIOFFLINE_STATE_ONLINE`
    Online = abi::MAPIOFFLINE_STATE_ONLINE,
}

impl State {
    /// The state whose bit `bits` is; `None` unless it is exactly one bit.
    pub(crate) fn from_bits(bits: u32) -> Option<Self> {
        match bits {
            abi::MAPIOFFLINE_STATE_OFFLINE => Some(Self::Offline),
            abi::MAPIOFFLINE_STATE_ONLINE => Some(Self::Online),
            _ => None,
        }
    }

    pub(crate) const fn bits(self) -> u32 {
        self as u32
    }

    /// For log lines.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Online => "online",
        }
    }

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Offline => Self::Online,
            Self::Online => Self::Offline,
        }
    }
}

/// The states that an object can be *changed to*. It may start in a state that it lacks the capability for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Capabilities(u32);

impl Capabilities {
    /// No capability: the state never changes.
    pub const NONE: Self = Self(0);
    /// `MAPIOFFLINE_CAPABILITY_OFFLINE`
    pub const OFFLINE: Self = Self(abi::MAPIOFFLINE_CAPABILITY_OFFLINE);
    /// `MAPIOFFLINE_CAPABILITY_ONLINE`
    pub const ONLINE: Self = Self(abi::MAPIOFFLINE_CAPABILITY_ONLINE);
    /// Both, as a profile's global object has unless it was created with less.
    pub const ALL: Self = Self(abi::MAPIOFFLINE_CAPABILITY_OFFLINE | abi::MAPIOFFLINE_CAPABILITY_ONLINE);

    /// The capabilities with these bits, unless one of them is unknown.
    pub fn from_bits(bits: u32) -> Option<Self> {
        (bits & !Self::ALL.0 == 0).then_some(Self(bits))
    }

    /// Those that are in both.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// These capabilities and the one to change to `state`.
    pub(crate) const fn with(self, state: State) -> Self {
        match state {
            State::Offline => Self(self.0 | Self::OFFLINE.0),
            State::Online => Self(self.0 | Self::ONLINE.0),
        }
    }

    /// The bits, as `GetCapabilities` gives them.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether an object with these capabilities can be changed to `state`.
    pub const fn allow(self, state: State) -> bool {
        let needed = match state {
            State::Offline => Self::OFFLINE.0,
            State::Online => Self::ONLINE.0,
        };
        self.0 & needed != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_exactly_one_bit() {
        assert_eq!(State::from_bits(1), Some(State::Offline));
        assert_eq!(State::from_bits(2), Some(State::Online));
        for bits in [0, 3, 4, 5, u32::MAX] {
            assert_eq!(State::from_bits(bits), None);
        }
    }

    #[test]
    fn a_capability_is_for_changing_to_its_state() {
        assert!(Capabilities::OFFLINE.allow(State::Offline));
        assert!(!Capabilities::OFFLINE.allow(State::Online));
        assert!(!Capabilities::NONE.allow(State::Online));
        assert_eq!(Capabilities::from_bits(4), None);
        assert_eq!(Capabilities::from_bits(3), Some(Capabilities::ALL));
    }
}
