//! Asking a source once.

use std::io;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::task;
use tokio::time::timeout;

use super::health::Answer;
use super::progress::{Progress, words};
use super::source::{Kind, Protocol, Source, Tls};
use super::stream::{self, Stream};
use super::tls::Trust;

/// A server's line may have so many bytes. IMAP and SMTP lines are much shorter.
const LONGEST_LINE: u64 = 8192;

/// Asks the source. Takes `patience` at most. `Err`: it could not be asked, as this machine is short of something.
pub(crate) async fn probe(source: &Source, patience: Duration, trust: &Arc<Trust>) -> Result<Answer, String> {
    // What is being done says where the time went.
    let progress = Progress::default();
    let asked = timeout(patience, ask(source, trust, &progress)).await;
    match asked.unwrap_or_else(|_| Err(format!("{} within {patience:?}", progress.missing()))) {
        Err(words) if progress.is_short() => Err(words),
        answer => Ok(answer),
    }
}

async fn ask(source: &Source, trust: &Arc<Trust>, progress: &Progress) -> Answer {
    match &source.kind {
        Kind::Interface(name) => {
            blocking({
                let name = name.clone();
                move || interface(name.as_deref())
            })
            .await
        }
        Kind::DefaultRoute => blocking(default_route).await,
        #[cfg(target_os = "linux")]
        Kind::NetworkManager => super::network_manager::connectivity().await,
        Kind::Server { protocol, tls, host, port } => {
            let connection = stream::connect(host, *port, progress).await?;
            server(connection, *protocol, *tls, host, trust, progress).await
        }
        Kind::Web { tls, host, port, authority, path } => {
            let connection = stream::connect(host, *port, progress).await?;
            let stream = match tls {
                Tls::Never => Stream::Plain(connection),
                _ => stream::encrypt(connection, host, trust, progress).await?,
            };
            web(stream, authority, path, progress).await
        }
        Kind::Command(words) => command(words, progress).await,
    }
}

/// The system is asked on a thread of tokio's pool, as it may take its time.
async fn blocking(ask: impl FnOnce() -> Answer + Send + 'static) -> Answer {
    task::spawn_blocking(ask).await.unwrap_or_else(|error| Err(format!("the interfaces cannot be listed: {error}")))
}

fn interface(name: Option<&str>) -> Answer {
    let mut why = match name {
        Some(name) => format!("there is no interface {name}"),
        None => "no interface has an address besides loopback".to_owned(),
    };
    for found in netdev::get_interfaces() {
        if name.map_or(found.is_loopback(), |name| found.name != name) {
            continue;
        }
        let address = found.ip_addrs().into_iter().find(is_usable);
        match address {
            Some(address) if found.is_up() && found.is_running() => {
                return Ok(format!("interface {} has the address {address}", found.name));
            }
            Some(_) if name.is_some() => why = format!("interface {} is down", found.name),
            None if name.is_some() => why = format!("interface {} has no usable address", found.name),
            _ => {}
        }
    }
    Err(why)
}

/// Addresses of a link alone, which an interface has without any network, do not count.
fn is_usable(address: &std::net::IpAddr) -> bool {
    match address {
        std::net::IpAddr::V4(address) => {
            !address.is_loopback() && !address.is_link_local() && !address.is_unspecified()
        }
        std::net::IpAddr::V6(address) => {
            !address.is_loopback() && !address.is_unicast_link_local() && !address.is_unspecified()
        }
    }
}

fn default_route() -> Answer {
    let mut why = "there is no default route".to_owned();
    let routed = default_interfaces();
    for interface in netdev::get_interfaces() {
        let leads = routed.as_ref().map_or(interface.gateway.is_some(), |routed| routed.contains(&interface.name));
        if !leads {
            continue;
        }
        if interface.is_up() && interface.is_running() {
            return Ok(format!("the default route leads through {}", interface.name));
        }
        why = format!("interface {}, through which the default route leads, is down", interface.name);
    }
    Err(why)
}

/// The interfaces of default routes, also of those without a gateway, as tunnels have them. `None`: this system does not list them.
fn default_interfaces() -> Option<Vec<String>> {
    const IS_REJECT: u32 = 0x200;
    let accepts = |flags: &str| u32::from_str_radix(flags, 16).is_ok_and(|flags| flags & IS_REJECT == 0);
    // Interface, destination, gateway, flags, three numbers, mask.
    let v4 = std::fs::read_to_string("/proc/self/net/route").ok()?;
    let v4 = v4.lines().filter_map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
        [name, "00000000", _, flags, _, _, _, "00000000", ..] if accepts(flags) => Some(name.to_owned()),
        _ => None,
    });
    // Destination, its length, source, its length, next hop, three numbers, flags, interface.
    let v6 = std::fs::read_to_string("/proc/self/net/ipv6_route").unwrap_or_default();
    let v6 = v6.lines().filter_map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
        [to, "00", _, _, _, _, _, _, flags, name] if to.bytes().all(|byte| byte == b'0') && accepts(flags) => {
            Some(name.to_owned())
        }
        _ => None,
    });
    Some(v4.chain(v6).filter(|name| name != "lo").collect())
}

