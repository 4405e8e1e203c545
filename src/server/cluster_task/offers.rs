//! Finds receivers for offers that were held, that came back, or that come from other nodes.

use super::ClusterTask;
use crate::cluster::wire::WireOffer;
use crate::cluster::{HeldAnnounce, NodeId, OfferOrigin, Others, RelayedOffer};
use crate::protocol::{Offer, Sdp};
use crate::tracker::{HeldOffers, Outcome};

impl ClusterTask {
    /// Splits the offers of a held announce over this node and the others.
    pub(super) fn distribute(&mut self, announce: &HeldAnnounce) {
        let origin = OfferOrigin {
            info_hash: announce.info_hash,
            from: announce.from,
            connection: announce.connection,
            is_seeder: announce.is_seeder,
            is_redrawn: false,
        };
        let offers = announce.offers.iter().filter_map(|(offer_id, sdp)| {
            let sdp = Sdp::from_json(sdp, usize::MAX)?;
            Some(Offer {
                offer_id: *offer_id,
                sdp,
            })
        });
        let offers: Vec<_> = offers.collect();
        let others = self.cluster.others(&announce.info_hash);
        self.split((&origin, announce.is_light_sender), &offers, others);
    }

    /// Splits offers that came back from a node over this node and the other ones.
    pub(super) fn redraw(
        &mut self,
        node: NodeId,
        mut origin: OfferOrigin,
        offers: &[WireOffer<'_>],
    ) {
        origin.is_redrawn = true;
        let offers = offers.iter().filter_map(|offer| self.offer(offer));
        let offers: Vec<_> = offers.collect();
        let others = self.cluster.others(&origin.info_hash).without(node);
        self.split((&origin, true), &offers, others);
    }

    fn split(
        &mut self,
        (origin, is_light_sender): (&OfferOrigin, bool),
        offers: &[Offer<'_>],
        mut others: Others,
    ) {
        // They have been held long enough.
        others.is_awaited = false;
        let held = HeldOffers {
            origin,
            is_light_sender,
            offers,
            others: &others,
        };
        let now = self.node().clock().uptime();
        let outcome = self
            .state
            .node
            .tracker()
            .distribute(&held, now, &mut self.rng);
        self.deliver(outcome);
    }

    /// Gives offers of another node's member to members of this node, and returns those that nobody can take.
    pub(super) fn give<'a>(
        &mut self,
        node: NodeId,
        origin: &OfferOrigin,
        offers: impl Iterator<Item = WireOffer<'a>>,
    ) {
        let offers: Vec<_> = offers.filter_map(|offer| self.offer(&offer)).collect();
        let now = self.node().clock().uptime();
        let tracker = self.state.node.tracker();
        let outcome = tracker.give_offers((node, origin), &offers, now, &mut self.rng);
        let rest = offers.get(outcome.relays.len()..).unwrap_or_default();
        let rest: Vec<_> = rest.iter().map(wire_offer).collect();
        self.cluster.with_core(|core, now| {
            for relay in &outcome.relays {
                let given = RelayedOffer {
                    node,
                    origin: *origin,
                    offer_id: relay.offer_id,
                    receiver: relay.to.connection,
                    receiver_peer_id: relay.to.peer_id,
                };
                core.record_given(&given, now);
            }
            if !rest.is_empty() {
                core.return_offers(node, origin, &rest, now);
            }
        });
        self.deliver(outcome);
    }

    fn offer<'a>(&self, offer: &WireOffer<'a>) -> Option<Offer<'a>> {
        Some(Offer {
            offer_id: offer.offer_id,
            sdp: self.sdp(offer.sdp)?,
        })
    }

    fn deliver(&self, outcome: Outcome<'_>) {
        self.relay(&outcome.relays);
        if let Some(offers) = outcome.remote {
            self.cluster.send(*offers);
        }
    }
}

fn wire_offer<'a>(offer: &Offer<'a>) -> WireOffer<'a> {
    WireOffer {
        offer_id: offer.offer_id,
        sdp: offer.sdp.as_json().as_bytes(),
    }
}
