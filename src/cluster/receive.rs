//! Follows what other nodes send.

use std::time::Duration;

use rand::Rng;

use super::directory::Registration;
use super::members::{IgnoredBatch, MemberChange};
use super::vectors::ReceivedVector;
use super::wire::{Batch, Entry, HeartbeatMessage, RegisterFlags};
use super::{Cluster, Effect, LinkEpoch, NodeId, Population, Slot};
use crate::protocol::InfoHash;

impl Cluster {
    pub(super) fn receive_heartbeat(
        &mut self,
        bytes: &[u8],
        (now, rng): (Duration, &mut impl Rng),
        changes: &mut Vec<MemberChange>,
    ) {
        let secret = self.identity.secret.as_ref();
        let Ok(heartbeat) = HeartbeatMessage::read(bytes, secret) else {
            self.counters.refused_messages += 1;
            return;
        };
        let is_followed = self
            .members
            .receive_heartbeat(&heartbeat, now, rng, changes);
        self.counters.ignored_heartbeats += u64::from(!is_followed);
    }

    pub(super) fn receive_batch<'a>(
        &mut self,
        bytes: &'a [u8],
        now: Duration,
        effects: &mut Vec<Effect<'a>>,
    ) {
        let Ok(batch) = Batch::read(bytes, self.identity.secret.as_ref()) else {
            self.counters.refused_messages += 1;
            return;
        };
        match self.members.receive_batch(&batch.header) {
            Ok(()) => {}
            Err(IgnoredBatch::Stale) => {
                self.counters.stale_batches += 1;
                return;
            }
            Err(IgnoredBatch::Repeated) => {
                self.counters.repeated_batches += 1;
                return;
            }
        }
        let from = (batch.header.sender, batch.header.epoch);
        for entry in batch.entries() {
            match entry {
                Ok(entry) => self.receive_entry(entry, from, now, effects),
                Err(_) => self.counters.refused_messages += 1,
            }
        }
    }

    fn receive_entry<'a>(
        &mut self,
        entry: Entry<'a>,
        (sender, link): (NodeId, LinkEpoch),
        now: Duration,
        effects: &mut Vec<Effect<'a>>,
    ) {
        match entry {
            Entry::Register {
                info_hash,
                population,
                sequence,
                flags,
            } => {
                let registration = Registration {
                    population,
                    sequence,
                    is_repeated: flags.is_repeated,
                };
                self.receive_registration(&info_hash, (link, registration), flags, now);
            }
            Entry::Vector {
                info_hash,
                version,
                is_provisional,
                rows,
            } => {
                let vector = ReceivedVector {
                    key: self.key(&info_hash),
                    source: (link, version),
                    is_provisional,
                    rows,
                };
                self.receive_vector(&vector, sender, now, effects);
            }
            Entry::Offer { .. } | Entry::Answer { .. } => {
                self.receive_signalling(&entry, sender, now, effects);
            }
            Entry::Sync { slot } => {
                if self.ownership.owner(slot) == Some(sender) {
                    self.sync_queue.insert(slot, true);
                }
            }
            Entry::SyncEnd {
                slot,
                first_sequence,
                count,
            } => {
                self.directory
                    .finish_sync((slot, link), first_sequence, count);
            }
            Entry::Digest {
                slot,
                count,
                rows,
                vectors,
            } => self.receive_digest((slot, link, sender), (count, rows, vectors), now),
            Entry::Check => self.queue_digests_for(sender),
            Entry::ListHttpPeers {
                info_hash,
                request,
                wanted,
            } => {
                let wanted = usize::from(wanted);
                effects.push(Effect::ListHttpPeers(sender, info_hash, request, wanted));
            }
            Entry::HttpPeers { request, peers, .. } => {
                let finished = self.http_requests.add(request, sender, peers.iter());
                effects.extend(finished.map(|it| Effect::HttpPeers(it.token, it.peers)));
            }
        }
    }

    fn receive_registration(
        &mut self,
        info_hash: &InfoHash,
        (link, registration): (LinkEpoch, Registration),
        flags: RegisterFlags,
        now: Duration,
    ) {
        let key = self.key(info_hash);
        let is_stored = self.directory.register(key, link, registration);
        self.counters.refused_rows += u64::from(!is_stored);
        let is_present = registration.population != Population::default();
        if flags.is_repeated && is_present && self.directory.is_provisional(key.0) {
            // The vector follows when all nodes have registered the slot.
            if flags.wants_vector {
                self.directory.defer(key);
            }
        } else if flags.wants_vector {
            self.send_vector(key, link, now);
        }
    }

    fn receive_vector(
        &mut self,
        vector: &ReceivedVector<'_>,
        sender: NodeId,
        now: Duration,
        effects: &mut Vec<Effect<'_>>,
    ) {
        let (slot, info_hash) = vector.key;
        // A previous owner may know less than the current one.
        if self.ownership.owner(slot) != Some(sender) {
            return;
        }
        if self.store_vector(vector, now) {
            self.release(&info_hash, effects);
        }
    }

    /// Asks for all registrations of a slot if what the node believes differs from the directory. The node takes this one
    /// for the owner, and may know it earlier.
    fn receive_digest(
        &mut self,
        (slot, link, sender): (Slot, LinkEpoch, NodeId),
        (count, rows, vectors): (u32, u64, u64),
        now: Duration,
    ) {
        let nodes = (self.identity.node, &self.members);
        let hash_key = self.identity.slots.key();
        let here = self.directory.digest((slot, link), hash_key, nodes);
        let are_rows_equal = (here.0, here.1) == (count, rows);
        if !are_rows_equal || here.2.is_some_and(|here| here != vectors) {
            self.ask_for_slot(sender, slot, now);
        }
    }
}
