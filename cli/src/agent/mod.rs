//! `mapioffline agent`: sets profiles online and offline as servers and networks come and go.

mod board;
mod config;
pub(crate) mod health;
mod keeper;
mod page;
mod probe;
mod progress;
pub(crate) mod source;
pub(crate) mod status;
mod stream;
mod tls;
mod watcher;

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use mapioffline::StateFolder;
use serde_json::json;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use crate::failure::{Code, Failure};
use crate::history::Histories;
use crate::output::{Output, shown};
use board::Board;
pub(crate) use config::Settings;
use config::{Config, Profile};
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

    fn read(&self) -> Result<(Config, Arc<Trust>), Failure> {
        let config = match self {
            Self::File(file) => Config::read(file)?,
            Self::CommandLine { profile, settings, ca_file, metrics } => {
                Config { metrics: *metrics, ..Config::of(profile, settings, ca_file.clone())? }
            }
        };
        let trust = Trust::new(config.ca_file.as_deref()).map_err(|line| Failure::new(Code::Failed, line))?;
        Ok((config, Arc::new(trust)))
    }
}

pub(crate) fn agent(wanted: &Wanted, folder: StateFolder, output: &Output) -> Result<ExitCode, Failure> {
    let (config, trust) = wanted.from.read()?;
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
    let histories = Histories::of(&folder);
    let _only = only_one(&folder, &histories)?;
    let (to_keeper, events) = channel();
    let board = Arc::new(Board::default());
    let keeper = Keeper::new(folder, to_keeper.clone(), Arc::clone(&board));
    let keeper = thread::Builder::new().name("keeper".to_owned()).spawn(move || keeper.run(&events));
    let keeper = keeper.map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(16).build();
    let runtime = runtime.map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
    let mut agent =
        Agent { to_keeper: to_keeper.clone(), board, running: BTreeMap::new(), ca_file: None, metrics: None };
    let result = runtime.block_on(async {
        match page::listen(histories.path()) {
            Ok(socket) => drop(tokio::spawn(page::serve_local(socket, Arc::clone(&agent.board)))),
            // As where the folder's path is too long for a socket.
            Err(error) => warn!("`mapioffline agent status` will have no answer: {error}"),
        }
        agent.follow(config, &trust).await?;
        agent.run(&wanted.from).await
    });
    // What is being asked is not waited for.
    runtime.shutdown_background();
    drop(to_keeper.send(Event::Stop));
    if keeper.join().is_err() {
        return Err(Failure::new(Code::Failed, "the agent's thread for the store has ended: a panic"));
    }
    info!("stopped; states stay as they are");
    result.map(|()| ExitCode::SUCCESS)
}

/// Holds the agent's lock of the state folder: two would undo what the other does.
fn only_one(folder: &StateFolder, histories: &Histories) -> Result<File, Failure> {
    let cannot = |error: std::io::Error| Failure::of_folder(folder.path(), &error);
    drop(histories.lock(folder).map_err(cannot)?);
    let file = histories.agent_lock().map_err(cannot)?;
    file.try_lock().map_err(|_| {
        let line = format!("an agent runs already for the state folder {}", folder.path().display());
        Failure::new(Code::Busy, line)
    })?;
    Ok(file)
}

fn log_lines(wanted: &Wanted) {
    let level = if wanted.verbose { tracing::Level::DEBUG } else { tracing::Level::INFO };
    let lines = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_target(false);
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
    running: BTreeMap<String, (Profile, JoinHandle<()>)>,
    ca_file: Option<PathBuf>,
    /// Where metrics are served, and what serves them.
    metrics: Option<(SocketAddr, JoinHandle<()>)>,
}

impl Agent {
    /// Does what the configuration says. What did not change goes on as it is.
    ///
    /// # Errors
    /// The address for the metrics cannot be used. Then everything stays as it was.
    async fn follow(&mut self, config: Config, trust: &Arc<Trust>) -> Result<(), Failure> {
        self.serve_metrics(config.metrics).await?;
        let all_changed = self.ca_file != config.ca_file;
        self.ca_file = config.ca_file;
        let is_gone = |name: &String, (profile, _): &(Profile, JoinHandle<()>)| {
            all_changed || config.profiles.get(name) != Some(profile)
        };
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
            let watching = watcher::watch(name.clone(), profile.clone(), Arc::clone(trust), to);
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
                page::bind(address).await.map_err(|error| {
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
    #[cfg(unix)]
    async fn run(&mut self, from: &From) -> Result<(), Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let cannot = |error: std::io::Error| Failure::new(Code::Failed, format!("signals cannot be caught: {error}"));
        let mut end = signal(SignalKind::terminate()).map_err(cannot)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
        let mut reload = signal(SignalKind::hangup()).map_err(cannot)?;
        loop {
            tokio::select! {
                _ = end.recv() => return Ok(()),
                _ = interrupt.recv() => return Ok(()),
                _ = reload.recv() => {
                    let followed = match from.read() {
                        Ok((config, trust)) => self.follow(config, &trust).await,
                        Err(failure) => Err(failure),
                    };
                    if let Err(failure) = followed {
                        error!("the configuration stays as it was: {failure}");
                    }
                }
            }
        }
    }

    /// Runs until it is asked to stop. This system has no signal for reading the configuration again.
    #[cfg(not(unix))]
    async fn run(&mut self, _: &From) -> Result<(), Failure> {
        tokio::signal::ctrl_c().await.map_err(|error| Failure::new(Code::Failed, error.to_string()))
    }
}
