//! The definition of the command line, and the help, completions and manual pages generated from it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ColorChoice, CommandFactory as _, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::{ArgValueCompleter, CompletionCandidate, Shell};

use crate::agent::options::AgentOptions;
use crate::completions;
use crate::duration::duration;
use crate::failure::{Code, Failure};
use crate::fleet::options::FleetOptions;
use crate::history::What;
use crate::output::{Form, Output};
use crate::rule::Rule;

/// Show and set the offline state of MAPI profiles.
///
/// The programs of a user that are built with the mapioffline library share the state of each profile: online or offline.
/// This program shows the state, changes it, and prints the notifications that those programs receive.
#[derive(Parser)]
#[command(name = "mapioffline", version, after_long_help = EXIT_CODES, propagate_version = true)]
pub(crate) struct Arguments {
    /// Print one JSON object per line, for scripts
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print only this field of what --json prints, one on each line: `state`, or `changed_by.pid`
    #[arg(short = 'o', long, global = true, value_name = "FIELD", conflicts_with = "json")]
    pub(crate) field: Option<String>,
    /// Print nothing but failures and warnings
    #[arg(short, long, global = true, conflicts_with_all = ["json", "field"])]
    pub(crate) quiet: bool,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    pub(crate) color: ColorChoice,
    /// Use this state folder, instead of MAPIOFFLINE_STATE_DIR or the user's default
    #[arg(long, global = true, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) state_dir: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  success
  1  the command failed
  2  the command line is wrong
  3  there is no such profile, or its name is not valid
  4  the profile cannot be set to that state
  5  a change of the profile is in progress, or another program holds the lock of
     the state folder
  6  the state folder cannot be used
  7  the profile exists already
  8  what was waited for did not come in time
  9  `check`: the API was misused
 10  `status --is`: the profile is in the other state
  `run` exits with the code of the program that it ran; with 128 plus the number
  of the signal that ended that program; with 126 if the program cannot be
  started, and with 127 if it is not found

Environment:
  MAPIOFFLINE_STATE_DIR     the state folder, which stores the state of profiles
  MAPIOFFLINE_STORE=memory  each program keeps the state in its own memory; this
                            program then has nothing to show";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List the profiles whose state is stored
    Profiles,
    /// Show the state of a profile, or of all stored profiles
    Status {
        /// The profile; a profile that is not stored is online
        #[arg(add = ArgValueCompleter::new(completions::profiles))]
        profile: Option<String>,
        /// Exit with code 10 if the profile is in the other state
        ///
        /// For scripts: `if mapioffline -q status Outlook --is offline; then`.
        #[arg(long, value_name = "STATE", requires = "profile")]
        is: Option<Word>,
    },
    /// Set a profile online or offline, and notify every program that has it open
    ///
    /// A profile that is not stored is stored, whatever the state: until then it is online. Only `add` makes it hosted.
    Set {
        /// The profile
        #[arg(add = ArgValueCompleter::new(completions::profiles))]
        profile: String,
        /// The state; `auto` hands the profile back to the agent, which leaves alone what people and programs set
        state: What,
        /// Why, for `status` and `history`
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Hand the profile back to the agent after this time, such as 30m or 8h
        #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
        how_long: Option<Duration>,
        /// Retry while the profile or the state folder is in use; does not wait for the notifications in other programs
        ///
        /// Without --wait that is a failure with exit code 5. When `set` succeeds, the state is stored; each program runs
        /// its own notifications when it notices the change, usually within milliseconds: see --settle.
        #[arg(long)]
        wait: bool,
        /// Return when every program that has the profile open has returned from its last notification of the change
        ///
        /// The programs are those that had it open before. The state is stored, too, if that fails: then the failure names
        /// the programs, and says what each is doing (exit code 8). A program that has been stopped counts as one that has
        /// the profile open.
        #[arg(long)]
        settle: bool,
        /// How long --settle waits, such as 500ms or 1m 30s; 10 seconds if not given
        #[arg(long, value_name = "DURATION", value_parser = duration, requires = "settle")]
        timeout: Option<Duration>,
    },
    /// Wait until a profile is online or offline, or exists; with several profiles, until one of them is
    ///
    /// A profile that is not stored is online. This waits for the stored state: `set --settle` waits for programs.
    Wait {
        /// The profiles
        #[arg(required = true, add = ArgValueCompleter::new(profiles_or_conditions))]
        profiles: Vec<String>,
        /// What to wait for
        condition: Condition,
        /// Fail with exit code 8 after this time, such as 500ms or 1m 30s
        #[arg(long, value_name = "DURATION", value_parser = duration)]
        timeout: Option<Duration>,
    },
    /// List the programs that have profiles open, and what they are doing
    ///
    /// PHASE is `idle` when the program has returned from all notifications; `pending`, `start`, `change` or `done` while a
    /// change is under way; `unreadable` if it cannot read what is stored. SINCE says since when; of an idle program, since
    /// when it has the profile open.
    Clients {
        /// The profile
        #[arg(add = ArgValueCompleter::new(completions::profiles))]
        profile: Option<String>,
    },
    /// Print the notifications that programs receive, one per line, as they occur
    ///
    /// The first line about a profile says its state. Without names, a profile that is stored later was online until then:
    /// if it is stored as offline, that change is printed, too. `watch` ends when the reader of its output has ended.
    Watch {
        /// The profiles; if none is given, all stored profiles and every profile that is stored later
        #[arg(add = ArgValueCompleter::new(completions::profiles))]
        profiles: Vec<String>,
        /// Stop after this number of notifications
        #[arg(long, value_name = "NUMBER")]
        count: Option<u64>,
    },
    /// Show who set a profile, when and why: the last hundred decisions
    ///
    /// A program that sets a state while no agent runs is there if the state was still that when someone looked or set next.
    History {
        /// The profile
        #[arg(add = ArgValueCompleter::new(completions::profiles))]
        profile: String,
    },
    /// Set profiles online and offline as servers and networks come and go
    ///
    /// Runs until it is asked to end (SIGTERM, or Ctrl-C); states then stay as they
    /// are. SIGHUP has it read its configuration again. What a person or a program
    /// sets is left alone until `mapioffline set PROFILE auto`. Log lines go to stderr,
    /// with --json as objects.
    ///
    /// SOURCE is one of:
    ///
    ///   imap://HOST, imaps://HOST, imap+starttls://HOST     greets
    ///   smtp://HOST, smtps://HOST, smtp+starttls://HOST     greets
    ///   https://HOST/PATH, http://HOST/PATH                 answers, 502 to 504 excepted
    ///   tcp://HOST:PORT, tls://HOST:PORT                    accepts connections
    ///   interface, interface:NAME                           is up, and has an address
    ///   default-route                                       there is one
    ///   networkmanager                                      says so (Linux)
    ///   command:PROGRAM ARGUMENTS                           ends with exit code 0
    #[command(verbatim_doc_comment)]
    Agent(AgentOptions),
    /// Set the profiles of many machines, whose agents follow (`mapioffline agent --fleet`)
    Fleet(FleetOptions),
    /// Create a profile; programs with strict hosting (MAPIOFFLINE_STRICT) open created profiles only
    Add {
        /// The profile
        profile: String,
        /// The states that the profile can be set to
        #[arg(long, value_name = "STATES", value_delimiter = ',', default_value = "online,offline")]
        can: Vec<Can>,
    },
    /// Remove a profile's stored state; programs that open the profile afterwards find it online
    Remove {
        /// The profile
        #[arg(add = ArgValueCompleter::new(completions::profiles))]
        profile: String,
    },
    /// Check for problems: version, folder, permissions, how programs notice changes
    Doctor {
        /// Check from the point of view of a running program: with its user and its environment as it was started, and
        /// whether it watches the state folder (Linux)
        #[arg(long, value_name = "PID", add = ArgValueCompleter::new(completions::clients))]
        pid: Option<u32>,
        /// Set by `--pid` for the program that it starts
        #[arg(long, hide = true, value_name = "PID", conflicts_with = "pid")]
        seen_by: Option<u32>,
    },
    /// Have the programs of a state folder do something wrong, or late: for tests
    ///
    /// Faults are for a folder of the test's own, which MAPIOFFLINE_STATE_DIR names for the programs; never for the one that your
    /// programs share. `run --fault` asks for one in the folder that it makes.
    Fault {
        #[command(subcommand)]
        command: FaultCommand,
    },
    /// Play a scenario: states over time, read from a file; then say what programs made of it
    ///
    /// A line is a step; # begins a comment. STATE is online or offline. TIME is
    /// such as 5ms, 2s or 1m30s; a step that is not `within` takes a random one, too:
    /// 5ms..50ms. A step that names no profile is about those of the line `profiles`.
    ///
    ///   profiles NAME...
    ///   seed NUMBER                 decides what is random
    ///   set STATE [NAME...]
    ///   flap COUNT [every TIME] [NAME...]       sets the other state, COUNT times
    ///   pause TIME
    ///   settle [within TIME] [NAME...]          until all programs have returned
    ///                                           from their notifications
    ///   clients COUNT [within TIME] [NAME...]   until COUNT programs are registered
    ///   wait STATE [within TIME] [NAME...]      until a program has set the state
    ///   fault FAULT                 asks for a fault: see `fault add --help`
    ///   fault clear                 no faults any more
    ///   repeat COUNT                what follows, up to the line `end`, COUNT times
    ///   stop [within TIME]          has the program of `run --scenario` end
    ///
    /// Steps that wait do so for 10 seconds if they do not say so. Then the scenario
    /// fails with exit code 8.
    #[command(verbatim_doc_comment)]
    Scenario {
        /// The file
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// The profile of steps that name none, instead of the file's; may be given several times
        #[arg(long, value_name = "NAME", add = ArgValueCompleter::new(completions::profiles))]
        profile: Vec<String>,
    },
    /// Run a program with its own temporary state folder, and exit with its exit code
    ///
    /// The folder is removed when the program and the programs that it started have ended.
    Run(RunOptions),
    /// Run a program as `run` does, and say how it misused the API
    ///
    /// A line says the rule, the process, the thread and the call. --json prints objects. Exit code 9 if the API was misused;
    /// otherwise that of the program. Programs in Rust, and those that load another library, are not seen. Each second change to
    /// a state has bits in ulMask that clients do not know, unless that rule is allowed (--allow unknown-bits).
    Check {
        /// How long Notify may take
        #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "1s")]
        notify_limit: Duration,
        /// Do not report this; may be given several times
        #[arg(long, value_name = "RULE")]
        allow: Vec<Rule>,
        /// Write the report in JUnit's XML, too: a test case for each rule
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        junit: Option<PathBuf>,
        #[command(flatten)]
        run: RunOptions,
    },
    /// Remove the folder of `run` when no program uses it any more
    #[command(hide = true)]
    RemoveUnused {
        /// The folder
        folder: PathBuf,
    },
    /// Print the script by which a shell completes this command line
    ///
    /// The script asks this program for the names of profiles, among others. bash: `source <(mapioffline completions bash)`.
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, or write the pages of all commands into a folder
    Man {
        /// The folder
        #[arg(value_hint = ValueHint::DirPath)]
        folder: Option<PathBuf>,
    },
}

