//! The part of the agent's configuration that is about its fleet.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::orders::Order;
use super::pace::Pace;
use super::tls::{Identity, Tls};
use crate::decisions;
use crate::duration;
use crate::fleet::instruction::{EVERY_MACHINE, Member, is_name, made_a_name};
use crate::fleet::options::BUCKET;
use crate::fleet::server::{Access, addresses};

/// The fleet that an agent belongs to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fleet {
    pub(crate) access: Access,
    pub(crate) member: Member,
    pub(crate) order: Order,
    /// For how long the last instructions hold without the server.
    pub(crate) keep: Duration,
    pub(crate) pace: Pace,
}

/// The same, as it is written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct FleetSettings {
    #[serde(default)]
    pub(crate) servers: Vec<String>,
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) labels: Vec<String>,
    pub(crate) credentials: Option<PathBuf>,
    pub(crate) nkey: Option<PathBuf>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) bucket: Option<String>,
    pub(crate) order: Option<String>,
    #[serde(default, deserialize_with = "duration::setting")]
    pub(crate) keep: Option<Duration>,
    #[serde(default, deserialize_with = "duration::setting")]
    pub(crate) report_every: Option<Duration>,
    #[serde(default, deserialize_with = "duration::setting")]
    pub(crate) report_within: Option<Duration>,
    #[serde(default, deserialize_with = "duration::setting")]
    pub(crate) reconnect_within: Option<Duration>,
}

impl FleetSettings {
    /// The same, with what the command line says instead.
    pub(crate) fn overridden(self, other: &Self) -> Self {
        let other = other.clone();
        let or = |list: Vec<String>, own: Vec<String>| if list.is_empty() { own } else { list };
        Self {
            servers: or(other.servers, self.servers),
            labels: or(other.labels, self.labels),
            name: other.name.or(self.name),
            credentials: other.credentials.or(self.credentials),
            nkey: other.nkey.or(self.nkey),
            bucket: other.bucket.or(self.bucket),
            ..self
        }
    }

    /// With the files that it names beside the configuration.
    pub(crate) fn in_folder(mut self, folder: &Path) -> Self {
        for file in [&mut self.credentials, &mut self.nkey, &mut self.certificate, &mut self.key].into_iter().flatten()
        {
            *file = folder.join(&*file);
        }
        self
    }

    /// # Errors
    /// A line that says what is wrong.
    pub(crate) fn fleet(self, ca_file: Option<&Path>) -> Result<Fleet, String> {
        if self.servers.is_empty() {
            return Err("there are no servers, such as servers = [\"nats://fleet.example.com\"]".to_owned());
        }
        let (host, user) = (host(), decisions::user());
        let name = self.name.unwrap_or_else(|| format!("{host}-{}", made_a_name(&user)).chars().take(64).collect());
        let mut groups = vec![EVERY_MACHINE.to_owned()];
        for group in [name.clone(), host].into_iter().chain(self.labels) {
            if !is_name(&group) {
                return Err(format!("{group:?}: a name or a label has 1 to 64 letters, digits, - and _"));
            }
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        let identity = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => Some(Identity { certificate, key }),
            (None, None) => None,
            _ => return Err("certificate and key belong together".to_owned()),
        };
        let within = |setting: Option<Duration>, usual: u64| setting.unwrap_or(Duration::from_secs(usual));
        Ok(Fleet {
            access: Access {
                servers: addresses(&self.servers.join(","))?,
                credentials: self.credentials.as_deref().map(read).transpose()?,
                nkey: self.nkey.as_deref().map(read).transpose()?,
                tls: Tls::new(ca_file, identity)?,
                bucket: bucket(self.bucket.as_deref().unwrap_or(BUCKET))?,
            },
            member: Member { name, groups },
            order: self.order.map_or(Ok(Order::default()), |order| order.parse())?,
            keep: within(self.keep, 24 * 3600),
            pace: Pace {
                every: within(self.report_every, 300),
                within: within(self.report_within, 1),
                reconnect: within(self.reconnect_within, 2),
            },
        })
    }
}

/// The name of this machine, without its domain.
fn host() -> String {
    let host = gethostname::gethostname().to_string_lossy().into_owned();
    let host = made_a_name(host.split('.').next().unwrap_or_default());
    if host.is_empty() { "machine".to_owned() } else { host }
}

pub(crate) fn bucket(name: &str) -> Result<String, String> {
    if is_name(name) {
        Ok(name.to_owned())
    } else {
        Err(format!("{name:?}: a bucket has 1 to 64 letters, digits, - and _"))
    }
}

/// Reads a file that has a secret.
pub(crate) fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))
}
