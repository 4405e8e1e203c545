//! Decides whether and when a connection becomes a WebSocket, and counts and records the reason of each refusal for the
//! operator.

use axum::body::Body;
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode, Version};

use super::origin::Told;
use super::upgrade::Wish;
use super::{Visit, announce, door, origin, upgrade};
use crate::hub::Visitor;
use crate::insight::RefusalKind;

impl<H> Visit<H> {
    /// Returns the response to an upgrade request. Status 101 hands the connection over to the worker.
    pub(super) async fn upgrade(
        &self,
        request: &Request<Incoming>,
        client_info: Visitor,
        upgrade_request: Wish,
    ) -> Response<Body> {
        let response = match self.turned_away(request, upgrade_request) {
            Some(refusal) => refusal,
            None => self.handshake(request, &client_info).await,
        };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            self.upgraded.set(Some(client_info));
        } else {
            self.site.counters().upgrades_refused.add(1);
        }
        response
    }

    /// Returns the refusal if no client could open a WebSocket with this request now.
    fn turned_away(
        &self,
        request: &Request<Incoming>,
        upgrade_request: Wish,
    ) -> Option<Response<Body>> {
        let (shared, counters) = (self.site.shared(), self.site.counters());
        let is_old = request.version() < Version::HTTP_11;
        let (counter, kind, name, response) = if !self.role.has_tracker() {
            let counter = &counters.refused_no_tracker;
            (
                counter,
                RefusalKind::NotHere,
                "WebSocket",
                upgrade::elsewhere(),
            )
        } else if upgrade_request == Wish::Stripped || is_old {
            let counter = &counters.refused_upgrade_missing;
            let name = if is_old { "HTTP/1.0" } else { "HTTP/1.1" };
            let response = match upgrade_request {
                Wish::Whole => upgrade::answer(request, |_| true),
                _ => upgrade::stripped(),
            };
            (counter, RefusalKind::UpgradeMissing, name, response)
        } else if let Some(seconds) = shared.retry_after() {
            let counter = &counters.refused_draining;
            let response = upgrade::turned_away(seconds);
            (counter, RefusalKind::Draining, "WebSocket", response)
        } else if self.is_hurried {
            let counter = &counters.refused_open_files;
            (counter, RefusalKind::Limit, "open files", upgrade::busy())
        } else {
            return None;
        };
        counter.add(1);
        shared.node().note_refusal(kind, name);
        Some(response)
    }

    /// Returns the response to a complete handshake.
    async fn handshake(
        &self,
        request: &Request<Incoming>,
        client_info: &Visitor,
    ) -> Response<Body> {
        let (shared, counters) = (self.site.shared(), self.site.counters());
        let note = |kind, name: &str| shared.node().note_refusal(kind, name);
        let response = upgrade::answer(request, |origin| {
            let live = shared.live();
            let is_own = || {
                let (client, headers) = (self.client(request), request.headers());
                let forwarded = Told::by(&client, headers, &live.proxies);
                origin::is_own(origin, headers, &forwarded)
            };
            live.allows(origin, is_own)
        });
        match response.status() {
            StatusCode::SWITCHING_PROTOCOLS => {}
            StatusCode::FORBIDDEN => {
                counters.refused_origin.add(1);
                let origin = client_info.origin.as_deref();
                note(RefusalKind::Origin, origin.unwrap_or("not readable"));
                return response;
            }
            status => {
                counters.refused_handshake.add(1);
                note(RefusalKind::Handshake, fault(request.method(), status));
                return response;
            }
        }
        tokio::select! {
            // An admitted client opens even if it has already closed its side: its messages are still served.
            biased;
            opened = self.door.let_open(client_info) => if let Err(limited) = opened {
                shared.node().note_limited(limited);
                return door::refusal(limited);
            },
            () = self.ended() => {
                counters.refused_handshake.add(1);
                return upgrade::gone();
            }
        }
        // Checked after the limit of new connections, which thereby limits token guesses as well.
        if !shared.node().admits(announce::target(request)) {
            counters.refused_token.add(1);
            note(RefusalKind::Token, "WebSocket");
            return upgrade::unknown();
        }
        response
    }
}

/// Returns the name of a handshake error, for the refusal list.
fn fault(method: &Method, status: StatusCode) -> &'static str {
    if status == StatusCode::UPGRADE_REQUIRED {
        "Sec-WebSocket-Version"
    } else if method == Method::GET {
        "Sec-WebSocket-Key"
    } else {
        "method"
    }
}
