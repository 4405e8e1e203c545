//! Stores the members of all swarms.
//!
//! Owns the members of each swarm, the choice of receivers for offers, the pending offers, and the table of all swarms.
//! Does no I/O, reads no clock and sends nothing. The tracker calls it.

mod address_family;
mod address_group;
mod group_index;
mod http;
mod introduced_members;
mod largest_swarms;
mod last_seen;
mod linked_clients;
mod matchmaking;
mod member_list;
mod pending_offers;
mod receiver_quota;
mod receiver_selection;
mod repeated_offers;
mod sender_rates;
mod site;
mod table;
mod view;
mod websocket_members;

pub use address_group::AddressGroup;
pub use http::{HttpJoinResult, HttpMemberUpdate, HttpOwner, HttpRefreshResult};
pub use matchmaking::{AnswerLesson, MatchTally, Matchmaking, Pace};
pub use pending_offers::{AddOfferResult, PendingOffer};
pub use receiver_quota::{ReceiverQuota, ReceiverQuotaExhausted};
pub use receiver_selection::ChosenReceivers;
pub use repeated_offers::RepeatReceiver;
pub use sender_rates::SenderRates;
pub use site::SiteId;
pub use table::{
    CreateSwarmError, ExpiredMembership, Lifetimes, MemberCursor, PopulationObserver, SwarmScan,
    SwarmTable, SwarmTotals, SweepResult,
};
pub use view::{MemberIntroductions, MemberTransport, MemberView};
pub use websocket_members::{Member, Role};

use std::time::Duration;

use smallvec::SmallVec;

use crate::protocol::{ConnectionId, Counts, OfferId, PeerId};
use http::HttpMembers;
use matchmaking::{MatchClock, Rotations};
use pending_offers::{PendingOfferTime, PendingOffers};
use receiver_quota::ReceiverQuotaTime;
use websocket_members::WebSocketMembers;

/// One swarm: all members that announced the same info-hash.
#[derive(Debug, Default)]
pub struct Swarm {
    members: WebSocketMembers,
    pending_offers: PendingOffers,
    /// The members that announce over HTTP, if there are any: never an empty list.
    http: Option<Box<HttpMembers>>,
    /// Only of a swarm that is, or was until lately, too large to look at all members.
    rotations: Option<Box<Rotations>>,
    downloaded: u32,
}

/// The role that an announce reports for its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimedRole {
    /// It has everything.
    Seeder,
    /// It lacks something.
    Leecher,
    /// Not reported: a new member becomes a leecher, an existing one keeps its role.
    Unspecified,
}

/// The position of a member in its swarm. Valid until a member joins, leaves or changes its role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberPosition(usize);

/// The conditions under which offers are given to receivers.
#[derive(Debug, Clone, Copy)]
pub struct OfferTerms {
    /// `tracker.matchmaking`
    pub matchmaking: Matchmaking,
    /// `tracker.nearest`
    pub nearest: bool,
    /// The quota of each receiver.
    pub quota: ReceiverQuota,
    /// The result of [`SenderRates::record_offers`] for the sender's address group.
    pub is_light_sender: bool,
    /// Time since the process started.
    pub now: Duration,
}

/// A sender of offers that is a member on another node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteSender {
    /// Its `peer_id`.
    pub peer_id: PeerId,
    /// Its role.
    pub role: Role,
}

impl RemoteSender {
    /// Returns it as a member of a connection that does not exist: ids of connections mean nothing on other nodes.
    const fn as_member(self) -> Member {
        Member {
            connection: ConnectionId::NONE,
            peer_id: self.peer_id,
        }
    }
}

/// An offer that was answered.
#[derive(Debug, Clone, Copy)]
pub struct AnsweredOffer {
    /// The offer.
    pub offer: PendingOffer,
    /// How long it was pending.
    pub age: Duration,
    /// What the answer has taught about the two members.
    pub lesson: AnswerLesson,
}

/// Whether an announce added its sender as a new member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinResult {
    /// It was not a member before.
    New,
    /// It was a member already.
    Existing,
}

