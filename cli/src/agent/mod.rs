//! `mapioffline agent`: sets profiles online and offline as servers and networks come and go.

mod board;
mod config;
mod health;
mod keeper;
#[cfg(target_os = "linux")]
mod network_manager;
pub(crate) mod options;
mod page;
mod probe;
mod progress;
mod source;
pub(crate) mod status;
mod stream;
mod tls;
mod watcher;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::{panic, thread};

use mapioffline::StateFolder;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use crate::failure::{Code, Failure};
use crate::history::Histories;
use crate::output::{Output, shown};
use board::Board;
use config::{Config, Profile, Settings};
use keeper::{Event, Keeper};
use tls::Trust;

/// What the agent is asked for.
pub(crate) struct Wanted {
    pub(crate) from: From,
    pub(crate) check: bool,
    pub(crate) verbose: bool,
    pub(crate) json: bool,
}

/// Where the configuration comes from.
pub(crate) enum From {
    File(PathBuf),
    CommandLine { profile: String, settings: Box<Settings>, ca_file: Option<PathBuf>, metrics: Option<SocketAddr> },
}

impl From {
    /// The file that the command line names, or the usual one.
    pub(crate) fn file(named: Option<PathBuf>) -> Result<Self, Failure> {
        let file = named.or_else(Config::usual_file);
        let none = || Failure::new(Code::Usage, "there is no folder for configurations: name a file by --config");
        file.map(Self::File).ok_or_else(none)
    }

    fn read(&self) -> Result<(Config, Trust), Failure> {
        let config = match self {
            Self::File(file) => Config::read(file)?,
            Self::CommandLine { profile, settings, ca_file, metrics } => {
                Config { metrics: *metrics, ..Config::of(profile, settings, ca_file.clone())? }
            }
        };
        let trust = Trust::new(config.ca_file.as_deref()).map_err(|line| Failure::new(Code::Failed, line))?;
        Ok((config, trust))
    }
}

pub(crate) fn agent(wanted: &Wanted, folder: StateFolder, output: &Output) -> Result<ExitCode, Failure> {
    let (config, trust) = wanted.from.read()?;
    let trust = Arc::new(trust);
    if wanted.check {
        for (name, profile) in &config.profiles {
            let Profile { sources, rule, .. } = profile;
            let list: Vec<&str> = sources.iter().map(|source| source.text.as_str()).collect();
            let person = || format!("{}: {rule} of {}", shown(name), shown(&list.join(", ")));
            output.say(person, || json!({ "profile": name, "rule": rule.to_string(), "sources": list }));
        }
        return Ok(ExitCode::SUCCESS);
    }
    log_lines(wanted);
    // A part that has ended by a panic would leave an agent that looks alive.
    panic::set_hook(Box::new(|panic| {
        error!("the agent ends, by a fault of its own: {panic}");
        process::exit(Code::Failed as i32);
    }));
    #[cfg(unix)]
    allow_many_files();
    let failed = |error: io::Error| Failure::new(Code::Failed, error.to_string());
    // The threads ask for names, which may take as long as the system likes.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().thread_stack_size(512 * 1024).build();
    let runtime = runtime.map_err(failed)?;
    let signals = {
        let _in_runtime = runtime.enter();
        Signals::catch().map_err(failed)?
    };
    let histories = Histories::of(&folder);
    let _only = only_one(&folder, &histories)?;
    let (to_keeper, events) = channel();
    let (board, stop) = (Arc::new(Board::default()), Arc::new(AtomicBool::new(false)));
    let keeper = Keeper::new(folder, to_keeper.clone(), Arc::clone(&board), Arc::clone(&stop));
    let keeper = thread::Builder::new().name("keeper".to_owned()).spawn(move || keeper.run(&events));
    let keeper = keeper.map_err(failed)?;
    let mut agent = Agent { to_keeper, board, trust, running: BTreeMap::new(), metrics: None };
    let result = runtime.block_on(async {
        match page::listen(histories.path()) {
            Ok(socket) => drop(tokio::spawn(page::serve_local(socket, Arc::clone(&agent.board)))),
            // As where the folder's path is too long for a socket.
            Err(error) => warn!("`mapioffline agent status` will have no answer: {error}"),
        }
        agent.follow(config).await?;
        agent.run(&wanted.from, signals).await
    });
    // What is being asked is not waited for.
    runtime.shutdown_background();
    stop.store(true, Ordering::SeqCst);
    drop(agent.to_keeper.send(Event::Wake));
    // A panic there has ended the process.
    drop(keeper.join());
    info!("stopped; states stay as they are");
    result.map(|()| ExitCode::SUCCESS)
}

/// Holds the agent's lock of the state folder: two would undo what the other does.
fn only_one(folder: &StateFolder, histories: &Histories) -> Result<File, Failure> {
    let cannot = |error: io::Error| Failure::of_folder(folder.path(), &error);
    histories.lock(folder).map_err(cannot)?.clean();
    histories.lock_for_agent().map_err(cannot)?.ok_or_else(|| {
        let line = format!("an agent runs already for the state folder {}", folder.path().display());
        Failure::new(Code::Busy, line)
    })
}

