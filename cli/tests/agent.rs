//! `agent`, `history` and `set ... auto`, with servers that misbehave.
#![cfg(unix)]

mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use common::{Agent, Killed, Place, eventually};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustix::process::Signal;
use serde_json::Value;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Fast enough for a test, and slow enough for a busy machine.
const FAST: [&str; 8] = ["--interval", "50ms", "--failures", "2", "--successes", "2", "--back-off", "50ms"];

/// A server that greets as IMAP servers do. Dropping it closes its port.
struct Server {
    port: u16,
    stop: Arc<std::sync::atomic::AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// Listens on the port, or on any free one.
    fn start(port: u16, serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let socket = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = socket.local_addr().unwrap().port();
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (stopped, serve) = (Arc::clone(&stop), Arc::new(serve));
        let thread = thread::spawn(move || {
            for stream in socket.incoming() {
                if stopped.load(std::sync::atomic::Ordering::SeqCst) {
                    return;
                }
                let serve = Arc::clone(&serve);
                stream.into_iter().for_each(|stream| {
                    drop(thread::spawn({
                        let serve = Arc::clone(&serve);
                        move || serve(stream)
                    }))
                });
            }
        });
        Self { port, stop, thread: Some(thread) }
    }

    fn imap(port: u16) -> Self {
        Self::start(port, |mut stream| {
            drop(stream.write_all(b"* OK ready\r\n").and_then(|()| read_to_end(&mut stream)))
        })
    }
}

fn read_to_end(stream: &mut impl std::io::Read) -> std::io::Result<()> {
    std::io::copy(stream, &mut std::io::sink()).map(drop)
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, std::sync::atomic::Ordering::SeqCst);
        // Has it look.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        drop(self.thread.take().map(thread::JoinHandle::join));
    }
}

fn wait(place: &Place, profile: &str, state: &str) {
    place.text(&["wait", profile, state, "--timeout", "20s"]);
}

fn status(place: &Place, profile: &str) -> Value {
    place.objects(&["status", profile])[0].clone()
}

#[test]
fn a_profile_follows_its_server_and_history_says_why() {
    let place = Place::new();
    let server = Server::imap(0);
    let (port, source) = (server.port, format!("imap://127.0.0.1:{}", server.port));
    let agent = Agent::start(&place, &[&["--profile", "Outlook", "--source", &source], &FAST[..]].concat());
    agent.says("is there");
    assert_eq!(status(&place, "Outlook")["stored"], false, "online as it was: nothing is written");
    drop(server);
    wait(&place, "Outlook", "offline");
    let server = Server::imap(port);
    wait(&place, "Outlook", "online");
    drop(server);
    wait(&place, "Outlook", "offline");
    eventually("the agent's decision is known", || status(&place, "Outlook")["decision"]["what"] == "offline");
    let text = place.text(&["history", "outlook"]);
    let lines: Vec<&str> = text.lines().map(|line| line.split_once("  ").unwrap().1).collect();
    let refused = format!("offline  set by the agent: {source}: the connection was refused, ");
    assert!(lines[0].starts_with(&refused) && lines[0].ends_with(" times in a row"), "{text}");
    assert_eq!(lines[1], format!("online   set by the agent: {source}: the server greets: * OK ready"));
    assert_eq!(lines.len(), 3, "{text}");
    assert!(agent.end(Signal::TERM).success());
    assert_eq!(status(&place, "Outlook")["state"], "offline", "the state stays as it is");
}