impl Swarm {
    /// Adds or refreshes a member, and returns its position. `group` is its address group, `site` its site if it joins.
    /// `blocked` is true if the output of the connection is blocked.
    pub fn join(
        &mut self,
        (member, group, site): (Member, AddressGroup, Option<SiteId>),
        claim: ClaimedRole,
        blocked: bool,
        now: Duration,
    ) -> (JoinResult, MemberPosition) {
        let (joined, position) =
            self.members
                .join_or_refresh(member, (group, site), seconds(now), blocked);
        let position = match claim {
            ClaimedRole::Seeder => self.members.set_role(position, Role::Seeder),
            ClaimedRole::Leecher => self.members.set_role(position, Role::Leecher),
            ClaimedRole::Unspecified => position,
        };
        (joined, MemberPosition(position))
    }

    /// Counts a completed download, once per member.
    pub fn record_completed(&mut self, member: Member) {
        if self.members.mark_completed(member) {
            self.downloaded = self.downloaded.saturating_add(1);
        }
    }

    /// Removes a member together with its pending offers. Does nothing if there is no such member.
    pub fn leave(&mut self, member: Member) {
        if let Some(offers) = self.members.remove(member) {
            self.pending_offers.remove_slots(offers);
        }
    }

    /// Returns whether this is a member.
    #[must_use]
    pub fn contains(&self, member: Member) -> bool {
        self.members.position_of(member).is_some()
    }

    /// Sets whether the output of a member is blocked. Such members are not chosen as receivers.
    pub fn set_blocked(&mut self, member: Member, blocked: bool) {
        self.members.set_blocked(member, blocked);
    }

