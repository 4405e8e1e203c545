//! Stores the members of a swarm that announce over HTTP. Other peers connect to their address, so they are listed to
//! each other and never receive an offer. They share only the counts with WebSocket members.

use std::num::NonZeroU64;

use rand::Rng;

use super::address_family::{AddressFamilyMembers, DualStackClients, ExpirySweep};
use super::{AddressGroup, ClaimedRole, MemberTransport, MemberView, Role, Swarm};
use crate::protocol::http::{ClientKey, Endpoint, Peers};
use crate::protocol::{Counts, PeerId};

/// The owner that the caller counts a member for. It is stored with the member and returned when the member is removed;
/// the swarm does not interpret it.
pub type HttpOwner = Option<NonZeroU64>;

/// The data of an announce over HTTP about its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpMemberUpdate {
    /// Its `peer_id`, which may change with each announce.
    pub peer_id: PeerId,
    /// Proves that a later announce comes from the same client.
    pub key: Option<ClientKey>,
    /// Its reported role.
    pub claimed_role: ClaimedRole,
    /// Whether its download has just been completed.
    pub completed: bool,
    /// Second of the announce.
    pub announced_second: u32,
    /// A membership without an announce since this second may be taken over with any key: its creator has missed its
    /// turn.
    pub stale_before_second: u32,
}

/// The result of an announce for a membership that may exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpRefreshResult {
    /// The membership is updated.
    Updated,
    /// The membership was created with another key, so nothing has changed.
    WrongKey,
    /// There is no such membership.
    NotMember,
}

/// Whether an announce added its sender as a new member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpJoinResult {
    /// It was not a member before.
    New,
    /// It was a member already, and is updated unless that was created with another key.
    Existing,
    /// It was not added: its address group has reached the limit in this swarm.
    GroupFull,
}

/// The HTTP members of one swarm. A member is identified by its address and port, so nobody can act for another
/// address. Each address family has its own list, as in replies.
#[derive(Debug, Default)]
pub(super) struct HttpMembers {
    v4: AddressFamilyMembers<6>,
    v6: AddressFamilyMembers<18>,
    dual_stack: DualStackClients,
}

impl Swarm {
    /// Updates an existing member.
    pub fn http_refresh(&mut self, from: &Endpoint, update: HttpMemberUpdate) -> HttpRefreshResult {
        let Some(http) = &mut self.http else {
            return HttpRefreshResult::NotMember;
        };
        let pairs = &mut http.dual_stack;
        let refreshed = match from {
            Endpoint::V4(at) => http.v4.refresh(&mut http.v6, pairs, *at, update),
            Endpoint::V6(at) => http.v6.refresh(&mut http.v4, pairs, *at, update),
        };
        match refreshed {
            Ok(is_download) => {
                self.downloaded = self.downloaded.saturating_add(u32::from(is_download));
                HttpRefreshResult::Updated
            }
            Err(reason) => reason,
        }
    }

    /// Adds a member, or updates an existing one, which does not store `owner`. A group comes with the most members
    /// that it may have here.
    pub fn http_join(
        &mut self,
        from: &Endpoint,
        update: HttpMemberUpdate,
        (owner, group): (HttpOwner, Option<(AddressGroup, usize)>),
    ) -> HttpJoinResult {
        if self.http_refresh(from, update) != HttpRefreshResult::NotMember {
            return HttpJoinResult::Existing;
        }
        let http = self.http.get_or_insert_default();
        let (group, members_max) =
            group.unwrap_or_else(|| (AddressGroup::of_endpoint(from), usize::MAX));
        let count = match from {
            Endpoint::V4(_) => http.v4.list.count_in_group(group),
            Endpoint::V6(_) => http.v6.list.count_in_group(group),
        };
        let joined = (count < members_max).then(|| {
            let pairs = &mut http.dual_stack;
            match from {
                Endpoint::V4(at) => http
                    .v4
                    .join(&mut http.v6, pairs, *at, (update, owner, group)),
                Endpoint::V6(at) => http
                    .v6
                    .join(&mut http.v4, pairs, *at, (update, owner, group)),
            }
        });
        if http.is_empty() {
            self.http = None;
        }
        let Some(is_download) = joined else {
            return HttpJoinResult::GroupFull;
        };
        self.downloaded = self.downloaded.saturating_add(u32::from(is_download));
        HttpJoinResult::New
    }

    /// Returns whether there is a member that was created with another key.
    #[must_use]
    pub fn http_has_other_key(&self, from: &Endpoint, key: Option<ClientKey>) -> bool {
        let known = self.http.as_ref().and_then(|http| match from {
            Endpoint::V4(at) => http.v4.key(at),
            Endpoint::V6(at) => http.v6.key(at),
        });
        known.is_some() && known != key
    }

    /// Removes a member and returns its owner. Does nothing if there is no such member, if it has another `peer_id`
    /// now, or if it was created with another key.
    pub fn http_leave(
        &mut self,
        from: &Endpoint,
        peer_id: PeerId,
        key: Option<ClientKey>,
    ) -> Option<HttpOwner> {
        let http = self.http.as_mut()?;
        let (pairs, client) = (&mut http.dual_stack, (peer_id, key));
        let left = match from {
            Endpoint::V4(at) => http.v4.leave(&mut http.v6, pairs, *at, client),
            Endpoint::V6(at) => http.v6.leave(&mut http.v4, pairs, *at, client),
        };
        if http.is_empty() {
            self.http = None;
        }
        left
    }

