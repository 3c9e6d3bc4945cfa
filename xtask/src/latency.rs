//! `cargo xtask test latency`: how long a change takes from one process to another, compared with D-Bus and with the bare system
//! calls.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::run::{command, output, run};
use crate::shared_state::Folder;
use crate::{Result, root, target, tools};

const ROUNDS: usize = 500;
/// Of the median over D-Bus. One and the same library gave 0.59 to 1.20 on one machine.
const BOUND: f64 = 1.2;
/// How often each way is measured. The ways alternate, because the machine's speed varies from second to second.
const TIMES: usize = 5;
/// The bound is missed only if each attempt misses it: other load may slow one of them.
const ATTEMPTS: usize = 5;

pub(crate) fn check() -> Result<()> {
    let packages = tools::debian_packages(&["libsystemd-dev", "dbus-daemon"], "D-Bus, to compare with");
    let Some(()) = tools::or_skipped(packages)? else { return Ok(()) };
    let work = target().join("latency");
    fs::create_dir_all(&work)?;
    let shared = compile(&work, "shared", &library_flags())?;
    let bare = compile(&work, "bare", &["-pthread".to_owned()])?;
    let dbus = compile(&work, "dbus", &["-lsystemd".to_owned()])?;
    let memory = Folder::new(Path::new("/dev/shm"), "mapioffline-latency")?;
    if output(&mut command("stat", ["--file-system", "--format=%T", "/dev/shm"]))?.trim() != "tmpfs" {
        return Err("/dev/shm is no tmpfs here".into());
    }
    let disk = Folder::new(&work, "state")?;
    let bus = Bus::start(&work)?;

    let in_folder = |program: &Path, folder: &Folder| {
        let mut command = Command::new(program);
        command.env("MAPIOFFLINE_STATE_DIR", folder.path()).env_remove("MAPIOFFLINE_STORE");
        command
    };
    let over_dbus = || {
        let mut command = Command::new(&dbus);
        command.env("DBUS_SESSION_BUS_ADDRESS", &bus.address);
        command
    };
    for attempt in 1..=ATTEMPTS {
        if compare(|| [in_folder(&shared, &memory), in_folder(&shared, &disk), over_dbus(), in_folder(&bare, &memory)])?
        {
            return Ok(());
        }
        println!("more than {BOUND} times D-Bus, {attempt} times in a row");
    }
    Err(format!("more than {BOUND} times D-Bus, {ATTEMPTS} times in a row").into())
}

/// Prints the table. True: the first way meets the bound.
fn compare(ways: impl Fn() -> [Command; 4]) -> Result<bool> {
    let mut figures = [const { Vec::new() }; 4];
    for _ in 0..TIMES {
        for (mut way, figures) in ways().into_iter().zip(&mut figures) {
            let text = output(way.arg(ROUNDS.to_string()))?;
            figures.extend(text.lines().filter_map(|line| line.parse::<u64>().ok()));
        }
    }
    println!("from the change in one process to its notification in another, {} changes each:", TIMES * ROUNDS);
    println!("{:42} {:>9} {:>9} {:>12}", "", "p50", "p99", "p50 / D-Bus");
    figures.iter_mut().for_each(|figures| figures.sort_unstable());
    let median = |figures: &[u64]| figures[figures.len() / 2];
    let reference = median(&figures[2]);
    let names = [
        "shared store, state folder on tmpfs",
        "shared store, state folder on disk",
        "D-Bus (sd-bus, dbus-daemon)",
        "the bare system calls, on tmpfs",
    ];
    for (name, figures) in names.iter().zip(&figures) {
        let (p50, p99) = (median(figures), figures[figures.len() * 99 / 100]);
        let micro = |nanoseconds: u64| format!("{:.0} µs", nanoseconds as f64 / 1000.0);
        println!("{name:42} {:>9} {:>9} {:>12.2}", micro(p50), micro(p99), p50 as f64 / reference as f64);
    }
    Ok(median(&figures[0]) as f64 <= BOUND * reference as f64)
}

fn library_flags() -> Vec<String> {
    let folder = crate::build_folder().join("release");
    let library = folder.display();
    vec![
        format!("-I{}", root().join("include").display()),
        format!("-L{library}"),
        "-lmapioffline".into(),
        format!("-Wl,-rpath,{library}"),
    ]
}

fn compile(work: &Path, name: &str, flags: &[String]) -> Result<PathBuf> {
    let program = work.join(name);
    let mut cc = command("cc", ["-O2", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-o"]);
    run(cc.arg(&program).arg(root().join("benches/latency").join(name).with_extension("c")).args(flags))?;
    Ok(program)
}

/// A private bus.
struct Bus {
    daemon: Child,
    address: String,
}

impl Bus {
    fn start(work: &Path) -> Result<Self> {
        let mut daemon = Command::new("dbus-daemon");
        daemon.args(["--session", "--nofork", "--print-address"]);
        daemon.arg(format!("--address=unix:dir={}", work.display()));
        let mut daemon = daemon.stdout(Stdio::piped()).spawn()?;
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().ok_or("no output")?).read_line(&mut address)?;
        Ok(Self { daemon, address: address.trim().to_owned() })
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}
