//! What one request takes: a turn, processor time that its address pays for, and room for the response while it waits.
//!
//! Stands between hyper and [`answer`](super::answer), which decides what is said.

use std::net::IpAddr;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONNECTION, HeaderMap, HeaderValue};
use hyper::{Request, Response, StatusCode};

use super::api::admin::{Caller, sign_in};
use super::body::{Common, Cut, Paced, SMALL_BYTES};
use super::{Visit, announce, door, site};
use crate::hub::Visitor;
use crate::limits::{Claim, Claimed, Limited, NoRoom, Payer};

/// What the smallest request costs: reading its head, writing that of the response, and a system call for each.
const COST_MIN: Duration = Duration::from_micros(50);

/// Processor time that a response took on another thread; in its extensions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Elsewhere(pub(super) Duration);

/// Marks, in its extensions, a response whose bytes are counted already.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted;

/// What is known of the request that is being answered.
#[derive(Debug, Default)]
pub(super) struct Asked {
    address: Option<IpAddr>,
    payer: Option<Payer>,
    /// The headers, if they show a token.
    headers: Option<HeaderMap>,
    /// Whether clients of the tracker over HTTP read the response.
    is_bencoded: bool,
    /// Whether its address has taken too much already.
    is_over: bool,
}

/// Answers a request when it is its turn, and charges its address for it.
pub(super) async fn answer<H>(
    request: Request<Incoming>,
    visit: Rc<Visit<H>>,
) -> Result<Response<Cut>, std::convert::Infallible> {
    visit.flow.begin_request();
    if announce::asked(&request).is_some() {
        // They cost little: an event loop iteration for each one would add a tenth.
        tokio::task::yield_now().await;
    } else {
        visit.site.request_queue().wait().await;
    }
    visit.flow.wait_until_unblocked().await;
    let (answered, spent) = timed(super::answer(request, Rc::clone(&visit))).await;
    let Ok(mut response) = answered;
    let asked = visit.asked.take();
    visit.site.counters().http_requests.add(1);
    let is_websocket = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if let Some(payer) = asked.payer.filter(|_| !is_websocket) {
        let elsewhere = response.extensions().get::<Elsewhere>();
        let all = spent + elsewhere.map_or(Duration::ZERO, |spent| spent.0);
        let node = visit.site.shared().node();
        node.http_use().spend(payer, all.max(COST_MIN), node.now());
    }
    if asked.is_over && !is_websocket {
        // Whoever goes on has to connect anew, which has limits of its own.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    let claim = match visit.room_for(&response, &asked) {
        Ok(claim) => claim,
        Err(limited) => {
            response = refused(limited, asked.is_bencoded);
            None
        }
    };
    let extensions = response.extensions();
    let is_common = claim.is_none() && extensions.get::<Counted>().is_none();
    if extensions.get::<Paced>().is_some() {
        visit.flow.begin_pace();
    }
    Ok(response.map(|body| Cut::new(body, &visit.flow, is_common, claim)))
}

impl<H> Visit<H> {
    /// Whether a request may be answered: whoever has the admin token has processor time of its own.
    pub(super) fn may_spend<B>(
        &self,
        request: &Request<B>,
        visitor: &Visitor,
        (is_watcher, is_bencoded): (bool, bool),
    ) -> Result<(), Limited> {
        let shared = self.site.shared();
        let (node, now) = (shared.node(), shared.node().now());
        let shows_token = request.headers().contains_key(AUTHORIZATION);
        let account = if is_watcher {
            Payer::Watcher
        } else if !is_bencoded && site::is_api(request.uri().path()) {
            Payer::Api
        } else {
            Payer::Address
        };
        let mut asked = Asked {
            address: visitor.address,
            payer: node.payer(visitor.address, account),
            headers: shows_token.then(|| request.headers().clone()),
            is_bencoded,
            is_over: false,
        };
        let may = |payer: Option<Payer>| match payer {
            Some(payer) => node.http_use().may_spend(payer, now),
            None => Ok(()),
        };
        let mut allowed = may(asked.payer);
        if allowed.is_err() && self.is_operator(&asked) {
            asked.payer = Some(Payer::Operator);
            allowed = may(asked.payer);
        }
        asked.is_over = allowed.is_err();
        self.asked.replace(asked);
        allowed.map_err(Limited::AddressTime)
    }

