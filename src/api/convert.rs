//! From C to Rust, once: behind these functions everything is safe.
//!
//! The SAFETY lines say "C's contract" for what the reference asks of every caller: pointers are null or point to what
//! their type says, alive for the call.
#![allow(non_snake_case, reason = "ABI names keep Microsoft's spelling")]

use std::ffi::c_void;
use std::mem::size_of;
use std::ptr::NonNull;

use crate::abi::*;
use crate::com::{ClientRef, Unknown};
use crate::error::ErrorKind;
use crate::name::Name;
use crate::profile::Offline;
use crate::sink::ClientSink;
use crate::trace::{self, invalid};

/// Where an interface pointer goes. Null until then, and after every failure.
pub(super) struct Out<I>(NonNull<*mut I>);

impl<I> Out<I> {
    /// # Safety
    /// C's contract for `out`.
    pub(super) unsafe fn new(out: *mut *mut I) -> Result<Self, ErrorKind> {
        let out = NonNull::new(out).ok_or_else(|| invalid("ppOffline is null"))?;
        // SAFETY: C's contract.
        unsafe { out.write_unaligned(std::ptr::null_mut()) };
        Ok(Self(out))
    }

    fn set(self, object: *mut c_void) {
        // SAFETY: the caller of `new` said that it may be written.
        unsafe { self.0.write_unaligned(object.cast()) };
    }
}

impl Out<IMAPIOfflineMgr> {
    /// Hands an object to the client.
    pub(super) fn hand(self, object: ClientRef<Offline>, which: Unknown) {
        let object = object.into_raw(which);
        trace::note(|notes| notes.object = Some(object as usize));
        self.set(object);
    }
}

/// The token of a registration.
///
/// # Safety
/// C's contract for `out`.
pub(super) unsafe fn write_number(out: *mut ULONG, value: ULONG) -> Result<(), ErrorKind> {
    let out = NonNull::new(out).ok_or_else(|| invalid("pulAdviseToken is null"))?;
    // SAFETY: C's contract.
    unsafe { out.write_unaligned(value) };
    Ok(())
}

/// A number for a caller who may not want it.
///
/// # Safety
/// C's contract for `out`, which may be null.
pub(super) unsafe fn write_if_wanted(out: *mut ULONG, value: ULONG) {
    if !out.is_null() {
        // SAFETY: C's contract.
        unsafe { out.write_unaligned(value) };
    }
}

/// # Safety
/// C's contract for `guid`.
pub(super) unsafe fn guid(guid: *const GUID) -> Option<GUID> {
    // SAFETY: C's contract, and not null.
    (!guid.is_null()).then(|| unsafe { guid.read_unaligned() })
}

/// Reads a structure that begins with its size: of a larger one the part that is known, of a smaller one nothing.
///
/// # Safety
/// C's contract for `info`; `T` begins with `ulSize`.
pub(super) unsafe fn sized<T: Copy>(info: *const T) -> Result<T, ErrorKind> {
    if info.is_null() {
        return Err(invalid("the pointer to the structure is null"));
    }
    // SAFETY: C's contract: a size is there, and as much as the size says.
    unsafe {
        if (info.cast::<ULONG>().read_unaligned() as usize) < size_of::<T>() {
            return Err(invalid("ulSize is smaller than the structure"));
        }
        Ok(info.read_unaligned())
    }
}

/// How a name is spelled in memory.
#[derive(Clone, Copy)]
pub(super) enum Text {
    Wide(LPCWSTR),
    Utf16(*const MAPIOFFLINE_CHAR16),
    Utf8(*const MAPIOFFLINE_CHAR8),
}

impl Text {
    /// Reads up to the terminator or the first fault.
    ///
    /// # Safety
    /// C's contract for the pointer.
    pub(super) unsafe fn name(self) -> Result<Name, ErrorKind> {
        /// # Safety
        /// `text` may be read up to the item that ends the iteration.
        unsafe fn items<T: Copy>(text: *const T) -> Result<impl Iterator<Item = T>, ErrorKind> {
            if text.is_null() {
                return Err(invalid("the profile's name is null"));
            }
            // SAFETY: as the caller says; `Name` stops at zero, and at what makes a name too long.
            Ok((0..).map(move |index| unsafe { text.add(index).read_unaligned() }))
        }
        // SAFETY: C's contract.
        let name = unsafe {
            match self {
                #[cfg(windows)]
                Self::Wide(text) => Name::from_utf16(items(text)?),
                #[cfg(not(windows))]
                Self::Wide(text) => Name::from_utf32(items(text)?),
                Self::Utf16(text) => Name::from_utf16(items(text)?),
                Self::Utf8(text) => Name::from_utf8(items(text.cast::<u8>())?),
            }
        };
        if let Ok(name) = &name {
            trace::note(|notes| notes.profile = Some(*name));
        }
        name.map_err(|kind| match kind {
            ErrorKind::InvalidArgument => invalid("the profile's name is empty, or not well-formed"),
            _ => kind,
        })
    }
}

/// A registration, checked but for its sink.
pub(super) struct Advice {
    callback: NonNull<IUnknown>,
    pub(super) client_token: u32,
}

impl Advice {
    /// # Safety
    /// C's contract for `info`.
    pub(super) unsafe fn read(ulFlags: ULONG, info: *const MAPIOFFLINE_ADVISEINFO) -> Result<Self, ErrorKind> {
        // SAFETY: C's contract.
        let info = unsafe { sized(info) }?;
        let checks = [
            (ulFlags == MAPIOFFLINE_ADVISE_DEFAULT, "ulFlags is not MAPIOFFLINE_ADVISE_DEFAULT"),
            (
                info.CallbackType == MAPIOFFLINE_CALLBACK_TYPE_NOTIFY,
                "CallbackType is not MAPIOFFLINE_CALLBACK_TYPE_NOTIFY",
            ),
            (
                info.ulAdviseTypes == MAPIOFFLINE_ADVISE_TYPE_STATECHANGE,
                "ulAdviseTypes is not MAPIOFFLINE_ADVISE_TYPE_STATECHANGE",
            ),
            (
                info.ulStateMask & MAPIOFFLINE_STATE_OFFLINE_MASK != 0,
                "ulStateMask lacks the bits of MAPIOFFLINE_STATE_OFFLINE_MASK",
            ),
        ];
        if let Some((_, reason)) = checks.iter().find(|(valid, _)| !valid) {
            return Err(invalid(reason));
        }
        let callback = NonNull::new(info.pCallback).ok_or_else(|| invalid("pCallback is null"))?;
        Ok(Self { callback, client_token: info.ulClientToken })
    }

    /// Asks the client's object for its sink.
    ///
    /// # Safety
    /// C's contract for the callback.
    pub(super) unsafe fn ask(&self) -> Result<ClientSink, ErrorKind> {
        // SAFETY: C's contract.
        unsafe { ClientSink::query(self.callback) }.ok_or(ErrorKind::NoInterface)
    }
}
