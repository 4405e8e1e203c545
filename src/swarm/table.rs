//! All swarms, behind sharded locks.
//!
//! The lock rule: a method locks one shard, calls back, unlocks and returns values; no lock is taken while another
//! is held, and none is held while anything is sent.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use indexmap::IndexMap;
use indexmap::map::raw_entry_v1::{RawEntryApiV1, RawEntryMut};
use parking_lot::Mutex;

use super::offers::Moment;
use super::{Member, Owner, Role, Shown, Swarm, seconds};
use crate::protocol::InfoHash;

/// How many locks the table is divided into: enough that two workers seldom meet.
const SHARDS: usize = 256;

/// How many members are looked at under one lock while expired ones are searched.
const SLICE: usize = 1024;

/// Swarms for which a part of the table keeps room whatever goes: half a megabyte in all.
const ROOM_KEPT: usize = 8;

/// The swarms of this node.
#[derive(Debug)]
pub struct Swarms {
    shards: Box<[Mutex<Shard>]>,
    key: RandomState,
    count: AtomicUsize,
    seeders: AtomicUsize,
    leechers: AtomicUsize,
    /// Members who announce over HTTP, and those who are about to join.
    http_peers: AtomicUsize,
    /// `limits.swarms_max`
    most: AtomicUsize,
    /// Whether no swarm may begin at all.
    closed: AtomicBool,
}

#[derive(Debug, Default)]
struct Shard {
    /// Hashed with the key of the whole table, by those who look: once for the shard and the place in it.
    swarms: IndexMap<InfoHash, Swarm, ()>,
    /// Where the search for expired members goes on: a swarm's place, and a member's in it.
    cursor: (usize, usize),
}

impl Shard {
    /// Frees a swarm, and room when there is four times as much as is needed.
    fn remove(&mut self, place: usize) {
        self.swarms.swap_remove_index(place);
        let room = (2 * self.swarms.len()).max(ROOM_KEPT);
        if self.swarms.capacity() > 2 * room {
            self.swarms.shrink_to(room);
        }
    }
}

/// Why a swarm may not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// There are too many, or none may begin at all.
    Table,
    /// Too many for the one who would begin it.
    Sender,
}

/// Sizes of the whole table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Swarms with at least one member.
    pub swarms: usize,
    /// Seeders over all swarms.
    pub seeders: usize,
    /// Leechers over all swarms.
    pub leechers: usize,
    /// Those of both who announce over HTTP.
    pub http_peers: usize,
}

/// How long memberships and unanswered offers live without being renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ttl {
    /// Since the last announce.
    pub membership: Duration,
    /// Since the offer was given.
    pub pending_offer: Duration,
    /// Since the last announce over HTTP.
    pub http_membership: Duration,
}

/// A membership that ended because nothing was heard for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired {
    /// The swarm.
    pub info_hash: InfoHash,
    /// Who was a member of it.
    pub member: Member,
}

/// How far a look at all members has come.
#[derive(Debug, Clone, Copy, Default)]
pub struct Walk {
    shard: usize,
    swarm: usize,
    member: usize,
    swarms_shown: usize,
}

impl Walk {
    /// Of how many swarms a member was shown.
    #[must_use]
    pub const fn swarms_shown(&self) -> usize {
        self.swarms_shown
    }
}

/// What a sweep has ended.
#[derive(Debug, Default)]
pub struct Swept {
    /// Memberships of connections.
    pub expired: Vec<Expired>,
    /// For each membership over HTTP, whom it was counted for.
    pub http: Vec<Owner>,
}

