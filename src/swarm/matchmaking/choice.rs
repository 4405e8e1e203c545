//! Chooses the receivers of the offers of an announce among the candidates, and begins their introductions.

use rand::Rng;

use super::candidates::collect;
use super::introduction::MatchClock;
use super::queue::{Noise, Queue};
use super::rotations::Rotations;
use super::sender::{ReceiverMemory, Sender};
use crate::swarm::receiver_quota::ReceiverQuotaExhausted;
use crate::swarm::websocket_members::WebSocketMembers;
use crate::swarm::{ChosenReceivers, Member, MemberPosition, OfferTerms, RemoteSender};

/// What the choice of receivers met, for the statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MatchTally {
    /// Candidates that were passed over because their own offer to the sender was under way.
    pub crossing: u32,
    /// Offers to members that are acquainted with the sender.
    pub acquainted: u32,
    /// Offers to members that left at least two offers in a row unanswered.
    pub silent: u32,
}

/// Chooses receivers for `wanted` offers of the member at a position, other than those of its `repeated` offers.
pub(in crate::swarm) fn choose(
    members: &mut WebSocketMembers,
    rotations: Option<&mut Rotations>,
    (from, wanted, repeated): (usize, usize, &[MemberPosition]),
    terms: OfferTerms,
    rng: &mut impl Rng,
) -> ChosenReceivers {
    let mut chosen = ChosenReceivers::default();
    if wanted == 0 {
        return chosen;
    }
    let clock = MatchClock::new(terms.now, members.patience);
    members.settle_at(from, clock);
    let (Some((member, role)), Some(group), Some(record)) = (
        members.member_at(from),
        members.group_at(from),
        members.record_at(from),
    ) else {
        return chosen;
    };
    let sender = Sender::new(
        (member.peer_id, role, group),
        record,
        members.len(),
        (terms.nearest, clock),
    );
    let mut queue = Queue::new(wanted, rng);
    collect(members, (&sender, wanted), rotations, (&mut queue, rng));
    let limits = (member, repeated);
    chosen.tally.crossing = set_costs(members, (&sender, limits), &mut queue, rng);
    while chosen.receivers.len() < wanted
        && let Some(index) = queue.lowest()
    {
        take(members, &sender, (&mut queue, index), &terms, &mut chosen);
    }
    members.begin_given(from, &queue.introduced, (clock, terms.now));
    chosen
}

/// Chooses receivers for `wanted` offers of a member of another node. Neither side remembers the introduction.
pub(in crate::swarm) fn choose_for_remote(
    members: &mut WebSocketMembers,
    rotations: Option<&mut Rotations>,
    (from, wanted): (RemoteSender, usize),
    terms: OfferTerms,
    rng: &mut impl Rng,
) -> ChosenReceivers {
    let mut chosen = ChosenReceivers::default();
    let clock = MatchClock::new(terms.now, members.patience);
    let sender = Sender::remote(from, clock);
    let mut queue = Queue::new(wanted, rng);
    collect(members, (&sender, wanted), rotations, (&mut queue, rng));
    let limits = (from.as_member(), [].as_slice());
    set_costs(members, (&sender, limits), &mut queue, rng);
    while chosen.receivers.len() < wanted
        && let Some(index) = queue.lowest()
    {
        charge(members, (&mut queue, index), &terms, &mut chosen);
    }
    chosen
}

/// Makes those in the queue candidates that may receive offers. Returns the number of those whose own offer would cross.
#[inline]
fn set_costs(
    members: &mut WebSocketMembers,
    (sender, (member, repeated)): (&Sender, (Member, &[MemberPosition])),
    queue: &mut Queue,
    rng: &mut impl Rng,
) -> u32 {
    let (mut noise, mut crossing) = (Noise::default(), 0);
    for entry in &mut queue.entries {
        let position = entry.position as usize;
        if !repeated.is_empty() && repeated.contains(&MemberPosition(position)) {
            continue;
        }
        let Some(candidate) = members.candidate_at(position, member, sender.clock()) else {
            continue;
        };
        match sender.cost(&candidate) {
            Some(cost) => entry.set(&candidate, cost, noise.next(rng)),
            None => crossing += 1,
        }
    }
    queue.end_spent_bonuses();
    crossing
}

/// Gives an offer to a candidate, unless it may not have one or others are better after all.
#[inline]
fn take(
    members: &mut WebSocketMembers,
    sender: &Sender,
    (queue, index): (&mut Queue, usize),
    terms: &OfferTerms,
    chosen: &mut ChosenReceivers,
) {
    let Some(&entry) = queue.entries.get(index) else {
        return;
    };
    let position = entry.position as usize;
    let memory = members
        .record_at(position)
        .map(|record| sender.memory_of(record));
    match memory {
        Some(ReceiverMemory::OwnOffer) => {
            chosen.tally.crossing += 1;
            return queue.remove(index);
        }
        Some(ReceiverMemory::Acquainted(cost)) if !entry.is_acquainted => {
            return queue.delay(index, cost);
        }
        _ => {}
    }
    if charge(members, (queue, index), terms, chosen) && !entry.is_wrong_way {
        let time = (sender.clock(), terms.now);
        queue
            .introduced
            .extend(members.begin_received(position, sender.serial(), time));
    }
}

/// Gives an offer to a candidate if its quota allows one more. Returns whether it does.
#[inline]
fn charge(
    members: &mut WebSocketMembers,
    (queue, index): (&mut Queue, usize),
    terms: &OfferTerms,
    chosen: &mut ChosenReceivers,
) -> bool {
    let Some(&entry) = queue.entries.get(index) else {
        return false;
    };
    let position = entry.position as usize;
    match members.charge_at(position, terms) {
        Ok(receiver) => {
            chosen.tally.acquainted += u32::from(entry.is_acquainted);
            chosen.tally.silent += u32::from(entry.is_silent);
            chosen.receivers.push((receiver, MemberPosition(position)));
            queue.remove_chosen(index);
            if members.has_company(position) {
                let group = members.group_at(position);
                queue.delay_group(|mate| members.group_at(mate) == group);
            }
            true
        }
        Err(exhausted) => {
            match exhausted {
                ReceiverQuotaExhausted::Total => chosen.over_quota += 1,
                ReceiverQuotaExhausted::Unreserved => chosen.over_unreserved_quota += 1,
            }
            queue.remove(index);
            false
        }
    }
}
