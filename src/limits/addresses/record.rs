//! Stores what one address or network uses.

use std::num::NonZeroU64;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::policy::AddressPolicy;
use super::strikes::STRIKE_SCORE_MIN;
use crate::limits::bucket::BucketLevel;
use crate::limits::carried_usage::EndedConnections;
use crate::limits::score::Score;
use crate::limits::{AddressKind, QuotaUsage, RateKey};

/// The record of one address or network. Small, because there are many.
#[derive(Debug, Default)]
pub(super) struct AddressRecord {
    pub(super) network: Option<RateKey>,
    pub(super) kind: AddressKind,
    pub(super) arrivals: BucketLevel,
    pub(super) requests: BucketLevel,
    pub(super) accepts: BucketLevel,
    pub(super) strikes: Score,
    /// Points for different origins whose pages misbehaved.
    pub(super) origin_strikes: Score,
    pub(super) connections: u32,
    pub(super) http_peers: u32,
    /// The share of the swarm table that its WebSockets and HTTP peers use; owned by them.
    pub(super) quota_usage: Weak<QuotaUsage>,
    /// The same share, held while there are HTTP peers.
    pub(super) http_quota_usage: Option<Arc<QuotaUsage>>,
    /// The usage of ended connections.
    pub(super) ended_connections: Option<Box<EndedConnections>>,
}

/// A resource with a limit per address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CountedResource {
    /// `limits.address_connections_max`
    Connection,
    /// `limits.address_http_peers_max`
    HttpPeer,
}

impl AddressRecord {
    /// Returns the count of a resource.
    pub(super) fn count_mut(&mut self, what: CountedResource) -> &mut u32 {
        match what {
            CountedResource::Connection => &mut self.connections,
            CountedResource::HttpPeer => &mut self.http_peers,
        }
    }

    /// Returns whether nothing counts for it any more.
    pub(super) fn is_idle(&mut self, policy: &AddressPolicy, now: Duration) -> bool {
        self.drop_recovered(policy, now);
        let faded = |score: Score| score.points(now, policy.strike_half_life) < STRIKE_SCORE_MIN;
        let buckets = [&self.arrivals, &self.requests, &self.accepts];
        self.connections == 0
            && self.http_peers == 0
            && self.ended_connections.is_none()
            && buckets
                .iter()
                .all(|level| level.time_until_full(now).is_zero())
            && faded(self.strikes)
            && faded(self.origin_strikes)
    }

    /// Returns its share of the swarm table. `network_share` is that of its network.
    pub(super) fn shared_quota_usage(
        &mut self,
        factor: u32,
        group: NonZeroU64,
        network_share: Option<Arc<QuotaUsage>>,
    ) -> Arc<QuotaUsage> {
        self.quota_usage.upgrade().unwrap_or_else(|| {
            let share = Arc::new(QuotaUsage::with_factor(factor, network_share).with_group(group));
            self.quota_usage = Arc::downgrade(&share);
            share
        })
    }
}
