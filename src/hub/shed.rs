//! Closes connections when memory runs short: those of addresses that hold most in sum first.
//!
//! WebSockets of addresses that hold a typical amount close only when no connection, HTTP included, has held more for
//! some seconds. Of these, those that are silent for longest close first.

use std::num::NonZeroU64;
use std::time::Duration;

use super::connection_entry::ConnectionEntry;
use super::{Ended, Hub};
use crate::limits::{ConnectionMemory, PressureLevel, RateKey, choose_to_shed};

/// Number of histogram buckets of silence, one per second; longer silences share the last.
const SILENCE_SECONDS_MAX: usize = 256;
/// Bytes that the connections of an address typically hold in sum: eight of them, or one in about forty swarms.
const TYPICAL_BYTES: usize = 32 * 1024;
/// Bytes that an HTTP connection holds with hardly any unfinished data.
const HTTP_TYPICAL_BYTES: usize = 12 * 1024;
/// Bytes assumed for a WebSocket without data: its memory here, in TLS, and a part of the kernel's.
const CONNECTION_BYTES: usize = 4 * 1024;
/// Approximate bytes of a membership, with a swarm of its own.
const MEMBERSHIP_BYTES: usize = 600;

impl Hub {
    /// Updates the memory pressure from the resident memory, and blocks new swarms while it is high.
    pub fn observe_memory(&self, resident_bytes: usize) {
        let node = &self.node;
        let pressure = node.admission().pressure();
        let before = pressure.level();
        let gauges = node.telemetry().gauges();
        let blocked: u64 = gauges.iter().map(|own| own.http_blocked.get()).sum();
        let blocked = usize::try_from(blocked).unwrap_or(usize::MAX);
        let connections = node.admission().counted_connections();
        pressure.update_usage(resident_bytes, connections, blocked);
        let level = pressure.level();
        node.tracker()
            .swarms()
            .set_creation_disabled(level >= PressureLevel::Refuse);
        if level != before {
            let used_bytes = pressure.used_bytes();
            if level > before {
                tracing::warn!(step = ?level, used_bytes, "memory pressure rose");
            } else {
                tracing::info!(step = ?level, used_bytes, "memory pressure fell");
            }
        }
        if level == PressureLevel::Shed && before < PressureLevel::Shed {
            // All workers close connections that hold more first.
            pressure.delay_typical_shedding(self.time.get());
        }
    }

    /// Records that connections with more than a typical amount were closed, so that shedding waits for their memory.
    pub fn delay_typical_shedding(&self) {
        self.admission
            .shared()
            .pressure()
            .delay_typical_shedding(self.time.get());
    }

    /// Closes connections of the addresses that hold most, until the missing memory is freed. `others` are the HTTP
    /// connections; `end` closes one of them. Connections with a typical amount close only if there have been no others
    /// for some time. Called once a second. Returns true if any was closed.
    pub fn shed(&self, others: &[ConnectionMemory], mut end: impl FnMut(usize)) -> bool {
        // An address has about as many connections on each worker.
        let surplus = self.admission.shared().pressure().excess_bytes();
        let surplus = surplus.div_ceil(self.mailboxes.len().max(1));
        if surplus == 0 {
            return false;
        }
        if self.shed_largest(surplus, others, &mut end) || shed_http(surplus, others, &mut end) {
            self.delay_typical_shedding();
            return true;
        }
        self.admission
            .shared()
            .pressure()
            .may_shed_typical(self.time.get())
            && self.shed_silent()
    }

    /// Closes connections of addresses that hold more than a typical amount, until `surplus` bytes are freed.
    fn shed_largest(
        &self,
        surplus: usize,
        others: &[ConnectionMemory],
        end: &mut impl FnMut(usize),
    ) -> bool {
        let (slots, mut holdings) = self.connection_memory();
        holdings.extend_from_slice(others);
        let chosen = choose_to_shed(&holdings, surplus, TYPICAL_BYTES);
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

    /// Returns the slot of each open connection and the memory that it holds.
    fn connection_memory(&self) -> (Vec<usize>, Vec<ConnectionMemory>) {
        let (state, now) = (self.state.borrow(), self.time.get());
        let open = state.entries.iter();
        let open = open.filter(|(_, entry)| entry.close_reason.is_none());
        let held = open.map(|(slot, entry)| {
            let unfinished = state
                .details
                .get(slot)
                .map_or(0, |it| it.unfinished_bytes());
            let holding = ConnectionMemory {
                group: address_group(entry),
                bytes: CONNECTION_BYTES + held_bytes(entry) + unfinished,
                silence: entry.silence(now),
            };
            (slot, holding)
        });
        held.unzip()
    }

    /// Closes the connections that are silent for longest, as many as the missing memory requires.
    fn shed_silent(&self) -> bool {
        let state = &mut *self.state.borrow_mut();
        let mut surplus = self
            .admission
            .shared()
            .pressure()
            .excess_connections(state.entries.len());
        let now = self.time.get();
        let mut silent = [0_usize; SILENCE_SECONDS_MAX];
        let open = |entry: &&ConnectionEntry| entry.close_reason.is_none();
        for entry in state.entries.iter().map(|(_, entry)| entry).filter(open) {
            if let Some(count) = silent.get_mut(silence_seconds(entry.silence(now))) {
                *count += 1;
            }
        }
        // The shortest silence at which some must close.
        let mut count_so_far = 0;
        let shortest = silent.iter().rposition(|count| {
            count_so_far += count;
            count_so_far >= surplus
        });
        for longest_first in [true, false] {
            for (_, entry) in &mut state.entries {
                let silence = silence_seconds(entry.silence(now));
                let is_chosen = match shortest {
                    Some(shortest) if longest_first => silence > shortest,
                    Some(shortest) => silence == shortest,
                    None => true,
                };
                if is_chosen && surplus > 0 && entry.close_reason.is_none() {
                    surplus -= 1;
                    entry.close(Ended::Shed);
                }
            }
        }
        true
    }
}

/// Closes HTTP connections that hold more than a typical amount, the largest first, until `surplus` bytes are freed.
/// Their clients can simply retry.
fn shed_http(surplus: usize, others: &[ConnectionMemory], end: &mut impl FnMut(usize)) -> bool {
    let holders = others.iter().map(|other| other.bytes).enumerate();
    let mut holders: Vec<_> = holders
        .filter(|(_, bytes)| *bytes > HTTP_TYPICAL_BYTES)
        .collect();
    holders.sort_unstable_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let mut freed = 0;
    for (place, bytes) in &holders {
        if freed >= surplus {
            break;
        }
        freed += bytes;
        end(*place);
    }
    !holders.is_empty()
}

/// Returns the address group of a connection; `None` for one without a record of its own among the addresses.
pub(super) fn address_group(entry: &ConnectionEntry) -> Option<NonZeroU64> {
    let is_own = entry
        .account
        .address()
        .is_some_and(|key| key != RateKey::OVERFLOW);
    entry.participant.address_group_number().filter(|_| is_own)
}

/// Returns the bytes held for a connection: its queued output and its memberships.
fn held_bytes(entry: &ConnectionEntry) -> usize {
    entry.outbox.bytes() + entry.participant.memberships_count() * MEMBERSHIP_BYTES
}

fn silence_seconds(silence: Duration) -> usize {
    usize::try_from(silence.as_secs()).map_or(SILENCE_SECONDS_MAX - 1, |seconds| {
        seconds.min(SILENCE_SECONDS_MAX - 1)
    })
}
