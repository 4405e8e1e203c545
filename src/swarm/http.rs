//! The members of a swarm who announce over HTTP. They have an address to connect to instead of a connection to us, so they are
//! told of each other and never given an offer; with the others they share nothing but the counts.

use std::hash::RandomState;
use std::num::NonZeroU64;

use indexmap::IndexMap;
use rand::Rng;

use super::members::Heard;
use super::selection::Shuffled;
use super::{Claim, Joined, Role, Shown, Swarm, Way};
use crate::protocol::http::{Endpoint, Peers};
use crate::protocol::{Counts, PeerId};

/// Whom the caller counts a member for. It is kept with the member and handed back when that is gone; nothing here knows
/// what it means.
pub type Owner = Option<NonZeroU64>;

/// What an announce over HTTP says about its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpSaid {
    /// Its id, of which it may have another each time.
    pub peer_id: PeerId,
    /// What it lacks.
    pub claim: Claim,
    /// Whether its download is complete just now.
    pub completed: bool,
    /// Second of the announce.
    pub at: u32,
}

/// A member is its address and port, so nobody can speak for another one. Each kind of address has lists of its own, as it has in
/// replies.
#[derive(Debug, Default)]
pub(super) struct HttpMembers {
    v4: Family<6>,
    v6: Family<18>,
}

#[derive(Debug, Default)]
struct Family<const N: usize> {
    leechers: List<N>,
    seeders: List<N>,
}

/// By address and port. The hash has a key, as a client may choose among many of both.
type List<const N: usize> = IndexMap<[u8; N], State, RandomState>;

/// Small, as there is one for each member.
#[derive(Debug, Clone, Copy)]
struct State {
    owner: Owner,
    peer_id: PeerId,
    heard: Heard,
}

const _: () = assert!(size_of::<State>() == 32);

impl Swarm {
    /// Notes what a member says. False if it is none.
    pub fn http_refresh(&mut self, from: &Endpoint, said: HttpSaid) -> bool {
        let refreshed = self.http.as_mut().and_then(|http| match from {
            Endpoint::V4(key) => http.v4.refresh(key, said),
            Endpoint::V6(key) => http.v6.refresh(key, said),
        });
        self.downloaded = self
            .downloaded
            .saturating_add(u32::from(refreshed == Some(true)));
        refreshed.is_some()
    }

    /// Makes somebody a member, or notes what it says if it is one: then `owner` is not kept.
    pub fn http_join(&mut self, from: &Endpoint, said: HttpSaid, owner: Owner) -> Joined {
        if self.http_refresh(from, said) {
            return Joined::Before;
        }
        let mut state = State {
            owner,
            peer_id: said.peer_id,
            heard: Heard::default(),
        };
        let is_download = state.hear(said);
        let role = said.role().unwrap_or(Role::Leecher);
        let http = self.http.get_or_insert_default();
        match from {
            Endpoint::V4(key) => http.v4.list(role).insert(*key, state),
            Endpoint::V6(key) => http.v6.list(role).insert(*key, state),
        };
        self.downloaded = self.downloaded.saturating_add(u32::from(is_download));
        Joined::New
    }

    /// Removes a member, and gives its owner. Nothing happens if it is none, or known by another id now.
    pub fn http_leave(&mut self, from: &Endpoint, peer_id: PeerId) -> Option<Owner> {
        let http = self.http.as_mut()?;
        let left = match from {
            Endpoint::V4(key) => http.v4.leave(key, peer_id),
            Endpoint::V6(key) => http.v6.leave(key, peer_id),
        };
        if http.is_empty() {
            self.http = None;
        }
        left
    }

