//! `cargo xtask demo`: two monitors and the program `mapioffline` on one profile.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use crate::run::{cargo, run};
use crate::shared_state::{Folder, with};
use crate::tools::Tools;
use crate::{Result, root, target};

/// Whether the session pauses for a reader.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    Slow,
    Fast,
}

pub(crate) fn demo() -> Result<()> {
    let tools = Tools::find()?;
    let build = crate::build_folder();
    println!("building the library, the monitors and the program mapioffline (the first time this takes some minutes)");
    tools.configure(&root(), &build, &crate::definitions())?;
    tools.build(&build, &["monitor-c", "monitor-cpp"])?;
    // Not optimized, as that takes longer than all the rest.
    run(&mut cargo(["build", "--quiet", "--locked", "--package", "mapioffline-cli"]))?;
    play(Pace::Slow, &target().join("debug/mapioffline"))
}

/// A running monitor. Its output lines are sent with its name.
struct Monitor {
    name: &'static str,
    child: Child,
    keyboard: ChildStdin,
}

impl Monitor {
    fn start(name: &'static str, file: &str, folder: &Path, lines: Sender<(&'static str, String)>) -> Result<Self> {
        let mut command = Command::new(crate::build_folder().join("examples").join(file));
        command.arg("Outlook").env("MAPIOFFLINE_STATE_DIR", folder).env_remove("MAPIOFFLINE_STORE");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let keyboard = child.stdin.take().ok_or("the monitor has no input")?;
        let output = BufReader::new(child.stdout.take().ok_or("the monitor has no output")?);
        thread::spawn(move || output.lines().map_while(|line| line.ok()).try_for_each(|line| lines.send((name, line))));
        Ok(Self { name, child, keyboard })
    }

    fn press(&mut self, line: &str) -> Result<()> {
        println!("[{:7}] > {line}", self.name);
        writeln!(self.keyboard, "{line}")?;
        Ok(self.keyboard.flush()?)
    }

    fn quit(mut self) -> Result<()> {
        writeln!(self.keyboard, "quit")?;
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("the {} monitor ended with {status}", self.name).into()) }
    }
}

/// Prints the monitors' lines until every monitor has printed a line with each of `parts`.
fn expect(lines: &Receiver<(&'static str, String)>, parts: &[&str]) -> Result<()> {
    const PATIENCE: Duration = Duration::from_secs(5);
    let mut missing: Vec<(&str, &str)> =
        ["C", "C++"].iter().flat_map(|name| parts.iter().map(move |part| (*name, *part))).collect();
    while !missing.is_empty() {
        match lines.recv_timeout(PATIENCE) {
            Ok((name, line)) => {
                println!("[{name:7}] {line}");
                missing.retain(|(who, part)| *who != name || !line.contains(part));
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                return Err(format!("not printed: {missing:?}").into());
            }
        }
    }
    Ok(())
}

/// Waits until both monitors have returned from their notifications.
fn settle(program: &Path, folder: &Path) -> Result<()> {
    run(with(program, folder, &["set", "Outlook", "offline", "--settle"]).stdout(Stdio::null()))
}

/// Plays the session with this program `mapioffline`. Fails if a monitor does not print what is expected.
pub(crate) fn play(pace: Pace, program: &Path) -> Result<()> {
    let folder = Folder::new(&target(), "demo")?;
    let pause = || thread::sleep(Duration::from_millis(if pace == Pace::Slow { 700 } else { 0 }));
    let say = |text: &str| {
        pause();
        println!("\n# {text}");
    };
    let shell = |arguments: &[&str]| {
        println!("[shell  ] $ mapioffline {}", arguments.join(" "));
        run(&mut with(program, folder.path(), arguments))
    };
    let changed = |change: &str| ["START", "STATECHANGE", "DONE"].map(|phase| format!("{phase:11}  {change}"));
    let (sender, lines) = channel();

    say("Two programs, one in C and one in C++, each open the profile \"Outlook\" and register for notifications.");
    let mut in_c = Monitor::start("C", "monitor-c", folder.path(), sender.clone())?;
    let in_cpp = Monitor::start("C++", "monitor-cpp", folder.path(), sender)?;
    expect(&lines, &["profile Outlook is online", "commands:"])?;

    say("The user sets the profile offline from a shell. Both programs are notified, in three phases:");
    shell(&["set", "Outlook", "offline"])?;
    let parts = changed("online -> offline");
    expect(&lines, &parts.each_ref().map(String::as_str))?;
    // A monitor prints DONE before it returns from it: until then a request with BLOCK is refused.
    settle(program, folder.path())?;

    say("The program in C sets it online again. Both programs are notified, including the one in C:");
    in_c.press("online")?;
    let parts = changed("offline -> online");
    expect(&lines, &parts.each_ref().map(String::as_str))?;

    say("The shared state of a profile is one small file. This is its content:");
    shell(&["profiles"])?;
    shell(&["status", "Outlook", "--json"])?;

    say("That is all. `mapioffline watch` prints notifications without a program of your own.");
    in_c.quit()?;
    in_cpp.quit()
}