#[test]
fn what_was_set_by_hand_survives_ten_flaps() {
    let place = Place::new();
    let mut server = Server::imap(0);
    let source = format!("imap://127.0.0.1:{}", server.port);
    let agent = Agent::start(&place, &[&["--profile", "Outlook", "--source", &source], &FAST[..]].concat());
    agent.says("is there");
    let mut set = place.command(&["set", "Outlook", "offline", "--reason", "on the train"]);
    assert!(set.env("LOGNAME", "ann").status().unwrap().success());
    agent.says("the agent leaves it alone");
    for _ in 0..10 {
        let port = server.port;
        drop(server);
        agent.says("is away");
        server = Server::imap(port);
        agent.says("is there");
        assert_eq!(status(&place, "Outlook")["state"], "offline");
    }
    let text = place.text(&["status", "Outlook"]);
    let expected = "\n  because   set by hand by ann: on the train\n  agent     leaves it alone until `mapioffline set Outlook auto`\n";
    assert!(text.ends_with(expected), "{text}");
    assert_eq!(place.objects(&["history", "Outlook"]).len(), 1);
    let back = place.text(&["set", "Outlook", "auto"]);
    assert_eq!(back, "Outlook is handed back to the agent, and stays offline until the agent decides otherwise\n");
    wait(&place, "Outlook", "online");
    // In the state that it is in already: a decision all the same.
    place.text(&["set", "Outlook", "online"]);
    agent.says("the agent leaves it alone");
    drop(server);
    agent.says("is away");
    // Were it not for the decision, the agent would have set it by now.
    place.text(&["set", "Other", "offline"]);
    assert_eq!(status(&place, "Outlook")["state"], "online");
}

#[test]
fn what_a_program_set_is_left_alone_too() {
    let place = Place::new();
    let server = Server::imap(0);
    let source = format!("imap://127.0.0.1:{}", server.port);
    // Through the library alone, as any client does.
    let play = |steps: &str| {
        let scenario = place.path().join("scenario");
        fs::write(&scenario, format!("profiles Outlook\n{steps}\n")).unwrap();
        place.text(&["scenario", scenario.to_str().unwrap()]);
    };
    play("set offline");
    let agent = Agent::start(&place, &[&["--profile", "Outlook", "--source", &source], &FAST[..]].concat());
    agent.says("set by the program mapioffline");
    agent.says("is there");
    assert_eq!(status(&place, "Outlook")["state"], "offline", "set before the agent ran");
    place.text(&["set", "Outlook", "auto"]);
    wait(&place, "Outlook", "online");
    eventually("the agent's decision is known", || status(&place, "Outlook")["decision"]["by"] == "agent");
    play("set offline");
    agent.says("set by the program mapioffline");
    assert_eq!(status(&place, "Outlook")["decision"]["by"], "program");
    assert_eq!(status(&place, "Outlook")["state"], "offline");
    // Twice, the second time to what the agent had set; and twice at once.
    for steps in ["set online", "set offline\nset online"] {
        play(steps);
        eventually("the program's decision is known", || {
            let shown = status(&place, "Outlook");
            (&shown["decision"]["by"], &shown["decision"]["what"]) == (&"program".into(), &"online".into())
        });
    }
    let port = server.port;
    drop(server);
    agent.says("is away");
    let _server = Server::imap(port);
    agent.says("is there");
    let shown = status(&place, "Outlook");
    assert_eq!((&shown["state"], &shown["decision"]["by"]), (&"online".into(), &"program".into()), "{shown}");
}

#[test]
fn the_agent_takes_back_what_was_set_for_a_time() {
    let place = Place::new();
    let server = Server::imap(0);
    let source = format!("imap://127.0.0.1:{}", server.port);
    let one = ["--profile", "Outlook", "--source", &source, "--hand-back-after", "1s"];
    let _agent = Agent::start(&place, &[&one, &FAST[..]].concat());
    for arguments in [&["set", "Outlook", "offline", "--for", "300ms"][..], &["set", "Outlook", "offline"]] {
        place.text(arguments);
        wait(&place, "Outlook", "online");
        eventually("the decision is known", || status(&place, "Outlook")["decision"]["what"] == "online");
        let history = place.objects(&["history", "Outlook"]);
        let back = &history[history.len() - 2];
        assert_eq!((&back["what"], &back["by"]), (&"auto".into(), &"agent".into()), "{back}");
    }
    let (code, line) = place.failure(&["set", "Outlook", "auto", "--for", "1s"]);
    assert_eq!((code, line.contains("--for")), (2, true), "{line}");
}

