//! Completions. The script of a shell asks this program each time, as only the program knows the profiles.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::{env, fs, io};

use clap_complete::engine::{CompletionCandidate, PathCompleter, ValueCompleter as _};
use clap_complete::env::{CompleteEnv, Shells};
use clap_complete::{Shell, aot};
use mapioffline::StateFolder;

use crate::output::shown;

/// A shell's script sets this variable to the shell's name when it asks.
const VARIABLE: &str = "MAPIOFFLINE_COMPLETE";

/// If a shell asks for completions, prints them and ends the process.
pub(crate) fn answer(definition: fn() -> clap::Command) {
    CompleteEnv::with_factory(definition).var(VARIABLE).complete();
}

/// The script by which a shell asks.
pub(crate) fn script(shell: Shell) -> io::Result<Vec<u8>> {
    let mut script = Vec::new();
    let name = "mapioffline";
    let shells = Shells::builtins();
    let completer = shells.completer(&shell.to_string()).ok_or(io::ErrorKind::Unsupported)?;
    completer.write_registration(VARIABLE, name, name, name, &mut script)?;
    if shell == aot::Shell::Zsh {
        // As a file in $fpath the script is the body of the function that zsh calls the first time.
        script
            .extend(b"if [ \"$funcstack[1]\" = _mapioffline ]; then _clap_dynamic_completer_mapioffline \"$@\"; fi\n");
    }
    Ok(script)
}

/// The stored profiles whose names begin with the word. Looks only, and creates nothing.
pub(crate) fn profiles(word: &OsStr) -> Vec<CompletionCandidate> {
    let Some(word) = word.to_str() else { return Vec::new() };
    // Of the shells only bash takes the text as it is typed, and gives it so.
    let quotes = env::var_os("_CLAP_COMPLETE_COMP_TYPE").is_some();
    let word = if quotes { word.replace('\\', "") } else { word.to_owned() };
    let profiles = folder().and_then(|folder| folder.profiles().ok()).unwrap_or_default();
    // A name that has to be escaped cannot be typed either.
    let names = profiles.into_iter().map(|profile| profile.name).filter(|name| shown(name) == *name);
    let names = names.filter(|name| name.starts_with(&word));
    names.map(|name| CompletionCandidate::new(if quotes { quoted(&name) } else { name })).collect()
}

/// The text with a backslash before each character that may mean something to bash.
fn quoted(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_ascii() && !c.is_ascii_alphanumeric() && !"-_.@/+,%".contains(c) {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// The state folder that the command line names, or the user's.
fn folder() -> Option<StateFolder> {
    let words: Vec<OsString> = env::args_os().collect();
    let named = words.iter().enumerate().find_map(|(index, word)| {
        if word == "--state-dir" {
            // bash takes the equals sign for a word.
            words[index + 1..].iter().find(|word| *word != "=").cloned()
        } else {
            word.to_str()?.strip_prefix("--state-dir=").map(OsString::from)
        }
    });
    match named {
        Some(path) => Some(StateFolder::at(path)),
        None => StateFolder::of_user().ok(),
    }
}

/// What may follow `run`: first a program, then files.
pub(crate) fn command(word: &OsStr) -> Vec<CompletionCandidate> {
    let words = env::args_os().skip_while(|word| word != "run").skip(1).filter(|word| word != "--");
    if words.count() > 1 || word.as_encoded_bytes().contains(&b'/') {
        return PathCompleter::any().complete(word);
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let entries = env::split_paths(&path).filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let programs = entries.filter(|entry| {
        entry.file_name().as_encoded_bytes().starts_with(word.as_encoded_bytes()) && is_program(&entry.path())
    });
    programs.map(|entry| entry.file_name()).collect::<BTreeSet<_>>().into_iter().map(CompletionCandidate::new).collect()
}

#[cfg(unix)]
fn is_program(path: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &std::path::Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("exe"))
}
