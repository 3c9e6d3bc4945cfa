//! `mapioffline fleet`: what its operator does.

use std::process::ExitCode;

use async_nats::jetstream::kv::Operation;
use serde_json::json;

use super::instruction::{Value, is_name, percent};
use super::options::{FleetCommand, FleetOptions, ServerOptions};
use super::server::{Access, Server, addresses, entry, revisions, stored};
use super::{set, status};
use crate::agent::member;
use crate::agent::tls::{Identity, Tls};
use crate::decisions::{local, words};
use crate::failure::{Code, Failure};
use crate::output::{Output, shown};

pub(crate) fn fleet(options: FleetOptions, output: &Output) -> Result<ExitCode, Failure> {
    let access = access(&options.server).map_err(|line| Failure::new(Code::Usage, line))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::failed(error.to_string()))?;
    let done = runtime.block_on(async {
        let server = access.connect("mapioffline fleet", "_INBOX").await.map_err(Failure::failed)?;
        let done = async {
            match options.command {
                FleetCommand::Init { replicas, mirror } => init(&server, replicas.into(), mirror, output).await,
                FleetCommand::Set(wanted) => set::set(&server, wanted, output).await,
                FleetCommand::Status { group, all } => status::status(&server, group.as_deref(), all, output).await,
                FleetCommand::History { group, profile } => history(&server, &group, profile.as_deref(), output).await,
                FleetCommand::Forget { machine } => forget(&server, &machine, output).await,
            }
        };
        tokio::select! {
            done = done => done,
            // The request has no other answer.
            words = server.refused() => Err(Failure::failed(words)),
        }
    });
    runtime.shutdown_background();
    done.map(|()| ExitCode::SUCCESS)
}

fn access(options: &ServerOptions) -> Result<Access, String> {
    let identity = match (&options.certificate, &options.key) {
        (Some(certificate), Some(key)) => Some(Identity { certificate, key }),
        (None, None) => None,
        _ => return Err("--certificate and --key belong together".to_owned()),
    };
    Ok(Access {
        // Not by clap, which would print a wrong one with its password.
        servers: addresses(&options.server)?,
        credentials: options.creds.as_deref().map(member::read).transpose()?,
        nkey: options.nkey.as_deref().map(member::read).transpose()?,
        tls: Tls::new(options.ca_file.as_deref(), identity)?,
        bucket: member::bucket(&options.bucket)?,
    })
}

async fn init(server: &Server, replicas: usize, mirror: Option<String>, output: &Output) -> Result<(), Failure> {
    let created = server.init(replicas, mirror).await.map_err(Failure::failed)?;
    let person = || match &created[..] {
        [] => "both buckets are there already".to_owned(),
        created => format!("created {}", created.join(" and ")),
    };
    output.say(person, || json!({ "created": created }));
    Ok(())
}

async fn history(server: &Server, group: &str, profile: Option<&str>, output: &Output) -> Result<(), Failure> {
    let bucket = server.instructions().await.map_err(Failure::failed)?;
    let key = set::checked_key(group, profile)?;
    for entry in revisions(server, &bucket, &key).await.map_err(Failure::failed)? {
        let at = stored(&entry);
        let value = match entry.operation {
            Operation::Put => match Value::read(&entry.value, at) {
                Ok(value) => value,
                Err(why) => {
                    output.warning(&format!("what was said at {} cannot be read: {why}", local(at)));
                    continue;
                }
            },
            Operation::Delete | Operation::Purge => {
                let object = || json!({ "at": format!("{at:.3}"), "revision": entry.revision, "deleted": true });
                output.say(|| format!("{}  deleted by another program", local(at)), object);
                continue;
            }
        };
        let said = &value.instruction;
        let person = || {
            let why = said.why.as_ref().map(|why| format!(": {}", shown(why))).unwrap_or_default();
            let until = said.until.map(|until| format!(", until {}", local(until))).unwrap_or_default();
            let canary = value.canary.as_ref().map(|canary| format!(", first for {}", percent(canary.share)));
            let what = words(said.state);
            format!("{}  {what:7}  {}{why}{until}{}", local(at), shown(&said.by), canary.unwrap_or_default())
        };
        let object = || json!({ "at": format!("{at:.3}"), "revision": entry.revision, "said": value });
        output.say(person, object);
    }
    Ok(())
}

async fn forget(server: &Server, machine: &str, output: &Output) -> Result<(), Failure> {
    let reports = server.reports().await.map_err(Failure::failed)?;
    // A report has the name of the machine as its key.
    let known = if is_name(machine) { entry(server, &reports, machine).await.map_err(Failure::failed)? } else { None };
    if known.is_none_or(|entry| entry.operation != Operation::Put) {
        return Err(Failure::failed(format!("no machine {machine} has reported")));
    }
    reports.purge(machine).await.map_err(|error| Failure::failed(server.words(&error)))?;
    output.say(|| format!("{machine} is forgotten"), || json!({ "machine": machine, "forgotten": true }));
    Ok(())
}
