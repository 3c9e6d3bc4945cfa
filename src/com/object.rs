//! The object box: two unknowns, the payload, and two reference counts in one allocation.
//!
//! Clients hold the *delegating* unknown. A plain object's delegating unknown handles calls itself. That of an aggregate's
//! inner object forwards them to the outer object, which holds the *non-delegating* unknown.

use std::alloc::{Layout, alloc, dealloc};
use std::ffi::c_void;
use std::mem::{ManuallyDrop, offset_of};
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};

use super::foreign::Outer;
use crate::guard::guard;
use crate::logging;
use crate::sys::{self, LastError, Uncancelled};

/// The content of an object box.
pub(crate) trait Payload: HasVtables + Send + Sync + Sized + 'static {
    /// Called when the last client reference is gone. Ends the object for its clients, and returns the client reference
    /// that it has on another object, if any.
    fn last_release(this: &InternalRef<Self>) -> Option<ClientRef<Self>>;
}

/// Gives a payload's objects their methods. Implemented where the methods are, in a layer above the payload.
pub(crate) trait HasVtables {
    /// The vtables of an object, which may be the inner object of an aggregate.
    fn vtables(aggregated: bool) -> &'static Vtables;
}

/// The vtables of an object's two unknowns.
pub(crate) struct Vtables {
    pub(crate) delegating: *const c_void,
    pub(crate) non_delegating: *const c_void,
}

// SAFETY: vtables are never written.
unsafe impl Sync for Vtables {}

/// Which of its two unknowns an object was reached through.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    Delegating,
    NonDelegating,
}

/// An object in memory. A pointer to one of its first two fields is an interface pointer.
#[repr(C)]
pub(crate) struct ObjectBox<T> {
    delegating: *const c_void,
    non_delegating: *const c_void,
    /// Behind the vtable pointers, so that a method reaches it through `This` at a fixed distance.
    payload: T,
    outer: Option<Outer>,
    /// References that clients count. Together they hold one of `internal`.
    clients: AtomicU32,
    /// References that keep the memory.
    internal: AtomicUsize,
}

// SAFETY: the vtable pointers are never written after creation; all else is Sync by itself.
unsafe impl<T: Payload> Sync for ObjectBox<T> {}

/// Stored in `clients` once that count is zero. References that a client takes and releases while the object ends (when its
/// sinks are released) do not end it a second time, and no call gives out the object again.
const ENDED: u32 = 1 << 31;

/// From this count on an object is never released: a client that leaks a reference with each query would otherwise bring the
/// count back to zero. The count is then kept in the middle of what is left below `ENDED`.
const IMMORTAL: u32 = 1 << 30;
const FOR_EVER: u32 = IMMORTAL + (1 << 29);

static LIVE: AtomicU32 = AtomicU32::new(0);

/// How many objects are in memory, including those that only a running transition still references.
pub(crate) fn live_objects() -> u32 {
    LIVE.load(Ordering::Relaxed)
}

impl<T: Payload> ObjectBox<T> {
    /// The object behind an interface pointer.
    ///
    /// # Safety
    /// `this` is the unknown `which` of an `ObjectBox<T>` that is alive for `'a`.
    pub(crate) unsafe fn from_unknown<'a>(this: *mut c_void, which: Unknown) -> &'a Self {
        // SAFETY: the caller says that `this` points to that field of a box that is alive.
        unsafe { &*this.byte_sub(Self::offset(which)).cast() }
    }

    /// The interface pointer of an unknown.
    pub(crate) fn unknown(&self, which: Unknown) -> *mut c_void {
        std::ptr::from_ref(self).cast_mut().cast::<c_void>().wrapping_byte_add(Self::offset(which))
    }

    const fn offset(which: Unknown) -> usize {
        match which {
            Unknown::Delegating => offset_of!(Self, delegating),
            Unknown::NonDelegating => offset_of!(Self, non_delegating),
        }
    }

    pub(crate) fn payload(&self) -> &T {
        &self.payload
    }

    pub(crate) fn outer(&self) -> Option<Outer> {
        self.outer
    }

