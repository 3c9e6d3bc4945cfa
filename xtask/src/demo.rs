//! `cargo xtask demo`: the C++ monitor through a scripted session.

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::tools::Tools;
use crate::{Result, root, target, test};

/// What is typed, and what it is for.
const SESSION: [(&str, &str); 4] = [
    (
        "status",
        "The monitor has opened the profile's offline object and registered for notifications. Ask for the state:",
    ),
    ("offline", "Set the profile offline. Everybody who registered hears of it in three phases:"),
    ("offline", "It is offline already, so nothing happens:"),
    ("online", "And back. DONE comes when everybody has been told of the change:"),
];

pub(crate) fn demo() -> Result<()> {
    let tools = Tools::find()?;
    let build = test::build_folder();
    println!("building the library and the monitor (the first time this takes a minute)");
    tools.configure(&root(), &build, &test::definitions())?;
    tools.build(&build, &["monitor-cpp"])?;

    println!("\nexamples/cpp/monitor.cpp, on the profile \"Outlook\":\n");
    let mut monitor = Command::new(build.join("examples/monitor-cpp"))
        .arg("Outlook")
        .current_dir(target())
        .stdin(Stdio::piped())
        .spawn()?;
    let mut keyboard = monitor.stdin.take().ok_or("the monitor has no input")?;
    let pause = || sleep(Duration::from_millis(400));
    pause();
    for (line, what) in SESSION {
        println!("\n# {what}\n> {line}");
        writeln!(keyboard, "{line}")?;
        keyboard.flush()?;
        pause();
    }
    println!("\n# That is all. The state belongs to the profile and lives as long as the process.\n> quit");
    writeln!(keyboard, "quit")?;
    let status = monitor.wait()?;
    if status.success() { Ok(()) } else { Err(format!("the monitor ended with {status}").into()) }
}