impl Swarms {
    /// None yet, and at most so many at once.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            key: RandomState::new(),
            count: AtomicUsize::new(0),
            seeders: AtomicUsize::new(0),
            leechers: AtomicUsize::new(0),
            http_peers: AtomicUsize::new(0),
            most: AtomicUsize::new(most),
            closed: AtomicBool::new(false),
        }
    }

    /// Sets how many there may be at once; those that there are stay.
    pub fn set_most(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// Whether no swarm may begin, although there are not too many.
    pub fn set_closed(&self, closed: bool) {
        self.closed.store(closed, Ordering::Relaxed);
    }

    /// Calls `act` with the swarm, if there is one; frees it if nobody is left afterwards.
    pub fn with<R>(&self, info_hash: &InfoHash, act: impl FnOnce(&mut Swarm) -> R) -> Option<R> {
        let hash = self.key.hash_one(info_hash);
        let mut shard = self.shard_of(hash)?.lock();
        let place = shard
            .swarms
            .raw_entry_v1()
            .index_from_hash(hash, |key| key == info_hash)?;
        let (_, swarm) = shard.swarms.get_index_mut(place)?;
        let before = swarm.counts();
        let result = act(swarm);
        self.account(before.complete, before.incomplete, swarm);
        if swarm.is_empty() {
            shard.remove(place);
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
        Some(result)
    }

    /// Calls `act` with the swarm, which is created if there is none; frees it if nobody is in it afterwards. A new one
    /// begins only if `may_begin` lets it, which is told for how many there is room.
    ///
    /// # Errors
    ///
    /// It would be one too many.
    pub fn with_new<R>(
        &self,
        info_hash: &InfoHash,
        may_begin: impl FnOnce(usize) -> bool,
        act: impl FnOnce(&mut Swarm) -> R,
    ) -> Result<R, Full> {
        let hash = self.key.hash_one(info_hash);
        let mut shard = self.shard_of(hash).ok_or(Full::Table)?.lock();
        let entry = shard
            .swarms
            .raw_entry_mut_v1()
            .from_hash(hash, |key| key == info_hash);
        let place = entry.index();
        let (is_new, swarm) = match entry {
            RawEntryMut::Occupied(entry) => (false, entry.into_mut()),
            RawEntryMut::Vacant(entry) => {
                match self.free() {
                    0 => return Err(Full::Table),
                    free if !may_begin(free) => return Err(Full::Sender),
                    _ => {}
                }
                let (_, swarm) = entry.insert_hashed_nocheck(hash, *info_hash, Swarm::default());
                (true, swarm)
            }
        };
        let before = swarm.counts();
        let result = act(swarm);
        self.account(before.complete, before.incomplete, swarm);
        match (is_new, swarm.is_empty()) {
            (true, false) => {
                self.count.fetch_add(1, Ordering::Relaxed);
            }
            (false, true) => {
                self.count.fetch_sub(1, Ordering::Relaxed);
            }
            _ => {}
        }
        if swarm.is_empty() {
            shard.remove(place);
        }
        Ok(result)
    }

    /// For how many more there is room.
    fn free(&self) -> usize {
        if self.closed.load(Ordering::Relaxed) {
            return 0;
        }
        let most = self.most.load(Ordering::Relaxed);
        most.saturating_sub(self.count.load(Ordering::Relaxed))
    }

    fn account(&self, seeders: u32, leechers: u32, swarm: &Swarm) {
        let after = swarm.counts();
        for (total, before, after) in [
            (&self.seeders, seeders, after.complete),
            (&self.leechers, leechers, after.incomplete),
        ] {
            // Shared between workers, so it is touched only when something changed.
            if after > before {
                total.fetch_add((after - before) as usize, Ordering::Relaxed);
            } else if after < before {
                total.fetch_sub((before - after) as usize, Ordering::Relaxed);
            }
        }
    }

    /// How many parts [`Self::sweep_slice`] and [`Self::for_each_in`] divide the table into.
    #[must_use]
    pub fn parts(&self) -> usize {
        self.shards.len()
    }

    /// Removes what has expired from a slice of one part of the table, and gives room back. A slice is a bounded number
    /// of members, from where the last one has stopped, so that a part with a huge swarm keeps nobody waiting. `None`
    /// when the part has been gone through.
    pub fn sweep_slice(
        &self,
        part: usize,
        now: Duration,
        ttl: Ttl,
        swept: &mut Swept,
    ) -> Option<()> {
        let mut shard = self.shards.get(part)?.lock();
        let (mut place, mut from) = shard.cursor;
        let mut budget = SLICE;
        while budget > 0 {
            let Some((info_hash, swarm)) = shard.swarms.get_index_mut(place) else {
                shard.cursor = (0, 0);
                return None;
            };
            let (before, http) = (swarm.counts(), swept.http.len());
            let next = swarm.expire(info_hash, from, &mut budget, (now, ttl), swept);
            self.account(before.complete, before.incomplete, swarm);
            self.give_up_http_peers(swept.http.len() - http);
            if swarm.is_empty() {
                shard.remove(place);
                self.count.fetch_sub(1, Ordering::Relaxed);
                from = 0;
            } else if let Some(next) = next {
                from = next;
            } else {
                (place, from) = (place + 1, 0);
            }
        }
        shard.cursor = (place, from);
        Some(())
    }

    /// Shows a bounded number of members, from where `walk` stands, and lets that go on; false when all were shown. Who
    /// comes, goes or changes its role between two slices may be shown twice or not at all.
    pub fn walk_slice(&self, walk: &mut Walk, mut show: impl FnMut(Shown)) -> bool {
        let Some(shard) = self.shards.get(walk.shard) else {
            return false;
        };
        let shard = shard.lock();
        for _ in 0..SLICE {
            let Some((_, swarm)) = shard.swarms.get_index(walk.swarm) else {
                *walk = Walk {
                    shard: walk.shard + 1,
                    swarms_shown: walk.swarms_shown,
                    ..Walk::default()
                };
                return walk.shard < self.shards.len();
            };
            if let Some(shown) = swarm.shown_at(walk.member) {
                show(shown);
                walk.swarms_shown += usize::from(walk.member == 0);
                walk.member += 1;
            } else {
                (walk.swarm, walk.member) = (walk.swarm + 1, 0);
            }
        }
        true
    }

    /// The sizes, from running counters.
    #[must_use]
    pub fn totals(&self) -> Totals {
        Totals {
            swarms: self.count.load(Ordering::Relaxed),
            seeders: self.seeders.load(Ordering::Relaxed),
            leechers: self.leechers.load(Ordering::Relaxed),
            http_peers: self.http_peers.load(Ordering::Relaxed),
        }
    }

    /// Makes room for one more member who announces over HTTP; false if there are `most` already.
    #[must_use]
    pub fn take_http_peer(&self, most: usize) -> bool {
        let one_more = |count: usize| (count < most).then_some(count + 1);
        let taken = self
            .http_peers
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        taken.is_ok()
    }

    /// Gives the room of so many back.
    pub fn give_up_http_peers(&self, count: usize) {
        if count > 0 {
            self.http_peers.fetch_sub(count, Ordering::Relaxed);
        }
    }

    /// The sizes, counted member by member, and whether every swarm is in order: somebody in it, indexes that agree with its members,
    /// and as many seeders and leechers as their roles say; a client over HTTP with an address of each kind counts once. For tests; it
    /// locks one shard after another.
    #[must_use]
    pub fn recount(&self) -> Option<Totals> {
        let mut totals = Totals::default();
        for shard in &self.shards {
            for swarm in shard.lock().swarms.values() {
                let counts = swarm.counts();
                let roles = swarm.members().map(|(_, role)| role);
                let roles: Vec<_> = roles
                    .chain(swarm.http_members().map(|(_, role)| role))
                    .collect();
                let of = |role| roles.iter().filter(|known| **known == role).count();
                let (twice_seeders, twice_leechers) = swarm.http_pairs();
                let seeders = of(Role::Seeder) - twice_seeders;
                let leechers = of(Role::Leecher) - twice_leechers;
                let agree =
                    (counts.complete as usize, counts.incomplete as usize) == (seeders, leechers);
                if swarm.is_empty() || !agree || !swarm.agrees() {
                    return None;
                }
                totals.swarms += 1;
                totals.seeders += seeders;
                totals.leechers += leechers;
                totals.http_peers += swarm.http_members().count();
            }
        }
        Some(totals)
    }

    /// Calls `visit` with every swarm, one shard locked at a time.
    pub fn for_each(&self, mut visit: impl FnMut(&InfoHash, &Swarm)) {
        for part in 0..self.parts() {
            self.for_each_in(part, &mut visit);
        }
    }

    /// Calls `visit` with every swarm of one of [`Self::parts`], which is locked meanwhile.
    pub fn for_each_in(&self, part: usize, mut visit: impl FnMut(&InfoHash, &Swarm)) {
        if let Some(shard) = self.shards.get(part) {
            let shard = shard.lock();
            let swarms = shard.swarms.iter();
            swarms.for_each(|(info_hash, swarm)| visit(info_hash, swarm));
        }
    }

    /// Calls `visit` with some swarms of one of [`Self::parts`], from a place on; false when there are no more there. What comes
    /// or goes in between may be shown twice or not at all.
    #[must_use]
    pub fn for_some_in(
        &self,
        part: usize,
        (from, most): (usize, usize),
        mut visit: impl FnMut(&InfoHash, &Swarm),
    ) -> bool {
        let Some(shard) = self.shards.get(part) else {
            return false;
        };
        let shard = shard.lock();
        let to = shard.swarms.len().min(from.saturating_add(most));
        let some = shard.swarms.get_range(from..to);
        some.into_iter()
            .flatten()
            .for_each(|(info_hash, swarm)| visit(info_hash, swarm));
        to < shard.swarms.len()
    }

    /// How many members the largest swarm has. It looks at all of them, one part after the other.
    #[must_use]
    pub fn members_of_largest(&self) -> u32 {
        let mut largest = 0;
        self.for_each(|_, swarm| {
            let counts = swarm.counts();
            largest = largest.max(counts.complete.saturating_add(counts.incomplete));
        });
        largest
    }

    /// The shard by bits from the middle of a hash: the table in it uses those at both ends.
    fn shard_of(&self, hash: u64) -> Option<&Mutex<Shard>> {
        let number = (hash >> 32) % SHARDS as u64;
        self.shards.get(usize::try_from(number).unwrap_or(0))
    }
}

impl Swarm {
    /// Goes through members from the place `from` until `budget` is used up; `Some` is where to go on. The cost of one
    /// member is one, so even a swarm of a million is left after a bounded time.
    fn expire(
        &mut self,
        info_hash: &InfoHash,
        mut from: usize,
        budget: &mut usize,
        (now, ttl): (Duration, Ttl),
        swept: &mut Swept,
    ) -> Option<usize> {
        let oldest_announce = seconds(now.saturating_sub(ttl.membership));
        let offers_live = (Moment::of(now), ttl.pending_offer.into());
        while *budget > 0 {
            *budget -= 1;
            let Some((member, heard, offers)) = self.members.aged_at(from) else {
                self.members.give_room_back();
                // The places of those who announce over HTTP come behind the others'.
                let others = self.members.len();
                let oldest = seconds(now.saturating_sub(ttl.http_membership));
                let next =
                    self.expire_http(from.saturating_sub(others), budget, oldest, &mut swept.http);
                return next.map(|next| others + next);
            };
            if heard < oldest_announce {
                self.leave(member);
                swept.expired.push(Expired {
                    info_hash: *info_hash,
                    member,
                });
            } else {
                self.pending.expire(offers, offers_live);
                from += 1;
            }
        }
        Some(from)
    }
}
