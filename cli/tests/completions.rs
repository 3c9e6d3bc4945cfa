//! What shells are offered.
#![cfg(unix)]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Place, eventually};

/// What bash offers for the last word, by the script that `completions bash` prints.
fn bash(place: &Place, words: &[&str]) -> Vec<String> {
    let script = "source <(mapioffline completions bash)
        COMP_WORDS=(mapioffline \"$@\") COMP_CWORD=$# COMP_TYPE=9
        _clap_complete_mapioffline mapioffline \"${@: -1}\" \"\"
        printf '%s\\n' \"${COMPREPLY[@]}\"";
    let program = Path::new(env!("CARGO_BIN_EXE_mapioffline")).parent().unwrap();
    let path = format!("{}:{}:/usr/bin:/bin", program.display(), place.path().display());
    let mut bash = Command::new("bash");
    bash.args(["-c", script, "bash"]).args(words).env("PATH", path).env("MAPIOFFLINE_STATE_DIR", place.path());
    let output = bash.current_dir(place.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{words:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn profiles_are_completed() {
    let place = Place::new();
    for name in ["Outlook", "Out of office", "Žluť", "a\x1bb"] {
        place.text(&["set", name, "offline"]);
    }
    for command in ["status", "set", "remove", "watch"] {
        assert_eq!(bash(&place, &[command, "Ou"]), ["Out\\ of\\ office", "Outlook"], "{command}");
    }
    assert_eq!(bash(&place, &["watch", "Outlook", "Ž"]), ["Žluť"]);
    assert_eq!(bash(&place, &["status", "Out\\ of"]), ["Out\\ of\\ office"]);
    assert_eq!(bash(&place, &["status", "a"]), [""], "it cannot be typed");
    let other = place.path().join("other");
    place.text(&["--state-dir", other.to_str().unwrap(), "set", "Elsewhere", "offline"]);
    assert_eq!(bash(&place, &["--state-dir", "other", "status", "E"]), ["Elsewhere"]);
    assert_eq!(bash(&place, &["--state-dir", "none", "status", "E"]), [""]);
    assert!(!place.path().join("none").exists(), "completing makes nothing");
    for (shell, expected) in
        [("fish", "Out of office\nOutlook\n"), ("elvish", "Out of office\nOutlook"), ("zsh", "Out of office\nOutlook")]
    {
        let mut command = place.command(&["--", "mapioffline", "status", "Ou"]);
        command.env("MAPIOFFLINE_COMPLETE", shell).env("_CLAP_COMPLETE_INDEX", "2").env("_CLAP_IFS", "\n");
        assert_eq!(String::from_utf8(command.output().unwrap().stdout).unwrap(), expected, "{shell}");
    }
}

#[test]
fn commands_states_and_options_are_completed() {
    let place = Place::new();
    assert_eq!(bash(&place, &["prof"]), ["profiles"]);
    assert_eq!(bash(&place, &["re"]), ["remove"], "and no hidden command");
    assert_eq!(bash(&place, &["set", "Outlook", "of"]), ["offline"]);
    assert_eq!(bash(&place, &["set", "--wa"]), ["--wait"]);
}

#[test]
fn the_command_of_run_is_completed() {
    let place = Place::new();
    for (name, mode) in [("my-program", 0o755), ("my-file", 0o644)] {
        fs::write(place.path().join(name), "").unwrap();
        fs::set_permissions(place.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    for before in [&["run"][..], &["run", "--"], &["check"], &["check", "--allow", "wrong-token", "--"]] {
        let words = |last: &[&'static str]| [before, last].concat();
        assert_eq!(bash(&place, &words(&["my-"])), ["my-program"], "a program of PATH");
        assert_eq!(bash(&place, &words(&["./my-"])), ["./my-file", "./my-program"]);
        assert_eq!(bash(&place, &words(&["cat", "my-"])), ["my-file", "my-program"], "then files");
    }
    assert_eq!(bash(&place, &["run", "--", "cat", "-n", "my-f"]), ["my-file"]);
}

#[test]
fn what_options_and_faults_take_is_completed() {
    let place = Place::new();
    place.text(&["set", "Outlook", "offline"]);
    assert_eq!(bash(&place, &["status", "Outlook", "--is", "of"]), ["offline"]);
    assert_eq!(bash(&place, &["wait", "Outlook", "ex"]), ["exists"]);
    assert_eq!(bash(&place, &["check", "--allow", "wr"]), ["wrong-token"]);
    assert_eq!(bash(&place, &["fault", "add", "se"]), ["set"]);
    assert_eq!(bash(&place, &["fault", "add", "set", "f"]), ["fails"]);
    assert_eq!(bash(&place, &["fault", "add", "set", "fails", "E_P"]), ["E_PENDING"]);
    assert_eq!(bash(&place, &["fault", "add", "set", "fails", "E_PENDING", "ti"]), ["times"]);
    assert_eq!(bash(&place, &["fault", "add", "set", "fails", "E_PENDING", "in", "Ou"]), ["Outlook"]);
    place.text(&["fault", "add", "set", "fails", "E_PENDING"]);
    assert_eq!(bash(&place, &["fault", "clear", ""])[0], "1");
    // A program that has a profile open.
    let mut watch = place.command(&["watch", "Outlook"]).stdout(Stdio::null()).spawn().unwrap();
    let pid = watch.id().to_string();
    eventually("it is offered", || bash(&place, &["doctor", "--pid", &pid[..1]]) == [pid.as_str()]);
    watch.kill().unwrap();
    watch.wait().unwrap();
    let mut command = place.command(&["--", "mapioffline", "run", "--set", "Outlook=o"]);
    command.env("MAPIOFFLINE_COMPLETE", "zsh").env("_CLAP_COMPLETE_INDEX", "3").env("_CLAP_IFS", "\n");
    assert_eq!(String::from_utf8(command.output().unwrap().stdout).unwrap(), "Outlook=online\nOutlook=offline");
}
