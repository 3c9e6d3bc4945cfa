//! The agent's configuration: TOML, or one profile on the command line.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mapioffline::StateFolder;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use toml::Spanned;

use super::health::{Rule, Thresholds};
use super::member::{Fleet, FleetSettings};
use super::source::Source;
use crate::duration;
use crate::failure::{Code, Failure};

/// A shorter interval would do nothing but ask.
const SHORTEST: Duration = Duration::from_millis(10);

/// What the agent does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    /// Certificates that are trusted besides the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// Where metrics are served.
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) fleet: Option<Fleet>,
    pub(crate) profiles: BTreeMap<String, Profile>,
}

/// What decides about a profile.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Profile {
    pub(crate) sources: Vec<Source>,
    pub(crate) rule: Rule,
    pub(crate) timing: Timing,
    /// How long the agent leaves alone what a person or a program set. `None`: until it is handed back.
    pub(crate) hand_back_after: Option<Duration>,
}

/// When sources are asked, and what counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Timing {
    /// From the end of one question to the begin of the next.
    pub(crate) interval: Duration,
    /// By how much of it the interval differs at random: 0 to 1.
    pub(crate) jitter: f64,
    /// How long an answer may take.
    pub(crate) timeout: Duration,
    /// The longest interval while a source is away. It doubles with each failure up to that.
    pub(crate) back_off: Duration,
    pub(crate) thresholds: Thresholds,
}

/// The settings of a profile or of all, as they are written. What is not is taken from all, or else has a default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Settings {
    pub(crate) sources: Option<Spanned<Vec<Source>>>,
    pub(crate) rule: Option<Rule>,
    #[serde(default, deserialize_with = "duration::setting")]
    pub(crate) interval: Option<Duration>,
    #[serde(default, deserialize_with = "share")]
    pub(crate) jitter: Option<f64>,
    #[serde(default, deserialize_with = "duration::setting")]
    pub(crate) timeout: Option<Duration>,
    #[serde(default, deserialize_with = "duration::setting")]
    pub(crate) back_off: Option<Duration>,
    pub(crate) failures: Option<std::num::NonZeroU32>,
    pub(crate) successes: Option<std::num::NonZeroU32>,
    #[serde(default, deserialize_with = "duration::setting")]
    pub(crate) hand_back_after: Option<Duration>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Text {
    ca_file: Option<PathBuf>,
    metrics: Option<SocketAddr>,
    fleet: Option<Spanned<FleetSettings>>,
    #[serde(default)]
    defaults: Settings,
    #[serde(default)]
    profile: BTreeMap<Spanned<String>, Settings>,
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a rule is \"all\", \"any\", or how many of the sources have to be there")]
        enum Word {
            Text(String),
            Count(i64),
        }
        match Word::deserialize(deserializer)? {
            Word::Text(text) => text.parse(),
            Word::Count(count) => count.to_string().parse(),
        }
        .map_err(D::Error::custom)
    }
}

fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    checked_share(f64::deserialize(deserializer)?).map(Some).map_err(D::Error::custom)
}

pub(crate) fn checked_share(share: f64) -> Result<f64, String> {
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("a number from 0 to 1 is needed".to_owned()) }
}

