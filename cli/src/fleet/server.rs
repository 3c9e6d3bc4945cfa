//! The fleet's server: NATS with JetStream. One bucket has the instructions, and another one what the machines report.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{Context, GetStreamError, GetStreamErrorKind, KeyValueErrorKind};
use async_nats::jetstream::kv::{Entry, Operation, Store};
use async_nats::jetstream::stream::{Config, DiscardPolicy, Source};
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, ServerAddr, ServerError};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::agent::tls::Tls;

/// How long an answer of the server may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// How long each answer about a key may take, in seconds: the first ones are soon asked for again, the last one has time.
const TRIES: [u64; 8] = [1, 1, 1, 1, 1, 2, 3, 5];
/// How many keys are asked for at a time.
const AT_ONCE: usize = 64;
/// How often a silent connection is tried. Two without an answer end it.
const PING: Duration = Duration::from_secs(10);
/// How many revisions of a key the bucket keeps: the most that there can be.
const REVISIONS: i64 = 64;
/// After which time the report of a machine that is gone is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(30 * 24 * 3600);

/// How to reach the server, and as whom.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Access {
    pub(crate) servers: Vec<Address>,
    /// The text of a file of credentials: a JWT and the seed of its key.
    pub(crate) credentials: Option<String>,
    /// The seed of a key.
    pub(crate) nkey: Option<String>,
    pub(crate) tls: Tls,
    pub(crate) bucket: String,
}

/// The address of a server. It is shown without its password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address(ServerAddr);

impl std::str::FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Without a password, wherever it is.
        let shown = text.rfind('@').map_or(text, |at| &text[at + 1..]);
        let wrong = |why: String| format!("{shown:?}: {why}: an address such as nats://fleet.example.com is needed");
        let address: ServerAddr = text.parse().map_err(|error: std::io::Error| wrong(error.to_string()))?;
        if address.host().is_empty() {
            return Err(wrong("there is no host".to_owned()));
        }
        match address.scheme() {
            "nats" | "tls" => Ok(Self(address)),
            other => Err(wrong(format!("{other} is not known"))),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.0.scheme(), self.0.host(), self.0.port())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads a list of addresses with commas between.
pub(crate) fn addresses(text: &str) -> Result<Vec<Address>, String> {
    text.split(',').map(|address| address.trim().parse()).collect()
}

impl Access {
    pub(crate) fn reports(&self) -> String {
        format!("{}-reports", self.bucket)
    }

    /// The addresses, for people.
    pub(crate) fn shown(&self) -> String {
        self.servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }

    /// The options of a connection. `inbox` is the subject below which the server answers, which its permissions may name.
    ///
    /// # Errors
    /// The credentials or the key are not valid.
    pub(crate) fn options(&self, name: &str, inbox: &str) -> Result<ConnectOptions, String> {
        let mut options = ConnectOptions::new()
            .name(name)
            .custom_inbox_prefix(inbox)
            .connection_timeout(PATIENCE)
            .request_timeout(Some(PATIENCE))
            .ping_interval(PING)
            .tls_client_config(self.tls.config().as_ref().clone());
        let with_user = self.servers.iter().find(|address| address.0.has_user_pass());
        if let Some(Address(address)) = with_user {
            let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
            let user = decoded(address.username().unwrap_or_default());
            options = match address.password() {
                Some(password) => options.user_and_password(user, decoded(password)),
                // As NATS's own tools read it.
                None => options.token(user),
            };
        }
        if let Some(credentials) = &self.credentials {
            options = options.credentials(credentials).map_err(|error| format!("the credentials: {error}"))?;
        }
        if let Some(nkey) = &self.nkey {
            options = options.nkey(nkey.trim().to_owned());
        }
        Ok(options)
    }

    pub(crate) fn addresses(&self) -> Vec<ServerAddr> {
        self.servers.iter().map(|address| address.0.clone()).collect()
    }

    /// Connects once.
    ///
    /// # Errors
    /// A line that says what is wrong.
    pub(crate) async fn connect(&self, name: &str, inbox: &str) -> Result<Server, String> {
        let refusal = Refusal::default();
        let options = refusal.listen(self.options(name, inbox)?, |_| std::future::ready(()));
        let client = options.connect(self.addresses()).await.map_err(|error| {
            let what = match error.kind() {
                ConnectErrorKind::AuthorizationViolation => {
                    "the server does not let this program in: check the credentials".to_owned()
                }
                ConnectErrorKind::TimedOut => format!("no answer within {PATIENCE:?}"),
                _ => words(&error),
            };
            format!("{}: {what}", self.shown())
        })?;
        Ok(Server::new(client, self.clone(), refusal))
    }
}

/// What the server last said against this program: that permission is missing, in most cases. The request that it is about has no
/// other answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refusal(Arc<Refused>);

#[derive(Debug, Default)]
struct Refused {
    words: Mutex<Option<String>>,
    came: Notify,
}

