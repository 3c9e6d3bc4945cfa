//! From C to Rust, once: behind these functions everything is safe.
//!
//! The SAFETY lines say "C's contract" for what the reference asks of every caller: pointers are null or point to what
//! their type says, alive for the call.
#![allow(non_snake_case, reason = "ABI names keep Microsoft's spelling")]

use std::ffi::c_void;
use std::mem::size_of;
use std::ptr::NonNull;

use super::methods;
use crate::abi::*;
use crate::com::{Boxed, Client, Face, NotifySink, Outer, Own};
use crate::error::Error;
use crate::name::Name;
use crate::state::Capabilities;
use crate::tree::{self, Creation, Identity, Listener, Offline};

/// Where an interface pointer goes. Null until then, and after every failure.
pub(super) struct Out<I>(NonNull<*mut I>);

impl<I> Out<I> {
    /// # Safety
    /// C's contract for `out`.
    pub(super) unsafe fn new(out: *mut *mut I) -> Result<Self, Error> {
        let out = NonNull::new(out).ok_or(Error::InvalidArgument)?;
        // SAFETY: C's contract.
        unsafe { out.write_unaligned(std::ptr::null_mut()) };
        Ok(Self(out))
    }

    fn set(self, object: *mut c_void) {
        // SAFETY: `new` was told that it may be written.
        unsafe { self.0.write_unaligned(object.cast()) };
    }
}

impl Out<IMAPIOfflineMgr> {
    /// Hands an object to the client.
    pub(super) fn hand(self, object: Client<Offline>, face: Face) {
        self.set(object.into_raw(face));
    }
}

