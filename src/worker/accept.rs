//! Turns an accepted connection into a WebSocket: handshake slot, PROXY header, TLS, HTTP, upgrade. A connection to the
//! TURN relay leaves this way after TLS.

use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep, timeout};

use super::RunningWorker;
use super::handshake_slots::HandshakeGuard;
use super::turn::Content;
use crate::config::ListenSpec;
use crate::connection;
use crate::http::{self, AcceptedConnection, HttpTimeouts, ProxyHeaderClient, RefusedPage};
use crate::net::forwarded::TrustedProxies;
use crate::net::proxy_protocol::{self, ProxySource};
use crate::net::tls::HandshakeCost;
use crate::net::{Accept, FirstByte, Stream};
use crate::node::{AcceptDecision, ConnectionAdmission};

/// How long accepting pauses when the system is out of file descriptors or memory.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);
/// Shortest time between two log lines about the same error.
const LOG_EVERY: Duration = Duration::from_secs(10);
/// Time limit of a brief connection for sending its request, and again for receiving the response.
const BRIEF_TIMEOUT: Duration = Duration::from_secs(1);

/// An accepted connection; its handshake may hold a slot.
pub(super) type Accepted<S> = AcceptedConnection<S, Option<HandshakeGuard>>;

impl RunningWorker {
    /// Accepts from one listener until the worker stops.
    pub(super) async fn accept<A: Accept>(
        self: Rc<Self>,
        listener: A,
        (number, listen): (u16, ListenSpec),
    ) {
        let mut logged_at: Option<Instant> = None;
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.setup.control.drain.cancelled() => return,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let mut connection = AcceptedConnection {
                        stream,
                        peer,
                        local: None,
                        proxy_header: ProxyHeaderClient::Absent,
                        role: listen.role,
                        listener: number,
                        is_tls: listen.tls,
                        is_brief: false,
                        admission: ConnectionAdmission::new(self.hub.admission()),
                        handshake_guard: None,
                    };
                    // The client behind a proxy is known only after the PROXY header.
                    if !listen.proxy && !self.accepts(&mut connection) {
                        connection.stream.reset();
                        continue;
                    }
                    tokio::select! {
                        () = self.start_connection(connection, listen.proxy) => {}
                        () = self.setup.control.drain.cancelled() => return,
                    }
                }
                Err(error) if is_connection_error(&error) => {
                    self.hub.counters().accepts_failed.add(1);
                }
                Err(error) => {
                    self.hub.counters().accepts_failed.add(1);
                    if is_log_due(logged_at) {
                        logged_at = Some(Instant::now());
                        tracing::error!(%error, %listen, "cannot accept connections");
                    }
                    sleep(ACCEPT_RETRY_DELAY).await;
                }
            }
        }
    }

    /// Starts a connection as soon as its handshake has a slot; later connections wait in the kernel's queue. When
    /// descriptors run short, the connection is a brief one from the reserve, so that requests such as `/healthz` are
    /// still answered. The oldest brief connection is ended for it.
    async fn start_connection<S: Stream + FirstByte>(
        self: &Rc<Self>,
        mut connection: Accepted<S>,
        has_proxy_header: bool,
    ) {
        self.report_connections(1);
        let is_full = self.setup.open_connections.is_full();
        connection.is_brief |= is_full;
        let counters = self.hub.counters();
        let handshakes = if is_full {
            counters.open_files_short.add(1);
            self.log_full();
            &self.brief_handshakes
        } else {
            &self.handshakes
        };
        if handshakes.wait_for_slot().await {
            counters.handshakes_displaced.add(1);
        }
        handshakes.start(|handshake| {
            let worker = Rc::clone(self);
            connection.handshake_guard = Some(handshake);
            let task = worker.serve_accepted(connection, has_proxy_header);
            self.tasks.spawn_local(task).abort_handle()
        });
    }

    /// Asks admission about a new connection, unless its address is that of a trusted proxy. Returns false if it is to
    /// be reset.
    fn accepts<S>(&self, connection: &mut Accepted<S>) -> bool {
        let Some(client) = self.router.client_address(connection.peer) else {
            return true;
        };
        self.hub.advance_to(self.setup.started.elapsed());
        let admission = &connection.admission;
        let decision = admission.accept_connection(client, connection.is_tls);
        // Requests of a brief connection are answered for one second, without an upgrade to WebSocket.
        connection.is_brief |= decision == AcceptDecision::ServeBriefly;
        decision != AcceptDecision::Reset
    }

    fn log_full(&self) {
        if is_log_due(self.full_logged_at.get()) {
            self.full_logged_at.set(Some(Instant::now()));
            tracing::error!(
                connections_max = self.setup.open_connections.max(),
                "file descriptors exhausted: raise the limit of open files"
            );
        }
    }

    /// Runs the stages of a connection: PROXY header, then TLS if the listener uses it, then HTTP.
    async fn serve_accepted<S: Stream + FirstByte>(
        self: Rc<Self>,
        mut connection: Accepted<S>,
        has_proxy_header: bool,
    ) {
        connection.local = connection.stream.local_ip();
        if has_proxy_header {
            if self.read_client(&mut connection).await.is_none() {
                return;
            }
            if !self.accepts(&mut connection) {
                return connection.stream.reset();
            }
        }
        // A brief connection holds its slot until it ends.
        let _brief = if connection.is_brief {
            connection.handshake_guard.take()
        } else {
            None
        };
        let may_be_turn = self.may_be_turn(&connection);
        match self.content_of(&mut connection.stream, may_be_turn).await {
            Content::Other => {}
            Content::Turn => return Box::pin(self.pass_to_relay(connection)).await,
            Content::Nothing => return,
        }
        if connection.is_tls {
            self.serve_tls(connection).await;
        } else {
            self.serve_http(connection).await;
        }
    }

    /// Serves HTTP or TURN over TLS. A separate future, so that plain connections do not carry its state.
    async fn serve_tls<S: Stream + FirstByte>(self: Rc<Self>, connection: Accepted<S>) {
        // The configuration check guarantees certificates for TLS listeners.
        let Some(tls) = &self.setup.tls else { return };
        let (stream, connection) = connection.take_stream();
        let cost = TlsHandshakeCost(&connection.admission);
        let accepted = tokio::select! {
            accepted = tls.accept(stream, self.hub.counters(), cost) => accepted,
            () = self.setup.control.drain.cancelled() => return,
        };
        let Some(mut stream) = accepted else { return };
        let may_be_turn = self.may_be_turn(&connection);
        match self.content_of(&mut stream, may_be_turn).await {
            Content::Other => self.serve_http(connection.with_stream(stream)).await,
            Content::Turn => {
                Box::pin(self.pass_to_relay(connection.with_stream(stream))).await;
            }
            Content::Nothing => {}
        }
    }

    /// Reads the client of a connection from its PROXY header. Returns `None` if the connection is not to be served.
    async fn read_client<S: Stream>(&self, connection: &mut Accepted<S>) -> Option<()> {
        let source = self
            .read_proxy_header(&mut connection.stream, connection.peer)
            .await?;
        match source {
            ProxySource::Client(address)
                if TrustedProxies::is_plausible_client(connection.peer, address) =>
            {
                connection.peer = Some(address);
                connection.proxy_header = ProxyHeaderClient::Named;
            }
            ProxySource::Client(_) => connection.proxy_header = ProxyHeaderClient::Unknown,
            ProxySource::Proxy => {}
        }
        Some(())
    }

    /// Reads the PROXY header and returns its source; `None` if the connection is not to be served.
    async fn read_proxy_header<S: Stream>(
        &self,
        stream: &mut S,
        peer: Option<IpAddr>,
    ) -> Option<ProxySource> {
        let proxy_timeout = self.setup.node.settings().accept.proxy_timeout;
        let read = async {
            if self.router.trusts_proxy_header_of(peer) {
                proxy_protocol::read_header(stream).await
            } else {
                Err(io::ErrorKind::PermissionDenied.into())
            }
        };
        let read = tokio::select! {
            read = timeout(proxy_timeout, read) => read,
            () = self.setup.control.drain.cancelled() => return None,
        };
        match read {
            Ok(Ok(source)) => source,
            failure => {
                self.hub.counters().proxy_headers_failed.add(1);
                let reason = match failure {
                    Ok(Err(error)) => error.to_string(),
                    _ => "timeout".to_owned(),
                };
                tracing::debug!(reason, "PROXY header missing or invalid");
                None
            }
        }
    }

    async fn serve_http<S>(self: Rc<Self>, accepted: Accepted<S>)
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let settings = self.setup.node.settings().accept;
        let longest = if accepted.is_brief {
            BRIEF_TIMEOUT
        } else {
            Duration::MAX
        };
        let timeouts = HttpTimeouts {
            read_head: settings.handshake_timeout.min(longest),
            connection: settings.http_timeout.min(longest),
            send_blocked: settings.stuck_after,
        };
        let upgraded =
            http::serve(accepted, &self.router, timeouts, &self.setup.control.drain).await;
        let Some(upgraded) = upgraded else {
            return;
        };
        if let Some(RefusedPage { reason, claim }) = upgraded.refusal {
            let (stream, counted) = (upgraded.stream, (upgraded.permit, claim));
            self.tasks.spawn_local(async move {
                connection::refuse(stream, reason).await;
                drop(counted);
            });
            return;
        }
        let client_info = upgraded.client_info;
        tracing::debug!(
            family = http::address_family(client_info.address.ip()),
            origin = client_info.origin.as_deref(),
            "WebSocket opened"
        );
        // A separate task, so that no HTTP state stays in memory.
        self.tasks.spawn_local(connection::serve(
            upgraded.stream,
            upgraded.read_ahead,
            (&client_info, upgraded.permit),
            Rc::clone(&self.context),
        ));
    }
}

/// Charges a TLS handshake to the client of a connection.
struct TlsHandshakeCost<'a>(&'a ConnectionAdmission);

impl HandshakeCost for TlsHandshakeCost<'_> {
    fn charge(&mut self) {
        self.0.charge_handshake();
    }

    fn refund(&mut self) {
        self.0.refund_handshake();
    }
}

fn is_log_due(logged_at: Option<Instant>) -> bool {
    logged_at.is_none_or(|at| at.elapsed() >= LOG_EVERY)
}

/// Returns whether the error concerns one client only, such as a disconnect before accept, so that accepting need not
/// pause.
fn is_connection_error(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}
