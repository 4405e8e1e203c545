//! Stores all swarms behind sharded locks.
//!
//! The lock rule: a method locks one shard, calls back, unlocks and returns values; no lock is taken while another
//! is held, and none is held while anything is sent.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use indexmap::IndexMap;
use indexmap::map::raw_entry_v1::{RawEntryApiV1, RawEntryMut};
use parking_lot::Mutex;

use super::pending_offers::PendingOfferTime;
use super::{HttpOwner, Member, MemberView, Role, Swarm, seconds};
use crate::protocol::InfoHash;

/// Number of shards, each with its lock: enough that two workers rarely contend.
const SHARDS: usize = 256;

/// Most members that are checked under one lock while expired ones are searched.
const MEMBERS_PER_SLICE: usize = 1024;

/// Capacity that a shard keeps in any case: half a megabyte in all.
const RETAINED_CAPACITY: usize = 8;

/// The swarms of this process.
#[derive(Debug)]
pub struct SwarmTable {
    shards: Box<[Mutex<Shard>]>,
    key: RandomState,
    swarms_count: AtomicUsize,
    seeders: AtomicUsize,
    leechers: AtomicUsize,
    /// Members that announce over HTTP, and those that are about to join.
    http_peers: AtomicUsize,
    /// `limits.swarms_max`
    swarms_max: AtomicUsize,
    /// Whether no swarm may be created at all.
    creation_disabled: AtomicBool,
    observer: OnceLock<Arc<dyn PopulationObserver>>,
}

/// Learns that members of a swarm have joined or left, or have changed their role. Called after each change, without a lock.
/// The swarm may have changed again since, or be removed.
pub trait PopulationObserver: fmt::Debug + Send + Sync {
    /// Follows a change of a swarm.
    fn population_changed(&self, info_hash: &InfoHash);
}

#[derive(Debug, Default)]
struct Shard {
    /// Callers hash with the key of the whole table: once for the shard and the position in it.
    swarms: IndexMap<InfoHash, Swarm, ()>,
    /// Where the search for expired members continues: the position of a swarm, and of a member in it.
    cursor: (usize, usize),
}

impl Shard {
    /// Removes a swarm, and frees capacity when it is four times the need.
    fn remove(&mut self, position: usize) {
        self.swarms.swap_remove_index(position);
        let capacity = (2 * self.swarms.len()).max(RETAINED_CAPACITY);
        if self.swarms.capacity() > 2 * capacity {
            self.swarms.shrink_to(capacity);
        }
    }
}

/// Why a swarm cannot be created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreateSwarmError {
    /// There are too many, or creating swarms is disabled.
    TableFull,
    /// The sender has too many.
    SenderQuota,
}

/// Sizes of the whole table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SwarmTotals {
    /// Swarms with at least one member.
    pub swarms: usize,
    /// Seeders over all swarms.
    pub seeders: usize,
    /// Leechers over all swarms.
    pub leechers: usize,
    /// Members of both roles that announce over HTTP.
    pub http_peers: usize,
}

/// Lifetimes of memberships and pending offers that are not renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// Since the last announce.
    pub membership: Duration,
    /// Since the offer was given.
    pub pending_offer: Duration,
    /// Since the last announce over HTTP.
    pub http_membership: Duration,
}

/// A membership that ended because its last announce was too long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpiredMembership {
    /// The swarm.
    pub info_hash: InfoHash,
    /// The former member.
    pub member: Member,
}

/// The progress of a scan over all members.
#[derive(Debug, Clone, Copy, Default)]
pub struct MemberCursor {
    shard: usize,
    swarm: usize,
    member: usize,
    swarms_visited: usize,
}

impl MemberCursor {
    /// Returns the number of swarms of which a member was visited.
    #[must_use]
    pub const fn swarms_visited(&self) -> usize {
        self.swarms_visited
    }
}

/// What only a scan of all swarms finds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SwarmScan {
    /// The members of the largest swarm.
    pub largest_members: u32,
    /// The sum of [`Swarm::alone_count`].
    pub alone: u64,
}

/// The memberships that a sweep has ended.
#[derive(Debug, Default)]
pub struct SweepResult {
    /// Memberships of connections.
    pub expired: Vec<ExpiredMembership>,
    /// The owner of each membership over HTTP.
    pub http_owners: Vec<HttpOwner>,
}

