//! Stores the limits and lifetimes of tracking, which a reload may change.
//!
//! Every message reads them and a reload writes them, so each is an atomic number: as fast to read as a plain one.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::time::Duration;

use crate::limits::SwarmQuota;
use crate::swarm::{Lifetimes, Matchmaking, OfferTerms, ReceiverQuota};

/// The limits and lifetimes of tracking, named as in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// `tracker.memberships_max`, for one connection.
    pub memberships_max: usize,
    /// `tracker.peer_ids_per_swarm_max`, for one connection in one swarm.
    pub peer_ids_per_swarm_max: usize,
    /// `tracker.pending_offers_max`, for one member.
    pub pending_offers_max: usize,
    /// `tracker.matchmaking`
    pub matchmaking: Matchmaking,
    /// `tracker.nearest`
    pub nearest: bool,
    /// `tracker.full_scrape`
    pub full_scrape: bool,
    /// `limits.swarms_max`, for the whole process.
    pub swarms_max: usize,
    /// `limits.http_peers_max`, for the whole process.
    pub http_peers_max: usize,
    /// `limits.address_http_peers_per_swarm_max`, for one address group in one swarm.
    pub address_http_peers_per_swarm_max: usize,
    /// `limits.address_swarms_percent` and `limits.network_factor`
    pub address_swarm_quota: SwarmQuota,
    /// `limits.offers_received_per_second`, `limits.offers_received_burst` and
    /// `limits.offers_received_reserved_percent`
    pub receiver_quota: ReceiverQuota,
    /// `tracker.membership_ttl`, `tracker.pending_offer_ttl` and `tracker.http_membership_ttl`
    pub ttl: Lifetimes,
}

/// The active rules. During an update a reader may see some new and some old values; each value is valid by itself.
#[derive(Debug, Default)]
pub(super) struct ActiveRules {
    memberships_max: AtomicUsize,
    peer_ids_per_swarm_max: AtomicUsize,
    pending_offers_max: AtomicUsize,
    random_matchmaking: AtomicBool,
    nearest: AtomicBool,
    full_scrape: AtomicBool,
    swarms_max: AtomicUsize,
    http_peers_max: AtomicUsize,
    address_http_peers_per_swarm_max: AtomicUsize,
    address_swarm_quota: AtomicU64,
    receiver_quota: AtomicU64,
    membership_ttl_ms: AtomicU64,
    pending_offer_ttl_ms: AtomicU64,
    http_membership_ttl_ms: AtomicU64,
}

impl ActiveRules {
    pub(super) fn new(rules: Rules) -> Self {
        let active_rules = Self::default();
        active_rules.set(rules);
        active_rules
    }

    pub(super) fn set(&self, rules: Rules) {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.memberships_max.store(rules.memberships_max, Relaxed);
        self.peer_ids_per_swarm_max
            .store(rules.peer_ids_per_swarm_max, Relaxed);
        self.pending_offers_max
            .store(rules.pending_offers_max, Relaxed);
        let is_random = rules.matchmaking == Matchmaking::Random;
        self.random_matchmaking.store(is_random, Relaxed);
        self.nearest.store(rules.nearest, Relaxed);
        self.full_scrape.store(rules.full_scrape, Relaxed);
        self.swarms_max.store(rules.swarms_max, Relaxed);
        self.http_peers_max.store(rules.http_peers_max, Relaxed);
        self.address_http_peers_per_swarm_max
            .store(rules.address_http_peers_per_swarm_max, Relaxed);
        self.address_swarm_quota
            .store(rules.address_swarm_quota.to_bits(), Relaxed);
        self.receiver_quota
            .store(rules.receiver_quota.to_bits(), Relaxed);
        self.membership_ttl_ms
            .store(ms(rules.ttl.membership), Relaxed);
        self.pending_offer_ttl_ms
            .store(ms(rules.ttl.pending_offer), Relaxed);
        self.http_membership_ttl_ms
            .store(ms(rules.ttl.http_membership), Relaxed);
    }

