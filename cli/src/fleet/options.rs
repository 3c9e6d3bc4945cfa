//! The command line of `mapioffline fleet`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueHint};

use crate::duration::positive;
use crate::history::What;

/// The bucket of the instructions, if no other is named.
pub(crate) const BUCKET: &str = "mapioffline";
/// How long `--wait` waits if nothing else is said.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

/// How to reach the fleet's server. The variables are those of NATS's own tools.
#[derive(Args)]
pub(crate) struct ServerOptions {
    /// The fleet's server, NATS with JetStream; several with commas between
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "NATS_URL",
        hide_env_values = true,
        default_value = "nats://127.0.0.1:4222"
    )]
    pub(crate) server: String,
    /// The operator's credentials: a file that NATS's tools write
    #[arg(long, global = true, value_name = "FILE", env = "NATS_CREDS", hide_env_values = true, value_hint = ValueHint::FilePath)]
    pub(crate) creds: Option<PathBuf>,
    /// The same, as the seed of a key
    #[arg(long, global = true, value_name = "FILE", env = "NATS_NKEY", hide_env_values = true, value_hint = ValueHint::FilePath)]
    pub(crate) nkey: Option<PathBuf>,
    /// Certificates in PEM that are trusted besides the system's
    #[arg(long, global = true, value_name = "FILE", env = "NATS_CA", hide_env_values = true, value_hint = ValueHint::FilePath)]
    pub(crate) ca_file: Option<PathBuf>,
    /// The operator's certificate, in PEM
    #[arg(long, global = true, value_name = "FILE", env = "NATS_CERT", hide_env_values = true, value_hint = ValueHint::FilePath)]
    pub(crate) certificate: Option<PathBuf>,
    /// Its key, in PEM
    #[arg(long, global = true, value_name = "FILE", env = "NATS_KEY", hide_env_values = true, value_hint = ValueHint::FilePath)]
    pub(crate) key: Option<PathBuf>,
    /// The bucket of the instructions; the reports are in the one with -reports behind its name
    #[arg(long, global = true, value_name = "NAME", default_value = BUCKET)]
    pub(crate) bucket: String,
}

/// What `fleet` is asked for.
#[derive(Args)]
pub(crate) struct FleetOptions {
    #[command(flatten)]
    pub(crate) server: ServerOptions,
    #[command(subcommand)]
    pub(crate) command: FleetCommand,
}

#[derive(Subcommand)]
pub(crate) enum FleetCommand {
    /// Create the fleet's two buckets on the server; those that are there stay as they are
    Init {
        /// On how many servers of a cluster what is in them is kept
        #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=5))]
        replicas: u8,
        /// At a leaf node: the instructions are those of this JetStream domain, of which a mirror is kept here
        #[arg(long, value_name = "DOMAIN")]
        mirror: Option<String>,
    },
    /// Set the profiles of a group of machines online or offline
    ///
    /// The last instruction decides, whichever of a machine's groups it is for. On a machine where a person or a program has
    /// set the state it is left alone, unless that machine's agent is configured otherwise.
    Set(SetOptions),
    /// Show the instructions that are in force, and who does not follow
    Status {
        /// One group of machines
        group: Option<String>,
        /// Each machine, also those that follow
        #[arg(long)]
        all: bool,
    },
    /// Show what was said to a group, when, by whom and why: the last 64 instructions
    History {
        /// The group
        group: String,
        /// What was said about this profile alone
        #[arg(long, value_name = "NAME")]
        profile: Option<String>,
    },
    /// Remove the report of a machine that is gone. It comes back if the machine does
    Forget {
        /// The machine
        machine: String,
    },
}

#[derive(Args)]
pub(crate) struct SetOptions {
    /// The group: a label of the machines, the name of one, or `all`
    pub(crate) group: String,
    /// The state; `auto` takes back what was said to this group before
    pub(crate) state: What,
    /// Only profiles with this name
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Why, for the people at the machines
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// The instruction ends at this time, such as 18:30 or 2026-12-24T08:00
    #[arg(long, value_name = "TIME", conflicts_with = "how_long")]
    pub(crate) until: Option<String>,
    /// The instruction ends after this time, such as 2h
    #[arg(long = "for", value_name = "DURATION", value_parser = positive)]
    pub(crate) how_long: Option<Duration>,
    /// First only this share of the machines, such as 5%; for the others what was said before stays in force
    ///
    /// The same machines are chosen each time, and a larger share has all of a smaller one. The same command without --canary
    /// goes on with all of them.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) canary: Option<f64>,
    /// Wait until the machines report that they follow; those that have been silent are not waited for
    #[arg(long)]
    pub(crate) wait: bool,
    /// How long --wait waits; a minute if not given
    #[arg(long, value_name = "DURATION", value_parser = positive, requires = "wait")]
    pub(crate) timeout: Option<Duration>,
}

/// Reads a share, as a percentage.
fn share(text: &str) -> Result<f64, String> {
    let number = text.trim_end_matches('%').trim().parse::<f64>().ok().filter(|_| text.ends_with('%'));
    let share = number.map(|percent| percent / 100.0).filter(|share| *share > 0.0 && *share < 1.0);
    share.ok_or_else(|| "a share between 0% and 100% is needed, such as 5%".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_percentage() {
        assert_eq!([share("5%"), share("0.5 %")], [Ok(0.05), Ok(0.005)]);
        for wrong in ["5", "0%", "100%", "-1%", "x%", "%", "nan%"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }
}
