//! Completions. The script of a shell asks this program each time, as only the program knows the profiles.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::time::Duration;
use std::{env, fs, io};

use clap_complete::engine::{CompletionCandidate, PathCompleter, ValueCompleter as _};
use clap_complete::env::{CompleteEnv, Shells};
use clap_complete::{Shell, aot};
use mapioffline::StateFolder;

use crate::output::shown;

/// A shell's script sets this variable to the shell's name when it asks.
const VARIABLE: &str = "MAPIOFFLINE_COMPLETE";
/// How long programs may take to say what they have open: a person waits.
const PATIENCE: Duration = Duration::from_millis(300);

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

/// Profiles, or behind the first of a command's profiles also one of these words.
pub(crate) fn profiles_or(
    word: &OsStr,
    command: &str,
    words: impl Iterator<Item = String>,
) -> Vec<CompletionCandidate> {
    let mut found = profiles(word);
    if env::args_os().skip_while(|word| word != command).skip(1).count() > 1 {
        found.extend(candidates(words, word));
    }
    found
}

/// Profiles with a state behind them, as `run --set` has them.
pub(crate) fn profile_states(word: &OsStr) -> Vec<CompletionCandidate> {
    let text = word.to_string_lossy();
    let names = match text.rsplit_once('=') {
        Some((name, _)) => vec![name.to_owned()],
        None => profiles(word).iter().map(|name| name.get_value().to_string_lossy().into_owned()).collect(),
    };
    candidates(names.iter().flat_map(|name| ["online", "offline"].map(|state| format!("{name}={state}"))), word)
}

/// Programs that have profiles open, by their numbers.
pub(crate) fn clients(word: &OsStr) -> Vec<CompletionCandidate> {
    let programs = folder().and_then(|folder| folder.programs(None, PATIENCE).ok()).unwrap_or_default();
    let found = programs.into_iter().filter(|program| begins(&program.pid.to_string(), word));
    let found = found.map(|program| (program.pid.to_string(), shown(&program.name)));
    found.map(|(pid, name)| CompletionCandidate::new(pid).help(Some(name.into()))).collect()
}

/// The next word of a fault, as far as it is one of a list.
pub(crate) fn fault_words(word: &OsStr) -> Vec<CompletionCandidate> {
    let words: Vec<String> = env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let before = words.iter().rposition(|word| word == "add").map_or(&[][..], |at| &words[at + 1..words.len() - 1]);
    let before: Vec<&str> = before.iter().map(String::as_str).collect();
    const ENTRIES: [&str; 4] = ["open", "create", "advise", "set"];
    const PHASES: [&str; 4] = ["start", "change", "done", "notify"];
    const WHEN: [&str; 7] = ["on", "from", "every", "times", "chance", "for", "in"];
    let next: Vec<&str> = match before.as_slice() {
        [] => [&ENTRIES[..], &PHASES, &["capabilities", "hosting"]].concat(),
        ["capabilities"] => vec!["online", "offline", "none"],
        ["hosting"] => vec!["strict"],
        [what] if ENTRIES.contains(what) => vec!["fails", "delayed"],
        [what] if PHASES.contains(what) => vec!["delayed", "held", "bits", "type"],
        [_, "fails"] => {
            vec!["E_PENDING", "E_FAIL", "E_OUTOFMEMORY", "MAPI_E_DISK_ERROR", "MAPI_E_TIMEOUT", "MAPI_E_NO_SUPPORT"]
        }
        [.., "in"] => return profiles(word),
        ["capabilities" | "hosting", _, rest @ ..] if rest.len() % 2 == 0 => WHEN.to_vec(),
        [_, _, _, rest @ ..] if rest.len() % 2 == 0 => WHEN.to_vec(),
        _ => Vec::new(),
    };
    candidates(next.into_iter().map(str::to_owned), word)
}

/// The numbers of the faults that are asked for.
pub(crate) fn fault_numbers(word: &OsStr) -> Vec<CompletionCandidate> {
    let faults = folder().and_then(|folder| folder.faults().ok()).unwrap_or_default();
    candidates(faults.into_iter().map(|fault| fault.line.to_string()), word)
}

fn candidates(texts: impl Iterator<Item = String>, word: &OsStr) -> Vec<CompletionCandidate> {
    texts.filter(|text| begins(text, word)).map(CompletionCandidate::new).collect()
}

fn begins(text: &str, word: &OsStr) -> bool {
    text.as_bytes().starts_with(word.as_encoded_bytes())
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

/// What may follow `run` and `check`: first a program, then files.
pub(crate) fn command(word: &OsStr) -> Vec<CompletionCandidate> {
    let words: Vec<OsString> = env::args_os().skip_while(|word| word != "run" && word != "check").skip(1).collect();
    let begins = words.iter().position(|word| word == "--").map_or(0, |at| at + 1);
    if words.len() - begins > 1 || word.as_encoded_bytes().contains(&b'/') {
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
