//! Members over HTTP with one kind of address, and what they have to do with those of the other kind: a client with an address of each
//! counts once. Only `http` calls it.

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
    /// By address and port. The hash has a key, as a client may choose among many of both.
    pub(super) list: List<[u8; N], State>,
    pub(super) clients: Clients<N>,
}

/// Clients that are members with an address of each kind, and count once. Both memberships have the same role.
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

/// Small, as there is one for each member.
#[derive(Debug, Clone, Copy)]
pub(super) struct State {
    owner: Owner,
    /// What it was begun with.
    key: Option<ClientKey>,
    pub(super) peer_id: PeerId,
    pub(super) heard: Heard,
}

const _: () = assert!(size_of::<Entry<State>>() == 56);

impl<const N: usize> Family<N> {
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// The member at a place: leechers come before seeders.
    pub(super) fn at(&self, place: usize) -> Option<(&[u8; N], &State, Role)> {
        let (at, state) = self.list.at(place)?;
        Some((at, state, self.list.role_of(place)))
    }

    pub(super) fn role(&self, at: &[u8; N]) -> Option<Role> {
        let place = self.list.place_of(at)?;
        Some(self.list.role_of(place))
    }

    /// What a member was begun with.
    pub(super) fn key(&self, at: &[u8; N]) -> Option<ClientKey> {
        let place = self.list.place_of(at)?;
        self.list.at(place).and_then(|(_, state)| state.key)
    }

