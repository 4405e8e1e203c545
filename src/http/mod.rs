//! What a fresh TCP connection speaks: HTTP/1.1, until it asks to become a WebSocket.
//!
//! Serves the page, its assets, the small API and the tracker over HTTP; hands upgraded connections back to the worker. Knows
//! nothing of tracking.

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

/// Bytes of a request's head, and of what may follow it before the upgrade is answered.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// `connection.handshake_timeout`, `connection.http_timeout` and `connection.stuck_after`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    /// For the head of a request.
    pub(crate) head: Duration,
    /// For all of it that is no WebSocket.
    pub(crate) whole: Duration,
    /// For the next byte of a response to be taken.
    pub(crate) stuck: Duration,
}

/// What a PROXY header said of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Introduced {
    /// There was none, or it was of the proxy itself.
    No,
    /// Whose it is.
    Named,
    /// An address that its sender cannot know to be that of the client.
    Unnamed,
}

/// A connection that nothing is known of yet but how it came.
#[derive(Debug)]
pub(crate) struct Arrival<S, H> {
    pub(crate) stream: S,
    /// The address at its other end, or the one of its PROXY header; `None` for a socket file.
    pub(crate) peer: Option<IpAddr>,
    /// What a PROXY header said of it.
    pub(crate) introduced: Introduced,
    /// What is served where it came in.
    pub(crate) role: Role,
    /// The number of the listener where it came in.
    pub(crate) listener: u16,
    /// Whether it is within TLS.
    pub(crate) is_tls: bool,
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
    let (flow, _place) = site.flows().enter();
    let client = site.client_of(arrival.peer);
    flow.set_client(client, || site.hub().address_group(client?));
    let line = Line::new(Watched::new(arrival.stream, Rc::clone(&flow)));
    let visit = Rc::new(Visit {
        flow: Rc::clone(&flow),
        asked: RefCell::default(),
        far: RefCell::new(Some(line.far())),
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
        let visit = Rc::clone(&visit);
        move |request| Box::pin(spend::answer(request, Rc::clone(&visit)))
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timeouts.head)
        .max_buf_size(HEAD_BYTES_MAX)
        // Who has ended its side still waits for answers, or has said what counts without them (RFC 9112, 9.6).
        .half_close(true)
        .serve_connection(TokioIo::new(line), service);
    let ended = tokio::select! {
        done = poll_fn(|cx| connection.poll_without_shutdown(cx)) => Some(done),
        () = visit.follows_in_vain() => return None,
        () = stop.cancelled() => None,
        () = visit.overstays(timeouts.whole) => {
            site.counters().http_timed_out.add(1);
            None
        }
        over = flow.is_over(timeouts.stuck) => {
            tracing::debug!(family = family(visit.peer), ?over, "HTTP connection ended");
            let counters = site.counters();
            let counter = match over {
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
        // Ends at once when idle, else after the response under way if that is taken in time.
        Pin::new(&mut connection).graceful_shutdown();
        let rest = poll_fn(|cx| connection.poll_without_shutdown(cx));
        timeout(timeouts.head.min(timeouts.stuck), rest)
            .await
            .ok()?
    };
    if let Err(error) = done {
        // An idle connection that was asked something before has not failed.
        let is_first = visit.handshake.take().is_some();
        site.counters().handshakes_failed.add(u64::from(is_first));
        tracing::debug!(family = family(visit.peer), %error, "HTTP connection failed");
        let read = connection.into_parts().read_buf;
        if error.is_parse() && !read.is_empty() {
            let name = fault(&error, &read, is_first && !visit.is_tls);
            let node = site.hub().node();
            node.note_refusal(RefusalKind::Malformed, name);
        }
        return None;
    }
    let parts = connection.into_parts();
    let is_gone = visit.is_gone();
    visit.far.take();
    let (stream, ahead) = parts.io.into_inner().into_parts()?;
    let mut stream = stream.into_inner();
    if let Some(visitor) = visit.upgraded.take().filter(|_| !is_gone) {
        return Some(Upgraded {
            stream,
            read_ahead: [&parts.read_buf, &*ahead].concat(),
            visitor,
            guest: visit.door.take_guest(),
        });
    }
    // The response is out; whether the client still hears the end is its own affair.
    let _ = timeout(timeouts.stuck, stream.shutdown()).await;
    None
}

/// What was wrong with bytes that are no request, for the operator. Within TLS they may begin as they like.
fn fault(error: &hyper::Error, read: &[u8], is_plain: bool) -> &'static str {
    /// With what a handshake of TLS begins (RFC 8446, 5.1).
    const TLS_HANDSHAKE: u8 = 0x16;
    if error.is_parse_too_large() {
        "head too long"
    } else if is_plain && read.first() == Some(&TLS_HANDSHAKE) {
        "TLS on a plain listener"
    } else {
        "HTTP"
    }
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
    /// What is on its way out.
    flow: Rc<Flow>,
    /// The request that is being answered, as far as limits are concerned.
    asked: RefCell<spend::Asked>,
    /// The other end; taken when nothing is served any more.
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
    base_path::take_off(
        &mut request,
        visit.site.shared().live().base_path.as_deref(),
    );
    let asked = announce::asked(&request);
    // What has no reader and changes nothing is not made.
    if visit.is_gone() && is_question(request.method()) && asked != Some(Which::Announce) {
        return Ok(Response::new(Body::empty()));
    }
    let client = visit.client(&request);
    let visitor = visit.visitor(&request, &client);
    visit.flow.set_client(visitor.address, || {
        visit.site.hub().address_group(visitor.address?)
    });
    let wish = upgrade::wish(request.headers());
    let asked = asked.filter(|_| wish == Wish::None);
    // Who watches over the server is told that it lives however full it is.
    let local = visit.local(&request, &client);
    let is_watcher =
        wish == Wish::None && asked.is_none() && visit.is_watcher(&request, &visitor, local);
    let kind = (is_watcher, wish != Wish::None, asked.is_some());
    let mut response = if let Some(fault) = host::fault(&request) {
        visit.malformed(&request, asked, fault)
    } else if let Err(limited) = visit.admit(&request, &visitor, kind)
        && !gives_room(limited, &request, asked)
    {
        visit.limited(limited, wish, asked)
    } else if wish != Wish::None {
        visit.upgrade(&request, visitor, wish).await
    } else if let Some(which) = asked {
        announce::answer(which, &request, &visitor, (&visit.site, visit.role))
    } else {
        let caller = api::admin::Caller(visitor.address);
        request.extensions_mut().insert(caller);
        request.extensions_mut().insert(local);
        visit.site.answer(request, &visitor, visit.role).await
    };
    visit
        .following
        .replace(response.extensions().get().cloned());
    let headers = response.headers_mut();
    // Who was not counted may not stay, or no limit would hold.
    if visit.is_hurried || !visit.door.has_guest() {
        // One that is told to upgrade learns both.
        let is_told = headers
            .get(CONNECTION)
            .is_some_and(|told| told == "Upgrade");
        let told = if is_told { "Upgrade, close" } else { "close" };
        headers.insert(CONNECTION, HeaderValue::from_static(told));
    }
    if visit.is_tls
        && let Some(policy) = visit.site.shared().live().transport_security()
    {
        headers.insert(STRICT_TRANSPORT_SECURITY, policy.clone());
    }
    fields::make_single(response.headers_mut());
    Ok(response)
}

/// Whether a request gives back what there is too little of: a peer over HTTP that leaves is let go however full the server is.
fn gives_room<B>(limited: Limited, request: &Request<B>, asked: Option<Which>) -> bool {
    let is_full = matches!(limited, Limited::Memory | Limited::Connections);
    is_full && asked == Some(Which::Announce) && announce::target(request).leaves()
}

/// Whether requests of a method only ask, by the rules of HTTP.
fn is_question(method: &Method) -> bool {
    [Method::GET, Method::HEAD].contains(method)
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

    /// Whether nobody reads the answers any more.
    fn is_gone(&self) -> bool {
        let far = self.far.borrow();
        far.as_ref().is_none_or(|far| far.is_gone())
    }

    /// Completes when the last response has no end and nobody reads it any more. Each of its pieces leads here.
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

    /// The response to a request that is against the rules of HTTP. The connection ends with it.
    fn malformed<B>(
        &self,
        request: &Request<B>,
        asked: Option<Which>,
        fault: &'static str,
    ) -> Response<Body> {
        let mut response = if asked.is_some() {
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

    /// Whether somebody watches over the server, who is answered however full it is. Health is told to everybody, metrics to nobody
    /// who is banned unless on this machine or with a token.
    fn is_watcher<B>(
        &self,
        request: &Request<B>,
        visitor: &Visitor,
        Local(is_local): Local,
    ) -> bool {
        let path = request.uri().path();
        let is_metrics = path == site::METRICS || self.role == Role::Metrics;
        if !is_metrics {
            return site::WATCHED.contains(&path);
        }
        is_local
            || self.site.hub().check_ban(visitor).is_ok()
            || metrics::is_token_shown(self.site.shared(), request.headers(), visitor.address)
    }

    /// Whether a request comes from this machine.
    fn local<B>(&self, request: &Request<B>, client: &Client) -> Local {
        let shared = self.site.shared();
        let live = shared.live();
        let client = Client {
            is_forwarded: client.is_forwarded || self.introduced == Introduced::Named,
            ..*client
        };
        Local::of(request, &client, &live.proxies, &shared.strangers)
    }

    /// Whether a request may be answered now, by the limits of its address and of all.
    fn admit<B>(
        &self,
        request: &Request<B>,
        visitor: &Visitor,
        (is_watcher, is_upgrade, is_bencoded): (bool, bool, bool),
    ) -> Result<(), Limited> {
        let mut allowed = if is_watcher {
            Ok(())
        } else {
            self.door.let_in(visitor)
        };
        // Whoever has the admin token is not kept out by what others do, nor may it stay then.
        if allowed.is_err() && !is_upgrade && self.shows_admin_token(request.headers(), visitor) {
            allowed = Ok(());
        }
        let may_spend = self.may_spend(request, visitor, (is_watcher, is_bencoded));
        // WebSockets have limits of their own; what does not become one is paid for afterwards.
        allowed.and(if is_upgrade { Ok(()) } else { may_spend })
    }

    /// The response to somebody who is not let in.
    fn limited(&self, limited: Limited, wish: Wish, asked: Option<Which>) -> Response<Body> {
        let counters = self.site.counters();
        counters.upgrades_refused.add(u64::from(wish != Wish::None));
        let is_time = matches!(limited, Limited::AddressTime(_));
        counters
            .refused_address_http_time_per_second
            .add(u64::from(is_time));
        self.site.hub().node().note_limited(limited);
        match asked {
            Some(_) => announce::refusal(limited),
            None => door::refusal(limited),
        }
    }

    /// Where a request comes from, as far as the proxies on the way are believed.
    fn client<B>(&self, request: &Request<B>) -> Client {
        let live = self.site.shared().live();
        let values = request.headers().get_all(live.proxies.header()).iter();
        let told = live
            .proxies
            .client(self.peer, values.map(HeaderValue::as_bytes));
        Client {
            is_malformed: told.is_malformed || self.introduced == Introduced::Unnamed,
            ..told
        }
    }

    /// Who asks, counted by how that is known.
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
