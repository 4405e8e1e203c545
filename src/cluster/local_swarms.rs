//! Stores the swarms with members of this node: what the owner knows of them, and who else has members.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use smallvec::SmallVec;

use super::{LinkEpoch, Population, Slot};
use crate::protocol::InfoHash;

/// Time after which a change in a large swarm is sent, however small it is.
pub(super) const SMALL_CHANGE_AFTER: Duration = Duration::from_secs(1);

/// A swarm, sorted by its slot.
pub(super) type SwarmKey = (Slot, InfoHash);

/// A swarm with members of this node, or one that somebody asks about.
#[derive(Debug, Default)]
pub(super) struct LocalSwarm {
    pub(super) population: Population,
    /// The population that the owner knows.
    pub(super) registered: Population,
    registered_at: Duration,
    is_dirty: bool,
    pub(super) vector: Vector,
}

/// The members of a swarm on the other nodes, as the owner has listed them.
#[derive(Debug, Default)]
pub(super) struct Vector {
    /// The owner that has sent it, and its version there.
    pub(super) source: Option<(LinkEpoch, u64)>,
    pub(super) rows: SmallVec<[(LinkEpoch, Population); 2]>,
}

impl LocalSwarm {
    /// Stores that the population was sent to the owner.
    pub(super) const fn set_registered(&mut self, now: Duration) {
        self.registered = self.population;
        self.registered_at = now;
    }

    /// Returns whether the owner must learn of a change now.
    fn is_due(&self, now: Duration) -> bool {
        self.population.is_notable_change(&self.registered)
            || now >= self.registered_at + SMALL_CHANGE_AFTER
    }
}

/// All swarms with members of this node.
#[derive(Debug, Default)]
pub(super) struct LocalSwarms {
    pub(super) swarms: BTreeMap<SwarmKey, LocalSwarm>,
    /// The swarms that are dirty, each once.
    dirty: VecDeque<SwarmKey>,
}

impl LocalSwarms {
    /// Marks a swarm: its population must be sent at a later tick.
    pub(super) fn mark_dirty(&mut self, key: SwarmKey) {
        if let Some(swarm) = self.swarms.get_mut(&key)
            && !std::mem::replace(&mut swarm.is_dirty, true)
        {
            self.dirty.push_back(key);
        }
    }

    /// Removes up to `max` marked swarms whose population must be sent now, and returns them. The mark of others stays
    /// while they have changes.
    pub(super) fn take_due(&mut self, now: Duration, max: usize) -> Vec<SwarmKey> {
        let mut due = Vec::new();
        for _ in 0..self.dirty.len().min(max) {
            let Some(key) = self.dirty.pop_front() else {
                break;
            };
            let Some(swarm) = self.swarms.get_mut(&key) else {
                continue;
            };
            let is_empty = swarm.population == Population::default();
            let is_unchanged = swarm.population == swarm.registered;
            if is_unchanged && !is_empty {
                swarm.is_dirty = false;
            } else if is_empty || swarm.is_due(now) {
                swarm.is_dirty = false;
                due.push(key);
            } else {
                self.dirty.push_back(key);
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: SwarmKey = (Slot(1), InfoHash::new([1; 20]));

    fn leechers(leechers: u32) -> Population {
        Population {
            leechers,
            ..Population::default()
        }
    }

    fn change(swarms: &mut LocalSwarms, to: u32) {
        swarms.swarms.entry(KEY).or_default().population = leechers(to);
        swarms.mark_dirty(KEY);
    }

    #[test]
    fn many_changes_are_one_registration() {
        let (mut swarms, now) = (LocalSwarms::default(), Duration::from_secs(1));
        change(&mut swarms, 1);
        change(&mut swarms, 2);
        assert_eq!(swarms.take_due(now, 10), [KEY]);
        swarms.swarms.get_mut(&KEY).unwrap().set_registered(now);
        assert_eq!(swarms.take_due(now, 10), []);
        // A change that was taken back is none.
        change(&mut swarms, 3);
        change(&mut swarms, 2);
        assert_eq!(swarms.take_due(now, 10), []);
    }

    #[test]
    fn small_changes_of_a_large_swarm_wait_for_a_second() {
        let (mut swarms, mut now) = (LocalSwarms::default(), Duration::from_secs(5));
        change(&mut swarms, 100_000);
        swarms.swarms.get_mut(&KEY).unwrap().set_registered(now);
        change(&mut swarms, 100_001);
        assert_eq!(swarms.take_due(now, 10), []);
        now += SMALL_CHANGE_AFTER;
        assert_eq!(swarms.take_due(now, 10), [KEY]);
        change(&mut swarms, 110_000);
        assert_eq!(swarms.take_due(now, 0), []);
        assert_eq!(swarms.take_due(now, 10), [KEY]);
    }
}
