//! Derives the settings that workers copy, because they are read for every message.

use std::time::Duration;

use crate::config::Config;
use crate::limits::{ConnectionPolicy, IntervalController};
use crate::protocol::RequestBounds;

/// The settings that each hub copies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WorkerSettings {
    pub(crate) hot: HotSettings,
    /// `None` when `no_limits` is set.
    pub(crate) connection_policy: Option<ConnectionPolicy>,
    pub(crate) interval: IntervalController,
    /// `connection.message_bytes_max`
    pub(crate) message_bytes_max: usize,
}

/// The settings that are read for every message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HotSettings {
    pub(crate) bounds: RequestBounds,
    /// `connection.output_bytes_max`
    pub(crate) output_bytes_max: usize,
    pub(crate) deadlines: ConnectionDeadlines,
    /// `tracker.subscriptions_max`, of all workers.
    pub(crate) subscriptions_max: usize,
    /// Whether announces of an origin have a limit.
    pub(crate) limits_origin_announces: bool,
}

/// `connection.ping_after`, `connection.dead_after`, `connection.stuck_after`, `connection.first_message_timeout` and
/// `connection.message_timeout`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionDeadlines {
    pub(crate) ping_after: Duration,
    pub(crate) dead_after: Duration,
    pub(crate) stuck_after: Duration,
    pub(crate) first_message_timeout: Duration,
    pub(crate) message_timeout: Duration,
}

impl WorkerSettings {
    pub(super) fn new(config: &Config) -> Self {
        let (tracker, connection) = (&config.tracker, &config.connection);
        let busy = tracker.busy_announces_per_second;
        let range = config
            .interval
            .map_or((tracker.interval_min, tracker.interval_max), |usual| {
                (usual, usual)
            });
        let lonely = tracker.interval_lonely;
        let interval = IntervalController::new(range, lonely, busy);
        Self {
            hot: HotSettings {
                bounds: RequestBounds {
                    sdp_bytes_max: connection.sdp_bytes_max,
                    json_depth_max: connection.json_depth_max,
                    offers_max: tracker.offers_per_announce_max,
                    scrape_hashes_max: tracker.scrape_hashes_max,
                },
                output_bytes_max: connection.output_bytes_max,
                subscriptions_max: tracker.subscriptions_max,
                limits_origin_announces: !config.no_limits
                    && config.limits.origin_announces_per_second.is_some(),
                deadlines: ConnectionDeadlines {
                    ping_after: connection.ping_after,
                    dead_after: connection.dead_after,
                    stuck_after: connection.stuck_after,
                    first_message_timeout: connection.first_message_timeout,
                    message_timeout: connection.message_timeout,
                },
            },
            connection_policy: (!config.no_limits).then(|| {
                let malformed = connection.malformed_per_minute_max;
                ConnectionPolicy::new(&config.limits, &config.bans, malformed)
            }),
            interval,
            message_bytes_max: connection.message_bytes_max,
        }
    }
}
