//! `cargo xtask test agent`: the agent with a real mail server, and with real interfaces in a network namespace.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use crate::network::Namespace;
use crate::process::Process;
use crate::run::{output, run};
use crate::shared_state::{Folder, mapioffline, program};
use crate::{Result, remove_folder, target, tools};

const INTERVAL: Duration = Duration::from_millis(250);
const TIMEOUT: Duration = Duration::from_millis(500);
const FAILURES: u32 = 2;
const SUCCESSES: u32 = 2;
/// What a busy machine may take besides.
const ALLOWANCE: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn check() -> Result<()> {
    let packages = tools::debian_packages(&["dovecot-imapd", "iproute2"], "a mail server and interfaces");
    let Some(()) = tools::or_skipped(packages)? else { return Ok(()) };
    let work = target().join("agent");
    fs::create_dir_all(&work)?;
    mail_server(&work)?;
    interfaces(&work)?;
    cost(&work)?;
    println!("agent: 3 passed, 0 failed");
    Ok(())
}

/// A monitor of the examples, which prints what programs are notified of.
struct Monitor {
    _process: Process,
    lines: Receiver<(Instant, String)>,
}

impl Monitor {
    fn start(folder: &Path) -> Result<Self> {
        let mut command = Command::new(crate::build_folder().join("examples/monitor-c"));
        command.arg("Outlook").env("MAPIOFFLINE_STATE_DIR", folder).env_remove("MAPIOFFLINE_STORE");
        let mut process = Process::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let printed = BufReader::new(process.0.stdout.take().ok_or("the monitor has no output")?);
        let (sender, lines) = channel();
        thread::spawn(move || {
            printed.lines().map_while(std::io::Result::ok).try_for_each(|line| sender.send((Instant::now(), line)))
        });
        let monitor = Self { _process: process, lines };
        monitor.next(&["is online"])?;
        Ok(monitor)
    }

    /// Waits for a line with all of these words. When it was printed.
    fn next(&self, words: &[&str]) -> Result<Instant> {
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let (at, line) = line.map_err(|_| format!("the monitor does not print {words:?} within {PATIENCE:?}"))?;
            if words.iter().all(|words| line.contains(words)) {
                return Ok(at);
            }
        }
    }

    /// Waits for DONE of the change to a state.
    fn becomes(&self, state: &str, what: &str, since: Instant, limit: Duration) -> Result<()> {
        let old = if state == "online" { "offline" } else { "online" };
        let took = self.next(&["DONE", &format!("{old} -> {state}")])?.saturating_duration_since(since);
        println!("{what}: the monitor prints {state} after {} ms (limit {})", took.as_millis(), limit.as_millis());
        if took > limit { Err(format!("{what}: {state} only after {took:?}").into()) } else { Ok(()) }
    }
}

/// The options of an agent that looks often.
fn often() -> Vec<String> {
    let time = |time: Duration| format!("{}ms", time.as_millis());
    [
        ("--interval", time(INTERVAL)),
        ("--back-off", time(INTERVAL)),
        ("--timeout", time(TIMEOUT)),
        ("--failures", FAILURES.to_string()),
        ("--successes", SUCCESSES.to_string()),
    ]
    .into_iter()
    .flat_map(|(option, value)| [option.to_owned(), value])
    .collect()
}

/// The history of Outlook, as people read it.
fn history(folder: &Path) -> Result<String> {
    output(&mut mapioffline(folder, &["history", "Outlook"]))
}

/// The last decision has to be the agent's, with these words.
fn because(folder: &Path, words: &str) -> Result<()> {
    let begun = Instant::now();
    loop {
        let text = history(folder)?;
        let last = text.lines().last().unwrap_or_default();
        if last.contains("set by the agent") && last.contains(words) {
            println!("  {last}");
            return Ok(());
        }
        if begun.elapsed() > ALLOWANCE {
            return Err(format!("the history does not end with {words:?}:\n{text}").into());
        }
        thread::sleep(Duration::from_millis(10));
    }
}

struct Dovecot {
    work: PathBuf,
    port: u16,
}

