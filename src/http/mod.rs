//! What a fresh TCP connection speaks: HTTP/1.1, until it asks to become a WebSocket.
//!
//! Serves the page, its assets, the small API and the tracker over HTTP; hands upgraded connections back to the worker. Knows
//! nothing of tracking.

mod announce;
mod api;
mod assets;
mod door;
mod metrics;
mod site;
mod stats;
mod steering;
mod upgrade;

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue, ORIGIN};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::config::Role;
use crate::hub::{Guest, Visitor};
use api::live::{TAKES_WITHIN, Taken};
use door::Door;

pub(crate) use site::{Shared, Site};
pub(crate) use steering::{Amend, Amended, Doing, InForce as SteeringInForce, Steering};

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

/// A connection that nothing is known of yet but how it came.
#[derive(Debug)]
pub(crate) struct Arrival<S, H> {
    pub(crate) stream: S,
    /// The address at its other end, or the one of its PROXY header; `None` for a socket file.
    pub(crate) peer: Option<IpAddr>,
    /// What is served where it came in.
    pub(crate) role: Role,
    /// The number of the listener where it came in.
    pub(crate) listener: u16,
    /// Whether there is room for it only briefly: requests are answered, but it does not become a WebSocket.
    pub(crate) is_hurried: bool,
    /// Dropped when its first request has come whole.
    pub(crate) handshake: H,
}

/// A connection that has become a WebSocket.
#[derive(Debug)]
pub(crate) struct Upgraded<S> {
    /// The connection.
    pub(crate) stream: S,
    /// What came together with the request.
    pub(crate) read_ahead: Vec<u8>,
    /// Who asked for it.
    pub(crate) visitor: Visitor,
    /// Counts it until it is opened.
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
    let visit = Rc::new(Visit {
        site: Rc::clone(site),
        peer: arrival.peer,
        role: arrival.role,
        listener: arrival.listener,
        is_hurried: arrival.is_hurried,
        handshake: Cell::new(Some(arrival.handshake)),
        door: Door::new(site.hub()),
        upgraded: Cell::default(),
        following: RefCell::default(),
    });
    let service = service_fn({
        let visit = Rc::clone(&visit);
        move |request| Box::pin(answer(request, Rc::clone(&visit)))
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timeouts.head)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(arrival.stream), service);
    let ended = tokio::select! {
        done = poll_fn(|cx| connection.poll_without_shutdown(cx)) => Some(done),
        () = stop.cancelled() => None,
        () = visit.overstays(timeouts.whole) => {
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
        // An idle connection that was asked something before has not failed.
        let is_first = visit.handshake.take().is_some();
        site.counters().handshakes_failed.add(u64::from(is_first));
        tracing::debug!(family = family(visit.peer), %error, "HTTP connection failed");
        return None;
    }
    let parts = connection.into_parts();
    let mut stream = parts.io.into_inner();
    if let Some(visitor) = visit.upgraded.take() {
        return Some(Upgraded {
            stream,
            read_ahead: parts.read_buf.to_vec(),
            visitor,
            guest: visit.door.take_guest(),
        });
    }
    // The response is out; whether the client still hears the end is its own affair.
    let _ = stream.shutdown().await;
    None
}

/// As much of an address as is logged.
pub(crate) fn family(address: Option<IpAddr>) -> &'static str {
    match address {
        Some(IpAddr::V4(_)) => "ipv4",
        Some(IpAddr::V6(_)) => "ipv6",
        None => "unix",
    }
}

/// What the requests of one connection share.
struct Visit<H> {
    site: Rc<Site>,
    peer: Option<IpAddr>,
    role: Role,
    listener: u16,
    is_hurried: bool,
    handshake: Cell<Option<H>>,
    door: Door,
    /// Set when the connection becomes a WebSocket.
    upgraded: Cell<Option<Visitor>>,
    /// Set while the last response is the live stream: how many events it has taken.
    following: RefCell<Option<Taken>>,
}

