//! Pointers to objects that clients implement.

use std::ffi::c_void;
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;

use crate::abi::{GUID, HRESULT, IUnknown, ULONG};
use crate::guard::{ends_process_on_unwind, guard};
use crate::logging;
use crate::sys::{LastError, Uncancelled};

/// An interface `I` of a client's object, with one reference, which is released on drop.
pub(crate) struct Foreign<I>(NonNull<I>);

// SAFETY: COM leaves threading to the object; the API's contract is that a sink may be called and released on any thread.
unsafe impl<I> Send for Foreign<I> {}
// SAFETY: as above; nothing here is reached through a shared reference but the pointer itself.
unsafe impl<I> Sync for Foreign<I> {}

impl<I> Foreign<I> {
    /// Takes over a reference.
    pub(crate) fn new(object: NonNull<I>) -> Self {
        Self(object)
    }

    /// Queries `object` for the interface `iid`. Any failure, and any success with a null pointer, is `None`; a pointer
    /// that comes with a failure is not touched.
    ///
    /// # Safety
    /// `object` points to a COM object that is alive, and `iid` is the identifier of `I`.
    pub(crate) unsafe fn query(object: NonNull<IUnknown>, iid: &GUID) -> Option<Self> {
        let mut found: *mut c_void = std::ptr::null_mut();
        // SAFETY: a COM object starts with its vtable pointer; the caller says that the object is alive.
        let result = unsafe { query_interface(object, iid, &raw mut found) };
        if result < 0 { None } else { NonNull::new(found.cast()).map(Self) }
    }

    /// The same interface without a reference.
    pub(crate) fn borrow(&self) -> Borrowed<I> {
        Borrowed(self.0, PhantomData)
    }
}

impl<I> Drop for Foreign<I> {
    fn drop(&mut self) {
        let object = self.0.cast::<IUnknown>();
        // SAFETY: every interface starts with IUnknown's slots, and the reference is ours to give back.
        let left = ends_process_on_unwind(|| unsafe { ((*(*object.as_ptr()).lpVtbl).Release)(object.as_ptr()) });
        if logging::tracing() {
            write_release(object.as_ptr(), left);
        }
    }
}

/// What is left of the object's references, as it says itself.
#[cold]
#[inline(never)]
fn write_release(object: *mut IUnknown, left: ULONG) {
    let _uncancelled = Uncancelled::enter();
    let _error = LastError::keep();
    // The logger may be client code; a panic in ours must not reach whoever drops the reference.
    let _ = guard("Release", || log::trace!("Sink.Release({object:?}) -> {left}"));
}

/// An interface of a client's object, without a reference. Calling it is unsafe, as another reference has to keep the object
/// alive; copying it is safe.
pub(crate) struct Borrowed<I>(NonNull<I>, PhantomData<*const I>);

impl<I> Clone for Borrowed<I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<I> Copy for Borrowed<I> {}

// SAFETY: as for `Foreign`.
unsafe impl<I> Send for Borrowed<I> {}

/// The address of the object.
impl<I> fmt::Debug for Borrowed<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<I> Borrowed<I> {
    /// Calls client code on the object.
    ///
    /// # Safety
    /// The object is alive until `call` returns, and `call` uses it as an `I`.
    #[inline]
    pub(crate) unsafe fn call<R>(self, call: impl FnOnce(*mut I) -> R) -> R {
        ends_process_on_unwind(|| call(self.0.as_ptr()))
    }
}

/// The outer object of an aggregate. The inner object holds no reference on it: COM's rules of aggregation keep it alive.
#[derive(Clone, Copy)]
pub(crate) struct Outer(NonNull<IUnknown>);

// SAFETY: as for `Foreign`.
unsafe impl Send for Outer {}
// SAFETY: as for `Foreign`.
unsafe impl Sync for Outer {}

impl Outer {
    pub(crate) fn new(object: *mut IUnknown) -> Option<Self> {
        NonNull::new(object).map(Self)
    }

    /// # Safety
    /// The outer object is alive: the caller reached the delegating unknown through one of its references.
    pub(crate) unsafe fn query(self, iid: &GUID, out: *mut *mut c_void) -> HRESULT {
        // SAFETY: as the caller says.
        unsafe { query_interface(self.0, iid, out) }
    }

    /// # Safety
    /// As for `query`.
    pub(crate) unsafe fn add_ref(self) -> ULONG {
        // SAFETY: as the caller says.
        ends_process_on_unwind(|| unsafe { ((*(*self.0.as_ptr()).lpVtbl).AddRef)(self.0.as_ptr()) })
    }

    /// # Safety
    /// As for `query`, and the reference is the caller's to give back.
    pub(crate) unsafe fn release(self) -> ULONG {
        // SAFETY: as the caller says.
        ends_process_on_unwind(|| unsafe { ((*(*self.0.as_ptr()).lpVtbl).Release)(self.0.as_ptr()) })
    }
}

/// # Safety
/// `object` is alive, `out` may be written.
unsafe fn query_interface(object: NonNull<IUnknown>, iid: &GUID, out: *mut *mut c_void) -> HRESULT {
    // SAFETY: as the caller says; a COM object starts with its vtable pointer.
    ends_process_on_unwind(|| unsafe { ((*(*object.as_ptr()).lpVtbl).QueryInterface)(object.as_ptr(), iid, out) })
}