impl Dovecot {
    fn new(work: &Path) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let work = work.join("dovecot");
        remove_folder(&work)?;
        fs::create_dir_all(&work)?;
        let shown = work.display();
        let config = format!(
            "base_dir = {shown}/run\nlog_path = {shown}/log\nprotocols = imap\nlisten = 127.0.0.1\nssl = required\n\
             ssl_cert = <{shown}/certificate.pem\nssl_key = <{shown}/key.pem\n\
             service imap-login {{\n  chroot =\n  inet_listener imap {{\n    port = 0\n  }}\n  inet_listener imaps {{\n    \
             port = {port}\n    ssl = yes\n  }}\n}}\n\
             passdb {{\n  driver = static\n  args = nopassword=y\n}}\nuserdb {{\n  driver = static\n  args = uid=65534 gid=65534 \
             home=/nonexistent\n}}\n"
        );
        fs::write(work.join("dovecot.conf"), config)?;
        Ok(Self { work, port })
    }

    /// Has a certificate by an authority of its own, valid until the end of a year.
    fn certify(&self, until: i32) -> Result<()> {
        let authority = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, format!("Authority until {until}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&authority)?;
        let known = fs::read_to_string(self.authorities()).unwrap_or_default();
        fs::write(self.authorities(), known + &certificate.pem())?;
        let key = KeyPair::generate()?;
        let mut server = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
        server.not_before = rcgen::date_time_ymd(2020, 1, 1);
        server.not_after = rcgen::date_time_ymd(until, 12, 31);
        let signed = server.signed_by(&key, &Issuer::new(params, authority))?;
        fs::write(self.work.join("certificate.pem"), signed.pem())?;
        Ok(fs::write(self.work.join("key.pem"), key.serialize_pem())?)
    }

    fn authorities(&self) -> PathBuf {
        self.work.join("authorities.pem")
    }

    fn start(&self) -> Result<Process> {
        let mut dovecot = Command::new("dovecot");
        dovecot.arg("-F").arg("-c").arg(self.work.join("dovecot.conf"));
        Process::start(&mut dovecot)
    }
}

/// A monitor follows a mail server that ends, comes back, hangs, and has a certificate that has expired.
fn mail_server(work: &Path) -> Result<()> {
    let folder = Folder::new(work, "mail")?;
    let dovecot = Dovecot::new(work)?;
    // Both authorities are known to the agent before it starts.
    dovecot.certify(2021)?;
    dovecot.certify(2090)?;
    let monitor = Monitor::start(folder.path())?;
    let source = format!("imaps://127.0.0.1:{}", dovecot.port);
    let authorities = dovecot.authorities().display().to_string();
    let mut agent =
        mapioffline(folder.path(), &["agent", "--profile", "Outlook", "--source", &source, "--ca-file", &authorities]);
    let agent = agent.args(often()).stderr(Stdio::from(fs::File::create(work.join("agent.log"))?));
    let start = |agent: &mut Command| Process::start(agent);
    let gone = (INTERVAL + TIMEOUT) * FAILURES + ALLOWANCE;
    let back = (INTERVAL + TIMEOUT) * (SUCCESSES + 1) + ALLOWANCE;

    let mut running = start(agent)?;
    monitor.becomes("offline", "no mail server", Instant::now(), gone)?;
    because(folder.path(), "the connection was refused")?;
    let mut server = dovecot.start()?;
    monitor.becomes("online", "it starts", Instant::now(), back)?;
    because(folder.path(), "the server greets: * OK")?;
    server.signal("STOP")?;
    monitor.becomes("offline", "it hangs", Instant::now(), gone)?;
    because(folder.path(), "within 500ms")?;
    server.signal("CONT")?;
    monitor.becomes("online", "it goes on", Instant::now(), back)?;
    // By hand, and ten times away and there.
    run(mapioffline(folder.path(), &["set", "Outlook", "offline", "--reason", "maintenance"]).stdout(Stdio::null()))?;
    monitor.next(&["DONE", "online -> offline"])?;
    let flap = INTERVAL + TIMEOUT;
    for _ in 0..10 {
        server.signal("STOP")?;
        thread::sleep(flap);
        server.signal("CONT")?;
        thread::sleep(flap);
    }
    let text = history(folder.path())?;
    if !text.lines().last().is_some_and(|line| line.ends_with(": maintenance")) {
        return Err(format!("what was set by hand did not survive ten flaps:\n{text}").into());
    }
    run(mapioffline(folder.path(), &["set", "Outlook", "auto"]).stdout(Stdio::null()))?;
    monitor.becomes("online", "handed back", Instant::now(), back)?;
    drop(server);
    monitor.becomes("offline", "it is killed", Instant::now(), gone)?;
    // The agent, too; the server comes back meanwhile.
    drop(running);
    server = dovecot.start()?;
    running = start(agent)?;
    monitor.becomes("online", "both are killed, and start", Instant::now(), back)?;
    drop(server);
    monitor.becomes("offline", "it is killed", Instant::now(), gone)?;
    dovecot.certify(2021)?;
    let _server = dovecot.start()?;
    drop(running);
    let _running = start(agent)?;
    run(mapioffline(folder.path(), &["set", "Outlook", "online", "--for", "100ms"]).stdout(Stdio::null()))?;
    monitor.next(&["DONE", "offline -> online"])?;
    monitor.becomes("offline", "its certificate has expired", Instant::now(), gone)?;
    println!("the history, as a helpdesk reads it:\n{}", history(folder.path())?);
    Ok(())
}

