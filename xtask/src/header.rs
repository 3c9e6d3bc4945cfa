//! The generated part of the header: the C view, from the Rust types of which the library itself is compiled.
//!
//! cbindgen omits functions that are `extern "system"`, and drops the convention of function pointers. So it reads a copy
//! of the sources with `extern "C"`, and the convention is inserted afterwards. The number of insertions is checked.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::exports::exported_functions;

/// One generated file.
struct Part {
    file: &'static str,
    source: &'static str,
    what: &'static str,
    /// Types to write although no function mentions them.
    include: &'static [&'static str],
    /// How many slots and callbacks get a calling convention.
    slots: usize,
    /// Clients include it themselves.
    by_itself: bool,
}

const PARTS: [Part; 5] = [
    Part {
        file: "structs.h",
        source: "src/abi/structs.rs",
        what: "The structures of the API.",
        include: &[
            "MAPIOFFLINE_ADVISEINFO",
            "MAPIOFFLINE_STATECHANGE",
            "MAPIOFFLINE_NOTIFY_INFO",
            "MAPIOFFLINE_NOTIFY",
            "MAPIOFFLINE_AGGREGATEINFO",
            "MAPIOFFLINE_CREATEINFO",
        ],
        slots: 0,
        by_itself: false,
    },
    Part {
        file: "c_view.h",
        source: "src/abi/vtables.rs",
        what: "The C view of the interfaces: structures with an lpVtbl, whose order of slots is the ABI.",
        include: &[
            "IMAPIOfflineVtbl",
            "IMAPIOffline",
            "IMAPIOfflineMgrVtbl",
            "IMAPIOfflineMgr",
            "IMAPIOfflineNotifyVtbl",
            "IMAPIOfflineNotify",
        ],
        slots: 7 + 16 + 4,
        by_itself: false,
    },
    Part {
        file: "exports.h",
        source: "src/api/exports.rs",
        what: "The functions under Outlook's export names.",
        include: &[],
        slots: 0,
        by_itself: false,
    },
    Part {
        file: "extensions.h",
        source: "src/api/extensions.rs",
        what: "The extensions of this library.",
        include: &[],
        slots: 1,
        by_itself: false,
    },
    Part {
        file: "testing.h",
        source: "src/api/testing.rs",
        what: "Faults on demand, for tests of clients: docs/faults.md.",
        include: &[],
        slots: 0,
        by_itself: true,
    },
];

/// The content of the generated files, by path below `root`.
pub(crate) fn generate(root: &Path, version: &str) -> Result<Vec<(PathBuf, String)>> {
    let folder = Path::new("include/mapioffline");
    let mut files = vec![(folder.join("version.h"), version_header(version)?)];
    for part in &PARTS {
        files.push((folder.join(part.file), part.generate(root)?));
    }
    Ok(files)
}

impl Part {
    fn generate(&self, root: &Path) -> Result<String> {
        let scratch = root.join("target/xtask/header");
        fs::create_dir_all(&scratch)?;
        let copy = scratch.join(self.file).with_extension("rs");
        let source = fs::read_to_string(root.join(self.source))?;
        fs::write(
            &copy,
            source.replace("extern \"system-unwind\"", "extern \"C\"").replace("extern \"system\"", "extern \"C\""),
        )?;
        let mut config = cbindgen::Config::from_file(root.join("cbindgen.toml"))?;
        config.export.include = self.include.iter().map(ToString::to_string).collect();
        let guard = format!("MAPIOFFLINE_{}_H", self.file.trim_end_matches(".h").to_uppercase());
        let bindings = cbindgen::Builder::new().with_config(config).with_src(&copy).generate()?;
        let mut text = Vec::new();
        bindings.write(&mut text);
        // The number of functions that the source declares; any other number in the header is an error.
        let exports = exported_functions(&source)?.len();
        let text = with_conventions(&String::from_utf8(text)?, self.slots, exports)
            .map_err(|error| format!("{}: {error}", self.file))?;
        let (open, close) = if exports == 0 {
            ("", "")
        } else {
            ("#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n", "\n#ifdef __cplusplus\n}\n#endif\n")
        };
        let (included, include) = if self.by_itself {
            ("Not included by mapioffline.h", "#include \"../mapioffline.h\"\n\n")
        } else {
            ("Included by mapioffline.h", "")
        };
        Ok(format!(
            "/* SPDX-License-Identifier: MIT OR Apache-2.0 */\n\
             /* {}\n \
             * Written by `cargo xtask generate` from {}: change that. {included}. */\n\
             #ifndef {guard}\n#define {guard}\n\n{include}{open}{}{close}\n#endif /* {guard} */\n",
            self.what,
            self.source,
            text.trim_start(),
        ))
    }
}

