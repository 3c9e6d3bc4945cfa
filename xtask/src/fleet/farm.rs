//! Servers of NATS and machines with agents, in two network namespaces: what is between them can be cut.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::network::Namespace;
use crate::process::Process;
use crate::run::{output, run};
use crate::shared_state::{mapioffline, program};
use crate::{Result, remove_folder, target};

/// The addresses of the two namespaces.
const NEAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const FAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const FIRST_PORT: u16 = 4222;
const FIRST_CLUSTER_PORT: u16 = 6222;
const LEAF_PORT: u16 = 7422;
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the stored states are read.
const LOOK: Duration = Duration::from_millis(10);

/// Where everything happens.
pub(crate) struct Farm {
    work: PathBuf,
    near: Namespace,
    far: Namespace,
}

impl Farm {
    pub(crate) fn new(work: PathBuf) -> Result<Self> {
        remove_folder(&work)?;
        fs::create_dir_all(&work)?;
        let (near, far) = (Namespace::new("near")?, Namespace::new("far")?);
        near.connect("to-far", &far, "to-near")?;
        near.ip(&["address", "add", &format!("{NEAR}/24"), "dev", "to-far"])?;
        far.ip(&["address", "add", &format!("{FAR}/24"), "dev", "to-near"])?;
        near.ip(&["link", "set", "to-far", "up"])?;
        far.ip(&["link", "set", "to-near", "up"])?;
        Ok(Self { work, near, far })
    }

    /// Cuts the far namespace off, without a word to either side, or ends that.
    pub(crate) fn cut(&self, is_cut: bool) -> Result<()> {
        self.near.ip(&["link", "set", "to-far", if is_cut { "down" } else { "up" }])
    }

    /// A server; one of `of`, if that is more than one. The last of three is in the far namespace.
    pub(crate) fn server(&self, index: u16, of: u16) -> Result<Server> {
        let mut more = String::new();
        if of > 1 {
            let routes = (0..of).map(|other| format!("\"nats://{}:{}\"", address(other), FIRST_CLUSTER_PORT + other));
            // The others' addresses are in the agents' configuration.
            more = format!(
                "cluster {{ name: fleet, listen: \"0.0.0.0:{}\", no_advertise: true, routes: [{}] }}\n",
                FIRST_CLUSTER_PORT + index,
                routes.collect::<Vec<_>>().join(", ")
            );
        }
        let namespace = if address(index) == FAR { &self.far } else { &self.near };
        self.start_server(namespace, index, "", &more)
    }

    /// A server to which leaf nodes connect.
    pub(crate) fn hub(&self) -> Result<Server> {
        self.start_server(&self.near, 0, "domain: hub", &format!("leafnodes {{ listen: \"0.0.0.0:{LEAF_PORT}\" }}\n"))
    }

    /// A leaf node in the far namespace.
    pub(crate) fn leaf(&self) -> Result<Server> {
        let more = format!("leafnodes {{ reconnect: 1, remotes: [{{ url: \"nats://{NEAR}:{LEAF_PORT}\" }}] }}\n");
        self.start_server(&self.far, 1, "domain: leaf", &more)
    }

    fn start_server(&self, namespace: &Namespace, index: u16, of_store: &str, more: &str) -> Result<Server> {
        let folder = self.work.join(format!("server-{index}"));
        fs::create_dir_all(&folder)?;
        let port = FIRST_PORT + index;
        let config = format!(
            "server_name: s{index}\nlisten: \"0.0.0.0:{port}\"\njetstream {{ store_dir: \"{}\", {of_store} }}\n{more}",
            folder.join("store").display()
        );
        let file = folder.join("nats.conf");
        fs::write(&file, config)?;
        let mut command = namespace.command("nats-server");
        command.arg("-c").arg(file).arg("-l").arg(folder.join("log"));
        let mut server = Server { command, folder, process: None };
        server.start()?;
        Ok(server)
    }

    /// The operator's program.
    pub(crate) fn operator(&self, words: &[&str]) -> Command {
        self.operator_at(&self.near, &servers(3), words)
    }

    /// The same at the leaf node.
    pub(crate) fn operator_of_leaf(&self, words: &[&str]) -> Command {
        self.operator_at(&self.far, &leaf(), words)
    }

