//! The object box: two faces, the payload, and two reference counts in one allocation.

use std::alloc::{Layout, alloc, dealloc};
use std::ffi::c_void;
use std::mem::{ManuallyDrop, offset_of};
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};

use super::foreign::Outer;
use super::guard::guard;

/// What a box holds.
pub(crate) trait Payload: Send + Sync + Sized + 'static {
    /// The last client reference is gone. Ends what clients see of the object, and gives the reference on another
    /// object, if any, that goes with it.
    fn last_release(this: &Own<Self>) -> Option<Client<Self>>;
}

/// The vtables of an object's two faces.
pub(crate) struct Faces {
    /// The face that clients hold; in an aggregate the delegating one.
    pub(crate) main: *const c_void,
    /// The face that an aggregate's outer object holds.
    pub(crate) inner: *const c_void,
}

// SAFETY: vtables are never written.
unsafe impl Sync for Faces {}

/// Which of its two faces an object was reached through.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Face {
    Main,
    Inner,
}

/// An object as it lies in memory. A pointer to `main` or to `inner` is what clients call an interface pointer.
#[repr(C)]
pub(crate) struct Boxed<T> {
    main: *const c_void,
    inner: *const c_void,
    /// Behind the faces, so that a method reaches it through `This` at a fixed distance.
    payload: T,
    outer: Option<Outer>,
    /// References that clients count. Together they hold one of `own`.
    clients: AtomicU32,
    /// References that keep the memory.
    own: AtomicUsize,
}

// SAFETY: the vtable pointers are never written after creation; all else is Sync by itself.
unsafe impl<T: Payload> Sync for Boxed<T> {}

/// Added to the count of clients once it has come to zero: what a client does with the object while it ends (its sinks
/// are released then) ends it no second time, and nobody finds it again.
const ENDED: u32 = 1 << 31;

static LIVE: AtomicU32 = AtomicU32::new(0);

/// How many objects are in memory, those that only a running transition still holds included.
pub(crate) fn live_objects() -> u32 {
    LIVE.load(Ordering::Relaxed)
}

impl<T: Payload> Boxed<T> {
    /// The object behind an interface pointer.
    ///
    /// # Safety
    /// `this` is the face `face` of a `Boxed<T>` that is alive for `'a`.
    pub(crate) unsafe fn from_face<'a>(this: *mut c_void, face: Face) -> &'a Self {
        // SAFETY: the caller says that `this` points to that field of a living box.
        unsafe { &*this.byte_sub(Self::offset(face)).cast() }
    }

    /// The interface pointer of a face.
    pub(crate) fn face(&self, face: Face) -> *mut c_void {
        std::ptr::from_ref(self).cast_mut().cast::<c_void>().wrapping_byte_add(Self::offset(face))
    }

    const fn offset(face: Face) -> usize {
        match face {
            Face::Main => offset_of!(Self, main),
            Face::Inner => offset_of!(Self, inner),
        }
    }

    pub(crate) fn payload(&self) -> &T {
        &self.payload
    }

    pub(crate) fn outer(&self) -> Option<Outer> {
        self.outer
    }

    /// One more client reference, for somebody who reached the object through one.
    pub(crate) fn add_client(&self) -> u32 {
        self.clients.fetch_add(1, Ordering::Relaxed).wrapping_add(1) & !ENDED
    }

    /// Gives back one client reference. The object may be gone when this returns.
    ///
    /// # Safety
    /// `this` is alive, and the reference is the caller's.
    pub(crate) unsafe fn release_client(this: *const Self) -> u32 {
        // SAFETY: the caller's reference keeps the box until the subtraction.
        let left = unsafe { (*this).clients.fetch_sub(1, Ordering::Release) }.wrapping_sub(1);
        if left == 0 {
            #[cold]
            #[inline(never)]
            fn end<T: Payload>(ended: NonNull<Boxed<T>>) {
                // What a panic leaves undone is leaked, not released twice.
                let _ = guard("Release", || {
                    // SAFETY: the client references held one of the library's own together; it passes to this value.
                    finish(unsafe { Own::of_ended(ended) });
                });
            }
            // SAFETY: `this` is not null.
            end(unsafe { NonNull::new_unchecked(this.cast_mut()) });
        }
        left & !ENDED
    }

    /// A reference of the library's own, for the length of a call.
    pub(crate) fn own(&self) -> Own<T> {
        self.own.fetch_add(1, Ordering::Relaxed);
        Own(NonNull::from(self))
    }
}

