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
    if wanted == 0 {
        return ChosenReceivers::default();
    }
    let clock = MatchClock::new(terms.now, members.patience);
    members.settle_at(from, clock);
    let (Some((member, role)), Some(group), Some(record)) = (
        members.member_at(from),
        members.group_at(from),
        members.record_at(from),
    ) else {
        return ChosenReceivers::default();
    };
    let sender = Sender::new(
        (member.peer_id, role, group),
        record,
        members.len(),
        (terms.nearest, clock),
    );
    let sender = (&sender, member, Some(from));
    choose_for(
        (members, rotations),
        sender,
        (wanted, repeated),
        &terms,
        rng,
    )
}

/// Chooses receivers for `wanted` offers of a member of another node. Neither side remembers the introduction.
pub(in crate::swarm) fn choose_for_remote(
    members: &mut WebSocketMembers,
    rotations: Option<&mut Rotations>,
    (from, wanted): (RemoteSender, usize),
    terms: OfferTerms,
    rng: &mut impl Rng,
) -> ChosenReceivers {
    let clock = MatchClock::new(terms.now, members.patience);
    let sender = Sender::remote(from, clock);
    let sender = (&sender, from.as_member(), None);
    choose_for((members, rotations), sender, (wanted, &[]), &terms, rng)
}

/// Chooses receivers for a sender; `from` is its position if it is a member here.
fn choose_for(
    (members, rotations): (&mut WebSocketMembers, Option<&mut Rotations>),
    (sender, member, from): (&Sender, Member, Option<usize>),
    (wanted, repeated): (usize, &[MemberPosition]),
    terms: &OfferTerms,
    rng: &mut impl Rng,
) -> ChosenReceivers {
    let (mut chosen, clock) = (ChosenReceivers::default(), sender.clock());
    let mut queue = Queue::new(wanted, rng);
    collect(members, (sender, wanted), rotations, (&mut queue, rng));
    let mut noise = Noise::default();
    for entry in &mut queue.entries {
        let position = entry.position as usize;
        if !repeated.is_empty() && repeated.contains(&MemberPosition(position)) {
            continue;
        }
        let Some(candidate) = members.candidate_at(position, member, clock) else {
            continue;
        };
        match sender.cost(&candidate) {
            Some(cost) => entry.set(&candidate, cost, noise.next(rng)),
            None => chosen.tally.crossing += 1,
        }
    }
    queue.end_spent_bonuses();
    while chosen.receivers.len() < wanted
        && let Some(index) = queue.lowest()
    {
        take(members, sender, (&mut queue, index), terms, &mut chosen);
    }
    if let Some(from) = from {
        members.begin_given(from, &queue.introduced, (clock, terms.now));
    }
    chosen
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
    match members.charge_at(position, terms) {
        Ok(receiver) => {
            if !entry.is_wrong_way
                && let Some(serial) = sender.serial()
            {
                let time = (sender.clock(), terms.now);
                queue
                    .introduced
                    .extend(members.begin_received(position, serial, time));
            }
            chosen.tally.acquainted += u32::from(entry.is_acquainted);
            chosen.tally.silent += u32::from(entry.is_silent);
            chosen.receivers.push((receiver, MemberPosition(position)));
            queue.remove_chosen(index);
            if members.has_company(position) {
                let group = members.group_at(position);
                queue.delay_group(|mate| members.group_at(mate) == group);
            }
        }
        Err(exhausted) => {
            match exhausted {
                ReceiverQuotaExhausted::Total => chosen.over_quota += 1,
                ReceiverQuotaExhausted::Unreserved => chosen.over_unreserved_quota += 1,
            }
            queue.remove(index);
        }
    }
}
