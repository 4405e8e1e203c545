//! Serves HTTP/1.1 on an accepted connection until the connection becomes a WebSocket or ends.
//!
//! Serves the pages, their assets, the small API and the tracker over HTTP. Hands upgraded connections back to the
//! worker. Contains no tracking rules.

mod accounting;
mod admission;
mod api;
mod assets;
mod base_path;
mod browser;
mod connection_monitor;
mod handshake;
mod host;
mod http_tracker;
mod local;
mod metrics;
mod own_origin;
mod page_urls;
mod reference_stats;
mod response_body;
mod response_cache;
mod response_headers;
mod router;
mod scrape_stream;
mod server_control;
mod transport;
mod upgrade;

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue, ORIGIN, STRICT_TRANSPORT_SECURITY};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::config::ListenerRole;
use crate::limits::Limited;
use crate::metrics::RefusalKind;
use crate::net::forwarded::ForwardedClient;
use crate::node::{ClientInfo, ConnectionAdmission, ConnectionPermit};
use crate::protocol::http::{HttpFailure, HttpRequestKind};
use api::admin::CallerAddress;
use api::live_stats::{EventsTaken, PROGRESS_TIMEOUT};
use connection_monitor::{ConnectionMonitor, HttpCloseReason, MonitoredStream};
use local::IsLocal;
use transport::{HttpTransport, PeerStatus};
use upgrade::UpgradeRequest;

pub(crate) use router::{AppState, WorkerRouter};
pub(crate) use server_control::{
    ActiveSettings, BoxFuture, ServerControl, SettingsChange, SettingsChangeResult,
};

/// Maximum size of a request head in bytes, and of the bytes that may follow it before the upgrade is answered.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// The settings `connection.handshake_timeout`, `connection.http_timeout` and `connection.stuck_after`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HttpTimeouts {
    /// Limit for reading the head of a request.
    pub(crate) read_head: Duration,
    /// Limit for the whole connection, unless it becomes a WebSocket.
    pub(crate) connection: Duration,
    /// Limit until the client takes the next byte of a response.
    pub(crate) send_blocked: Duration,
}

/// The client of a connection according to its PROXY header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProxyHeaderClient {
    /// There was no header, or it described the proxy itself.
    Absent,
    /// The header named the client.
    Named,
    /// The header carried an address that its sender cannot know to be the client's.
    Unknown,
}

/// An accepted connection and the facts that its listener supplies.
#[derive(Debug)]
pub(crate) struct AcceptedConnection<S, H> {
    pub(crate) stream: S,
    /// The peer address, or the address in its PROXY header; `None` for a Unix socket.
    pub(crate) peer: Option<IpAddr>,
    /// The client according to the PROXY header.
    pub(crate) proxy_header: ProxyHeaderClient,
    /// What its listener serves.
    pub(crate) role: ListenerRole,
    /// The index of its listener.
    pub(crate) listener: u16,
    /// Whether it uses TLS.
    pub(crate) is_tls: bool,
    /// Whether the server has room for it only briefly: requests are answered, but it cannot become a WebSocket.
    pub(crate) is_over_capacity: bool,
    /// Its admission, which was asked at its accept.
    pub(crate) admission: ConnectionAdmission,
    /// Dropped when its first request has been read completely.
    pub(crate) handshake_guard: H,
}

impl<S, H> AcceptedConnection<S, H> {
    /// Takes the stream out, to be replaced [`with_stream`](AcceptedConnection::with_stream) by one that encrypts it.
    pub(crate) fn take_stream(self) -> (S, AcceptedConnection<(), H>) {
        let rest = AcceptedConnection {
            stream: (),
            peer: self.peer,
            proxy_header: self.proxy_header,
            role: self.role,
            listener: self.listener,
            is_tls: self.is_tls,
            is_over_capacity: self.is_over_capacity,
            admission: self.admission,
            handshake_guard: self.handshake_guard,
        };
        (self.stream, rest)
    }