    /// Chooses up to `wanted` others of each kind of address, uniformly at random and independently each time. A seeder gets
    /// leechers first.
    pub fn http_peers(&self, from: &Endpoint, wanted: usize, rng: &mut impl Rng) -> Peers {
        let Some(http) = &self.http else {
            return Peers::default();
        };
        let (own4, own6) = match from {
            Endpoint::V4(key) => (Some(key), None),
            Endpoint::V6(key) => (None, Some(key)),
        };
        let seeds = own4.is_some_and(|key| http.v4.seeders.contains_key(key))
            || own6.is_some_and(|key| http.v6.seeders.contains_key(key));
        Peers {
            v4: http.v4.choose(own4, seeds, wanted, rng),
            v6: http.v6.choose(own6, seeds, wanted, rng),
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
        let is_through = walk.go_through(&mut http.v4.leechers)
            && walk.go_through(&mut http.v4.seeders)
            && walk.go_through(&mut http.v6.leechers)
            && walk.go_through(&mut http.v6.seeders);
        let next = (!is_through).then_some(walk.passed);
        if http.is_empty() {
            self.http = None;
        }
        next
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

    pub(super) fn added_to(&self, counts: Counts) -> Counts {
        let more = |one: usize, other: usize| u32::try_from(one + other).unwrap_or(u32::MAX);
        let seeders = more(self.v4.seeders.len(), self.v6.seeders.len());
        let leechers = more(self.v4.leechers.len(), self.v6.leechers.len());
        Counts {
            complete: counts.complete.saturating_add(seeders),
            incomplete: counts.incomplete.saturating_add(leechers),
            ..counts
        }
    }
}

impl<const N: usize> Family<N> {
    fn len(&self) -> usize {
        self.leechers.len() + self.seeders.len()
    }

    /// The member at a place: leechers come before seeders.
    fn at(&self, place: usize) -> Option<(&[u8; N], &State, Role)> {
        if let Some((key, state)) = self.leechers.get_index(place) {
            return Some((key, state, Role::Leecher));
        }
        let place = place.checked_sub(self.leechers.len())?;
        let (key, state) = self.seeders.get_index(place)?;
        Some((key, state, Role::Seeder))
    }

    fn list(&mut self, role: Role) -> &mut List<N> {
        match role {
            Role::Leecher => &mut self.leechers,
            Role::Seeder => &mut self.seeders,
        }
    }

    fn role(&self, key: &[u8; N]) -> Option<Role> {
        let is_seeder = self.seeders.contains_key(key);
        let is_known = is_seeder || self.leechers.contains_key(key);
        let role = if is_seeder {
            Role::Seeder
        } else {
            Role::Leecher
        };
        is_known.then_some(role)
    }

    /// Whether its download is complete for the first time; `None` for no member.
    fn refresh(&mut self, key: &[u8; N], said: HttpSaid) -> Option<bool> {
        let before = self.role(key)?;
        let role = said.role().unwrap_or(before);
        if role != before {
            let state = self.list(before).swap_remove(key)?;
            self.list(role).insert(*key, state);
        }
        self.list(role).get_mut(key).map(|state| state.hear(said))
    }

    fn leave(&mut self, key: &[u8; N], peer_id: PeerId) -> Option<Owner> {
        let role = self.role(key)?;
        let list = self.list(role);
        list.get(key).filter(|state| state.peer_id == peer_id)?;
        list.swap_remove(key).map(|state| state.owner)
    }

    fn choose(
        &self,
        own: Option<&[u8; N]>,
        seeds: bool,
        wanted: usize,
        rng: &mut impl Rng,
    ) -> Vec<([u8; N], PeerId)> {
        let (leechers, all) = (self.leechers.len(), self.len());
        let mut chosen = Vec::with_capacity(wanted.min(all));
        let ranges = if seeds {
            [0..leechers, leechers..all]
        } else {
            [0..all, all..all]
        };
        for places in ranges {
            let mut shuffled = Shuffled::new(places);
            while chosen.len() < wanted
                && let Some(place) = shuffled.next(rng)
            {
                let found = self.at(place).filter(|(key, ..)| Some(*key) != own);
                chosen.extend(found.map(|(key, state, _)| (*key, state.peer_id)));
            }
        }
        chosen
    }

    fn iter(&self) -> impl Iterator<Item = (&[u8; N], Role)> {
        let leechers = self.leechers.keys().map(|key| (key, Role::Leecher));
        leechers.chain(self.seeders.keys().map(|key| (key, Role::Seeder)))
    }
}

impl State {
    /// True if its download is complete for the first time.
    fn hear(&mut self, said: HttpSaid) -> bool {
        self.peer_id = said.peer_id;
        self.heard.hear(said.at);
        let is_first = said.completed && !self.heard.is(Heard::COMPLETED);
        if is_first {
            self.heard.set(Heard::COMPLETED, true);
        }
        is_first
    }
}

/// A look at a bounded number of members for those that have expired.
struct Walk<'w> {
    /// How many places the last look has passed already.
    to_skip: usize,
    /// How many are passed now.
    passed: usize,
    budget: &'w mut usize,
    oldest: u32,
    gone: &'w mut Vec<Owner>,
}

impl Walk<'_> {
    /// False if it has to end before the list does.
    fn go_through<const N: usize>(&mut self, list: &mut List<N>) -> bool {
        let mut place = self.to_skip.min(list.len());
        self.to_skip -= place;
        while let Some((_, state)) = list.get_index(place) {
            if *self.budget == 0 {
                self.passed += place;
                return false;
            }
            *self.budget -= 1;
            if state.heard.second() < self.oldest {
                self.gone.push(state.owner);
                list.swap_remove_index(place);
            } else {
                place += 1;
            }
        }
        self.passed += place;
        if list.capacity() > 4 * list.len() {
            list.shrink_to(2 * list.len());
        }
        true
    }
}
