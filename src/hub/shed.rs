//! What happens when memory runs short: connections go, those of addresses that hold most in sum first.
//!
//! WebSockets of addresses that hold no more than is usual go only when nobody has held more for some seconds, over HTTP neither.
//! Of these, those that are silent for longest go first.

use std::num::NonZeroU64;
use std::time::Duration;

use super::entry::Entry;
use super::{Ended, Hub};
use crate::limits::{Holding, Key, Step, choose_holders};

/// Silences are told apart by the second, up to so many.
const SECONDS_MAX: usize = 256;
/// What the connections of an address may hold in sum and be like all others: eight of them, or one in some forty swarms.
const USUAL_BYTES: usize = 32 * 1024;
/// What one of the others, over HTTP, holds with hardly anything unfinished.
const OTHERS_USUAL_BYTES: usize = 12 * 1024;
/// What a WebSocket is taken to hold that holds nothing: what it takes here, within TLS, and a part of what the kernel does.
const CONNECTION_BYTES: usize = 4 * 1024;
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

    /// Takes note that connections were ended that held more than is usual: what they give back is waited for.
    pub fn note_shed(&self) {
        self.node.pressure.spare_usual(self.time.get());
    }

    /// Ends connections of the addresses that hold most, `others` beside those of this hub included, until as much is given back as
    /// memory is short of; those of addresses that hold what is usual only if there have been no others for some time. `end` ends
    /// one of the others. True if any was ended. Once a second.
    pub fn shed(&self, others: &[Holding], mut end: impl FnMut(usize)) -> bool {
        // Each worker has about as many of an address as the next.
        let surplus = self.node.pressure.surplus_bytes();
        let surplus = surplus.div_ceil(self.node.mailboxes.len().max(1));
        if surplus == 0 {
            return false;
        }
        if self.shed_holders(surplus, others, &mut end) || shed_others(surplus, others, &mut end) {
            self.note_shed();
            return true;
        }
        self.node.pressure.may_shed_usual(self.time.get()) && self.shed_silent()
    }

    /// Ends connections of addresses that hold more than is usual, until so many bytes are given back.
    fn shed_holders(
        &self,
        surplus: usize,
        others: &[Holding],
        end: &mut impl FnMut(usize),
    ) -> bool {
        let (slots, mut holdings) = self.holdings();
        holdings.extend_from_slice(others);
        let chosen = choose_holders(&holdings, surplus, USUAL_BYTES);
        let state = &mut *self.state.borrow_mut();
        for &place in &chosen {
            match slots.get(place) {
                Some(slot) => {
                    if let Some(entry) = state.entries.get_mut(*slot) {
                        entry.close(Ended::Shed);
                    }
                }
                None => end(place - slots.len()),
            }
        }
        !chosen.is_empty()
    }

    /// What each open connection holds, and its slot.
    fn holdings(&self) -> (Vec<usize>, Vec<Holding>) {
        let (state, now) = (self.state.borrow(), self.time.get());
        let open = state.entries.iter();
        let open = open.filter(|(_, entry)| entry.closing.is_none());
        let held = open.map(|(slot, entry)| {
            let unfinished = state
                .arrived
                .get(slot)
                .map_or(0, |it| it.unfinished_bytes());
            let holding = Holding {
                group: group_of(entry),
                bytes: CONNECTION_BYTES + held(entry) + unfinished,
                silent: entry.silent(now),
            };
            (slot, holding)
        });
        held.unzip()
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

/// Ends others that hold more than each of them does, the largest first, until so many bytes are given back: who loses one of these
/// only asks again.
fn shed_others(surplus: usize, others: &[Holding], end: &mut impl FnMut(usize)) -> bool {
    let holders = others.iter().map(|other| other.bytes).enumerate();
    let mut holders: Vec<_> = holders
        .filter(|(_, bytes)| *bytes > OTHERS_USUAL_BYTES)
        .collect();
    holders.sort_unstable_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let mut given = 0;
    for (place, bytes) in &holders {
        if given >= surplus {
            break;
        }
        given += bytes;
        end(*place);
    }
    !holders.is_empty()
}

/// The address group of a connection; those without a place of their own among the addresses stand for themselves.
fn group_of(entry: &Entry) -> Option<NonZeroU64> {
    let is_own = entry.visit.address().is_some_and(|key| key != Key::OTHERS);
    entry.participant.address_group().filter(|_| is_own)
}

/// Bytes that are held for a connection: what it has not taken, and its places in swarms.
fn held(entry: &Entry) -> usize {
    entry.outbox.bytes() + entry.participant.memberships_count() * MEMBERSHIP_BYTES
}

fn seconds(silence: Duration) -> usize {
    usize::try_from(silence.as_secs())
        .map_or(SECONDS_MAX - 1, |seconds| seconds.min(SECONDS_MAX - 1))
}
