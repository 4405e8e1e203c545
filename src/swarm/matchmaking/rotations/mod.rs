//! Remembers a few members of a large swarm that announced lately, so that they need not wait to be found by chance: those
//! that seek introductions, and those of each site. Each is taken in turn. What a swarm that has shrunk does not need is freed.

mod rotation;

use super::{ALL_LOOKED_AT_MAX, IntroductionRecord};
use crate::swarm::SiteId;
use crate::swarm::group_index::to_u32;
use crate::swarm::websocket_members::WebSocketMembers;
use rotation::{GROWTH, Rotation};

/// Members that are remembered in one rotation; the oldest is dropped.
const LENGTH_MAX: usize = 64;
/// Sites of one swarm that are remembered; the oldest is dropped.
const SITES_MAX: usize = 256;
/// Members of one address that are remembered of those that seek: one address is one voice.
const SEEKING_OF_ADDRESS: usize = 1;
/// Members of one address that are remembered of a site, which often has a single one.
const SITE_OF_ADDRESS: usize = 8;
/// A member with fewer answered introductions and those under way seeks more: 15 % of them fail, and five are wanted.
const SEEKING_BELOW: u8 = 8;
/// A member that left more offers unanswered in a row seeks nothing.
const SEEKING_MISSED_MAX: u8 = 3;
/// A swarm of at most so many members needs no rotations. Far below the size that makes them, so that a swarm of about that size
/// does not make them again and again.
const UNUSED_MEMBERS: usize = ALL_LOOKED_AT_MAX / 2;
/// Memory is freed when it is so many times as much as the swarm may use, for the same reason.
const EXCESS: usize = 2;

/// The rotations of one swarm.
#[derive(Debug, Default)]
pub(in crate::swarm) struct Rotations {
    seeking: Rotation,
    sites: Vec<(SiteId, Rotation)>,
}

impl Rotations {
    /// Remembers the member at a position, which has just announced.
    pub(in crate::swarm) fn record(&mut self, members: &WebSocketMembers, position: usize) {
        let Some(record) = members.record_at(position) else {
            return;
        };
        let position = to_u32(position);
        if seeks(record) && !self.seeking.contains(position) {
            let most = (SEEKING_OF_ADDRESS, seeking_max(members.len()));
            self.seeking
                .push(position, most, has_group_of(members, position));
        }
        if let Some(site) = record.site() {
            self.record_of_site(members, site, position);
        }
    }

    fn record_of_site(&mut self, members: &WebSocketMembers, site: SiteId, position: u32) {
        let known = self.sites.iter().position(|(known, _)| *known == site);
        if known.is_none() {
            if self.sites.len() >= SITES_MAX {
                self.sites.remove(0);
            }
            self.sites.push((site, Rotation::default()));
        }
        let place = known.unwrap_or(self.sites.len() - 1);
        if let Some((_, rotation)) = self.sites.get_mut(place)
            && !rotation.contains(position)
        {
            let most = (SITE_OF_ADDRESS, LENGTH_MAX);
            rotation.push(position, most, has_group_of(members, position));
        }
    }

    /// Calls `add` with the positions of up to `wanted` members that seek introductions.
    pub(in crate::swarm::matchmaking) fn take_seeking(
        &mut self,
        members: &WebSocketMembers,
        wanted: usize,
        add: impl FnMut(u32),
    ) {
        self.seeking
            .take(wanted, |position| is_seeking(members, position), add);
    }

    /// Calls `add` with the positions of up to `wanted` members of a site.
    pub(in crate::swarm::matchmaking) fn take_of_site(
        &mut self,
        members: &WebSocketMembers,
        (site, wanted): (SiteId, usize),
        add: impl FnMut(u32),
    ) {
        let rotation = self.sites.iter_mut().find(|(known, _)| *known == site);
        if let Some((_, rotation)) = rotation {
            rotation.take(wanted, |position| is_of_site(members, position, site), add);
        }
    }

    /// Frees what a swarm that has shrunk no longer needs. Returns false if it needs none of it.
    pub(in crate::swarm) fn release_memory(&mut self, members: &WebSocketMembers) -> bool {
        let is_needed = members.len() > UNUSED_MEMBERS;
        let most = if is_needed {
            seeking_max(members.len())
        } else {
            0
        };
        if self.seeking.capacity() > EXCESS * most + GROWTH {
            self.seeking
                .shorten(most, |position| is_seeking(members, position));
        }
        // Each member is in one at most. The others have left.
        let rotations = self.sites.iter();
        let of_sites: usize = rotations.map(|(_, rotation)| rotation.capacity()).sum();
        if of_sites > EXCESS * members.len() {
            self.sites.retain_mut(|(site, rotation)| {
                rotation.shorten(LENGTH_MAX, |position| is_of_site(members, position, *site));
                !rotation.is_empty()
            });
            self.sites.shrink_to_fit();
        }
        is_needed
    }
}

#[cfg(test)]
impl Rotations {
    /// Returns the bytes in use, without what the allocator adds.
    pub(in crate::swarm::matchmaking) fn bytes(&self) -> usize {
        let of_sites = self.sites.iter().map(|(_, rotation)| rotation.capacity());
        let positions = self.seeking.capacity() + of_sites.sum::<usize>();
        let sites = self.sites.capacity() * size_of::<(SiteId, Rotation)>();
        size_of::<Self>() + sites + positions * size_of::<u32>()
    }
}

/// Returns how many members that seek are remembered in a swarm of that size.
fn seeking_max(members: usize) -> usize {
    members.min(LENGTH_MAX)
}

/// Returns whether a member has few introductions.
fn seeks(record: &IntroductionRecord) -> bool {
    record.answered() + record.under_way() < SEEKING_BELOW && record.missed() <= SEEKING_MISSED_MAX
}

fn is_seeking(members: &WebSocketMembers, position: u32) -> bool {
    members.record_at(position as usize).is_some_and(seeks)
}

fn is_of_site(members: &WebSocketMembers, position: u32, site: SiteId) -> bool {
    let record = members.record_at(position as usize);
    record.is_some_and(|record| record.site() == Some(site))
}

/// Returns whether a member is of the address group of the one at `position`. Most members have no other one.
fn has_group_of(members: &WebSocketMembers, position: u32) -> impl Fn(u32) -> bool {
    let group = members.group_at(position as usize);
    let has_company = members.has_company(position as usize);
    move |other| has_company && members.group_at(other as usize) == group
}

#[cfg(test)]
mod tests;