    fn operator_at(&self, namespace: &Namespace, servers: &str, words: &[&str]) -> Command {
        let mut command = namespace.command(program());
        command.args(["fleet", "--server", servers]).args(words);
        command.env("MAPIOFFLINE_STATE_DIR", self.work.join("operator"));
        command
    }

    pub(crate) fn fleet(&self, words: &[&str]) -> Result<()> {
        run(self.operator(words).stdout(Stdio::null()))
    }

    /// How many machines have reported.
    fn reported(&self) -> Result<usize> {
        let text = output(&mut self.operator(&["status", "--all", "--json"]))?;
        Ok(text.lines().filter(|line| line.contains("\"profile\":\"Outlook\"") && line.contains("\"machine\"")).count())
    }

    /// Creates the buckets, as soon as the server is ready for it.
    pub(crate) fn init(&self, replicas: u8) -> Result<()> {
        let replicas = replicas.to_string();
        until_it_succeeds(|| self.operator(&["init", "--replicas", &replicas]), PATIENCE).map(|_| ())
    }

    /// A machine that follows these servers; with more in its configuration.
    pub(crate) fn machine(&self, name: String, is_far: bool, servers: &str, more: &str) -> Result<Machine> {
        let folder = self.work.join(&name);
        fs::create_dir_all(&folder)?;
        let config = format!(
            "[fleet]\nservers = [\"{servers}\"]\nname = \"{name}\"\nlabels = [\"lab\"]\n{more}\n[profile.Outlook]\n"
        );
        fs::write(folder.join("agent.toml"), config)?;
        Ok(Machine { name, folder, is_far, clock: None, agent: None })
    }

    pub(crate) fn start(&self, machine: &mut Machine) -> Result<()> {
        let namespace = if machine.is_far { &self.far } else { &self.near };
        let mut command = match machine.clock {
            None => namespace.command(program()),
            Some(clock) => {
                let mut command = namespace.command("faketime");
                // The processor's own clock goes on as it is: only what people read is wrong.
                command.args(["-f", clock]).arg(program()).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
                command
            }
        };
        command.args(["agent", "--config"]).arg(machine.folder.join("agent.toml"));
        command.env("MAPIOFFLINE_STATE_DIR", machine.state()).env_remove("MAPIOFFLINE_STORE");
        let log = fs::File::options().create(true).append(true).open(machine.folder.join("log"))?;
        machine.agent = Some(Process::start(command.stdin(Stdio::null()).stderr(log))?);
        Ok(())
    }

    /// Waits until so many machines have reported.
    pub(crate) fn until_reported(&self, count: usize) -> Result<()> {
        let begun = Instant::now();
        // It fails while a cluster chooses its leader.
        while self.reported().unwrap_or(0) < count {
            if begun.elapsed() > PATIENCE {
                return Err(format!("{} of {count} machines report", self.reported()?).into());
            }
            sleep(Duration::from_millis(200));
        }
        Ok(())
    }
}

/// Runs a command again until it succeeds: servers need a while until they are ready. Returns when that attempt began.
pub(crate) fn until_it_succeeds(command: impl Fn() -> Command, limit: Duration) -> Result<Instant> {
    let begun = Instant::now();
    loop {
        let attempt = Instant::now();
        if command().stdout(Stdio::null()).stderr(Stdio::null()).status()?.success() {
            return Ok(attempt);
        }
        if begun.elapsed() > limit {
            // With what it says.
            return run(&mut command()).map(|()| attempt);
        }
        sleep(Duration::from_millis(200));
    }
}

/// Where a server is.
fn address(index: u16) -> Ipv4Addr {
    if index == 2 { FAR } else { NEAR }
}

/// The addresses of the first servers.
pub(crate) fn servers(count: u16) -> String {
    let addresses = (0..count).map(|index| format!("nats://{}:{}", address(index), FIRST_PORT + index));
    addresses.collect::<Vec<_>>().join(",")
}

/// The address of the leaf node.
pub(crate) fn leaf() -> String {
    format!("nats://{FAR}:{}", FIRST_PORT + 1)
}

