//! Applies the rules of tracking to members of other nodes: splits the offers of an announce over this node and the others,
//! and gives theirs to members of this one.
//!
//! What other nodes have is an argument, and what they must get is part of the [`Outcome`]. Nothing is sent here.

use std::time::Duration;

use rand::Rng;
use smallvec::SmallVec;

use super::{OfferSender, Outcome, Relay, RelayKind, Tracker};
use crate::cluster::wire::WireOffer;
use crate::cluster::{HeldAnnounce, NodeId, OfferOrigin, Others, Population, Transport};
use crate::protocol::{ConnectionId, InfoHash, Offer, OfferId, PeerId, Sdp};
use crate::swarm::{AddressGroup, Member, RemoteSender, Role, Swarm};

/// Offers of one announce that do not stay on this node.
#[derive(Debug, PartialEq, Eq)]
pub enum RemoteOffers<'a> {
    /// To send, to each of these nodes.
    Send(OfferOrigin, SmallVec<[(NodeId, Vec<WireOffer<'a>>); 2]>),
    /// To hold until it is known which other nodes have members.
    Hold(HeldAnnounce),
}

impl RemoteOffers<'_> {
    /// Returns the number of offers.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::Send(_, shares) => shares.iter().map(|(_, offers)| offers.len()).sum(),
            Self::Hold(announce) => announce.offers.len(),
        }
    }
}

/// Offers of a member that were held, or that came back from another node.
#[derive(Debug, Clone, Copy)]
pub struct HeldOffers<'o, 'a> {
    /// The member.
    pub origin: &'o OfferOrigin,
    /// Whether the address group of the member had sent few offers to the swarm before.
    pub is_light_sender: bool,
    /// The offers.
    pub offers: &'o [Offer<'a>],
    /// The other nodes that may get some.
    pub others: &'o Others,
}

/// An answer of a member of another node.
#[derive(Debug, Clone, Copy)]
pub struct RemoteAnswer<'a> {
    /// The swarm.
    pub info_hash: InfoHash,
    /// The connection that made the offer.
    pub connection: ConnectionId,
    /// The member that made the offer.
    pub to: PeerId,
    /// The answering member.
    pub from: PeerId,
    /// The offer.
    pub offer_id: OfferId,
    /// What the offering member needs to connect.
    pub sdp: Sdp<'a>,
}

impl Tracker {
    /// Returns the members of a swarm on this node. A swarm that is not allowed has none.
    #[must_use]
    pub fn population(&self, info_hash: &InfoHash) -> Population {
        let population = self.swarms.read_swarm(info_hash, |swarm| {
            let (websocket, all) = (swarm.websocket_counts(), swarm.counts());
            Population {
                seeders: websocket.complete,
                leechers: websocket.incomplete,
                http_seeders: all.complete - websocket.complete,
                http_leechers: all.incomplete - websocket.incomplete,
            }
        });
        let visible = population.filter(|_| self.allows(info_hash));
        visible.unwrap_or_default()
    }

    /// Returns whether the lists of info-hashes allow a swarm.
    #[must_use]
    pub fn allows(&self, info_hash: &InfoHash) -> bool {
        self.info_hash_filter.allows(info_hash)
    }

