//! A server of NATS, and machines whose agents follow a fleet there.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use async_nats::jetstream::Context;
use serde_json::Value;

use super::{Agent, Killed, Place, eventually};

/// A port that no program listens on at the moment.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A server with JetStream. Dropping it kills it.
pub(crate) struct Nats {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) port: u16,
    process: Option<Killed>,
}

impl Nats {
    /// `None`: nats-server is not installed, which is an error in CI.
    pub(crate) fn start() -> Option<Self> {
        Self::with("", |_| {})
    }

    /// With more in its configuration, and with what `prepare` puts into its folder.
    pub(crate) fn with(more: &str, prepare: impl FnOnce(&Path)) -> Option<Self> {
        if Command::new("nats-server").arg("--version").stdout(Stdio::null()).status().is_err() {
            assert!(std::env::var_os("CI").is_none(), "nats-server is missing");
            println!("SKIPPED: nats-server is not installed");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let store = folder.path().join("store").display().to_string();
        let more = more.replace("FOLDER", &folder.path().display().to_string());
        let mut nats = Self { folder, port: 0, process: None };
        for _ in 0..5 {
            let port = free_port();
            nats.port = port;
            let config = format!(
                "listen: \"127.0.0.1:{port}\"\njetstream {{ store_dir: \"{store}\", domain: d{port} }}\n{more}\n"
            );
            fs::write(nats.path("nats.conf"), config).unwrap();
            if nats.starts() {
                return Some(nats);
            }
            // Another test has taken the port meanwhile.
        }
        panic!("nats-server does not start: {}", fs::read_to_string(nats.path("log")).unwrap());
    }

    /// Starts it again, as it was.
    pub(crate) fn again(&mut self) {
        assert!(self.starts(), "nats-server does not start: {}", fs::read_to_string(self.path("log")).unwrap());
    }

    fn starts(&mut self) -> bool {
        let mut command = Command::new("nats-server");
        let log = fs::File::create(self.path("log")).unwrap();
        command.arg("-c").arg(self.path("nats.conf")).stdout(Stdio::null()).stderr(log);
        let mut process = Killed(command.spawn().unwrap());
        let begun = Instant::now();
        while process.0.try_wait().unwrap().is_none() && begun.elapsed() < Duration::from_secs(20) {
            let log = fs::read_to_string(self.path("log")).unwrap();
            if log.contains("Server is ready") && TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                self.process = Some(process);
                return true;
            }
            sleep(Duration::from_millis(10));
        }
        false
    }

    /// Kills it.
    pub(crate) fn end(&mut self) {
        self.process = None;
    }

    /// Takes all that it has stored.
    pub(crate) fn wipe(&self) {
        fs::remove_dir_all(self.path("store")).unwrap();
    }

    /// Copies a part of its folder. It does not run.
    pub(crate) fn copy(&self, from: &str, to: &str) {
        let status = Command::new("cp").arg("-r").arg(self.path(from)).arg(self.path(to)).status().unwrap();
        assert!(status.success());
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The domain of its JetStream.
    pub(crate) fn domain(&self) -> String {
        format!("d{}", self.port)
    }

    /// Asks JetStream for something that the program does not do.
    pub(crate) fn jetstream<T>(&self, work: impl AsyncFnOnce(Context) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client = async_nats::connect(self.url()).await.unwrap();
            work(async_nats::jetstream::new(client)).await
        })
    }

    /// Deletes a bucket.
    pub(crate) fn delete(&self, bucket: &str) {
        self.jetstream(async |jetstream| jetstream.delete_key_value(bucket).await.map(drop).unwrap());
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

/// A machine with a state folder of its own.
pub(crate) struct Machine {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) config: PathBuf,
}

impl Machine {
    /// With Outlook, and with these lines for the fleet and behind the profile.
    pub(crate) fn new(nats: &Nats, name: &str, fleet: &str, profile: &str) -> Self {
        let place = Place::new();
        let url = if fleet.contains("servers") { String::new() } else { format!("servers = [\"{}\"]\n", nats.url()) };
        let text = format!(
            "[fleet]\n{url}name = \"{name}\"\nlabels = [\"lab\"]\nreport-within = \"50ms\"\nreconnect-within = \"200ms\"\n{fleet}\n\
             [profile.Outlook]\n{profile}\n"
        );
        let config = nats.path(&format!("{name}.toml"));
        fs::write(&config, text).unwrap();
        Self { place, name: name.to_owned(), config }
    }

    pub(crate) fn agent(&self) -> Agent {
        Agent::start(&self.place, &["--config", self.config.to_str().unwrap()])
    }

    /// Whether the stored state is this.
    pub(crate) fn is(&self, state: &str) -> bool {
        self.place.objects(&["status", "Outlook"])[0]["state"] == state
    }

    pub(crate) fn becomes(&self, state: &str) {
        eventually(&format!("{} becomes {state}: {}", self.name, self.history()), || self.is(state));
    }

    pub(crate) fn history(&self) -> String {
        self.place.text(&["history", "Outlook"])
    }
}

/// The operator of a fleet.
pub(crate) struct Operator {
    pub(crate) place: Place,
    pub(crate) access: Vec<String>,
}

impl Operator {
    pub(crate) fn of(nats: &Nats) -> Self {
        Self::with(nats, &[])
    }

    pub(crate) fn with(nats: &Nats, access: &[&str]) -> Self {
        let url = nats.url();
        let access = [&["--server", &url], access].concat();
        Self { place: Place::new(), access: access.into_iter().map(str::to_owned).collect() }
    }

    pub(crate) fn arguments<'a>(&'a self, words: &[&'a str]) -> Vec<&'a str> {
        ["fleet"].into_iter().chain(words.iter().copied()).chain(self.access.iter().map(String::as_str)).collect()
    }

    pub(crate) fn text(&self, words: &[&str]) -> String {
        self.place.text(&self.arguments(words))
    }

    pub(crate) fn objects(&self, words: &[&str]) -> Vec<Value> {
        self.place.objects(&self.arguments(words))
    }

    pub(crate) fn failure(&self, words: &[&str]) -> (i32, String) {
        self.place.failure(&self.arguments(words))
    }

    /// A failure behind what was printed.
    pub(crate) fn late_failure(&self, words: &[&str]) -> (i32, String) {
        let output = self.place.run(&self.arguments(words));
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    }

    pub(crate) fn reported(&self) -> usize {
        let rows = self.objects(&["status", "--all"]);
        rows.iter().filter(|row| row.get("profile").is_some() && row.get("machine").is_some()).count()
    }
}
