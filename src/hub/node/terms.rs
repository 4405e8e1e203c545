//! Derives the settings of hubs and the tracker from the configuration.

use std::time::Duration;

use super::{Deadlines, Settings, Tuned};
use crate::config::Config;
use crate::limits::{Pace, Policy, Portion};
use crate::protocol::{Bounds, http};
use crate::swarm::{Intake, Ttl};
use crate::tracker::Rules;

impl Settings {
    pub(super) fn new(config: &Config) -> Self {
        let (tracker, connection) = (&config.tracker, &config.connection);
        let busy = tracker.busy_announces_per_second;
        let pace = config.interval.map_or_else(
            || Pace::new(tracker.interval_min, tracker.interval_max, busy),
            Pace::fixed,
        );
        Self {
            tuned: Tuned {
                bounds: Bounds {
                    sdp_bytes_max: connection.sdp_bytes_max,
                    json_depth_max: connection.json_depth_max,
                    offers_max: tracker.offers_per_announce_max,
                    scrape_hashes_max: tracker.scrape_hashes_max,
                },
                http_terms: http::Terms {
                    interval: whole_seconds(tracker.http_interval),
                    interval_min: whole_seconds(tracker.http_interval_min),
                },
                http_peers_max: tracker.http_peers_per_reply_max,
                output_bytes_max: connection.output_bytes_max,
                limits_origins: !config.no_limits
                    && config.limits.origin_announces_per_second.is_some(),
                deadlines: Deadlines {
                    ping: connection.ping_after,
                    dead: connection.dead_after,
                    stuck: connection.stuck_after,
                    first_message: connection.first_message_timeout,
                    message: connection.message_timeout,
                },
            },
            policy: (!config.no_limits).then(|| {
                let malformed = connection.malformed_per_minute_max;
                Policy::new(&config.limits, &config.bans, malformed)
            }),
            pace,
        }
    }
}

fn whole_seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX).max(1)
}

pub(super) fn rules(config: &Config) -> Rules {
    Rules {
        memberships_max: config.tracker.memberships_max,
        peer_ids_per_swarm_max: config.tracker.peer_ids_per_swarm_max,
        pending_offers_max: config.tracker.pending_offers_max,
        full_scrape: config.tracker.full_scrape,
        swarms_max: config.limits.swarms_max,
        http_peers_max: config.limits.http_peers_max,
        address_http_peers_per_swarm_max: config.limits.address_http_peers_per_swarm_max,
        address_swarms: if config.no_limits {
            Portion::ALL
        } else {
            let limits = &config.limits;
            Portion::new(limits.address_swarms_percent, limits.network_factor)
        },
        intake: if config.no_limits {
            Intake::UNLIMITED
        } else {
            let limits = &config.limits;
            Intake::new(
                limits.offers_received_per_second,
                limits.offers_received_burst,
            )
            .reserving(limits.offers_received_reserved_percent)
        },
        ttl: Ttl {
            membership: config.membership_ttl(),
            pending_offer: config.tracker.pending_offer_ttl,
            http_membership: config.http_membership_ttl(),
        },
    }
}
