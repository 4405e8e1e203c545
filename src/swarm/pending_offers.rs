//! Stores the pending offers of one swarm: given to a member and not yet answered.
//!
//! They decide which answers are relayed: an answer counts only from the connection that received the offer, once. The
//! slots of a member's offers are stored with the member, oldest first. This file owns the slots and finds them again.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;
use std::time::Duration;

use hashbrown::HashTable;
use slab::Slab;
use smallvec::SmallVec;

use super::{Member, MemberPosition};
use crate::protocol::{ConnectionId, OfferId, PeerId};
use crate::timing::{TickAge, WrappingTime};

/// An offer that was given to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingOffer {
    /// The id from the offering client.
    pub offer_id: OfferId,
    /// The offering member.
    pub from: Member,
    /// The receiving member.
    pub to: Member,
    /// The position of the offering member at that time.
    pub from_position: MemberPosition,
    /// The position of the receiving member at that time.
    pub to_position: MemberPosition,
}

/// The result of giving an offer to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddOfferResult {
    /// It is pending.
    New,
    /// The same offer was pending already; its lifetime starts again.
    Renewed,
    /// It is pending, and the oldest offer of its member was dropped.
    ReplacedOldest,
    /// It must not be relayed: `DUPLICATES_MAX` other connections have given the same receiver the same `offer_id` under
    /// the same `peer_id`.
    TooManyDuplicates,
}

/// The time an offer was given, in milliseconds. It wraps around after 49 days; no offer is pending that long.
pub(super) type PendingOfferTime = WrappingTime<u32, 1_000>;

/// The time an offer has been pending, in milliseconds.
pub(super) type PendingOfferAge = TickAge<1_000>;

/// Most connections that may give one receiver the same `offer_id` under the same `peer_id`. More than one is only
/// possible for a client that reconnected while its old connection has not ended yet, or an impostor.
const DUPLICATES_MAX: usize = 4;

/// Keyed per process, so that clients cannot cause hash collisions.
static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

#[derive(Debug, Default)]
pub(super) struct PendingOffers {
    slots: Slab<Slot>,
    index: HashTable<u32>,
}

#[derive(Debug)]
struct Slot {
    offer: PendingOffer,
    at: PendingOfferTime,
    /// Stored, because the index needs it again to grow and to remove.
    hash: OfferHash,
}

/// The hash of an offer in the index: half of a larger one, which costs no memory beside the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OfferHash(u32);

impl PendingOffers {
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Stores an offer. `own` are the slots of the offering member, oldest first.
    pub(super) fn add(
        &mut self,
        offer: PendingOffer,
        own: &mut Vec<u32>,
        now: PendingOfferTime,
        max: usize,
    ) -> AddOfferResult {
        let hash = OfferHash::new(offer.to.connection, offer.from.peer_id, offer.offer_id);
        let mut copies = 0;
        for &slot in self.index.iter_hash(hash.spread()) {
            let known = self.slots.get_mut(slot as usize);
            let Some(known) = known.filter(|known| has_same_key(&known.offer, &offer)) else {
                continue;
            };
            if known.offer.from == offer.from {
                (known.offer.to, known.at) = (offer.to, now);
                own.retain(|other| *other != slot);
                own.push(slot);
                return AddOfferResult::Renewed;
            }
            copies += 1;
        }
        let slot = u32::try_from(self.slots.vacant_key());
        let (Ok(slot), true) = (slot, copies < DUPLICATES_MAX && max > 0) else {
            return AddOfferResult::TooManyDuplicates;
        };
        if own.len() >= max {
            let oldest = own.remove(0);
            // The freed slot may now be the first vacant one, so the vacant slot is looked up again.
            self.remove_slots([oldest]);
            self.add(offer, own, now, max);
            return AddOfferResult::ReplacedOldest;
        }
        self.slots.insert(Slot {
            offer,
            at: now,
            hash,
        });
        let hash_of = |slot: &u32| spread_hash_of(&self.slots, *slot);
        self.index.insert_unique(hash.spread(), slot, hash_of);
        own.push(slot);
        AddOfferResult::New
    }