async fn server(
    connection: TcpStream,
    protocol: Protocol,
    tls: Tls,
    host: &str,
    trust: &Arc<Trust>,
    progress: &Progress,
) -> Answer {
    let mut stream = match tls {
        Tls::AtOnce => stream::encrypt(connection, host, trust, progress).await?,
        _ => Stream::Plain(connection),
    };
    let (greeting, bye) = match protocol {
        Protocol::Nothing => return Ok("the server accepts connections".to_owned()),
        Protocol::Imap => (imap_greeting(&mut stream, progress).await?, "b LOGOUT\r\n"),
        Protocol::Smtp => (smtp_greeting(&mut stream, progress).await?, "QUIT\r\n"),
    };
    if tls == Tls::Upgrade {
        progress.begins("no answer to STARTTLS");
        match protocol {
            Protocol::Imap => imap_starttls(&mut stream).await?,
            _ => smtp_starttls(&mut stream).await?,
        }
        let Stream::Plain(plain) = stream else { return Err("TLS twice".to_owned()) };
        stream = stream::encrypt(plain, host, trust, progress).await?;
    }
    // The server need not log a connection that was lost. What it answers does not matter.
    let _ = stream.write_all(bye.as_bytes()).await;
    let _ = stream.shutdown().await;
    Ok(format!("the server greets: {greeting}"))
}

/// Reads a line, byte by byte: what follows it may be TLS.
async fn line(stream: &mut (impl AsyncRead + Unpin)) -> Result<String, String> {
    let mut bytes = Vec::new();
    let mut reader = BufReader::with_capacity(1, stream).take(LONGEST_LINE);
    let count = reader.read_until(b'\n', &mut bytes).await.map_err(|error| lost(&error))?;
    if bytes.last() != Some(&b'\n') {
        return Err(match count as u64 {
            0 => "the server closed the connection without a word".to_owned(),
            LONGEST_LINE => format!("the server's line has more than {LONGEST_LINE} bytes"),
            _ => "the server closed the connection in the middle of its answer".to_owned(),
        });
    }
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

fn lost(error: &io::Error) -> String {
    format!("the connection was lost: {}", words(error))
}

async fn say(stream: &mut (impl AsyncWrite + Unpin), text: &str) -> Result<(), String> {
    stream.write_all(text.as_bytes()).await.map_err(|error| lost(&error))?;
    stream.flush().await.map_err(|error| lost(&error))
}

async fn imap_greeting(stream: &mut Stream, progress: &Progress) -> Result<String, String> {
    progress.begins("connected, but no greeting");
    let line = line(stream).await?;
    match line.strip_prefix("* ").map(|rest| rest.split(' ').next().unwrap_or_default().to_ascii_uppercase()).as_deref()
    {
        Some("OK" | "PREAUTH") => Ok(line),
        Some("BYE") => Err(format!("the server refuses: {line}")),
        _ => Err(format!("this is no IMAP server: {line}")),
    }
}

async fn imap_starttls(stream: &mut Stream) -> Result<(), String> {
    say(stream, "a STARTTLS\r\n").await?;
    loop {
        let line = line(stream).await?;
        // Untagged lines may come before.
        match line.strip_prefix("a ") {
            Some(rest) if rest.to_ascii_uppercase().starts_with("OK") => return Ok(()),
            Some(rest) => return Err(format!("the server refuses STARTTLS: {rest}")),
            None => {}
        }
    }
}

/// A reply of one or more lines: its code and its last line.
async fn reply(stream: &mut Stream) -> Result<(u32, String), String> {
    loop {
        let line = line(stream).await?;
        let code = line.get(..3).and_then(|code| code.parse().ok());
        let code = code.ok_or_else(|| format!("this is no SMTP server: {line}"))?;
        if line.as_bytes().get(3) != Some(&b'-') {
            return Ok((code, line));
        }
    }
}

async fn smtp_greeting(stream: &mut Stream, progress: &Progress) -> Result<String, String> {
    progress.begins("connected, but no greeting");
    match reply(stream).await? {
        (220, line) => Ok(line),
        (_, line) => Err(format!("the server refuses: {line}")),
    }
}

async fn smtp_starttls(stream: &mut Stream) -> Result<(), String> {
    for (command, expected) in [("EHLO localhost\r\n", 250), ("STARTTLS\r\n", 220)] {
        say(stream, command).await?;
        let (code, line) = reply(stream).await?;
        if code != expected {
            return Err(format!(
                "the server refuses {}: {line}",
                command.split_whitespace().next().unwrap_or_default()
            ));
        }
    }
    Ok(())
}

/// Any answer will do, also one that asks who is there (401); but not one that the service behind it is away.
async fn web(stream: Stream, authority: &str, path: &str, progress: &Progress) -> Answer {
    progress.begins("connected, but no answer");
    let bad = |error: hyper::Error| {
        if error.is_incomplete_message() {
            "the server closed the connection in the middle of its answer".to_owned()
        } else if error.is_parse() {
            "this is no web server".to_owned()
        } else {
            format!("no answer: {error}")
        }
    };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(bad)?;
    let request = hyper::Request::get(path)
        .header("host", authority)
        .header("user-agent", concat!("mapioffline/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let mut answered = std::pin::pin!(sender.send_request(request));
    let response = tokio::select! {
        response = &mut answered => response,
        ended = connection => match (answered.await, ended) {
            // What ended it, a request that was not sent does not know.
            (Err(error), Err(cause)) if error.is_canceled() => Err(cause),
            (answered, _) => answered,
        },
    };
    let response = response.map_err(bad)?;
    match response.status() {
        status if matches!(status.as_u16(), 502..=504) => Err(format!("the server answers {status}")),
        status => Ok(format!("the server answers {status}")),
    }
}

async fn command(line: &[String], progress: &Progress) -> Answer {
    let Some((program, arguments)) = line.split_first() else { return Err("there is no command".to_owned()) };
    progress.begins("the command did not end");
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    match command.status().await {
        Ok(status) if status.success() => Ok("the command succeeds".to_owned()),
        Ok(status) => Err(format!("the command fails: {status}")),
        Err(error) => {
            progress.note(&error);
            Err(format!("{program} cannot be started: {}", words(&error)))
        }
    }
}
