//! Serves one HTTP connection until it becomes a WebSocket or ends.

use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::accepted::{AcceptedConnection, HttpTimeouts, Upgraded};
use super::connection_monitor::{HttpCloseReason, MonitoredStream};
use super::request::serve_request;
use super::router::WorkerRouter;
use super::session::HttpSession;
use super::transport::{HEAD_BYTES_MAX, HttpTransport};
use crate::metrics::RefusalKind;

/// Serves HTTP requests until the connection ends, becomes a WebSocket, or `stop` is cancelled.
pub(crate) async fn serve<S, H>(
    accepted: AcceptedConnection<S, H>,
    router: &Rc<WorkerRouter>,
    timeouts: HttpTimeouts,
    stop: &CancellationToken,
) -> Option<Upgraded<S>>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    H: 'static,
{
    let (monitor, _guard) = router.monitors().register();
    let (client, hub) = (accepted.admission.client(), router.hub());
    monitor.set_client(client.ip(), || hub.admission().address_group(client));
    let (stream, accepted) = accepted.take_stream();
    let transport = HttpTransport::new(MonitoredStream::new(stream, Rc::clone(&monitor)));
    let session = Rc::new(HttpSession::new(
        accepted,
        router,
        Rc::clone(&monitor),
        transport.peer_status(),
    ));
    let service = service_fn({
        let session = Rc::clone(&session);
        move |request| Box::pin(serve_request(request, Rc::clone(&session)))
    });
    let mut connection =
        http1_builder(timeouts.read_head).serve_connection(TokioIo::new(transport), service);
    let ended = tokio::select! {
        done = poll_fn(|cx| connection.poll_without_shutdown(cx)) => Some(done),
        () = session.live_stream_abandoned() => return None,
        () = stop.cancelled() => None,
        () = session.time_limit_reached(timeouts.connection) => {
            router.counters().http_timed_out.add(1);
            None
        }
        reason = monitor.close_requested(timeouts.send_blocked) => {
            count_close(&session, reason);
            return None;
        }
    };
    let done = if let Some(done) = ended {
        done
    } else {
        // Ends at once when idle, else after the current response if the client takes it in time.
        Pin::new(&mut connection).graceful_shutdown();
        let rest = poll_fn(|cx| connection.poll_without_shutdown(cx));
        timeout(timeouts.read_head.min(timeouts.send_blocked), rest)
            .await
            .ok()?
    };
    if let Err(error) = done {
        record_failure(&session, &error, &connection.into_parts().read_buf);
        return None;
    }
    let parts = connection.into_parts();
    let cannot_send = session.cannot_send();
    session.peer_status.take();
    let (stream, read_ahead) = parts.io.into_inner().into_parts()?;
    let mut stream = stream.into_inner();
    let client_info = session.upgraded_client.take().filter(|_| !cannot_send);
    // A connection without a permit is not upgraded.
    if let Some((client_info, permit)) = client_info.zip(session.admission.take_permit()) {
        return Some(Upgraded {
            stream,
            read_ahead: [&parts.read_buf, &*read_ahead].concat(),
            client_info,
            permit,
            refusal: session.refused_page.take(),
        });
    }
    // The response has been sent; a failed shutdown does not matter.
    let _ = timeout(timeouts.send_blocked, stream.shutdown()).await;
    None
}

fn http1_builder(read_head: Duration) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(read_head)
        .max_buf_size(HEAD_BYTES_MAX)
        // A client that closed its sending side may still wait for responses, or its requests count without them
        // (RFC 9112, 9.6).
        .half_close(true);
    builder
}

/// Counts and logs a connection that its monitor closes.
fn count_close<H>(session: &HttpSession<H>, reason: HttpCloseReason) {
    tracing::debug!(
        family = address_family(session.peer),
        ?reason,
        "HTTP connection closed"
    );
    let counters = session.router.counters();
    let counter = match reason {
        HttpCloseReason::Stuck => &counters.http_stuck,
        HttpCloseReason::Shed => &counters.http_shed,
    };
    counter.add(1);
}

/// Counts and logs a connection that ended with an error. `read` holds the bytes that were read and not parsed.
fn record_failure<H>(session: &HttpSession<H>, error: &hyper::Error, read: &[u8]) {
    // An idle connection that has already served a request has not failed.
    let is_first = session.handshake_guard.take().is_some();
    let router = &session.router;
    router.counters().handshakes_failed.add(u64::from(is_first));
    tracing::debug!(family = address_family(session.peer), %error, "HTTP connection failed");
    if error.is_parse() && !read.is_empty() {
        let name = parse_error_name(error, read, is_first && !session.is_tls);
        let telemetry = router.hub().node().telemetry();
        telemetry.record_refusal(RefusalKind::Malformed, name);
    }
}

/// Returns the name of a parse error for the refusal list. Under TLS the first bytes are not checked for TLS.
fn parse_error_name(error: &hyper::Error, read: &[u8], is_plain: bool) -> &'static str {
    /// First byte of a TLS handshake record (RFC 8446, 5.1).
    const TLS_HANDSHAKE: u8 = 0x16;
    if error.is_parse_too_large() {
        "head too long"
    } else if is_plain && read.first() == Some(&TLS_HANDSHAKE) {
        "TLS on a plain listener"
    } else {
        "HTTP"
    }
}

/// Returns the part of an address that may be logged.
pub(crate) fn address_family(address: Option<IpAddr>) -> &'static str {
    match address {
        Some(IpAddr::V4(_)) => "ipv4",
        Some(IpAddr::V6(_)) => "ipv6",
        None => "unix",
    }
}