/// An authority, and what it signs.
struct Authority(Issuer<'static, KeyPair>, String);

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let text = params.self_signed(&key).unwrap().pem();
        Self(Issuer::new(params, key), text)
    }

    /// A server's side of TLS, with a certificate for a name that is valid until the end of a year.
    fn sign(&self, name: &str, until: i32) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 12, 31);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key);
        Arc::new(config.unwrap())
    }
}

/// Serves bytes in TLS, after a conversation without it.
fn encrypted(config: &Arc<ServerConfig>, before: &[&str], greeting: &'static str) -> impl Fn(TcpStream) + use<> {
    let (config, before): (_, Vec<String>) = (Arc::clone(config), before.iter().map(|&line| line.to_owned()).collect());
    move |mut stream| {
        for answer in &before {
            let _ = stream.write_all(answer.as_bytes());
            if answer.starts_with("* OK") || answer.starts_with("2") && !answer.starts_with("220 go") {
                let mut command = [0; 512];
                let _ = stream.read(&mut command);
            }
        }
        let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
        let _ = stream.write_all(greeting.as_bytes()).and_then(|()| read_to_end(&mut stream));
    }
}

/// Reads the request, and answers with bytes.
fn web(answer: &'static str) -> impl Fn(TcpStream) {
    move |mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(answer.as_bytes());
    }
}

/// Says bytes at once.
fn plain(answer: &'static str) -> impl Fn(TcpStream) {
    move |mut stream| drop(stream.write_all(answer.as_bytes()))
}

