//! Stores the HTTP members of one address family, and links each client to its member in the other family: a client
//! with an address in both counts once. Only `http` calls it.

use rand::Rng;

use super::group_index::MemberEntry;
use super::http::{HttpMemberUpdate, HttpOwner, HttpRefreshResult};
use super::last_seen::LastSeen;
use super::linked_clients::{ClientHash, LinkedClients};
use super::member_list::{DrawProgress, MemberList, RoleFilter};
use super::{AddressGroup, ClaimedRole, Role};
use crate::protocol::PeerId;
use crate::protocol::http::ClientKey;

#[derive(Debug, Default)]
pub(super) struct AddressFamilyMembers<const N: usize> {
    /// By address and port. The hash is keyed, as a client may choose among many of both.
    pub(super) list: MemberList<[u8; N], HttpMemberState>,
    pub(super) linked_clients: LinkedClients<N>,
}

/// The number of clients with a member in both address families, which count once. Both memberships have the same role.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct DualStackClients {
    pub(super) leechers: u32,
    pub(super) seeders: u32,
}

impl DualStackClients {
    pub(super) fn count_mut(&mut self, role: Role) -> &mut u32 {
        match role {
            Role::Leecher => &mut self.leechers,
            Role::Seeder => &mut self.seeders,
        }
    }
}

/// The state of one HTTP member. Small, as there is one for each.
#[derive(Debug, Clone, Copy)]
pub(super) struct HttpMemberState {
    owner: HttpOwner,
    /// The key that it was created with.
    key: Option<ClientKey>,
    pub(super) peer_id: PeerId,
    pub(super) last_seen: LastSeen,
}

const _: () = assert!(size_of::<MemberEntry<HttpMemberState>>() == 56);

impl<const N: usize> AddressFamilyMembers<N> {
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Returns the member at a position: leechers come before seeders.
    pub(super) fn at(&self, position: usize) -> Option<(&[u8; N], &HttpMemberState, Role)> {
        let (at, state) = self.list.at(position)?;
        Some((at, state, self.list.role_of(position)))
    }

    pub(super) fn role(&self, at: &[u8; N]) -> Option<Role> {
        let position = self.list.position_of(at)?;
        Some(self.list.role_of(position))
    }

    /// Returns the key that a member was created with.
    pub(super) fn key(&self, at: &[u8; N]) -> Option<ClientKey> {
        let position = self.list.position_of(at)?;
        self.list.at(position).and_then(|(_, state)| state.key)
    }

