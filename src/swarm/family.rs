//! Stores the HTTP members of one address family, and links each client to its member in the other family: a client
//! with an address in both counts once. Only `http` calls it.

use rand::Rng;

use super::clients::{Client, Clients};
use super::groups::Entry;
use super::http::{HttpRefreshed, HttpSaid, Owner};
use super::list::{Among, Drawn, List};
use super::members::Heard;
use super::{Claim, Group, Role};
use crate::protocol::PeerId;
use crate::protocol::http::ClientKey;

#[derive(Debug, Default)]
pub(super) struct Family<const N: usize> {
    /// By address and port. The hash is keyed, as a client may choose among many of both.
    pub(super) list: List<[u8; N], State>,
    pub(super) clients: Clients<N>,
}

/// The number of clients with a member in both address families, which count once. Both memberships have the same role.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pairs {
    pub(super) leechers: u32,
    pub(super) seeders: u32,
}

impl Pairs {
    pub(super) fn of(&mut self, role: Role) -> &mut u32 {
        match role {
            Role::Leecher => &mut self.leechers,
            Role::Seeder => &mut self.seeders,
        }
    }
}

/// The state of one HTTP member. Small, as there is one for each.
#[derive(Debug, Clone, Copy)]
pub(super) struct State {
    owner: Owner,
    /// The key that it was created with.
    key: Option<ClientKey>,
    pub(super) peer_id: PeerId,
    pub(super) heard: Heard,
}

const _: () = assert!(size_of::<Entry<State>>() == 56);

impl<const N: usize> Family<N> {
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Returns the member at a position: leechers come before seeders.
    pub(super) fn at(&self, position: usize) -> Option<(&[u8; N], &State, Role)> {
        let (at, state) = self.list.at(position)?;
        Some((at, state, self.list.role_of(position)))
    }

    pub(super) fn role(&self, at: &[u8; N]) -> Option<Role> {
        let position = self.list.place_of(at)?;
        Some(self.list.role_of(position))
    }

    /// Returns the key that a member was created with.
    pub(super) fn key(&self, at: &[u8; N]) -> Option<ClientKey> {
        let position = self.list.place_of(at)?;
        self.list.at(position).and_then(|(_, state)| state.key)
    }

    pub(super) fn seeds(&self, at: &[u8; N]) -> bool {
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
        other: &mut Family<M>,
        pairs: &mut Pairs,
        at: [u8; N],
        update: HttpSaid,
    ) -> Result<bool, HttpRefreshed> {
        let Some((_, state)) = self.list.get_mut(&at) else {
            return Err(HttpRefreshed::NoMember);
        };
        let is_stale = state.heard.second() < update.stale_before;
        if state.key.is_some() && state.key != update.key && !is_stale {
            return Err(HttpRefreshed::OtherKey);
        }
        self.part(other, pairs, at);
        if let Some((_, state)) = self.list.get_mut(&at)
            && is_stale
        {
            state.key = update.key;
        }
        Ok(self.note(other, pairs, at, update))
    }

    /// Adds a member, which must not exist yet. Returns whether its download is complete for the first time.
    pub(super) fn join<const M: usize>(
        &mut self,
        other: &mut Family<M>,
        pairs: &mut Pairs,
        at: [u8; N],
        (update, owner, group): (HttpSaid, Owner, Group),
    ) -> bool {
        let state = State {
            owner,
            key: update.key,
            peer_id: update.peer_id,
            heard: Heard::default(),
        };
        let twin = self.twin(other, at, update.peer_id, update.key);
        let position = self.list.insert(at, group, state);
        if let Some(role) = twin.and_then(|twin| other.role(&twin)) {
            self.list.set_role(position, role);
        }
        self.note(other, pairs, at, update)
    }

