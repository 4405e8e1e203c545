//! Decides whether the limits allow a request now, and answers it if they do not.

use axum::body::Body;
use hyper::header::{AUTHORIZATION, HeaderMap};
use hyper::{Request, Response};

use super::accounting::RequestAccounting;
use super::api::check;
use super::auth::{CallerAddress, check_admin_token};
use super::ice::for_allowed_origins;
use super::local::IsLocal;
use super::paths::{CHECK, COUNTS, METRICS, PROBE_PATHS};
use super::session::HttpSession;
use super::upgrade::UpgradeRequest;
use super::{admission, http_tracker, metrics};
use crate::config::ListenerRole;
use crate::limits::Limited;
use crate::node::ClientInfo;
use crate::protocol::http::HttpRequestKind;

impl<H> HttpSession<H> {
    /// Returns whether a request is a health or metrics probe, which is answered at any load. Health is public; metrics
    /// are refused to banned clients unless they are local or show a token.
    pub(super) fn is_probe<B>(
        &self,
        request: &Request<B>,
        client_info: &ClientInfo,
        IsLocal(is_local): IsLocal,
    ) -> bool {
        let path = request.uri().path();
        let is_metrics = path == METRICS || self.role == ListenerRole::Metrics;
        if !is_metrics {
            return PROBE_PATHS.contains(&path);
        }
        is_local
            || self.admission.check_ban(client_info).is_ok()
            || metrics::has_metrics_token(
                self.router.shared(),
                request.headers(),
                client_info.address.ip(),
            )
    }

    /// Checks whether the limits of the address and of the server allow the request now.
    pub(super) fn admit<B>(
        &self,
        request: &Request<B>,
        (client_info, caller): (&ClientInfo, CallerAddress),
        (is_probe, is_upgrade, is_bencoded): (bool, bool, bool),
    ) -> Result<(), Limited> {
        let mut allowed = if is_probe {
            Ok(())
        } else {
            self.admission.admit_connection(client_info)
        };
        // A request with the admin token bypasses exhausted limits; its connection closes afterwards.
        if allowed.is_err() && !is_upgrade && self.shows_admin_token(request.headers(), caller) {
            allowed = Ok(());
        }
        let has_cpu_budget = self.check_cpu_budget(request, caller, (is_probe, is_bencoded));
        // WebSockets have their own limits; a refused upgrade is charged afterwards.
        allowed.and(if is_upgrade { Ok(()) } else { has_cpu_budget })
    }

    /// Returns the response to a request that a limit refuses.
    pub(super) fn limited_response<B>(
        &self,
        limited: Limited,
        request: &Request<B>,
        (upgrade_request, tracker_request): (UpgradeRequest, Option<HttpRequestKind>),
    ) -> Response<Body> {
        let counters = self.router.counters();
        counters
            .upgrades_refused
            .add(u64::from(upgrade_request != UpgradeRequest::None));
        let is_time = matches!(limited, Limited::AddressCpuTime(_));
        counters
            .refused_address_http_time_per_second
            .add(u64::from(is_time));
        self.router.hub().node().telemetry().record_limited(limited);
        let is_check = request.uri().path() == CHECK && upgrade_request == UpgradeRequest::None;
        match tracker_request {
            Some(_) => http_tracker::limited_response(limited),
            None if is_check => {
                let site = (request.extensions().get(), request.headers());
                check::limited_response(self.router.shared(), site, limited)
            }
            None if COUNTS.contains(&request.uri().path()) => {
                let site = (request.extensions().get(), request.headers());
                let response = admission::limited_response(limited);
                for_allowed_origins(response, &self.router.shared().http_settings(), site)
            }
            None => admission::limited_response(limited),
        }
    }

    /// Returns whether a request carries the admin token. The check counts as a guess, so it runs only if a limit would
    /// refuse the request.
    fn shows_admin_token(&self, headers: &HeaderMap, caller: CallerAddress) -> bool {
        headers.contains_key(AUTHORIZATION)
            && check_admin_token(self.router.shared(), headers, caller).is_ok()
    }

    /// Begins the accounting of a request. Checks whether its payer has processor time left.
    fn check_cpu_budget<B>(
        &self,
        request: &Request<B>,
        caller: CallerAddress,
        flags: (bool, bool),
    ) -> Result<(), Limited> {
        let shared = self.router.shared();
        let (accounting, allowed) = RequestAccounting::begin(shared, request, caller, flags);
        self.accounting.replace(accounting);
        allowed
    }
}

/// Returns whether a request frees a scarce resource: an HTTP peer may always leave, even when the server is full.
pub(super) fn frees_capacity<B>(
    limited: Limited,
    request: &Request<B>,
    tracker_request: Option<HttpRequestKind>,
) -> bool {
    let is_full = matches!(limited, Limited::Memory | Limited::Connections);
    is_full
        && tracker_request == Some(HttpRequestKind::Announce)
        && http_tracker::target(request).is_stopped()
}
