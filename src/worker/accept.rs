//! Turns an accepted connection into a WebSocket: handshake slot, PROXY header, TLS, HTTP, upgrade.

use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep, timeout};

use super::RunningWorker;
use super::handshakes::HandshakeGuard;
use crate::config::{ListenSpec, ListenerRole};
use crate::connection;
use crate::http::{self, AcceptedConnection, HttpTimeouts, ProxyHeaderClient};
use crate::hub::Hub;
use crate::limits::HandshakeCharge;
use crate::net::forwarded::TrustedProxies;
use crate::net::proxy_protocol::{self, ProxySource};
use crate::net::tls::HandshakeCost;
use crate::net::{Accept, Stream};
use crate::node::{AcceptDecision, ClientAddress};

/// How long accepting pauses when the system is out of file descriptors or memory.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);
/// Shortest time between two log lines about the same error.
const LOG_EVERY: Duration = Duration::from_secs(10);
/// Time limit of a brief connection for sending its request, and again for receiving the response.
const BRIEF_TIMEOUT: Duration = Duration::from_secs(1);

/// The options of one listener.
#[derive(Debug, Clone, Copy)]
struct ListenerOptions {
    tls: bool,
    proxy: bool,
    role: ListenerRole,
    listener: u16,
}

/// How a connection is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ServiceLevel {
    /// With upgrades, and the timeouts of the configuration.
    Full,
    /// Requests are answered for one second, without an upgrade to WebSocket: there is no room, or the address is
    /// banned.
    Brief,
}

