//! What Wine 8 lacks.
//!
//! Rust's standard library imports `ProcessPrng` from bcryptprimitives.dll, and Wine 8, the one of Debian 12, has no such
//! DLL: nothing that imports from it is loaded there. The symbols of the import are defined here, where the linker finds them
//! before it looks for the DLL.

use std::arch::global_asm;
use std::ffi::c_void;

use windows_sys::Win32::Security::Authentication::Identity::RtlGenRandom;
use windows_sys::core::BOOL;

#[cfg(target_pointer_width = "64")]
macro_rules! address {
    () => {
        ".quad"
    };
}
#[cfg(target_pointer_width = "32")]
macro_rules! address {
    () => {
        ".long"
    };
}

// Both symbols that the import would have: the function, and its address. std's imports are undecorated on x86, too.
global_asm!(
    ".globl ProcessPrng",
    "ProcessPrng: jmp {0}",
    ".section .rdata,\"dr\"",
    ".globl __imp_ProcessPrng",
    ".p2align 3",
    concat!("__imp_ProcessPrng: ", address!(), " {0}"),
    ".text",
    sym process_prng
);

/// As Windows' own, which never fails.
///
/// # Safety
/// `data` may be written for `size` bytes.
unsafe extern "system" fn process_prng(data: *mut u8, size: usize) -> BOOL {
    const MOST: usize = 1 << 30;
    let mut written = 0;
    while written < size {
        let part = (size - written).min(MOST);
        // SAFETY: as the caller says, and within `size`.
        if !unsafe { RtlGenRandom(data.add(written).cast::<c_void>(), part as u32) } {
            return 0;
        }
        written += part;
    }
    1
}