impl Config {
    /// Reads the file. The command line may name a fleet, or say something else about the one that is there.
    pub(crate) fn read(file: &Path, fleet: Option<&FleetSettings>) -> Result<Self, Failure> {
        let shown = file.display().to_string();
        let text = fs::read_to_string(file).map_err(|error| {
            let line = if error.kind() == io::ErrorKind::NotFound {
                format!(
                    "there is no configuration {shown}: write one (see `mapioffline agent --help`), or name a profile and its \
                     sources by --profile and --source"
                )
            } else {
                format!("{shown}: {error}")
            };
            Failure::new(Code::Failed, line)
        })?;
        let at = |offset: usize, what: &str| {
            let line = text[..offset.min(text.len())].matches('\n').count() + 1;
            let what = what.lines().map(str::trim).collect::<Vec<_>>().join(", ");
            Failure::new(Code::Usage, what).at(&shown, line)
        };
        let parsed: Text =
            toml::from_str(&text).map_err(|error| at(error.span().map_or(0, |span| span.start), error.message()))?;
        // As in the file's folder: the agent may be started anywhere.
        let folder = file.parent().unwrap_or(Path::new(""));
        let ca_file = parsed.ca_file.map(|ca| folder.join(ca));
        let begin = parsed.fleet.as_ref().map_or(0, |fleet| fleet.span().start);
        let written = parsed.fleet.map(|fleet| fleet.into_inner().in_folder(folder));
        let settings = match (written, fleet) {
            (Some(written), Some(other)) => Some(written.overridden(other)),
            (written, other) => written.or(other.cloned()),
        };
        let fleet = settings.map(|settings| settings.fleet(ca_file.as_deref())).transpose();
        let fleet = fleet.map_err(|what| at(begin, &what))?;
        let mut profiles: BTreeMap<String, Profile> = BTreeMap::new();
        for (name, settings) in parsed.profile {
            let sources = settings.sources.as_ref().or(parsed.defaults.sources.as_ref()).map(|sources| sources.span());
            let wrong = |place: usize, what: String| at(place, &what);
            let begin = name.span().start;
            let profile = Profile::of(&settings, &parsed.defaults, fleet.is_some())
                .map_err(|what| wrong(sources.map_or(begin, |span| span.start), what))?;
            let name = name.into_inner();
            check_name(&name).map_err(|what| wrong(begin, what))?;
            if profiles.keys().any(|known| is_same(known, &name)) {
                return Err(wrong(begin, format!("the profile {name} is there twice: case does not matter")));
            }
            profiles.insert(name, profile);
        }
        if profiles.is_empty() {
            return Err(at(text.len(), "there is no profile: write [profile.NAME] and its sources"));
        }
        Ok(Self { ca_file, metrics: parsed.metrics, fleet, profiles })
    }

    /// One profile, as the command line says.
    pub(crate) fn of(
        profile: &str,
        settings: &Settings,
        fleet: Option<&FleetSettings>,
        ca_file: Option<PathBuf>,
    ) -> Result<Self, Failure> {
        let wrong = |what| Failure::new(Code::Usage, what);
        check_name(profile).map_err(wrong)?;
        let settings = Profile::of(settings, &Settings::default(), fleet.is_some()).map_err(wrong)?;
        let profiles = BTreeMap::from([(profile.to_owned(), settings)]);
        let fleet = fleet.map(|fleet| fleet.clone().fleet(ca_file.as_deref())).transpose().map_err(wrong)?;
        Ok(Self { ca_file, metrics: None, fleet, profiles })
    }

    /// The file that is read if the command line names none.
    pub(crate) fn usual_file() -> Option<PathBuf> {
        Some(dirs::config_dir()?.join("mapioffline").join("agent.toml"))
    }
}

impl Profile {
    fn of(own: &Settings, all: &Settings, has_fleet: bool) -> Result<Self, String> {
        let sources = own.sources.as_ref().or(all.sources.as_ref());
        let sources = sources.map(|sources| sources.get_ref().clone()).unwrap_or_default();
        if sources.is_empty() && !has_fleet {
            return Err("there are no sources, such as sources = [\"imaps://mail.example.com\"]".to_owned());
        }
        let rule = own.rule.or(all.rule).unwrap_or_default();
        if rule.needed(sources.len()) > sources.len() {
            return Err(format!("{rule} of {} sources cannot be there", sources.len()));
        }
        let interval = own.interval.or(all.interval).unwrap_or(Duration::from_secs(30));
        if interval < SHORTEST {
            return Err(format!("an interval of {SHORTEST:?} is the shortest"));
        }
        let thresholds = Thresholds {
            failures: own.failures.or(all.failures).map_or(3, Into::into),
            successes: own.successes.or(all.successes).map_or(2, Into::into),
        };
        let timing = Timing {
            interval,
            jitter: own.jitter.or(all.jitter).unwrap_or(0.1),
            timeout: own.timeout.or(all.timeout).unwrap_or(Duration::from_secs(10)),
            back_off: own.back_off.or(all.back_off).unwrap_or(Duration::from_secs(60)).max(interval),
            thresholds,
        };
        Ok(Self { sources, rule, timing, hand_back_after: own.hand_back_after.or(all.hand_back_after) })
    }
}

impl Timing {
    /// How long to wait behind an answer, after so many failures in a row. `random` is from 0 to 1.
    pub(crate) fn pause(&self, is_away: bool, failures: u32, random: f64) -> Duration {
        // The failures that decide come at the usual interval.
        let doublings = if is_away { failures.saturating_sub(self.thresholds.failures).min(16) } else { 0 };
        let pause = self.interval.saturating_mul(1 << doublings).min(self.back_off);
        pause.mul_f64(1.0 + self.jitter * (2.0 * random - 1.0))
    }
}