/// Inserts the calling convention into every function pointer and every declared function, and fails unless there are
/// exactly as many as expected. Documentation becomes block comments, which C89 compilers and -pedantic accept too.
fn with_conventions(text: &str, slots: usize, exports: usize) -> Result<String> {
    const CONVENTION: &str = "STDMETHODCALLTYPE ";
    let mut found = (0, 0);
    let mut out = String::new();
    // Continuation lines are indented by as much as the first line grows.
    let mut continued = false;
    for mut line in block_comments(text) {
        if continued {
            line.insert_str(0, &" ".repeat(CONVENTION.len()));
            continued = !line.ends_with(';');
            out += line.trim_end();
            out.push('\n');
            continue;
        }
        let code = !line.trim_start().starts_with(['/', '*']);
        let line = if code && line.contains("(*") {
            found.0 += line.matches("(*").count();
            continued = line.ends_with(',');
            line.replace("(*", &format!("({CONVENTION}*"))
        } else if let Some((result, rest)) = code.then(|| declared(&line)).flatten() {
            found.1 += 1;
            continued = line.ends_with(',');
            format!("{result}{CONVENTION}{rest}")
        } else {
            line
        };
        out += line.trim_end();
        out.push('\n');
    }
    if found != (slots, exports) {
        return Err(format!("{found:?} slots and functions found, ({slots}, {exports}) expected").into());
    }
    Ok(out)
}

/// Splits the first line of a function's declaration before its name.
fn declared(line: &str) -> Option<(&str, &str)> {
    let before = line.find('(')?;
    let name = line[..before].rfind([' ', '*'])? + 1;
    let known = ["Hr", "MapiOffline"].iter().any(|prefix| line[name..].starts_with(prefix));
    (known && !line.starts_with([' ', '\t'])).then(|| line.split_at(name))
}

/// `///` and `//` lines as `/* ... */`.
fn block_comments(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        let indent = &line[..line.len() - line.trim_start().len()];
        let comment = line.trim_start().strip_prefix("///").or_else(|| line.trim_start().strip_prefix("//"));
        match comment {
            Some(words) if inside => lines.push(format!("{indent} *{words}")),
            Some(words) => lines.push(format!("{indent}/*{words}")),
            None if inside => {
                if let Some(last) = lines.last_mut() {
                    *last += " */";
                }
                lines.push(line.to_owned());
            }
            None => lines.push(line.to_owned()),
        }
        inside = comment.is_some();
    }
    lines
}

fn version_header(version: &str) -> Result<String> {
    let numbers: Vec<&str> = version.split('.').collect();
    let [major, minor, patch] = numbers[..] else { return Err(format!("{version} is not major.minor.patch").into()) };
    Ok(format!(
        "/* SPDX-License-Identifier: MIT OR Apache-2.0 */\n\
         /* Written by `cargo xtask generate` from Cargo.toml: change that. Included by mapioffline.h. */\n\
         #ifndef MAPIOFFLINE_VERSION_H\n#define MAPIOFFLINE_VERSION_H\n\n\
         #define MAPIOFFLINE_VERSION_MAJOR {major}\n\
         #define MAPIOFFLINE_VERSION_MINOR {minor}\n\
         #define MAPIOFFLINE_VERSION_PATCH {patch}\n\
         #define MAPIOFFLINE_VERSION_STRING \"{version}\"\n\
         /* Grows with every version; MapiOfflineVersion gives that of the library that runs. */\n\
         #define MAPIOFFLINE_VERSION_NUMBER                                                                                     \\\n    \
         ((ULONG)MAPIOFFLINE_VERSION_MAJOR << 24 | (ULONG)MAPIOFFLINE_VERSION_MINOR << 16 |                                 \\\n     \
         (ULONG)MAPIOFFLINE_VERSION_PATCH)\n\n\
         #endif /* MAPIOFFLINE_VERSION_H */\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_or_function_more_or_less_is_an_error() {
        let text = "struct V {\n    HRESULT (*A)(I *This);\n};\n\nHRESULT HrB(ULONG a);\n";
        assert!(with_conventions(text, 1, 1).unwrap().contains("HRESULT STDMETHODCALLTYPE HrB("));
        assert!(with_conventions(text, 1, 1).unwrap().contains("(STDMETHODCALLTYPE *A)("));
        assert!(with_conventions(text, 2, 1).is_err());
        assert!(with_conventions(text, 1, 0).is_err());
    }
}
