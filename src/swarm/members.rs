//! The members of one swarm who announce over WebSockets, in a list by role and address group.

use rand::Rng;

use super::groups::Entry;
use super::intake::{Enough, Level, Tick};
use super::list::{Among, Drawn, List};
use super::{Group, Intake, Joined};
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

const _: () = assert!(size_of::<Entry<State>>() == 48);

/// A member to whom an offer may be given.
pub(super) struct Receiver<'s>(&'s mut State);

impl Receiver<'_> {
    /// Whether its output is stuck.
    pub(super) fn is_blocked(&self) -> bool {
        self.0.heard.is(Heard::BLOCKED)
    }

    /// Gives it one offer; `gives_little` says so of the address group of the sender.
    ///
    /// # Errors
    ///
    /// It was given enough.
    pub(super) fn give(
        &mut self,
        (intake, gives_little, now): (Intake, bool, Tick),
    ) -> Result<(), Enough> {
        intake.take(&mut self.0.received, gives_little, now)
    }
}

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

#[derive(Debug, Default)]
pub(super) struct Members {
    list: List<Member, State>,
}

impl Members {
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn leechers(&self) -> u32 {
        u32::try_from(self.list.leechers()).unwrap_or(u32::MAX)
    }

    pub(super) fn seeders(&self) -> u32 {
        u32::try_from(self.list.seeders()).unwrap_or(u32::MAX)
    }

    /// Offers members to `take` in random order, by address group first, until it has taken so many.
    pub(super) fn draw(
        &mut self,
        among: Among,
        limits: (usize, &mut Drawn),
        rng: &mut impl Rng,
        mut take: impl FnMut(&Member, Receiver<'_>, usize) -> bool,
    ) {
        let take = |member: &Member, state: &mut State, place| take(member, Receiver(state), place);
        self.list.draw(among, limits, rng, take);
    }

    pub(super) fn place_of(&self, member: Member) -> Option<usize> {
        self.list.place_of(&member)
    }

    /// Makes somebody a member of that group, or notes that it was heard. Also gives its place.
    pub(super) fn touch(
        &mut self,
        member: Member,
        group: Group,
        heard: u32,
        blocked: bool,
    ) -> (Joined, usize) {
        if let Some((place, state)) = self.list.get_mut(&member) {
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
        (Joined::New, self.list.insert(member, group, state))
    }

    /// `place` is where it was last.
    pub(super) fn refresh(&mut self, member: Member, place: usize, heard: u32) {
        if let Some(state) = self.find(member, place) {
            state.heard.hear(heard);
        }
    }

    /// Looks where it was last before it hashes: few move between an offer and its answer.
    fn find(&mut self, member: Member, place: usize) -> Option<&mut State> {
        let known = self.list.at(place);
        let place = if known.is_some_and(|(known, _)| *known == member) {
            place
        } else {
            self.list.place_of(&member)?
        };
        self.list.at_mut(place).map(|(_, state)| state)
    }

    /// Sets the role of the member at a place. Returns its new place.
    pub(super) fn set_role(&mut self, place: usize, role: Role) -> usize {
        self.list.set_role(place, role)
    }

    /// True the first time.
    pub(super) fn complete(&mut self, member: Member) -> bool {
        let Some((_, state)) = self.list.get_mut(&member) else {
            return false;
        };
        let is_first = !state.heard.is(Heard::COMPLETED);
        state.heard.set(Heard::COMPLETED, true);
        is_first
    }

    /// Removes the member and gives back the slots of its unanswered offers; `None` if it was none.
    pub(super) fn remove(&mut self, member: Member) -> Option<Vec<u32>> {
        let place = self.list.place_of(&member)?;
        self.list.remove(place).map(|(_, state)| state.offers)
    }

    pub(super) fn set_blocked(&mut self, member: Member, blocked: bool) {
        if let Some((_, state)) = self.list.get_mut(&member) {
            state.heard.set(Heard::BLOCKED, blocked);
        }
    }

    /// The slots of the unanswered offers of a member; `place` is where it was last.
    pub(super) fn offers_of(&mut self, member: Member, place: usize) -> Option<&mut Vec<u32>> {
        self.find(member, place).map(|state| &mut state.offers)
    }

    /// The slots of the unanswered offers of the member at a place.
    pub(super) fn offers_at(&mut self, place: usize) -> Option<&mut Vec<u32>> {
        self.list.at_mut(place).map(|(_, state)| &mut state.offers)
    }

    /// The member at a place, when it was last heard, and the slots of its unanswered offers.
    pub(super) fn aged_at(&mut self, place: usize) -> Option<(Member, u32, &mut Vec<u32>)> {
        self.list
            .at_mut(place)
            .map(|(member, state)| (*member, state.heard.second(), &mut state.offers))
    }

    /// Frees what a swarm that has shrunk no longer needs.
    pub(super) fn give_room_back(&mut self) {
        self.list.give_room_back();
    }

    /// All members with their roles.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Member, Role)> + '_ {
        self.list.iter().map(|(member, role)| (*member, role))
    }

    /// The member at a place and its role.
    pub(super) fn role_at(&self, place: usize) -> Option<(Member, Role)> {
        let (member, _) = self.list.at(place)?;
        Some((*member, self.list.role_of(place)))
    }

    /// Whether the index by address group is what the list says. For tests.
    pub(super) fn agrees(&self) -> bool {
        self.list.agrees()
    }
}