    /// Chooses up to `wanted` other members of each address family at random, independently each time, by address group
    /// first. A seeder gets leechers first. A client never gets its own addresses.
    pub fn http_peers(
        &mut self,
        from: &Endpoint,
        client: (PeerId, Option<ClientKey>),
        wanted: usize,
        rng: &mut impl Rng,
    ) -> Peers {
        let Some(http) = &mut self.http else {
            return Peers::default();
        };
        let (own4, own6) = match from {
            Endpoint::V4(at) => (Some(at), None),
            Endpoint::V6(at) => (None, Some(at)),
        };
        let is_seeder = own4.is_some_and(|at| http.v4.is_seeder(at))
            || own6.is_some_and(|at| http.v6.is_seeder(at));
        Peers {
            v4: http.v4.choose_peers((own4, client), is_seeder, wanted, rng),
            v6: http.v6.choose_peers((own6, client), is_seeder, wanted, rng),
        }
    }

    /// Returns all members that announce over HTTP with their roles, for recounts and views.
    pub fn http_members(&self) -> impl Iterator<Item = (Endpoint, Role)> + '_ {
        let families = self.http.iter().map(|http| (&http.v4, &http.v6));
        families.flat_map(|(v4, v6)| {
            let v4 = v4.iter().map(|(key, role)| (Endpoint::V4(*key), role));
            v4.chain(v6.iter().map(|(key, role)| (Endpoint::V6(*key), role)))
        })
    }

    /// Returns the numbers of clients with a member in both address families: seeders and leechers.
    #[must_use]
    pub fn http_dual_stack_clients(&self) -> (usize, usize) {
        let pairs = self
            .http
            .as_ref()
            .map(|http| http.dual_stack)
            .unwrap_or_default();
        (pairs.seeders as usize, pairs.leechers as usize)
    }

    /// Expires HTTP members from the position `from` until `budget` is used up. Returns where to continue, or `None` at
    /// the end.
    pub(super) fn expire_http(
        &mut self,
        from: usize,
        budget: &mut usize,
        oldest: u32,
        expired_owners: &mut Vec<HttpOwner>,
    ) -> Option<usize> {
        let http = self.http.as_mut()?;
        let mut sweep = ExpirySweep {
            positions_to_skip: from,
            positions_done: 0,
            budget,
            oldest,
            expired_owners,
        };
        let pairs = &mut http.dual_stack;
        let is_finished = sweep.sweep_family(&mut http.v4, &mut http.v6, pairs)
            && sweep.sweep_family(&mut http.v6, &mut http.v4, pairs);
        let next = (!is_finished).then_some(sweep.positions_done);
        if http.is_empty() {
            self.http = None;
        }
        next
    }
}

impl HttpMembers {
    pub(super) fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the member at one of [`Self::len`] positions, in the order in which expired ones are searched.
    pub(super) fn view_at(&self, position: usize) -> Option<MemberView> {
        let (at, state, role) = if let Some((key, state, role)) = self.v4.at(position) {
            (Endpoint::V4(*key), state, role)
        } else {
            let (key, state, role) = self.v6.at(position.checked_sub(self.v4.len())?)?;
            (Endpoint::V6(*key), state, role)
        };
        let heard = state.last_seen.second();
        Some(MemberView {
            peer_id: state.peer_id,
            role,
            transport: MemberTransport::Http {
                endpoint: at,
                last_announce_second: heard,
            },
        })
    }

    /// Adds the HTTP members to `counts`. A client in both address families counts once.
    pub(super) fn add_to(&self, counts: Counts) -> Counts {
        let count = |one: usize, other: usize, twice: u32| {
            let members = u32::try_from(one + other).unwrap_or(u32::MAX);
            members.saturating_sub(twice)
        };
        let (v4, v6) = (&self.v4.list, &self.v6.list);
        let seeders = count(v4.seeders(), v6.seeders(), self.dual_stack.seeders);
        let leechers = count(v4.leechers(), v6.leechers(), self.dual_stack.leechers);
        Counts {
            complete: counts.complete.saturating_add(seeders),
            incomplete: counts.incomplete.saturating_add(leechers),
            ..counts
        }
    }

    /// Returns whether the indexes and the pairs equal a recount. For tests.
    pub(super) fn is_consistent(&self) -> bool {
        let mut pairs = DualStackClients::default();
        let mut is_consistent = true;
        for (client, at) in self.v4.linked_clients.iter() {
            if let Some(other) = self.v6.linked_clients.get(client) {
                let roles = (self.v4.role(&at), self.v6.role(&other));
                is_consistent &= roles.0 == roles.1;
                *pairs.count_mut(roles.0.unwrap_or(Role::Leecher)) += 1;
            }
        }
        is_consistent
            && pairs == self.dual_stack
            && self.v4.is_consistent()
            && self.v6.is_consistent()
    }
}
