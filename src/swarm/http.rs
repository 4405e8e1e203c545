//! The members of a swarm who announce over HTTP. They have an address to connect to instead of a connection to us, so they are
//! told of each other and never given an offer; with the others they share nothing but the counts.

use std::num::NonZeroU64;

use rand::Rng;

use super::family::{Family, Pairs, Walk};
use super::{Claim, Group, Role, Shown, Swarm, Way};
use crate::protocol::http::{ClientKey, Endpoint, Peers};
use crate::protocol::{Counts, PeerId};

/// Whom the caller counts a member for. It is kept with the member and handed back when that is gone; nothing here knows
/// what it means.
pub type Owner = Option<NonZeroU64>;

/// What an announce over HTTP says about its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpSaid {
    /// Its id, of which it may have another each time.
    pub peer_id: PeerId,
    /// What proves that a later announce comes from the same client.
    pub key: Option<ClientKey>,
    /// What it lacks.
    pub claim: Claim,
    /// Whether its download is complete just now.
    pub completed: bool,
    /// Second of the announce.
    pub at: u32,
    /// A membership that was heard before this second may be taken over with any key: whoever began it has missed its turn.
    pub stale_before: u32,
}

/// What came of an announce for a membership that may be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpRefreshed {
    /// It is noted.
    Noted,
    /// It was begun with another key, so nothing has changed.
    OtherKey,
    /// There is none.
    NoMember,
}

/// Whether an announce made its sender a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpJoined {
    /// It was none before.
    New,
    /// It was one already, and is noted unless that was begun with another key.
    Before,
    /// It is none: its address group has as many members here as it may.
    Full,
}

/// A member is its address and port, so nobody can speak for another address. Each kind of address has a list of its own, as it has
/// in replies.
#[derive(Debug, Default)]
pub(super) struct HttpMembers {
    v4: Family<6>,
    v6: Family<18>,
    pairs: Pairs,
}

impl Swarm {
    /// Notes what a member says.
    pub fn http_refresh(&mut self, from: &Endpoint, said: HttpSaid) -> HttpRefreshed {
        let Some(http) = &mut self.http else {
            return HttpRefreshed::NoMember;
        };
        let pairs = &mut http.pairs;
        let refreshed = match from {
            Endpoint::V4(at) => http.v4.refresh(&mut http.v6, pairs, *at, said),
            Endpoint::V6(at) => http.v6.refresh(&mut http.v4, pairs, *at, said),
        };
        match refreshed {
            Ok(is_download) => {
                self.downloaded = self.downloaded.saturating_add(u32::from(is_download));
                HttpRefreshed::Noted
            }
            Err(why) => why,
        }
    }

    /// Makes somebody a member, or notes what it says if it is one: then `owner` is not kept. With a group of its address there may be
    /// no more than so many of it here.
    pub fn http_join(
        &mut self,
        from: &Endpoint,
        said: HttpSaid,
        (owner, group): (Owner, Option<(Group, usize)>),
    ) -> HttpJoined {
        if self.http_refresh(from, said) != HttpRefreshed::NoMember {
            return HttpJoined::Before;
        }
        let http = self.http.get_or_insert_default();
        let (group, most) = group.unwrap_or_else(|| (Group::of_endpoint(from), usize::MAX));
        let held = match from {
            Endpoint::V4(_) => http.v4.list.count(group),
            Endpoint::V6(_) => http.v6.list.count(group),
        };
        let joined = (held < most).then(|| {
            let pairs = &mut http.pairs;
            match from {
                Endpoint::V4(at) => http.v4.join(&mut http.v6, pairs, *at, (said, owner, group)),
                Endpoint::V6(at) => http.v6.join(&mut http.v4, pairs, *at, (said, owner, group)),
            }
        });
        if http.is_empty() {
            self.http = None;
        }
        let Some(is_download) = joined else {
            return HttpJoined::Full;
        };
        self.downloaded = self.downloaded.saturating_add(u32::from(is_download));
        HttpJoined::New
    }

    /// Whether there is a member that was begun with another key than this.
    #[must_use]
    pub fn http_has_other_key(&self, from: &Endpoint, key: Option<ClientKey>) -> bool {
        let known = self.http.as_ref().and_then(|http| match from {
            Endpoint::V4(at) => http.v4.key(at),
            Endpoint::V6(at) => http.v6.key(at),
        });
        known.is_some() && known != key
    }