    /// Returns the counts for replies: of all members, over WebSockets and HTTP.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let counts = self.websocket_counts();
        match &self.http {
            None => counts,
            Some(http) => http.add_to(counts),
        }
    }

    /// Returns the counts of the members over WebSockets.
    #[must_use]
    pub fn websocket_counts(&self) -> Counts {
        Counts {
            complete: self.members.seeders(),
            incomplete: self.members.leechers(),
            downloaded: self.downloaded,
        }
    }

    /// Returns the role of a member.
    #[must_use]
    pub fn role_at(&self, position: MemberPosition) -> Option<Role> {
        self.members.member_at(position.0).map(|(_, role)| role)
    }

    /// Returns the position of a member, to avoid repeated lookups.
    #[must_use]
    pub fn position_of(&self, member: Member) -> Option<MemberPosition> {
        self.members.position_of(member).map(MemberPosition)
    }

    /// Chooses up to `wanted` different members for the offers of `sender`. Skips the sender, its connection, its `peer_id`,
    /// members with blocked output, and members that reached their quota; others are chosen instead. `repeated` are the
    /// receivers of the announce's repeated offers.
    ///
    /// By introductions, begins one with each; a member whose own offer to the sender is under way is skipped too. At random,
    /// address groups are drawn first, and a seeder's offers go to leechers first.
    pub fn choose_receivers(
        &mut self,
        sender: MemberPosition,
        (wanted, repeated): (usize, &[MemberPosition]),
        terms: OfferTerms,
        rng: &mut impl rand::Rng,
    ) -> ChosenReceivers {
        let (from, members) = (sender.0, &mut self.members);
        match terms.matchmaking {
            Matchmaking::Introductions => {
                let rotations = self.rotations.as_deref_mut();
                matchmaking::choose(members, rotations, (from, wanted, repeated), terms, rng)
            }
            Matchmaking::Random => {
                let Some(sender) = members.member_at(from) else {
                    return ChosenReceivers::default();
                };
                receiver_selection::choose(members, sender, wanted, random_terms(&terms), rng)
            }
        }
    }

    /// Chooses up to `wanted` different members for the offers of a sender that is a member on another node. As
    /// [`Self::choose_receivers`], but no introductions are remembered: the sender has no number here.
    pub fn choose_receivers_for_remote(
        &mut self,
        sender: RemoteSender,
        wanted: usize,
        terms: OfferTerms,
        rng: &mut impl rand::Rng,
    ) -> ChosenReceivers {
        let members = &mut self.members;
        match terms.matchmaking {
            Matchmaking::Introductions => {
                let rotations = self.rotations.as_deref_mut();
                matchmaking::choose_for_remote(members, rotations, (sender, wanted), terms, rng)
            }
            Matchmaking::Random => {
                let sender = (sender.as_member(), sender.role);
                receiver_selection::choose(members, sender, wanted, random_terms(&terms), rng)
            }
        }
    }

    /// Returns how soon a member should announce again, for the reply to its announce.
    pub fn pace(
        &mut self,
        member: MemberPosition,
        terms: &OfferTerms,
        rng: &mut impl rand::Rng,
    ) -> Pace {
        if terms.matchmaking == Matchmaking::Random {
            return Pace::default();
        }
        let others = self.members.len().saturating_sub(1);
        let clock = MatchClock::new(terms.now, self.members.patience);
        let Some(record) = self.members.record_at_mut(member.0) else {
            return Pace::default();
        };
        record.settle(clock);
        record.forget_old(terms.now, rng);
        let pace = Pace::of_reply(record, others);
        self.record_in_rotations(member.0);
        pace
    }

    /// Remembers a member of a large swarm that has announced, so that others find it.
    fn record_in_rotations(&mut self, position: usize) {
        if self.members.len() > matchmaking::ALL_LOOKED_AT_MAX {
            self.rotations
                .get_or_insert_default()
                .record(&self.members, position);
        }
    }

    /// Frees unused capacity after the swarm has shrunk.
    fn release_memory(&mut self) {
        self.members.release_memory();
        if let Some(rotations) = &mut self.rotations
            && !rotations.release_memory(&self.members)
        {
            self.rotations = None;
        }
    }

    /// Stores that an offer of the member at `from` was given to another member, which may answer it. `pending_max`
    /// limits the pending offers of one member; the oldest is dropped.
    pub fn add_pending_offer(
        &mut self,
        from: MemberPosition,
        offer: PendingOffer,
        now: Duration,
        pending_max: usize,
    ) -> AddOfferResult {
        self.members
            .offer_slots_at(from.0)
            .map_or(AddOfferResult::TooManyDuplicates, |offers| {
                self.pending_offers.add(
                    offer,
                    offers,
                    PendingOfferTime::from_uptime(now),
                    pending_max,
                )
            })
    }

    /// Removes and returns the offers that an answer from connection `from` matches, each with the time it was pending.
    /// These have this id, come from a member `to_peer_id`, and were given to `from`. Mostly one; none if the answer is
    /// unmatched. Also refreshes the answering member, and learns from the answer.
    pub fn take_answered_offers(
        &mut self,
        from: ConnectionId,
        to_peer_id: PeerId,
        offer_id: OfferId,
        (now, ttl): (Duration, Duration),
    ) -> SmallVec<[AnsweredOffer; 1]> {
        let lifetime = (PendingOfferTime::from_uptime(now), ttl.into());
        let members = &mut self.members;
        let mut answered = SmallVec::new();
        let meant = (from, to_peer_id, offer_id);
        self.pending_offers
            .take(meant, lifetime, |slot, offer, age| {
                let (from, to) = (offer.from_position.0, offer.to_position.0);
                if let Some(offers) = members.offer_slots_of(offer.from, from) {
                    offers.retain(|other| *other != slot);
                }
                members.refresh(offer.to, to, seconds(now));
                let age = Duration::from(age);
                answered.push(AnsweredOffer {
                    offer: *offer,
                    age,
                    lesson: members.record_answer((offer.from, from), (offer.to, to), (age, now)),
                });
            });
        answered
    }

    /// Returns whether the swarm has no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.len() == 0 && self.http.is_none()
    }

    /// Returns the number of pending offers.
    #[must_use]
    pub fn pending_offers_count(&self) -> usize {
        self.pending_offers.len()
    }

    /// Returns the number of members that announce over WebSockets.
    #[must_use]
    pub fn websocket_members_count(&self) -> usize {
        self.members.len()
    }

    /// Returns the number of members that announce over WebSockets and never had an answered introduction, if the swarm has
    /// at least two such members.
    #[must_use]
    pub fn alone_count(&self) -> u32 {
        if self.members.len() > 1 {
            self.members.alone
        } else {
            0
        }
    }

    /// Returns whether the indexes beside the member lists (by address group, clients with two addresses) equal a
    /// recount. For tests.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.members.is_consistent() && self.http.as_ref().is_none_or(|http| http.is_consistent())
    }

    /// Returns all members that announce over WebSockets with their roles, for recounts and views.
    pub fn members(&self) -> impl Iterator<Item = (Member, Role)> + '_ {
        self.members.iter()
    }
}

fn random_terms(terms: &OfferTerms) -> (ReceiverQuota, bool, ReceiverQuotaTime) {
    let now = ReceiverQuotaTime::from_uptime(terms.now);
    (terms.quota, terms.is_light_sender, now)
}

/// Returns whole seconds since the process started, which is precise enough for expiry and keeps a member small.
fn seconds(now: Duration) -> u32 {
    u32::try_from(now.as_secs()).unwrap_or(u32::MAX)
}
