//! Accounts for the resources of one HTTP request: its turn, the processor time charged to its address, and the memory
//! of its response until it is sent.
//!
//! Runs between hyper and [`handle_request`](super::handle_request), which builds the response.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONNECTION, HeaderMap, HeaderValue};
use hyper::{Request, Response, StatusCode};

use super::api::admin::{CallerAddress, check_admin_token};
use super::response_body::{ChunkedBody, RateChecked, SharedBody, UNCOUNTED_BYTES_MAX};
use super::{HttpSession, admission, http_tracker, router};
use crate::limits::{CpuBudget, HttpResource, Limited, QuotaExceeded, ResourceClaim};

/// Minimum processor time charged for a request: reading its head, writing the response head, and a system call for
/// each.
const CPU_TIME_MIN: Duration = Duration::from_micros(50);

/// Processor time that a response took on another thread; stored in its extensions.
#[derive(Debug, Clone, Copy)]
pub(super) struct OffThreadCpuTime(pub(super) Duration);

/// Marks a response whose bytes are already counted; stored in its extensions.
#[derive(Debug, Clone, Copy)]
pub(super) struct BytesClaimed;

/// Accounting data of the current request.
#[derive(Debug, Default)]
pub(super) struct RequestAccounting {
    /// The client that pays for the request.
    caller: CallerAddress,
    payer: Option<CpuBudget>,
    /// The headers, if they contain a token.
    headers: Option<HeaderMap>,
    /// Whether the response goes to an HTTP tracker client.
    is_bencoded: bool,
    /// Whether its address has exceeded its processor time.
    is_over_budget: bool,
}

/// Waits for the turn of a request, answers it, and charges its address.
pub(super) async fn serve_request<H>(
    request: Request<Incoming>,
    session: Rc<HttpSession<H>>,
) -> Result<Response<ChunkedBody>, std::convert::Infallible> {
    session.monitor.begin_request();
    if http_tracker::tracker_request(&request).is_some() {
        // Tracker requests are cheap: one event loop iteration for each would add a tenth to their cost.
        tokio::task::yield_now().await;
    } else {
        session.router.request_queue().wait().await;
    }
    session.monitor.wait_until_unblocked().await;
    let (result, cpu_time) =
        measure_cpu_time(super::handle_request(request, Rc::clone(&session))).await;
    let Ok(mut response) = result;
    let accounting = session.accounting.take();
    session.router.counters().http_requests.add(1);
    let is_websocket = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if let Some(payer) = accounting.payer.filter(|_| !is_websocket) {
        let off_thread = response.extensions().get::<OffThreadCpuTime>();
        let total = cpu_time + off_thread.map_or(Duration::ZERO, |time| time.0);
        let node = session.router.shared().node();
        node.admission().http_usage().charge_cpu_time(
            payer,
            total.max(CPU_TIME_MIN),
            node.clock().uptime(),
        );
    }
    if accounting.is_over_budget && !is_websocket {
        // The client has to reconnect, which has its own limits.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    let claim = match session.claim_response_bytes(&response, &accounting) {
        Ok(claim) => claim,
        Err(limited) => {
            response = limited_response(limited, accounting.is_bencoded);
            None
        }
    };
    let extensions = response.extensions();
    let is_shared = claim.is_none() && extensions.get::<BytesClaimed>().is_none();
    if extensions.get::<RateChecked>().is_some() {
        session.monitor.begin_rate_check();
    }
    Ok(response.map(|body| ChunkedBody::new(body, &session.monitor, is_shared, claim)))
}

impl<H> HttpSession<H> {
    /// Checks whether the payer of a request has processor time left. Requests with the admin token have their own
    /// budget.
    pub(super) fn check_cpu_budget<B>(
        &self,
        request: &Request<B>,
        caller: CallerAddress,
        (is_probe, is_bencoded): (bool, bool),
    ) -> Result<(), Limited> {
        let shared = self.router.shared();
        let (node, now) = (shared.node(), shared.node().clock().uptime());
        let shows_token = request.headers().contains_key(AUTHORIZATION);
        let account = if is_probe {
            CpuBudget::HealthCheck
        } else if !is_bencoded && router::is_api(request.uri().path()) {
            CpuBudget::Api
        } else {
            CpuBudget::Address
        };
        let mut accounting = RequestAccounting {
            caller,
            payer: caller.0.keys().map(account),
            headers: shows_token.then(|| request.headers().clone()),
            is_bencoded,
            is_over_budget: false,
        };
        let check = |payer: Option<CpuBudget>| match payer {
            Some(payer) => node.admission().http_usage().check_cpu_time(payer, now),
            None => Ok(()),
        };
        let mut allowed = check(accounting.payer);
        if allowed.is_err() && self.is_operator(&accounting) {
            accounting.payer = Some(CpuBudget::Operator);
            allowed = check(accounting.payer);
        }
        accounting.is_over_budget = allowed.is_err();
        self.accounting.replace(accounting);
        allowed.map_err(Limited::AddressCpuTime)
    }