#[derive(Subcommand)]
pub(crate) enum FaultCommand {
    /// Ask for a fault, in programs that run now and in those that are started later
    ///
    /// A fault is one of these. TIME is such as 200ms, 2s or 1m.
    ///
    ///   ENTRY fails HRESULT   ENTRY is open, create, advise, or set (SetCurrentState);
    ///                         HRESULT is a name such as E_PENDING, or a number
    ///   ENTRY delayed TIME
    ///   PHASE delayed TIME    PHASE is start, change, done, or notify (each of them)
    ///   PHASE held TIME       Notify was dispatched, and is entered later: Unadvise
    ///                         comes too late for it
    ///   PHASE bits MASK       ulMask has these bits besides
    ///   PHASE type NUMBER     a notification of this type precedes
    ///   capabilities WHICH    online, offline, or none, of the global object
    ///   hosting strict
    ///
    /// What may follow says when, and where. N counts the calls of each program; of a
    /// phase, the changes of a profile to online and those to offline.
    ///
    ///   on N                  at the N-th only
    ///   from N                from the N-th on
    ///   every N               at the N-th, the 2N-th, and so on
    ///   times N               N times at most
    ///   chance P% [seed N]    at so many of a hundred, the same ones in each run
    ///   for TIME              from the first one on
    ///   in PROFILE            otherwise in every profile
    ///
    /// Returns when the programs that have a profile open have the fault; any other has
    /// it at its next open.
    #[command(verbatim_doc_comment)]
    Add {
        /// The fault, as one word or as several
        #[arg(required = true, value_name = "FAULT", add = ArgValueCompleter::new(completions::fault_words))]
        words: Vec<String>,
    },
    /// List the faults, how many calls of programs that run they concerned, and at how many they happened
    List,
    /// Ask for no fault any more
    Clear {
        /// The number of the one fault
        #[arg(add = ArgValueCompleter::new(completions::fault_numbers))]
        number: Option<u32>,
    },
}

