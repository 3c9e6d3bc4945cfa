//! `mapioffline agent`: sets profiles online and offline as servers and networks come and go.

mod board;
mod config;
mod follower;
mod health;
mod keeper;
mod link;
pub(crate) mod member;
#[cfg(target_os = "linux")]
mod network_manager;
mod news;
pub(crate) mod options;
mod orders;
pub(crate) mod pace;
mod page;
mod probe;
mod progress;
mod reporter;
mod source;
pub(crate) mod status;
mod stream;
pub(crate) mod tls;
mod watcher;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{self, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::{panic, thread};

use mapioffline::StateFolder;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::failure::{Code, Failure};
use crate::fleet::instruction::{Member, Received};
use crate::history::Histories;
use crate::output::{Output, shown};
use board::Board;
use config::{Config, Profile, Settings};
use keeper::{Event, Keeper};
use member::{Fleet, FleetSettings};
use tls::{Tls, Trust};

/// What the agent is asked for.
pub(crate) struct Wanted {
    pub(crate) from: From,
    /// What the command line says of a fleet.
    pub(crate) fleet: Option<FleetSettings>,
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

    fn read(&self, fleet: Option<&FleetSettings>) -> Result<(Config, Tls), Failure> {
        let config = match self {
            Self::File(file) => Config::read(file, fleet)?,
            Self::CommandLine { profile, settings, ca_file, metrics } => {
                Config { metrics: *metrics, ..Config::of(profile, settings, fleet, ca_file.clone())? }
            }
        };
        let tls = Tls::new(config.ca_file.as_deref(), None).map_err(|line| Failure::new(Code::Failed, line))?;
        Ok((config, tls))
    }
}

pub(crate) fn agent(wanted: &Wanted, folder: StateFolder, output: &Output) -> Result<ExitCode, Failure> {
    let (config, tls) = wanted.from.read(wanted.fleet.as_ref())?;
    let trust = Arc::new(Trust::new(tls));
    if wanted.check {
        for (name, profile) in &config.profiles {
            let Profile { sources, rule, .. } = profile;
            let list: Vec<&str> = sources.iter().map(|source| source.text.as_str()).collect();
            let person = || match list[..] {
                [] => format!("{}: as the fleet says", shown(name)),
                _ => format!("{}: {rule} of {}", shown(name), shown(&list.join(", "))),
            };
            output.say(person, || json!({ "profile": name, "rule": rule.to_string(), "sources": list }));
        }
        if let Some(Fleet { access, member, order, .. }) = &config.fleet {
            let (server, Member { name, groups }) = (access.shown(), member);
            let person = || format!("fleet {server}: {name}, in the groups {}; {order}", groups.join(", "));
            output
                .say(person, || json!({ "fleet": server, "name": name, "groups": groups, "order": order.to_string() }));
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
    let received: Option<Received> = histories.kept(keeper::FLEET).unwrap_or_else(|error| {
        warn!("what the fleet said before cannot be read: history/{}: {error}", keeper::FLEET);
        None
    });
    let received = received.unwrap_or_default();
    let received = Arc::new(Mutex::new(received.of_earlier_agent()));
    let (board, stop) = (Arc::new(Board::default()), Arc::new(AtomicBool::new(false)));
    let keeper = Keeper::new(folder, to_keeper.clone(), Arc::clone(&board), Arc::clone(&stop));
    let keeper = thread::Builder::new().name("keeper".to_owned()).spawn(move || keeper.run(&events));
    let keeper = keeper.map_err(failed)?;
    let mut agent = Agent { to_keeper, board, trust, received, running: BTreeMap::new(), metrics: None, fleet: None };
    let result = runtime.block_on(async {
        match page::listen(histories.path()) {
            Ok(socket) => drop(tokio::spawn(page::serve_local(socket, Arc::clone(&agent.board)))),
            // As where the folder's path is too long for a socket.
            Err(error) => warn!("`mapioffline agent status` will have no answer: {error}"),
        }
        agent.follow(config).await?;
        agent.run(wanted, signals).await
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
    // Not what crates say of themselves.
    let own = Targets::new().with_target("mapioffline", level);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    // Who reads the log may have ended.
    let lines = lines.log_internal_errors(false);
    let registry = tracing_subscriber::registry();
    if wanted.json {
        registry.with(lines.json().flatten_event(true).with_filter(own)).init();
    } else {
        let has_colors = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
        registry.with(lines.with_ansi(has_colors).with_filter(own)).init();
    }
}

struct Agent {
    to_keeper: Sender<Event>,
    board: Arc<Board>,
    trust: Arc<Trust>,
    running: BTreeMap<String, (Profile, JoinHandle<()>)>,
    /// What was received of the fleet.
    received: Arc<Mutex<Received>>,
    /// Where metrics are served, and what serves them.
    metrics: Option<(SocketAddr, JoinHandle<()>)>,
    /// The fleet, and what follows it.
    fleet: Option<(Fleet, JoinHandle<()>)>,
}

impl Agent {
    /// Does what the configuration says. What did not change goes on as it is.
    ///
    /// # Errors
    /// The address for the metrics cannot be used. Then everything stays as it was.
    async fn follow(&mut self, config: Config) -> Result<(), Failure> {
        self.serve_metrics(config.metrics).await?;
        // Before the profiles: nothing decides without it.
        self.follow_fleet(config.fleet);
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

    fn follow_fleet(&mut self, wanted: Option<Fleet>) {
        if self.fleet.as_ref().map(|(fleet, _)| fleet) == wanted.as_ref() {
            return;
        }
        if let Some((_, task)) = self.fleet.take() {
            task.abort();
        }
        let received = self.received.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let orders = wanted.as_ref().map(|fleet| follower::orders(fleet, &received)).unwrap_or_default();
        drop(self.to_keeper.send(Event::Fleet(Arc::new(orders))));
        self.board.set_fleet(None);
        self.fleet = wanted.map(|fleet| {
            let board = Arc::clone(&self.board);
            let to = follower::To { keeper: self.to_keeper.clone(), board, received: Arc::clone(&self.received) };
            (fleet.clone(), tokio::spawn(follower::follow(fleet, to)))
        });
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
    async fn run(&mut self, wanted: &Wanted, mut signals: Signals) -> Result<(), Failure> {
        let had_terminal = io::stderr().is_terminal();
        while signals.next().await == Signal::Reload {
            if had_terminal && !io::stderr().is_terminal() {
                // The same signal says that the terminal has been closed.
                return Ok(());
            }
            let followed = match wanted.from.read(wanted.fleet.as_ref()) {
                Ok((config, tls)) => {
                    let followed = self.follow(config).await;
                    if followed.is_ok() {
                        // Also a file of certificates that has the same name as before.
                        self.trust.replace(tls);
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
    #[cfg_attr(not(unix), allow(dead_code, reason = "this system has no signal for it"))]
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
