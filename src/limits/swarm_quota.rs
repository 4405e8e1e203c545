//! Limits how much of the swarm table one address may use.
//!
//! The connections of an address share one counter, which changes when one of them joins or leaves a swarm. It is
//! atomic, so no message waits for a lock. The threshold depends on the free room, like dynamic thresholds of switch
//! buffers: the fuller the table, the less one address may use. So an address that uses little can always create one
//! more swarm.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

/// The part of the free room that one address may use: `limits.address_swarms_percent`, and `limits.network_factor`
/// times that for a /48 network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwarmQuota {
    percent: u32,
    network_factor: u32,
}

impl SwarmQuota {
    /// No limit.
    pub const UNLIMITED: Self = Self::new(0, 0);

    /// Creates a quota of `percent`; 0 is no limit.
    #[must_use]
    pub const fn new(percent: u32, network_factor: u32) -> Self {
        Self {
            percent,
            network_factor,
        }
    }

    /// Encodes it as one number, for an atomic.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        (self.percent as u64) << 32 | self.network_factor as u64
    }

    /// Decodes it from [`to_bits`](Self::to_bits).
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self::new((bits >> 32) as u32, (bits & 0xffff_ffff) as u32)
    }
}

/// The memberships of all connections and HTTP peers of one address or network.
#[derive(Debug, Default)]
pub struct QuotaUsage {
    memberships: AtomicUsize,
    /// The factor by which its quota exceeds that of others, at least one.
    factor: u32,
    /// The address group of its members.
    group: Option<NonZeroU64>,
    /// The usage of its network, which includes it.
    network: Option<Arc<Self>>,
}

impl QuotaUsage {
    /// Creates an empty one within the usage of a network.
    #[must_use]
    pub fn within(network: Option<Arc<Self>>) -> Self {
        Self::with_factor(1, network)
    }

    /// Like [`within`](Self::within), with a quota of `factor` times that of others.
    #[must_use]
    pub fn with_factor(factor: u32, network: Option<Arc<Self>>) -> Self {
        Self {
            factor,
            network,
            ..Self::default()
        }
    }

    /// Sets the address group of its members.
    #[must_use]
    pub fn with_group(self, group: NonZeroU64) -> Self {
        Self {
            group: Some(group),
            ..self
        }
    }

    /// Returns the address group of its members for the choice of receivers; `None` if each member counts alone.
    #[must_use]
    pub const fn group(&self) -> Option<NonZeroU64> {
        self.group
    }

    /// Returns the number of memberships.
    #[must_use]
    pub fn memberships(&self) -> usize {
        self.memberships.load(Relaxed)
    }

    /// Records that a connection had `before` memberships and has `after`.
    pub fn record_change(&self, before: usize, after: usize) {
        let each = [Some(self), self.network.as_deref()];
        for share in each.into_iter().flatten() {
            if after > before {
                share.memberships.fetch_add(after - before, Relaxed);
            } else if after < before {
                share.memberships.fetch_sub(before - after, Relaxed);
            }
        }
    }

    /// Returns whether it may create a swarm while there is room for `free` more.
    #[must_use]
    pub fn allows_new_swarm(&self, free: usize, portion: SwarmQuota) -> bool {
        self.allows_swarm_beside(0, free, portion)
    }

    /// Like [`allows_new_swarm`](Self::allows_new_swarm), if the membership of that swarm is already counted.
    #[must_use]
    pub fn allows_counted_swarm(&self, free: usize, portion: SwarmQuota) -> bool {
        self.allows_swarm_beside(1, free, portion)
    }