    /// Adds a client reference. The caller reached the object through an existing one. Returns the new count.
    pub(crate) fn add_client(&self) -> u32 {
        let count = self.clients.fetch_add(1, Ordering::Relaxed).wrapping_add(1) & !ENDED;
        if count >= IMMORTAL {
            self.keep_for_ever();
        }
        count
    }

    #[cold]
    fn keep_for_ever(&self) {
        // Not where the last reference is gone: there the count decides nothing any more.
        if self.clients.load(Ordering::Relaxed) & ENDED == 0 {
            self.clients.store(FOR_EVER, Ordering::Relaxed);
        }
    }

    /// Releases a client reference, and returns the new count. The object may be gone when this returns.
    ///
    /// # Safety
    /// `this` is alive, and the reference is the caller's.
    pub(crate) unsafe fn release_client(this: *const Self) -> u32 {
        // SAFETY: the caller's reference keeps the box until the subtraction.
        let left = unsafe { (*this).clients.fetch_sub(1, Ordering::Release) }.wrapping_sub(1);
        if left == 0 {
            #[cold]
            #[inline(never)]
            fn end<T: Payload>(ended: NonNull<ObjectBox<T>>) {
                if sys::is_shutting_down() {
                    return;
                }
                let _uncancelled = Uncancelled::enter();
                let _error = LastError::keep();
                // What a panic leaves undone is leaked, not released twice.
                let _ = guard("Release", || {
                    // SAFETY: the client references held one internal reference together; it passes to this value.
                    finish(unsafe { InternalRef::of_ended(ended) });
                });
            }
            // SAFETY: `this` is not null.
            end(unsafe { NonNull::new_unchecked(this.cast_mut()) });
        } else if left & !ENDED >= IMMORTAL {
            // SAFETY: so many references keep the box.
            unsafe { (*this).keep_for_ever() };
        }
        left & !ENDED
    }

    /// A reference of the library's own.
    pub(crate) fn internal(&self) -> InternalRef<T> {
        self.internal.fetch_add(1, Ordering::Relaxed);
        InternalRef(NonNull::from(self))
    }
}

/// Ends an object, and then each object whose last reference that released. A loop, as chains of parents may be long.
fn finish<T: Payload>(ended: InternalRef<T>) {
    let mut next = T::last_release(&ended);
    drop(ended);
    while let Some(client) = next.take() {
        let object = ManuallyDrop::new(client).0;
        // SAFETY: the reference of `client` keeps the box until the subtraction.
        if unsafe { object.as_ref() }.clients.fetch_sub(1, Ordering::Release) == 1 {
            // SAFETY: as in `release_client`.
            let ended = unsafe { InternalRef::of_ended(object) };
            next = T::last_release(&ended);
        }
    }
}

/// A reference of the library's own.
pub(crate) struct InternalRef<T: Payload>(NonNull<ObjectBox<T>>);

// SAFETY: the counts are atomic and the payload is Send and Sync.
unsafe impl<T: Payload> Send for InternalRef<T> {}
// SAFETY: as above.
unsafe impl<T: Payload> Sync for InternalRef<T> {}

impl<T: Payload> InternalRef<T> {
    /// Takes over the one internal reference that the client references held together.
    ///
    /// # Safety
    /// The caller brought the count of client references to zero.
    unsafe fn of_ended(object: NonNull<ObjectBox<T>>) -> Self {
        fence(Ordering::Acquire);
        let internal = Self(object);
        internal.object().clients.store(ENDED, Ordering::Relaxed);
        internal
    }

    /// Adds a client reference, unless the last one is gone.
    pub(crate) fn try_client(&self) -> Option<ClientRef<T>> {
        let count = &self.object().clients;
        count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| {
                if n == 0 || n & ENDED != 0 { None } else { Some(if n < IMMORTAL { n + 1 } else { FOR_EVER }) }
            })
            .ok()
            .map(|_| ClientRef(self.0))
    }

    fn object(&self) -> &ObjectBox<T> {
        // SAFETY: this reference keeps the box.
        unsafe { self.0.as_ref() }
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T: Payload> Deref for InternalRef<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.object().payload
    }
}

impl<T: Payload> Clone for InternalRef<T> {
    fn clone(&self) -> Self {
        self.object().internal()
    }
}