#[test]
fn each_way_to_be_there_or_away_has_its_words() {
    let place = Place::new();
    let authority = Authority::new("known");
    let (valid, expired) = (authority.sign("127.0.0.1", 2090), authority.sign("127.0.0.1", 2021));
    let (other, unknown) = (authority.sign("192.0.2.1", 2090), Authority::new("unknown").sign("127.0.0.1", 2090));
    fs::write(place.path().join("ca.pem"), &authority.1).unwrap();
    let hang = |stream: TcpStream| {
        sleep(Duration::from_secs(20));
        drop(stream);
    };
    let imap = "* OK secret\r\n";
    let upgraded = encrypted(&valid, &["* OK hello\r\n", "* untagged\r\na OK go\r\n"], "");
    let smtp = encrypted(&valid, &["220-first\r\n220 mail\r\n", "250-mail\r\n250 STARTTLS\r\n", "220 go\r\n"], "");
    let servers: Vec<(&str, Server, &str, &str)> = vec![
        ("tcp", Server::start(0, hang), "", "online: the server accepts connections"),
        ("imap", Server::start(0, plain("* PREAUTH hello\r\n")), "", "online: the server greets: * PREAUTH hello"),
        ("imap", Server::start(0, plain("* BYE full\r\n")), "", "offline: the server refuses: * BYE full"),
        ("imap", Server::start(0, plain("220 mail\r\n")), "", "offline: this is no IMAP server: 220 mail"),
        ("imap", Server::start(0, plain("* OK re")), "", "offline: the server closed the connection in the middle"),
        ("imap", Server::start(0, plain("")), "", "offline: the server closed the connection without a word"),
        ("imap", Server::start(0, hang), "", "offline: connected, but no greeting within 1s"),
        ("smtp", Server::start(0, plain("220-a\r\n220 mail\r\n")), "", "online: the server greets: 220 mail"),
        ("smtp", Server::start(0, plain("421 full\r\n")), "", "offline: the server refuses: 421 full"),
        ("smtp", Server::start(0, plain("* OK x\r\n")), "", "offline: this is no SMTP server: * OK x"),
        ("http", Server::start(0, web("HTTP/1.1 200 OK\r\n\r\n")), "/", "online: the server answers 200 OK"),
        ("http", Server::start(0, web("HTTP/1.1 503 No\r\n\r\n")), "/", "offline: the server answers 503"),
        ("http", Server::start(0, web("HTTP/1.1 20")), "/", "offline: the server closed the connection in the middle"),
        ("http", Server::start(0, web("* OK x\r\n")), "/", "offline: this is no web server"),
        ("http", Server::start(0, hang), "/", "offline: connected, but no answer within 1s"),
        (
            "https",
            Server::start(0, encrypted(&valid, &[], "HTTP/1.1 401 Unauthorized\r\n\r\n")),
            "/EWS/Exchange.asmx",
            "online: the server answers 401 Unauthorized",
        ),
        ("imaps", Server::start(0, encrypted(&valid, &[], imap)), "", "online: the server greets: * OK secret"),
        (
            "imaps",
            Server::start(0, encrypted(&expired, &[], imap)),
            "",
            "offline: the certificate of 127.0.0.1 has expired",
        ),
        (
            "imaps",
            Server::start(0, encrypted(&other, &[], imap)),
            "",
            "offline: the certificate of 127.0.0.1 is for another",
        ),
        (
            "imaps",
            Server::start(0, encrypted(&unknown, &[], imap)),
            "",
            "offline: the certificate of 127.0.0.1 is by an auth",
        ),
        ("imaps", Server::start(0, plain(imap)), "", "offline: the server does not speak TLS on this port"),
        ("tls", Server::start(0, hang), "", "offline: connected, but no answer in TLS within 1s"),
        ("imap+starttls", Server::start(0, upgraded), "", "online: the server greets: * OK hello"),
        (
            "imap+starttls",
            Server::start(0, plain("* OK hi\r\na NO not now\r\n")),
            "",
            "offline: the server refuses STARTTLS: NO",
        ),
        ("smtp+starttls", Server::start(0, smtp), "", "online: the server greets: 220 mail"),
    ];
    let mut expected: Vec<(String, String)> = servers
        .iter()
        .map(|(scheme, server, path, expected)| {
            (format!("{scheme}://127.0.0.1:{}{path}", server.port), (*expected).to_owned())
        })
        .collect();
    let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (source, words) in [
        (format!("tcp://127.0.0.1:{refused}"), "offline: the connection was refused".to_owned()),
        (
            format!("tcp://localhost:{refused}"),
            format!("offline: 127.0.0.1:{refused} (IPv4): the connection was refused"),
        ),
        ("imap://mail.invalid".to_owned(), "offline: the name mail.invalid cannot be resolved".to_owned()),
        ("command:true".to_owned(), "online: the command succeeds".to_owned()),
        ("command:sh -c 'exit 3'".to_owned(), "offline: the command fails: exit status: 3".to_owned()),
        ("command:sleep 20".to_owned(), "offline: the command did not end within 1s".to_owned()),
        ("command:/there/is/none".to_owned(), "offline: /there/is/none cannot be started".to_owned()),
        ("interface:lo".to_owned(), "offline: interface lo has no usable address".to_owned()),
        ("interface:none0".to_owned(), "offline: there is no interface none0".to_owned()),
    ] {
        expected.push((source, words));
    }
    let profiles: String = expected
        .iter()
        .enumerate()
        // Away from the start for those that are there: the agent has something to say then.
        .map(|(index, (source, _))| format!("[profile.P{index}]\nsources = [{source:?}]\n"))
        .collect();
    let config = place.path().join("agent.toml");
    let defaults = "[defaults]\ninterval = \"50ms\"\ntimeout = \"1s\"\nfailures = 1\nsuccesses = 1\n";
    fs::write(&config, format!("ca-file = \"ca.pem\"\n{defaults}{profiles}")).unwrap();
    let agent = Agent::start(&place, &["--config", config.to_str().unwrap(), "--json"]);
    let mut open: Vec<(String, String)> = expected.clone();
    let mut lines = Vec::new();
    while !open.is_empty() {
        let line: Value = serde_json::from_str(&agent.says("\"source\"")).unwrap();
        let (source, message) = (line["source"].as_str().unwrap(), line["message"].as_str().unwrap());
        lines.push(message.to_owned());
        open.retain(|(wanted, words)| {
            if wanted != source {
                return true;
            }
            let (state, words) = words.split_once(": ").unwrap();
            let what = if state == "online" { "there" } else { "away" };
            let start = format!("{source} is {what}: ");
            let rest = message.strip_prefix(&start).unwrap_or_else(|| panic!("{message}; expected {start}{words}"));
            assert!(rest.contains(words), "{message}; expected {words}");
            false
        });
    }
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
}

