//! The members of one swarm: leechers first, seeders behind them, so that the counts are two lengths and a random
//! member of either kind is one index away.

use std::hash::RandomState;

use indexmap::IndexMap;

use super::Joined;
use super::intake::Level;
use crate::protocol::{ConnectionId, PeerId};

/// A member of a swarm: the connection is part of its identity, so nobody can speak for a member of another
/// connection, and a client that comes back is served while its old connection still dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Member {
    /// The connection it announced on.
    pub connection: ConnectionId,
    /// The id it announced.
    pub peer_id: PeerId,
}

/// Whether a member has everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// It has.
    Seeder,
    /// It has not, or did not say so.
    Leecher,
}

/// Small, as there is one for each member.
#[derive(Debug)]
struct State {
    /// The slots of its unanswered offers, oldest first.
    offers: Vec<u32>,
    /// How many offers it was given lately.
    received: Level,
    heard: Heard,
}

const _: () = assert!(size_of::<State>() == 32);

/// Second of the last announce or answer, for 34 years, and what else fits into four bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Heard(u32);

impl Heard {
    /// Its output is stuck.
    const BLOCKED: u32 = 1 << 31;
    /// It has told that it has everything.
    pub(super) const COMPLETED: u32 = 1 << 30;
    const SECONDS: u32 = Self::COMPLETED - 1;

    pub(super) fn second(self) -> u32 {
        self.0 & Self::SECONDS
    }

    pub(super) fn hear(&mut self, second: u32) {
        self.0 = self.0 & !Self::SECONDS | second.min(Self::SECONDS);
    }

    pub(super) fn is(self, flag: u32) -> bool {
        self.0 & flag != 0
    }

    pub(super) fn set(&mut self, flag: u32, on: bool) {
        self.0 = if on { self.0 | flag } else { self.0 & !flag };
    }
}

/// Invariant: the entries before `leechers` are leechers, those from there on seeders.
#[derive(Debug, Default)]
pub(super) struct Members {
    entries: IndexMap<Member, State, RandomState>,
    leechers: usize,
}

impl Members {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn leechers(&self) -> u32 {
        u32::try_from(self.leechers).unwrap_or(u32::MAX)
    }

    pub(super) fn seeders(&self) -> u32 {
        u32::try_from(self.entries.len() - self.leechers).unwrap_or(u32::MAX)
    }

    /// The places of the leechers; the seeders' are from its end to [`Self::len`].
    pub(super) fn leecher_places(&self) -> std::ops::Range<usize> {
        0..self.leechers
    }

    /// The member at a place and whether its output is stuck.
    pub(super) fn at(&self, place: usize) -> Option<(Member, bool)> {
        self.entries
            .get_index(place)
            .map(|(member, state)| (*member, state.heard.is(Heard::BLOCKED)))
    }

    /// How many offers the member at a place was given lately.
    pub(super) fn received_at(&mut self, place: usize) -> Option<&mut Level> {
        self.entries
            .get_index_mut(place)
            .map(|(_, state)| &mut state.received)
    }

    pub(super) fn place_of(&self, member: Member) -> Option<usize> {
        self.entries.get_index_of(&member)
    }

    /// Makes somebody a member, or notes that it was heard. Also gives its place.
    pub(super) fn touch(&mut self, member: Member, heard: u32, blocked: bool) -> (Joined, usize) {
        if let Some((place, _, state)) = self.entries.get_full_mut(&member) {
            state.heard.hear(heard);
            return (Joined::Before, place);
        }
        let mut state = State {
            offers: Vec::new(),
            received: Level::default(),
            heard: Heard(0),
        };
        state.heard.hear(heard);
        state.heard.set(Heard::BLOCKED, blocked);
        let (place, _) = self.entries.insert_full(member, state);
        (Joined::New, self.move_to_leechers(place))
    }

