//! Stores members that are taken in turn: each one goes to the end.

use std::collections::VecDeque;

use crate::swarm::group_index::to_u32;
use crate::swarm::websocket_members::WebSocketMembers;
use crate::swarm::{AddressGroup, Member};

/// Entries that are looked at for each one that is taken.
const TRIES_PER_MEMBER: usize = 4;

/// Members in the order of their turns.
#[derive(Debug, Default)]
pub(super) struct Rotation(VecDeque<Entry>);

/// A member when it was added.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) member: Member,
    pub(super) group: AddressGroup,
    /// Where the member was last.
    pub(super) position: u32,
}

impl Rotation {
    /// Adds an entry in place of an older one of the member. Of one address group only the latest stay, `mates_max` of them,
    /// and `length_max` of all. Calls `dropped` with each entry that goes.
    pub(super) fn push(
        &mut self,
        entry: Entry,
        (mates_max, length_max): (usize, usize),
        mut dropped: impl FnMut(Entry),
    ) {
        let mut mates = 0;
        let (mut oldest_mate, mut itself) = (None, None);
        for (place, known) in self.0.iter().enumerate() {
            if known.group == entry.group {
                mates += 1;
                oldest_mate = oldest_mate.or(Some(place));
                if known.member == entry.member {
                    itself = Some(place);
                }
            }
        }
        let replaced = itself.or(oldest_mate.filter(|_| mates >= mates_max));
        if let Some(known) = replaced.and_then(|place| self.0.remove(place)) {
            dropped(known);
        }
        self.keep_latest(length_max.saturating_sub(1), dropped);
        // One by one: doubling would cost more than the members save, and this happens once for each of a few.
        self.0.reserve_exact(1);
        self.0.push_back(entry);
    }

    fn keep_latest(&mut self, most: usize, mut dropped: impl FnMut(Entry)) {
        while self.0.len() > most {
            let Some(oldest) = self.0.pop_front() else {
                return;
            };
            dropped(oldest);
        }
    }

    /// Moves members that `may_stay` to the end, and drops the others on the way.
    pub(super) fn take(
        &mut self,
        members: &mut WebSocketMembers,
        wanted: usize,
        may_stay: impl Fn(&WebSocketMembers, usize) -> bool,
        mut add: impl FnMut(u32),
    ) {
        let mut taken = 0;
        for _ in 0..self.0.len().min(TRIES_PER_MEMBER * wanted) {
            let Some(mut entry) = self.0.pop_front() else {
                return;
            };
            let position = entry.find(members);
            let Some(position) = position.filter(|position| may_stay(members, *position)) else {
                entry.mark(members, false);
                continue;
            };
            entry.position = to_u32(position);
            self.0.push_back(entry);
            add(entry.position);
            taken += 1;
            if taken == wanted {
                return;
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns how many entries it has memory for.
    pub(super) fn capacity(&self) -> usize {
        self.0.capacity()
    }

    #[cfg(test)]
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter()
    }

    /// Drops the oldest entries over `most`, and their memory.
    pub(super) fn shorten(&mut self, most: usize, dropped: impl FnMut(Entry)) {
        self.keep_latest(most, dropped);
        self.0.shrink_to(most);
    }

    /// Drops the entries of members that have left, and their memory.
    pub(super) fn forget_absent(&mut self, members: &WebSocketMembers) {
        self.0.retain(|entry| entry.find(members).is_some());
        self.0.shrink_to_fit();
    }
}

impl Entry {
    fn find(&self, members: &WebSocketMembers) -> Option<usize> {
        members.find_position(self.member, self.position as usize)
    }

    /// Stores with the member whether it is in the rotation of those that seek introductions.
    pub(super) fn mark(&self, members: &mut WebSocketMembers, is_in: bool) {
        let position = self.find(members);
        if let Some(record) = position.and_then(|position| members.record_at_mut(position)) {
            record.set_in_rotation(is_in);
        }
    }
}