impl<T: Payload> Drop for InternalRef<T> {
    fn drop(&mut self) {
        if self.object().internal.fetch_sub(1, Ordering::Release) != 1 {
            return;
        }
        fence(Ordering::Acquire);
        // In a client that is checked nothing else gets the memory: what the client does with it now is seen, and is no crash.
        if !logging::is_checked() {
            // SAFETY: that was the last reference of either kind, and the box came from `alloc` with this layout.
            unsafe {
                std::ptr::drop_in_place(self.0.as_ptr());
                dealloc(self.0.as_ptr().cast(), Layout::new::<ObjectBox<T>>());
            }
        }
        LIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A reference that clients count.
pub(crate) struct ClientRef<T: Payload>(NonNull<ObjectBox<T>>);

// SAFETY: as for `InternalRef`.
unsafe impl<T: Payload> Send for ClientRef<T> {}
// SAFETY: as for `InternalRef`.
unsafe impl<T: Payload> Sync for ClientRef<T> {}

impl<T: Payload> ClientRef<T> {
    /// Creates an object with its first client reference; `None` when memory runs out.
    pub(crate) fn try_new(payload: T, outer: Option<Outer>) -> Option<Self> {
        let vtables = T::vtables(outer.is_some());
        let layout = Layout::new::<ObjectBox<T>>();
        // SAFETY: the layout is not of size zero.
        let memory = NonNull::new(unsafe { alloc(layout) })?.cast::<ObjectBox<T>>();
        let object = ObjectBox {
            delegating: vtables.delegating,
            non_delegating: vtables.non_delegating,
            payload,
            outer,
            clients: AtomicU32::new(1),
            internal: AtomicUsize::new(1),
        };
        // SAFETY: the memory is fresh and has this layout.
        unsafe { memory.write(object) };
        LIVE.fetch_add(1, Ordering::Relaxed);
        Some(Self(memory))
    }

    /// Hands the reference to C, as a pointer to an unknown.
    pub(crate) fn into_raw(self, which: Unknown) -> *mut c_void {
        // SAFETY: this reference keeps the box.
        unsafe { ManuallyDrop::new(self).0.as_ref() }.unknown(which)
    }

    pub(crate) fn internal(&self) -> InternalRef<T> {
        self.object().internal()
    }

    fn object(&self) -> &ObjectBox<T> {
        // SAFETY: this reference keeps the box.
        unsafe { self.0.as_ref() }
    }
}

impl<T: Payload> Clone for ClientRef<T> {
    fn clone(&self) -> Self {
        self.object().add_client();
        Self(self.0)
    }
}

impl<T: Payload> Deref for ClientRef<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.object().payload
    }
}

impl<T: Payload> Drop for ClientRef<T> {
    fn drop(&mut self) {
        // SAFETY: the reference is this value's, and it ends here.
        unsafe { ObjectBox::release_client(self.0.as_ptr()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    static VTABLES: Vtables = Vtables { delegating: std::ptr::null(), non_delegating: std::ptr::null() };

    impl HasVtables for Nothing {
        fn vtables(_: bool) -> &'static Vtables {
            &VTABLES
        }
    }

    impl Payload for Nothing {
        fn last_release(_: &InternalRef<Self>) -> Option<ClientRef<Self>> {
            panic!("the object is kept for ever")
        }
    }

    #[test]
    fn an_object_whose_references_are_leaked_is_kept_for_ever() {
        let client = ManuallyDrop::new(ClientRef::try_new(Nothing, None).unwrap());
        let object = client.object();
        object.clients.store(IMMORTAL - 2, Ordering::Relaxed);
        for _ in 0..4 {
            assert_ne!(object.add_client() & !ENDED, 0);
        }
        assert_eq!(object.clients.load(Ordering::Relaxed), FOR_EVER);
        // As a client does that leaks one reference with each of 2^31 queries, or that releases them all.
        for count in [FOR_EVER, IMMORTAL, ENDED - 2] {
            object.clients.store(count, Ordering::Relaxed);
            for _ in 0..4 {
                // SAFETY: the references are counted.
                unsafe { ObjectBox::release_client(object) };
                object.add_client();
                std::mem::forget(client.internal().try_client());
            }
            assert!((IMMORTAL..ENDED).contains(&object.clients.load(Ordering::Relaxed)));
        }
    }
}
