//! `GET /api/v1/live`: the statistics of each second as server-sent events, for the dashboard.
//!
//! The number of followers has a bound; whoever finds no place asks `/api/v1/stats` again and again. A stream ends when
//! the server leaves.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::unfold;
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::refusal::Refusal;
use super::{NO_STORE, stats};
use crate::http::site::Shared;
use crate::insight::Statistics;

/// When a follower that lost its stream comes back.
const RETRY: Duration = Duration::from_secs(2);
/// Seconds after which somebody who found no place may try again.
const AGAIN_AFTER: u64 = 30;
/// How long a follower may take nothing before `connection.http_timeout` counts for it as for everybody.
pub(in crate::http) const TAKES_WITHIN: Duration = Duration::from_secs(10);
/// nginx would hold the events back until they fill a buffer.
const UNBUFFERED: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-accel-buffering"),
    HeaderValue::from_static("no"),
);

/// Who follows, in all workers together.
#[derive(Debug, Default)]
pub(in crate::http) struct Followers {
    count: AtomicUsize,
    /// The latest event, written once for all of them.
    latest: Mutex<Option<(SystemTime, Arc<str>)>>,
}

/// How many events a follower has taken; in the extensions of its response.
#[derive(Debug, Clone, Default)]
pub(in crate::http) struct Taken(Arc<AtomicU64>);

impl Taken {
    pub(in crate::http) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The place of one follower, until it is dropped.
struct Place(Arc<Shared>);

impl Followers {
    /// How many there are.
    pub(in crate::http) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// The text of these statistics.
    fn text(&self, shared: &Shared, statistics: &Statistics) -> Arc<str> {
        if let Some((at, text)) = &*self.latest.lock()
            && *at == statistics.at
        {
            return Arc::clone(text);
        }
        let text: Arc<str> = stats::body(shared, statistics).to_string().into();
        *self.latest.lock() = Some((statistics.at, Arc::clone(&text)));
        text
    }
}

impl Place {
    fn take(shared: &Arc<Shared>) -> Option<Self> {
        let max = shared.live().followers_max;
        let count = &shared.followers().count;
        let more = |count| (count < max).then_some(count + 1);
        let taken = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.ok().map(|_| Self(Arc::clone(shared)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.followers().count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One follower, and what it waits for.
struct Follower {
    place: Place,
    board: watch::Receiver<Arc<Statistics>>,
    taken: Taken,
}

impl Follower {
    /// The next event; `None` when the server leaves.
    async fn next(&mut self) -> Option<Event> {
        let shared = &self.place.0;
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
            let is_first = self.taken.0.fetch_add(1, Ordering::Relaxed) == 0;
            let text = shared.followers().text(shared, &statistics);
            let event = Event::default().event("stats").data(text);
            return Some(if is_first { event.retry(RETRY) } else { event });
        }
    }
}

/// `GET /api/v1/live`
pub(in crate::http) async fn live(State(shared): State<Arc<Shared>>) -> Response {
    if shared.retry_after().is_some() {
        return unavailable("this server is leaving");
    }
    let Some(place) = Place::take(&shared) else {
        let text = "as many follow the live statistics as limits.followers_max allows; \
                    /api/v1/stats has the same numbers";
        let counters = shared.node().shared_counters();
        counters.refused_followers_max.add_shared(1);
        return unavailable(text);
    };
    let mut board = shared.node().board().follow();
    // The latest at once, not a second later.
    board.mark_changed();
    let taken = Taken::default();
    let follower = Follower {
        place,
        board,
        taken: taken.clone(),
    };
    let events = unfold(follower, |mut follower| async {
        let event = follower.next().await?;
        Some((Ok::<_, Infallible>(event), follower))
    });
    let mut response = Sse::new(events).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, NO_STORE);
    headers.extend([UNBUFFERED]);
    response.extensions_mut().insert(taken);
    response
}

fn unavailable(text: &str) -> Response {
    let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, text);
    refusal.retry_after(AGAIN_AFTER).into_response()
}

#[cfg(test)]
mod tests {
    use hyper::header::RETRY_AFTER;

    use super::*;
    use crate::config::Config;
    use crate::hub::Node;

    fn shared(followers_max: usize) -> Arc<Shared> {
        let mut config = Config::default();
        config.limits.followers_max = followers_max;
        let node = Arc::new(Node::new(&config, 1));
        Shared::new(&config, &node)
    }

    #[tokio::test]
    async fn there_are_so_many_places_and_one_that_goes_makes_room() {
        let shared = shared(1);
        let first = live(State(Arc::clone(&shared))).await;
        assert_eq!(
            (first.status(), shared.followers().count()),
            (StatusCode::OK, 1)
        );
        let second = live(State(Arc::clone(&shared))).await;
        assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(shared.node().counters().refused_followers_max, 1);
        assert!(second.headers().contains_key(RETRY_AFTER));
        drop(first);
        assert_eq!(shared.followers().count(), 0);
        assert_eq!(live(State(shared)).await.status(), StatusCode::OK);
    }
}