    pub(super) fn seeds(&self, at: &[u8; N]) -> bool {
        self.role(at) == Some(Role::Seeder)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8; N], Role)> {
        self.list.iter()
    }

    /// Whether its download is complete for the first time.
    ///
    /// # Errors
    ///
    /// Why nothing was noted.
    pub(super) fn refresh<const M: usize>(
        &mut self,
        other: &mut Family<M>,
        pairs: &mut Pairs,
        at: [u8; N],
        said: HttpSaid,
    ) -> Result<bool, HttpRefreshed> {
        let Some((_, state)) = self.list.get_mut(&at) else {
            return Err(HttpRefreshed::NoMember);
        };
        let is_stale = state.heard.second() < said.stale_before;
        if state.key.is_some() && state.key != said.key && !is_stale {
            return Err(HttpRefreshed::OtherKey);
        }
        self.part(other, pairs, at);
        if let Some((_, state)) = self.list.get_mut(&at)
            && is_stale
        {
            state.key = said.key;
        }
        Ok(self.note(other, pairs, at, said))
    }

    /// Whether its download is complete for the first time. It must be no member yet.
    pub(super) fn join<const M: usize>(
        &mut self,
        other: &mut Family<M>,
        pairs: &mut Pairs,
        at: [u8; N],
        (said, owner, group): (HttpSaid, Owner, Group),
    ) -> bool {
        let state = State {
            owner,
            key: said.key,
            peer_id: said.peer_id,
            heard: Heard::default(),
        };
        let twin = self.twin(other, at, said.peer_id, said.key);
        let place = self.list.insert(at, group, state);
        if let Some(role) = twin.and_then(|twin| other.role(&twin)) {
            self.list.set_role(place, role);
        }
        self.note(other, pairs, at, said)
    }

    /// Notes what is said of a member that is not counted with another, and counts it so if it can be. True if its download is complete
    /// for the first time.
    fn note<const M: usize>(
        &mut self,
        other: &mut Family<M>,
        pairs: &mut Pairs,
        at: [u8; N],
        said: HttpSaid,
    ) -> bool {
        let Some((place, state)) = self.list.get_mut(&at) else {
            return false;
        };
        state.peer_id = said.peer_id;
        let key = state.key;
        let twin = self.twin(other, at, said.peer_id, key);
        let twin = twin.and_then(|twin| other.list.place_of(&twin));
        let has_completed = |place| {
            let (_, state) = other.list.at(place)?;
            Some(state.heard.is(Heard::COMPLETED))
        };
        let twin_completed = twin.and_then(has_completed).unwrap_or(false);
        let place = match said.role() {
            Some(role) => self.list.set_role(place, role),
            None => place,
        };
        let role = self.list.role_of(place);
        let Some((_, state)) = self.list.at_mut(place) else {
            return false;
        };
        let is_first = state.hear(said, twin_completed);
        let completed = state.heard.is(Heard::COMPLETED);
        if let Some(client) = Client::of(said.peer_id, key) {
            self.clients.link(client, at);
        }
        if let Some(place) = twin {
            let place = other.list.set_role(place, role);
            if let Some((_, state)) = other.list.at_mut(place) {
                state.heard.set(Heard::COMPLETED, completed);
            }
            *pairs.of(role) += 1;
        }
        is_first
    }

    /// The membership with an address of the other kind that this one counts as one with, or would if it were linked.
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

    /// Counts a member by itself again.
    fn part<const M: usize>(&mut self, other: &Family<M>, pairs: &mut Pairs, at: [u8; N]) {
        let Some((place, state)) = self.list.get_mut(&at) else {
            return;
        };
        let Some(client) = state.client() else {
            return;
        };
        let role = self.list.role_of(place);
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
        let (place, state) = self.list.get_mut(&at)?;
        let may = state.peer_id == peer_id && (state.key.is_none() || state.key == key);
        may.then(|| self.remove(other, pairs, place))?
    }

    fn remove<const M: usize>(
        &mut self,
        other: &Family<M>,
        pairs: &mut Pairs,
        place: usize,
    ) -> Option<Owner> {
        let (at, _) = self.list.at(place)?;
        self.part(other, pairs, *at);
        self.list.remove(place).map(|(_, state)| state.owner)
    }

    pub(super) fn choose(
        &mut self,
        (own, (peer_id, key)): (Option<&[u8; N]>, (PeerId, Option<ClientKey>)),
        seeds: bool,
        wanted: usize,
        rng: &mut impl Rng,
    ) -> Vec<([u8; N], PeerId)> {
        let mut chosen = Vec::with_capacity(wanted.min(self.len()));
        let passes: &[Among] = if seeds {
            &[Among::Leechers, Among::Seeders]
        } else {
            &[Among::All]
        };
        let mut drawn = Drawn::default();
        for among in passes {
            let limits = (wanted, &mut drawn);
            self.list.draw(*among, limits, rng, |at, state, _| {
                let is_same_client = key.is_some() && (state.key, state.peer_id) == (key, peer_id);
                let is_other = Some(at) != own && !is_same_client;
                if is_other {
                    chosen.push((*at, state.peer_id));
                }
                is_other
            });
        }
        chosen
    }

    /// Whether the indexes are what a recount gives. For tests.
    pub(super) fn agrees(&self) -> bool {
        let is_linked = |(client, at): (Client, [u8; N])| {
            let place = self.list.place_of(&at);
            let state = place.and_then(|place| self.list.at(place));
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

    /// True if its download is complete for the first time, `before` if that of the same client was with another address.
    fn hear(&mut self, said: HttpSaid, before: bool) -> bool {
        self.heard.hear(said.at);
        let known = before || self.heard.is(Heard::COMPLETED);
        self.heard.set(Heard::COMPLETED, known || said.completed);
        said.completed && !known
    }
}

/// A look at a bounded number of members for those that have expired.
pub(super) struct Walk<'w> {
    /// How many places the last look has passed already.
    pub(super) to_skip: usize,
    /// How many are passed now.
    pub(super) passed: usize,
    pub(super) budget: &'w mut usize,
    pub(super) oldest: u32,
    pub(super) gone: &'w mut Vec<Owner>,
}

impl Walk<'_> {
    /// False if it has to end before the list does.
    pub(super) fn go_through<const N: usize, const M: usize>(
        &mut self,
        family: &mut Family<N>,
        other: &mut Family<M>,
        pairs: &mut Pairs,
    ) -> bool {
        let mut place = self.to_skip.min(family.len());
        self.to_skip -= place;
        while let Some((_, state, _)) = family.at(place) {
            if *self.budget == 0 {
                self.passed += place;
                return false;
            }
            *self.budget -= 1;
            if state.heard.second() < self.oldest {
                self.gone.extend(family.remove(other, pairs, place));
            } else {
                place += 1;
            }
        }
        self.passed += place;
        family.list.give_room_back();
        true
    }
}