#[test]
fn a_reload_keeps_what_did_not_change_and_a_wrong_file_changes_nothing() {
    let place = Place::new();
    let (kept, added) = (Server::imap(0), Server::imap(0));
    let config = place.path().join("agent.toml");
    let write = |profiles: &str| {
        let defaults = "[defaults]\ninterval = \"50ms\"\nfailures = 1\nsuccesses = 1\n";
        fs::write(&config, format!("{defaults}{profiles}")).unwrap();
    };
    let profile = |name: &str, port: u16| format!("[profile.{name}]\nsources = [\"imap://127.0.0.1:{port}\"]\n");
    write(&(profile("Kept", kept.port) + &profile("Gone", kept.port)));
    let path = config.to_str().unwrap();
    let checked = place.text(&["agent", "--config", path, "--check"]);
    assert_eq!(checked, format!("Gone: all of imap://127.0.0.1:{0}\nKept: all of imap://127.0.0.1:{0}\n", kept.port));
    let agent = Agent::start(&place, &["--config", path]);
    agent.says("is there");
    agent.says("is there");
    fs::write(&config, "[profile.Kept]\nsources = 1\n").unwrap();
    let (code, line) = place.failure(&["agent", "--config", path, "--check"]);
    assert_eq!((code, line.contains("agent.toml:2: ")), (2, true), "{line}");
    agent.signal(Signal::HUP);
    agent.says("the configuration stays as it was");
    write(&(profile("Kept", kept.port) + &profile("Added", added.port)));
    agent.signal(Signal::HUP);
    agent.says("watching the sources of 2 profiles");
    // Only what is new has to be asked before it is known: Kept says nothing.
    assert!(agent.says("is there").contains(&added.port.to_string()));
    drop((kept, added));
    wait(&place, "Kept", "offline");
    wait(&place, "Added", "offline");
    assert_eq!(status(&place, "Gone")["state"], "online");
    let (code, line) = place.failure(&["agent", "--config", path]);
    assert_eq!((code, line.contains("an agent runs already")), (5, true), "{line}");
    assert!(agent.end(Signal::INT).success());
}

#[test]
fn a_reload_reads_the_certificates_again() {
    let place = Place::new();
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let server = Server::start(0, encrypted(&new.sign("127.0.0.1", 2090), &[], "* OK secret\r\n"));
    fs::write(place.path().join("ca.pem"), &old.1).unwrap();
    let config = place.path().join("agent.toml");
    let source = format!("imaps://127.0.0.1:{}", server.port);
    let text = format!(
        "ca-file = \"ca.pem\"\n[profile.Outlook]\nsources = [\"{source}\"]\ninterval = \"50ms\"\nback-off = \"50ms\"\n"
    );
    fs::write(&config, text).unwrap();
    let agent = Agent::start(&place, &["--config", config.to_str().unwrap()]);
    agent.says("an authority that this machine does not trust");
    wait(&place, "Outlook", "offline");
    fs::write(place.path().join("ca.pem"), &new.1).unwrap();
    agent.signal(Signal::HUP);
    wait(&place, "Outlook", "online");
}