/// Ends an object, and then those that it was the last to hold. A loop: chains of parents may be long.
fn finish<T: Payload>(ended: Own<T>) {
    let mut next = T::last_release(&ended);
    drop(ended);
    while let Some(client) = next.take() {
        let object = ManuallyDrop::new(client).0;
        // SAFETY: the reference that `client` stood for keeps the box until the subtraction.
        if unsafe { object.as_ref() }.clients.fetch_sub(1, Ordering::Release) == 1 {
            // SAFETY: as in `release_client`.
            let ended = unsafe { Own::of_ended(object) };
            next = T::last_release(&ended);
        }
    }
}

/// A reference of the library's own.
pub(crate) struct Own<T: Payload>(NonNull<Boxed<T>>);

// SAFETY: the counts are atomic and the payload is Send and Sync.
unsafe impl<T: Payload> Send for Own<T> {}
// SAFETY: as above.
unsafe impl<T: Payload> Sync for Own<T> {}

impl<T: Payload> Own<T> {
    /// The reference that the clients held together.
    ///
    /// # Safety
    /// The caller brought their count to zero.
    unsafe fn of_ended(object: NonNull<Boxed<T>>) -> Self {
        fence(Ordering::Acquire);
        let own = Self(object);
        own.boxed().clients.store(ENDED, Ordering::Relaxed);
        own
    }

    /// One more client reference, unless the last one is gone.
    pub(crate) fn try_client(&self) -> Option<Client<T>> {
        let count = &self.boxed().clients;
        count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| {
                if n == 0 || n & ENDED != 0 { None } else { Some(n + 1) }
            })
            .ok()
            .map(|_| Client(self.0))
    }

    fn boxed(&self) -> &Boxed<T> {
        // SAFETY: this reference keeps the box.
        unsafe { self.0.as_ref() }
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T: Payload> Deref for Own<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.boxed().payload
    }
}

impl<T: Payload> Clone for Own<T> {
    fn clone(&self) -> Self {
        self.boxed().own()
    }
}

impl<T: Payload> Drop for Own<T> {
    fn drop(&mut self) {
        if self.boxed().own.fetch_sub(1, Ordering::Release) != 1 {
            return;
        }
        fence(Ordering::Acquire);
        // SAFETY: that was the last reference of either kind, and the box came from `alloc` with this layout.
        unsafe {
            std::ptr::drop_in_place(self.0.as_ptr());
            dealloc(self.0.as_ptr().cast(), Layout::new::<Boxed<T>>());
        }
        LIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A reference that clients count.
pub(crate) struct Client<T: Payload>(NonNull<Boxed<T>>);

// SAFETY: as for `Own`.
unsafe impl<T: Payload> Send for Client<T> {}
// SAFETY: as for `Own`.
unsafe impl<T: Payload> Sync for Client<T> {}

impl<T: Payload> Client<T> {
    /// A new object with its first client reference; `None` when memory runs out.
    pub(crate) fn try_new(payload: T, faces: &'static Faces, outer: Option<Outer>) -> Option<Self> {
        let layout = Layout::new::<Boxed<T>>();
        // SAFETY: the layout is not of size zero.
        let memory = NonNull::new(unsafe { alloc(layout) })?.cast::<Boxed<T>>();
        let boxed = Boxed {
            main: faces.main,
            inner: faces.inner,
            payload,
            outer,
            clients: AtomicU32::new(1),
            own: AtomicUsize::new(1),
        };
        // SAFETY: the memory is fresh and has this layout.
        unsafe { memory.write(boxed) };
        LIVE.fetch_add(1, Ordering::Relaxed);
        Some(Self(memory))
    }

    /// Hands the reference to C, as a pointer to `face`.
    pub(crate) fn into_raw(self, face: Face) -> *mut c_void {
        // SAFETY: this reference keeps the box.
        unsafe { ManuallyDrop::new(self).0.as_ref() }.face(face)
    }

    pub(crate) fn own(&self) -> Own<T> {
        self.boxed().own()
    }

    fn boxed(&self) -> &Boxed<T> {
        // SAFETY: this reference keeps the box.
        unsafe { self.0.as_ref() }
    }
}

impl<T: Payload> Clone for Client<T> {
    fn clone(&self) -> Self {
        self.boxed().add_client();
        Self(self.0)
    }
}

impl<T: Payload> Deref for Client<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.boxed().payload
    }
}

impl<T: Payload> Drop for Client<T> {
    fn drop(&mut self) {
        // SAFETY: the reference is this value's, and it ends here.
        unsafe { Boxed::release_client(self.0.as_ptr()) };
    }
}
