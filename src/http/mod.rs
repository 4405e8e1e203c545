//! Serves HTTP/1.1 on an accepted connection until the connection becomes a WebSocket or ends.
//!
//! Serves the pages, their assets, the small API and the tracker over HTTP. Hands upgraded connections back to the
//! worker. Contains no tracking rules.

mod announce;
mod api;
mod assets;
mod base_path;
mod body;
mod browser;
mod cache;
mod door;
mod fields;
mod flow;
mod full_scrape;
mod handshake;
mod host;
mod line;
mod local;
mod metrics;
mod nearby;
mod origin;
mod site;
mod spend;
mod stats;
mod steering;
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

use crate::config::Role;
use crate::hub::{Guest, Visitor};
use crate::insight::RefusalKind;
use crate::limits::Limited;
use crate::net::address::Client;
use crate::protocol::http::{Failure, Which};
use api::live::{TAKES_WITHIN, Taken};
use door::Door;
use flow::{Flow, Over, Watched};
use line::{Far, Line};
use local::Local;
use upgrade::Wish;

pub(crate) use site::{Shared, Site};
pub(crate) use steering::{Amend, Amended, Doing, InForce as SteeringInForce, Steering};

/// Maximum size of a request head in bytes, and of the bytes that may follow it before the upgrade is answered.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// The settings `connection.handshake_timeout`, `connection.http_timeout` and `connection.stuck_after`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    /// Limit for reading the head of a request.
    pub(crate) head: Duration,
    /// Limit for the whole connection, unless it becomes a WebSocket.
    pub(crate) whole: Duration,
    /// Limit until the client takes the next byte of a response.
    pub(crate) stuck: Duration,
}

/// The client of a connection according to its PROXY header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Introduced {
    /// There was no header, or it described the proxy itself.
    No,
    /// The header named the client.
    Named,
    /// The header carried an address that its sender cannot know to be the client's.
    Unnamed,
}

/// An accepted connection and the facts that its listener supplies.
#[derive(Debug)]
pub(crate) struct Arrival<S, H> {
    pub(crate) stream: S,
    /// The peer address, or the address in its PROXY header; `None` for a Unix socket.
    pub(crate) peer: Option<IpAddr>,
    /// The client according to the PROXY header.
    pub(crate) introduced: Introduced,
    /// What its listener serves.
    pub(crate) role: Role,
    /// The index of its listener.
    pub(crate) listener: u16,
    /// Whether it uses TLS.
    pub(crate) is_tls: bool,
    /// Whether the server has room for it only briefly: requests are answered, but it cannot become a WebSocket.
    pub(crate) is_hurried: bool,
    /// Dropped when its first request has been read completely.
    pub(crate) handshake: H,
}

/// A connection that has become a WebSocket.
#[derive(Debug)]
pub(crate) struct Upgraded<S> {
    /// The connection.
    pub(crate) stream: S,
    /// Bytes that were read after the request.
    pub(crate) read_ahead: Vec<u8>,
    /// The client that requested the upgrade.
    pub(crate) visitor: Visitor,
    /// Counts the connection until the WebSocket is opened.
    pub(crate) guest: Option<Guest>,
}