/// A monitor follows an interface and a route that come and go.
fn interfaces(work: &Path) -> Result<()> {
    let namespace = match Namespace::new("agent") {
        Err(reason) if std::env::var_os("CI").is_none() => {
            println!("SKIPPED: there are no network namespaces here: {reason}");
            return Ok(());
        }
        namespace => namespace?,
    };
    namespace.connect("near", &namespace, "far")?;
    namespace.ip(&["address", "add", "192.0.2.1/24", "dev", "near"])?;
    let folder = Folder::new(work, "interfaces")?;
    let monitor = Monitor::start(folder.path())?;
    let mut agent = namespace.command(program());
    agent.args(["agent", "--profile", "Outlook"]);
    agent.args(["--source", "interface:near", "--source", "default-route"]).args(often());
    agent.env("MAPIOFFLINE_STATE_DIR", folder.path()).env_remove("MAPIOFFLINE_STORE");
    let _agent = Process::start(agent.stderr(Stdio::from(fs::File::create(work.join("interfaces.log"))?)))?;
    let gone = (INTERVAL + TIMEOUT) * FAILURES + ALLOWANCE;
    let back = (INTERVAL + TIMEOUT) * (SUCCESSES + 1) + ALLOWANCE;
    let up = |interface| namespace.ip(&["link", "set", interface, "up"]);
    let route = || namespace.ip(&["route", "add", "default", "via", "192.0.2.2"]);
    monitor.becomes("offline", "the interface is down", Instant::now(), gone)?;
    up("near")?;
    up("far")?;
    route()?;
    monitor.becomes("online", "it is up, with a default route", Instant::now(), back)?;
    because(folder.path(), "interface near has the address 192.0.2.1")?;
    // The cable is pulled.
    namespace.ip(&["link", "set", "far", "down"])?;
    monitor.becomes("offline", "the other end is down", Instant::now(), gone)?;
    because(folder.path(), "is down")?;
    up("far")?;
    monitor.becomes("online", "it is up again", Instant::now(), back)?;
    namespace.ip(&["route", "delete", "default"])?;
    monitor.becomes("offline", "the default route is gone", Instant::now(), gone)?;
    because(folder.path(), "there is no default route")?;
    route()?;
    monitor.becomes("online", "it is there again", Instant::now(), back)?;
    // As a tunnel has it: without a gateway.
    namespace.ip(&["route", "delete", "default"])?;
    monitor.becomes("offline", "the default route is gone", Instant::now(), gone)?;
    namespace.ip(&["route", "add", "default", "dev", "near"])?;
    monitor.becomes("online", "there is one without a gateway", Instant::now(), back)?;
    namespace.ip(&["link", "delete", "near"])?;
    monitor.becomes("offline", "the interface is gone", Instant::now(), gone)
}

const PROFILES: usize = 1000;
/// The most that an agent with so many profiles may cost.
const MOST_MEGABYTES: f64 = 50.0;
const MOST_OF_A_PROCESSOR: f64 = 0.02;
/// As long as the interval: each source is asked once.
const WINDOW: Duration = Duration::from_secs(10);
/// Other load may make one window dearer.
const WINDOWS: u32 = 3;

/// What 1,000 profiles with one source each cost.
fn cost(work: &Path) -> Result<()> {
    let folder = Folder::new(work, "cost")?;
    let server = TcpListener::bind("127.0.0.1:0")?;
    let port = server.local_addr()?.port();
    // It accepts as long as this program runs.
    thread::spawn(move || server.incoming().for_each(drop));
    let mut text = format!("[defaults]\ninterval = \"{}s\"\nsuccesses = 1\n", WINDOW.as_secs());
    for index in 0..PROFILES {
        text += &format!("[profile.P{index}]\nsources = [\"tcp://127.0.0.1:{port}\"]\n");
    }
    let config = work.join("cost.toml");
    fs::write(&config, text)?;
    let mut agent = mapioffline(folder.path(), &["agent", "--config"]);
    let agent = Process::start(agent.arg(config).stderr(Stdio::from(fs::File::create(work.join("cost.log"))?)))?;
    let begun = Instant::now();
    while fs::read_to_string(work.join("cost.log"))?.matches(" is there: ").count() < PROFILES {
        if begun.elapsed() > 2 * PATIENCE {
            return Err("not every source was asked".into());
        }
        thread::sleep(Duration::from_millis(100));
    }
    for _ in 0..WINDOWS {
        let before = agent.seconds_used()?;
        thread::sleep(WINDOW);
        let share = (agent.seconds_used()? - before) / WINDOW.as_secs_f64();
        let megabytes = agent.resident()?;
        println!("{PROFILES} profiles: {megabytes:.1} MB resident, {:.1}% of a processor", share * 100.0);
        if megabytes < MOST_MEGABYTES && share < MOST_OF_A_PROCESSOR {
            return Ok(());
        }
    }
    Err(format!("more than {MOST_MEGABYTES} MB or {}% of a processor", MOST_OF_A_PROCESSOR * 100.0).into())
}
