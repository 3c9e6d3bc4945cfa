//! `fault`, `run --fault`, and the steps `fault` of scenarios. The client is this program itself.
#![cfg(unix)]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use common::Place;
use mapioffline::{OfflineObject, State};

/// What this test program is as a client: it makes a call for each line of its input, and prints what came of it.
const CLIENT: &str = "MAPIOFFLINE_TEST_CLIENT";

/// Runs as a client, if `Client` has started this.
#[test]
fn client() {
    if std::env::var_os(CLIENT).is_none() {
        return;
    }
    let mut open = None;
    for line in std::io::stdin().lines() {
        let result = match line.unwrap().as_str() {
            "open" => OfflineObject::open("Outlook").map(|object| open = Some(object)),
            "online" => open.as_ref().unwrap().set_state_and_wait(State::Online),
            "offline" => open.as_ref().unwrap().set_state_and_wait(State::Offline),
            "capabilities" => {
                println!("client: {}", open.as_ref().unwrap().capabilities().bits());
                continue;
            }
            other => panic!("{other}"),
        };
        println!("client: {}", result.map_or_else(|error| format!("{:?}", error.kind()), |()| "ok".to_owned()));
    }
}

struct Client {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Client {
    fn start(place: &Place) -> Self {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["client", "--exact", "--nocapture"]).env(CLIENT, "1").env("MAPIOFFLINE_STATE_DIR", place.path());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (input, output) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        Self { process, input, output }
    }