    /// Returns whether a request carries the admin token. The check counts as a guess, so it runs only if a limit would
    /// refuse the request.
    pub(super) fn shows_admin_token(&self, headers: &HeaderMap, caller: CallerAddress) -> bool {
        headers.contains_key(AUTHORIZATION)
            && check_admin_token(self.router.shared(), headers, caller).is_ok()
    }

    fn is_operator(&self, accounting: &RequestAccounting) -> bool {
        let caller = accounting.caller;
        let headers = accounting.headers.as_ref();
        headers
            .is_some_and(|headers| check_admin_token(self.router.shared(), headers, caller).is_ok())
    }

    /// Claims memory for a response until it is sent, unless the body is small or shared.
    fn claim_response_bytes(
        &self,
        response: &Response<Body>,
        accounting: &RequestAccounting,
    ) -> Result<Option<ResourceClaim>, Limited> {
        let extensions = response.extensions();
        let is_exempt =
            extensions.get::<SharedBody>().is_some() || extensions.get::<BytesClaimed>().is_some();
        let bytes = response.body().size_hint().lower();
        if is_exempt || bytes <= UNCOUNTED_BYTES_MAX {
            return Ok(None);
        }
        let shared = self.router.shared();
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        let bytes_max = shared.live_settings().response_bytes_max;
        let counters = self.router.counters();
        if bytes > bytes_max {
            counters.refused_connection_response_bytes_max.add(1);
            return Err(Limited::ResponseTooLong);
        }
        let node = shared.node();
        let claimed =
            node.admission()
                .claim(HttpResource::ResponseBytes, accounting.caller.0, bytes);
        let claimed = claimed.or_else(|response_limit_error| {
            let claim_as_operator = || {
                node.admission()
                    .http_usage()
                    .claim_for_operator(HttpResource::ResponseBytes, bytes)
            };
            if self.is_operator(accounting) {
                claim_as_operator()
            } else {
                Err(response_limit_error)
            }
        });
        claimed.map(Some).map_err(|response_limit_error| {
            count_refused_response(counters, response_limit_error, |counter| counter.add(1));
            response_limit(response_limit_error)
        })
    }
}

/// Returns the limit that leaves no room for a response.
pub(super) const fn response_limit(response_limit_error: QuotaExceeded) -> Limited {
    match response_limit_error {
        QuotaExceeded::Address => Limited::AddressResponses,
        QuotaExceeded::All => Limited::TotalResponses,
    }
}

/// Counts a response that was refused for lack of memory.
pub(super) fn count_refused_response(
    counters: &crate::metrics::Counters,
    response_limit_error: QuotaExceeded,
    count: impl FnOnce(&crate::metrics::Counter),
) {
    count(match response_limit_error {
        QuotaExceeded::Address => &counters.refused_address_response_bytes_max,
        QuotaExceeded::All => &counters.refused_response_bytes_max,
    });
}

fn limited_response(limited: Limited, is_bencoded: bool) -> Response<Body> {
    let mut response = if is_bencoded {
        http_tracker::limited_response(limited)
    } else {
        admission::limited_response(limited)
    };
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
    response
}

/// Returns the processor time of this thread. Unlike elapsed time it excludes waiting on a busy machine.
#[cfg(target_os = "linux")]
fn thread_cpu_time() -> Duration {
    use nix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// Returns the elapsed time, on systems without a thread clock.
#[cfg(not(target_os = "linux"))]
fn thread_cpu_time() -> Duration {
    use std::sync::LazyLock;
    use std::time::Instant;
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

/// Returns the output of a future and the processor time of its polls.
async fn measure_cpu_time<F: Future>(future: F) -> (F::Output, Duration) {
    let mut future = pin!(future);
    let mut cpu_time = Duration::ZERO;
    let output = std::future::poll_fn(|cx| {
        let began = thread_cpu_time();
        let result = future.as_mut().poll(cx);
        cpu_time += thread_cpu_time().saturating_sub(began);
        result
    });
    (output.await, cpu_time)
}
