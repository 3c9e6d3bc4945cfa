//! The command line, and what is generated from its description.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{ColorChoice, CommandFactory as _, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

use crate::failure::{Code, Failure};
use crate::output::{Output, shown};

/// See and set the offline state of MAPI profiles.
///
/// The programs of a user that are built with the mapioffline library share the state of each profile: online or offline.
/// This shows it, changes it, and prints what they are told when it changes.
#[derive(Parser)]
#[command(name = "mapioffline", version, after_long_help = EXIT_CODES, propagate_version = true)]
pub(crate) struct Arguments {
    /// For scripts: one JSON object a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    pub(crate) color: ColorChoice,
    /// The state folder, instead of MAPIOFFLINE_STATE_DIR or the user's own
    #[arg(long, global = true, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) state_dir: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed
  2  the command line is wrong
  3  there is no such profile
  4  the profile cannot be set to that state
  5  another program is changing the profile, or holds the folder
  6  the state folder cannot be used
  7  the profile exists already
  `run` passes on the code of the program; 128 and the number of the signal that
  ended it; 126 if it cannot be started, 127 if there is none

Environment:
  MAPIOFFLINE_STATE_DIR     where the state of profiles is kept
  MAPIOFFLINE_STORE=memory  programs keep it to themselves: there is nothing to see";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List the profiles whose state is stored
    Profiles,
    /// Show a profile's state, or that of all that are stored
    Status {
        /// The profile; one that nobody has set is online
        profile: Option<String>,
    },
    /// Set a profile online or offline; every program that has it open is told
    Set {
        /// The profile
        profile: String,
        /// The state
        state: Word,
        /// Wait where another program is in the way, and until the change is carried out here
        #[arg(long)]
        wait: bool,
    },
    /// Print what programs are told, one line a notification, as it comes
    Watch {
        /// The profiles: all that are stored, and those that come, if none is given
        profiles: Vec<String>,
        /// Stop after so many notifications
        #[arg(long, value_name = "NUMBER")]
        count: Option<u64>,
    },
    /// Create a profile, before programs that insist on one open it
    Add {
        /// The profile
        profile: String,
        /// The states that it can be set to
        #[arg(long, value_name = "STATES", value_delimiter = ',', default_value = "online,offline")]
        can: Vec<Can>,
    },
    /// Remove a profile's state; it is then online for programs that open it
    Remove {
        /// The profile
        profile: String,
    },
    /// Look for what could go wrong: version, folder, permissions, how changes are noticed
    Doctor,
    /// Run a program with a state folder of its own, which ends with it; its exit code is passed on
    Run {
        /// The program and its arguments
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_hint = ValueHint::CommandWithArguments)]
        command: Vec<std::ffi::OsString>,
    },
    /// Print a shell's completions of this command line
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, or write all of them into a folder
    Man {
        /// The folder
        #[arg(value_hint = ValueHint::DirPath)]
        folder: Option<PathBuf>,
    },
}

/// A state.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Word {
    Online,
    Offline,
}

/// What a profile can be set to.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Can {
    Online,
    Offline,
    /// neither: it stays as it is
    None,
}

impl From<Word> for mapioffline::State {
    fn from(word: Word) -> Self {
        match word {
            Word::Online => Self::Online,
            Word::Offline => Self::Offline,
        }
    }
}

/// The command line is wrong, or asks for help.
pub(crate) fn refused(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind;
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            // As clap would; a help that nobody reads is no failure.
            let _ = error.print();
            u8::try_from(error.exit_code()).unwrap_or(1).into()
        }
        _ => {
            // Clap's paragraphs up to the usage, as one line.
            let text = error.render().to_string();
            let parts = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
            let parts: Vec<&str> = parts.filter(|line| !line.is_empty() && !line.starts_with("For more")).collect();
            let line = parts.join("; ").trim_start_matches("error: ").to_owned();
            let json = std::env::args_os().any(|argument| argument == "--json");
            let failure = Failure::new(Code::Usage, format!("{}; see `mapioffline --help`", shown(&line)));
            Output::new(json, ColorChoice::Auto).failure(&failure);
            Code::Usage.into()
        }
    }
}

pub(crate) fn completions(shell: Shell) -> Result<ExitCode, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "mapioffline", &mut text);
    print(&text)
}

pub(crate) fn man(folder: Option<&Path>) -> Result<ExitCode, Failure> {
    let mut command = Arguments::command().disable_help_subcommand(true);
    let Some(folder) = folder else {
        let mut text = Vec::new();
        clap_mangen::Man::new(command).render(&mut text).map_err(failed)?;
        return print(&text);
    };
    command.build();
    clap_mangen::generate_to(command, folder).map_err(|error| {
        Failure::new(Code::Failed, format!("the manual pages cannot be written to {}: {error}", folder.display()))
    })?;
    Ok(ExitCode::SUCCESS)
}

fn print(text: &[u8]) -> Result<ExitCode, Failure> {
    io::stdout().write_all(text).map_err(failed)?;
    Ok(ExitCode::SUCCESS)
}

fn failed(error: io::Error) -> Failure {
    Failure::new(Code::Failed, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_sound() {
        Arguments::command().debug_assert();
    }
}
