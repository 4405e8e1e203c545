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
pub struct Portion {
    percent: u32,
    network_factor: u32,
}

impl Portion {
    /// No limit.
    pub const ALL: Self = Self::new(0, 0);

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
pub struct Share {
    memberships: AtomicUsize,
    /// The factor by which its quota exceeds that of others, at least one.
    factor: u32,
    /// The address group of its members.
    group: Option<NonZeroU64>,
    /// The usage of its network, which includes it.
    wider: Option<Arc<Self>>,
}

impl Share {
    /// Creates an empty one within the usage of a network.
    #[must_use]
    pub fn within(wider: Option<Arc<Self>>) -> Self {
        Self::of_many(1, wider)
    }

    /// Like [`within`](Self::within), with a quota of `factor` times that of others.
    #[must_use]
    pub fn of_many(factor: u32, wider: Option<Arc<Self>>) -> Self {
        Self {
            factor,
            wider,
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
    pub fn note(&self, before: usize, after: usize) {
        let each = [Some(self), self.wider.as_deref()];
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
    pub fn may_begin(&self, free: usize, portion: Portion) -> bool {
        self.may_begin_beside(0, free, portion)
    }

    /// Like [`may_begin`](Self::may_begin), if the membership of that swarm is already counted.
    #[must_use]
    pub fn may_begin_counted(&self, free: usize, portion: Portion) -> bool {
        self.may_begin_beside(1, free, portion)
    }

    fn may_begin_beside(&self, counted: usize, free: usize, portion: Portion) -> bool {
        let fits = |share: &Self, percent: usize| {
            let percent = percent.saturating_mul(share.factor.max(1) as usize);
            let others = share.memberships().saturating_sub(counted);
            others.saturating_mul(100) < free.saturating_mul(percent)
        };
        let percent = portion.percent as usize;
        let wider = percent.saturating_mul(portion.network_factor as usize);
        percent == 0
            || fits(self, percent) && self.wider.as_deref().is_none_or(|share| fits(share, wider))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: usize = 1_000_000;
    const PORTION: Portion = Portion::new(10, 4);

    /// Lets shares create swarms in turn until none may. Returns the free room.
    fn fill(shares: &[Arc<Share>]) -> usize {
        let mut free = ROOM;
        loop {
            let before = free;
            for share in shares.iter().filter(|share| share.memberships() < ROOM) {
                if share.may_begin(free, PORTION) {
                    share.note(0, 1);
                    free -= 1;
                }
            }
            if free == before {
                return free;
            }
        }
    }

    fn alone(count: usize) -> Vec<Arc<Share>> {
        (0..count).map(|_| Arc::default()).collect()
    }

    #[test]
    fn the_greedy_get_equal_parts_and_leave_room_for_others() {
        for (greedy, each) in [(1, 90_910), (256, 3_760), (4_096, 244)] {
            let shares = alone(greedy);
            let free = fill(&shares);
            assert!(free > 0, "{greedy}");
            for share in &shares {
                assert!(
                    share.memberships().abs_diff(each) <= 2,
                    "{greedy}: {share:?}"
                );
            }
            let modest = Share::default();
            modest.note(0, each / 2);
            assert!(modest.may_begin(free, PORTION), "{greedy}");
        }
    }

    #[test]
    fn a_seedbox_and_a_school_are_served_by_an_empty_table() {
        let seedbox = Share::default();
        for held in 0..20_000 {
            assert!(seedbox.may_begin(ROOM - held, PORTION), "{held}");
            seedbox.note(0, 1);
        }
        let school = Share::default();
        school.note(0, 5_000);
        assert!(school.may_begin(ROOM - 20_005, PORTION));
    }

    #[test]
    fn the_networks_of_a_site_have_four_times_as_much_together() {
        let site = Arc::new(Share::default());
        let networks: Vec<_> = (0..1_000)
            .map(|_| Arc::new(Share::within(Some(Arc::clone(&site)))))
            .collect();
        let free = fill(&networks);
        assert!(site.memberships().abs_diff(ROOM * 2 / 7) <= 1, "{site:?}");
        assert_eq!(site.memberships(), ROOM - free);
        assert!(Share::default().may_begin(free, PORTION));
        networks[0].note(networks[0].memberships(), 0);
        assert!(networks[1].may_begin(free, PORTION));
    }

    #[test]
    fn without_a_limit_one_may_have_everything_and_with_one_something_must_be_free() {
        let share = Share::default();
        share.note(0, ROOM);
        assert!(share.may_begin(1, Portion::ALL));
        assert!(!share.may_begin(1, PORTION));
        share.note(ROOM, 0);
        assert!(share.may_begin(1, PORTION));
        assert!(!share.may_begin(0, PORTION));
        share.note(0, 1);
        assert!(share.may_begin_counted(1, PORTION) && !share.may_begin(1, PORTION));
        share.note(1, 2);
        assert!(!share.may_begin_counted(1, PORTION));
    }

    #[test]
    fn a_portion_survives_as_a_number() {
        for portion in [Portion::ALL, PORTION, Portion::new(u32::MAX, u32::MAX)] {
            assert_eq!(Portion::from_bits(portion.to_bits()), portion);
        }
    }
}