    fn ask(&mut self, what: &str) -> String {
        writeln!(self.input, "{what}").unwrap();
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "the client has ended");
            if let Some((_, said)) = line.trim().split_once("client: ") {
                return said.to_owned();
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn programs_have_a_fault_when_fault_add_returns() {
    let place = Place::new();
    let mut client = Client::start(&place);
    assert_eq!(client.ask("open"), "ok");
    for round in 0..20 {
        assert_eq!(
            place.text(&["fault", "add", "set", "fails", "E_PENDING", "in", "outlook"]),
            "fault 1: set fails E_PENDING in outlook\n"
        );
        assert_eq!(client.ask("offline"), "Pending", "round {round}");
        place.text(&["fault", "add", "capabilities none"]);
        assert_eq!(client.ask("capabilities"), "0");
        place.text(&["fault", "clear"]);
        assert_eq!(client.ask("capabilities"), "3");
        assert_eq!(client.ask("offline"), "ok");
        assert_eq!(client.ask("online"), "ok");
    }
}

#[test]
fn faults_are_listed_with_what_they_have_done() {
    let place = Place::new();
    assert_eq!(place.text(&["fault", "list"]), "the state folder asks for no faults\n");
    assert!(place.objects(&["fault", "list"]).is_empty());
    place.text(&["fault", "add", "open fails MAPI_E_NOT_FOUND on 2"]);
    place.text(&["fault", "add", "open", "delayed", "1ms", "in", "Work mail"]);
    let mut client = Client::start(&place);
    assert_eq!([client.ask("open"), client.ask("open"), client.ask("open")], ["ok", "NotFound", "ok"]);
    let listed = place.objects(&["fault", "list"]);
    let row = |object: &serde_json::Value| {
        (
            object["number"].as_u64(),
            object["fault"].as_str().map(str::to_owned),
            object["calls"].as_u64(),
            object["times"].as_u64(),
        )
    };
    let texts =
        ["open fails MAPI_E_NOT_FOUND on 2", "open delayed 1ms in \"Work mail\""].map(|text| Some(text.to_owned()));
    let [first, second] = texts;
    assert_eq!(
        listed.iter().map(row).collect::<Vec<_>>(),
        [(Some(1), first, Some(3), Some(1)), (Some(2), second, Some(0), Some(0))]
    );
    // Numbers stay, and a fault that stays goes on counting.
    assert_eq!(place.text(&["fault", "clear", "2"]), "fault 2 removed\n");
    place.text(&["fault", "add", "advise fails E_FAIL"]);
    let listed = place.objects(&["fault", "list"]);
    assert_eq!(listed.iter().map(|object| object["number"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(listed[0]["calls"], 3);
    fs::write(place.path().join("faults"), "# by hand\nopen fail\n").unwrap();
    let listed = place.objects(&["fault", "list"]);
    assert_eq!((&listed[0]["number"], &listed[0]["fault"]), (&2.into(), &"open fail".into()));
    assert!(listed[0]["error"].as_str().unwrap().contains("needs `fails HRESULT`"));
    let (code, line) = place.failure(&["fault", "clear", "1"]);
    assert!(code == 1 && line.contains("there is no fault 1"), "a comment is none: {line}");
    fs::write(place.path().join("faults"), "\u{feff}set fails E_FAIL\r\n  \n  # a comment\n").unwrap();
    let listed = place.objects(&["fault", "list"]);
    assert_eq!(
        (listed.len(), &listed[0]["fault"], &listed[0]["error"]),
        (1, &"set fails E_FAIL".into(), &serde_json::Value::Null)
    );
}

#[test]
fn bad_faults_are_refused_in_one_line() {
    let place = Place::new();
    for (arguments, code, what) in [
        (&["fault", "add", "open fails S_OK"][..], 2, "S_OK is no HRESULT of a failure"),
        (&["fault", "add", "open", "fails"], 2, "no HRESULT of a failure"),
        (&["fault", "add", "open fails E_FAIL in \"A"], 2, "quotation mark"),
        (&["fault", "add"], 2, "not provided"),
        (&["fault", "clear", "7"], 1, "there is no fault 7"),
        (&["run", "--fault", "close fails E_FAIL", "--", "true"], 2, "close is not known"),
    ] {
        let (found, line) = place.failure(arguments);
        assert!(found == code && line.contains(what), "{arguments:?}: {found}: {line}");
    }
    assert!(!place.path().join("faults").exists());
}

#[test]
fn faults_are_never_for_the_folder_that_programs_share() {
    let home = Place::new();
    let own = home
        .path()
        .join(if cfg!(target_vendor = "apple") { "Library/Application Support" } else { ".local/state" })
        .join("mapioffline");
    let scenario = home.path().join("faults.scenario");
    fs::write(&scenario, "profiles Outlook\nset offline\nfault open fails E_FAIL\n").unwrap();
    let scenario = scenario.to_str().unwrap();
    let dir = own.to_str().unwrap();
    for arguments in [
        &["fault", "add", "open fails E_FAIL"][..],
        &["--state-dir", dir, "fault", "add", "open fails E_FAIL"],
        &["scenario", scenario],
    ] {
        for is_there in [false, true] {
            if is_there {
                fs::create_dir_all(&own).unwrap();
            }
            let mut command = home.command(arguments);
            command.env("HOME", home.path()).env_remove("MAPIOFFLINE_STATE_DIR").env_remove("XDG_STATE_HOME");
            let output = command.output().unwrap();
            let line = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(6), "{arguments:?}: {line}");
            assert!(line.contains("faults are not for the state folder that your programs share"), "{line}");
            assert_eq!(line.contains("faults.scenario:3: "), arguments[0] == "scenario", "{line}");
            assert!(!own.join("faults").exists() && !own.join("OUTLOOK.json").exists());
        }
    }
}

#[test]
fn a_program_of_run_has_the_faults_from_its_first_call_on() {
    let place = Place::new();
    let test = std::env::current_exe().unwrap();
    let test = test.to_str().unwrap();
    let arguments = [
        "run",
        "--fault",
        "open fails MAPI_E_DISK_ERROR on 1",
        "--set",
        "Outlook=offline",
        "--",
        test,
        "client",
        "--exact",
        "--nocapture",
    ];
    let mut command = place.command(&arguments);
    let mut process = command.env(CLIENT, "1").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = process.stdin.take().unwrap();
    input.write_all(b"open\nopen\nonline\n").unwrap();
    drop(input);
    let output = process.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let said: Vec<&str> = text.lines().filter_map(|line| Some(line.split_once("client: ")?.1)).collect();
    assert_eq!(said, ["Disk", "ok", "ok"], "{text}");
}

#[test]
fn scenarios_ask_for_faults_and_clear_them() {
    let place = Place::new();
    let mut client = Client::start(&place);
    assert_eq!(client.ask("open"), "ok");
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("faults.scenario");
    let play = |text: &str| {
        fs::write(&file, text).unwrap();
        place.text(&["scenario", file.to_str().unwrap()])
    };
    assert!(play("fault set fails E_PENDING\n").contains("played 1 steps"));
    assert_eq!(client.ask("offline"), "Pending");
    play("profiles Outlook\nset offline\nfault clear\n");
    assert_eq!(client.ask("offline"), "ok");
}