#[test]
fn an_agent_that_is_killed_leaves_no_state_that_no_one_chose() {
    let place = Place::new();
    let flag = place.path().join("flag");
    let source = format!("command:test -e {}", flag.display());
    let arguments =
        ["--profile", "Outlook", "--source", &source, "--interval", "10ms", "--failures", "1", "--successes", "1"];
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    for round in 0..30 {
        let agent = Agent::start(&place, &arguments);
        for _ in 0..3 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if flag.exists() {
                fs::remove_file(&flag).unwrap()
            } else {
                fs::write(&flag, "").unwrap()
            }
            sleep(Duration::from_millis(random >> 58));
        }
        agent.end(Signal::KILL);
        let shown = status(&place, "Outlook");
        let decision = &shown["decision"];
        if shown["stored"] == true {
            assert_eq!((&decision["by"], &decision["what"]), (&"agent".into(), &shown["state"]), "{round}: {shown}");
        }
    }
    // The next one goes on from there.
    fs::write(&flag, "").unwrap();
    let agent = Agent::start(&place, &arguments);
    wait(&place, "Outlook", "online");
    fs::remove_file(&flag).unwrap();
    wait(&place, "Outlook", "offline");
    drop(agent);
}

#[test]
fn an_agent_without_a_reader_of_its_log_goes_on() {
    let place = Place::new();
    let server = Server::imap(0);
    let source = format!("imap://127.0.0.1:{}", server.port);
    let mut command = place.command(&[&["agent", "--profile", "Outlook", "--source", &source], &FAST[..]].concat());
    let mut agent = Agent { child: Killed(command.stderr(Stdio::piped()).spawn().unwrap()), lines: channel().1 };
    drop(agent.child.0.stderr.take());
    drop(server);
    wait(&place, "Outlook", "offline");
    assert!(agent.end(Signal::TERM).success());
}

#[test]
fn an_agent_ends_at_once_although_the_histories_are_locked() {
    let place = Place::new();
    let flag = place.path().join("flag");
    fs::write(&flag, "").unwrap();
    let source = format!("command:test -e {}", flag.display());
    let profiles: String = (0..20).map(|index| format!("[profile.P{index}]\nsources = [{source:?}]\n")).collect();
    let config = place.path().join("agent.toml");
    let defaults = "[defaults]\ninterval = \"50ms\"\nfailures = 1\nsuccesses = 1\n";
    fs::write(&config, format!("{defaults}{profiles}")).unwrap();
    let agent = Agent::start(&place, &["--config", config.to_str().unwrap()]);
    (0..20).for_each(|_| drop(agent.says("is there")));
    let lock = fs::File::create(place.path().join("history/lock")).unwrap();
    lock.lock().unwrap();
    fs::remove_file(&flag).unwrap();
    agent.says("another program holds the lock");
    let begun = Instant::now();
    assert!(agent.end(Signal::TERM).success());
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[test]
fn a_state_is_set_although_its_history_cannot_be_written() {
    let place = Place::new();
    fs::write(place.path().join("history"), "").unwrap();
    let set = place.run(&["set", "Outlook", "offline"]);
    let warning = String::from_utf8_lossy(&set.stderr).into_owned();
    assert!(set.status.success() && warning.contains("is not in its history"), "{warning}");
    assert_eq!(status(&place, "Outlook")["state"], "offline");
    fs::remove_file(place.path().join("history")).unwrap();
    place.text(&["set", "Work mail", "offline", "--reason", "PROFILE is broken"]);
    let text = place.text(&["status", "Work mail"]);
    assert!(
        text.ends_with(": PROFILE is broken\n  agent     leaves it alone until `mapioffline set 'Work mail' auto`\n"),
        "{text}"
    );
}

#[test]
fn a_machine_that_is_short_of_descriptors_says_nothing_of_a_source() {
    let place = Place::new();
    let (good, silent) = (Server::imap(0), Server::start(0, |mut stream| drop(read_to_end(&mut stream))));
    let mut text = format!(
        "[defaults]\ninterval = \"50ms\"\nfailures = 2\ntimeout = \"15s\"\n[profile.Good]\nsources = [\"imap://127.0.0.1:{}\"]\n",
        good.port
    );
    for index in 0..60 {
        text += &format!("[profile.P{index}]\nsources = [\"imap://127.0.0.1:{}\"]\n", silent.port);
    }
    let config = place.path().join("agent.toml");
    fs::write(&config, text).unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 50 && exec \"$@\"", "sh", env!("CARGO_BIN_EXE_mapioffline"), "agent", "--config"]);
    command.arg(&config).env("MAPIOFFLINE_STATE_DIR", place.path()).env_remove("MAPIOFFLINE_STORE");
    let agent = Agent::of(&mut command);
    let mut refused = 0;
    while refused < 5 {
        let line = agent.says("cannot be asked now");
        assert!(line.contains("Too many open files"), "{line}");
        refused += u32::from(line.contains("profile=Good"));
    }
    assert_eq!(status(&place, "Good")["stored"], false, "it was not set offline");
}

