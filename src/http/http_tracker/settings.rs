//! Derives the settings of the HTTP tracker from the configuration. Each request reads them.

use std::time::Duration;

use crate::config;
use crate::protocol::http::HttpIntervals;

/// The settings of the HTTP tracker.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct HttpTrackerSettings {
    /// The intervals sent to clients.
    pub(super) intervals: HttpIntervals,
    /// `tracker.http_peers_per_reply_max`
    pub(super) peers_per_reply_max: usize,
    /// `tracker.scrape_hashes_max`
    pub(super) scrape_hashes_max: usize,
}

impl HttpTrackerSettings {
    /// Returns the settings; `None` unless `tracker.http` is set.
    pub(in crate::http) fn new(tracker: &config::Tracker) -> Option<Self> {
        tracker.http.then(|| Self {
            intervals: HttpIntervals {
                interval: whole_seconds(tracker.http_interval),
                interval_min: whole_seconds(tracker.http_interval_min),
            },
            peers_per_reply_max: tracker.http_peers_per_reply_max,
            scrape_hashes_max: tracker.scrape_hashes_max,
        })
    }
}

fn whole_seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX).max(1)
}
