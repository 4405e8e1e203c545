//! Stores the members of one swarm that announce over WebSockets, in a list by role and address group.

use rand::Rng;

use super::group_index::MemberEntry;
use super::last_seen::LastSeen;
use super::matchmaking::{IntroductionRecord, Patience, Serial};
use super::member_list::{DrawProgress, MemberList, RoleFilter};
use super::receiver_quota::{ReceiverQuotaExhausted, ReceiverQuotaLevel, ReceiverQuotaTime};
use super::{AddressGroup, JoinResult, ReceiverQuota, SiteId};
use crate::protocol::{ConnectionId, PeerId};

/// A member of a swarm. The connection is part of its identity, so nobody can act for a member of another connection,
/// and a client that reconnects is served while its old connection has not ended yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Member {
    /// The connection it announced on.
    pub connection: ConnectionId,
    /// The id it announced.
    pub peer_id: PeerId,
}

/// The role of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// It has everything.
    Seeder,
    /// It lacks something, or does not report that it has everything.
    Leecher,
}

/// The state of one member. Small, as there is one for each.
#[derive(Debug)]
pub(super) struct WebSocketMemberState {
    /// The slots of its pending offers, oldest first.
    offer_slots: Vec<u32>,
    /// The level of its receiver quota.
    pub(super) receiver_level: ReceiverQuotaLevel,
    pub(super) last_seen: LastSeen,
    pub(super) introductions: IntroductionRecord,
}

const _: () = assert!(size_of::<MemberEntry<WebSocketMemberState>>() == 64);

/// A member that may receive an offer.
pub(super) struct OfferReceiver<'s>(&'s mut WebSocketMemberState);

impl OfferReceiver<'_> {
    /// Returns whether its output is blocked.
    pub(super) fn is_blocked(&self) -> bool {
        self.0.last_seen.has_flag(LastSeen::BLOCKED)
    }

    /// Charges one offer to its quota. The flag is true if the address group of the sender has sent few offers lately.
    ///
    /// # Errors
    ///
    /// Its quota is used up.
    pub(super) fn charge(
        &mut self,
        (quota, is_light_sender, now): (ReceiverQuota, bool, ReceiverQuotaTime),
    ) -> Result<(), ReceiverQuotaExhausted> {
        quota.charge(&mut self.0.receiver_level, is_light_sender, now)
    }
}

#[derive(Debug)]
pub(super) struct WebSocketMembers {
    pub(super) list: MemberList<Member, WebSocketMemberState>,
    /// Of the member that joined last.
    pub(super) last_serial: Serial,
    pub(super) patience: Patience,
    /// Members that never had an answered introduction.
    pub(super) alone: u32,
}

impl Default for WebSocketMembers {
    fn default() -> Self {
        Self {
            list: MemberList::default(),
            last_serial: Serial::new(1),
            patience: Patience::default(),
            alone: 0,
        }
    }
}

impl WebSocketMembers {
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn leechers(&self) -> u32 {
        u32::try_from(self.list.leechers()).unwrap_or(u32::MAX)
    }

    pub(super) fn seeders(&self) -> u32 {
        u32::try_from(self.list.seeders()).unwrap_or(u32::MAX)
    }