impl RunningWorker {
    /// Accepts from one listener until the worker stops.
    pub(super) async fn accept<A: Accept>(
        self: Rc<Self>,
        listener: A,
        (number, listen): (u16, ListenSpec),
    ) {
        let options = ListenerOptions {
            listener: number,
            tls: listen.tls,
            proxy: listen.proxy,
            role: listen.role,
        };
        let mut logged_at: Option<Instant> = None;
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.setup.control.drain.cancelled() => return,
            };
            match accepted {
                Ok((stream, peer)) => {
                    // The client behind a proxy is known only after the PROXY header.
                    let level = if options.proxy {
                        Some(ServiceLevel::Full)
                    } else {
                        self.service_level(peer, options)
                    };
                    let Some(level) = level else {
                        stream.reset();
                        continue;
                    };
                    tokio::select! {
                        () = self.start_connection(stream, peer, options, level) => {}
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
    async fn start_connection<S: Stream>(
        self: &Rc<Self>,
        stream: S,
        peer: Option<IpAddr>,
        options: ListenerOptions,
        level: ServiceLevel,
    ) {
        self.report_connections(1);
        let is_full = self.setup.sockets.is_full();
        let level = if is_full { ServiceLevel::Brief } else { level };
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
            let task = worker.serve_accepted(stream, peer, options, (level, handshake));
            self.tasks.spawn_local(task).abort_handle()
        });
    }

    /// Returns how to serve a client at this address (not a proxy's address); `None` if the connection is to be reset.
    fn service_level(
        &self,
        address: Option<IpAddr>,
        options: ListenerOptions,
    ) -> Option<ServiceLevel> {
        let Some(client) = self.router.client_address(address) else {
            return Some(ServiceLevel::Full);
        };
        self.hub.advance_to(self.setup.started.elapsed());
        let admission = self.hub.admission();
        let client = admission.shared().client_address(Some(client), false);
        match admission.accept_connection(client) {
            AcceptDecision::Serve => Some(ServiceLevel::Full),
            // A response over TLS would cost a signature.
            AcceptDecision::Banned if options.tls => {
                self.hub.counters().refused_bans.add(1);
                None
            }
            AcceptDecision::Banned => Some(ServiceLevel::Brief),
            AcceptDecision::RateLimited => None,
        }
    }

    fn log_full(&self) {
        if is_log_due(self.full_logged_at.get()) {
            self.full_logged_at.set(Some(Instant::now()));
            tracing::error!(
                connections_max = self.setup.sockets.max(),
                "file descriptors exhausted: raise the limit of open files"
            );
        }
    }

    /// Runs the stages of a connection: PROXY header, then TLS if the listener uses it, then HTTP.
    async fn serve_accepted<S: Stream>(
        self: Rc<Self>,
        mut stream: S,
        peer: Option<IpAddr>,
        options: ListenerOptions,
        (mut level, handshake): (ServiceLevel, HandshakeGuard),
    ) {
        let (mut peer, mut introduced) = (peer, ProxyHeaderClient::Absent);
        if options.proxy {
            match self.read_proxy_header(&mut stream, peer).await {
                Some(ProxySource::Client(address))
                    if TrustedProxies::is_plausible_client(peer, address) =>
                {
                    (peer, introduced) = (Some(address), ProxyHeaderClient::Named);
                }
                Some(ProxySource::Client(_)) => introduced = ProxyHeaderClient::Unknown,
                Some(ProxySource::Proxy) => {}
                None => return,
            }
            match self.service_level(peer, options) {
                Some(ServiceLevel::Full) => {}
                Some(ServiceLevel::Brief) => level = ServiceLevel::Brief,
                None => return stream.reset(),
            }
        }
        let is_over_capacity = level == ServiceLevel::Brief;
        // A brief connection holds its slot until it ends.
        let (_brief, handshake) = if is_over_capacity {
            (Some(handshake), None)
        } else {
            (None, Some(handshake))
        };
        let arrival = AcceptedConnection {
            stream,
            peer,
            proxy_header: introduced,
            role: options.role,
            listener: options.listener,
            is_tls: options.tls,
            is_over_capacity,
            handshake_guard: handshake,
        };
        if options.tls {
            self.serve_tls(arrival).await;
        } else {
            self.serve_http(arrival).await;
        }
    }

    /// Serves HTTP over TLS. A separate future, so that plain connections do not carry its state.
    async fn serve_tls<S: Stream>(
        self: Rc<Self>,
        arrival: AcceptedConnection<S, Option<HandshakeGuard>>,
    ) {
        // The configuration check guarantees certificates for TLS listeners.
        let Some(tls) = &self.setup.tls else { return };
        let cost = ClientHandshakeCost {
            hub: &self.hub,
            client: self.router.client_address(arrival.peer).map(|client| {
                let admission = self.hub.admission().shared();
                admission.client_address(Some(client), false)
            }),
            charge: None,
        };
        let accepted = tokio::select! {
            accepted = tls.accept(arrival.stream, self.hub.counters(), cost) => accepted,
            () = self.setup.control.drain.cancelled() => return,
        };
        let Some(stream) = accepted else { return };
        let arrival = AcceptedConnection {
            stream,
            peer: arrival.peer,
            proxy_header: arrival.proxy_header,
            role: arrival.role,
            listener: arrival.listener,
            is_tls: arrival.is_tls,
            is_over_capacity: arrival.is_over_capacity,
            handshake_guard: arrival.handshake_guard,
        };
        self.serve_http(arrival).await;
    }

    /// Reads the PROXY header and returns its source; `None` if the connection is not to be served.
    async fn read_proxy_header<S: Stream>(
        &self,
        stream: &mut S,
        peer: Option<IpAddr>,
    ) -> Option<ProxySource> {
        let read = async {
            if self.router.trusts_proxy_header_of(peer) {
                proxy_protocol::read_header(stream).await
            } else {
                Err(io::ErrorKind::PermissionDenied.into())
            }
        };
        let read = tokio::select! {
            read = timeout(self.proxy_timeout.get(), read) => read,
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

    async fn serve_http<S>(self: Rc<Self>, arrival: AcceptedConnection<S, Option<HandshakeGuard>>)
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let HttpTimeouts {
            read_head: mut head,
            connection: mut whole,
            send_blocked: stuck,
        } = self.timeouts.get();
        if arrival.is_over_capacity {
            head = head.min(BRIEF_TIMEOUT);
            whole = whole.min(BRIEF_TIMEOUT);
        }
        let timeouts = HttpTimeouts {
            read_head: head,
            connection: whole,
            send_blocked: stuck,
        };
        let upgraded =
            http::serve(arrival, &self.router, timeouts, &self.setup.control.drain).await;
        let Some(upgraded) = upgraded else {
            return;
        };
        let visitor = upgraded.client_info;
        tracing::debug!(
            family = http::address_family(visitor.address.ip()),
            origin = visitor.origin.as_deref(),
            "WebSocket opened"
        );
        // A separate task, so that no HTTP state stays in memory.
        self.tasks.spawn_local(connection::serve(
            upgraded.stream,
            upgraded.read_ahead,
            &visitor,
            Rc::clone(&self.context),
        ));
        // From here on the hub counts the connection.
        drop(upgraded.permit);
    }
}

/// Charges a TLS handshake to the address of its client.
struct ClientHandshakeCost<'a> {
    hub: &'a Hub,
    client: Option<ClientAddress>,
    charge: Option<HandshakeCharge>,
}

impl HandshakeCost for ClientHandshakeCost<'_> {
    fn charge(&mut self) {
        self.charge = self
            .client
            .and_then(|client| self.hub.admission().charge_handshake(client));
    }

    fn refund(&mut self) {
        if let Some(charge) = self.charge.take() {
            self.hub.admission().refund_handshake(charge);
        }
    }
}

impl Drop for ClientHandshakeCost<'_> {
    fn drop(&mut self) {
        if self.charge.is_some() {
            self.hub.admission().count_failed_handshake();
        }
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
