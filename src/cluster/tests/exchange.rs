//! Offers, answers, questions and HTTP announces in the simulation, with the invariants that always hold.

use std::time::Duration;

use rand::RngExt;
use rand::seq::SliceRandom;

use super::browser::{AnswerFate, Browser, OfferFate, add};
use super::world::{PlannedAnswer, World};
use crate::cluster::wire::{HttpPeer, WireOffer};
use crate::cluster::{
    Effect, HeldAnnounce, NodeId, OfferOrigin, Population, RelayedOffer, Transport,
};
use crate::protocol::http::Endpoint;
use crate::protocol::{ConnectionId, InfoHash, OfferId, PeerId};

/// Longest time until a browser answers.
pub(super) const ANSWERS_WITHIN: Duration = Duration::from_millis(900);

impl World {
    /// A browser makes offers.
    pub(super) fn announce(&mut self, id: NodeId, browser: Browser, count: usize) {
        let mut offers = Vec::new();
        for _ in 0..count {
            let mut offer_id = [0; 20];
            self.last_number += 1;
            offer_id[..8].copy_from_slice(&self.last_number.to_le_bytes());
            let offer_id = OfferId::new(offer_id);
            let fate = OfferFate {
                node: id,
                from: browser,
                made: self.now,
                receiver: None,
                answer: AnswerFate::None,
            };
            self.offers.insert(offer_id, fate);
            offers.push((offer_id, sdp(offer_id).into()));
        }
        let announce = HeldAnnounce {
            info_hash: browser.info_hash,
            from: browser.peer_id,
            connection: browser.connection,
            is_seeder: browser.is_seeder,
            is_light_sender: true,
            offers,
        };
        let Some(node) = self.nodes.get_mut(&id) else {
            return;
        };
        if node.cluster.others(&browser.info_hash).is_awaited {
            if let Err(announce) = node.cluster.hold(announce) {
                self.distribute_held(id, &announce);
            }
        } else {
            self.distribute_held(id, &announce);
        }
    }

    fn distribute_held(&mut self, id: NodeId, announce: &HeldAnnounce) {
        let origin = OfferOrigin {
            info_hash: announce.info_hash,
            from: announce.from,
            connection: announce.connection,
            is_seeder: announce.is_seeder,
            is_redrawn: false,
        };
        let offers = announce.offers.iter();
        let offers: Vec<_> = offers
            .map(|(offer_id, sdp)| WireOffer {
                offer_id: *offer_id,
                sdp,
            })
            .collect();
        self.distribute(id, &origin, &offers, None);
    }