/// What `run` is asked for.
#[derive(Args)]
pub(crate) struct RunOptions {
    // Not in the help, as it is refused: replaces the option of all commands.
    #[arg(long, hide = true, id = "state_dir", value_name = "FOLDER")]
    pub(crate) _state_dir: Option<PathBuf>,
    /// Set a profile before the program starts; may be given several times
    #[arg(long, value_name = "PROFILE=STATE", value_parser = profile_state, add = ArgValueCompleter::new(completions::profile_states))]
    pub(crate) set: Vec<(String, Word)>,
    /// Ask for a fault before the program starts: see `mapioffline fault add --help`; may be given several times
    #[arg(long, value_name = "FAULT")]
    pub(crate) fault: Vec<String>,
    /// Play a scenario while the program runs: see `mapioffline scenario --help`
    ///
    /// The report goes to stderr. If the scenario fails, the program is asked to end (SIGTERM, and SIGKILL 5 seconds later;
    /// not on Windows), and the exit code is the scenario's. A program that ends before the scenario does cuts it short, which is no
    /// failure.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) scenario: Option<PathBuf>,
    /// The profile of steps that name none, instead of the file's; may be given several times
    #[arg(long, value_name = "NAME", requires = "scenario")]
    pub(crate) profile: Vec<String>,
    /// Write the report as JSON into this file, instead of as text to stderr
    #[arg(long, value_name = "FILE", requires = "scenario", value_hint = ValueHint::FilePath)]
    pub(crate) report: Option<PathBuf>,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, add = ArgValueCompleter::new(completions::command))]
    pub(crate) command: Vec<std::ffi::OsString>,
}

