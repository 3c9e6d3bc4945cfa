//! Runs the program as people and as scripts use it.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A test's own state folder. Runs the program on it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mapioffline"));
        command.args(arguments).env("MAPIOFFLINE_STATE_DIR", self.path()).env_remove("MAPIOFFLINE_STORE");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs the program, which must succeed, and returns its stdout.
    fn text(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn objects(&self, arguments: &[&str]) -> Vec<Value> {
        let text = self.text(&[&["--json"], arguments].concat());
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Runs the program, which must fail with one line on stderr, and returns its exit code and that line.
    fn failure(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(arguments);
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!(line.lines().count(), 1, "{arguments:?}: {line}");
        assert_eq!(output.stdout, b"", "{arguments:?}");
        (output.status.code().unwrap(), line.trim_end().to_owned())
    }
}

#[test]
fn set_changes_what_status_shows() {
    let place = Place::new();
    assert_eq!(place.text(&["profiles"]), "no profile has been set or added; all are online\n");
    assert_eq!(place.text(&["status", "Outlook"]), "Outlook is online; no state is stored for it\n");
    assert_eq!(place.text(&["set", "Outlook", "offline"]), "Outlook: online -> offline\n");
    assert_eq!(place.text(&["set", "OUTLOOK", "offline"]), "Outlook is offline already\n");
    let status = place.text(&["status", "outlook"]);
    assert!(status.starts_with("Outlook is offline; can be set to online, offline; changed "), "{status}");
    assert_eq!(place.text(&["set", "outlook", "online", "--wait"]), "Outlook: offline -> online\n");
    assert!(place.path().join("OUTLOOK.json").exists());
}

#[test]
fn json_prints_one_object_per_line() {
    let place = Place::new();
    assert_eq!(place.objects(&["profiles"]), Vec::<Value>::new());
    let set = json!({ "profile": "a b", "old": "online", "new": "offline", "changed": true });
    assert_eq!(place.objects(&["set", "a b", "offline"]), [set]);
    let again = json!({ "profile": "a b", "old": "offline", "new": "offline", "changed": false });
    assert_eq!(place.objects(&["set", "a b", "offline"]), [again]);
    let stored = &place.objects(&["profiles"])[0];
    for (field, value) in [
        ("profile", json!("a b")),
        ("stored", json!(true)),
        ("state", json!("offline")),
        ("capabilities", json!(["online", "offline"])),
        ("hosted", json!(false)),
        ("revision", json!(1)),
    ] {
        assert_eq!(stored[field], value, "{stored}");
    }
    assert_eq!(stored["changed_by"]["program"], "mapioffline");
    assert!(stored["changed_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(place.objects(&["status"]), std::slice::from_ref(stored));
    let unset = json!({ "profile": "x", "stored": false, "state": "online", "capabilities": ["online", "offline"] });
    assert_eq!(place.objects(&["status", "x"]), [unset]);
    let output = place.run(&["--json", "remove", "x"]);
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["code"], 3);
}

#[test]
fn table_aligns_columns_and_escapes_names() {
    let place = Place::new();
    for name in ["Outlook", "日本語", "with\x1b[31mescape"] {
        place.text(&["set", name, "offline"]);
    }
    place.text(&["add", "fixed", "--can", "none"]);
    let table = place.text(&["profiles"]);
    assert!(table.contains("with\\u{1b}[31mescape"), "{table}");
    assert!(!table.contains('\x1b'), "no colour without a terminal: {table}");
    let line = |name: &str| table.lines().find(|line| line.contains(name)).unwrap().to_owned();
    assert!(line("fixed").contains("online   nothing"), "{table}");
    let before = |line: &str| line.split("offline").next().unwrap().to_owned();
    // Three characters that take two columns each.
    assert_eq!(before(&line("Outlook")).chars().count(), before(&line("日本語")).chars().count() + 3, "{table}");
    assert!(place.text(&["--color", "always", "profiles"]).contains("\x1b[33moffline\x1b[0m"));
}

#[test]
fn add_stores_capabilities_until_remove() {
    let place = Place::new();
    assert_eq!(place.text(&["add", "Work", "--can", "offline"]), "Work added: online; can be set to offline\n");
    assert_eq!(place.failure(&["add", "Work"]).0, 7);
    place.text(&["set", "Work", "offline"]);
    let (code, line) = place.failure(&["set", "Work", "online"]);
    assert_eq!((code, line.contains("cannot be set to that state")), (4, true), "{line}");
    assert!(place.objects(&["profiles"])[0]["hosted"].as_bool().unwrap());
    let removed = place.text(&["remove", "Work"]);
    assert!(removed.starts_with("Work removed; "), "{removed}");
    assert_eq!(place.failure(&["remove", "Work"]).0, 3);
    assert_eq!(place.text(&["set", "Work", "online"]), "Work is online already\n");
}

#[test]
fn each_failure_prints_one_line_and_has_an_exit_code() {
    let place = Place::new();
    for (arguments, code, part) in [
        (&["set", "", "online"][..], 3, "must not be empty"),
        (&["set", &"n".repeat(65), "online"], 3, "64 UTF-16 units"),
        (&["status", &"n".repeat(65)], 3, "64 UTF-16 units"),
        (&["watch", ""], 3, "must not be empty"),
    ] {
        let (got, line) = place.failure(arguments);
        assert_eq!((got, line.contains(part)), (code, true), "{arguments:?}: {line}");
    }
    let (code, line) = place.failure(&["set", "Outlook", "away"]);
    assert_eq!((code, line.contains("possible values: online, offline")), (2, true), "{line}");
    assert_eq!(place.failure(&["run", "--state-dir", "/tmp", "--", "true"]).0, 2);
    let json = place.run(&["set", "Outlook", "away", "--json"]);
    assert_eq!(serde_json::from_slice::<Value>(&json.stderr).unwrap()["code"], 2);
    assert_eq!(place.run(&[]).status.code(), Some(2));
    let memory = place.command(&["profiles"]).env("MAPIOFFLINE_STORE", "memory").output().unwrap();
    assert_eq!(memory.status.code(), Some(6));
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let (code, line) = place.failure(&["set", "Outlook", "offline"]);
    assert_eq!((code, line.contains("others may write to it")), (6, true), "{line}");
    assert_eq!(place.run(&["doctor"]).status.code(), Some(1));
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn set_with_wait_waits_for_the_lock_of_the_folder() {
    let place = Place::new();
    place.text(&["profiles"]);
    let lock = fs::File::create(place.path().join("lock")).unwrap();
    lock.lock().unwrap();
    let (code, line) = place.failure(&["set", "Outlook", "offline"]);
    assert_eq!((code, line.contains("--wait")), (5, true), "{line}");
    assert_eq!(place.run(&["remove", "Outlook"]).status.code(), Some(5));
    let doctor = place.run(&["doctor"]);
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("another program holds the lock of the state folder"));
    let mut waiting = place.command(&["set", "Outlook", "offline", "--wait"]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(600));
    assert!(waiting.try_wait().unwrap().is_none());
    lock.unlock().unwrap();
    assert!(waiting.wait().unwrap().success());
}

/// A running `watch`, and its output.
struct Watch {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Watch {
    fn begin(place: &Place, arguments: &[&str]) -> Self {
        let mut child = place.command(&[&["watch"], arguments].concat()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

#[test]
fn watch_prints_each_notification_as_it_comes() {
    let place = Place::new();
    let mut watch = Watch::begin(&place, &["Outlook", "--count", "6", "--json"]);
    assert!(watch.line().contains(r#""phase":"watching""#));
    for (state, old) in [("offline", "online"), ("online", "offline")] {
        place.text(&["set", "Outlook", state]);
        for phase in ["start", "statechange", "done"] {
            let line: Value = serde_json::from_str(&watch.line()).unwrap();
            let fields = [&line["profile"], &line["phase"], &line["old"], &line["new"]];
            assert_eq!(fields, [&json!("Outlook"), &json!(phase), &json!(old), &json!(state)]);
        }
    }
    assert!(watch.child.wait().unwrap().success());
}

#[test]
fn watch_follows_new_profiles_and_ends_when_its_output_is_closed() {
    let place = Place::new();
    let mut watch = Watch::begin(&place, &[]);
    assert_eq!(watch.line(), "no profile has been set or added yet; waiting for the first");
    place.text(&["set", "Later", "offline"]);
    let line = watch.line();
    assert!(line.ends_with("  Later is offline"), "{line}");
    place.text(&["set", "later", "online"]);
    for phase in ["START      ", "STATECHANGE", "DONE       "] {
        let line = watch.line();
        assert!(line.ends_with(&format!("  Later  {phase}  offline -> online")), "{line}");
    }
    drop(watch.lines);
    place.text(&["set", "later", "offline"]);
    let start = Instant::now();
    while watch.child.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < Duration::from_secs(5), "watch still runs although its output is closed");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn set_notifies_a_program_that_has_a_removed_profile_open() {
    let place = Place::new();
    place.text(&["set", "Outlook", "offline"]);
    let mut watch = Watch::begin(&place, &["OUTLOOK", "outlook", "--count", "3"]);
    assert!(watch.line().ends_with("Outlook is offline"));
    place.text(&["remove", "Outlook"]);
    // For this process the profile is online, as it is not stored. For the watcher it is still offline.
    assert_eq!(place.text(&["set", "Outlook", "online"]), "Outlook is online already\n");
    for phase in ["START      ", "STATECHANGE", "DONE       "] {
        let line = watch.line();
        assert!(
            line.ends_with(&format!("  Outlook  {phase}  offline -> online")),
            "each phase once for both spellings: {line}"
        );
    }
    assert!(watch.child.wait().unwrap().success());
}

#[test]
fn set_refuses_a_profile_in_a_later_format() {
    let place = Place::new();
    fs::write(place.path().join("NEWER.json"), "{\"format\": 7}").unwrap();
    for state in ["online", "offline"] {
        let (code, line) = place.failure(&["set", "newer", state]);
        assert_eq!((code, line.contains("later version of mapioffline (format 7)")), (1, true), "{line}");
    }
    let strict = place.command(&["set", "Outlook", "offline"]).env("MAPIOFFLINE_STRICT", "1").status().unwrap();
    assert!(strict.success(), "set ignores MAPIOFFLINE_STRICT");
}

#[test]
fn the_folder_name_may_be_invalid_utf8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let place = Place::new();
    let folder = place.path().join(OsStr::from_bytes(b"not text \xff\n"));
    let set = place.command(&["set", "Outlook", "offline"]).env("MAPIOFFLINE_STATE_DIR", &folder).status().unwrap();
    assert!(set.success());
    assert!(folder.join("OUTLOOK.json").exists());
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let refused = place.command(&["status"]).env("MAPIOFFLINE_STATE_DIR", &folder).output().unwrap();
    assert_eq!(String::from_utf8(refused.stderr).unwrap().lines().count(), 1);
    assert_eq!(place.run(&["--state-dir", "/proc/nowhere", "doctor"]).status.code(), Some(1));
}

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
fn doctor_reports_problems() {
    let place = Place::new();
    let verdicts = |arguments: &[&str]| {
        let output = place.run(&[&["--json", "doctor"], arguments].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (output.status.code().unwrap(), lines)
    };
    let text_of = |lines: &[Value], check: &str| {
        lines.iter().filter(|line| line["check"] == check).map(|line| line["text"].to_string()).collect::<String>()
    };
    let (code, lines) = verdicts(&[]);
    assert_eq!(code, 0, "{lines:?}");
    assert!(lines.iter().all(|line| line["verdict"] == "ok"), "{lines:?}");
    assert!(text_of(&lines, "folder").contains("permissions 0700"), "{lines:?}");
    fs::write(place.path().join("BROKEN.json"), "{").unwrap();
    fs::write(place.path().join("NEWER.json"), "{\"format\": 7}").unwrap();
    let (code, lines) = verdicts(&[]);
    assert_eq!(code, 1, "{lines:?}");
    assert!(text_of(&lines, "profiles").contains("BROKEN is damaged"), "{lines:?}");
    assert!(text_of(&lines, "profiles").contains("format 7"), "{lines:?}");
    // `set` opens the profile, and so sets the damaged file aside.
    place.text(&["set", "broken", "offline"]);
    let (code, lines) = verdicts(&[]);
    assert_eq!(code, 0, "{lines:?}");
    assert!(text_of(&lines, "set aside").contains("BROKEN.json.damaged-"), "{lines:?}");
    let odd = place.command(&["doctor"]).env("MAPIOFFLINE_STORES", "memory").output().unwrap();
    assert!(String::from_utf8_lossy(&odd.stdout).contains("unknown variable"));
}

#[test]
fn completions_manual_pages_and_help_are_printed() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(place.text(&["completions", shell]).contains("watch"), "{shell}");
    }
    assert!(place.text(&["man"]).contains(".TH mapioffline 1"));
    place.text(&["man", place.path().to_str().unwrap()]);
    let page = fs::read_to_string(place.path().join("mapioffline-set.1")).unwrap();
    assert!(
        page.contains("mapioffline set") || page.contains("mapioffline-set") || page.contains("mapioffline\\-set"),
        "{page}"
    );
    let help = place.text(&["--help"]);
    for part in ["Exit codes:", "MAPIOFFLINE_STATE_DIR", "doctor"] {
        assert!(help.contains(part), "{help}");
    }
}