#[test]
fn a_profile_that_cannot_be_set_is_left_in_peace() {
    let place = Place::new();
    place.text(&["add", "Outlook", "--can", "online"]);
    let agent = Agent::start(&place, &[&["--profile", "Outlook", "--source", "command:false"], &FAST[..]].concat());
    agent.says("the profile cannot be set offline");
    assert!(place.objects(&["agent", "status"])[0]["failure"].as_str().unwrap().contains("cannot be set offline"));
    let written = || fs::metadata(place.path().join("history/OUTLOOK.json")).unwrap().modified().unwrap();
    let before = written();
    // Longer than it takes the agent to try again.
    sleep(Duration::from_millis(2500));
    assert_eq!(written(), before);
}

#[test]
fn looking_makes_nothing_and_removing_removes_the_history() {
    let place = Place::new();
    assert_eq!(place.text(&["history", "Outlook"]), "no one was seen to set Outlook: it is online\n");
    place.text(&["status", "Outlook"]);
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    place.text(&["set", "Outlook", "offline"]);
    assert_eq!(place.objects(&["history", "outlook"]).len(), 1);
    place.text(&["remove", "Outlook"]);
    assert_eq!(place.objects(&["history", "Outlook"]).len(), 0);
    assert_eq!(place.failure(&["history", ""]).0, 3);
    let (code, line) = place.failure(&["agent", "--profile", "X", "--source", "pop3://x"]);
    assert_eq!((code, line.contains("pop3 is not known")), (2, true), "{line}");
}