/// A state that a profile can be in.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Word {
    Online,
    Offline,
}

/// What `wait` waits for.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Condition {
    Online,
    Offline,
    /// its state is stored
    Exists,
}

impl Arguments {
    /// What is printed.
    pub(crate) fn form(&self) -> Form {
        match &self.field {
            _ if self.quiet => Form::Nothing,
            _ if self.json => Form::Json,
            Some(field) => Form::Field(field.clone()),
            None => Form::Text,
        }
    }
}

impl Condition {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
            Self::Exists => "stored",
        }
    }
}

fn profiles_or_conditions(word: &OsStr) -> Vec<CompletionCandidate> {
    let words = Condition::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    completions::profiles_or(word, "wait", words.map(|word| word.get_name().to_owned()))
}

/// How long `set --settle` waits if nothing else is said.
pub(crate) const SETTLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads `PROFILE=STATE`. The name may have a = in it.
fn profile_state(text: &str) -> Result<(String, Word), String> {
    let wrong = || "PROFILE=online or PROFILE=offline is needed".to_owned();
    let (profile, state) = text.rsplit_once('=').ok_or_else(wrong)?;
    Ok((profile.to_owned(), Word::from_str(state, false).map_err(|_| wrong())?))
}

/// A capability: a state that a profile can be set to.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Can {
    Online,
    Offline,
    /// neither: the state cannot be changed
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

/// Prints clap's help, version or usage error, and returns the exit code.
pub(crate) fn refused(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind;
    let json = std::env::args_os().any(|argument| argument == "--json");
    let output = Output::new(if json { Form::Json } else { Form::Text }, ColorChoice::Auto);
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            output.styled(&error.render().ansi().to_string());
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            // To stderr, where a failure cannot be reported.
            let _ = error.print();
            Code::Usage.into()
        }
        _ => {
            output.failure(&one_line(&error.render().to_string()), Code::Usage as u8);
            Code::Usage.into()
        }
    }
}

/// clap's paragraphs before the usage as sentences of one line.
fn one_line(text: &str) -> String {
    let parts = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let parts = parts.filter(|line| !line.is_empty() && !line.starts_with("For more"));
    let mut line = String::new();
    for part in parts {
        let is_continued = line.ends_with(':');
        let part = part.trim_start_matches("error: ").trim_start_matches("tip: ").trim_end_matches('.');
        let mut letters = part.chars();
        match letters.next() {
            Some(first) if !line.is_empty() && !is_continued && !line.ends_with('>') => {
                line += &format!(". {}{}", first.to_uppercase(), letters.as_str());
            }
            _ if line.ends_with('>') => line += &format!(", {part}"),
            _ => line += &format!("{}{part}", if is_continued { " " } else { "" }),
        }
    }
    line + ". See `mapioffline --help`"
}

pub(crate) fn man(folder: Option<&Path>, output: &Output) -> Result<ExitCode, Failure> {
    let mut command = Arguments::command().disable_help_subcommand(true);
    let Some(folder) = folder else {
        let mut text = Vec::new();
        let rendered = clap_mangen::Man::new(command).render(&mut text);
        rendered.map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
        output.text(&text);
        return Ok(ExitCode::SUCCESS);
    };
    command.build();
    clap_mangen::generate_to(command, folder).map_err(|error| {
        Failure::new(Code::Failed, format!("the manual pages cannot be written to {}: {error}", folder.display()))
    })?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_the_command_line_is_said_in_one() {
        let said = |words: &[&str]| {
            let error = Arguments::try_parse_from([&["mapioffline"], words].concat()).err().unwrap();
            one_line(&error.render().to_string())
        };
        let missing =
            "the following required arguments were not provided: <PROFILE>, <STATE>. See `mapioffline --help`";
        assert_eq!(said(&["set"]), missing);
        let unknown =
            "unrecognized subcommand 'sett'. Some similar subcommands exist: 'status', 'set'. See `mapioffline --help`";
        assert_eq!(said(&["sett"]), unknown);
        let value = said(&["set", "Outlook", "of"]);
        assert!(value.starts_with("invalid value 'of' for '<STATE>'. [possible values: "), "{value}");
    }

    #[test]
    fn clap_accepts_the_definition() {
        Arguments::command().debug_assert();
    }
}