impl Refusal {
    /// Has the connection keep it, and pass each event on.
    pub(crate) fn listen<F>(
        &self,
        options: ConnectOptions,
        next: impl Fn(Event) -> F + Send + Sync + 'static,
    ) -> ConnectOptions
    where
        F: Future<Output = ()> + Send + Sync + 'static,
    {
        let received = self.clone();
        options.event_callback(move |event| {
            if let Event::ServerError(ServerError::Other(words)) = &event {
                let words = format!("the server refuses: {words}");
                *received.0.words.lock().unwrap_or_else(PoisonError::into_inner) = Some(words);
                received.0.came.notify_one();
            }
            next(event)
        })
    }

    pub(crate) fn take(&self) -> Option<String> {
        self.0.words.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A connection.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    jetstream: Context,
    bucket: String,
    reports: String,
    refusal: Refusal,
}

impl Server {
    pub(crate) fn new(client: Client, access: Access, refusal: Refusal) -> Self {
        let mut jetstream = async_nats::jetstream::new(client);
        jetstream.set_timeout(PATIENCE);
        Self { jetstream, reports: access.reports(), bucket: access.bucket, refusal }
    }

    /// The bucket of instructions.
    pub(crate) async fn instructions(&self) -> Result<Store, String> {
        self.bucket(&self.bucket).await
    }

    /// When the bucket of instructions was created, if that can be known.
    pub(crate) async fn instructions_created(&self) -> Option<Timestamp> {
        let bucket = self.jetstream.get_key_value(&self.bucket).await.ok()?;
        Some(created(&bucket))
    }

    /// The bucket of reports.
    pub(crate) async fn reports(&self) -> Result<Store, String> {
        self.bucket(&self.reports).await
    }

    async fn bucket(&self, name: &str) -> Result<Store, String> {
        self.jetstream.get_key_value(name).await.map_err(|error| {
            if is_missing(&error) || error.kind() == KeyValueErrorKind::InvalidStoreName {
                missing(name)
            } else {
                self.words(&error)
            }
        })
    }

    /// Creates both buckets, on so many servers of a cluster. Those that are there are left as they are. Returns what was created.
    /// The instructions are those of another domain, if one is named.
    pub(crate) async fn init(&self, replicas: usize, mirror: Option<String>) -> Result<Vec<String>, String> {
        // What makes a stream a bucket. The client's own call asks for more than version 2.9 of the server answers.
        let config = |bucket: &str, description: &str, revisions: i64| Config {
            name: format!("KV_{bucket}"),
            description: Some(description.to_owned()),
            subjects: vec![format!("$KV.{bucket}.>")],
            max_messages_per_subject: revisions,
            num_replicas: replicas,
            discard: DiscardPolicy::New,
            allow_rollup: true,
            allow_direct: true,
            deny_delete: true,
            ..Config::default()
        };
        let mut instructions = config(&self.bucket, "mapioffline: instructions", REVISIONS);
        if let Some(domain) = mirror {
            let name = instructions.name.clone();
            // A mirror has the subjects and the limits of what it mirrors.
            instructions.subjects.clear();
            instructions.mirror_direct = true;
            instructions.mirror = Some(Source { name, domain: Some(domain), ..Source::default() });
        }
        let reports = Config { max_age: FORGOTTEN, ..config(&self.reports, "mapioffline: reports", 1) };
        let mut created = Vec::new();
        for (name, config) in [(&self.bucket, instructions), (&self.reports, reports)] {
            match self.jetstream.get_key_value(name).await {
                Ok(_) => continue,
                Err(error) if is_missing(&error) => {}
                Err(error) => return Err(self.words(&error)),
            }
            self.jetstream.create_stream(config).await.map_err(|error| self.words(&error))?;
            created.push(name.clone());
        }
        Ok(created)
    }

    /// Returns when the server refuses something, with its words.
    pub(crate) async fn refused(&self) -> String {
        loop {
            self.refusal.0.came.notified().await;
            if let Some(words) = self.refusal.take() {
                return words;
            }
        }
    }

