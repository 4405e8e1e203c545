//! Decides whether and when a connection becomes a WebSocket, and counts and records the reason of each refusal for the
//! operator.

use axum::body::Body;
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode, Version};

use super::accepted::RefusedPage;
use super::own_origin::ForwardedHosts;
use super::session::HttpSession;
use super::upgrade::UpgradeRequest;
use super::{admission, http_tracker, own_origin, upgrade};
use crate::metrics::RefusalKind;
use crate::node::ClientInfo;
use crate::protocol::PageRefusal;

impl<H> HttpSession<H> {
    /// Returns the response to an upgrade request. Status 101 hands the connection over to the worker.
    pub(super) async fn upgrade(
        &self,
        request: &Request<Incoming>,
        client_info: ClientInfo,
        upgrade_request: UpgradeRequest,
    ) -> Response<Body> {
        let response = match self.early_refusal(request, upgrade_request) {
            Some(refusal) => refusal,
            None => self.complete_handshake(request, &client_info).await,
        };
        let is_open = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        if !is_open || self.refused_page.borrow().is_some() {
            self.router.counters().upgrades_refused.add(1);
        }
        if is_open {
            self.upgraded_client.set(Some(client_info));
        }
        response
    }

    /// Returns the refusal if no client could open a WebSocket with this request now.
    fn early_refusal(
        &self,
        request: &Request<Incoming>,
        upgrade_request: UpgradeRequest,
    ) -> Option<Response<Body>> {
        let (shared, counters) = (self.router.shared(), self.router.counters());
        let is_old = request.version() < Version::HTTP_11;
        let (counter, kind, name, response) = if !self.role.has_tracker() {
            let counter = &counters.refused_no_tracker;
            (
                counter,
                RefusalKind::NoHttpTracker,
                "WebSocket",
                upgrade::no_tracker_response(),
            )
        } else if upgrade_request == UpgradeRequest::Stripped || is_old {
            let counter = &counters.refused_upgrade_missing;
            let name = if is_old { "HTTP/1.0" } else { "HTTP/1.1" };
            let response = match upgrade_request {
                UpgradeRequest::Complete => upgrade::handshake_response(request, |_| true),
                _ => upgrade::stripped_response(),
            };
            (counter, RefusalKind::UpgradeMissing, name, response)
        } else if let Some(seconds) = shared.retry_after() {
            let counter = &counters.refused_draining;
            let response = upgrade::draining_response(seconds);
            (counter, RefusalKind::Draining, "WebSocket", response)
        } else if self.is_brief {
            let counter = &counters.refused_open_files;
            (
                counter,
                RefusalKind::Limit,
                "open files",
                upgrade::busy_response(),
            )
        } else {
            return None;
        };
        counter.add(1);
        shared.node().telemetry().record_refusal(kind, name);
        Some(response)
    }

    /// Returns the response to a complete handshake.
    async fn complete_handshake(
        &self,
        request: &Request<Incoming>,
        client_info: &ClientInfo,
    ) -> Response<Body> {
        let (shared, counters) = (self.router.shared(), self.router.counters());
        let note = |kind, name: &str| shared.node().telemetry().record_refusal(kind, name);
        let response = upgrade::handshake_response(request, |origin| {
            let live = shared.http_settings();
            let is_own = || {
                let (client, headers) = (self.resolve_client(request), request.headers());
                let forwarded = ForwardedHosts::from_headers(&client, headers, &live.proxies);
                own_origin::is_own(origin, headers, &forwarded)
            };
            live.allows_origin(origin, is_own)
        });
        match response.status() {
            StatusCode::SWITCHING_PROTOCOLS => {}
            StatusCode::FORBIDDEN => {
                counters.refused_origin.add(1);
                let origin = client_info.origin.as_deref();
                note(RefusalKind::Origin, origin.unwrap_or("not readable"));
                return self.refuse_page(request, client_info, PageRefusal::Origin, response);
            }
            status => {
                counters.refused_handshake.add(1);
                note(
                    RefusalKind::HandshakeGuard,
                    handshake_error_name(request.method(), status),
                );
                return response;
            }
        }
        tokio::select! {
            // An admitted client opens even if it has already closed its side: its messages are still served.
            biased;
            opened = admission::admit_upgrade(&self.admission, client_info) => if let Err(limited) = opened {
                shared.node().telemetry().record_limited(limited);
                return admission::limited_response(limited);
            },
            () = self.client_closed() => {
                counters.refused_handshake.add(1);
                return upgrade::closed_early_response();
            }
        }
        // Checked after the limit of new connections, which thereby limits token guesses as well.
        let target = http_tracker::target(request);
        if !shared.node().access_tokens().has_valid_token(target) {
            counters.refused_token.add(1);
            let origin = client_info.origin.as_deref();
            note(RefusalKind::Token, origin.unwrap_or("WebSocket"));
            let reason = if target.token().is_some_and(|token| !token.is_empty()) {
                PageRefusal::TokenWrong
            } else {
                PageRefusal::TokenMissing
            };
            let refusal = upgrade::token_required_response();
            return self.refuse_page(request, client_info, reason, refusal);
        }
        response
    }

    /// Returns the response to a refused client. That to a page opens a WebSocket, over which the page is told the reason,
    /// if the limits allow it; else it is `refusal`.
    fn refuse_page(
        &self,
        request: &Request<Incoming>,
        client_info: &ClientInfo,
        reason: PageRefusal,
        refusal: Response<Body>,
    ) -> Response<Body> {
        if client_info.origin.is_none() || self.accounting.borrow().is_over_budget() {
            return refusal;
        }
        let node = self.router.shared().node();
        let now = node.clock().uptime();
        match node
            .admission()
            .claim_refusal_message(client_info.address, now)
        {
            Ok(claim) => {
                self.refused_page
                    .replace(Some(RefusedPage { reason, claim }));
                upgrade::handshake_response(request, |_| true)
            }
            Err(_) => refusal,
        }
    }
}

/// Returns the name of a handshake error, for the refusal list.
fn handshake_error_name(method: &Method, status: StatusCode) -> &'static str {
    if status == StatusCode::UPGRADE_REQUIRED {
        "Sec-WebSocket-Version"
    } else if method == Method::GET {
        "Sec-WebSocket-Key"
    } else {
        "method"
    }
}