    /// Calls `take` with members in random order, by address group first, until it has taken the wanted number.
    pub(super) fn draw(
        &mut self,
        among: RoleFilter,
        limits: (usize, &mut DrawProgress),
        rng: &mut impl Rng,
        mut take: impl FnMut(&Member, OfferReceiver<'_>, usize) -> bool,
    ) {
        let take = |member: &Member, state: &mut WebSocketMemberState, position| {
            take(member, OfferReceiver(state), position)
        };
        self.list.draw(among, limits, rng, take);
    }

    pub(super) fn position_of(&self, member: Member) -> Option<usize> {
        self.list.position_of(&member)
    }

    /// Adds a member to that group, or refreshes it. Also returns its position.
    pub(super) fn join_or_refresh(
        &mut self,
        member: Member,
        (group, site): (AddressGroup, Option<SiteId>),
        second: u32,
        blocked: bool,
    ) -> (JoinResult, usize) {
        if let Some((position, state)) = self.list.get_mut(&member) {
            state.last_seen.touch(second);
            return (JoinResult::Existing, position);
        }
        let serial = self.unused_serial();
        let mut state = WebSocketMemberState {
            offer_slots: Vec::new(),
            receiver_level: ReceiverQuotaLevel::default(),
            last_seen: LastSeen::default(),
            introductions: IntroductionRecord::new(serial, site, member.peer_id)
                .with_missed(self.inherited_missed(group)),
        };
        self.alone += 1;
        state.last_seen.touch(second);
        state.last_seen.set_flag(LastSeen::BLOCKED, blocked);
        (JoinResult::New, self.list.insert(member, group, state))
    }

    /// Refreshes a member; `position` is its last known position.
    pub(super) fn refresh(&mut self, member: Member, position: usize, second: u32) {
        if let Some(state) = self.find(member, position) {
            state.last_seen.touch(second);
        }
    }

    /// Returns the state of a member; `position` is its last known position.
    fn find(&mut self, member: Member, position: usize) -> Option<&mut WebSocketMemberState> {
        let position = self.find_position(member, position)?;
        self.list.at_mut(position).map(|(_, state)| state)
    }

    /// Returns the position of a member. Checks its last known one before it hashes: few members move between an offer and
    /// its answer.
    pub(super) fn find_position(&self, member: Member, position: usize) -> Option<usize> {
        let known = self.list.at(position);
        if known.is_some_and(|(known, _)| *known == member) {
            return Some(position);
        }
        self.list.position_of(&member)
    }

    /// Sets the role of the member at a position. Returns its new position.
    pub(super) fn set_role(&mut self, position: usize, role: Role) -> usize {
        self.list.set_role(position, role)
    }

    /// Marks a download as completed. Returns true the first time.
    pub(super) fn mark_completed(&mut self, member: Member) -> bool {
        let Some((_, state)) = self.list.get_mut(&member) else {
            return false;
        };
        let is_first = !state.last_seen.has_flag(LastSeen::COMPLETED);
        state.last_seen.set_flag(LastSeen::COMPLETED, true);
        is_first
    }

    /// Removes the member and returns the slots of its pending offers; `None` if there is no such member.
    pub(super) fn remove(&mut self, member: Member) -> Option<Vec<u32>> {
        let position = self.list.position_of(&member)?;
        let (_, state) = self.list.remove(position)?;
        self.alone -= u32::from(state.introductions.is_alone());
        self.forget(&state.introductions);
        Some(state.offer_slots)
    }

    pub(super) fn set_blocked(&mut self, member: Member, blocked: bool) {
        if let Some((_, state)) = self.list.get_mut(&member) {
            state.last_seen.set_flag(LastSeen::BLOCKED, blocked);
        }
    }

    /// Returns the slots of the pending offers of a member; `position` is its last known position.
    pub(super) fn offer_slots_of(
        &mut self,
        member: Member,
        position: usize,
    ) -> Option<&mut Vec<u32>> {
        self.find(member, position)
            .map(|state| &mut state.offer_slots)
    }

    /// Returns the slots of the pending offers of the member at a position.
    pub(super) fn offer_slots_at(&mut self, position: usize) -> Option<&mut Vec<u32>> {
        self.list
            .at_mut(position)
            .map(|(_, state)| &mut state.offer_slots)
    }

    /// Returns the member at a position, the second of its last announce or answer, and the slots of its pending
    /// offers.
    pub(super) fn expiry_entry_at(
        &mut self,
        position: usize,
    ) -> Option<(Member, u32, &mut Vec<u32>)> {
        self.list
            .at_mut(position)
            .map(|(member, state)| (*member, state.last_seen.second(), &mut state.offer_slots))
    }

    /// Frees unused capacity after a swarm has shrunk.
    pub(super) fn release_memory(&mut self) {
        self.list.release_memory();
    }

    /// Returns all members with their roles.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Member, Role)> + '_ {
        self.list.iter().map(|(member, role)| (*member, role))
    }

    /// Returns the member at a position and its role.
    pub(super) fn member_at(&self, position: usize) -> Option<(Member, Role)> {
        let (member, _) = self.list.at(position)?;
        Some((*member, self.list.role_of(position)))
    }

    /// Returns whether the index by address group matches the list, and the number of members alone a recount. For tests.
    pub(super) fn is_consistent(&self) -> bool {
        let records = (0..self.len()).filter_map(|position| self.record_at(position));
        let alone = records.filter(|record| record.is_alone()).count();
        alone == self.alone as usize && self.list.is_consistent()
    }
}