    /// Returns the connection with another stream.
    pub(crate) fn with_stream<T>(self, stream: T) -> AcceptedConnection<T, H> {
        AcceptedConnection {
            stream,
            peer: self.peer,
            proxy_header: self.proxy_header,
            role: self.role,
            listener: self.listener,
            is_tls: self.is_tls,
            is_over_capacity: self.is_over_capacity,
            admission: self.admission,
            handshake_guard: self.handshake_guard,
        }
    }
}

/// A connection that has become a WebSocket.
#[derive(Debug)]
pub(crate) struct Upgraded<S> {
    /// The connection.
    pub(crate) stream: S,
    /// Bytes that were read after the request.
    pub(crate) read_ahead: Vec<u8>,
    /// The client that requested the upgrade.
    pub(crate) client_info: ClientInfo,
    /// Counts the connection until the WebSocket is opened.
    pub(crate) permit: Option<ConnectionPermit>,
}

/// Serves HTTP requests until the connection ends, becomes a WebSocket, or `stop` is cancelled.
#[expect(clippy::too_many_lines, reason = "to be split")]
pub(crate) async fn serve<S, H>(
    arrival: AcceptedConnection<S, H>,
    site: &Rc<WorkerRouter>,
    timeouts: HttpTimeouts,
    stop: &CancellationToken,
) -> Option<Upgraded<S>>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    H: 'static,
{
    let (monitor, _guard) = site.monitors().register();
    let client = arrival.admission.client();
    monitor.set_client(client.ip(), || site.hub().admission().address_group(client));
    let transport = HttpTransport::new(MonitoredStream::new(arrival.stream, Rc::clone(&monitor)));
    let session = Rc::new(HttpSession {
        monitor: Rc::clone(&monitor),
        accounting: RefCell::default(),
        peer_status: RefCell::new(Some(transport.peer_status())),
        is_tls: arrival.is_tls,
        router: Rc::clone(site),
        peer: arrival.peer,
        proxy_header: arrival.proxy_header,
        role: arrival.role,
        listener: arrival.listener,
        is_over_capacity: arrival.is_over_capacity,
        handshake_guard: Cell::new(Some(arrival.handshake_guard)),
        admission: arrival.admission,
        upgraded_client: Cell::default(),
        events_taken: RefCell::default(),
    });
    let service = service_fn({
        let session = Rc::clone(&session);
        move |request| Box::pin(accounting::serve_request(request, Rc::clone(&session)))
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timeouts.read_head)
        .max_buf_size(HEAD_BYTES_MAX)
        // A client that closed its sending side may still wait for responses, or its requests count without them
        // (RFC 9112, 9.6).
        .half_close(true)
        .serve_connection(TokioIo::new(transport), service);
    let ended = tokio::select! {
        done = poll_fn(|cx| connection.poll_without_shutdown(cx)) => Some(done),
        () = session.live_stream_abandoned() => return None,
        () = stop.cancelled() => None,
        () = session.time_limit_reached(timeouts.connection) => {
            site.counters().http_timed_out.add(1);
            None
        }
        reason = monitor.close_requested(timeouts.send_blocked) => {
            tracing::debug!(family = address_family(session.peer), ?reason, "HTTP connection closed");
            let counters = site.counters();
            let counter = match reason {
                HttpCloseReason::Stuck => &counters.http_stuck,
                HttpCloseReason::Shed => &counters.http_shed,
            };
            counter.add(1);
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
        // An idle connection that has already served a request has not failed.
        let is_first = session.handshake_guard.take().is_some();
        site.counters().handshakes_failed.add(u64::from(is_first));
        tracing::debug!(family = address_family(session.peer), %error, "HTTP connection failed");
        let read = connection.into_parts().read_buf;
        if error.is_parse() && !read.is_empty() {
            let name = parse_error_name(&error, &read, is_first && !session.is_tls);
            let node = site.hub().node();
            node.telemetry()
                .record_refusal(RefusalKind::Malformed, name);
        }
        return None;
    }
    let parts = connection.into_parts();
    let cannot_send = session.cannot_send();
    session.peer_status.take();
    let (stream, read_ahead) = parts.io.into_inner().into_parts()?;
    let mut stream = stream.into_inner();
    if let Some(client_info) = session.upgraded_client.take().filter(|_| !cannot_send) {
        return Some(Upgraded {
            stream,
            read_ahead: [&parts.read_buf, &*read_ahead].concat(),
            client_info,
            permit: session.admission.take_permit(),
        });
    }
    // The response has been sent; a failed shutdown does not matter.
    let _ = timeout(timeouts.send_blocked, stream.shutdown()).await;
    None
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

/// State shared by the requests of one HTTP connection.
struct HttpSession<H> {
    /// Monitors unsent data and memory of the connection.
    monitor: Rc<ConnectionMonitor>,
    /// Accounting of the current request.
    accounting: RefCell<accounting::RequestAccounting>,
    /// Status of the peer; taken when nothing more is served.
    peer_status: RefCell<Option<Rc<dyn PeerStatus>>>,
    router: Rc<WorkerRouter>,
    peer: Option<IpAddr>,
    proxy_header: ProxyHeaderClient,
    role: ListenerRole,
    listener: u16,
    is_over_capacity: bool,
    is_tls: bool,
    handshake_guard: Cell<Option<H>>,
    admission: ConnectionAdmission,
    /// The client; set when the connection becomes a WebSocket.
    upgraded_client: Cell<Option<ClientInfo>>,
    /// Number of events taken; set while the last response is the live stream.
    events_taken: RefCell<Option<EventsTaken>>,
}

#[expect(clippy::too_many_lines, reason = "to be split")]
async fn handle_request<H>(
    mut request: Request<Incoming>,
    session: Rc<HttpSession<H>>,
) -> Result<Response<Body>, Infallible> {
    drop(session.handshake_guard.take());
    base_path::strip(
        &mut request,
        session.router.shared().live_settings().base_path.as_deref(),
    );
    let tracker_request = http_tracker::tracker_request(&request);
    // A response that has no reader is skipped if the request changes nothing.
    if session.cannot_send()
        && is_safe_method(request.method())
        && tracker_request != Some(HttpRequestKind::Announce)
    {
        return Ok(Response::new(Body::empty()));
    }
    let client = session.resolve_client(&request);
    let client_info = session.client_info(&request, &client);
    let admission = session.router.hub().admission();
    let caller = CallerAddress(admission.shared().payer_of(client_info.address));
    session
        .monitor
        .set_client(caller.0.ip(), || admission.address_group(caller.0));
    let upgrade_request = upgrade::upgrade_request(request.headers());
    let tracker_request = tracker_request.filter(|_| upgrade_request == UpgradeRequest::None);
    // Health and metrics probes are answered at any load.
    let local = session.is_local(&request, &client);
    let is_probe = upgrade_request == UpgradeRequest::None
        && tracker_request.is_none()
        && session.is_probe(&request, &client_info, local);
    let flags = (
        is_probe,
        upgrade_request != UpgradeRequest::None,
        tracker_request.is_some(),
    );
    let mut response = if let Some(fault) = host::host_error(&request) {
        session.malformed_response(&request, tracker_request, fault)
    } else if let Err(limited) = session.admit(&request, (&client_info, caller), flags)
        && !frees_capacity(limited, &request, tracker_request)
    {
        session.limited_response(limited, upgrade_request, tracker_request)
    } else if upgrade_request != UpgradeRequest::None {
        session
            .upgrade(&request, client_info, upgrade_request)
            .await
    } else if let Some(which) = tracker_request {
        http_tracker::respond(
            which,
            &request,
            &client_info,
            (&session.router, session.role),
        )
    } else {
        request.extensions_mut().insert(caller);
        request.extensions_mut().insert(local);
        session
            .router
            .route(request, &client_info, session.role)
            .await
    };
    session
        .events_taken
        .replace(response.extensions().get().cloned());
    let headers = response.headers_mut();
    // An uncounted connection must close, or it would bypass the limits.
    if session.is_over_capacity || !session.admission.has_permit() {
        // A response that asks for an upgrade carries both tokens.
        let has_upgrade = headers
            .get(CONNECTION)
            .is_some_and(|value| value == "Upgrade");
        let value = if has_upgrade {
            "Upgrade, close"
        } else {
            "close"
        };
        headers.insert(CONNECTION, HeaderValue::from_static(value));
    }
    if session.is_tls
        && let Some(policy) = session.router.shared().live_settings().transport_security()
    {
        headers.insert(STRICT_TRANSPORT_SECURITY, policy.clone());
    }
    response_headers::remove_duplicates(response.headers_mut());
    Ok(response)
}

/// Returns whether a request frees a scarce resource: an HTTP peer may always leave, even when the server is full.
fn frees_capacity<B>(
    limited: Limited,
    request: &Request<B>,
    tracker_request: Option<HttpRequestKind>,
) -> bool {
    let is_full = matches!(limited, Limited::Memory | Limited::Connections);
    is_full
        && tracker_request == Some(HttpRequestKind::Announce)
        && http_tracker::target(request).is_stopped()
}

/// Returns whether a method is safe (RFC 9110, 9.2.1).
fn is_safe_method(method: &Method) -> bool {
    [Method::GET, Method::HEAD].contains(method)
}

impl<H> HttpSession<H> {
    /// Completes when the time limit of the connection is over. A client of the live statistics may stay while it takes
    /// events.
    async fn time_limit_reached(&self, limit: Duration) {
        sleep(limit).await;
        let events_taken = || self.events_taken.borrow().as_ref().map(EventsTaken::count);
        let mut before = None;
        while let now @ Some(_) = events_taken()
            && now != before
        {
            before = now;
            sleep(PROGRESS_TIMEOUT).await;
        }
    }

    /// Returns whether responses can no longer be delivered.
    fn cannot_send(&self) -> bool {
        let far = self.peer_status.borrow();
        far.as_ref().is_none_or(|far| far.cannot_send())
    }

    /// Completes when the last response is the endless live stream and nothing can be delivered any more. Each chunk of
    /// the stream polls this again.
    async fn live_stream_abandoned(&self) {
        poll_fn(|_| {
            if self.cannot_send() && self.events_taken.borrow().is_some() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Completes when the client has closed its side.
    async fn client_closed(&self) {
        poll_fn(|cx| match &*self.peer_status.borrow() {
            Some(far) => far.poll_read_closed(cx),
            None => Poll::Ready(()),
        })
        .await;
    }

    /// Returns the response to a request that violates HTTP. The connection closes after it.
    fn malformed_response<B>(
        &self,
        request: &Request<B>,
        tracker_request: Option<HttpRequestKind>,
        fault: &'static str,
    ) -> Response<Body> {
        let mut response = if tracker_request.is_some() {
            http_tracker::malformed_response(&self.router, http_tracker::target(request), fault)
        } else {
            self.router.hub().count_failure(HttpFailure::Host, fault);
            upgrade::text_response(StatusCode::BAD_REQUEST, host::INVALID_HOST_TEXT)
        };
        *response.status_mut() = StatusCode::BAD_REQUEST;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }

    /// Returns whether a request is a health or metrics probe, which is answered at any load. Health is public; metrics
    /// are refused to banned clients unless they are local or show a token.
    fn is_probe<B>(
        &self,
        request: &Request<B>,
        client_info: &ClientInfo,
        IsLocal(is_local): IsLocal,
    ) -> bool {
        let path = request.uri().path();
        let is_metrics = path == router::METRICS || self.role == ListenerRole::Metrics;
        if !is_metrics {
            return router::PROBE_PATHS.contains(&path);
        }
        is_local
            || self.admission.check_ban(client_info).is_ok()
            || metrics::has_metrics_token(
                self.router.shared(),
                request.headers(),
                client_info.address.ip(),
            )
    }

    /// Returns whether a request comes from this machine.
    fn is_local<B>(&self, request: &Request<B>, client: &ForwardedClient) -> IsLocal {
        let shared = self.router.shared();
        let live = shared.live_settings();
        let client = ForwardedClient {
            is_forwarded: client.is_forwarded || self.proxy_header == ProxyHeaderClient::Named,
            ..*client
        };
        IsLocal::decide(request, &client, &live.proxies, &shared.loopback_proxy)
    }

    /// Checks whether the limits of the address and of the server allow the request now.
    fn admit<B>(
        &self,
        request: &Request<B>,
        (client_info, caller): (&ClientInfo, CallerAddress),
        (is_probe, is_upgrade, is_bencoded): (bool, bool, bool),
    ) -> Result<(), Limited> {
        let mut allowed = if is_probe {
            Ok(())
        } else {
            self.admission.admit_connection(client_info)
        };
        // A request with the admin token bypasses exhausted limits; its connection closes afterwards.
        if allowed.is_err() && !is_upgrade && self.shows_admin_token(request.headers(), caller) {
            allowed = Ok(());
        }
        let has_cpu_budget = self.check_cpu_budget(request, caller, (is_probe, is_bencoded));
        // WebSockets have their own limits; a refused upgrade is charged afterwards.
        allowed.and(if is_upgrade { Ok(()) } else { has_cpu_budget })
    }

    /// Returns the response to a request that a limit refuses.
    fn limited_response(
        &self,
        limited: Limited,
        upgrade_request: UpgradeRequest,
        tracker_request: Option<HttpRequestKind>,
    ) -> Response<Body> {
        let counters = self.router.counters();
        counters
            .upgrades_refused
            .add(u64::from(upgrade_request != UpgradeRequest::None));
        let is_time = matches!(limited, Limited::AddressCpuTime(_));
        counters
            .refused_address_http_time_per_second
            .add(u64::from(is_time));
        self.router.hub().node().telemetry().record_limited(limited);
        match tracker_request {
            Some(_) => http_tracker::limited_response(limited),
            None => admission::limited_response(limited),
        }
    }

    /// Returns the client of a request, as reported by the trusted proxies in front.
    fn resolve_client<B>(&self, request: &Request<B>) -> ForwardedClient {
        let live = self.router.shared().live_settings();
        let values = request.headers().get_all(live.proxies.header()).iter();
        let reported = live
            .proxies
            .resolve_client(self.peer, values.map(HeaderValue::as_bytes));
        ForwardedClient {
            is_malformed: reported.is_malformed || self.proxy_header == ProxyHeaderClient::Unknown,
            ..reported
        }
    }

    /// Returns the client details that the hub needs, and counts how the address was determined.
    fn client_info<B>(&self, request: &Request<B>, client: &ForwardedClient) -> ClientInfo {
        let (headers, counters) = (request.headers(), self.router.counters());
        counters
            .addresses_forwarded
            .add(u64::from(client.is_forwarded));
        counters
            .forwarded_malformed
            .add(u64::from(client.is_malformed));
        if client.is_malformed {
            let shared = self.router.shared();
            let live = shared.live_settings();
            shared.log_unnamed_client(if self.proxy_header == ProxyHeaderClient::Unknown {
                "PROXY"
            } else {
                live.proxies.header()
            });
        }
        counters
            .forwarded_untrusted
            .add(u64::from(client.is_untrusted));
        let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
        ClientInfo {
            address: self.admission.identify(client.address, client.is_malformed),
            origin: origin.map(Box::from),
            listener: self.listener,
        }
    }
}

#[cfg(test)]
mod tests;
