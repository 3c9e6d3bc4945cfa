//! The agent's options on the command line.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueHint};
use clap_complete::ArgValueCompleter;

use super::config::{Settings, checked_share};
use super::health::Rule;
use super::member::FleetSettings;
use super::source::Source;
use super::{From, Wanted};
use crate::completions;
use crate::duration::positive;
use crate::failure::Failure;

/// What `agent` is asked for.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct AgentOptions {
    #[command(subcommand)]
    pub(crate) command: Option<AgentCommand>,
    /// The configuration, in TOML; agent.toml in the folder mapioffline of the user's configuration if not given
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "profile")]
    pub(crate) config: Option<PathBuf>,
    /// Check the configuration, and say what it means
    #[arg(long)]
    pub(crate) check: bool,
    /// Log each answer
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// The one profile, instead of a configuration; --source, --fleet or both decide about it
    #[arg(long, value_name = "NAME", add = ArgValueCompleter::new(completions::profiles))]
    pub(crate) profile: Option<String>,
    /// What decides about the profile; may be given several times
    #[arg(long, value_name = "SOURCE", requires = "profile")]
    pub(crate) source: Vec<Source>,
    /// How many of the sources have to be there: all, any, or a number
    #[arg(long, value_name = "RULE", requires = "profile")]
    pub(crate) rule: Option<Rule>,
    /// How long to wait between an answer and the next question; 30 seconds if not given
    #[arg(long, value_name = "DURATION", value_parser = positive, requires = "profile")]
    pub(crate) interval: Option<Duration>,
    /// By which share of itself the interval differs at random, 0 to 1; 0.1 if not given
    #[arg(long, value_name = "SHARE", value_parser = share_of, requires = "profile")]
    pub(crate) jitter: Option<f64>,
    /// How long an answer may take; 10 seconds if not given
    #[arg(long, value_name = "DURATION", value_parser = positive, requires = "profile")]
    pub(crate) timeout: Option<Duration>,
    /// The longest interval while a source is away; a minute if not given
    #[arg(long, value_name = "DURATION", value_parser = positive, requires = "profile")]
    pub(crate) back_off: Option<Duration>,
    /// How many failures in a row make a source away; 3 if not given
    #[arg(long, value_name = "NUMBER", requires = "profile")]
    pub(crate) failures: Option<NonZeroU32>,
    /// How many successes in a row bring it back; 2 if not given
    #[arg(long, value_name = "NUMBER", requires = "profile")]
    pub(crate) successes: Option<NonZeroU32>,
    /// After which time the agent takes back what was set by hand; never if not given
    #[arg(long, value_name = "DURATION", value_parser = positive, requires = "profile")]
    pub(crate) hand_back_after: Option<Duration>,
    /// Serve metrics in Prometheus's text format on this address, under /metrics; 127.0.0.1:9464 if none is given
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, require_equals = true, default_missing_value = "127.0.0.1:9464", requires = "profile")]
    pub(crate) metrics: Option<SocketAddr>,
    /// Certificates in PEM that are trusted besides the system's
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "profile")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Follow a fleet, whose server is NATS with JetStream, such as nats://fleet.example.com; several servers with commas between
    #[arg(long, value_name = "URL", help_heading = "Fleet")]
    pub(crate) fleet: Option<String>,
    /// This machine's name in the fleet; the names of the host and the user if not given
    #[arg(long, value_name = "NAME", requires = "fleet", help_heading = "Fleet")]
    pub(crate) machine: Option<String>,
    /// A group of machines that this one belongs to; may be given several times
    #[arg(long, value_name = "GROUP", requires = "fleet", help_heading = "Fleet")]
    pub(crate) label: Vec<String>,
    /// The credentials for the fleet's server: a file that NATS's tools write
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "fleet", help_heading = "Fleet")]
    pub(crate) creds: Option<PathBuf>,
    /// The same, as the seed of a key
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "fleet", help_heading = "Fleet")]
    pub(crate) nkey: Option<PathBuf>,
    /// The bucket of the fleet's instructions; mapioffline if not given
    #[arg(long, value_name = "NAME", requires = "fleet", help_heading = "Fleet")]
    pub(crate) bucket: Option<String>,
}

#[derive(Subcommand)]
pub(crate) enum AgentCommand {
    /// Show what the agent that runs knows: each source, whether it is there, since when, and its last answer
    Status,
}

fn share_of(text: &str) -> Result<f64, String> {
    checked_share(text.parse().unwrap_or(f64::NAN))
}

impl AgentOptions {
    /// What they ask for.
    pub(crate) fn wanted(self, json: bool) -> Result<Wanted, Failure> {
        let fleet = self.fleet.map(|servers| FleetSettings {
            servers: servers.split(',').map(|server| server.trim().to_owned()).collect(),
            name: self.machine,
            labels: self.label,
            credentials: self.creds,
            nkey: self.nkey,
            bucket: self.bucket,
            ..FleetSettings::default()
        });
        let from = match self.profile {
            None => From::file(self.config)?,
            Some(profile) => {
                let settings = Settings {
                    sources: Some(toml::Spanned::new(0..0, self.source)),
                    rule: self.rule,
                    interval: self.interval,
                    jitter: self.jitter,
                    timeout: self.timeout,
                    back_off: self.back_off,
                    failures: self.failures,
                    successes: self.successes,
                    hand_back_after: self.hand_back_after,
                };
                From::CommandLine {
                    profile,
                    settings: Box::new(settings),
                    ca_file: self.ca_file,
                    metrics: self.metrics,
                }
            }
        };
        Ok(Wanted { from, fleet, check: self.check, verbose: self.verbose, json })
    }
}