pub(crate) struct Server {
    command: Command,
    folder: PathBuf,
    process: Option<Process>,
}

impl Server {
    pub(crate) fn start(&mut self) -> Result<()> {
        self.process = Some(Process::start(&mut self.command)?);
        Ok(())
    }

    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// Takes all that it has stored. It does not run.
    pub(crate) fn wipe(&self) -> Result<()> {
        Ok(fs::remove_dir_all(self.folder.join("store"))?)
    }

    pub(crate) fn process(&self) -> Result<&Process> {
        self.process.as_ref().ok_or_else(|| "the server does not run".into())
    }
}

/// A machine, which is a state folder with an agent.
pub(crate) struct Machine {
    pub(crate) name: String,
    folder: PathBuf,
    pub(crate) is_far: bool,
    /// By how much its clock differs, as faketime has it.
    pub(crate) clock: Option<&'static str>,
    pub(crate) agent: Option<Process>,
}

impl Machine {
    fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// The stored state.
    pub(crate) fn is(&self, state: &str) -> bool {
        match fs::read_to_string(self.state().join("OUTLOOK.json")) {
            Ok(record) => record.contains(&format!("\"state\": \"{state}\"")),
            // A profile that was never stored is online.
            Err(_) => state == "online",
        }
    }

    /// A person at the machine.
    pub(crate) fn person(&self, words: &[&str]) -> Command {
        mapioffline(&self.state(), words)
    }

    pub(crate) fn history(&self) -> Result<String> {
        output(&mut self.person(&["history", "Outlook"]))
    }

    /// That the state is one that someone chose: the last decision, or the first state.
    pub(crate) fn check_chosen(&self) -> Result<()> {
        let history = self.history()?;
        let last = history
            .lines()
            .last()
            .map_or("online", |line| if line.contains("  offline") { "offline" } else { "online" });
        if self.is(last) {
            return Ok(());
        }
        Err(format!("{} is not {last}, as its history says:\n{history}", self.name).into())
    }
}

/// Waits until the machines are in a state. Prints how long they took since then, and fails if that is more than the limit.
pub(crate) fn become_all<'a>(
    machines: impl Iterator<Item = &'a Machine>,
    state: &str,
    what: &str,
    since: Instant,
    limit: Duration,
) -> Result<()> {
    let mut waiting: Vec<&Machine> = machines.collect();
    let count = waiting.len();
    let mut times = Vec::new();
    while !waiting.is_empty() {
        waiting.retain(|machine| {
            let is = machine.is(state);
            if is {
                times.push(since.elapsed());
            }
            !is
        });
        if since.elapsed() > limit + PATIENCE {
            let names: Vec<&str> = waiting.iter().take(5).map(|machine| machine.name.as_str()).collect();
            let log = fs::read_to_string(waiting[0].folder.join("log"))?;
            return Err(format!(
                "{what}: {} of {count} are not {state}: {} …; the first one's log:\n{log}",
                waiting.len(),
                names.join(", ")
            )
            .into());
        }
        sleep(LOOK);
    }
    let at = |share: f64| times[((count - 1) as f64 * share) as usize].as_millis();
    println!(
        "{what}: {count} machines are {state} after {} ms (half of them {}, limit {})",
        at(1.0),
        at(0.5),
        limit.as_millis()
    );
    if times[count - 1] > limit { Err(format!("{what}: later than {limit:?}").into()) } else { Ok(()) }
}

/// That the machines stay in a state for a while.
pub(crate) fn stay_all<'a>(
    machines: impl Iterator<Item = &'a Machine>,
    state: &str,
    what: &str,
    how_long: Duration,
) -> Result<()> {
    let machines: Vec<&Machine> = machines.collect();
    let begun = Instant::now();
    while begun.elapsed() < how_long {
        if let Some(machine) = machines.iter().find(|machine| !machine.is(state)) {
            return Err(format!("{what}: {} does not stay {state}:\n{}", machine.name, machine.history()?).into());
        }
        sleep(10 * LOOK);
    }
    println!("{what}: {} machines stay {state}", machines.len());
    Ok(())
}

/// Where the parts of one run are kept.
pub(crate) fn folder(name: &str) -> PathBuf {
    target().join("fleet").join(name)
}
