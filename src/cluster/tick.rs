//! Does what is due every [`TICK_EVERY`](super::TICK_EVERY): sends collected changes, ends waiting, compares with others.

use std::time::Duration;

use super::{Cluster, Effect, Slot};

/// Time in which each slot is compared with its owner once.
pub(super) const DIGESTS_EVERY: Duration = Duration::from_secs(30);

/// After this time a node is asked again to register a slot.
const SYNC_AGAIN_AFTER: Duration = Duration::from_secs(3);

/// The directory of a slot that has moved away is kept for this time, since other nodes may not know it yet.
const MOVED_SLOT_KEPT: Duration = Duration::from_secs(10);

impl Cluster {
    pub(super) fn tick(&mut self, now: Duration, effects: &mut Vec<Effect<'_>>) {
        self.register_changes(now);
        self.register_slots(now);
        self.settle_slots(now.checked_sub(SYNC_AGAIN_AFTER), now);
        self.send_vectors(now, effects);
        let (again, given_up) = self.holds.overdue(now);
        for info_hash in again {
            self.ask_again(&info_hash, now);
        }
        for info_hash in given_up {
            self.counters.vectors_given_up += 1;
            self.release(&info_hash, effects);
        }
        for finished in self.http_requests.overdue(now) {
            effects.push(Effect::HttpPeers(finished.token, finished.peers));
        }
        self.sent.expire(now);
        self.given.expire(now);
        self.rotate(now);
        if self.digests_at.is_some_and(|at| at <= now) {
            self.digests_at = None;
            self.digest_queue.extend(self.identity.slots.all());
        }
        self.send_digests(now);
    }

    /// Sweeps the next slots, and queues them for digests.
    fn rotate(&mut self, now: Duration) {
        let slots = self.identity.slots.count().max(1);
        let every = DIGESTS_EVERY / u32::from(slots);
        // What a long pause has missed is not made up for.
        self.rotated = self
            .rotated
            .max(now.saturating_sub(2 * every.max(super::TICK_EVERY)));
        while self.rotated + every <= now {
            self.rotated += every;
            let slot = Slot(self.rotation);
            self.rotation = (self.rotation + 1) % slots;
            let is_kept = self.owns(slot) || now < self.ownership_changed + MOVED_SLOT_KEPT;
            self.directory.sweep(slot, is_kept, &self.members);
            self.digest_queue.insert(slot);
        }
    }
}
