//! Memory that is needed soon.

/// Has the processor fetch a slice into its cache. Changes nothing else.
#[cfg(target_arch = "x86_64")]
pub(crate) fn prefetch<T>(slice: &[T]) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    const LINE: usize = 64;
    let start = slice.as_ptr().cast::<i8>();
    for offset in (0..size_of_val(slice)).step_by(LINE) {
        // SAFETY: the instruction reads nothing that the program sees, and may be given any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(offset)) };
    }
}

/// There is no stable intrinsic for it.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn prefetch<T>(_: &[T]) {}