    /// Splits held offers over this node and the others, if their sender is still a member.
    pub fn distribute<'a>(
        &self,
        held: &HeldOffers<'_, 'a>,
        now: Duration,
        rng: &mut impl Rng,
    ) -> Outcome<'a> {
        let mut outcome = Outcome::default();
        let origin = held.origin;
        if !self.allows(&origin.info_hash) {
            return outcome;
        }
        let member = Member {
            connection: origin.connection,
            peer_id: origin.from,
        };
        self.swarms.with_swarm(&origin.info_hash, |swarm| {
            let Some(position) = swarm.position_of(member) else {
                return;
            };
            let sender = OfferSender {
                info_hash: origin.info_hash,
                member,
                position,
                terms: self.rules.offer_terms(held.is_light_sender, now),
                pending_max: self.rules.pending_offers_max(),
                others: Some(held.others),
                is_redrawn: origin.is_redrawn,
            };
            sender.relay_offers(swarm, held.offers, rng, &mut outcome);
        });
        outcome
    }

    /// Gives offers of a member of another node to different members of this one. The first offers are given; the others
    /// found no receiver.
    pub fn give_offers<'a>(
        &self,
        (node, origin): (NodeId, &OfferOrigin),
        offers: &[Offer<'a>],
        now: Duration,
        rng: &mut impl Rng,
    ) -> Outcome<'a> {
        let mut outcome = Outcome::default();
        if !self.allows(&origin.info_hash) {
            return outcome;
        }
        // Its address is unknown here, so its connection counts.
        let connection = ConnectionId::from_bits(origin.connection.to_bits() ^ node.to_bits());
        let is_light_sender = self.sender_rates.record_offers(
            AddressGroup::of_connection(connection),
            &origin.info_hash,
            offers.len(),
            (self.rules.receiver_quota(), now),
        );
        let sender = RemoteSender {
            peer_id: origin.from,
            role: if origin.is_seeder {
                Role::Seeder
            } else {
                Role::Leecher
            },
        };
        let terms = self.rules.offer_terms(is_light_sender, now);
        let chosen = self.swarms.with_swarm(&origin.info_hash, |swarm| {
            swarm.choose_receivers_for_remote(sender, offers.len(), terms, rng)
        });
        let chosen = chosen.unwrap_or_default();
        outcome.limit_hits.skipped_receivers += chosen.over_quota;
        outcome.limit_hits.skipped_by_reserve += chosen.over_unreserved_quota;
        outcome.matches.count_choice(chosen.tally);
        let relay = |(offer, (to, _)): (&Offer<'a>, (Member, _))| Relay {
            to,
            info_hash: origin.info_hash,
            from: origin.from,
            offer_id: offer.offer_id,
            sdp: offer.sdp,
            kind: RelayKind::Offer,
        };
        outcome.relays = offers.iter().zip(chosen.receivers).map(relay).collect();
        outcome
    }

    /// Returns the message that passes an answer on, if the member that made the offer is still there.
    #[must_use]
    pub fn deliver_answer<'a>(&self, answer: &RemoteAnswer<'a>) -> Option<Relay<'a>> {
        let to = Member {
            connection: answer.connection,
            peer_id: answer.to,
        };
        let is_member = self
            .swarms
            .read_swarm(&answer.info_hash, |swarm| swarm.contains(to));
        let is_deliverable = is_member == Some(true) && self.allows(&answer.info_hash);
        is_deliverable.then_some(Relay {
            to,
            info_hash: answer.info_hash,
            from: answer.from,
            offer_id: answer.offer_id,
            sdp: answer.sdp,
            kind: RelayKind::Answer,
        })
    }
}

impl OfferSender<'_> {
    /// Copies the offers of an announce, to be split later.
    #[cold]
    pub(super) fn hold<'a>(&self, swarm: &Swarm, offers: &[Offer<'_>]) -> RemoteOffers<'a> {
        let copy = |offer: &Offer<'_>| (offer.offer_id, offer.sdp.as_json().as_bytes().into());
        RemoteOffers::Hold(HeldAnnounce {
            info_hash: self.info_hash,
            from: self.member.peer_id,
            connection: self.member.connection,
            is_seeder: swarm.role_at(self.position) == Some(Role::Seeder),
            is_light_sender: self.terms.is_light_sender,
            offers: offers.iter().map(copy).collect(),
        })
    }

    /// Draws how many offers stay on this node. The others are sent to other nodes.
    pub(super) fn split<'a>(
        &self,
        (swarm, others): (&Swarm, &Others),
        offers: &mut SmallVec<[&Offer<'a>; 10]>,
        rng: &mut impl Rng,
    ) -> Option<Box<RemoteOffers<'a>>> {
        let local = swarm.websocket_members_count().saturating_sub(1);
        let local = u32::try_from(local).unwrap_or(u32::MAX);
        let split = others.split(offers.len(), local, Transport::WebSocket, rng);
        let mut elsewhere = offers.drain(split.local..).map(|offer| WireOffer {
            offer_id: offer.offer_id,
            sdp: offer.sdp.as_json().as_bytes(),
        });
        let share = |(node, count)| (node, elsewhere.by_ref().take(count).collect());
        let shares: SmallVec<_> = split.remote.into_iter().map(share).collect();
        let origin = OfferOrigin {
            info_hash: self.info_hash,
            from: self.member.peer_id,
            connection: self.member.connection,
            is_seeder: swarm.role_at(self.position) == Some(Role::Seeder),
            is_redrawn: self.is_redrawn,
        };
        (!shares.is_empty()).then(|| Box::new(RemoteOffers::Send(origin, shares)))
    }
}
