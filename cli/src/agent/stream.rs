//! Connections to servers: names, addresses and TLS, and what can go wrong with each.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::client::TlsStream;

use super::progress::{Progress, words};
use super::tls::{self, Trust};

/// How much later the next address is tried, while the one before has not answered.
const BETWEEN_ADDRESSES: Duration = Duration::from_millis(250);

pub(crate) enum Stream {
    Plain(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
}

/// Connects to the first address of the host that answers.
pub(crate) async fn connect(host: &str, port: u16, progress: &Progress) -> Result<TcpStream, String> {
    progress.begins(format!("the name {host} was not resolved"));
    let literal = host.parse::<IpAddr>().ok();
    let found = match literal {
        Some(address) => vec![address],
        None => resolve(host).await.map_err(|error| format!("the name {host} cannot be resolved: {error}"))?,
    };
    let addresses: Vec<SocketAddr> = found.into_iter().map(|address| (address, port).into()).collect();
    progress.begins(format!("no connection to {}", list(&addresses)));
    let mut attempts = JoinSet::new();
    for (index, address) in addresses.iter().copied().enumerate() {
        attempts.spawn(async move {
            tokio::time::sleep(BETWEEN_ADDRESSES * index as u32).await;
            TcpStream::connect(address).await.map_err(|error| (address, error))
        });
    }
    let mut errors = Vec::new();
    while let Some(attempt) = attempts.join_next().await {
        match attempt {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err((address, error))) => {
                progress.note(&error);
                // Which address of a name, and of which family, is half of the cause.
                let of_name =
                    if literal.is_none() { format!("{address} ({}): ", family(address)) } else { String::new() };
                errors.push(of_name + &words(&error));
            }
            Err(error) => errors.push(error.to_string()),
        }
    }
    if errors.is_empty() {
        return Err(format!("the name {host} has no address"));
    }
    Err(errors.join("; "))
}

type Found = Result<Vec<IpAddr>, String>;

/// The names that are being resolved.
static RESOLVING: Mutex<BTreeMap<String, watch::Receiver<Option<Found>>>> = Mutex::new(BTreeMap::new());

/// Asks the system for the addresses of a name. A question that takes long stays the only one about its name: it occupies a thread,
/// which nothing can take from it.
async fn resolve(host: &str) -> Found {
    let mut answer = {
        let mut resolving = RESOLVING.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = || {
            let (sender, receiver) = watch::channel(None);
            let name = host.to_owned();
            tokio::spawn(async move {
                let found = lookup_host((name.as_str(), 0)).await;
                let found = found.map(|found| found.map(|address| address.ip()).collect());
                RESOLVING.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
                // Fails if it took longer than all who asked waited.
                drop(sender.send(Some(found.map_err(|error| words(&error)))));
            });
            receiver
        };
        resolving.entry(host.to_owned()).or_insert_with(begin).clone()
    };
    let found = answer.wait_for(Option::is_some).await.map(|found| found.clone());
    found.ok().flatten().unwrap_or_else(|| Err("no answer".to_owned()))
}

/// Begins TLS.
pub(crate) async fn encrypt(
    stream: TcpStream,
    host: &str,
    trust: &Arc<Trust>,
    progress: &Progress,
) -> Result<Stream, String> {
    progress.begins("connected, but no answer in TLS");
    let name = tokio_rustls::rustls::pki_types::ServerName::try_from(host.to_owned())
        .map_err(|_| format!("{host} is no name that a certificate can have"))?;
    let connector = trust.connector();
    match connector.connect(name, stream).await {
        Ok(stream) => Ok(Stream::Encrypted(Box::new(stream))),
        Err(error) => Err(tls::words(host, &error)),
    }
}

fn family(address: SocketAddr) -> &'static str {
    if address.is_ipv6() { "IPv6" } else { "IPv4" }
}

fn list(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(|address| format!("{address} ({})", family(*address))).collect::<Vec<_>>().join(", ")
}

macro_rules! delegate {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Stream::Plain($stream) => $call,
            Stream::Encrypted($stream) => $call,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => Pin::new(stream).poll_read(cx, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        delegate!(self, stream => Pin::new(stream).poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
