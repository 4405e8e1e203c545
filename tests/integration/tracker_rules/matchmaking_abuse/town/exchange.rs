//! The messages of a town: announces, answers, and what their receivers do.

use std::time::Duration;

use smallvec::SmallVec;
use swarmhub::protocol::{
    Announce, Answer, Event, InfoHash, Offer, OfferId, PeerId, Request, Sdp, parse,
};
use swarmhub::swarm::Pace;
use swarmhub::tracker::{RelayKind, Reply};

use super::super::super::BOUNDS;
use super::resident::Conduct;
use super::{Due, Town};

const SWARM: InfoHash = InfoHash::new(*b"ssssssssssssssssssss");
/// `tracker.interval_min` and `tracker.interval_lonely`
const INTERVAL: Duration = Duration::from_secs(45);
const LONELY: Duration = Duration::from_secs(5);
/// How long a page takes to answer an offer.
const ANSWERING: Duration = Duration::from_millis(300);

impl Town {
    pub(super) fn announce(&mut self, number: usize) {
        if !self.clients[number].is_open {
            return;
        }
        let (sdp, what) = (self.sdp, self.clients[number].what);
        let offers: SmallVec<[Offer<'static>; 10]> = (0..what.offers)
            .map(|_| {
                self.offers += 1;
                let mut id = [b'o'; 20];
                id[8..].copy_from_slice(format!("{:012}", self.offers).as_bytes());
                Offer {
                    offer_id: OfferId::new(id),
                    sdp,
                }
            })
            .collect();
        let request = Request::Announce(Announce {
            info_hash: SWARM,
            peer_id: self.clients[number].peer_id,
            event: Event::Update,
            left: what.left,
            offers,
            invalid_offers: 0,
            surplus_offers: 0,
        });
        let pace = self.send(number, request);
        let interval = what.every.unwrap_or(match pace {
            Some(Pace::Lonely(before)) => (LONELY * (1 << before)).min(INTERVAL),
            _ => INTERVAL,
        });
        self.plan(self.now + interval, Due::Announce(number));
    }

    pub(super) fn answer(&mut self, from: usize, to: PeerId, offer_id: OfferId) {
        if !self.clients[from].is_open {
            return;
        }
        let request = Request::Answer(Answer {
            info_hash: SWARM,
            to_peer_id: to,
            offer_id,
            sdp: self.sdp,
        });
        self.send(from, request);
    }

    /// Sends a request, and lets its receivers act. Returns the pace of the reply.
    fn send(&mut self, number: usize, request: Request<'static>) -> Option<Pace> {
        let participant = &mut self.clients[number].participant;
        let outcome = self
            .tracker
            .handle(participant, request, self.now, &mut self.rng);
        for relay in &outcome.relays {
            let to = self.by_connection[&relay.to.connection];
            match relay.kind {
                RelayKind::Offer => self.receive_offer(number, to, relay.offer_id),
                RelayKind::Answer => self.receive_answer(number, to),
            }
        }
        match outcome.reply {
            Some(Reply::Announce(_, _, pace)) => Some(pace),
            None => None,
            other => panic!("{other:?}"),
        }
    }

    fn receive_offer(&mut self, from: usize, to: usize, offer_id: OfferId) {
        let (sender, receiver) = (
            self.clients[from].what.conduct,
            self.clients[to].what.conduct,
        );
        if sender == Conduct::Honest {
            self.spent[usize::from(receiver != Conduct::Honest)] += 1;
        }
        let sender_id = self.clients[from].peer_id;
        let answers = match receiver {
            Conduct::Honest => sender != Conduct::Junk && self.clients[to].known.insert(sender_id),
            Conduct::Liar => true,
            Conduct::Mute | Conduct::Junk => false,
        };
        if answers {
            let answer = Due::Answer {
                from: to,
                to: sender_id,
                offer_id,
            };
            self.plan(self.now + ANSWERING, answer);
        }
    }

    fn receive_answer(&mut self, from: usize, to: usize) {
        let (now, from_id) = (self.now, self.clients[from].peer_id);
        let are_honest = [from, to].map(|one| self.clients[one].what.conduct == Conduct::Honest);
        self.clients[to].known.insert(from_id);
        if are_honest == [true, true] {
            for one in [from, to] {
                self.clients[one].linked_at.get_or_insert(now);
            }
        }
    }
}

/// Returns an SDP, which only the parser can create. The tracker does not read it.
pub(super) fn any_sdp() -> Sdp<'static> {
    const ANNOUNCE: &str = r#"{"action":"announce","info_hash":"aaaaaaaaaaaaaaaaaaaa","peer_id":"bbbbbbbbbbbbbbbbbbbb","offers":[{"offer_id":"cccccccccccccccccccc","offer":{"type":"offer","sdp":"v=0"}}]}"#;
    match parse(ANNOUNCE, &BOUNDS) {
        Ok(Request::Announce(announce)) => announce.offers[0].sdp,
        other => panic!("{other:?}"),
    }
}