    /// Applies an announce to a member that is not linked, and links it if possible. Returns true if its download is
    /// complete for the first time.
    fn note<const M: usize>(
        &mut self,
        other: &mut Family<M>,
        pairs: &mut Pairs,
        at: [u8; N],
        update: HttpSaid,
    ) -> bool {
        let Some((position, state)) = self.list.get_mut(&at) else {
            return false;
        };
        state.peer_id = update.peer_id;
        let key = state.key;
        let twin = self.twin(other, at, update.peer_id, key);
        let twin = twin.and_then(|twin| other.list.place_of(&twin));
        let has_completed = |position| {
            let (_, state) = other.list.at(position)?;
            Some(state.heard.is(Heard::COMPLETED))
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
        let is_first = state.hear(update, twin_completed);
        let completed = state.heard.is(Heard::COMPLETED);
        if let Some(client) = Client::of(update.peer_id, key) {
            self.clients.link(client, at);
        }
        if let Some(position) = twin {
            let position = other.list.set_role(position, role);
            if let Some((_, state)) = other.list.at_mut(position) {
                state.heard.set(Heard::COMPLETED, completed);
            }
            *pairs.of(role) += 1;
        }
        is_first
    }

    /// Returns the membership in the other family that counts as one with this one, or would if this one were linked.
    fn twin<const M: usize>(
        &self,
        other: &Family<M>,
        at: [u8; N],
        peer_id: PeerId,
        key: Option<ClientKey>,
    ) -> Option<[u8; M]> {
        let client = Client::of(peer_id, key)?;
        let linked = self.clients.get(client);
        linked
            .is_none_or(|known| known == at)
            .then(|| other.clients.get(client))?
    }

    /// Unlinks a member, so that it counts by itself again.
    fn part<const M: usize>(&mut self, other: &Family<M>, pairs: &mut Pairs, at: [u8; N]) {
        let Some((position, state)) = self.list.get_mut(&at) else {
            return;
        };
        let Some(client) = state.client() else {
            return;
        };
        let role = self.list.role_of(position);
        if self.clients.unlink(client, at) && other.clients.get(client).is_some() {
            *pairs.of(role) -= 1;
        }
    }

    pub(super) fn leave<const M: usize>(
        &mut self,
        other: &mut Family<M>,
        pairs: &mut Pairs,
        at: [u8; N],
        (peer_id, key): (PeerId, Option<ClientKey>),
    ) -> Option<Owner> {
        let (position, state) = self.list.get_mut(&at)?;
        let may = state.peer_id == peer_id && (state.key.is_none() || state.key == key);
        may.then(|| self.remove(other, pairs, position))?
    }

    fn remove<const M: usize>(
        &mut self,
        other: &Family<M>,
        pairs: &mut Pairs,
        position: usize,
    ) -> Option<Owner> {
        let (at, _) = self.list.at(position)?;
        self.part(other, pairs, *at);
        self.list.remove(position).map(|(_, state)| state.owner)
    }

    pub(super) fn choose(
        &mut self,
        (own_address, (peer_id, key)): (Option<&[u8; N]>, (PeerId, Option<ClientKey>)),
        is_seeder: bool,
        wanted: usize,
        rng: &mut impl Rng,
    ) -> Vec<([u8; N], PeerId)> {
        let mut chosen = Vec::with_capacity(wanted.min(self.len()));
        let passes: &[Among] = if is_seeder {
            &[Among::Leechers, Among::Seeders]
        } else {
            &[Among::All]
        };
        let mut drawn = Drawn::default();
        for among in passes {
            let limits = (wanted, &mut drawn);
            self.list.draw(*among, limits, rng, |at, state, _| {
                let is_same_client = key.is_some() && (state.key, state.peer_id) == (key, peer_id);
                let is_other = Some(at) != own_address && !is_same_client;
                if is_other {
                    chosen.push((*at, state.peer_id));
                }
                is_other
            });
        }
        chosen
    }

    /// Returns whether the indexes equal a recount. For tests.
    pub(super) fn agrees(&self) -> bool {
        let is_linked = |(client, at): (Client, [u8; N])| {
            let position = self.list.place_of(&at);
            let state = position.and_then(|position| self.list.at(position));
            state.is_some_and(|(_, state)| state.client() == Some(client))
        };
        self.list.agrees() && self.clients.len() <= self.len() && self.clients.iter().all(is_linked)
    }
}

impl HttpSaid {
    fn role(self) -> Option<Role> {
        match self.claim {
            Claim::Seeder => Some(Role::Seeder),
            Claim::Leecher => Some(Role::Leecher),
            Claim::Unsaid => None,
        }
    }
}

impl State {
    fn client(&self) -> Option<Client> {
        Client::of(self.peer_id, self.key)
    }

    /// Applies an announce. Returns true if the download is complete for the first time. `completed_before` is true if
    /// the same client has completed it with its other address.
    fn hear(&mut self, update: HttpSaid, completed_before: bool) -> bool {
        self.heard.hear(update.at);
        let known = completed_before || self.heard.is(Heard::COMPLETED);
        self.heard.set(Heard::COMPLETED, known || update.completed);
        update.completed && !known
    }
}

/// A search for expired members that visits a bounded number of members.
pub(super) struct Walk<'w> {
    /// Number of positions that earlier slices have finished.
    pub(super) to_skip: usize,
    /// Number of positions that are finished now.
    pub(super) passed: usize,
    pub(super) budget: &'w mut usize,
    pub(super) oldest: u32,
    pub(super) gone: &'w mut Vec<Owner>,
}

impl Walk<'_> {
    /// Returns false if the budget ends before the list.
    pub(super) fn go_through<const N: usize, const M: usize>(
        &mut self,
        family: &mut Family<N>,
        other: &mut Family<M>,
        pairs: &mut Pairs,
    ) -> bool {
        let mut position = self.to_skip.min(family.len());
        self.to_skip -= position;
        while let Some((_, state, _)) = family.at(position) {
            if *self.budget == 0 {
                self.passed += position;
                return false;
            }
            *self.budget -= 1;
            if state.heard.second() < self.oldest {
                self.gone.extend(family.remove(other, pairs, position));
            } else {
                position += 1;
            }
        }
        self.passed += position;
        family.list.give_room_back();
        true
    }
}
