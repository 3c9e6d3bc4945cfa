//! `mapioffline`: shows and sets the state of the profiles that a user's programs share.

mod agent;
mod arguments;
mod check;
mod checker;
mod clients;
mod commands;
mod completions;
mod decisions;
mod doctor;
mod duration;
mod failure;
mod faults;
mod fleet;
mod folder;
mod history;
mod output;
mod player;
#[cfg(target_os = "linux")]
mod program;
mod rule;
mod run;
mod scenario;
#[cfg(unix)]
mod signals;
mod trace;
mod watch;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use agent::options::{AgentCommand, AgentOptions};
use arguments::{Arguments, Command, FaultCommand, RunOptions, SETTLE_TIMEOUT};
use check::Limits;
use commands::Waiting;
use failure::{Code, Failure};
use history::What;
use mapioffline::State;
use output::Output;
use run::Wanted;
use scenario::Scenario;

fn main() -> ExitCode {
    completions::answer(Arguments::command);
    failure::install_logger();
    // With strict hosting, only created profiles can be opened. This program must open any profile, and `add` creates them.
    mapioffline::set_strict_hosting(false);
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return arguments::refused(&error),
    };
    // `run` forwards the signals, and the agent catches them.
    #[cfg(unix)]
    if !matches!(arguments.command, Command::Run(_) | Command::Check { .. } | Command::Agent(_)) {
        signals::end_first_process();
    }
    let output = Output::new(arguments.form(), arguments.color);
    let unknown = || output.unknown_field().map(|line| Failure::new(Code::Usage, line));
    match execute(arguments, &output).and_then(|code| unknown().map_or(Ok(code), Err)) {
        Ok(code) => code,
        Err(failure) => {
            output.failure(&failure.to_string(), failure.code as u8);
            failure.code.into()
        }
    }
}

fn execute(arguments: Arguments, output: &Output) -> Result<ExitCode, Failure> {
    let folder = arguments.state_dir;
    match arguments.command {
        Command::Profiles => commands::profiles(&folder::folder(folder)?, output),
        Command::Status { profile, is } => {
            commands::status(&folder::folder(folder)?, profile.as_deref(), is.map(State::from), output)
        }
        Command::Set { profile, state, reason, how_long, wait, settle, timeout } => {
            let folder = folder::folder(folder)?;
            let settle = settle.then(|| timeout.unwrap_or(SETTLE_TIMEOUT));
            let state = match state {
                What::Online => State::Online,
                What::Offline => State::Offline,
                What::Auto => {
                    if settle.is_some() || how_long.is_some() {
                        let line = "`auto` sets no state: leave out --settle and --for";
                        return Err(Failure::new(Code::Usage, line));
                    }
                    return decisions::hand_back(&folder, &profile, reason, output);
                }
            };
            let decision = decisions::by_hand(state, reason, how_long)?;
            commands::set(&folder, &profile, state, decision, Waiting { until_free: wait, settle }, output)
        }
        Command::History { profile } => decisions::history(&folder::folder(folder)?, &profile, output),
        Command::Agent(AgentOptions { command: Some(AgentCommand::Status), .. }) => {
            agent::status::status(&folder::folder(folder)?, output)
        }
        Command::Agent(options) => {
            let wanted = options.wanted(output.is_json())?;
            agent::agent(&wanted, folder::folder(folder)?, output)
        }
        Command::Fleet(options) => fleet::fleet(options, output),
        Command::Clients { profile } => clients::clients(&folder::folder(folder)?, profile.as_deref(), output),
        Command::Wait { profiles, condition, timeout } => {
            clients::wait(&folder::folder(folder)?, &profiles, condition, timeout, output)
        }
        Command::Watch { profiles, count } => watch::watch(&folder::folder(folder)?, profiles, count, output),
        Command::Add { profile, can } => commands::add(&folder::folder(folder)?, &profile, &can, output),
        Command::Remove { profile } => commands::remove(&folder::folder(folder)?, &profile, output),
        Command::Doctor { pid: Some(_), .. } if folder.is_some() => {
            let line = "the program decides which folder it uses: leave out --state-dir, or --pid";
            Err(Failure::new(failure::Code::Usage, line))
        }
        Command::Doctor { pid: Some(pid), .. } => Err(doctor::look_as(pid)),
        Command::Doctor { seen_by, .. } => doctor::doctor(folder, seen_by, output),
        Command::Fault { command } => {
            let folder = folder::folder(folder)?;
            match command {
                FaultCommand::Add { words } => faults::add(&folder, &words, output),
                FaultCommand::List => faults::list(&folder, output),
                FaultCommand::Clear { number } => faults::clear(&folder, number, output),
            }
        }
        Command::Scenario { file, profile } => {
            let scenario = Scenario::read(&file, &profile)?;
            player::play(&scenario, &folder::folder(folder)?, output)
        }
        Command::Run(options) => run::run(&wanted(options)?, folder.as_deref(), output),
        Command::Check { notify_limit, allow, junit, run } => {
            let limits = Limits { notify: notify_limit, allowed: allow, junit };
            check::check(wanted(run)?, &limits, folder.as_deref(), output)
        }
        Command::RemoveUnused { folder } => Ok(run::remove_unused(&folder)),
        Command::Completions { shell } => {
            let script = completions::script(shell);
            output.text(&script.map_err(|error| Failure::new(Code::Failed, error.to_string()))?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Man { folder } => arguments::man(folder.as_deref(), output),
    }
}

fn wanted(options: RunOptions) -> Result<Wanted, Failure> {
    let RunOptions { set, fault, scenario, profile, report, command, .. } = options;
    let faults = fault.into_iter().map(|text| faults::parse(&[text])).collect::<Result<_, _>>()?;
    let scenario = scenario.map(|file| Scenario::read(&file, &profile)).transpose()?;
    if let Some((scenario, line)) = scenario.as_ref().and_then(|scenario| Some((scenario, scenario.stops_a_program()?)))
        && !cfg!(unix)
    {
        return Err(Failure::new(Code::Usage, "`stop` is for Unix only").at(&scenario.file, line));
    }
    Ok(Wanted { command, set, faults, scenario, report, trace: None })
}