async fn answer<H>(
    mut request: Request<Incoming>,
    visit: Rc<Visit<H>>,
) -> Result<Response<Body>, Infallible> {
    drop(visit.handshake.take());
    let visitor = visit.visitor(&request);
    let is_upgrade = upgrade::is_asked(request.headers());
    // Who watches over the server is told that it lives however full it is.
    let is_watcher = !is_upgrade
        && (visit.role == Role::Metrics || site::WATCHED.contains(&request.uri().path()));
    let asked = announce::asked(&request).filter(|_| !is_upgrade);
    if !is_watcher && let Err(limited) = visit.door.let_in(&visitor) {
        let counters = visit.site.counters();
        counters.upgrades_refused.add(u64::from(is_upgrade));
        return Ok(match asked {
            Some(_) => announce::refusal(limited),
            None => door::refusal(limited),
        });
    }
    let mut response = if is_upgrade {
        visit.upgrade(&request, visitor).await
    } else if let Some(which) = asked {
        announce::answer(which, &request, &visitor, (&visit.site, visit.role))
    } else {
        let caller = api::admin::Caller(visitor.address);
        request.extensions_mut().insert(caller);
        visit.site.answer(request, &visitor, visit.role).await
    };
    visit
        .following
        .replace(response.extensions().get().cloned());
    // Who was not counted may not stay, or no limit would hold.
    if visit.is_hurried || !visit.door.has_guest() {
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

impl<H> Visit<H> {
    /// Completes when the connection has had its time. Who follows the live statistics may stay for as long as it takes them.
    async fn overstays(&self, time: Duration) {
        sleep(time).await;
        let taken = || self.following.borrow().as_ref().map(Taken::count);
        let mut before = None;
        while let now @ Some(_) = taken()
            && now != before
        {
            before = now;
            sleep(TAKES_WITHIN).await;
        }
    }

    async fn upgrade(&self, request: &Request<Incoming>, visitor: Visitor) -> Response<Body> {
        let (shared, counters) = (self.site.shared(), self.site.counters());
        let mut response = if !self.role.has_tracker() {
            counters.refused_no_tracker.add(1);
            upgrade::elsewhere()
        } else if let Some(seconds) = shared.retry_after() {
            counters.refused_draining.add(1);
            upgrade::turned_away(seconds)
        } else if self.is_hurried {
            counters.refused_open_files.add(1);
            upgrade::busy()
        } else {
            let response = upgrade::answer(request, |origin| {
                let allows = shared.live().allows(origin);
                counters.refused_origin.add(u64::from(!allows));
                allows
            });
            let is_handshake = [StatusCode::SWITCHING_PROTOCOLS, StatusCode::FORBIDDEN];
            let is_none = !is_handshake.contains(&response.status());
            counters.refused_handshake.add(u64::from(is_none));
            response
        };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS
            && let Err(limited) = self.door.let_open(&visitor).await
        {
            response = door::refusal(limited);
        }
        // After the limit of new connections, which so is one of guesses as well.
        if response.status() == StatusCode::SWITCHING_PROTOCOLS
            && !shared.node().admits(announce::target(request))
        {
            counters.refused_token.add(1);
            response = upgrade::unknown();
        }
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            self.upgraded.set(Some(visitor));
        } else {
            self.site.counters().upgrades_refused.add(1);
        }
        response
    }

    /// Who asks, as far as the proxies on the way are believed.
    fn visitor<B>(&self, request: &Request<B>) -> Visitor {
        let (headers, counters) = (request.headers(), self.site.counters());
        let live = self.site.shared().live();
        let proxies = &live.proxies;
        let values = headers.get_all(proxies.header()).iter();
        let client = proxies.client(self.peer, values.map(HeaderValue::as_bytes));
        counters
            .addresses_forwarded
            .add(u64::from(client.is_forwarded));
        counters
            .forwarded_malformed
            .add(u64::from(client.is_malformed));
        counters
            .forwarded_untrusted
            .add(u64::from(client.is_ignored));
        let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
        Visitor {
            address: client.address,
            origin: origin.map(Box::from),
            listener: self.listener,
        }
    }
}

#[cfg(test)]
mod tests;