    /// Returns all rules.
    pub(super) fn get(&self) -> Rules {
        Rules {
            memberships_max: self.memberships_max(),
            peer_ids_per_swarm_max: self.peer_ids_per_swarm_max(),
            pending_offers_max: self.pending_offers_max(),
            matchmaking: self.matchmaking(),
            nearest: self.nearest.load(Relaxed),
            full_scrape: self.full_scrape(),
            swarms_max: self.swarms_max.load(Relaxed),
            http_peers_max: self.http_peers_max(),
            address_http_peers_per_swarm_max: self.address_http_peers_per_swarm_max(),
            address_swarm_quota: self.address_swarm_quota(),
            receiver_quota: self.receiver_quota(),
            ttl: self.ttl(),
        }
    }

    // One method for each, because the compiler emits every atomic load, used or not.

    pub(super) fn memberships_max(&self) -> usize {
        self.memberships_max.load(Relaxed)
    }

    pub(super) fn peer_ids_per_swarm_max(&self) -> usize {
        self.peer_ids_per_swarm_max.load(Relaxed)
    }

    pub(super) fn pending_offers_max(&self) -> usize {
        self.pending_offers_max.load(Relaxed)
    }

    fn matchmaking(&self) -> Matchmaking {
        if self.random_matchmaking.load(Relaxed) {
            Matchmaking::Random
        } else {
            Matchmaking::Introductions
        }
    }

    /// Returns the conditions for offers of a sender.
    pub(super) fn offer_terms(&self, is_light_sender: bool, now: Duration) -> OfferTerms {
        OfferTerms {
            matchmaking: self.matchmaking(),
            nearest: self.nearest.load(Relaxed),
            quota: self.receiver_quota(),
            is_light_sender,
            now,
        }
    }

    pub(super) fn full_scrape(&self) -> bool {
        self.full_scrape.load(Relaxed)
    }

    pub(super) fn http_peers_max(&self) -> usize {
        self.http_peers_max.load(Relaxed)
    }

    pub(super) fn address_http_peers_per_swarm_max(&self) -> usize {
        self.address_http_peers_per_swarm_max.load(Relaxed)
    }

    pub(super) fn http_membership_ttl(&self) -> Duration {
        Duration::from_millis(self.http_membership_ttl_ms.load(Relaxed))
    }

    pub(super) fn address_swarm_quota(&self) -> SwarmQuota {
        SwarmQuota::from_bits(self.address_swarm_quota.load(Relaxed))
    }

    pub(super) fn receiver_quota(&self) -> ReceiverQuota {
        ReceiverQuota::from_bits(self.receiver_quota.load(Relaxed))
    }

    pub(super) fn pending_offer_ttl(&self) -> Duration {
        Duration::from_millis(self.pending_offer_ttl_ms.load(Relaxed))
    }

    pub(super) fn ttl(&self) -> Lifetimes {
        let time = |ms: &AtomicU64| Duration::from_millis(ms.load(Relaxed));
        Lifetimes {
            membership: time(&self.membership_ttl_ms),
            pending_offer: self.pending_offer_ttl(),
            http_membership: self.http_membership_ttl(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_rules_are_returned_by_get() {
        let rules = |n: u32| Rules {
            memberships_max: n as usize,
            peer_ids_per_swarm_max: n as usize + 1,
            pending_offers_max: n as usize + 2,
            matchmaking: if n > 5 {
                Matchmaking::Random
            } else {
                Matchmaking::Introductions
            },
            nearest: n > 5,
            full_scrape: n > 5,
            swarms_max: n as usize + 3,
            http_peers_max: n as usize + 4,
            address_http_peers_per_swarm_max: n as usize + 5,
            address_swarm_quota: SwarmQuota::new(n, n + 4),
            receiver_quota: ReceiverQuota::new(n, 2 * n).with_reserved_percent(n),
            ttl: Lifetimes {
                membership: Duration::from_secs(1) * n,
                pending_offer: Duration::from_millis(1) * n,
                http_membership: Duration::from_secs(2) * n,
            },
        };
        let active_rules = ActiveRules::new(rules(1));
        assert_eq!(active_rules.get(), rules(1));
        active_rules.set(rules(10));
        assert_eq!(active_rules.get(), rules(10));
    }
}
