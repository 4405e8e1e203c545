//! Stores the pending offers of one swarm: given to a member and not yet answered.
//!
//! They decide which answers are relayed: an answer counts only from the connection that received the offer, once. The
//! slots of a member's offers are stored with the member, oldest first. This file owns the slots and finds them again.

use std::hash::{BuildHasher, RandomState};
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

/// Offers matched by an answer, with their slots and ages.
pub(super) type TakenOffers = SmallVec<[(u32, PendingOffer, PendingOfferAge); 1]>;

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
    slots: Slab<(PendingOffer, PendingOfferTime)>,
    index: HashTable<u32>,
}

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
        let hash = hash(offer.to.connection, offer.from.peer_id, offer.offer_id);
        let mut copies = 0;
        for &slot in self.index.iter_hash(hash) {
            match self.slots.get_mut(slot as usize) {
                Some((known, at)) if known.from == offer.from && has_same_key(known, &offer) => {
                    (known.to, *at) = (offer.to, now);
                    own.retain(|other| *other != slot);
                    own.push(slot);
                    return AddOfferResult::Renewed;
                }
                Some((known, _)) if has_same_key(known, &offer) => copies += 1,
                _ => {}
            }
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
        self.slots.insert((offer, now));
        self.index
            .insert_unique(hash, slot, |&slot| hash_of(&self.slots, slot));
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
            .take_while(|(_, at)| now.ticks_since(*at) < PendingOfferAge::from(young))
            .find(|(offer, _)| offer.offer_id == offer_id)
            .map(|(offer, _)| *offer)
    }

    /// Removes and returns all offers with this id, made under `to_peer_id` and given to `from`, that are not older
    /// than `oldest`.
    pub(super) fn take(
        &mut self,
        from: ConnectionId,
        to_peer_id: PeerId,
        offer_id: OfferId,
        (now, oldest): (PendingOfferTime, PendingOfferAge),
    ) -> TakenOffers {
        let is_meant = |offer: &PendingOffer| {
            offer.to.connection == from
                && offer.from.peer_id == to_peer_id
                && offer.offer_id == offer_id
        };
        let hash = hash(from, to_peer_id, offer_id);
        let mut taken = TakenOffers::new();
        for &slot in self.index.iter_hash(hash) {
            if let Some((offer, at)) = self.slots.get(slot as usize)
                && is_meant(offer)
                && now.ticks_since(*at) <= oldest
            {
                taken.push((slot, *offer, now.ticks_since(*at)));
            }
        }
        for (slot, ..) in &taken {
            self.free_slot(hash, *slot);
        }
        self.release_memory_if_empty();
        taken
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
                .is_none_or(|(_, at)| now.ticks_since(*at) > oldest)
        };
        let old = own.iter().take_while(|slot| is_old(slot)).count();
        self.remove_slots(own.drain(..old));
        if own.is_empty() {
            *own = Vec::new();
        }
    }

    pub(super) fn remove_slots(&mut self, slots: impl IntoIterator<Item = u32>) {
        for slot in slots {
            self.free_slot(hash_of(&self.slots, slot), slot);
        }
        self.release_memory_if_empty();
    }

    fn free_slot(&mut self, hash: u64, slot: u32) {
        if let Ok(entry) = self.index.find_entry(hash, |other| *other == slot) {
            entry.remove();
        }
        self.slots.try_remove(slot as usize);
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

fn hash(to: ConnectionId, from: PeerId, offer_id: OfferId) -> u64 {
    KEY.hash_one((to, from, offer_id))
}

fn hash_of(slots: &Slab<(PendingOffer, PendingOfferTime)>, slot: u32) -> u64 {
    slots.get(slot as usize).map_or(0, |(offer, _)| {
        hash(offer.to.connection, offer.from.peer_id, offer.offer_id)
    })
}
