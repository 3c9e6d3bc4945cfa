//! Sets the link arguments of the shared library that cargo does not set by itself. Generates nothing.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let os = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if os == "linux" {
        // Clients record this name, so that a library with another ABI is never loaded in its place.
        // Keep in sync with MAPIOFFLINE_SOVERSION in CMakeLists.txt; `cargo xtask test abi` checks the built library.
        // The copy in another package, such as Python's, has a name of its own: no client finds it in the place of the installed one.
        println!("cargo::rerun-if-env-changed=MAPIOFFLINE_SONAME");
        let name = std::env::var("MAPIOFFLINE_SONAME").unwrap_or_else(|_| "libmapioffline.so.0".to_owned());
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,{name}");
        // Clients use objects after closing their handle, and notifier threads run on.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
