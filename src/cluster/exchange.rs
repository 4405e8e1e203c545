//! Passes offers, answers and HTTP peers between members of different nodes.
//!
//! Both nodes remember an offer: the receiver's one, so that nobody else can answer it, and the offering peer's one, so
//! that each answer counts once.

use std::time::Duration;

use super::offer_records::OfferKey;
use super::outbox::{ENTRY_BYTES_MAX, Priority};
use super::wire::{Entry, HttpPeer, List, OFFERS_PER_ENTRY_MAX, OfferFlags, WireItem, WireOffer};
use super::{Cluster, Effect, NodeId};
use crate::protocol::{ConnectionId, InfoHash, OfferId, PeerId};

/// Bytes of offers in one entry, unless a single one is larger.
const OFFER_BYTES_PER_ENTRY: usize = 64 * 1024;

/// Fixed part of an entry or an offer, rounded up.
const FIXED_BYTES: usize = 128;

/// The peer that has made an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfferOrigin {
    /// The swarm.
    pub info_hash: InfoHash,
    /// The offering peer.
    pub from: PeerId,
    /// Its connection on its node.
    pub connection: ConnectionId,
    /// Whether it is a seeder.
    pub is_seeder: bool,
    /// Whether the offers have been at another node before.
    pub is_redrawn: bool,
}

/// An offer of another node's member that was given to a member of this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayedOffer {
    /// The node of the offering peer.
    pub node: NodeId,
    /// The offering peer.
    pub origin: OfferOrigin,
    /// The offer.
    pub offer_id: OfferId,
    /// The receiver's connection.
    pub receiver: ConnectionId,
    /// The receiver's `peer_id`.
    pub receiver_peer_id: PeerId,
}

/// Where an offer of this node was sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct SentOffer {
    node: NodeId,
    is_redrawn: bool,
}

/// Where the answer to a given offer goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct GivenTo {
    node: NodeId,
    connection: ConnectionId,
    receiver_peer_id: PeerId,
}

