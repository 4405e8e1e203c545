//! Derives the rules of the tracker.

use crate::config::{Config, MatchmakingSetting};
use crate::limits::SwarmQuota;
use crate::swarm::{Lifetimes, Matchmaking, ReceiverQuota};
use crate::tracker::Rules;

pub(super) fn tracker_rules(config: &Config) -> Rules {
    Rules {
        memberships_max: config.tracker.memberships_max,
        peer_ids_per_swarm_max: config.tracker.peer_ids_per_swarm_max,
        pending_offers_max: config.tracker.pending_offers_max,
        matchmaking: match config.tracker.matchmaking {
            MatchmakingSetting::Introductions => Matchmaking::Introductions,
            MatchmakingSetting::Random => Matchmaking::Random,
        },
        nearest: config.tracker.nearest,
        full_scrape: config.tracker.full_scrape,
        swarms_max: config.limits.swarms_max,
        http_peers_max: config.limits.http_peers_max,
        address_http_peers_per_swarm_max: config.limits.address_http_peers_per_swarm_max,
        address_swarm_quota: if config.no_limits {
            SwarmQuota::UNLIMITED
        } else {
            let limits = &config.limits;
            SwarmQuota::new(limits.address_swarms_percent, limits.network_factor)
        },
        receiver_quota: if config.no_limits {
            ReceiverQuota::UNLIMITED
        } else {
            let limits = &config.limits;
            ReceiverQuota::new(
                limits.offers_received_per_second,
                limits.offers_received_burst,
            )
            .with_reserved_percent(limits.offers_received_reserved_percent)
        },
        ttl: Lifetimes {
            membership: config.membership_ttl(),
            pending_offer: config.tracker.pending_offer_ttl,
            http_membership: config.http_membership_ttl(),
        },
    }
}