    /// An error in words. Where a request has no answer, what the server said against it.
    pub(crate) fn words(&self, error: &(dyn Error + 'static)) -> String {
        self.refusal.take().unwrap_or_else(|| words(error))
    }
}

/// When a bucket was created: one that was made anew is another one.
pub(crate) fn created(bucket: &Store) -> Timestamp {
    time(bucket.stream.cached_info().created.unix_timestamp_nanos())
}

/// When an entry was stored, by the server's clock.
pub(crate) fn stored(entry: &Entry) -> Timestamp {
    time(entry.created.unix_timestamp_nanos())
}

fn time(nanoseconds: i128) -> Timestamp {
    Timestamp::from_nanosecond(nanoseconds).unwrap_or_default()
}

/// By how much the server's clock is ahead of this machine's, from an entry that was stored between these two times.
pub(crate) fn clock(entry: &Entry, before: Timestamp, after: Timestamp) -> i64 {
    stored(entry).as_millisecond() - (before.as_millisecond() + after.as_millisecond()) / 2
}

/// The revisions of a key, the oldest first.
pub(crate) async fn revisions(server: &Server, bucket: &Store, key: &str) -> Result<Vec<Entry>, String> {
    let mut history = bucket.history(key).await.map_err(|error| server.words(&error))?;
    let mut entries = Vec::new();
    while let Some(entry) = next(server, &mut history).await? {
        entries.push(entry);
    }
    Ok(entries)
}

/// What a key has now. Any server of a cluster may be the one that answers: one that hangs, or is cut off, is asked for minutes before
/// the others know.
pub(crate) async fn entry(server: &Server, bucket: &Store, key: &str) -> Result<Option<Entry>, String> {
    for seconds in TRIES {
        if let Ok(entry) = timeout(Duration::from_secs(seconds), bucket.entry(key)).await {
            return entry.map_err(|error| server.words(&error));
        }
    }
    Err(format!("the server does not answer within {} s", TRIES.iter().sum::<u64>()))
}

/// What a bucket has at a moment, as the leader of its servers says.
pub(crate) struct Contents {
    /// When it was created.
    pub(crate) created: Timestamp,
    /// Its last revision.
    pub(crate) last: u64,
    /// Keys, those included that were deleted.
    pub(crate) keys: BTreeSet<String>,
    /// Whether it is a mirror that has not received all yet.
    pub(crate) is_behind: bool,
}

/// What a bucket has, with the keys of this form, such as `lab.>`.
pub(crate) async fn contents(server: &Server, bucket: &Store, form: &str) -> Result<Contents, String> {
    let wrong = |error| if is_missing(&error) { missing(&bucket.name) } else { server.words(&error) };
    let form = format!("{}{form}", bucket.prefix);
    let mut subjects = bucket.stream.info_with_subjects(form).await.map_err(wrong)?;
    let (info, mut keys) = (subjects.info.clone(), BTreeSet::new());
    while let Some((subject, _)) = subjects.try_next().await.map_err(wrong)? {
        keys.extend(subject.strip_prefix(bucket.prefix.as_str()).map(str::to_owned));
    }
    // While the way to what it mirrors is cut, it has all that it can have.
    let is_behind = info.mirror.is_some_and(|mirror| match mirror.active {
        Some(before) => mirror.lag > 0 && before < PING,
        None => info.state.messages == 0,
    });
    let created = time(info.created.unix_timestamp_nanos());
    Ok(Contents { created, last: info.state.last_sequence, keys, is_behind })
}

/// What is in a bucket now.
pub(crate) async fn entries(server: &Server, bucket: &Store) -> Result<BTreeMap<String, Entry>, String> {
    // A watch may miss what is replaced while it begins.
    let Contents { keys, .. } = contents(server, bucket, ">").await?;
    let mut found =
        stream::iter(keys).map(|key| async move { entry(server, bucket, &key).await }).buffer_unordered(AT_ONCE);
    let mut entries = BTreeMap::new();
    while let Some(entry) = found.next().await {
        let entry = entry?;
        entries.extend(entry.filter(|entry| entry.operation == Operation::Put).map(|entry| (entry.key.clone(), entry)));
    }
    Ok(entries)
}

async fn next<E: Error + 'static>(
    server: &Server,
    entries: &mut (impl Stream<Item = Result<Entry, E>> + Unpin),
) -> Result<Option<Entry>, String> {
    match timeout(PATIENCE, entries.next()).await {
        Ok(entry) => entry.transpose().map_err(|error| server.words(&error)),
        Err(_) => Err(format!("the server does not answer within {PATIENCE:?}")),
    }
}

/// Whether the server says that there is no such bucket.
fn is_missing(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let code = match error.downcast_ref::<GetStreamError>().map(GetStreamError::kind) {
            Some(GetStreamErrorKind::JetStream(error)) => Some(error.error_code()),
            _ => error.downcast_ref::<async_nats::jetstream::Error>().map(async_nats::jetstream::Error::error_code),
        };
        if code == Some(ErrorCode::STREAM_NOT_FOUND) {
            return true;
        }
        next = error.source();
    }
    false
}

fn missing(bucket: &str) -> String {
    format!("the server has no bucket {bucket}: `mapioffline fleet init` creates it")
}

/// An error in words.
fn words(error: &(dyn Error + 'static)) -> String {
    let text = error.to_string();
    let is_unknown = ["no responders", "not found for the account", "not enabled", "JetStream resource does not exist"];
    if is_unknown.iter().any(|words| text.contains(words)) {
        return "the server has no JetStream: start it by `nats-server -js`".to_owned();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_and_shown_without_passwords() {
        let error = addresses("http://a:secret@x").unwrap_err();
        assert!(error.contains("invalid scheme") && !error.contains("secret"), "{error}");
        let list = addresses("nats://a:secret@one.example.com, tls://two.example.com:4443,three").unwrap();
        let shown: Vec<String> = list.iter().map(ToString::to_string).collect();
        assert_eq!(shown.join(","), "nats://one.example.com:4222,tls://two.example.com:4443,nats://three:4222");
        for (text, expected) in
            [("http://a", "invalid scheme"), ("ws://a", "ws is not known"), ("", ""), ("nats://", "")]
        {
            let error = addresses(text).unwrap_err();
            assert!(error.contains(expected) && error.contains("such as nats://"), "{text}: {error}");
        }
    }
}
