//! Turns an accepted connection into a WebSocket: handshake slot, PROXY header, TLS, HTTP, upgrade.

use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep, timeout};

use super::Running;
use super::handshakes::Handshake;
use crate::config::{Listen, Role};
use crate::connection;
use crate::http::{self, Arrival, Introduced, Timeouts};
use crate::hub::{Accepted, Hub};
use crate::limits::HandshakeCharge;
use crate::net::address::Proxies;
use crate::net::proxy::{self, Source};
use crate::net::tls::HandshakeCost;
use crate::net::{Accept, Stream};

/// How long accepting pauses when the system is out of file descriptors or memory.
const ACCEPT_REST: Duration = Duration::from_millis(100);
/// Shortest time between two log lines about the same error.
const LOG_EVERY: Duration = Duration::from_secs(10);
/// Time limit of a brief connection for sending its request, and again for receiving the response.
const HURRIED: Duration = Duration::from_secs(1);

/// The options of one listener.
#[derive(Debug, Clone, Copy)]
struct Door {
    tls: bool,
    proxy: bool,
    role: Role,
    listener: u16,
}

/// How a connection is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    /// Without a time limit.
    Full,
    /// Requests are answered for one second, without an upgrade to WebSocket: there is no room, or the address is
    /// banned.
    Brief,
}

