//! Serves `GET /api/v1/live`: the statistics of each second as server-sent events, for the dashboard.
//!
//! The number of subscribers is bounded; a refused client polls `/api/v1/stats`. Streams end when the server drains.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream::unfold;
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::admin::{Caller, sign_in};
use super::refusal::Refusal;
use super::{NO_STORE, stats};
use crate::http::body::common;
use crate::http::site::Shared;
use crate::insight::{Detail, Statistics};
use crate::limits::{Claim, Claimed, NoRoom};

/// First bytes of a stream: the reconnection delay of a client that lost its stream, in milliseconds.
const RETRY: Bytes = Bytes::from_static(b"retry: 2000\n");
/// Seconds until a client may retry when no slot is free.
const AGAIN_AFTER: u64 = 30;
/// How long a subscriber may take no event before `connection.http_timeout` applies to it.
pub(in crate::http) const TAKES_WITHIN: Duration = Duration::from_secs(10);
/// Disables buffering in nginx, which would delay the events.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");
const HEADERS: [(HeaderName, HeaderValue); 3] = [
    (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
    (CACHE_CONTROL, NO_STORE),
    (UNBUFFERED, HeaderValue::from_static("no")),
];

/// The latest events, shared by the subscribers of all workers.
#[derive(Debug, Default)]
pub(in crate::http) struct Followers {
    /// The latest event with the totals.
    totals: Mutex<Option<(SystemTime, Bytes)>>,
    /// The latest event with all series.
    all: Mutex<Option<(SystemTime, Bytes)>>,
}

/// Number of events that a subscriber has taken; stored in the extensions of its response.
#[derive(Debug, Clone, Default)]
pub(in crate::http) struct Taken(Arc<AtomicU64>);

impl Taken {
    pub(in crate::http) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Followers {
    /// Returns the encoded event of these statistics.
    fn event(&self, shared: &Shared, statistics: &Statistics, detail: Detail) -> Bytes {
        let latest = match detail {
            Detail::Totals => &self.totals,
            Detail::All => &self.all,
        };
        if let Some((at, event)) = &*latest.lock()
            && *at == statistics.at
        {
            return event.clone();
        }
        let text = stats::body(shared, statistics, detail);
        let event = Bytes::from(format!("event: stats\ndata: {text}\n\n"));
        *latest.lock() = Some((statistics.at, event.clone()));
        event
    }
}

/// One subscriber of the live statistics.
struct Follower {
    shared: Arc<Shared>,
    /// Its slot; released on drop.
    _place: Claim,
    board: watch::Receiver<Arc<Statistics>>,
    taken: Taken,
    has_begun: bool,
    detail: Detail,
}

impl Follower {
    /// Returns the next bytes to send; `None` when the server drains.
    async fn next(&mut self) -> Option<Bytes> {
        if !std::mem::replace(&mut self.has_begun, true) {
            return Some(RETRY);
        }
        let shared = &self.shared;
        loop {
            tokio::select! {
                biased;
                () = shared.leaving().cancelled() => return None,
                changed = self.board.changed() => changed.ok()?,
            }
            let statistics = Arc::clone(&self.board.borrow_and_update());
            // No statistics exist yet.
            if statistics.at == UNIX_EPOCH {
                continue;
            }
            self.taken.0.fetch_add(1, Ordering::Relaxed);
            return Some(shared.followers().event(shared, &statistics, self.detail));
        }
    }
}

/// `GET /api/v1/live`
pub(in crate::http) async fn live(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    if shared.retry_after().is_some() {
        return unavailable("the server is draining");
    }
    let detail = *request.extensions().get().unwrap_or(&Detail::Totals);
    let claim = match place(&shared, &request) {
        Ok(claim) => claim,
        Err(text) => return unavailable(text),
    };
    let mut board = shared.node().board().follow();
    // Sends the latest statistics at once.
    board.mark_changed();
    let taken = Taken::default();
    let subscriber = Follower {
        shared,
        _place: claim,
        board,
        taken: taken.clone(),
        has_begun: false,
        detail,
    };
    let events = unfold(subscriber, |mut subscriber| async {
        let event = subscriber.next().await?;
        Some((Ok::<_, Infallible>(event), subscriber))
    });
    let mut response = common((HEADERS, Body::from_stream(events)));
    response.extensions_mut().insert(taken);
    response
}

/// `HEAD /api/v1/live`: needs no slot.
pub(in crate::http) async fn head() -> Response {
    HEADERS.into_response()
}

/// Claims a slot for a subscriber: a shared one, or else one reserved for the admin token.
///
/// # Errors
///
/// No slot is free; the error is the reason.
fn place(shared: &Shared, request: &Request) -> Result<Claim, &'static str> {
    let (node, headers) = (shared.node(), request.headers());
    let caller: Caller = request.extensions().get().copied().unwrap_or_default();
    let no_room = match node.claim(Claimed::Followers, caller.0, 1) {
        Ok(claim) => return Ok(claim),
        Err(no_room) => no_room,
    };
    if headers.contains_key(AUTHORIZATION)
        && sign_in(shared, headers, caller).is_ok()
        && let Ok(claim) = node.http_use().claim_for_operator(Claimed::Followers, 1)
    {
        return Ok(claim);
    }
    let counters = node.shared_counters();
    Err(match no_room {
        NoRoom::Address => {
            counters.refused_address_followers_max.add_shared(1);
            "this address has reached limits.address_followers_max; \
             /api/v1/stats has the same numbers"
        }
        NoRoom::All => {
            counters.refused_followers_max.add_shared(1);
            "all subscribers together have reached limits.followers_max; \
             /api/v1/stats has the same numbers"
        }
    })
}

fn unavailable(text: &str) -> Response {
    let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, text);
    refusal.retry_after(AGAIN_AFTER).into_response()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use hyper::header::RETRY_AFTER;

    use super::*;
    use crate::config::{Config, Secret};
    use crate::hub::Node;
    use crate::limits::OPERATOR_FOLLOWERS_MAX;

    const TOKEN: &str = "correct-horse-battery-staple";

    fn shared(followers_max: usize) -> Arc<Shared> {
        let mut config = Config {
            admin_token: Some(Secret::new(TOKEN)),
            ..Config::default()
        };
        config.limits.followers_max = followers_max;
        config.limits.address_followers_max = 2;
        let node = Arc::new(Node::new(&config, 1));
        Shared::new(&config, &node)
    }

    async fn follow(shared: &Arc<Shared>, address: [u8; 4], token: Option<&str>) -> Response {
        let mut request = Request::new(Body::empty());
        if let Some(token) = token {
            let value = format!("Bearer {token}").parse().expect("a value");
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let caller = Caller(Some(IpAddr::from(address)));
        request.extensions_mut().insert(caller);
        live(State(Arc::clone(shared)), request).await
    }

    const STRANGER: [u8; 4] = [192, 0, 2, 1];
    const OTHER: [u8; 4] = [198, 51, 100, 1];

    #[tokio::test]
    async fn there_are_so_many_places_and_one_that_goes_makes_room() {
        let shared = shared(1);
        let first = follow(&shared, STRANGER, None).await;
        assert_eq!(
            (first.status(), shared.followers_count()),
            (StatusCode::OK, 1)
        );
        let second = follow(&shared, OTHER, None).await;
        assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(shared.node().counters().refused_followers_max, 1);
        assert!(second.headers().contains_key(RETRY_AFTER));
        drop(first);
        assert_eq!(shared.followers_count(), 0);
        assert_eq!(follow(&shared, OTHER, None).await.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn an_address_has_so_many_places_and_others_find_room() {
        let shared = shared(10);
        let mut held = Vec::new();
        for _ in 0..2 {
            held.push(follow(&shared, STRANGER, None).await);
        }
        let third = follow(&shared, STRANGER, None).await;
        assert_eq!(third.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(shared.node().counters().refused_address_followers_max, 1);
        assert_eq!(follow(&shared, OTHER, None).await.status(), StatusCode::OK);
        assert!(held.iter().all(|response| response.status() == 200));
    }

    #[tokio::test]
    async fn who_has_the_admin_token_finds_a_place_when_strangers_have_taken_all() {
        let shared = shared(2);
        let mut held = Vec::new();
        for _ in 0..2 {
            held.push(follow(&shared, STRANGER, None).await);
        }
        for address in [STRANGER, OTHER] {
            let wrong = follow(&shared, address, Some("wrong-wrong-wrong-wrong")).await;
            assert_eq!(wrong.status(), StatusCode::SERVICE_UNAVAILABLE);
            for _ in 0..OPERATOR_FOLLOWERS_MAX / 2 {
                let own = follow(&shared, address, Some(TOKEN)).await;
                assert_eq!(own.status(), StatusCode::OK);
                held.push(own);
            }
        }
        let beyond = follow(&shared, OTHER, Some(TOKEN)).await;
        assert_eq!(beyond.status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test]
    async fn a_head_request_takes_no_place() {
        let shared = shared(1);
        let head = head().await;
        assert_eq!(head.headers()[CONTENT_TYPE], "text/event-stream");
        assert_eq!(shared.followers_count(), 0);
    }
}
