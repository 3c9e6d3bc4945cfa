//! The slots of IMAPIOfflineMgr, three times: for a plain object, and for the two unknowns of an aggregate.

use std::ffi::c_void;
use std::marker::PhantomData;

use super::convert::{self, Advice};
use super::result::{Returned, entry, refused, refused_bits, traced, traced_bits, traced_query, unless_shutting_down};
use crate::abi::*;
use crate::com::{HasVtables, ObjectBox, Unknown, Vtables};
use crate::error::ErrorKind;
use crate::model::Wait;
use crate::profile::Offline;
use crate::state::State;
use crate::sys::Uncancelled;
use crate::trace::{self, invalid};

type This = *mut IMAPIOfflineMgr;

/// A plain object.
static PLAIN: Vtables = Vtables {
    delegating: (&raw const PLAIN_VTABLE.vtable).cast(),
    non_delegating: (&raw const NON_DELEGATING_VTABLE.vtable).cast(),
};
/// The inner object of an aggregate.
static AGGREGATE: Vtables = Vtables {
    delegating: (&raw const DELEGATING_VTABLE.vtable).cast(),
    non_delegating: (&raw const NON_DELEGATING_VTABLE.vtable).cast(),
};

impl HasVtables for Offline {
    fn vtables(aggregated: bool) -> &'static Vtables {
        if aggregated { &AGGREGATE } else { &PLAIN }
    }
}

/// A vtable with nothing before it. Compilers of C++ keep the type information of a class there, in one or two words, and read
/// it for `dynamic_cast`, `typeid` and -fsanitize=vptr.
#[repr(C)]
struct WithoutType {
    type_information: [usize; 2],
    vtable: IMAPIOfflineMgrVtbl,
}

impl WithoutType {
    const fn new(vtable: IMAPIOfflineMgrVtbl) -> Self {
        Self { type_information: [0; 2], vtable }
    }
}

static PLAIN_VTABLE: WithoutType = WithoutType::new(Slots::<Plain>::VTABLE);
static DELEGATING_VTABLE: WithoutType = WithoutType::new(Slots::<Delegating>::VTABLE);
static NON_DELEGATING_VTABLE: WithoutType = WithoutType::new(Slots::<NonDelegating>::VTABLE);

/// Which unknown of this library's objects has this vtable.
pub(super) fn unknown_of(vtable: *const IMAPIOfflineMgrVtbl) -> Option<Unknown> {
    if std::ptr::eq(vtable, &raw const PLAIN_VTABLE.vtable) || std::ptr::eq(vtable, &raw const DELEGATING_VTABLE.vtable)
    {
        Some(Unknown::Delegating)
    } else if std::ptr::eq(vtable, &raw const NON_DELEGATING_VTABLE.vtable) {
        Some(Unknown::NonDelegating)
    } else {
        None
    }
}

/// How an unknown answers IUnknown's methods. The caller of each holds a reference on `this` (C's contract).
trait Methods {
    const WHICH: Unknown;

    /// # Safety
    /// `this` is this unknown of an object that is alive; `out` may be written.
    unsafe fn query(this: This, iid: &GUID, out: *mut *mut c_void) -> HRESULT;
    /// # Safety
    /// `this` is this unknown of an object that is alive.
    unsafe fn add_ref(this: This) -> ULONG;
    /// # Safety
    /// `this` is this unknown of an object that is alive, and the reference is the caller's.
    unsafe fn release(this: This) -> ULONG;

    /// # Safety
    /// `this` is this unknown of an object that is alive for `'a`.
    unsafe fn object<'a>(this: This) -> &'a ObjectBox<Offline> {
        // SAFETY: as the caller says.
        unsafe { ObjectBox::from_unknown(this.cast(), Self::WHICH) }
    }
}

fn is_ours(iid: &GUID) -> bool {
    is(iid, &IID_IMAPIOfflineMgr) || is(iid, &IID_IMAPIOffline)
}

/// As two words: by its fields the comparison is five times as long.
#[inline(always)]
fn is(iid: &GUID, other: &GUID) -> bool {
    // SAFETY: a GUID is 16 bytes without padding.
    let words = |guid: &GUID| unsafe { std::mem::transmute_copy::<GUID, [u64; 2]>(guid) };
    let ([a, b], [c, d]) = (words(iid), words(other));
    (a ^ c) | (b ^ d) == 0
}

/// # Safety
/// `out` may be written.
unsafe fn refuse(out: *mut *mut c_void) -> HRESULT {
    // SAFETY: as the caller says.
    unsafe { out.write_unaligned(std::ptr::null_mut()) };
    E_NOINTERFACE
}

struct Plain;

impl Methods for Plain {
    const WHICH: Unknown = Unknown::Delegating;

