//! `cargo xtask generate`: every committed file that is generated.

use std::fs;
use std::path::{Path, PathBuf};

use crate::exports::{self, WRITTEN};
use crate::{Result, header};

/// The content of the generated files, by path below `root`.
fn generate(root: &Path, version: &str) -> Result<Vec<(PathBuf, String)>> {
    let mut files = header::generate(root, version)?;
    let table = suite_table(&files, &exports::decorated_names(root)?);
    files.extend(exports::generate(root)?);
    files.push(("c-tests/exports.h".into(), table));
    Ok(files)
}

/// Writes the files that differ.
pub(crate) fn write(root: &Path, version: &str) -> Result<()> {
    for (path, text) in generate(root, version)? {
        let path = root.join(path);
        if fs::read_to_string(&path).ok().as_deref() != Some(&text) {
            fs::write(&path, text)?;
            println!("wrote {}", path.display());
        }
    }
    Ok(())
}

/// The suite's table of functions, from the generated headers, which have their C types.
fn suite_table(headers: &[(PathBuf, String)], names: &[(String, String)]) -> String {
    let mut rows = Vec::new();
    for (path, text) in headers {
        if !["exports.h", "extensions.h", "testing.h"].iter().any(|name| path.ends_with(name)) {
            continue;
        }
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for (before, rest) in
            words.match_indices("STDMETHODCALLTYPE ").map(|(at, found)| (&words[..at], &words[at + found.len()..]))
        {
            let Some((name, rest)) = rest.split_once('(') else { continue };
            let Some((parameters, _)) = rest.split_once(");") else { continue };
            let Some((_, decorated)) = names.iter().find(|(plain, _)| plain == name) else { continue };
            let result =
                before.rsplit("*/").next().unwrap_or(before).rsplit([';', '{']).next().unwrap_or(before).trim();
            rows.push(format!("    X({name}, \"{decorated}\", {result}, ({parameters}))"));
        }
    }
    format!(
        "/* SPDX-License-Identifier: MIT OR Apache-2.0 */\n\
         /* Every export: X(name, decorated name, result, (parameters)). {WRITTEN}. */\n\
         #ifndef TEST_EXPORTS_H\n#define TEST_EXPORTS_H\n\n#define EACH_EXPORT(X) \\\n{}\n\n#endif /* TEST_EXPORTS_H */\n",
        rows.join(" \\\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_files_are_current() {
        let root = crate::root();
        for (path, text) in generate(&root, env!("CARGO_PKG_VERSION")).unwrap() {
            let committed = fs::read_to_string(root.join(&path)).unwrap_or_default();
            assert!(committed == text, "{} is out of date: run `cargo xtask generate` and commit it", path.display());
        }
    }
}