    pub(super) fn is_seeder(&self, at: &[u8; N]) -> bool {
        self.role(at) == Some(Role::Seeder)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8; N], Role)> {
        self.list.iter()
    }

    /// Updates a member. Returns whether its download is complete for the first time.
    ///
    /// # Errors
    ///
    /// Why nothing was changed.
    pub(super) fn refresh<const M: usize>(
        &mut self,
        other: &mut AddressFamilyMembers<M>,
        pairs: &mut DualStackClients,
        at: [u8; N],
        update: HttpMemberUpdate,
    ) -> Result<bool, HttpRefreshResult> {
        let Some((_, state)) = self.list.get_mut(&at) else {
            return Err(HttpRefreshResult::NotMember);
        };
        let is_stale = state.last_seen.second() < update.stale_before_second;
        if state.key.is_some() && state.key != update.key && !is_stale {
            return Err(HttpRefreshResult::WrongKey);
        }
        self.unlink(other, pairs, at);
        if let Some((_, state)) = self.list.get_mut(&at)
            && is_stale
        {
            state.key = update.key;
        }
        Ok(self.update(other, pairs, at, update))
    }

    /// Adds a member, which must not exist yet. Returns whether its download is complete for the first time.
    pub(super) fn join<const M: usize>(
        &mut self,
        other: &mut AddressFamilyMembers<M>,
        pairs: &mut DualStackClients,
        at: [u8; N],
        (update, owner, group): (HttpMemberUpdate, HttpOwner, AddressGroup),
    ) -> bool {
        let state = HttpMemberState {
            owner,
            key: update.key,
            peer_id: update.peer_id,
            last_seen: LastSeen::default(),
        };
        let twin = self.other_family_member(other, at, update.peer_id, update.key);
        let position = self.list.insert(at, group, state);
        if let Some(role) = twin.and_then(|twin| other.role(&twin)) {
            self.list.set_role(position, role);
        }
        self.update(other, pairs, at, update)
    }

    /// Applies an announce to a member that is not linked, and links it if possible. Returns true if its download is
    /// complete for the first time.
    fn update<const M: usize>(
        &mut self,
        other: &mut AddressFamilyMembers<M>,
        pairs: &mut DualStackClients,
        at: [u8; N],
        update: HttpMemberUpdate,
    ) -> bool {
        let Some((position, state)) = self.list.get_mut(&at) else {
            return false;
        };
        state.peer_id = update.peer_id;
        let key = state.key;
        let twin = self.other_family_member(other, at, update.peer_id, key);
        let twin = twin.and_then(|twin| other.list.position_of(&twin));
        let has_completed = |position| {
            let (_, state) = other.list.at(position)?;
            Some(state.last_seen.has_flag(LastSeen::COMPLETED))
        };
        let twin_completed = twin.and_then(has_completed).unwrap_or(false);
        let position = match update.role() {
            Some(role) => self.list.set_role(position, role),
            None => position,
        };
        let role = self.list.role_of(position);
        let Some((_, state)) = self.list.at_mut(position) else {
            return false;
        };
        let is_first = state.record_announce(update, twin_completed);
        let completed = state.last_seen.has_flag(LastSeen::COMPLETED);
        if let Some(client) = ClientHash::of(update.peer_id, key) {
            self.linked_clients.link(client, at);
        }
        if let Some(position) = twin {
            let position = other.list.set_role(position, role);
            if let Some((_, state)) = other.list.at_mut(position) {
                state.last_seen.set_flag(LastSeen::COMPLETED, completed);
            }
            *pairs.count_mut(role) += 1;
        }
        is_first
    }

    /// Returns the membership in the other family that counts as one with this one, or would if this one were linked.
    fn other_family_member<const M: usize>(
        &self,
        other: &AddressFamilyMembers<M>,
        at: [u8; N],
        peer_id: PeerId,
        key: Option<ClientKey>,
    ) -> Option<[u8; M]> {
        let client = ClientHash::of(peer_id, key)?;
        let linked = self.linked_clients.get(client);
        linked
            .is_none_or(|known| known == at)
            .then(|| other.linked_clients.get(client))?
    }

    /// Unlinks a member, so that it counts by itself again.
    fn unlink<const M: usize>(
        &mut self,
        other: &AddressFamilyMembers<M>,
        pairs: &mut DualStackClients,
        at: [u8; N],
    ) {
        let Some((position, state)) = self.list.get_mut(&at) else {
            return;
        };
        let Some(client) = state.client() else {
            return;
        };
        let role = self.list.role_of(position);
        if self.linked_clients.unlink(client, at) && other.linked_clients.get(client).is_some() {
            *pairs.count_mut(role) -= 1;
        }
    }

    pub(super) fn leave<const M: usize>(
        &mut self,
        other: &mut AddressFamilyMembers<M>,
        pairs: &mut DualStackClients,
        at: [u8; N],
        (peer_id, key): (PeerId, Option<ClientKey>),
    ) -> Option<HttpOwner> {
        let (position, state) = self.list.get_mut(&at)?;
        let may = state.peer_id == peer_id && (state.key.is_none() || state.key == key);
        may.then(|| self.remove(other, pairs, position))?
    }

    fn remove<const M: usize>(
        &mut self,
        other: &AddressFamilyMembers<M>,
        pairs: &mut DualStackClients,
        position: usize,
    ) -> Option<HttpOwner> {
        let (at, _) = self.list.at(position)?;
        self.unlink(other, pairs, *at);
        self.list.remove(position).map(|(_, state)| state.owner)
    }

    pub(super) fn choose_peers(
        &mut self,
        (client_address, (peer_id, key)): (Option<&[u8; N]>, (PeerId, Option<ClientKey>)),
        is_seeder: bool,
        wanted: usize,
        rng: &mut impl Rng,
    ) -> Vec<([u8; N], PeerId)> {
        let mut chosen = Vec::with_capacity(wanted.min(self.len()));
        let passes: &[RoleFilter] = if is_seeder {
            &[RoleFilter::Leechers, RoleFilter::Seeders]
        } else {
            &[RoleFilter::All]
        };
        let mut drawn = DrawProgress::default();
        for among in passes {
            let limits = (wanted, &mut drawn);
            self.list.draw(*among, limits, rng, |at, state, _| {
                let is_same_client = key.is_some() && (state.key, state.peer_id) == (key, peer_id);
                let is_other = Some(at) != client_address && !is_same_client;
                if is_other {
                    chosen.push((*at, state.peer_id));
                }
                is_other
            });
        }
        chosen
    }

    /// Returns whether the indexes equal a recount. For tests.
    pub(super) fn is_consistent(&self) -> bool {
        let is_linked = |(client, at): (ClientHash, [u8; N])| {
            let position = self.list.position_of(&at);
            let state = position.and_then(|position| self.list.at(position));
            state.is_some_and(|(_, state)| state.client() == Some(client))
        };
        self.list.is_consistent()
            && self.linked_clients.len() <= self.len()
            && self.linked_clients.iter().all(is_linked)
    }
}