    fn distribute(
        &mut self,
        id: NodeId,
        origin: &OfferOrigin,
        offers: &[WireOffer<'_>],
        without: Option<NodeId>,
    ) {
        let local = self.receivers(id, (origin.info_hash, origin.from));
        let now = self.now;
        let Some(node) = self.nodes.get_mut(&id) else {
            return;
        };
        if !node.browsers.contains_key(&origin.connection) {
            return;
        }
        let mut others = node.cluster.others(&origin.info_hash);
        if let Some(without) = without {
            others = others.without(without);
        }
        let local_count = u32::try_from(local.len()).unwrap();
        let websocket = Transport::WebSocket;
        let split = others.split(offers.len(), local_count, websocket, &mut self.rng);
        let (here, mut elsewhere) = offers.split_at(split.local);
        for (to, count) in split.remote {
            let (first, rest) = elsewhere.split_at(count);
            elsewhere = rest;
            assert!(node.cluster.send_offers(to, origin, first, now));
        }
        for (offer, receiver) in here.iter().zip(local) {
            self.give(id, (receiver, origin, offer.offer_id), true);
        }
    }

    /// A browser gets an offer, and plans an answer.
    fn give(
        &mut self,
        id: NodeId,
        (receiver, origin, offer_id): (Browser, &OfferOrigin, OfferId),
        is_local: bool,
    ) {
        let fate = self.offers.get_mut(&offer_id).expect("a known offer");
        assert!(fate.receiver.is_none(), "{offer_id} is delivered twice");
        assert_eq!(
            fate.from.info_hash, receiver.info_hash,
            "outside of its swarm"
        );
        assert_eq!(fate.from.is_seeder, origin.is_seeder);
        assert_ne!(fate.from.peer_id, receiver.peer_id, "to its own sender");
        fate.receiver = Some((id, receiver));
        if self.rng.random_ratio(7, 10) {
            let at = self.now + ANSWERS_WITHIN.mul_f64(self.rng.random());
            let answer = PlannedAnswer {
                node: id,
                browser: receiver,
                to: origin.from,
                offer_id,
                is_local,
            };
            let number = self.number();
            self.answers.insert((at, number), answer);
        }
    }

    pub(super) fn send_answer(&mut self, answer: PlannedAnswer) {
        let now = self.now;
        let browser = answer.browser;
        let Some(node) = self.nodes.get_mut(&answer.node) else {
            return;
        };
        if node.paused_until.is_some() || !node.browsers.contains_key(&browser.connection) {
            return;
        }
        if answer.is_local {
            let fate = self.offers.get_mut(&answer.offer_id).unwrap();
            fate.answer = AnswerFate::Delivered;
            return;
        }
        let subject = (browser.info_hash, answer.to, answer.offer_id);
        let text = sdp(answer.offer_id);
        // Others cannot answer it, nor this one in another swarm or for another peer.
        let stranger = ConnectionId::from_bits(browser.connection.to_bits() ^ 1 << 40);
        let other_swarm = (InfoHash::new([0xee; 20]), answer.to, answer.offer_id);
        let other_peer = (browser.info_hash, PeerId::new([0xee; 20]), answer.offer_id);
        assert!(!node.cluster.answer(stranger, subject, &text, now));
        assert!(
            !node
                .cluster
                .answer(browser.connection, other_swarm, &text, now)
        );
        assert!(
            !node
                .cluster
                .answer(browser.connection, other_peer, &text, now)
        );
        assert!(node.cluster.answer(browser.connection, subject, &text, now));
        assert!(!node.cluster.answer(browser.connection, subject, &text, now));
        let fate = self.offers.get_mut(&answer.offer_id).unwrap();
        fate.answer = AnswerFate::Sent(now);
    }

    pub(super) fn follow(&mut self, id: NodeId, effect: Effect<'_>) {
        match effect {
            Effect::Broadcast(_) | Effect::Connected(_) | Effect::NodeChanged(..) => {}
            Effect::Distribute(announce) => self.distribute_held(id, &announce),
            Effect::GiveOffers(node, origin, offers) => {
                let offers: Vec<_> = offers.iter().collect();
                self.receive_offers(id, (node, origin), &offers);
            }
            Effect::Redraw(from, mut origin, offers) => {
                origin.is_redrawn = true;
                self.distribute(id, &origin, &offers, Some(from));
            }
            Effect::DeliverAnswer {
                connection,
                info_hash,
                to,
                from,
                offer_id,
                sdp: text,
            } => {
                let fate = self.offers.get_mut(&offer_id).expect("a known offer");
                assert_eq!(text, sdp(offer_id));
                assert!(
                    matches!(fate.answer, AnswerFate::Sent(_)),
                    "answered twice: {fate:?}"
                );
                let offered = (
                    fate.node,
                    fate.from.connection,
                    fate.from.info_hash,
                    fate.from.peer_id,
                );
                assert_eq!(offered, (id, connection, info_hash, to));
                assert_eq!(
                    fate.receiver.map(|(_, browser)| browser.peer_id),
                    Some(from)
                );
                fate.answer = AnswerFate::Delivered;
            }
            Effect::Answerable(info_hash, number) => {
                let question = self.questions.remove(&number).expect("a question");
                assert_eq!(question, (id, info_hash));
                self.tell(id, info_hash, number);
            }
            Effect::ListHttpPeers(node, info_hash, request, wanted) => {
                self.list_http_peers(id, node, (info_hash, request), wanted);
            }
            Effect::HttpPeers(token, peers) => {
                let (node, info_hash) = self.http.remove(&token).expect("an HTTP announce");
                assert_eq!(node, id);
                for peer in &peers {
                    assert_eq!(peer.peer_id.as_bytes()[19], info_hash.as_bytes()[0]);
                }
                *self.http_found.entry(token).or_default() += peers.len();
            }
        }
    }

    fn receive_offers(
        &mut self,
        id: NodeId,
        (node, origin): (NodeId, OfferOrigin),
        offers: &[WireOffer<'_>],
    ) {
        let now = self.now;
        let receivers = self.receivers(id, (origin.info_hash, origin.from));
        let (given, left) = offers.split_at(offers.len().min(receivers.len()));
        for (offer, receiver) in given.iter().zip(receivers) {
            assert_eq!(offer.sdp, sdp(offer.offer_id));
            let record = RelayedOffer {
                node,
                origin,
                offer_id: offer.offer_id,
                receiver: receiver.connection,
                receiver_peer_id: receiver.peer_id,
            };
            let cluster = &mut self.nodes.get_mut(&id).unwrap().cluster;
            cluster.record_given(&record, now);
            self.give(id, (receiver, &origin, offer.offer_id), false);
        }
        let cluster = &mut self.nodes.get_mut(&id).unwrap().cluster;
        cluster.return_offers(node, &origin, left, now);
    }

    /// Somebody asks a node about a swarm. Returns the number of the question.
    pub(super) fn question(&mut self, id: NodeId, info_hash: InfoHash) -> u64 {
        let (now, number) = (self.now, self.number());
        let node = self.nodes.get_mut(&id).expect("a node");
        if node.cluster.is_answerable(&info_hash, number, now) {
            self.tell(id, info_hash, number);
        } else {
            self.questions.insert(number, (id, info_hash));
        }
        number
    }

    fn tell(&mut self, id: NodeId, info_hash: InfoHash, number: u64) {
        let population = self.seen_by(id, info_hash);
        self.told.insert(number, population);
    }

    /// Returns how many members a node believes that a swarm has.
    pub(super) fn seen_by(&self, id: NodeId, info_hash: InfoHash) -> Population {
        let node = &self.nodes[&id];
        let others = node.cluster.others(&info_hash).population();
        add(node.population(info_hash), others)
    }

    /// A browser over HTTP asks for peers. Returns the number of its announce.
    pub(super) fn announce_http(&mut self, id: NodeId, info_hash: InfoHash, wanted: usize) -> u64 {
        let (now, number) = (self.now, self.number());
        let node = self.nodes.get_mut(&id).expect("a node");
        let local = node.population(info_hash).http() - 1;
        let others = node.cluster.others(&info_hash);
        let split = others.split(wanted, local, Transport::Http, &mut self.rng);
        self.http_found.insert(number, split.local);
        self.http.insert(number, (id, info_hash));
        if !node
            .cluster
            .ask_for_http_peers(&info_hash, number, &split.remote, now)
        {
            self.http.remove(&number);
        }
        number
    }

    fn list_http_peers(
        &mut self,
        id: NodeId,
        to: NodeId,
        (info_hash, request): (InfoHash, u32),
        wanted: usize,
    ) {
        let now = self.now;
        let node = self.nodes.get_mut(&id).expect("a node");
        let members = node.in_swarm(info_hash).filter(|browser| browser.is_http);
        let mut members: Vec<_> = members.map(|browser| browser.peer_id).collect();
        members.shuffle(&mut self.rng);
        let peers: Vec<_> = members
            .into_iter()
            .take(wanted)
            .map(|peer_id| HttpPeer {
                endpoint: Endpoint::V4([192, 0, 2, 1, 0, 80]),
                peer_id,
            })
            .collect();
        node.cluster
            .name_http_peers(to, (info_hash, request), &peers, now);
    }
}

fn sdp(offer_id: OfferId) -> Vec<u8> {
    format!("\"{offer_id}\"").into_bytes()
}
