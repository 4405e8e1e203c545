//! What a fresh TCP connection speaks: HTTP/1.1, until it asks to become a WebSocket.
//!
//! Serves the page, its assets and the small API; hands upgraded connections back to the worker. Knows nothing of
//! tracking.

mod api;
mod assets;
mod site;
mod upgrade;

use std::cell::Cell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

pub(crate) use site::{Shared, Site};

/// Bytes of a request's head, and of what may follow it before the upgrade is answered.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// `connection.handshake_timeout` and `connection.http_timeout`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    /// For the head of a request.
    pub(crate) head: Duration,
    /// For all of it that is no WebSocket.
    pub(crate) whole: Duration,
}

/// A connection that has become a WebSocket.
#[derive(Debug)]
pub(crate) struct Upgraded {
    /// The connection.
    pub(crate) stream: TcpStream,
    /// What came together with the request.
    pub(crate) read_ahead: Vec<u8>,
}

/// Serves HTTP requests until the connection ends, becomes a WebSocket, or `stop` is cancelled.
pub(crate) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    site: &Rc<Site>,
    timeouts: Timeouts,
    stop: &CancellationToken,
) -> Option<Upgraded> {
    let is_upgraded = Rc::new(Cell::new(false));
    let service = service_fn({
        let (site, is_upgraded) = (Rc::clone(site), Rc::clone(&is_upgraded));
        move |request| Box::pin(answer(request, Rc::clone(&site), Rc::clone(&is_upgraded)))
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timeouts.head)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let ended = tokio::select! {
        done = poll_fn(|cx| connection.poll_without_shutdown(cx)) => Some(done),
        () = stop.cancelled() => None,
        () = sleep(timeouts.whole) => {
            site.counters().http_timed_out.add(1);
            None
        }
    };
    let done = if let Some(done) = ended {
        done
    } else {
        // Ends at once when idle, else after the response under way if that is taken in time.
        Pin::new(&mut connection).graceful_shutdown();
        let rest = poll_fn(|cx| connection.poll_without_shutdown(cx));
        timeout(timeouts.head, rest).await.ok()?
    };
    if let Err(error) = done {
        site.counters().handshakes_failed.add(1);
        tracing::debug!(family = if peer.ip().to_canonical().is_ipv4() { "ipv4" } else { "ipv6" }, %error, "HTTP connection failed");
        return None;
    }
    let parts = connection.into_parts();
    let mut stream = parts.io.into_inner();
    if is_upgraded.take() {
        return Some(Upgraded {
            stream,
            read_ahead: parts.read_buf.to_vec(),
        });
    }
    // The response is out; whether the client still hears the end is its own affair.
    let _ = stream.shutdown().await;
    None
}

async fn answer(
    request: Request<Incoming>,
    site: Rc<Site>,
    is_upgraded: Rc<Cell<bool>>,
) -> Result<Response<Body>, Infallible> {
    if !upgrade::is_asked(request.headers()) {
        return Ok(site.answer(request).await);
    }
    let shared = site.shared();
    let response = match shared.retry_after() {
        None => upgrade::answer(&request, &shared.live().origins),
        Some(seconds) => upgrade::turned_away(seconds),
    };
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        is_upgraded.set(true);
    } else {
        site.counters().upgrades_refused.add(1);
    }
    Ok(response)
}
