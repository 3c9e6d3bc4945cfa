//! The agent's page: status on a local socket, for the user alone, and metrics on a port where they are asked for.

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use interprocess::local_socket::tokio::prelude::*;
use interprocess::local_socket::{ListenerOptions, Name};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tracing::{debug, warn};

use super::board::{Board, Status};

/// A request has to arrive in this time.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many are served at a time. The others wait.
const MOST_CONNECTIONS: usize = 32;
const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The name of the socket of the agent whose histories are in this folder: a file in it; on Windows a pipe.
fn name(folder: &Path) -> io::Result<Name<'static>> {
    #[cfg(unix)]
    {
        use interprocess::local_socket::{GenericFilePath, ToFsName as _};
        folder.join("socket").to_fs_name::<GenericFilePath>()
    }
    #[cfg(windows)]
    {
        use interprocess::local_socket::{GenericNamespaced, ToNsName as _};
        let path = folder.to_string_lossy().replace(['\\', '/', ':'], "-");
        format!("mapioffline-{path}").to_ns_name::<GenericNamespaced>()
    }
}

/// Listens on the local socket. Only one agent runs, so that a file there is a killed one's.
pub(crate) fn listen(folder: &Path) -> io::Result<LocalSocketListener> {
    #[cfg(unix)]
    match std::fs::remove_file(folder.join("socket")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    ListenerOptions::new().name(name(folder)?).create_tokio()
}

/// Serves status and metrics on the local socket.
pub(crate) async fn serve_local(socket: LocalSocketListener, board: Arc<Board>) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        match socket.accept().await {
            Ok(stream) => drop(tokio::spawn(serve(stream, Arc::clone(&board), true, permit))),
            Err(error) => refused(&error).await,
        }
    }
}

/// Serves metrics on a port.
pub(crate) async fn serve_metrics(socket: TcpListener, board: Arc<Board>) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        match socket.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve(stream, Arc::clone(&board), false, permit))),
            Err(error) => refused(&error).await,
        }
    }
}

/// The system is short of something. It may have it again in a while.
async fn refused(error: &io::Error) {
    warn!("a connection cannot be accepted: {error}");
    tokio::time::sleep(Duration::from_secs(1)).await;
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    board: Arc<Board>,
    is_local: bool,
    _permit: OwnedSemaphorePermit,
) {
    let service = service_fn(|request: Request<Incoming>| {
        let answer = answer(&request, &board, is_local);
        async { Ok::<_, Infallible>(answer) }
    });
    let mut server = hyper::server::conn::http1::Builder::new();
    server.keep_alive(false).timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    match timeout(2 * PATIENCE, server.serve_connection(TokioIo::new(stream), service)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!("a request for the page failed: {error}"),
        Err(_) => debug!("an answer was not read in time"),
    }
}

fn answer(request: &Request<Incoming>, board: &Board, is_local: bool) -> Response<Full<Bytes>> {
    let (status, kind, text) = match (request.method().as_str(), request.uri().path()) {
        ("GET" | "HEAD", "/metrics") => (200, METRICS, board.metrics()),
        ("GET" | "HEAD", "/status") if is_local => {
            (200, "application/json", serde_json::to_string(&board.status()).unwrap_or_default())
        }
        ("GET" | "HEAD", _) => (404, "text/plain", "there is /metrics\n".to_owned()),
        _ => (405, "text/plain", "only GET\n".to_owned()),
    };
    let response = Response::builder().status(status).header("content-type", kind);
    response.body(Full::from(text)).unwrap_or_default()
}

/// Asks the agent of this folder for its status.
pub(crate) fn ask(folder: &Path) -> io::Result<Status> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let asked = timeout(PATIENCE, async {
            let stream = LocalSocketStream::connect(name(folder)?).await?;
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
            tokio::spawn(connection);
            let request = Request::get("/status").header("host", "agent").body(Empty::<Bytes>::new());
            let request = request.map_err(io::Error::other)?;
            let response = sender.send_request(request).await.map_err(io::Error::other)?;
            let bytes = response.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
            serde_json::from_slice(&bytes).map_err(io::Error::other)
        });
        asked.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    })
}
