//! Remembers a few members of a large swarm that announced lately, so that they need not wait to be found by chance: those
//! that seek introductions, and those of each site. Each is taken in turn.

use std::collections::VecDeque;

use crate::swarm::group_index::to_u32;
use crate::swarm::websocket_members::WebSocketMembers;
use crate::swarm::{AddressGroup, Member, SiteId};

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
/// Entries that are looked at for each one that is taken.
const TRIES_PER_MEMBER: usize = 4;

/// The rotations of one swarm.
#[derive(Debug, Default)]
pub(in crate::swarm) struct Rotations {
    seeking: Rotation,
    sites: Vec<(SiteId, Rotation)>,
}

#[derive(Debug, Default)]
struct Rotation(VecDeque<Entry>);

#[derive(Debug, Clone, Copy)]
struct Entry {
    member: Member,
    group: AddressGroup,
    /// Where the member was last.
    position: u32,
}

impl Rotations {
    /// Remembers the member at a position, which has just announced.
    pub(in crate::swarm) fn record(&mut self, members: &mut WebSocketMembers, position: usize) {
        let (Some((member, _)), Some(group), Some(record)) = (
            members.member_at(position),
            members.group_at(position),
            members.record_at(position),
        ) else {
            return;
        };
        let entry = Entry {
            member,
            group,
            position: to_u32(position),
        };
        let (site, is_in) = (record.site(), record.is_in_rotation());
        if !is_in && is_seeking(members, position) {
            if let Some(dropped) = self.seeking.push(entry, SEEKING_OF_ADDRESS) {
                mark(members, &dropped, false);
            }
            mark(members, &entry, true);
        }
        let Some(site) = site else { return };
        if let Some((_, rotation)) = self.sites.iter_mut().find(|(known, _)| *known == site) {
            rotation.push(entry, SITE_OF_ADDRESS);
        } else {
            if self.sites.len() >= SITES_MAX {
                self.sites.remove(0);
            }
            let rotation = Rotation(VecDeque::from([entry]));
            self.sites.push((site, rotation));
        }
    }

    /// Calls `add` with the positions of up to `wanted` members that seek introductions.
    pub(super) fn take_seeking(
        &mut self,
        members: &mut WebSocketMembers,
        wanted: usize,
        add: impl FnMut(u32),
    ) {
        self.seeking.take(members, wanted, is_seeking, add);
    }

    /// Calls `add` with the positions of up to `wanted` members of a site.
    pub(super) fn take_of_site(
        &mut self,
        members: &mut WebSocketMembers,
        (site, wanted): (SiteId, usize),
        add: impl FnMut(u32),
    ) {
        let rotation = self.sites.iter_mut().find(|(known, _)| *known == site);
        if let Some((_, rotation)) = rotation {
            rotation.take(members, wanted, |_, _| true, add);
        }
    }
}

/// Returns whether the member at a position has few introductions.
fn is_seeking(members: &WebSocketMembers, position: usize) -> bool {
    members.record_at(position).is_some_and(|record| {
        record.answered() + record.under_way() < SEEKING_BELOW
            && record.missed() <= SEEKING_MISSED_MAX
    })
}

/// Stores with a member whether it is in the rotation of those that seek introductions.
fn mark(members: &mut WebSocketMembers, entry: &Entry, is_in: bool) {
    let position = members.find_position(entry.member, entry.position as usize);
    if let Some(record) = position.and_then(|position| members.record_at_mut(position)) {
        record.set_in_rotation(is_in);
    }
}

impl Rotation {
    /// Adds an entry in place of an older one of the member. Of one address group only the latest stay, `mates_max` of them.
    /// Returns an entry that was dropped for it.
    fn push(&mut self, entry: Entry, mates_max: usize) -> Option<Entry> {
        let mut mates = 0;
        let (mut oldest_mate, mut itself) = (None, None);
        for (place, known) in self.0.iter().enumerate() {
            if known.group == entry.group {
                mates += 1;
                oldest_mate = oldest_mate.or(Some(place));
                if known.member == entry.member {
                    itself = Some(place);
                }
            }
        }
        let dropped = match itself.or(oldest_mate.filter(|_| mates >= mates_max)) {
            Some(place) => self.0.remove(place),
            None if self.0.len() >= LENGTH_MAX => self.0.pop_front(),
            None => None,
        };
        self.0.push_back(entry);
        dropped
    }

    /// Moves members that `may_stay` to the end, and drops the others on the way.
    fn take(
        &mut self,
        members: &mut WebSocketMembers,
        wanted: usize,
        may_stay: impl Fn(&WebSocketMembers, usize) -> bool,
        mut add: impl FnMut(u32),
    ) {
        let mut taken = 0;
        for _ in 0..self.0.len().min(TRIES_PER_MEMBER * wanted) {
            let Some(mut entry) = self.0.pop_front() else {
                return;
            };
            let position = members.find_position(entry.member, entry.position as usize);
            let Some(position) = position.filter(|position| may_stay(members, *position)) else {
                mark(members, &entry, false);
                continue;
            };
            entry.position = to_u32(position);
            self.0.push_back(entry);
            add(entry.position);
            taken += 1;
            if taken == wanted {
                return;
            }
        }
    }
}