/// Serves HTTP requests until the connection ends, becomes a WebSocket, or `stop` is cancelled.
pub(crate) async fn serve<S, H>(
    arrival: Arrival<S, H>,
    site: &Rc<Site>,
    timeouts: Timeouts,
    stop: &CancellationToken,
) -> Option<Upgraded<S>>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    H: 'static,
{
    let (monitor, _guard) = site.flows().enter();
    let client = site.client_of(arrival.peer);
    monitor.set_client(client, || site.hub().address_group(client?));
    let transport = Line::new(Watched::new(arrival.stream, Rc::clone(&monitor)));
    let session = Rc::new(Visit {
        flow: Rc::clone(&monitor),
        asked: RefCell::default(),
        far: RefCell::new(Some(transport.far())),
        is_tls: arrival.is_tls,
        site: Rc::clone(site),
        peer: arrival.peer,
        introduced: arrival.introduced,
        role: arrival.role,
        listener: arrival.listener,
        is_hurried: arrival.is_hurried,
        handshake: Cell::new(Some(arrival.handshake)),
        door: Door::new(site.hub()),
        upgraded: Cell::default(),
        following: RefCell::default(),
    });
    let service = service_fn({
        let session = Rc::clone(&session);
        move |request| Box::pin(spend::answer(request, Rc::clone(&session)))
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timeouts.head)
        .max_buf_size(HEAD_BYTES_MAX)
        // A client that closed its sending side may still wait for responses, or its requests count without them
        // (RFC 9112, 9.6).
        .half_close(true)
        .serve_connection(TokioIo::new(transport), service);
    let ended = tokio::select! {
        done = poll_fn(|cx| connection.poll_without_shutdown(cx)) => Some(done),
        () = session.follows_in_vain() => return None,
        () = stop.cancelled() => None,
        () = session.overstays(timeouts.whole) => {
            site.counters().http_timed_out.add(1);
            None
        }
        reason = monitor.is_over(timeouts.stuck) => {
            tracing::debug!(family = family(session.peer), ?reason, "HTTP connection closed");
            let counters = site.counters();
            let counter = match reason {
                Over::Stuck => &counters.http_stuck,
                Over::Shed => &counters.http_shed,
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
        timeout(timeouts.head.min(timeouts.stuck), rest)
            .await
            .ok()?
    };
    if let Err(error) = done {
        // An idle connection that has already served a request has not failed.
        let is_first = session.handshake.take().is_some();
        site.counters().handshakes_failed.add(u64::from(is_first));
        tracing::debug!(family = family(session.peer), %error, "HTTP connection failed");
        let read = connection.into_parts().read_buf;
        if error.is_parse() && !read.is_empty() {
            let name = fault(&error, &read, is_first && !session.is_tls);
            let node = site.hub().node();
            node.note_refusal(RefusalKind::Malformed, name);
        }
        return None;
    }
    let parts = connection.into_parts();
    let cannot_send = session.is_gone();
    session.far.take();
    let (stream, read_ahead) = parts.io.into_inner().into_parts()?;
    let mut stream = stream.into_inner();
    if let Some(client_info) = session.upgraded.take().filter(|_| !cannot_send) {
        return Some(Upgraded {
            stream,
            read_ahead: [&parts.read_buf, &*read_ahead].concat(),
            visitor: client_info,
            guest: session.door.take_guest(),
        });
    }
    // The response has been sent; a failed shutdown does not matter.
    let _ = timeout(timeouts.stuck, stream.shutdown()).await;
    None
}

/// Returns the name of a parse error for the refusal list. Under TLS the first bytes are not checked for TLS.
fn fault(error: &hyper::Error, read: &[u8], is_plain: bool) -> &'static str {
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
pub(crate) fn family(address: Option<IpAddr>) -> &'static str {
    match address {
        Some(IpAddr::V4(_)) => "ipv4",
        Some(IpAddr::V6(_)) => "ipv6",
        None => "unix",
    }
}

/// State shared by the requests of one HTTP connection.
struct Visit<H> {
    /// Monitors unsent data and memory of the connection.
    flow: Rc<Flow>,
    /// Accounting of the current request.
    asked: RefCell<spend::Asked>,
    /// Status of the peer; taken when nothing more is served.
    far: RefCell<Option<Rc<dyn Far>>>,
    site: Rc<Site>,
    peer: Option<IpAddr>,
    introduced: Introduced,
    role: Role,
    listener: u16,
    is_hurried: bool,
    is_tls: bool,
    handshake: Cell<Option<H>>,
    door: Door,
    /// The client; set when the connection becomes a WebSocket.
    upgraded: Cell<Option<Visitor>>,
    /// Number of events taken; set while the last response is the live stream.
    following: RefCell<Option<Taken>>,
}

async fn answer<H>(
    mut request: Request<Incoming>,
    session: Rc<Visit<H>>,
) -> Result<Response<Body>, Infallible> {
    drop(session.handshake.take());
    base_path::take_off(
        &mut request,
        session.site.shared().live().base_path.as_deref(),
    );
    let tracker_request = announce::asked(&request);
    // A response that has no reader is skipped if the request changes nothing.
    if session.is_gone()
        && is_question(request.method())
        && tracker_request != Some(Which::Announce)
    {
        return Ok(Response::new(Body::empty()));
    }
    let client = session.client(&request);
    let client_info = session.visitor(&request, &client);
    session.flow.set_client(client_info.address, || {
        session.site.hub().address_group(client_info.address?)
    });
    let upgrade_request = upgrade::wish(request.headers());
    let tracker_request = tracker_request.filter(|_| upgrade_request == Wish::None);
    // Health and metrics probes are answered at any load.
    let local = session.local(&request, &client);
    let is_probe = upgrade_request == Wish::None
        && tracker_request.is_none()
        && session.is_watcher(&request, &client_info, local);
    let flags = (
        is_probe,
        upgrade_request != Wish::None,
        tracker_request.is_some(),
    );
    let mut response = if let Some(fault) = host::fault(&request) {
        session.malformed(&request, tracker_request, fault)
    } else if let Err(limited) = session.admit(&request, &client_info, flags)
        && !gives_room(limited, &request, tracker_request)
    {
        session.limited(limited, upgrade_request, tracker_request)
    } else if upgrade_request != Wish::None {
        session
            .upgrade(&request, client_info, upgrade_request)
            .await
    } else if let Some(which) = tracker_request {
        announce::answer(which, &request, &client_info, (&session.site, session.role))
    } else {
        let caller = api::admin::Caller(client_info.address);
        request.extensions_mut().insert(caller);
        request.extensions_mut().insert(local);
        session
            .site
            .answer(request, &client_info, session.role)
            .await
    };
    session
        .following
        .replace(response.extensions().get().cloned());
    let headers = response.headers_mut();
    // An uncounted connection must close, or it would bypass the limits.
    if session.is_hurried || !session.door.has_guest() {
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
        && let Some(policy) = session.site.shared().live().transport_security()
    {
        headers.insert(STRICT_TRANSPORT_SECURITY, policy.clone());
    }
    fields::make_single(response.headers_mut());
    Ok(response)
}

/// Returns whether a request frees a scarce resource: an HTTP peer may always leave, even when the server is full.
fn gives_room<B>(limited: Limited, request: &Request<B>, tracker_request: Option<Which>) -> bool {
    let is_full = matches!(limited, Limited::Memory | Limited::Connections);
    is_full && tracker_request == Some(Which::Announce) && announce::target(request).leaves()
}

/// Returns whether a method is safe (RFC 9110, 9.2.1).
fn is_question(method: &Method) -> bool {
    [Method::GET, Method::HEAD].contains(method)
}

impl<H> Visit<H> {
    /// Completes when the time limit of the connection is over. A client of the live statistics may stay while it takes
    /// events.
    async fn overstays(&self, limit: Duration) {
        sleep(limit).await;
        let events_taken = || self.following.borrow().as_ref().map(Taken::count);
        let mut before = None;
        while let now @ Some(_) = events_taken()
            && now != before
        {
            before = now;
            sleep(TAKES_WITHIN).await;
        }
    }

    /// Returns whether responses can no longer be delivered.
    fn is_gone(&self) -> bool {
        let far = self.far.borrow();
        far.as_ref().is_none_or(|far| far.is_gone())
    }

    /// Completes when the last response is the endless live stream and nothing can be delivered any more. Each chunk of
    /// the stream polls this again.
    async fn follows_in_vain(&self) {
        poll_fn(|_| {
            if self.is_gone() && self.following.borrow().is_some() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Completes when the client has closed its side.
    async fn ended(&self) {
        poll_fn(|cx| match &*self.far.borrow() {
            Some(far) => far.poll_ended(cx),
            None => Poll::Ready(()),
        })
        .await;
    }

    /// Returns the response to a request that violates HTTP. The connection closes after it.
    fn malformed<B>(
        &self,
        request: &Request<B>,
        tracker_request: Option<Which>,
        fault: &'static str,
    ) -> Response<Body> {
        let mut response = if tracker_request.is_some() {
            announce::malformed(&self.site, announce::target(request), fault)
        } else {
            self.site.hub().count_failure(Failure::Host, fault);
            upgrade::refused(StatusCode::BAD_REQUEST, host::TEXT)
        };
        *response.status_mut() = StatusCode::BAD_REQUEST;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }

    /// Returns whether a request is a health or metrics probe, which is answered at any load. Health is public; metrics
    /// are refused to banned clients unless they are local or show a token.
    fn is_watcher<B>(
        &self,
        request: &Request<B>,
        client_info: &Visitor,
        Local(is_local): Local,
    ) -> bool {
        let path = request.uri().path();
        let is_metrics = path == site::METRICS || self.role == Role::Metrics;
        if !is_metrics {
            return site::WATCHED.contains(&path);
        }
        is_local
            || self.site.hub().check_ban(client_info).is_ok()
            || metrics::is_token_shown(self.site.shared(), request.headers(), client_info.address)
    }

    /// Returns whether a request comes from this machine.
    fn local<B>(&self, request: &Request<B>, client: &Client) -> Local {
        let shared = self.site.shared();
        let live = shared.live();
        let client = Client {
            is_forwarded: client.is_forwarded || self.introduced == Introduced::Named,
            ..*client
        };
        Local::of(request, &client, &live.proxies, &shared.strangers)
    }

    /// Checks whether the limits of the address and of the server allow the request now.
    fn admit<B>(
        &self,
        request: &Request<B>,
        client_info: &Visitor,
        (is_probe, is_upgrade, is_bencoded): (bool, bool, bool),
    ) -> Result<(), Limited> {
        let mut allowed = if is_probe {
            Ok(())
        } else {
            self.door.let_in(client_info)
        };
        // A request with the admin token bypasses exhausted limits; its connection closes afterwards.
        if allowed.is_err() && !is_upgrade && self.shows_admin_token(request.headers(), client_info)
        {
            allowed = Ok(());
        }
        let has_cpu_budget = self.may_spend(request, client_info, (is_probe, is_bencoded));
        // WebSockets have their own limits; a refused upgrade is charged afterwards.
        allowed.and(if is_upgrade { Ok(()) } else { has_cpu_budget })
    }

    /// Returns the response to a request that a limit refuses.
    fn limited(
        &self,
        limited: Limited,
        upgrade_request: Wish,
        tracker_request: Option<Which>,
    ) -> Response<Body> {
        let counters = self.site.counters();
        counters
            .upgrades_refused
            .add(u64::from(upgrade_request != Wish::None));
        let is_time = matches!(limited, Limited::AddressTime(_));
        counters
            .refused_address_http_time_per_second
            .add(u64::from(is_time));
        self.site.hub().node().note_limited(limited);
        match tracker_request {
            Some(_) => announce::refusal(limited),
            None => door::refusal(limited),
        }
    }

    /// Returns the client of a request, as reported by the trusted proxies in front.
    fn client<B>(&self, request: &Request<B>) -> Client {
        let live = self.site.shared().live();
        let values = request.headers().get_all(live.proxies.header()).iter();
        let reported = live
            .proxies
            .client(self.peer, values.map(HeaderValue::as_bytes));
        Client {
            is_malformed: reported.is_malformed || self.introduced == Introduced::Unnamed,
            ..reported
        }
    }

    /// Returns the client details that the hub needs, and counts how the address was determined.
    fn visitor<B>(&self, request: &Request<B>, client: &Client) -> Visitor {
        let (headers, counters) = (request.headers(), self.site.counters());
        counters
            .addresses_forwarded
            .add(u64::from(client.is_forwarded));
        counters
            .forwarded_malformed
            .add(u64::from(client.is_malformed));
        if client.is_malformed {
            let shared = self.site.shared();
            let live = shared.live();
            shared.tell_unnamed(if self.introduced == Introduced::Unnamed {
                "PROXY"
            } else {
                live.proxies.header()
            });
        }
        counters
            .forwarded_untrusted
            .add(u64::from(client.is_ignored));
        let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
        Visitor {
            address: client.address,
            is_unnamed: client.is_malformed,
            origin: origin.map(Box::from),
            listener: self.listener,
        }
    }
}

#[cfg(test)]
mod tests;
