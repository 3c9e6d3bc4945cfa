//! The one list of exports: the functions with `#[unsafe(no_mangle)]` in src/api. The .def files, the golden lists and the
//! suite's table of functions are written from it.

use std::fs;
use std::path::{Path, PathBuf};

use syn::{FnArg, Item, ItemFn};

use crate::Result;

/// An exported function.
struct Export {
    name: String,
    /// How many bytes its arguments take on the stack of a 32-bit process.
    bytes: usize,
    /// Outlook exports it too.
    is_outlooks: bool,
}

/// The sources of exported functions: Outlook's own, and this library's.
const SOURCES: [(&str, bool); 3] =
    [("src/api/exports.rs", true), ("src/api/extensions.rs", false), ("src/api/testing.rs", false)];

/// All exports, in the order of the sources.
fn exports(root: &Path) -> Result<Vec<Export>> {
    let mut exports = Vec::new();
    for (source, is_outlooks) in SOURCES {
        for function in exported_functions(&fs::read_to_string(root.join(source))?)? {
            let name = function.sig.ident.to_string();
            for argument in &function.sig.inputs {
                check_size(&name, argument)?;
            }
            exports.push(Export { name, bytes: 4 * function.sig.inputs.len(), is_outlooks });
        }
    }
    Ok(exports)
}

/// The exported functions of a source.
pub(crate) fn exported_functions(source: &str) -> Result<Vec<ItemFn>> {
    let is_exported = |function: &ItemFn| {
        function.attrs.iter().any(|attribute| {
            matches!(&attribute.meta, syn::Meta::List(list)
                if list.path.is_ident("unsafe") && list.tokens.to_string() == "no_mangle")
        })
    };
    let items = syn::parse_file(source)?.items.into_iter();
    Ok(items
        .filter_map(|item| if let Item::Fn(function) = item { Some(function) } else { None })
        .filter(is_exported)
        .collect())
}

/// Every argument has to take four bytes on x86: pointers, callbacks, and integers of 32 bits.
fn check_size(function: &str, argument: &FnArg) -> Result<()> {
    let FnArg::Typed(typed) = argument else { return Err(format!("{function} has a self argument").into()) };
    let fits = match &*typed.ty {
        syn::Type::Ptr(_) => true,
        syn::Type::Path(path) => ["ULONG", "BOOL", "LPCWSTR", "REFIID", "MAPIOFFLINE_LOG_CALLBACK"]
            .iter()
            .any(|known| path.path.is_ident(known)),
        _ => false,
    };
    if fits { Ok(()) } else { Err(format!("{function}: an argument's size on x86 is not known to xtask").into()) }
}

impl Export {
    /// As a 32-bit linker asks for it.
    fn decorated(&self) -> String {
        format!("{}@{}", self.name, self.bytes)
    }
}

/// The decorated name of every export, by its plain one.
pub(crate) fn decorated_names(root: &Path) -> Result<Vec<(String, String)>> {
    Ok(exports(root)?.into_iter().map(|export| (export.name.clone(), export.decorated())).collect())
}

/// The content of the generated files, by path below `root`.
pub(crate) fn generate(root: &Path) -> Result<Vec<(PathBuf, String)>> {
    let exports = exports(root)?;
    Ok(vec![
        ("windows/mapioffline-x64.def".into(), x64_def(&exports)),
        ("windows/mapioffline-x86.def".into(), x86_def(&exports)),
        ("windows/forwarder.def".into(), forwarder_def(&exports)),
        ("abi/exports.txt".into(), golden("the shared library", exports.iter().map(|e| e.name.clone()))),
        ("abi/exports-windows-x64.txt".into(), {
            let decorated = exports.iter().filter(|export| export.is_outlooks).map(Export::decorated);
            golden("the DLL for Windows x64", exports.iter().map(|e| e.name.clone()).chain(decorated))
        }),
        ("abi/exports-windows-x86.txt".into(), {
            let decorated = exports.iter().map(Export::decorated);
            golden("the DLL for Windows x86", exports.iter().map(|e| e.name.clone()).chain(decorated))
        }),
    ])
}

pub(crate) const WRITTEN: &str = "Written by `cargo xtask generate` from src/api";

fn x64_def(exports: &[Export]) -> String {
    let mut text = format!(
        "; The exports of the 64-bit mapioffline.dll. Old clients look up the decorated names here too, although nothing is\n\
         ; decorated on x64. {WRITTEN}; abi/exports-windows-x64.txt is checked against the DLL.\n\
         LIBRARY mapioffline.dll\nEXPORTS\n"
    );
    for export in exports {
        text += &format!("    {}\n", export.name);
        if export.is_outlooks {
            text += &format!("    {} = {}\n", export.decorated(), export.name);
        }
    }
    text
}

fn x86_def(exports: &[Export]) -> String {
    let mut text = format!(
        "; The exports of the 32-bit mapioffline.dll: decorated, as a linker asks for them, and plain, as clients look them up\n\
         ; too. {WRITTEN}; abi/exports-windows-x86.txt is checked against the DLL.\n\
         LIBRARY mapioffline.dll\nEXPORTS\n"
    );
    for export in exports {
        let decorated = export.decorated();
        text += &format!("    {decorated}\n    {} = {decorated}\n", export.name);
    }
    text
}

fn forwarder_def(exports: &[Export]) -> String {
    let mut text = format!(
        "; Outlook's names, forwarded to mapioffline.dll. No LIBRARY line: one file serves msmapi32.dll and olmapi32.dll.\n\
         ; {WRITTEN}.\nEXPORTS\n"
    );
    for export in exports.iter().filter(|export| export.is_outlooks) {
        for name in [export.decorated(), export.name.clone()] {
            text += &format!("    {name} = mapioffline.{name}\n");
        }
    }
    text
}

fn golden(of: &str, names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<String> = names.collect();
    names.sort();
    format!(
        "# The exports of {of}, and nothing else. {WRITTEN}; compared with the built library.\n{}\n",
        names.join("\n")
    )
}