    /// Removes a member, and gives its owner. Nothing happens if it is none, is known by another id now, or was begun with another
    /// key.
    pub fn http_leave(
        &mut self,
        from: &Endpoint,
        peer_id: PeerId,
        key: Option<ClientKey>,
    ) -> Option<Owner> {
        let http = self.http.as_mut()?;
        let (pairs, who) = (&mut http.pairs, (peer_id, key));
        let left = match from {
            Endpoint::V4(at) => http.v4.leave(&mut http.v6, pairs, *at, who),
            Endpoint::V6(at) => http.v6.leave(&mut http.v4, pairs, *at, who),
        };
        if http.is_empty() {
            self.http = None;
        }
        left
    }

    /// Chooses up to `wanted` others of each kind of address at random and independently each time, by address group first. A
    /// seeder gets leechers first. Nobody is told of itself, with whatever address.
    pub fn http_peers(
        &mut self,
        from: &Endpoint,
        who: (PeerId, Option<ClientKey>),
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
        let seeds =
            own4.is_some_and(|at| http.v4.seeds(at)) || own6.is_some_and(|at| http.v6.seeds(at));
        Peers {
            v4: http.v4.choose((own4, who), seeds, wanted, rng),
            v6: http.v6.choose((own6, who), seeds, wanted, rng),
        }
    }

    /// All who announce over HTTP with their roles, for recounts and views.
    pub fn http_members(&self) -> impl Iterator<Item = (Endpoint, Role)> + '_ {
        let families = self.http.iter().map(|http| (&http.v4, &http.v6));
        families.flat_map(|(v4, v6)| {
            let v4 = v4.iter().map(|(key, role)| (Endpoint::V4(*key), role));
            v4.chain(v6.iter().map(|(key, role)| (Endpoint::V6(*key), role)))
        })
    }

    /// How many clients are members with an address of each kind, as seeders and as leechers.
    #[must_use]
    pub fn http_pairs(&self) -> (usize, usize) {
        let pairs = self
            .http
            .as_ref()
            .map(|http| http.pairs)
            .unwrap_or_default();
        (pairs.seeders as usize, pairs.leechers as usize)
    }

    /// Goes through those who announce over HTTP from the place `from` until `budget` is used up; `Some` is where to go on.
    pub(super) fn expire_http(
        &mut self,
        from: usize,
        budget: &mut usize,
        oldest: u32,
        gone: &mut Vec<Owner>,
    ) -> Option<usize> {
        let http = self.http.as_mut()?;
        let mut walk = Walk {
            to_skip: from,
            passed: 0,
            budget,
            oldest,
            gone,
        };
        let pairs = &mut http.pairs;
        let is_through = walk.go_through(&mut http.v4, &mut http.v6, pairs)
            && walk.go_through(&mut http.v6, &mut http.v4, pairs);
        let next = (!is_through).then_some(walk.passed);
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

    /// The member at one of [`Self::len`] places, in the order in which expired ones are searched.
    pub(super) fn shown_at(&self, place: usize) -> Option<Shown> {
        let (at, state, role) = if let Some((key, state, role)) = self.v4.at(place) {
            (Endpoint::V4(*key), state, role)
        } else {
            let (key, state, role) = self.v6.at(place.checked_sub(self.v4.len())?)?;
            (Endpoint::V6(*key), state, role)
        };
        let heard = state.heard.second();
        Some(Shown {
            peer_id: state.peer_id,
            role,
            way: Way::Http { at, heard },
        })
    }

    /// A client with an address of each kind counts once.
    pub(super) fn added_to(&self, counts: Counts) -> Counts {
        let more = |one: usize, other: usize, twice: u32| {
            let members = u32::try_from(one + other).unwrap_or(u32::MAX);
            members.saturating_sub(twice)
        };
        let (v4, v6) = (&self.v4.list, &self.v6.list);
        let seeders = more(v4.seeders(), v6.seeders(), self.pairs.seeders);
        let leechers = more(v4.leechers(), v6.leechers(), self.pairs.leechers);
        Counts {
            complete: counts.complete.saturating_add(seeders),
            incomplete: counts.incomplete.saturating_add(leechers),
            ..counts
        }
    }

    /// Whether the indexes and the pairs are what a recount gives. For tests.
    pub(super) fn agrees(&self) -> bool {
        let mut pairs = Pairs::default();
        let mut is_right = true;
        for (client, at) in self.v4.clients.iter() {
            if let Some(other) = self.v6.clients.get(client) {
                let roles = (self.v4.role(&at), self.v6.role(&other));
                is_right &= roles.0 == roles.1;
                *pairs.of(roles.0.unwrap_or(Role::Leecher)) += 1;
            }
        }
        is_right && pairs == self.pairs && self.v4.agrees() && self.v6.agrees()
    }
}