/// Whether these are spellings of one profile.
fn is_same(a: &str, b: &str) -> bool {
    // The folder does not matter.
    let folder = StateFolder::at("");
    folder.file_name(a).ok() == folder.file_name(b).ok()
}

fn check_name(name: &str) -> Result<(), String> {
    let units = name.encode_utf16().count();
    if name.is_empty() || name.contains('\0') {
        Err("a profile name must not be empty or contain a NUL character".to_owned())
    } else if units > 64 {
        Err(format!("{name}: a profile name has at most 64 UTF-16 units"))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("agent.toml");
        fs::write(&file, text).unwrap();
        Config::read(&file, None).map_err(|failure| {
            let line = failure.to_string();
            assert_eq!(line.lines().count(), 1, "{line}");
            line.replace(&format!("{}:", file.display()), "")
        })
    }

    #[test]
    fn a_profile_takes_what_it_does_not_say_from_all() {
        let config = read(
            "[defaults]\ninterval = \"10s\"\nfailures = 5\nsources = [\"interface\"]\n[profile.Outlook]\nfailures = 1\n\
             rule = \"any\"\nhand-back-after = \"8h\"\n[profile.\"Work mail\"]\nrule = 1\nsources = [\"tcp://127.0.0.1:1\", \
             \"default-route\"]\n",
        )
        .unwrap();
        let outlook = &config.profiles["Outlook"];
        assert_eq!((outlook.timing.thresholds, outlook.rule), (Thresholds { failures: 1, successes: 2 }, Rule::Any));
        assert_eq!(outlook.sources, ["interface".parse().unwrap()]);
        assert_eq!(outlook.hand_back_after, Some(Duration::from_secs(8 * 3600)));
        let work = &config.profiles["Work mail"];
        assert_eq!((work.timing.interval, work.sources.len()), (Duration::from_secs(10), 2));
        assert_eq!((work.rule, work.hand_back_after), (Rule::AtLeast(1), None));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, expected) in [
            ("[profile.A]\nsources = [\"pop3://x\"]\n", "2: \"pop3://x\": pop3 is not known"),
            ("[profile.A]\n\ninterval = 10\n", "3: invalid type"),
            ("[profile.A]\nintervall = \"10s\"\n", "2: unknown field `intervall`"),
            ("[profile.A]\ninterval = \"10\"\n", "2: a number with a unit is needed"),
            ("[profile.A]\ninterval = \"0s\"\n", "2: a time longer than 0 is needed"),
            ("[profile.A]\njitter = 2.0\n", "2: a number from 0 to 1 is needed"),
            ("[profile.A]\nfailures = 0\n", "2: invalid value"),
            ("[profile.A]\nrule = \"most\"\n", "2: \"most\" is no rule"),
            ("[profile.A]\nrule = 3\nsources = [\"interface\"]\n", "3: 3 of 1 sources cannot be there"),
            ("\n[profile.A]\n", "2: there are no sources"),
            ("[profile.A]\ninterval = \"1ms\"\nsources=[\"interface\"]\n", "3: an interval of 10ms is the shortest"),
            ("# nothing\n", "2: there is no profile"),
            ("[profile.A\n", "1: "),
            (
                "[profile.A]\nsources=[\"interface\"]\n[profile.a]\nsources=[\"interface\"]\n",
                "3: the profile a is there twice",
            ),
            ("[profile.\"\"]\nsources=[\"interface\"]\n", "1: a profile name must not be empty"),
        ] {
            let line = read(text).unwrap_err();
            assert!(line.starts_with(expected), "{text:?}: {line}");
        }
    }

    #[test]
    fn pauses_grow_while_a_source_is_away_and_differ() {
        let settings = Settings {
            sources: Some(Spanned::new(0..0, vec!["interface".parse().unwrap()])),
            interval: Some(Duration::from_secs(10)),
            jitter: Some(0.5),
            ..Settings::default()
        };
        let timing = Profile::of(&settings, &Settings::default(), false).unwrap().timing;
        let seconds = |is_away, failures, random| timing.pause(is_away, failures, random).as_secs_f64();
        assert_eq!([0.0, 0.5, 1.0].map(|random| seconds(false, 0, random)), [5.0, 10.0, 15.0]);
        assert_eq!([1, 2].map(|failures| seconds(false, failures, 0.5)), [10.0, 10.0]);
        assert_eq!([3, 4, 5, 6, 60].map(|failures| seconds(true, failures, 0.5)), [10.0, 20.0, 40.0, 60.0, 60.0]);
    }
}