impl SwarmTable {
    /// Creates an empty table for at most `swarms_max` swarms.
    #[must_use]
    pub fn new(swarms_max: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            key: RandomState::new(),
            swarms_count: AtomicUsize::new(0),
            seeders: AtomicUsize::new(0),
            leechers: AtomicUsize::new(0),
            http_peers: AtomicUsize::new(0),
            swarms_max: AtomicUsize::new(swarms_max),
            creation_disabled: AtomicBool::new(false),
            observer: OnceLock::new(),
        }
    }

    /// Sets who learns of changes. Does nothing if there is an observer already.
    pub fn set_observer(&self, observer: Arc<dyn PopulationObserver>) {
        let _ = self.observer.set(observer);
    }

    #[cold]
    fn report_change(&self, info_hash: &InfoHash) {
        if let Some(observer) = self.observer.get() {
            observer.population_changed(info_hash);
        }
    }

    /// Sets the limit of swarms. Existing swarms stay.
    pub fn set_swarms_max(&self, swarms_max: usize) {
        self.swarms_max.store(swarms_max, Ordering::Relaxed);
    }

    /// Sets whether creating swarms is disabled even below the limit.
    pub fn set_creation_disabled(&self, closed: bool) {
        self.creation_disabled.store(closed, Ordering::Relaxed);
    }

    /// Calls `read` with the swarm, if it exists. It costs less than [`Self::with_swarm`].
    #[inline]
    pub fn read_swarm<R>(&self, info_hash: &InfoHash, read: impl FnOnce(&Swarm) -> R) -> Option<R> {
        let hash = self.key.hash_one(info_hash);
        let shard = self.shard_of(hash)?.lock();
        let position = shard
            .swarms
            .raw_entry_v1()
            .index_from_hash(hash, |key| key == info_hash)?;
        let (_, swarm) = shard.swarms.get_index(position)?;
        Some(read(swarm))
    }

    /// Calls `act` with the swarm, if it exists. Removes it if it is empty afterwards.
    #[inline]
    pub fn with_swarm<R>(
        &self,
        info_hash: &InfoHash,
        act: impl FnOnce(&mut Swarm) -> R,
    ) -> Option<R> {
        let hash = self.key.hash_one(info_hash);
        let mut shard = self.shard_of(hash)?.lock();
        let position = shard
            .swarms
            .raw_entry_v1()
            .index_from_hash(hash, |key| key == info_hash)?;
        let (_, swarm) = shard.swarms.get_index_mut(position)?;
        let before = swarm.counts();
        let result = act(swarm);
        let is_changed = self.update_totals(before.complete, before.incomplete, swarm);
        if swarm.is_empty() {
            shard.remove(position);
            self.swarms_count.fetch_sub(1, Ordering::Relaxed);
        }
        drop(shard);
        if is_changed {
            self.report_change(info_hash);
        }
        Some(result)
    }

    /// Calls `act` with the swarm, which is created if it does not exist. Removes it if it is empty afterwards. A new
    /// one is only created if `may_create` returns true; its argument is the number of swarms that still fit.
    ///
    /// # Errors
    ///
    /// The swarm would exceed a limit.
    pub fn with_or_create<R>(
        &self,
        info_hash: &InfoHash,
        may_create: impl FnOnce(usize) -> bool,
        act: impl FnOnce(&mut Swarm) -> R,
    ) -> Result<R, CreateSwarmError> {
        let hash = self.key.hash_one(info_hash);
        let mut shard = self
            .shard_of(hash)
            .ok_or(CreateSwarmError::TableFull)?
            .lock();
        let entry = shard
            .swarms
            .raw_entry_mut_v1()
            .from_hash(hash, |key| key == info_hash);
        let position = entry.index();
        let (is_new, swarm) = match entry {
            RawEntryMut::Occupied(entry) => (false, entry.into_mut()),
            RawEntryMut::Vacant(entry) => {
                match self.free_capacity() {
                    0 => return Err(CreateSwarmError::TableFull),
                    free if !may_create(free) => return Err(CreateSwarmError::SenderQuota),
                    _ => {}
                }
                let (_, swarm) = entry.insert_hashed_nocheck(hash, *info_hash, Swarm::default());
                (true, swarm)
            }
        };
        let before = swarm.counts();
        let result = act(swarm);
        let is_changed = self.update_totals(before.complete, before.incomplete, swarm);
        match (is_new, swarm.is_empty()) {
            (true, false) => {
                self.swarms_count.fetch_add(1, Ordering::Relaxed);
            }
            (false, true) => {
                self.swarms_count.fetch_sub(1, Ordering::Relaxed);
            }
            _ => {}
        }
        if swarm.is_empty() {
            shard.remove(position);
        }
        drop(shard);
        if is_changed {
            self.report_change(info_hash);
        }
        Ok(result)
    }

    /// Returns how many more swarms fit.
    fn free_capacity(&self) -> usize {
        if self.creation_disabled.load(Ordering::Relaxed) {
            return 0;
        }
        let swarms_max = self.swarms_max.load(Ordering::Relaxed);
        swarms_max.saturating_sub(self.swarms_count.load(Ordering::Relaxed))
    }

    /// Adds the change of a swarm to the totals. Returns whether there was one.
    fn update_totals(&self, seeders: u32, leechers: u32, swarm: &Swarm) -> bool {
        let after = swarm.counts();
        for (total, before, after) in [
            (&self.seeders, seeders, after.complete),
            (&self.leechers, leechers, after.incomplete),
        ] {
            // Shared between workers, so it is written only when something changed.
            if after > before {
                total.fetch_add((after - before) as usize, Ordering::Relaxed);
            } else if after < before {
                total.fetch_sub((before - after) as usize, Ordering::Relaxed);
            }
        }
        (seeders, leechers) != (after.complete, after.incomplete)
    }

    /// Returns the number of parts for [`Self::sweep_slice`] and [`Self::for_each_in`].
    #[must_use]
    pub fn shard_count(&self) -> usize {
        self.shards.len()
    }

    /// Removes expired members and offers from a slice of one part of the table, and frees capacity. A slice is a
    /// bounded number of members from where the last one stopped, so a part with a huge swarm delays no other work.
    /// Returns `None` when the part is finished.
    pub fn sweep_slice(
        &self,
        part: usize,
        now: Duration,
        ttl: Lifetimes,
        swept: &mut SweepResult,
    ) -> Option<()> {
        let mut changed = Vec::new();
        let progress = self.sweep_locked(self.shards.get(part)?, (now, ttl), swept, &mut changed);
        for info_hash in &changed {
            self.report_change(info_hash);
        }
        progress
    }

    /// Does the same as [`Self::sweep_slice`], and appends the changed swarms.
    fn sweep_locked(
        &self,
        shard: &Mutex<Shard>,
        (now, ttl): (Duration, Lifetimes),
        swept: &mut SweepResult,
        changed: &mut Vec<InfoHash>,
    ) -> Option<()> {
        let mut shard = shard.lock();
        let (mut position, mut from) = shard.cursor;
        let mut budget = MEMBERS_PER_SLICE;
        while budget > 0 {
            let Some((info_hash, swarm)) = shard.swarms.get_index_mut(position) else {
                shard.cursor = (0, 0);
                return None;
            };
            let (before, http) = (swarm.counts(), swept.http_owners.len());
            let next = swarm.expire(info_hash, (from, &mut budget), (now, ttl), swept);
            if self.update_totals(before.complete, before.incomplete, swarm) {
                changed.push(*info_hash);
            }
            self.release_http_peers(swept.http_owners.len() - http);
            if swarm.is_empty() {
                shard.remove(position);
                self.swarms_count.fetch_sub(1, Ordering::Relaxed);
                from = 0;
            } else if let Some(next) = next {
                from = next;
            } else {
                (position, from) = (position + 1, 0);
            }
        }
        shard.cursor = (position, from);
        Some(())
    }

    /// Calls `visit` with a bounded number of members and advances `cursor`. Returns false when all were visited.
    /// Members that join, leave or change their role between two slices may be visited twice or not at all.
    pub fn visit_slice(
        &self,
        cursor: &mut MemberCursor,
        mut visit: impl FnMut(MemberView),
    ) -> bool {
        let Some(shard) = self.shards.get(cursor.shard) else {
            return false;
        };
        let shard = shard.lock();
        for _ in 0..MEMBERS_PER_SLICE {
            let Some((_, swarm)) = shard.swarms.get_index(cursor.swarm) else {
                *cursor = MemberCursor {
                    shard: cursor.shard + 1,
                    swarms_visited: cursor.swarms_visited,
                    ..MemberCursor::default()
                };
                return cursor.shard < self.shards.len();
            };
            if let Some(member) = swarm.view_at(cursor.member) {
                visit(member);
                cursor.swarms_visited += usize::from(cursor.member == 0);
                cursor.member += 1;
            } else {
                (cursor.swarm, cursor.member) = (cursor.swarm + 1, 0);
            }
        }
        true
    }

    /// Returns the sizes from running counters.
    #[must_use]
    pub fn totals(&self) -> SwarmTotals {
        SwarmTotals {
            swarms: self.swarms_count.load(Ordering::Relaxed),
            seeders: self.seeders.load(Ordering::Relaxed),
            leechers: self.leechers.load(Ordering::Relaxed),
            http_peers: self.http_peers.load(Ordering::Relaxed),
        }
    }

    /// Reserves a place for one more HTTP member. Returns false if there are `peers_max` already.
    #[must_use]
    pub fn reserve_http_peer(&self, peers_max: usize) -> bool {
        let one_more = |count: usize| (count < peers_max).then_some(count + 1);
        let taken = self
            .http_peers
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        taken.is_ok()
    }

    /// Releases the places of `count` HTTP members.
    pub fn release_http_peers(&self, count: usize) {
        if count > 0 {
            self.http_peers.fetch_sub(count, Ordering::Relaxed);
        }
    }

    /// Returns the sizes, counted member by member. Returns `None` if a swarm is inconsistent: empty, with indexes that
    /// do not match its members, or with counts that differ from the roles. An HTTP client in both address families
    /// counts once. For tests; it locks one shard after another.
    #[must_use]
    pub fn recount(&self) -> Option<SwarmTotals> {
        let mut totals = SwarmTotals::default();
        for shard in &self.shards {
            for swarm in shard.lock().swarms.values() {
                let counts = swarm.counts();
                let roles = swarm.members().map(|(_, role)| role);
                let roles: Vec<_> = roles
                    .chain(swarm.http_members().map(|(_, role)| role))
                    .collect();
                let of = |role| roles.iter().filter(|known| **known == role).count();
                let (twice_seeders, twice_leechers) = swarm.http_dual_stack_clients();
                let seeders = of(Role::Seeder) - twice_seeders;
                let leechers = of(Role::Leecher) - twice_leechers;
                let agree =
                    (counts.complete as usize, counts.incomplete as usize) == (seeders, leechers);
                if swarm.is_empty() || !agree || !swarm.is_consistent() {
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
        for part in 0..self.shard_count() {
            self.for_each_in(part, &mut visit);
        }
    }

    /// Calls `visit` with every swarm of one of [`Self::shard_count`], which stays locked meanwhile.
    pub fn for_each_in(&self, part: usize, mut visit: impl FnMut(&InfoHash, &Swarm)) {
        if let Some(shard) = self.shards.get(part) {
            let shard = shard.lock();
            let swarms = shard.swarms.iter();
            swarms.for_each(|(info_hash, swarm)| visit(info_hash, swarm));
        }
    }

    /// Calls `visit` with at most `most` swarms of one of [`Self::shard_count`], starting at `from`. Returns false when there
    /// are no more. Swarms created or removed in between may be visited twice or not at all.
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

    /// Returns the number of members of the largest swarm, and of members alone in all swarms. Reads all swarms, one part
    /// after the other.
    #[must_use]
    pub fn scan(&self) -> SwarmScan {
        let mut scan = SwarmScan::default();
        self.for_each(|_, swarm| {
            let counts = swarm.counts();
            let members = counts.complete.saturating_add(counts.incomplete);
            scan.largest_members = scan.largest_members.max(members);
            scan.alone += u64::from(swarm.alone_count());
        });
        scan
    }

    /// Returns the shard for a hash, by bits from its middle: the table in it uses those at both ends.
    fn shard_of(&self, hash: u64) -> Option<&Mutex<Shard>> {
        let number = (hash >> 32) % SHARDS as u64;
        self.shards.get(usize::try_from(number).unwrap_or(0))
    }
}

impl Swarm {
    /// Expires members from the position `from` until `budget` is used up. Returns where to continue, or `None` at the
    /// end. One member costs one, so even a swarm of a million stops after a bounded time.
    fn expire(
        &mut self,
        info_hash: &InfoHash,
        (mut from, budget): (usize, &mut usize),
        (now, ttl): (Duration, Lifetimes),
        swept: &mut SweepResult,
    ) -> Option<usize> {
        let oldest_announce = seconds(now.saturating_sub(ttl.membership));
        let offers_live = (PendingOfferTime::from_uptime(now), ttl.pending_offer.into());
        while *budget > 0 {
            *budget -= 1;
            let Some((member, heard, offers)) = self.members.expiry_entry_at(from) else {
                self.release_memory();
                // HTTP members have the positions after the WebSocket members.
                let websocket_members = self.members.len();
                let oldest = seconds(now.saturating_sub(ttl.http_membership));
                let next = self.expire_http(
                    from.saturating_sub(websocket_members),
                    budget,
                    oldest,
                    &mut swept.http_owners,
                );
                return next.map(|next| websocket_members + next);
            };
            if heard < oldest_announce {
                self.leave(member);
                swept.expired.push(ExpiredMembership {
                    info_hash: *info_hash,
                    member,
                });
            } else {
                self.pending_offers.expire(offers, offers_live);
                from += 1;
            }
        }
        Some(from)
    }
}
