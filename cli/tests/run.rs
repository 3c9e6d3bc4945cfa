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

#[test]
fn run_forwards_each_signal_that_would_end_it() {
    let place = Place::new();
    for signal in ["HUP", "INT", "QUIT", "USR1", "USR2", "ALRM"] {
        let script = format!("trap 'exit 9' {signal}; echo ready; for i in $(seq 100); do sleep 0.05; done");
        let mut child = place.command(&["run", "sh", "-c", &script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(9), "{signal}");
    }
}

/// Reports what it receives as SIGINT: `128` for the kernel, `0` for a process.
#[cfg(target_os = "linux")]
const SIGINTS: &str = "
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
print('ready', os.getppid(), flush=True)
codes, info = [], signal.sigtimedwait([signal.SIGINT], 5)
while info:
    codes.append(info.si_code)
    info = signal.sigtimedwait([signal.SIGINT], 0.5)
print('codes', codes, flush=True)
";

/// Runs `run` on a terminal of its own, does something to it, and returns the SIGINTs that the program received.
#[cfg(target_os = "linux")]
fn sigints_on_a_terminal(redirect: &str, act: impl FnOnce(&mut std::process::ChildStdin, &str)) -> String {
    let place = Place::new();
    let program = place.path().join("sigints.py");
    std::fs::write(&program, SIGINTS).unwrap();
    let run = format!(
        "exec env --default-signal '{}' run -- python3 '{}' {redirect}",
        env!("CARGO_BIN_EXE_mapioffline"),
        program.display()
    );
    let mut script = Command::new("script");
    script.args(["-q", "-e", "-c", &run, "/dev/null"]).env("SHELL", "/bin/sh");
    let mut script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(script.stdout.take().unwrap()).lines().map(Result::unwrap);
    let ready = lines.find(|line| line.contains("ready")).unwrap();
    let run = ready.split_whitespace().last().unwrap();
    let mut keys = script.stdin.take().unwrap();
    act(&mut keys, run);
    let codes = lines.find(|line| line.contains("codes")).unwrap();
    script.wait().unwrap();
    codes.trim_end().trim_start_matches("^C").to_owned()
}

#[cfg(target_os = "linux")]
#[test]
fn run_leaves_the_interrupt_key_to_the_terminal() {
    use std::io::Write as _;
    for redirect in ["", "</dev/null"] {
        let codes = sigints_on_a_terminal(redirect, |keys, _| keys.write_all(b"\x03").unwrap());
        assert_eq!(codes, "codes [128]", "once, from the terminal; stdin {redirect}");
    }
    let codes = sigints_on_a_terminal("", |_, run| {
        assert!(Command::new("kill").args(["-s", "INT", run]).status().unwrap().success());
    });
    assert_eq!(codes, "codes [0]", "a signal to `run` alone is forwarded");
}

#[cfg(target_os = "linux")]
#[test]
fn run_passes_the_interrupt_key_on_to_another_process_group() {
    use std::io::Write as _;
    let place = Place::new();
    let run = format!(
        "exec env --default-signal '{}' run -- setsid sh -c 'trap \"exit 9\" INT; echo ready; for i in $(seq 100); do sleep 0.05; done'",
        env!("CARGO_BIN_EXE_mapioffline")
    );
    let mut script = Command::new("script");
    script.args(["-q", "-e", "-c", &run, "/dev/null"]).env("SHELL", "/bin/sh").current_dir(place.path());
    let mut script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(script.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("ready")));
    let mut keys = script.stdin.take().unwrap();
    keys.write_all(b"\x03").unwrap();
    assert_eq!(script.wait().unwrap().code(), Some(9));
}

#[cfg(target_os = "linux")]
#[test]
fn run_passes_ignored_signals_on() {
    let program = env!("CARGO_BIN_EXE_mapioffline");
    let ignored = |script: &str| {
        let script = format!("{script} exec '{program}' run -- grep SigIgn: /proc/self/status");
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let bits = u64::from_str_radix(text.trim_start_matches("SigIgn:").trim(), 16).unwrap();
        [1, 2, 13].into_iter().filter(|signal| bits & 1 << (signal - 1) != 0).collect::<Vec<_>>()
    };
    let inherited = ignored("");
    for (name, number) in [("HUP", 1), ("INT", 2), ("PIPE", 13)] {
        let mut expected = [&inherited[..], &[number]].concat();
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(ignored(&format!("trap '' {name};")), expected, "{name}");
    }
    for (command, code) in [("false", 1), ("sh -c 'exit 7'", 7), ("no-such-program", 127), ("/", 126)] {
        let script = format!("trap '' PIPE; exec '{program}' run -- {command}");
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{command}");
        assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), usize::from(code > 7), "{command}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn run_returns_the_exit_code_also_where_the_end_of_children_is_ignored() {
    for (command, code) in [("true", 0), ("sh -c 'exit 7'", 7)] {
        // A shell that ignores SIGCHLD itself does not always pass that on.
        let script = format!(
            "import os, signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv('{0}', ['{0}', 'run', 'sh', '-c', \"\"\"{command}\"\"\"])",
            env!("CARGO_BIN_EXE_mapioffline")
        );
        let output = Command::new("python3").args(["-c", &script]).output().unwrap();
        assert_eq!((output.status.code(), &*output.stderr), (Some(code), &b""[..]), "{command}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn run_leaves_no_folder_to_a_program_that_outlives_it() {
    let place = Place::new();
    let temporary = place.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let program = env!("CARGO_BIN_EXE_mapioffline");
    let service = format!("sleep 0.6; '{program}' set Inside offline; '{program}' status Inside");
    let script = format!("'{program}' add Inside; {{ {service}; }} >\"$OUT\" 2>&1 &");
    let out = place.path().join("out");
    let mut command = place.command(&["run", "--", "sh", "-c", &script]);
    let status = command.env("TMPDIR", &temporary).env("OUT", &out).stdout(Stdio::null()).status().unwrap();
    assert!(status.success());
    assert!(!out.exists() || std::fs::read(&out).unwrap().is_empty(), "`run` does not wait for it");
    let start = std::time::Instant::now();
    while std::fs::read_dir(&temporary).unwrap().count() > 0 {
        assert!(start.elapsed() < std::time::Duration::from_secs(8), "a folder is left");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let out = std::fs::read_to_string(out).unwrap();
    assert!(out.contains("hosted"), "until its end it has the folder that it was started with: {out}");
}

#[test]
fn the_help_of_run_has_no_option_that_is_refused() {
    let place = Place::new();
    for help in ["-h", "--help"] {
        let help = place.text(&["run", help]);
        assert!(help.contains("--json") && !help.contains("--state-dir"), "{help}");
    }
    assert!(!place.text(&["--help"]).contains("remove-unused"));
    assert!(place.text(&["profiles", "--help"]).contains("--state-dir"));
    for arguments in [["run", "--state-dir", "/tmp", "true"], ["--state-dir", "/tmp", "run", "true"]] {
        let (code, line) = place.failure(&arguments);
        assert_eq!((code, line.contains("leave out --state-dir")), (2, true), "{line}");
    }
    let environment = place.text(&["run", "--", "printenv", "--", "MAPIOFFLINE_STATE_DIR"]);
    assert!(environment.contains("mapioffline-"), "what follows the program belongs to it: {environment}");
    let echo = place.text(&["run", "echo", "--state-dir", "x", "--help"]);
    assert_eq!(echo, "--state-dir x --help\n");
}
