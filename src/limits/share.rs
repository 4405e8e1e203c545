//! How much of the swarm table one address has, and when it may begin another swarm.
//!
//! The connections of an address share one number, which changes when one of them joins or leaves a swarm: an atomic, so that
//! no message waits for a lock. The threshold moves with what is free, as the buffers of switches are divided: the fuller
//! the table, the less one may have of it, so that whoever has little can always begin one more.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

/// How much of the free room one address may have: `limits.address_swarms_percent`, and `limits.network_factor` times as
/// much for a network of /48.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portion {
    percent: u32,
    network_factor: u32,
}

impl Portion {
    /// All of it.
    pub const ALL: Self = Self::new(0, 0);

    /// So many percent; 0 stands for no limit.
    #[must_use]
    pub const fn new(percent: u32, network_factor: u32) -> Self {
        Self {
            percent,
            network_factor,
        }
    }

    /// In one number, which may be shared.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        (self.percent as u64) << 32 | self.network_factor as u64
    }

    /// The one that this number stands for.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self::new((bits >> 32) as u32, (bits & 0xffff_ffff) as u32)
    }
}

/// The memberships of all connections and of all peers over HTTP of one address, or of one network.
#[derive(Debug, Default)]
pub struct Share {
    memberships: AtomicUsize,
    /// How many times as much it may have as others, at least once.
    factor: u32,
    /// The address group of its members.
    group: Option<NonZeroU64>,
    /// That of the network around it, of which it is a part.
    wider: Option<Arc<Self>>,
}

impl Share {
    /// Of nothing yet, within the share of a network.
    #[must_use]
    pub fn within(wider: Option<Arc<Self>>) -> Self {
        Self::of_many(1, wider)
    }

    /// The same, for an address that may have so many times as much as others.
    #[must_use]
    pub fn of_many(factor: u32, wider: Option<Arc<Self>>) -> Self {
        Self {
            factor,
            wider,
            ..Self::default()
        }
    }

    /// The same for members of this address group.
    #[must_use]
    pub fn with_group(self, group: NonZeroU64) -> Self {
        Self {
            group: Some(group),
            ..self
        }
    }

    /// The address group of its members when receivers are chosen; `None` if each stands for itself.
    #[must_use]
    pub const fn group(&self) -> Option<NonZeroU64> {
        self.group
    }

    /// How many memberships there are.
    #[must_use]
    pub fn memberships(&self) -> usize {
        self.memberships.load(Relaxed)
    }

    /// Takes note that a connection had `before` memberships and has `after`.
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

    /// Whether a swarm may begin for it, where there is room for `free` more.
    #[must_use]
    pub fn may_begin(&self, free: usize, portion: Portion) -> bool {
        self.may_begin_beside(0, free, portion)
    }

    /// The same for somebody whose membership of that swarm is counted already.
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

    /// Shares that take turns in beginning swarms until none may; how much is free then.
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
