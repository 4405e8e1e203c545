//! Accounts for the resources of one HTTP request: its turn, the processor time charged to its address, and the memory
//! of its response until it is sent.
//!
//! Runs between hyper and [`answer`](super::answer), which builds the response.

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

/// Minimum processor time charged for a request: reading its head, writing the response head, and a system call for
/// each.
const COST_MIN: Duration = Duration::from_micros(50);

/// Processor time that a response took on another thread; stored in its extensions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Elsewhere(pub(super) Duration);

/// Marks a response whose bytes are already counted; stored in its extensions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted;

/// Accounting data of the current request.
#[derive(Debug, Default)]
pub(super) struct Asked {
    address: Option<IpAddr>,
    payer: Option<Payer>,
    /// The headers, if they contain a token.
    headers: Option<HeaderMap>,
    /// Whether the response goes to an HTTP tracker client.
    is_bencoded: bool,
    /// Whether its address has exceeded its processor time.
    is_over: bool,
}

/// Waits for the turn of a request, answers it, and charges its address.
pub(super) async fn answer<H>(
    request: Request<Incoming>,
    session: Rc<Visit<H>>,
) -> Result<Response<Cut>, std::convert::Infallible> {
    session.flow.begin_request();
    if announce::asked(&request).is_some() {
        // Tracker requests are cheap: one event loop iteration for each would add a tenth to their cost.
        tokio::task::yield_now().await;
    } else {
        session.site.request_queue().wait().await;
    }
    session.flow.wait_until_unblocked().await;
    let (result, cpu_time) = timed(super::answer(request, Rc::clone(&session))).await;
    let Ok(mut response) = result;
    let accounting = session.asked.take();
    session.site.counters().http_requests.add(1);
    let is_websocket = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if let Some(payer) = accounting.payer.filter(|_| !is_websocket) {
        let off_thread = response.extensions().get::<Elsewhere>();
        let total = cpu_time + off_thread.map_or(Duration::ZERO, |time| time.0);
        let node = session.site.shared().node();
        node.http_use()
            .spend(payer, total.max(COST_MIN), node.now());
    }
    if accounting.is_over && !is_websocket {
        // The client has to reconnect, which has its own limits.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    let claim = match session.room_for(&response, &accounting) {
        Ok(claim) => claim,
        Err(limited) => {
            response = refused(limited, accounting.is_bencoded);
            None
        }
    };
    let extensions = response.extensions();
    let is_shared = claim.is_none() && extensions.get::<Counted>().is_none();
    if extensions.get::<Paced>().is_some() {
        session.flow.begin_pace();
    }
    Ok(response.map(|body| Cut::new(body, &session.flow, is_shared, claim)))
}

impl<H> Visit<H> {
    /// Checks whether the payer of a request has processor time left. Requests with the admin token have their own
    /// budget.
    pub(super) fn may_spend<B>(
        &self,
        request: &Request<B>,
        client_info: &Visitor,
        (is_probe, is_bencoded): (bool, bool),
    ) -> Result<(), Limited> {
        let shared = self.site.shared();
        let (node, now) = (shared.node(), shared.node().now());
        let shows_token = request.headers().contains_key(AUTHORIZATION);
        let account = if is_probe {
            Payer::Watcher
        } else if !is_bencoded && site::is_api(request.uri().path()) {
            Payer::Api
        } else {
            Payer::Address
        };
        let mut accounting = Asked {
            address: client_info.address,
            payer: node.payer(client_info.address, account),
            headers: shows_token.then(|| request.headers().clone()),
            is_bencoded,
            is_over: false,
        };
        let check = |payer: Option<Payer>| match payer {
            Some(payer) => node.http_use().may_spend(payer, now),
            None => Ok(()),
        };
        let mut allowed = check(accounting.payer);
        if allowed.is_err() && self.is_operator(&accounting) {
            accounting.payer = Some(Payer::Operator);
            allowed = check(accounting.payer);
        }
        accounting.is_over = allowed.is_err();
        self.asked.replace(accounting);
        allowed.map_err(Limited::AddressTime)
    }

    /// Returns whether a request carries the admin token. The check counts as a guess, so it runs only if a limit would
    /// refuse the request.
    pub(super) fn shows_admin_token(&self, headers: &HeaderMap, client_info: &Visitor) -> bool {
        let caller = Caller(client_info.address);
        headers.contains_key(AUTHORIZATION) && sign_in(self.site.shared(), headers, caller).is_ok()
    }

    fn is_operator(&self, accounting: &Asked) -> bool {
        let caller = Caller(accounting.address);
        let headers = accounting.headers.as_ref();
        headers.is_some_and(|headers| sign_in(self.site.shared(), headers, caller).is_ok())
    }

    /// Claims memory for a response until it is sent, unless the body is small or shared.
    fn room_for(
        &self,
        response: &Response<Body>,
        accounting: &Asked,
    ) -> Result<Option<Claim>, Limited> {
        let extensions = response.extensions();
        let is_exempt =
            extensions.get::<Common>().is_some() || extensions.get::<Counted>().is_some();
        let bytes = response.body().size_hint().lower();
        if is_exempt || bytes <= SMALL_BYTES {
            return Ok(None);
        }
        let shared = self.site.shared();
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        let bytes_max = shared.live().response_bytes_max;
        let counters = self.site.counters();
        if bytes > bytes_max {
            counters.refused_connection_response_bytes_max.add(1);
            return Err(Limited::Response);
        }
        let node = shared.node();
        let claimed = node.claim(Claimed::ResponseBytes, accounting.address, bytes);
        let claimed = claimed.or_else(|no_room| {
            let claim_as_operator = || {
                node.http_use()
                    .claim_for_operator(Claimed::ResponseBytes, bytes)
            };
            if self.is_operator(accounting) {
                claim_as_operator()
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

/// Returns the limit that leaves no room for a response.
pub(super) const fn limited(no_room: NoRoom) -> Limited {
    match no_room {
        NoRoom::Address => Limited::AddressResponses,
        NoRoom::All => Limited::Responses,
    }
}

/// Counts a response that was refused for lack of memory.
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

/// Returns the processor time of this thread. Unlike elapsed time it excludes waiting on a busy machine.
#[cfg(target_os = "linux")]
fn processor_time() -> Duration {
    use nix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// Returns the elapsed time, on systems without a thread clock.
#[cfg(not(target_os = "linux"))]
fn processor_time() -> Duration {
    use std::sync::LazyLock;
    use std::time::Instant;
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

/// Returns the output of a future and the processor time of its polls.
async fn timed<F: Future>(future: F) -> (F::Output, Duration) {
    let mut future = pin!(future);
    let mut cpu_time = Duration::ZERO;
    let output = std::future::poll_fn(|cx| {
        let began = processor_time();
        let result = future.as_mut().poll(cx);
        cpu_time += processor_time().saturating_sub(began);
        result
    });
    (output.await, cpu_time)
}
