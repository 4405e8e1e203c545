//! From an accepted connection to a WebSocket: room for it, PROXY header, HTTP, upgrade.

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

/// How long accepting rests when the system refuses for want of file descriptors or memory.
const ACCEPT_REST: Duration = Duration::from_millis(100);
/// How often the same trouble is logged at most.
const LOG_EVERY: Duration = Duration::from_secs(10);
/// How long a connection that was accepted without room for it may take for a request, and again for the response.
const HURRIED: Duration = Duration::from_secs(1);

/// What is done with the connections of one listener.
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
    /// For as long as it likes.
    Full,
    /// Its requests of a second are answered, and it does not become a WebSocket: there is no room, or it is banned.
    Brief,
}

impl Running {
    /// Accepts from one listener until the worker stops.
    pub(super) async fn accept<A: Accept>(
        self: Rc<Self>,
        listener: A,
        (number, listen): (u16, Listen),
    ) {
        let door = Door {
            listener: number,
            tls: listen.tls,
            proxy: listen.proxy,
            role: listen.role,
        };
        let mut logged: Option<Instant> = None;
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.seat.orders.leave.cancelled() => return,
            };
            match accepted {
                Ok((stream, peer)) => {
                    // For whom a proxy connects is known when its header has come.
                    let service = if door.proxy {
                        Some(Service::Full)
                    } else {
                        self.service_for(peer, door)
                    };
                    let Some(service) = service else {
                        stream.reset();
                        continue;
                    };
                    tokio::select! {
                        () = self.begin(stream, peer, door, service) => {}
                        () = self.seat.orders.leave.cancelled() => return,
                    }
                }
                Err(error) if is_of_one_connection(&error) => {
                    self.hub.counters().accepts_failed.add(1);
                }
                Err(error) => {
                    self.hub.counters().accepts_failed.add(1);
                    if is_due(logged) {
                        logged = Some(Instant::now());
                        tracing::error!(%error, %listen, "new connections cannot be accepted");
                    }
                    sleep(ACCEPT_REST).await;
                }
            }
        }
    }

    /// Begins a connection as soon as there is room for its handshake; the next ones wait with the system. When
    /// descriptors run short it is a brief one, out of the reserve, so that `/healthz` and the like are still answered;
    /// the oldest of these gives way.
    async fn begin<S: Stream>(
        self: &Rc<Self>,
        stream: S,
        peer: Option<IpAddr>,
        door: Door,
        service: Service,
    ) {
        self.tell_sockets(1);
        let is_full = self.seat.sockets.are_full();
        let service = if is_full { Service::Brief } else { service };
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
            let task = worker.receive(stream, peer, door, service, handshake);
            self.tasks.spawn_local(task).abort_handle()
        });
    }

    /// How a connection is served whose client has this address, so far as it is no proxy's; `None` if it is to be closed at once.
    fn service_for(&self, address: Option<IpAddr>, door: Door) -> Option<Service> {
        let Some(client) = self.site.client_of(address) else {
            return Some(Service::Full);
        };
        self.hub.advance_to(self.seat.started.elapsed());
        match self.hub.accept(client) {
            Accepted::Serve => Some(Service::Full),
            // To tell it within TLS why would cost a signature.
            Accepted::Banned if door.tls => {
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
                "no room for more connections: raise the limit of open files"
            );
        }
    }

    /// The stages of a connection: who it is for, then what it asks. TLS stands between the two.
    async fn receive<S: Stream>(
        self: Rc<Self>,
        mut stream: S,
        peer: Option<IpAddr>,
        door: Door,
        mut service: Service,
        handshake: Handshake,
    ) {
        let (mut peer, mut introduced) = (peer, Introduced::No);
        if door.proxy {
            match self.introduced(&mut stream, peer).await {
                Some(Source::Client(told)) if Proxies::may_tell(peer, told) => {
                    (peer, introduced) = (Some(told), Introduced::Named);
                }
                Some(Source::Client(_)) => introduced = Introduced::Unnamed,
                Some(Source::Proxy) => {}
                None => return,
            }
            match self.service_for(peer, door) {
                Some(Service::Full) => {}
                Some(Service::Brief) => service = Service::Brief,
                None => return stream.reset(),
            }
        }
        let is_hurried = service == Service::Brief;
        // A brief connection has its place as long as it lasts.
        let (_brief, handshake) = if is_hurried {
            (Some(handshake), None)
        } else {
            (None, Some(handshake))
        };
        let arrival = Arrival {
            stream,
            peer,
            introduced,
            role: door.role,
            listener: door.listener,
            is_tls: door.tls,
            is_hurried,
            handshake,
        };
        if door.tls {
            self.serve_tls(arrival).await;
        } else {
            self.serve_http(arrival).await;
        }
    }

    /// Serves HTTP within TLS. A type of connection of its own, so that plain ones carry nothing of it.
    async fn serve_tls<S: Stream>(self: Rc<Self>, arrival: Arrival<S, Option<Handshake>>) {
        // A checked configuration has certificates where it has such listeners.
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

    /// For whom a proxy has opened a connection; `None` if it is not to be served.
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
            failed => {
                self.hub.counters().proxy_headers_failed.add(1);
                let reason = match failed {
                    Ok(Err(error)) => error.to_string(),
                    _ => "too late".to_owned(),
                };
                tracing::debug!(reason, "no PROXY header");
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
        // A task of its own, so that nothing of HTTP stays in memory.
        self.tasks.spawn_local(connection::serve(
            upgraded.stream,
            upgraded.read_ahead,
            &visitor,
            Rc::clone(&self.around),
        ));
        // From here on it is counted by its place in the hub.
        drop(upgraded.guest);
    }
}

/// What a TLS handshake costs the address of its client.
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

fn is_due(logged: Option<Instant>) -> bool {
    logged.is_none_or(|at| at.elapsed() >= LOG_EVERY)
}

/// The client had gone before it was accepted: no reason to rest.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}
