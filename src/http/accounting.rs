//! Accounts for the resources of one HTTP request: the processor time charged to its address, and the memory of its
//! response until it is sent.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use hyper::header::{AUTHORIZATION, CONNECTION, HeaderMap, HeaderValue};
use hyper::{Request, Response};

use super::auth::{CallerAddress, check_admin_token};
use super::response_body::{SharedBody, UNCOUNTED_BYTES_MAX};
use super::state::AppState;
use super::{admission, http_tracker, paths};
use crate::limits::{CpuBudget, HttpResource, HttpUsage, Limited, QuotaExceeded, ResourceClaim};
use crate::metrics::{Counter, Counters};

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
    /// The client that the request is charged to.
    caller: CallerAddress,
    budget: Option<CpuBudget>,
    /// The headers, if they contain a token.
    headers: Option<HeaderMap>,
    /// Whether the response goes to an HTTP tracker client.
    is_bencoded: bool,
    /// Whether its address has exceeded its processor time.
    is_over_budget: bool,
}

impl RequestAccounting {
    /// Begins the accounting of a request, and checks whether its budget has processor time left. Requests with the
    /// admin token have their own budget.
    pub(super) fn begin<B>(
        shared: &AppState,
        request: &Request<B>,
        caller: CallerAddress,
        (is_probe, is_bencoded): (bool, bool),
    ) -> (Self, Result<(), Limited>) {
        let usage = shared.node().admission().http_usage();
        let now = shared.node().clock().uptime();
        let shows_token = request.headers().contains_key(AUTHORIZATION);
        let account = if is_probe {
            CpuBudget::HealthCheck
        } else if !is_bencoded && paths::is_api(request.uri().path()) {
            CpuBudget::Api
        } else {
            CpuBudget::Address
        };
        let mut accounting = Self {
            caller,
            budget: caller.0.keys().map(account),
            headers: shows_token.then(|| request.headers().clone()),
            is_bencoded,
            is_over_budget: false,
        };
        let check = |budget: Option<CpuBudget>| match budget {
            Some(budget) => usage.check_cpu_time(budget, now),
            None => Ok(()),
        };
        let mut allowed = check(accounting.budget);
        if allowed.is_err() && accounting.is_operator(shared) {
            accounting.budget = Some(CpuBudget::Operator);
            allowed = check(accounting.budget);
        }
        accounting.is_over_budget = allowed.is_err();
        (accounting, allowed.map_err(Limited::AddressCpuTime))
    }

    /// Returns whether the address has exceeded its processor time.
    pub(super) const fn is_over_budget(&self) -> bool {
        self.is_over_budget
    }

    /// Charges the processor time of a request to its budget. `now` is the time since the process started.
    pub(super) fn charge(
        &self,
        usage: &HttpUsage,
        response: &Response<Body>,
        cpu_time: Duration,
        now: Duration,
    ) {
        let Some(budget) = self.budget else {
            return;
        };
        let off_thread = response.extensions().get::<OffThreadCpuTime>();
        let total = cpu_time + off_thread.map_or(Duration::ZERO, |time| time.0);
        usage.charge_cpu_time(budget, total.max(CPU_TIME_MIN), now);
    }

    fn is_operator(&self, shared: &AppState) -> bool {
        let headers = self.headers.as_ref();
        headers.is_some_and(|headers| check_admin_token(shared, headers, self.caller).is_ok())
    }

    /// Claims memory for a response until it is sent, unless the body is small or shared.
    pub(super) fn claim_response_bytes(
        &self,
        shared: &AppState,
        counters: &Counters,
        response: &Response<Body>,
    ) -> Result<Option<ResourceClaim>, Limited> {
        let extensions = response.extensions();
        let is_exempt =
            extensions.get::<SharedBody>().is_some() || extensions.get::<BytesClaimed>().is_some();
        let bytes = response.body().size_hint().lower();
        if is_exempt || bytes <= UNCOUNTED_BYTES_MAX {
            return Ok(None);
        }
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        if bytes > shared.http_settings().response_bytes_max {
            counters.refused_connection_response_bytes_max.add(1);
            return Err(Limited::ResponseTooLong);
        }
        let admission = shared.node().admission();
        let claimed = admission.claim(HttpResource::ResponseBytes, self.caller.0, bytes);
        let claimed = claimed.or_else(|exceeded| {
            if self.is_operator(shared) {
                admission
                    .http_usage()
                    .claim_for_operator(HttpResource::ResponseBytes, bytes)
            } else {
                Err(exceeded)
            }
        });
        claimed.map(Some).map_err(|exceeded| {
            count_refused_response(counters, exceeded, |counter| counter.add(1));
            response_limit(exceeded)
        })
    }

    /// Returns the response to a request that a limit refuses. The connection closes after it.
    pub(super) fn limited_response(&self, limited: Limited) -> Response<Body> {
        let mut response = if self.is_bencoded {
            http_tracker::limited_response(limited)
        } else {
            admission::limited_response(limited)
        };
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
        response
    }
}

/// Returns the limit that leaves no room for a response.
pub(super) const fn response_limit(exceeded: QuotaExceeded) -> Limited {
    match exceeded {
        QuotaExceeded::Address => Limited::AddressResponses,
        QuotaExceeded::All => Limited::TotalResponses,
    }
}

/// Counts a response that was refused for lack of memory.
pub(super) fn count_refused_response(
    counters: &Counters,
    exceeded: QuotaExceeded,
    count: impl FnOnce(&Counter),
) {
    count(match exceeded {
        QuotaExceeded::Address => &counters.refused_address_response_bytes_max,
        QuotaExceeded::All => &counters.refused_response_bytes_max,
    });
}
