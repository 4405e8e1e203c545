//! What happens when memory runs short: connections go, those that hold most first.
//!
//! A WebSocket that holds no more than is usual goes only when nobody has held more for some seconds, over HTTP neither. Of
//! these, those that are silent for longest go first.

use std::time::Duration;

use super::entry::Entry;
use super::{Ended, Hub};
use crate::limits::Step;

/// Silences are told apart by the second, up to so many.
const SECONDS_MAX: usize = 256;
/// What a connection may hold and be like all others: output on its way, and some swarms.
const USUAL_BYTES: usize = 16 * 1024;
/// About what a membership takes, with a swarm of its own.
const MEMBERSHIP_BYTES: usize = 600;

impl Hub {
    /// Takes note of the memory that the process has resident, and lets no new swarms begin while that is much.
    pub fn observe_memory(&self, resident_bytes: usize) {
        let node = &self.node;
        let before = node.pressure.step();
        let blocked: u64 = node.levels().iter().map(|own| own.http_blocked.get()).sum();
        let blocked = usize::try_from(blocked).unwrap_or(usize::MAX);
        node.pressure
            .observe(resident_bytes, node.connections_held(), blocked);
        let step = node.pressure.step();
        node.tracker.swarms().set_closed(step >= Step::Refuse);
        if step != before {
            let used_bytes = node.pressure.used_bytes();
            if step > before {
                tracing::warn!(?step, used_bytes, "memory is short");
            } else {
                tracing::info!(?step, used_bytes, "memory is less short");
            }
        }
        if step == Step::Shed && before < Step::Shed {
            // Those who hold more are looked for first, on all workers.
            node.pressure.spare_usual(self.time.get());
        }
    }

    /// Takes note that connections were closed that held more than is usual: what they give back is waited for.
    pub fn note_shed(&self) {
        self.node.pressure.spare_usual(self.time.get());
    }

    /// Asks those to close that hold most, until as much is given back as memory is short of; those that hold what is usual only if
    /// there have been no others for some time. Once a second.
    pub fn shed(&self) -> bool {
        let surplus = self.node.pressure.surplus_bytes();
        if surplus == 0 {
            return false;
        }
        if self.shed_holders(surplus) {
            self.note_shed();
            return true;
        }
        self.node.pressure.may_shed_usual(self.time.get()) && self.shed_silent()
    }

    /// Closes those that hold more than is usual, until so many bytes are given back.
    fn shed_holders(&self, surplus: usize) -> bool {
        let state = &mut *self.state.borrow_mut();
        let open = state.entries.iter_mut().map(|(_, entry)| entry);
        let mut holders: Vec<_> = open
            .filter(|entry| entry.closing.is_none())
            .map(|entry| (held(entry), entry))
            .filter(|(held, _)| *held > USUAL_BYTES)
            .collect();
        holders.sort_unstable_by_key(|(held, _)| std::cmp::Reverse(*held));
        let (mut left, mut has_closed) = (surplus, false);
        for (held, entry) in holders {
            if left == 0 {
                break;
            }
            left = left.saturating_sub(held);
            has_closed = true;
            entry.close(Ended::Shed);
        }
        has_closed
    }

    /// Closes those silent for longest, as many as memory is short of.
    fn shed_silent(&self) -> bool {
        let state = &mut *self.state.borrow_mut();
        let mut surplus = self.node.pressure.surplus(state.entries.len());
        let now = self.time.get();
        let mut silent = [0_usize; SECONDS_MAX];
        let open = |entry: &&Entry| entry.closing.is_none();
        for entry in state.entries.iter().map(|(_, entry)| entry).filter(open) {
            if let Some(count) = silent.get_mut(seconds(entry.silent(now))) {
                *count += 1;
            }
        }
        // The shortest silence of which some have to go.
        let mut longer = 0;
        let shortest = silent.iter().rposition(|count| {
            longer += count;
            longer >= surplus
        });
        for longest_first in [true, false] {
            for (_, entry) in &mut state.entries {
                let silence = seconds(entry.silent(now));
                let goes = match shortest {
                    Some(shortest) if longest_first => silence > shortest,
                    Some(shortest) => silence == shortest,
                    None => true,
                };
                if goes && surplus > 0 && entry.closing.is_none() {
                    surplus -= 1;
                    entry.close(Ended::Shed);
                }
            }
        }
        true
    }
}

/// Bytes that are held for a connection: what it has not taken, and its places in swarms.
fn held(entry: &Entry) -> usize {
    entry.outbox.bytes() + entry.participant.memberships_count() * MEMBERSHIP_BYTES
}

fn seconds(silence: Duration) -> usize {
    usize::try_from(silence.as_secs())
        .map_or(SECONDS_MAX - 1, |seconds| seconds.min(SECONDS_MAX - 1))
}
