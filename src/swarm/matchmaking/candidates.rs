//! Collects the candidates for the offers of an announce: all members of a small swarm, a random part of a large one, and
//! those that need introductions most.

use rand::Rng;

use super::queue::Queue;
use super::rotations::Rotations;
use super::sender::Sender;
use crate::swarm::Role;
use crate::swarm::group_index::to_u32;
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

/// Adds the candidates for `wanted` offers to the queue, each once, the sender itself included.
pub(super) fn collect(
    members: &mut WebSocketMembers,
    (sender, wanted): (&Sender, usize),
    rotations: Option<&mut Rotations>,
    (queue, rng): (&mut Queue, &mut impl Rng),
) {
    let looked_at = LOOKED_AT.max(wanted);
    if members.len() <= looked_at + 1 {
        return (0..to_u32(members.len())).for_each(|position| queue.add(position));
    }
    match sender.role {
        Role::Seeder => {
            let mut left = looked_at;
            members.sample(RoleFilter::Leechers, looked_at, rng, |position| {
                queue.add(position);
                left -= 1;
            });
            members.sample(RoleFilter::Seeders, left, rng, |position| {
                queue.add(position);
            });
        }
        Role::Leecher => {
            members.sample(RoleFilter::All, looked_at, rng, |position| {
                queue.add(position);
            });
        }
    }
    let mut add = |position| queue.add_once(position);
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
}