    fn allows_swarm_beside(&self, counted: usize, free: usize, portion: SwarmQuota) -> bool {
        let fits = |share: &Self, percent: usize| {
            let percent = percent.saturating_mul(share.factor.max(1) as usize);
            let others = share.memberships().saturating_sub(counted);
            others.saturating_mul(100) < free.saturating_mul(percent)
        };
        let percent = portion.percent as usize;
        let network_percent = percent.saturating_mul(portion.network_factor as usize);
        percent == 0
            || fits(self, percent)
                && self
                    .network
                    .as_deref()
                    .is_none_or(|share| fits(share, network_percent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE_SWARMS: usize = 1_000_000;
    const QUOTA: SwarmQuota = SwarmQuota::new(10, 4);

    /// Lets shares create swarms in turn until none may. Returns the free room.
    fn fill(shares: &[Arc<QuotaUsage>]) -> usize {
        let mut free = FREE_SWARMS;
        loop {
            let before = free;
            for share in shares
                .iter()
                .filter(|share| share.memberships() < FREE_SWARMS)
            {
                if share.allows_new_swarm(free, QUOTA) {
                    share.record_change(0, 1);
                    free -= 1;
                }
            }
            if free == before {
                return free;
            }
        }
    }

    fn separate_usages(count: usize) -> Vec<Arc<QuotaUsage>> {
        (0..count).map(|_| Arc::default()).collect()
    }

    #[test]
    fn greedy_addresses_get_equal_parts_and_leave_room_for_others() {
        for (greedy, each) in [(1, 90_910), (256, 3_760), (4_096, 244)] {
            let shares = separate_usages(greedy);
            let free = fill(&shares);
            assert!(free > 0, "{greedy}");
            for share in &shares {
                assert!(
                    share.memberships().abs_diff(each) <= 2,
                    "{greedy}: {share:?}"
                );
            }
            let modest = QuotaUsage::default();
            modest.record_change(0, each / 2);
            assert!(modest.allows_new_swarm(free, QUOTA), "{greedy}");
        }
    }

    #[test]
    fn an_empty_table_serves_a_seedbox_and_a_school() {
        let seedbox = QuotaUsage::default();
        for held in 0..20_000 {
            assert!(
                seedbox.allows_new_swarm(FREE_SWARMS - held, QUOTA),
                "{held}"
            );
            seedbox.record_change(0, 1);
        }
        let school = QuotaUsage::default();
        school.record_change(0, 5_000);
        assert!(school.allows_new_swarm(FREE_SWARMS - 20_005, QUOTA));
    }

    #[test]
    fn the_networks_of_a_site_share_four_times_the_quota() {
        let site = Arc::new(QuotaUsage::default());
        let networks: Vec<_> = (0..1_000)
            .map(|_| Arc::new(QuotaUsage::within(Some(Arc::clone(&site)))))
            .collect();
        let free = fill(&networks);
        assert!(
            site.memberships().abs_diff(FREE_SWARMS * 2 / 7) <= 1,
            "{site:?}"
        );
        assert_eq!(site.memberships(), FREE_SWARMS - free);
        assert!(QuotaUsage::default().allows_new_swarm(free, QUOTA));
        networks[0].record_change(networks[0].memberships(), 0);
        assert!(networks[1].allows_new_swarm(free, QUOTA));
    }

    #[test]
    fn only_unlimited_quotas_allow_everything() {
        let share = QuotaUsage::default();
        share.record_change(0, FREE_SWARMS);
        assert!(share.allows_new_swarm(1, SwarmQuota::UNLIMITED));
        assert!(!share.allows_new_swarm(1, QUOTA));
        share.record_change(FREE_SWARMS, 0);
        assert!(share.allows_new_swarm(1, QUOTA));
        assert!(!share.allows_new_swarm(0, QUOTA));
        share.record_change(0, 1);
        assert!(share.allows_counted_swarm(1, QUOTA) && !share.allows_new_swarm(1, QUOTA));
        share.record_change(1, 2);
        assert!(!share.allows_counted_swarm(1, QUOTA));
    }

    #[test]
    fn a_quota_survives_encoding_as_a_number() {
        for portion in [
            SwarmQuota::UNLIMITED,
            QUOTA,
            SwarmQuota::new(u32::MAX, u32::MAX),
        ] {
            assert_eq!(SwarmQuota::from_bits(portion.to_bits()), portion);
        }
    }
}