/// Each question may need a descriptor. Where that is refused, the usual limit stays.
#[cfg(unix)]
fn allow_many_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}

fn log_lines(wanted: &Wanted) {
    let level = if wanted.verbose { tracing::Level::DEBUG } else { tracing::Level::INFO };
    let lines = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_target(false);
    // Who reads the log may have ended.
    let lines = lines.log_internal_errors(false);
    if wanted.json {
        lines.json().flatten_event(true).init();
    } else {
        let has_colors = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
        lines.with_ansi(has_colors).init();
    }
}

struct Agent {
    to_keeper: Sender<Event>,
    board: Arc<Board>,
    trust: Arc<Trust>,
    running: BTreeMap<String, (Profile, JoinHandle<()>)>,
    /// Where metrics are served, and what serves them.
    metrics: Option<(SocketAddr, JoinHandle<()>)>,
}

impl Agent {
    /// Does what the configuration says. What did not change goes on as it is.
    ///
    /// # Errors
    /// The address for the metrics cannot be used. Then everything stays as it was.
    async fn follow(&mut self, config: Config) -> Result<(), Failure> {
        self.serve_metrics(config.metrics).await?;
        let is_gone =
            |name: &String, (profile, _): &(Profile, JoinHandle<()>)| config.profiles.get(name) != Some(profile);
        let gone: Vec<String> = self
            .running
            .iter()
            .filter(|(name, running)| is_gone(name, running))
            .map(|(name, _)| name.clone())
            .collect();
        for name in gone {
            if let Some((_, task)) = self.running.remove(&name) {
                task.abort();
            }
            if !config.profiles.contains_key(&name) {
                self.board.remove(&name);
                drop(self.to_keeper.send(Event::Leave(name)));
            }
        }
        for (name, profile) in config.profiles {
            if self.running.contains_key(&name) {
                continue;
            }
            let hand_back_after = profile.hand_back_after;
            self.board.insert(&name, profile.sources.iter().map(|source| source.text.clone()));
            drop(self.to_keeper.send(Event::Keep { profile: name.clone(), hand_back_after }));
            let to = watcher::To { keeper: self.to_keeper.clone(), board: Arc::clone(&self.board) };
            let watching = watcher::watch(name.clone(), profile.clone(), Arc::clone(&self.trust), to);
            self.running.insert(name, (profile, tokio::spawn(watching)));
        }
        let count = self.running.len();
        info!("watching the sources of {count} profile{}", if count == 1 { "" } else { "s" });
        Ok(())
    }

    async fn serve_metrics(&mut self, wanted: Option<SocketAddr>) -> Result<(), Failure> {
        if self.metrics.as_ref().map(|(address, _)| *address) == wanted {
            return Ok(());
        }
        let socket = match wanted {
            Some(address) => Some((
                address,
                TcpListener::bind(address).await.map_err(|error| {
                    Failure::new(Code::Failed, format!("metrics cannot be served on {address}: {error}"))
                })?,
            )),
            None => None,
        };
        if let Some((_, task)) = self.metrics.take() {
            task.abort();
        }
        self.metrics = socket.map(|(address, socket)| {
            info!("metrics are on http://{}/metrics", socket.local_addr().unwrap_or(address));
            (address, tokio::spawn(page::serve_metrics(socket, Arc::clone(&self.board))))
        });
        Ok(())
    }

    /// Runs until it is asked to stop.
    async fn run(&mut self, from: &From, mut signals: Signals) -> Result<(), Failure> {
        let had_terminal = io::stderr().is_terminal();
        while signals.next().await == Signal::Reload {
            if had_terminal && !io::stderr().is_terminal() {
                // The same signal says that the terminal has been closed.
                return Ok(());
            }
            let followed = match from.read() {
                Ok((config, trust)) => {
                    let followed = self.follow(config).await;
                    if followed.is_ok() {
                        // Also a file of certificates that has the same name as before.
                        self.trust.replace(trust);
                    }
                    followed
                }
                Err(failure) => Err(failure),
            };
            if let Err(failure) = followed {
                error!("the configuration stays as it was: {failure}");
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Signal {
    End,
    #[cfg_attr(not(unix), expect(dead_code, reason = "this system has no signal for it"))]
    Reload,
}

/// What the agent is asked from outside. It is caught from the beginning.
#[cfg(unix)]
struct Signals([tokio::signal::unix::Signal; 3]);

#[cfg(unix)]
impl Signals {
    fn catch() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self([signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?]))
    }

    async fn next(&mut self) -> Signal {
        let [end, interrupt, reload] = &mut self.0;
        tokio::select! {
            _ = end.recv() => Signal::End,
            _ = interrupt.recv() => Signal::End,
            _ = reload.recv() => Signal::Reload,
        }
    }
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn catch() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) -> Signal {
        self.0.recv().await;
        Signal::End
    }
}