/// Asks an HTTP server, and returns its answer.
fn get(mut stream: impl std::io::Read + std::io::Write, path: &str) -> String {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn status_and_metrics_say_what_the_agent_knows() {
    let place = Place::new();
    assert_eq!(place.failure(&["agent", "status"]).0, 1);
    let server = Server::imap(0);
    let source = format!("imap://127.0.0.1:{}", server.port);
    let one = ["--profile", "Outlook", "--source", &source, "--metrics=127.0.0.1:0"];
    let agent = Agent::start(&place, &[&one, &FAST[..]].concat());
    let line = agent.says("metrics are on http://");
    agent.says("is there");
    place.text(&["set", "Outlook", "offline", "--reason", "on the train"]);
    agent.says("the agent leaves it alone");
    let shown = &place.objects(&["agent", "status"])[0];
    assert_eq!(
        (&shown["profile"], &shown["state"], &shown["by"]),
        (&"Outlook".into(), &"offline".into(), &"person".into())
    );
    assert_eq!((&shown["held"], &shown["source"]["there"]), (&true.into(), &true.into()), "{shown}");
    let text = place.text(&["agent", "status"]);
    assert!(text.lines().nth(1).unwrap().starts_with("Outlook  offline  person, held  imap://"), "{text}");
    let address = line.split("http://").nth(1).unwrap().trim_end_matches("/metrics");
    let metrics = || get(TcpStream::connect(address).unwrap(), "/metrics");
    let up = |value: u32| format!("mapioffline_source_up{{profile=\"Outlook\",source=\"{source}\"}} {value}\n");
    assert!(metrics().contains(&up(1)) && metrics().contains("mapioffline_profile_online{profile=\"Outlook\"} 0\n"));
    drop(server);
    agent.says("is away");
    eventually("the metrics follow", || metrics().contains(&up(0)));
    // Who decided, and why, is for the user alone.
    assert!(get(TcpStream::connect(address).unwrap(), "/status").starts_with("HTTP/1.1 404 "));
    let socket = || std::os::unix::net::UnixStream::connect(place.path().join("history/socket")).unwrap();
    assert!(get(socket(), "/status").contains("on the train"));
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(place.path().join("history")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700);
    // Who connects and says nothing keeps no one from being answered.
    let _silent = (0..20).map(|_| socket()).collect::<Vec<_>>();
    assert_eq!(place.objects(&["agent", "status"]).len(), 1);
    agent.end(Signal::KILL);
    let (code, line) = place.failure(&["agent", "status"]);
    assert_eq!((code, line.contains("no agent runs")), (1, true), "{line}");
    let again = Agent::start(&place, &["--profile", "Outlook", "--source", &source]);
    again.says("watching the sources");
    assert_eq!(place.objects(&["agent", "status"]).len(), 1, "a killed agent's socket is no hindrance");
}

/// NetworkManager, as far as the agent asks it.
#[cfg(target_os = "linux")]
struct NetworkManager {
    connectivity: u32,
    state: u32,
}

#[cfg(target_os = "linux")]
#[zbus::interface(name = "org.freedesktop.NetworkManager")]
impl NetworkManager {
    #[zbus(property)]
    fn connectivity(&self) -> u32 {
        self.connectivity
    }

    #[zbus(property)]
    fn state(&self) -> u32 {
        self.state
    }
}

#[cfg(target_os = "linux")]
#[test]
fn networkmanager_is_asked_over_the_bus() {
    let place = Place::new();
    let address = format!("unix:path={}", place.path().join("bus").display());
    let config = format!(
        "<busconfig><listen>{address}</listen><auth>EXTERNAL</auth><policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/>\
         <allow own=\"*\"/></policy></busconfig>"
    );
    fs::write(place.path().join("bus.conf"), config).unwrap();
    let mut bus = Command::new("dbus-daemon");
    bus.arg("--nofork").arg(format!("--config-file={}", place.path().join("bus.conf").display()));
    let Ok(child) = bus.spawn() else {
        assert!(std::env::var_os("CI").is_none(), "dbus-daemon is missing");
        println!("SKIPPED: dbus-daemon is not installed");
        return;
    };
    let _bus = Killed(child);
    eventually("the bus is there", || place.path().join("bus").exists());
    let one = ["agent", "--profile", "Outlook", "--source", "networkmanager"];
    let mut command = place.command(&[&one, &FAST[..]].concat());
    let agent = Agent::of(command.env("DBUS_SYSTEM_BUS_ADDRESS", &address));
    agent.says("is away: NetworkManager does not answer");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let path = "/org/freedesktop/NetworkManager";
    let connection = runtime.block_on(async {
        let builder = zbus::connection::Builder::address(address.as_str()).unwrap();
        let builder = builder.serve_at(path, NetworkManager { connectivity: 4, state: 70 }).unwrap();
        builder.name("org.freedesktop.NetworkManager").unwrap().build().await.unwrap()
    });
    agent.says("is there: NetworkManager says: full connectivity");
    for (connectivity, state, words) in [
        (2, 70, "is away: NetworkManager says: a captive portal"),
        (0, 70, "is there: NetworkManager says: connected; it does not check"),
        (0, 20, "is away: NetworkManager says: disconnected"),
    ] {
        runtime.block_on(async {
            let interface = connection.object_server().interface::<_, NetworkManager>(path).await.unwrap();
            *interface.get_mut().await = NetworkManager { connectivity, state };
        });
        agent.says(words);
    }
    wait(&place, "Outlook", "offline");
}