    unsafe fn query(this: This, iid: &GUID, out: *mut *mut c_void) -> HRESULT {
        // SAFETY: as the caller says.
        unsafe {
            if !is_ours(iid) && !is(iid, &IID_IUnknown) {
                return refuse(out);
            }
            Self::object(this).add_client();
            out.write_unaligned(this.cast());
        }
        S_OK
    }

    unsafe fn add_ref(this: This) -> ULONG {
        // SAFETY: as the caller says.
        unsafe { Self::object(this) }.add_client()
    }

    unsafe fn release(this: This) -> ULONG {
        // SAFETY: as the caller says.
        unsafe { ObjectBox::release_client(Self::object(this)) }
    }
}

/// Interface pointers of an aggregate: the outer object counts and answers.
struct Delegating;

impl Methods for Delegating {
    const WHICH: Unknown = Unknown::Delegating;

    unsafe fn query(this: This, iid: &GUID, out: *mut *mut c_void) -> HRESULT {
        // SAFETY: as the caller says; only aggregates have this vtable. Null first, as not every outer object does that.
        unsafe {
            out.write_unaligned(std::ptr::null_mut());
            Self::object(this).outer().map_or(E_NOINTERFACE, |outer| outer.query(iid, out))
        }
    }

    unsafe fn add_ref(this: This) -> ULONG {
        // SAFETY: as the caller says; only aggregates have this vtable.
        unsafe { Self::object(this).outer().map_or(0, |outer| outer.add_ref()) }
    }

    unsafe fn release(this: This) -> ULONG {
        // SAFETY: as the caller says; only aggregates have this vtable.
        unsafe { Self::object(this).outer().map_or(0, |outer| outer.release()) }
    }
}

/// What the outer object holds.
struct NonDelegating;

impl Methods for NonDelegating {
    const WHICH: Unknown = Unknown::NonDelegating;

    unsafe fn query(this: This, iid: &GUID, out: *mut *mut c_void) -> HRESULT {
        // SAFETY: as the caller says.
        unsafe {
            let object = Self::object(this);
            if is(iid, &IID_IUnknown) {
                object.add_client();
                out.write_unaligned(this.cast());
            } else if let (true, Some(outer)) = (is_ours(iid), object.outer()) {
                // The reference is counted where its Release goes.
                outer.add_ref();
                out.write_unaligned(object.unknown(Unknown::Delegating));
            } else {
                return refuse(out);
            }
        }
        S_OK
    }

    unsafe fn add_ref(this: This) -> ULONG {
        // SAFETY: as the caller says.
        unsafe { Self::object(this) }.add_client()
    }

    unsafe fn release(this: This) -> ULONG {
        // SAFETY: as the caller says.
        unsafe { ObjectBox::release_client(Self::object(this)) }
    }
}

struct Slots<F>(PhantomData<F>);

impl<F: Methods> Slots<F> {
    const VTABLE: IMAPIOfflineMgrVtbl = IMAPIOfflineMgrVtbl {
        QueryInterface: Self::query_interface,
        AddRef: Self::add_ref,
        Release: Self::release,
        SetCurrentState: Self::set_current_state,
        GetCapabilities: Self::get_capabilities,
        GetCurrentState: Self::get_current_state,
        Placeholder1: Self::placeholder,
        Advise: Self::advise,
        Unadvise: Self::unadvise,
        Placeholder2: Self::placeholder,
        Placeholder3: Self::placeholder,
        Placeholder4: Self::placeholder,
        Placeholder5: Self::placeholder,
        Placeholder6: Self::placeholder,
        Placeholder7: Self::placeholder,
        Placeholder8: Self::placeholder,
    };

    unsafe extern "system" fn query_interface(this: This, riid: REFIID, out: *mut *mut c_void) -> HRESULT {
        let (name, arguments) = (&"QueryInterface", [this as usize, riid as usize, out as usize]);
        if out.is_null() {
            return refused(name, arguments, "ppvObj is null");
        }
        // SAFETY: C's contract for this, riid and out.
        unsafe {
            let Some(iid) = convert::guid(riid) else {
                out.write_unaligned(std::ptr::null_mut());
                return refused(name, arguments, "riid is null");
            };
            let result = F::query(this, &iid, out);
            traced_query(arguments, out, result)
        }
    }

    unsafe extern "system" fn add_ref(this: This) -> ULONG {
        // SAFETY: C's contract for this.
        traced(&"AddRef", this as usize, Returned::Number, unsafe { F::add_ref(this) })
    }

    unsafe extern "system" fn release(this: This) -> ULONG {
        // SAFETY: C's contract for this, and the reference is the caller's.
        traced(&"Release", this as usize, Returned::Number, unsafe { F::release(this) })
    }