    /// Returns an offer with this id among the slots of its member, if it was given less than `young` ago. Reads no older
    /// ones.
    pub(super) fn find_young(
        &self,
        own: &[u32],
        offer_id: OfferId,
        (now, young): (Duration, Duration),
    ) -> Option<PendingOffer> {
        let now = PendingOfferTime::from_uptime(now);
        let youngest_first = own.iter().rev();
        youngest_first
            .map_while(|slot| self.slots.get(*slot as usize))
            .take_while(|slot| now.ticks_since(slot.at) < PendingOfferAge::from(young))
            .find(|slot| slot.offer.offer_id == offer_id)
            .map(|slot| slot.offer)
    }

    /// Removes all offers with this id, made under `to_peer_id` and given to `from`, that are not older than `oldest`, after a
    /// call of `taken` with each: its slot, itself, and its age.
    pub(super) fn take(
        &mut self,
        (from, to_peer_id, offer_id): (ConnectionId, PeerId, OfferId),
        (now, oldest): (PendingOfferTime, PendingOfferAge),
        mut taken: impl FnMut(u32, &PendingOffer, PendingOfferAge),
    ) {
        let is_meant = |offer: &PendingOffer| {
            offer.to.connection == from
                && offer.from.peer_id == to_peer_id
                && offer.offer_id == offer_id
        };
        let hash = OfferHash::new(from, to_peer_id, offer_id);
        let mut slots = SmallVec::<[u32; 4]>::new();
        for &slot in self.index.iter_hash(hash.spread()) {
            if let Some(Slot { offer, at, .. }) = self.slots.get(slot as usize)
                && is_meant(offer)
                && now.ticks_since(*at) <= oldest
            {
                taken(slot, offer, now.ticks_since(*at));
                slots.push(slot);
            }
        }
        self.remove_slots(slots);
    }

    /// Removes the slots of `own` that are older than `oldest`.
    pub(super) fn expire(
        &mut self,
        own: &mut Vec<u32>,
        (now, oldest): (PendingOfferTime, PendingOfferAge),
    ) {
        let is_old = |slot: &u32| {
            self.slots
                .get(*slot as usize)
                .is_none_or(|slot| now.ticks_since(slot.at) > oldest)
        };
        let old = own.iter().take_while(|slot| is_old(slot)).count();
        self.remove_slots(own.drain(..old));
        if own.is_empty() {
            *own = Vec::new();
        }
    }

    pub(super) fn remove_slots(&mut self, slots: impl IntoIterator<Item = u32>) {
        for slot in slots {
            let hash = spread_hash_of(&self.slots, slot);
            if let Ok(entry) = self.index.find_entry(hash, |other| *other == slot) {
                entry.remove();
            }
            self.slots.try_remove(slot as usize);
        }
        self.release_memory_if_empty();
    }

    /// Frees all memory once nothing is pending: a swarm lives longer than a burst of offers.
    fn release_memory_if_empty(&mut self) {
        if self.slots.is_empty() {
            *self = Self::default();
        }
    }
}

fn has_same_key(one: &PendingOffer, other: &PendingOffer) -> bool {
    one.offer_id == other.offer_id
        && one.from.peer_id == other.from.peer_id
        && one.to.connection == other.to.connection
}

fn spread_hash_of(slots: &Slab<Slot>, slot: u32) -> u64 {
    slots
        .get(slot as usize)
        .map_or(0, |slot| slot.hash.spread())
}

impl OfferHash {
    /// Hashes all at once: each part by itself would cost as much as half of the whole.
    fn new(to: ConnectionId, from: PeerId, offer_id: OfferId) -> Self {
        let mut key = [0; 48];
        let (connection, ids) = key.split_at_mut(8);
        let (peer_id, id) = ids.split_at_mut(20);
        connection.copy_from_slice(&to.to_bits().to_ne_bytes());
        peer_id.copy_from_slice(from.as_bytes());
        id.copy_from_slice(offer_id.as_bytes());
        let mut hasher = KEY.build_hasher();
        hasher.write(&key);
        let [.., a, b, c, d] = hasher.finish().to_ne_bytes();
        Self(u32::from_ne_bytes([a, b, c, d]))
    }

    /// Fills 64 bits: the index uses the highest and the lowest ones.
    fn spread(self) -> u64 {
        u64::from(self.0) << 32 | u64::from(self.0)
    }
}
