//! `GET /api/v1/live`: the statistics of each second as server-sent events, for the dashboard.
//!
//! The number of followers has a bound; whoever finds no place asks `/api/v1/stats` again and again. A stream ends when
//! the server leaves.

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

/// Begins the first event: when a follower that lost its stream comes back, in milliseconds.
const RETRY: Bytes = Bytes::from_static(b"retry: 2000\n");
/// Seconds after which somebody who found no place may try again.
const AGAIN_AFTER: u64 = 30;
/// How long a follower may take nothing before `connection.http_timeout` counts for it as for everybody.
pub(in crate::http) const TAKES_WITHIN: Duration = Duration::from_secs(10);
/// nginx would hold the events back until they fill a buffer.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");
const HEADERS: [(HeaderName, HeaderValue); 3] = [
    (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
    (CACHE_CONTROL, NO_STORE),
    (UNBUFFERED, HeaderValue::from_static("no")),
];

/// What all followers get, in all workers together.
#[derive(Debug, Default)]
pub(in crate::http) struct Followers {
    /// The latest event, written once for all of them who see the totals.
    totals: Mutex<Option<(SystemTime, Bytes)>>,
    /// The same for those who see everything.
    all: Mutex<Option<(SystemTime, Bytes)>>,
}

/// How many events a follower has taken; in the extensions of its response.
#[derive(Debug, Clone, Default)]
pub(in crate::http) struct Taken(Arc<AtomicU64>);

impl Taken {
    pub(in crate::http) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Followers {
    /// The event with these statistics, as it is sent.
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

/// One follower, and what it waits for.
struct Follower {
    shared: Arc<Shared>,
    /// Its place, until it is dropped.
    _place: Claim,
    board: watch::Receiver<Arc<Statistics>>,
    taken: Taken,
    has_begun: bool,
    detail: Detail,
}

impl Follower {
    /// What is sent next; `None` when the server leaves.
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
            // Nothing was put up yet.
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
        return unavailable("this server is leaving");
    }
    let detail = *request.extensions().get().unwrap_or(&Detail::Totals);
    let place = match place(&shared, &request) {
        Ok(place) => place,
        Err(text) => return unavailable(text),
    };
    let mut board = shared.node().board().follow();
    // The latest at once, not a second later.
    board.mark_changed();
    let taken = Taken::default();
    let follower = Follower {
        shared,
        _place: place,
        board,
        taken: taken.clone(),
        has_begun: false,
        detail,
    };
    let events = unfold(follower, |mut follower| async {
        let event = follower.next().await?;
        Some((Ok::<_, Infallible>(event), follower))
    });
    let mut response = common((HEADERS, Body::from_stream(events)));
    response.extensions_mut().insert(taken);
    response
}

/// `HEAD /api/v1/live`, which takes no place.
pub(in crate::http) async fn head() -> Response {
    HEADERS.into_response()
}

/// A place for one more: of those for everybody, or else of those that are kept for the admin token.
///
/// # Errors
///
/// Why there is none.
fn place(shared: &Shared, request: &Request) -> Result<Claim, &'static str> {
    let (node, headers) = (shared.node(), request.headers());
    let caller: Caller = request.extensions().get().copied().unwrap_or_default();
    let no_room = match node.claim(Claimed::Followers, caller.0, 1) {
        Ok(place) => return Ok(place),
        Err(no_room) => no_room,
    };
    if headers.contains_key(AUTHORIZATION)
        && sign_in(shared, headers, caller).is_ok()
        && let Ok(place) = node.http_use().claim_for_operator(Claimed::Followers, 1)
    {
        return Ok(place);
    }
    let counters = node.shared_counters();
    Err(match no_room {
        NoRoom::Address => {
            counters.refused_address_followers_max.add_shared(1);
            "as many of this address follow the live statistics as limits.address_followers_max allows; \
             /api/v1/stats has the same numbers"
        }
        NoRoom::All => {
            counters.refused_followers_max.add_shared(1);
            "as many follow the live statistics as limits.followers_max allows; \
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
