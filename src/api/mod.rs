//! The C ABI: exported functions and the slots of the vtables. They check, convert, call, and convert the result into
//! an HRESULT; they decide nothing.

mod convert;
#[cfg(feature = "c-exports")]
mod exports;
#[cfg(feature = "c-exports")]
mod extensions;
mod methods;
mod objects;
#[cfg(feature = "c-exports")]
mod pumping;
mod result;
#[cfg(feature = "c-exports")]
mod status;
#[cfg(feature = "c-exports")]
mod testing;
#[cfg(feature = "c-exports")]
mod waiting;