/// A number that C wants to know.
///
/// # Safety
/// C's contract for `out`.
pub(super) unsafe fn write_number(out: *mut ULONG, value: ULONG) -> Result<(), Error> {
    let out = NonNull::new(out).ok_or(Error::InvalidArgument)?;
    // SAFETY: C's contract.
    unsafe { out.write_unaligned(value) };
    Ok(())
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
unsafe fn sized<T: Copy>(info: *const T) -> Result<T, Error> {
    if info.is_null() {
        return Err(Error::InvalidArgument);
    }
    // SAFETY: C's contract: a size is there, and as much as the size says.
    unsafe {
        if (info.cast::<ULONG>().read_unaligned() as usize) < size_of::<T>() {
            return Err(Error::InvalidArgument);
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
    pub(super) unsafe fn name(self) -> Result<Name, Error> {
        /// # Safety
        /// `text` may be read up to the item that ends the iteration.
        unsafe fn items<T: Copy>(text: *const T) -> Result<impl Iterator<Item = T>, Error> {
            if text.is_null() {
                return Err(Error::InvalidArgument);
            }
            // SAFETY: as the caller says; `Name` stops at zero, and at what makes a name too long.
            Ok((0..).map(move |index| unsafe { text.add(index).read_unaligned() }))
        }
        // SAFETY: C's contract.
        unsafe {
            match self {
                #[cfg(windows)]
                Self::Wide(text) => Name::from_utf16(items(text)?),
                #[cfg(not(windows))]
                Self::Wide(text) => Name::from_utf32(items(text)?),
                Self::Utf16(text) => Name::from_utf16(items(text)?),
                Self::Utf8(text) => Name::from_utf8(items(text.cast::<u8>())?),
            }
        }
    }
}

/// `HrOpenOfflineObj`, however the name is spelled.
///
/// # Safety
/// C's contract for all pointers.
pub(super) unsafe fn open(
    ulReserved: ULONG,
    text: Text,
    pGUID: *const GUID,
    pInstance: *const GUID,
    ppOffline: *mut *mut IMAPIOfflineMgr,
) -> Result<(), Error> {
    // SAFETY: C's contract.
    unsafe {
        let out = Out::new(ppOffline)?;
        if ulReserved != 0 {
            return Err(Error::UnknownFlags);
        }
        let name = text.name()?;
        let kind = guid(pGUID).ok_or(Error::InvalidArgument)?;
        let identity = Identity { kind, instance: guid(pInstance) };
        out.hand(tree::open(&name, &identity, &methods::PLAIN)?, Face::Main);
    }
    Ok(())
}

/// `HrGetGlobalOffline`, however the name is spelled.
///
/// # Safety
/// C's contract for all pointers.
pub(super) unsafe fn global(text: Text, ppOffline: *mut *mut IMAPIOfflineMgr) -> Result<(), Error> {
    // SAFETY: C's contract.
    unsafe {
        let out = Out::new(ppOffline)?;
        let name = text.name()?;
        out.hand(tree::global(&name, &methods::PLAIN)?, Face::Main);
    }
    Ok(())
}

/// `HrCreateOfflineObj`. `text` stands in for the name in the structure, if there is one.
///
/// # Safety
/// C's contract for all pointers.
pub(super) unsafe fn create(
    ulFlags: ULONG,
    pInfo: *const MAPIOFFLINE_CREATEINFO,
    text: Option<Text>,
    ppOffline: *mut *mut IMAPIOfflineMgr,
) -> Result<(), Error> {
    // SAFETY: C's contract.
    unsafe {
        let out = Out::new(ppOffline)?;
        let info = sized(pInfo)?;
        if ulFlags != 0 || info.ulCreateFlags != 0 {
            return Err(Error::UnknownFlags);
        }
        let name = text.unwrap_or(Text::Wide(info.pwszProfileName)).name()?;
        if !info.pConnectInfo.is_null() {
            return Err(Error::InvalidArgument);
        }
        let capabilities = Capabilities::from_bits(info.ulCapabilities).ok_or(Error::InvalidArgument)?;
        let identity = match (guid(info.pGUID), guid(info.pInstance)) {
            (None, Some(_)) => return Err(Error::InvalidArgument),
            (kind, instance) => kind.map(|kind| Identity { kind, instance }),
        };
        let parent = parent(info.pParent)?;
        let outer = outer(info.pAggregateInfo)?;
        let creation = Creation { identity, capabilities, parent: parent.as_ref(), outer };
        let (faces, face) =
            if outer.is_some() { (&methods::AGGREGATE, Face::Inner) } else { (&methods::PLAIN, Face::Main) };
        out.hand(tree::create(&name, &creation, faces)?, face);
    }
    Ok(())
}

/// The parent, recognised by its vtable's address: an object of somebody else's is never called.
///
/// # Safety
/// C's contract for `object`.
unsafe fn parent(object: *mut IMAPIOfflineMgr) -> Result<Option<Own<Offline>>, Error> {
    if object.is_null() {
        return Ok(None);
    }
    // SAFETY: a COM object begins with its vtable pointer.
    let vtable = unsafe { object.cast::<*const IMAPIOfflineMgrVtbl>().read_unaligned() };
    let face = methods::face_of(vtable).ok_or(Error::InvalidArgument)?;
    // SAFETY: our vtable stands in our objects only, and the caller holds a reference.
    Ok(Some(unsafe { Boxed::from_face(object.cast(), face) }.own()))
}

/// The outer object, if there is to be an aggregate.
///
/// # Safety
/// C's contract for `info`.
unsafe fn outer(info: *const MAPIOFFLINE_AGGREGATEINFO) -> Result<Option<Outer>, Error> {
    if info.is_null() {
        return Ok(None);
    }
    // SAFETY: C's contract.
    let info = unsafe { sized(info) }?;
    if !info.pRefTrackRoot.is_null() {
        return Err(Error::InvalidArgument);
    }
    Outer::new(info.pOuterObj).map(Some).ok_or(Error::InvalidArgument)
}

/// A registration, checked but for its sink.
pub(super) struct Advice {
    callback: NonNull<IUnknown>,
    pub(super) client_token: u32,
}

impl Advice {
    /// # Safety
    /// C's contract for `info`.
    pub(super) unsafe fn read(ulFlags: ULONG, info: *const MAPIOFFLINE_ADVISEINFO) -> Result<Self, Error> {
        // SAFETY: C's contract.
        let info = unsafe { sized(info) }?;
        let valid = ulFlags == MAPIOFFLINE_ADVISE_DEFAULT
            && info.CallbackType == MAPIOFFLINE_CALLBACK_TYPE_NOTIFY
            && info.ulAdviseTypes == MAPIOFFLINE_ADVISE_TYPE_STATECHANGE
            && info.ulStateMask & MAPIOFFLINE_STATE_OFFLINE_MASK != 0;
        match NonNull::new(info.pCallback) {
            Some(callback) if valid => Ok(Self { callback, client_token: info.ulClientToken }),
            _ => Err(Error::InvalidArgument),
        }
    }

    /// Asks the client's object for its sink.
    ///
    /// # Safety
    /// C's contract for the callback.
    pub(super) unsafe fn ask(&self) -> Result<Listener, Error> {
        // SAFETY: C's contract.
        unsafe { NotifySink::query(self.callback) }.map(Listener::new).ok_or(Error::NoInterface)
    }
}
