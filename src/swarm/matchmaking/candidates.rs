//! Collects the candidates for the offers of an announce: all members of a small swarm, a random part of a large one, and
//! those that need introductions most.

use rand::Rng;
use smallvec::SmallVec;

use super::rotation::Rotations;
use super::sender::Sender;
use crate::swarm::Role;
use crate::swarm::member_list::RoleFilter;
use crate::swarm::websocket_members::WebSocketMembers;

/// Candidates that are looked at for each announce. Twice as many find no better receivers, half as many do worse.
const LOOKED_AT: usize = 32;
/// Members of a swarm in which all are candidates, the sender included.
pub(in crate::swarm) const ALL_LOOKED_AT_MAX: usize = LOOKED_AT + 1;
/// Newcomers that a large swarm adds, so that they need not wait to be found.
const SEEKING: usize = 2;
/// Seeders that a large swarm adds for a leecher that has met fewer than two.
const SEEDERS: usize = 2;
/// Members of the sender's site that a large swarm adds.
const SAME_SITE: usize = 8;

/// Positions of members, each once.
pub(super) type Positions = SmallVec<[u32; 48]>;

/// Returns the positions of the candidates for `wanted` offers of the member at a position, itself included.
pub(super) fn collect(
    members: &mut WebSocketMembers,
    (sender, wanted): (&Sender, usize),
    rotations: Option<&mut Rotations>,
    rng: &mut impl Rng,
) -> Positions {
    let looked_at = LOOKED_AT.max(wanted);
    let mut found = Positions::new();
    if members.len() <= looked_at + 1 {
        found.extend(0..to_u32(members.len()));
        return found;
    }
    match sender.role {
        Role::Seeder => {
            members.sample(RoleFilter::Leechers, looked_at, rng, |position| {
                found.push(position);
            });
            let left = looked_at.saturating_sub(found.len());
            members.sample(RoleFilter::Seeders, left, rng, |position| {
                found.push(position);
            });
        }
        Role::Leecher => {
            members.sample(RoleFilter::All, looked_at, rng, |position| {
                found.push(position);
            });
        }
    }
    let mut add = |position| {
        if !found.contains(&position) {
            found.push(position);
        }
    };
    if sender.wants_seeders() {
        members.sample(RoleFilter::Seeders, SEEDERS, rng, &mut add);
    }
    if let Some(rotations) = rotations {
        rotations.take_seeking(members, SEEKING, &mut add);
        if let Some(site) = sender.site() {
            rotations.take_of_site(members, (site, SAME_SITE), &mut add);
        }
    }
    if sender.prefers_own_group() {
        members.sample_group(sender.group, rng, &mut add);
    }
    found
}

pub(super) fn to_u32(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}
