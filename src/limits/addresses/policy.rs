//! Derives the limits of addresses from the settings.

use std::time::Duration;

use crate::config;
use crate::limits::AddressKind;
use crate::limits::delaying_bucket::DelayingBucket;

/// From `limits.address_*`, `limits.addresses_max`, `limits.*_factor`, `limits.failed_handshake_cost` and `bans.*`.
#[derive(Debug, Clone, Copy)]
pub struct AddressPolicy {
    pub(super) addresses_max: usize,
    pub(super) connections_max: u32,
    pub(super) http_peers_max: u32,
    pub(super) network_factor: u32,
    pub(super) private_factor: u32,
    pub(super) address_arrivals: DelayingBucket,
    pub(super) network_arrivals: DelayingBucket,
    pub(super) address_requests: DelayingBucket,
    pub(super) network_requests: DelayingBucket,
    pub(super) accepts: DelayingBucket,
    pub(super) failed_handshake_cost: u32,
    pub(super) strikes_max: u32,
    pub(super) origins_max: u32,
    pub(super) bans_private: bool,
    pub(super) points_half_life: Duration,
    pub(super) recovery_factor: u32,
    /// Seconds in which an empty bucket of messages refills; 0 if no usage is forgiven.
    pub(super) forgiven_max: f64,
    pub(super) strike_every: Duration,
    pub(super) strike_half_life: Duration,
}

impl AddressPolicy {
    /// Creates the policy from the settings.
    #[must_use]
    pub fn new(limits: &config::Limits, bans: &config::Bans) -> Self {
        let bucket = |factor: u32| {
            let rate = limits.address_connections_per_second.saturating_mul(factor);
            let burst = limits.address_connections_burst.saturating_mul(factor);
            DelayingBucket::new(rate, burst, limits.arrival_delay_max)
        };
        let requests = |factor: u32| {
            let rate = limits.address_http_requests_per_second;
            let burst = limits.address_http_requests_burst;
            // No delay: a waiting request would only occupy memory.
            DelayingBucket::new(
                rate.saturating_mul(factor),
                burst.saturating_mul(factor),
                Duration::ZERO,
            )
        };
        Self {
            addresses_max: limits.addresses_max,
            connections_max: limits.address_connections_max,
            http_peers_max: limits.address_http_peers_max,
            network_factor: limits.network_factor,
            private_factor: limits.private_factor,
            address_arrivals: bucket(1),
            network_arrivals: bucket(limits.network_factor),
            address_requests: requests(1),
            network_requests: requests(limits.network_factor),
            accepts: DelayingBucket::new(
                limits.address_accepts_per_second(),
                limits.address_accepts_burst(),
                Duration::ZERO,
            ),
            failed_handshake_cost: limits.failed_handshake_cost,
            strikes_max: bans.strikes_max,
            origins_max: bans.origins_max,
            bans_private: bans.private,
            points_half_life: bans.connection_score_half_life,
            recovery_factor: limits.address_recovery_factor,
            forgiven_max: match limits.address_recovery_factor {
                0 => 0.0,
                _ => {
                    f64::from(limits.messages_burst) / f64::from(limits.messages_per_second.max(1))
                }
            },
            strike_every: bans.strike_every,
            strike_half_life: bans.strike_half_life,
        }
    }

    /// Returns the factor by which the limits of this kind of address exceed those of a public one.
    pub(super) fn factor_of(&self, kind: AddressKind) -> u32 {
        match kind {
            AddressKind::Public => 1,
            AddressKind::Private => self.private_factor,
        }
    }
}