    /// Whether a request that a limit would refuse shows the admin token. It counts as a guess, so it is looked at only then.
    pub(super) fn shows_admin_token(&self, headers: &HeaderMap, visitor: &Visitor) -> bool {
        let caller = Caller(visitor.address);
        headers.contains_key(AUTHORIZATION) && sign_in(self.site.shared(), headers, caller).is_ok()
    }

    fn is_operator(&self, asked: &Asked) -> bool {
        let caller = Caller(asked.address);
        let headers = asked.headers.as_ref();
        headers.is_some_and(|headers| sign_in(self.site.shared(), headers, caller).is_ok())
    }

    /// Counts the bytes of a response until they are taken, if they are its own and more than a few.
    fn room_for(&self, response: &Response<Body>, asked: &Asked) -> Result<Option<Claim>, Limited> {
        let extensions = response.extensions();
        let is_known =
            extensions.get::<Common>().is_some() || extensions.get::<Counted>().is_some();
        let bytes = response.body().size_hint().lower();
        if is_known || bytes <= SMALL_BYTES {
            return Ok(None);
        }
        let shared = self.site.shared();
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        let most = shared.live().response_bytes_max;
        let counters = self.site.counters();
        if bytes > most {
            counters.refused_connection_response_bytes_max.add(1);
            return Err(Limited::Response);
        }
        let node = shared.node();
        let claimed = node.claim(Claimed::ResponseBytes, asked.address, bytes);
        let claimed = claimed.or_else(|no_room| {
            let operator = || {
                node.http_use()
                    .claim_for_operator(Claimed::ResponseBytes, bytes)
            };
            if self.is_operator(asked) {
                operator()
            } else {
                Err(no_room)
            }
        });
        claimed.map(Some).map_err(|no_room| {
            count_no_room(counters, no_room, |counter| counter.add(1));
            limited(no_room)
        })
    }
}

/// What a client is told for whose response there is no room.
pub(super) const fn limited(no_room: NoRoom) -> Limited {
    match no_room {
        NoRoom::Address => Limited::AddressResponses,
        NoRoom::All => Limited::Responses,
    }
}

/// Counts a response for which there was no room.
pub(super) fn count_no_room(
    counters: &crate::insight::Counters,
    no_room: NoRoom,
    count: impl FnOnce(&crate::insight::Counter),
) {
    count(match no_room {
        NoRoom::Address => &counters.refused_address_response_bytes_max,
        NoRoom::All => &counters.refused_response_bytes_max,
    });
}

fn refused(limited: Limited, is_bencoded: bool) -> Response<Body> {
    let mut response = if is_bencoded {
        announce::refusal(limited)
    } else {
        door::refusal(limited)
    };
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
    response
}

/// The processor time that this thread has taken. On a busy machine a request waits for others as well, which is not its doing.
#[cfg(target_os = "linux")]
fn processor_time() -> Duration {
    use nix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// Where no clock of the thread is known, the time that goes by.
#[cfg(not(target_os = "linux"))]
fn processor_time() -> Duration {
    use std::sync::LazyLock;
    use std::time::Instant;
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

/// What a future gives, and how much processor time its polls took.
async fn timed<F: Future>(future: F) -> (F::Output, Duration) {
    let mut future = pin!(future);
    let mut spent = Duration::ZERO;
    let output = std::future::poll_fn(|cx| {
        let began = processor_time();
        let polled = future.as_mut().poll(cx);
        spent += processor_time().saturating_sub(began);
        polled
    });
    (output.await, spent)
}