impl HttpMemberUpdate {
    fn role(self) -> Option<Role> {
        match self.claimed_role {
            ClaimedRole::Seeder => Some(Role::Seeder),
            ClaimedRole::Leecher => Some(Role::Leecher),
            ClaimedRole::Unspecified => None,
        }
    }
}

impl HttpMemberState {
    fn client(&self) -> Option<ClientHash> {
        ClientHash::of(self.peer_id, self.key)
    }

    /// Applies an announce. Returns true if the download is complete for the first time. `completed_before` is true if
    /// the same client has completed it with its other address.
    fn record_announce(&mut self, update: HttpMemberUpdate, completed_before: bool) -> bool {
        self.last_seen.touch(update.announced_second);
        let known = completed_before || self.last_seen.has_flag(LastSeen::COMPLETED);
        self.last_seen
            .set_flag(LastSeen::COMPLETED, known || update.completed);
        update.completed && !known
    }
}

/// A search for expired members that visits a bounded number of members.
pub(super) struct ExpirySweep<'w> {
    /// Number of positions that earlier slices have finished.
    pub(super) positions_to_skip: usize,
    /// Number of positions that are finished now.
    pub(super) positions_done: usize,
    pub(super) budget: &'w mut usize,
    pub(super) oldest: u32,
    pub(super) expired_owners: &'w mut Vec<HttpOwner>,
}

impl ExpirySweep<'_> {
    /// Returns false if the budget ends before the list.
    pub(super) fn sweep_family<const N: usize, const M: usize>(
        &mut self,
        family: &mut AddressFamilyMembers<N>,
        other: &mut AddressFamilyMembers<M>,
        pairs: &mut DualStackClients,
    ) -> bool {
        let mut position = self.positions_to_skip.min(family.len());
        self.positions_to_skip -= position;
        while let Some((_, state, _)) = family.at(position) {
            if *self.budget == 0 {
                self.positions_done += position;
                return false;
            }
            *self.budget -= 1;
            if state.last_seen.second() < self.oldest {
                self.expired_owners
                    .extend(family.remove(other, pairs, position));
            } else {
                position += 1;
            }
        }
        self.positions_done += position;
        family.list.release_memory();
        true
    }
}