    /// `place` is where it was last.
    pub(super) fn refresh(&mut self, member: Member, place: usize, heard: u32) {
        if let Some(state) = self.find(member, place) {
            state.heard.hear(heard);
        }
    }

    /// Looks where it was last before it hashes: few move between an offer and its answer.
    fn find(&mut self, member: Member, place: usize) -> Option<&mut State> {
        let known = self.entries.get_index(place);
        let place = if known.is_some_and(|(known, _)| *known == member) {
            place
        } else {
            self.entries.get_index_of(&member)?
        };
        self.entries.get_index_mut(place).map(|(_, state)| state)
    }

    /// Sets the role of the member at a place. Returns its new place.
    pub(super) fn set_role(&mut self, place: usize, role: Role) -> usize {
        match role {
            Role::Leecher if place >= self.leechers => self.move_to_leechers(place),
            Role::Seeder if place < self.leechers => self.move_to_seeders(place),
            _ => place,
        }
    }

    /// Returns the member's new place.
    fn move_to_leechers(&mut self, place: usize) -> usize {
        self.entries.swap_indices(place, self.leechers);
        self.leechers += 1;
        self.leechers - 1
    }

    /// Returns the member's new place.
    fn move_to_seeders(&mut self, place: usize) -> usize {
        self.leechers -= 1;
        self.entries.swap_indices(place, self.leechers);
        self.leechers
    }

    /// True the first time.
    pub(super) fn complete(&mut self, member: Member) -> bool {
        let Some(state) = self.entries.get_mut(&member) else {
            return false;
        };
        let is_first = !state.heard.is(Heard::COMPLETED);
        state.heard.set(Heard::COMPLETED, true);
        is_first
    }

    /// Removes the member and gives back the slots of its unanswered offers; `None` if it was none.
    pub(super) fn remove(&mut self, member: Member) -> Option<Vec<u32>> {
        let mut place = self.entries.get_index_of(&member)?;
        if place < self.leechers {
            place = self.move_to_seeders(place);
        }
        self.entries
            .swap_remove_index(place)
            .map(|(_, state)| state.offers)
    }

    pub(super) fn set_blocked(&mut self, member: Member, blocked: bool) {
        if let Some(state) = self.entries.get_mut(&member) {
            state.heard.set(Heard::BLOCKED, blocked);
        }
    }

    /// The slots of the unanswered offers of a member; `place` is where it was last.
    pub(super) fn offers_of(&mut self, member: Member, place: usize) -> Option<&mut Vec<u32>> {
        self.find(member, place).map(|state| &mut state.offers)
    }

    /// The slots of the unanswered offers of the member at a place.
    pub(super) fn offers_at(&mut self, place: usize) -> Option<&mut Vec<u32>> {
        self.entries
            .get_index_mut(place)
            .map(|(_, state)| &mut state.offers)
    }

    /// The member at a place, when it was last heard, and the slots of its unanswered offers.
    pub(super) fn aged_at(&mut self, place: usize) -> Option<(Member, u32, &mut Vec<u32>)> {
        self.entries
            .get_index_mut(place)
            .map(|(member, state)| (*member, state.heard.second(), &mut state.offers))
    }

    /// Frees what a swarm that has shrunk no longer needs.
    pub(super) fn give_room_back(&mut self) {
        if self.entries.capacity() > 4 * self.entries.len() {
            self.entries.shrink_to(2 * self.entries.len());
        }
    }

    /// All members with their roles; how many they are is known beforehand.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Member, Role)> + '_ {
        let members = self.entries.keys().enumerate();
        members.map(|(place, member)| (*member, self.role_of(place)))
    }

    /// The member at a place and its role.
    pub(super) fn role_at(&self, place: usize) -> Option<(Member, Role)> {
        let (member, _) = self.entries.get_index(place)?;
        Some((*member, self.role_of(place)))
    }

    fn role_of(&self, place: usize) -> Role {
        if place < self.leechers {
            Role::Leecher
        } else {
            Role::Seeder
        }
    }
}
