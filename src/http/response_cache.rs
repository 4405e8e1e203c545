//! Caches responses for a second: totals and the client census are computed once per second for all clients.
//!
//! All clients share the cached body.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use axum::response::Response;
use bytes::Bytes;
use hyper::HeaderMap;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::response_body::shared_response;
use crate::metrics::Detail;

/// How long a response is valid, unless newer statistics exist.
pub(super) const RESPONSE_TTL: Duration = Duration::from_secs(1);
/// Maximum number of cached responses. There are fewer routes, each with at most four variants.
const CACHED_RESPONSES_MAX: usize = 16;

/// The key of a cached response: the path, whether JSON is accepted, and the visible detail.
pub(super) type CacheKey = (String, bool, Detail);

/// The cached responses.
#[derive(Debug, Default)]
pub(super) struct ResponseCache(Mutex<HashMap<CacheKey, CachedResponse>>);

#[derive(Debug, Clone)]
pub(super) struct CachedResponse {
    created_at: Instant,
    version: CacheVersion,
    headers: HeaderMap,
    body: Bytes,
}

/// The state that a response depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CacheVersion {
    pub(super) statistics_at: SystemTime,
    pub(super) is_draining: bool,
}

impl ResponseCache {
    /// Returns a response that is still valid.
    pub(super) fn get(&self, key: &CacheKey, moment: CacheVersion) -> Option<CachedResponse> {
        let answers = self.0.lock();
        let answer = answers.get(key)?;
        let is_valid = answer.version == moment && answer.created_at.elapsed() < RESPONSE_TTL;
        is_valid.then(|| answer.clone())
    }

    /// Caches a response.
    pub(super) fn insert(&self, key: CacheKey, answer: CachedResponse) {
        let mut answers = self.0.lock();
        if answers.len() < CACHED_RESPONSES_MAX || answers.contains_key(&key) {
            answers.insert(key, answer);
        }
    }
}

impl CachedResponse {
    /// Returns a response that was built just now.
    pub(super) fn new(version: CacheVersion, headers: HeaderMap, body: Bytes) -> Self {
        Self {
            created_at: Instant::now(),
            version,
            headers,
            body,
        }
    }

    /// Returns the response to send.
    pub(super) fn into_http(self) -> Response {
        shared_response((self.headers, self.body))
    }
}
