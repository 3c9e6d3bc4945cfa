//! `run`.
#![cfg(unix)]

mod common;

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

use common::Place;

#[test]
fn run_uses_a_temporary_folder_and_returns_the_exit_code() {
    let place = Place::new();
    let program = env!("CARGO_BIN_EXE_mapioffline");
    let script = format!("'{program}' set Inside offline && echo \"$MAPIOFFLINE_STATE_DIR\" && exit 7");
    let output = place.run(&["run", "--", "sh", "-c", &script]);
    assert_eq!(output.status.code(), Some(7));
    let text = String::from_utf8(output.stdout).unwrap();
    let folder = text.lines().nth(1).unwrap();
    assert_ne!(Path::new(folder), place.path());
    assert!(!Path::new(folder).exists(), "run removes the folder when the program ends");
    assert_eq!(place.text(&["profiles"]).lines().count(), 1, "the user's own folder is unchanged");
    assert_eq!(place.run(&["run", "sh", "-c", "kill -9 $$"]).status.code(), Some(128 + 9));
    assert_eq!(place.run(&["run", "no-such-program"]).status.code(), Some(127));
    assert_eq!(place.run(&["run", "/"]).status.code(), Some(126));
    let removes = "rm -rf \"$(dirname \"$MAPIOFFLINE_STATE_DIR\")\"; exit 5";
    assert_eq!(place.run(&["run", "sh", "-c", removes]).status.code(), Some(5));
}

#[test]
fn run_forwards_signals_and_removes_the_folder() {
    let place = Place::new();
    let script = "trap 'exit 9' TERM; echo \"$MAPIOFFLINE_STATE_DIR\"; while :; do sleep 0.05; done";
    let mut child = place.command(&["run", "sh", "-c", script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut folder = String::new();
    lines.read_line(&mut folder).unwrap();
    let above = Path::new(folder.trim_end()).parent().unwrap().to_owned();
    assert!(above.exists());
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(9));
    assert!(!above.exists());
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
}
