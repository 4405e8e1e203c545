//! How a connection becomes a WebSocket: who may, when it is its turn, and the reason under which each refusal is counted and
//! noted for the operator.

use axum::body::Body;
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode, Version};

use super::origin::Told;
use super::upgrade::Wish;
use super::{Visit, announce, door, origin, upgrade};
use crate::hub::Visitor;
use crate::insight::RefusalKind;

impl<H> Visit<H> {
    /// The response to a request for a WebSocket. With status 101 the connection is handed on.
    pub(super) async fn upgrade(
        &self,
        request: &Request<Incoming>,
        visitor: Visitor,
        wish: Wish,
    ) -> Response<Body> {
        let response = match self.turned_away(request, wish) {
            Some(refusal) => refusal,
            None => self.handshake(request, &visitor).await,
        };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            self.upgraded.set(Some(visitor));
        } else {
            self.site.counters().upgrades_refused.add(1);
        }
        response
    }

    /// The refusal of what cannot become a WebSocket now, whoever asks.
    fn turned_away(&self, request: &Request<Incoming>, wish: Wish) -> Option<Response<Body>> {
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
        } else if wish == Wish::Stripped || is_old {
            let counter = &counters.refused_upgrade_missing;
            let name = if is_old { "HTTP/1.0" } else { "HTTP/1.1" };
            let response = match wish {
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

    /// The response to a handshake that came whole.
    async fn handshake(&self, request: &Request<Incoming>, visitor: &Visitor) -> Response<Body> {
        let (shared, counters) = (self.site.shared(), self.site.counters());
        let note = |kind, name: &str| shared.node().note_refusal(kind, name);
        let response = upgrade::answer(request, |origin| {
            let live = shared.live();
            let is_own = || {
                let (client, headers) = (self.client(request), request.headers());
                let told = Told::by(&client, headers, &live.proxies);
                origin::is_own(origin, headers, &told)
            };
            live.allows(origin, is_own)
        });
        match response.status() {
            StatusCode::SWITCHING_PROTOCOLS => {}
            StatusCode::FORBIDDEN => {
                counters.refused_origin.add(1);
                let origin = visitor.origin.as_deref();
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
            // Whose turn it is opens, and may say its last words there.
            biased;
            opened = self.door.let_open(visitor) => if let Err(limited) = opened {
                shared.node().note_limited(limited);
                return door::refusal(limited);
            },
            () = self.ended() => {
                counters.refused_handshake.add(1);
                return upgrade::gone();
            }
        }
        // After the limit of new connections, which so is one of guesses as well.
        if !shared.node().admits(announce::target(request)) {
            counters.refused_token.add(1);
            note(RefusalKind::Token, "WebSocket");
            return upgrade::unknown();
        }
        response
    }
}

/// What was wrong with a handshake, for the operator.
fn fault(method: &Method, status: StatusCode) -> &'static str {
    if status == StatusCode::UPGRADE_REQUIRED {
        "Sec-WebSocket-Version"
    } else if method == Method::GET {
        "Sec-WebSocket-Key"
    } else {
        "method"
    }
}