impl Running {
    /// Accepts from one listener until the worker stops.
    pub(super) async fn accept<A: Accept>(
        self: Rc<Self>,
        listener: A,
        (number, listen): (u16, Listen),
    ) {
        let options = Door {
            listener: number,
            tls: listen.tls,
            proxy: listen.proxy,
            role: listen.role,
        };
        let mut logged_at: Option<Instant> = None;
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.seat.orders.leave.cancelled() => return,
            };
            match accepted {
                Ok((stream, peer)) => {
                    // The client behind a proxy is known only after the PROXY header.
                    let level = if options.proxy {
                        Some(Service::Full)
                    } else {
                        self.service_for(peer, options)
                    };
                    let Some(level) = level else {
                        stream.reset();
                        continue;
                    };
                    tokio::select! {
                        () = self.begin(stream, peer, options, level) => {}
                        () = self.seat.orders.leave.cancelled() => return,
                    }
                }
                Err(error) if is_of_one_connection(&error) => {
                    self.hub.counters().accepts_failed.add(1);
                }
                Err(error) => {
                    self.hub.counters().accepts_failed.add(1);
                    if is_due(logged_at) {
                        logged_at = Some(Instant::now());
                        tracing::error!(%error, %listen, "cannot accept connections");
                    }
                    sleep(ACCEPT_REST).await;
                }
            }
        }
    }

    /// Starts a connection as soon as its handshake has a slot; later connections wait in the kernel's queue. When
    /// descriptors run short, the connection is a brief one from the reserve, so that requests such as `/healthz` are
    /// still answered. The oldest brief connection is ended for it.
    async fn begin<S: Stream>(
        self: &Rc<Self>,
        stream: S,
        peer: Option<IpAddr>,
        options: Door,
        level: Service,
    ) {
        self.tell_sockets(1);
        let is_full = self.seat.sockets.are_full();
        let level = if is_full { Service::Brief } else { level };
        let counters = self.hub.counters();
        let handshakes = if is_full {
            counters.open_files_short.add(1);
            self.tell_full();
            &self.hurried
        } else {
            &self.handshakes
        };
        if handshakes.room().await {
            counters.handshakes_displaced.add(1);
        }
        handshakes.begin(|handshake| {
            let worker = Rc::clone(self);
            let task = worker.receive(stream, peer, options, level, handshake);
            self.tasks.spawn_local(task).abort_handle()
        });
    }

    /// Returns how to serve a client at this address (not a proxy's address); `None` if the connection is to be reset.
    fn service_for(&self, address: Option<IpAddr>, options: Door) -> Option<Service> {
        let Some(client) = self.site.client_of(address) else {
            return Some(Service::Full);
        };
        self.hub.advance_to(self.seat.started.elapsed());
        match self.hub.accept(client) {
            Accepted::Serve => Some(Service::Full),
            // A response over TLS would cost a signature.
            Accepted::Banned if options.tls => {
                self.hub.counters().refused_bans.add(1);
                None
            }
            Accepted::Banned => Some(Service::Brief),
            Accepted::TooMany => None,
        }
    }

    fn tell_full(&self) {
        if is_due(self.told_full.get()) {
            self.told_full.set(Some(Instant::now()));
            tracing::error!(
                connections_max = self.seat.sockets.max(),
                "file descriptors exhausted: raise the limit of open files"
            );
        }
    }

    /// Runs the stages of a connection: PROXY header, then TLS if the listener uses it, then HTTP.
    async fn receive<S: Stream>(
        self: Rc<Self>,
        mut stream: S,
        peer: Option<IpAddr>,
        options: Door,
        mut level: Service,
        handshake: Handshake,
    ) {
        let (mut peer, mut introduced) = (peer, Introduced::No);
        if options.proxy {
            match self.introduced(&mut stream, peer).await {
                Some(Source::Client(address)) if Proxies::may_tell(peer, address) => {
                    (peer, introduced) = (Some(address), Introduced::Named);
                }
                Some(Source::Client(_)) => introduced = Introduced::Unnamed,
                Some(Source::Proxy) => {}
                None => return,
            }
            match self.service_for(peer, options) {
                Some(Service::Full) => {}
                Some(Service::Brief) => level = Service::Brief,
                None => return stream.reset(),
            }
        }
        let is_hurried = level == Service::Brief;
        // A brief connection holds its slot until it ends.
        let (_brief, handshake) = if is_hurried {
            (Some(handshake), None)
        } else {
            (None, Some(handshake))
        };
        let arrival = Arrival {
            stream,
            peer,
            introduced,
            role: options.role,
            listener: options.listener,
            is_tls: options.tls,
            is_hurried,
            handshake,
        };
        if options.tls {
            self.serve_tls(arrival).await;
        } else {
            self.serve_http(arrival).await;
        }
    }

    /// Serves HTTP over TLS. A separate future, so that plain connections do not carry its state.
    async fn serve_tls<S: Stream>(self: Rc<Self>, arrival: Arrival<S, Option<Handshake>>) {
        // The configuration check guarantees certificates for TLS listeners.
        let Some(tls) = &self.seat.tls else { return };
        let cost = Cost {
            hub: &self.hub,
            client: self.site.client_of(arrival.peer),
            charge: None,
        };
        let accepted = tokio::select! {
            accepted = tls.accept(arrival.stream, self.hub.counters(), cost) => accepted,
            () = self.seat.orders.leave.cancelled() => return,
        };
        let Some(stream) = accepted else { return };
        let arrival = Arrival {
            stream,
            peer: arrival.peer,
            introduced: arrival.introduced,
            role: arrival.role,
            listener: arrival.listener,
            is_tls: arrival.is_tls,
            is_hurried: arrival.is_hurried,
            handshake: arrival.handshake,
        };
        self.serve_http(arrival).await;
    }

    /// Reads the PROXY header and returns its source; `None` if the connection is not to be served.
    async fn introduced<S: Stream>(&self, stream: &mut S, peer: Option<IpAddr>) -> Option<Source> {
        let read = async {
            if self.site.may_introduce(peer) {
                proxy::read(stream).await
            } else {
                Err(io::ErrorKind::PermissionDenied.into())
            }
        };
        let read = tokio::select! {
            read = timeout(self.proxy_timeout.get(), read) => read,
            () = self.seat.orders.leave.cancelled() => return None,
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

    async fn serve_http<S>(self: Rc<Self>, arrival: Arrival<S, Option<Handshake>>)
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let Timeouts {
            mut head,
            mut whole,
            stuck,
        } = self.timeouts.get();
        if arrival.is_hurried {
            head = head.min(HURRIED);
            whole = whole.min(HURRIED);
        }
        let timeouts = Timeouts { head, whole, stuck };
        let upgraded = http::serve(arrival, &self.site, timeouts, &self.seat.orders.leave).await;
        let Some(upgraded) = upgraded else {
            return;
        };
        let visitor = upgraded.visitor;
        tracing::debug!(
            family = http::family(visitor.address),
            origin = visitor.origin.as_deref(),
            "WebSocket opened"
        );
        // A separate task, so that no HTTP state stays in memory.
        self.tasks.spawn_local(connection::serve(
            upgraded.stream,
            upgraded.read_ahead,
            &visitor,
            Rc::clone(&self.around),
        ));
        // From here on the hub counts the connection.
        drop(upgraded.guest);
    }
}

/// Charges a TLS handshake to the address of its client.
struct Cost<'a> {
    hub: &'a Hub,
    client: Option<IpAddr>,
    charge: Option<HandshakeCharge>,
}

impl HandshakeCost for Cost<'_> {
    fn charge(&mut self) {
        self.charge = self
            .client
            .and_then(|client| self.hub.charge_handshake(client));
    }

    fn give_back(&mut self) {
        if let Some(charge) = self.charge.take() {
            self.hub.give_back_handshake(charge);
        }
    }
}

impl Drop for Cost<'_> {
    fn drop(&mut self) {
        if self.charge.is_some() {
            self.hub.note_failed_handshake();
        }
    }
}

fn is_due(logged_at: Option<Instant>) -> bool {
    logged_at.is_none_or(|at| at.elapsed() >= LOG_EVERY)
}

/// Returns whether the error concerns one client only, such as a disconnect before accept, so that accepting need not
/// pause.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}