    unsafe extern "system" fn set_current_state(
        this: This,
        flags: ULONG,
        mask: ULONG,
        state: ULONG,
        reserved: *mut c_void,
    ) -> HRESULT {
        let arguments = [this as usize, flags as usize, mask as usize, state as usize, reserved as usize];
        entry("SetCurrentState", arguments, || {
            if flags & !MAPIOFFLINE_FLAG_BLOCK != 0 {
                return Err(ErrorKind::UnknownFlags.into());
            }
            if mask != MAPIOFFLINE_STATE_OFFLINE_MASK {
                return Err(invalid("ulMask is not MAPIOFFLINE_STATE_OFFLINE_MASK").into());
            }
            if !reserved.is_null() {
                return Err(invalid("pReserved is not null").into());
            }
            let invalid_state = || invalid("ulState is neither MAPIOFFLINE_STATE_OFFLINE nor MAPIOFFLINE_STATE_ONLINE");
            let state = State::from_bits(state).ok_or_else(invalid_state)?;
            unless_shutting_down()?;
            // SAFETY: C's contract for this.
            unsafe { Self::note(this) };
            trace::note(|notes| notes.state = Some(state));
            let wait = if flags & MAPIOFFLINE_FLAG_BLOCK != 0 { Wait::ForCallbacks } else { Wait::No };
            // SAFETY: C's contract for this. Callbacks may end the object: it is not touched after this.
            let object = unsafe { F::object(this) }.payload().post_or_handle(state, wait)?;
            let Some(object) = object else { return Ok(()) };
            let _uncancelled = Uncancelled::enter();
            object.set_state(state, wait)
        })
    }

    /// For the trace line: whose object it is.
    ///
    /// # Safety
    /// C's contract for `this`.
    #[inline(always)]
    unsafe fn note(this: This) {
        trace::note(|notes| {
            // SAFETY: as the caller says.
            let offline = unsafe { F::object(this) }.payload();
            (notes.profile, notes.ended) = (Some(offline.profile_name()), offline.has_ended());
        });
    }

    unsafe extern "system" fn get_capabilities(this: This, out: *mut ULONG) -> HRESULT {
        // SAFETY: C's contract for this and out.
        unsafe { Self::get(&"GetCapabilities", this, out, F::object(this).payload().capability_bits()) }
    }

    unsafe extern "system" fn get_current_state(this: This, out: *mut ULONG) -> HRESULT {
        // SAFETY: C's contract for this and out.
        unsafe { Self::get(&"GetCurrentState", this, out, F::object(this).payload().state_bits()) }
    }

    /// One load, and one branch when tracing is disabled.
    ///
    /// # Safety
    /// C's contract for `out`.
    #[inline(always)]
    unsafe fn get(name: &'static &'static str, this: This, out: *mut ULONG, bits: u32) -> HRESULT {
        if out.is_null() {
            return refused_bits(name, this as usize);
        }
        // SAFETY: as the caller says, and not null.
        unsafe { out.write_unaligned(bits) };
        traced_bits(name, this as usize, out as usize, bits)
    }

    unsafe extern "system" fn advise(
        this: This,
        flags: ULONG,
        info: *mut MAPIOFFLINE_ADVISEINFO,
        token: *mut ULONG,
    ) -> HRESULT {
        entry("Advise", [this as usize, flags as usize, info as usize, token as usize], || {
            // SAFETY: C's contract for this, info and token. The asked sink may end the object: it is not touched after this.
            unsafe {
                convert::write_number(token, 0)?;
                unless_shutting_down()?;
                Self::note(this);
                let advice = Advice::read(flags, info)?;
                let object = F::object(this).payload().handle_to_advise()?;
                let given = object.advise(advice.client_token, || advice.ask())?;
                trace::note(|notes| notes.token = Some(given));
                Ok(convert::write_number(token, given)?)
            }
        })
    }

    unsafe extern "system" fn unadvise(this: This, flags: ULONG, token: ULONG) -> HRESULT {
        entry("Unadvise", [this as usize, flags as usize, token as usize], || {
            unless_shutting_down()?;
            // SAFETY: C's contract for this.
            unsafe { Self::note(this) };
            // SAFETY: C's contract for this. The sink's Release may end the object: it is not touched after this.
            let object = unsafe { F::object(this) }.payload().handle();
            object.unadvise(token);
            Ok(())
        });
        // Also when the process is shutting down.
        S_OK
    }

    unsafe extern "system" fn placeholder(this: This) -> HRESULT {
        traced(&"Placeholder", this as usize, Returned::Hresult, MAPI_E_NO_SUPPORT as u32) as HRESULT
    }
}