impl Cluster {
    /// Queues offers for members of another node. Returns false if that node is not a member any more.
    pub fn send_offers(
        &mut self,
        to: NodeId,
        origin: &OfferOrigin,
        offers: &[WireOffer<'_>],
        now: Duration,
    ) -> bool {
        if !self
            .members
            .node(to)
            .is_some_and(super::members::Node::is_visible)
        {
            return false;
        }
        for offer in offers {
            let key = offer_key(origin, origin.connection, offer.offer_id);
            let sent = SentOffer {
                node: to,
                is_redrawn: origin.is_redrawn,
            };
            let is_dropped = self.sent.add(key, sent, now);
            self.counters.dropped_offer_records += u64::from(is_dropped);
        }
        let flags = OfferFlags {
            is_seeder: origin.is_seeder,
            is_returned: false,
            is_final: origin.is_redrawn,
        };
        self.push_offers(to, origin, (flags, offers), now);
        true
    }

    /// Returns offers that nobody could take to the node of the offering peer. Does nothing if they came for the last
    /// time.
    pub fn return_offers(
        &mut self,
        node: NodeId,
        origin: &OfferOrigin,
        offers: &[WireOffer<'_>],
        now: Duration,
    ) {
        if !origin.is_redrawn {
            let flags = OfferFlags {
                is_seeder: origin.is_seeder,
                is_returned: true,
                is_final: true,
            };
            self.push_offers(node, origin, (flags, offers), now);
        }
    }

    fn push_offers(
        &mut self,
        to: NodeId,
        origin: &OfferOrigin,
        (flags, mut offers): (OfferFlags, &[WireOffer<'_>]),
        now: Duration,
    ) {
        while !offers.is_empty() {
            let mut bytes = 0;
            let mut count = 0;
            for offer in offers.iter().take(OFFERS_PER_ENTRY_MAX) {
                bytes += offer.sdp.len() + FIXED_BYTES;
                if count > 0 && bytes > OFFER_BYTES_PER_ENTRY {
                    break;
                }
                count += 1;
            }
            let (entry_offers, rest) = offers.split_at(count);
            offers = rest;
            let entry = Entry::Offer {
                info_hash: origin.info_hash,
                from: origin.from,
                connection: origin.connection,
                flags,
                offers: List::Items(entry_offers),
            };
            let longest = entry_offers.iter().map(|offer| offer.sdp.len()).max();
            self.push(to, &entry, (Priority::Offer, longest.unwrap_or(0)), now);
        }
    }

    /// Queues an entry that may be dropped.
    fn push(
        &mut self,
        to: NodeId,
        entry: &Entry<'_>,
        (priority, sdp_bytes): (Priority, usize),
        now: Duration,
    ) {
        let Some(node) = self.members.node_mut(to) else {
            return;
        };
        if sdp_bytes + 2 * FIXED_BYTES > ENTRY_BYTES_MAX {
            self.counters.dropped_offers += u64::from(priority == Priority::Offer);
            self.counters.dropped_answers += u64::from(priority == Priority::Answer);
            return;
        }
        let dropped = node.outbox.push(entry, priority, now);
        self.counters.dropped_offers += dropped.offers;
        self.counters.dropped_answers += dropped.answers;
    }

    /// Remembers that an offer of another node was given to a member, which may answer it.
    pub fn record_given(&mut self, given: &RelayedOffer, now: Duration) {
        let key = offer_key(&given.origin, given.receiver, given.offer_id);
        let to = GivenTo {
            node: given.node,
            connection: given.origin.connection,
            receiver_peer_id: given.receiver_peer_id,
        };
        let is_dropped = self.given.add(key, to, now);
        self.counters.dropped_offer_records += u64::from(is_dropped);
    }

    /// Passes an answer on, if its sender at `connection` was given the offer of `to` and has not answered it. Returns
    /// whether it was.
    pub fn answer(
        &mut self,
        connection: ConnectionId,
        (info_hash, to, offer_id): (InfoHash, PeerId, OfferId),
        sdp: &[u8],
        now: Duration,
    ) -> bool {
        let key = OfferKey {
            connection,
            info_hash,
            from: to,
            offer_id,
        };
        let Some(given) = self.given.take(&key, now) else {
            return false;
        };
        let entry = Entry::Answer {
            info_hash,
            connection: given.connection,
            to,
            from: given.receiver_peer_id,
            offer_id,
            sdp,
        };
        self.push(given.node, &entry, (Priority::Answer, sdp.len()), now);
        true
    }

    pub(super) fn receive_signalling<'a>(
        &mut self,
        entry: &Entry<'a>,
        sender: NodeId,
        now: Duration,
        effects: &mut Vec<Effect<'a>>,
    ) {
        match *entry {
            Entry::Offer {
                info_hash,
                from,
                connection,
                flags,
                offers,
            } => {
                let origin = OfferOrigin {
                    info_hash,
                    from,
                    connection,
                    is_seeder: flags.is_seeder,
                    is_redrawn: flags.is_final,
                };
                if flags.is_returned {
                    let returned = self.take_returned(sender, &origin, offers, now);
                    if !returned.is_empty() {
                        effects.push(Effect::Redraw(sender, origin, returned));
                    }
                } else {
                    effects.push(Effect::GiveOffers(sender, origin, offers));
                }
            }
            Entry::Answer {
                info_hash,
                connection,
                to,
                from,
                offer_id,
                sdp,
            } => {
                let key = OfferKey {
                    connection,
                    info_hash,
                    from: to,
                    offer_id,
                };
                let sent = self.sent.get_mut(&key, now);
                if sent.is_none_or(|sent| sent.node != sender) {
                    self.counters.unmatched_answers += 1;
                    return;
                }
                self.sent.take(&key, now);
                effects.push(Effect::DeliverAnswer {
                    connection,
                    info_hash,
                    to,
                    from,
                    offer_id,
                    sdp,
                });
            }
            _ => {}
        }
    }

    /// Returns those offers that were sent to the node, and come back for the first time.
    fn take_returned<'a>(
        &mut self,
        sender: NodeId,
        origin: &OfferOrigin,
        offers: List<'a, WireOffer<'a>>,
        now: Duration,
    ) -> Vec<WireOffer<'a>> {
        let mut returned = Vec::new();
        for offer in offers.iter() {
            let key = offer_key(origin, origin.connection, offer.offer_id);
            let sent = self.sent.get_mut(&key, now);
            if sent.is_some_and(|sent| sent.node == sender && !sent.is_redrawn) {
                self.sent.take(&key, now);
                returned.push(offer);
            }
        }
        returned
    }

    /// Asks other nodes for peers that announce over HTTP; `shares` is the number wanted from each.
    /// [`Effect::HttpPeers`] returns them under the number `token`. Returns false if nobody is asked.
    pub fn ask_for_http_peers(
        &mut self,
        info_hash: &InfoHash,
        token: u64,
        shares: &[(NodeId, usize)],
        now: Duration,
    ) -> bool {
        let is_visible = |node| {
            let node = self.members.node(node);
            node.is_some_and(super::members::Node::is_visible)
        };
        let requested = shares.iter().filter(|(node, _)| is_visible(*node));
        let expected: Vec<_> = requested
            .map(|(node, share)| (*node, (*share).min(HttpPeer::COUNT_MAX)))
            .collect();
        if expected.is_empty() {
            return false;
        }
        let Some(request) = self.http_requests.begin(token, expected.clone(), now) else {
            return false;
        };
        for (node, share) in expected {
            let entry = Entry::ListHttpPeers {
                info_hash: *info_hash,
                request,
                wanted: u16::try_from(share).unwrap_or(u16::MAX),
            };
            self.push(node, &entry, (Priority::Offer, 0), now);
        }
        true
    }

    /// Answers [`Effect::ListHttpPeers`].
    pub fn name_http_peers(
        &mut self,
        node: NodeId,
        (info_hash, request): (InfoHash, u32),
        peers: &[HttpPeer],
        now: Duration,
    ) {
        let entry = Entry::HttpPeers {
            info_hash,
            request,
            peers: List::Items(peers),
        };
        self.push(node, &entry, (Priority::Offer, 0), now);
    }
}

const fn offer_key(origin: &OfferOrigin, connection: ConnectionId, offer_id: OfferId) -> OfferKey {
    OfferKey {
        connection,
        info_hash: origin.info_hash,
        from: origin.from,
        offer_id,
    }
}
