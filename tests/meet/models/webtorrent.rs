//! webtorrent in a page: webtorrent/webtorrent 2.8, `lib/torrent.js` and `lib/peer.js`.
//!
//! It knows each peer by its peer id, from the offer or answer on. A further connection to a known peer is closed,
//! whether the known one is connected or not. So two clients that send each other offers at the same time end both
//! attempts: each answer finds the own attempt running. `maxConns` does not apply to WebRTC (webtorrent issue 703).

use std::collections::BTreeMap;
use std::time::Duration;

use swarmhub::protocol::{Event, Left, PeerId};

use crate::meet::ids::PeerConnectionId;
use crate::meet::messages::{Offer, Relayed};
use crate::meet::models::reference_client::ReferenceClient;
use crate::meet::models::{ClientModel, Context, ReceivedOffer, Timer};
use crate::meet::peer_connection::ConnectionState;
use crate::meet::relay::Fate;

/// `CONNECT_TIMEOUT_WEBRTC`
const CONNECT_TIMEOUT: Duration = Duration::from_secs(25);

/// The state of one page with one torrent.
#[derive(Debug, Default)]
pub(crate) struct Webtorrent {
    tracker: ReferenceClient,
    peers: BTreeMap<PeerId, PeerConnectionId>,
}

impl Webtorrent {
    fn add_peer(&mut self, id: PeerId, connection: PeerConnectionId, context: &mut Context<'_>) {
        self.peers.insert(id, connection);
        context.set_deadline(connection, CONNECT_TIMEOUT);
    }
}

/// Returns what a torrent still has to download.
pub(crate) fn left(context: &Context<'_>) -> Left {
    if context.spec().is_seeder {
        Left::Nothing
    } else {
        Left::Something
    }
}

impl ClientModel for Webtorrent {
    fn opened(&mut self, context: &mut Context<'_>) {
        if self.tracker.opened(context) && context.spec().is_seeder {
            // `completed` contains no offers, and those of `started` still wait for their candidates. So others find
            // a seeder before it offers.
            context.announce(Event::Completed, Left::Nothing, Vec::new());
        }
    }

    fn socket_lost(&mut self, context: &mut Context<'_>) {
        self.tracker.socket_lost(context);
    }

    fn offers_ready(&mut self, event: Event, offers: Vec<Offer>, context: &mut Context<'_>) {
        let left = left(context);
        context.announce(event, left, offers);
    }

    fn replied(&mut self, interval: Duration, context: &mut Context<'_>) {
        self.tracker.replied(interval, context);
    }

    fn offered(&mut self, offer: &ReceivedOffer, context: &mut Context<'_>) {
        if context.spec().is_paused {
            context.set_relay_fate(offer.relay, Fate::Paused);
        } else if let Some(known) = self.peers.get(&offer.from) {
            let fate = context.fate_of_known(*known);
            context.set_relay_fate(offer.relay, fate);
        } else {
            let connection = context.answer(offer);
            self.add_peer(offer.from, connection, context);
        }
    }

    fn answered(&mut self, answer: &Relayed, context: &mut Context<'_>) {
        let Some(offering) = self.tracker.take_offer(answer.offer_id) else {
            context.set_fate(answer.sdp, Fate::OfferExpired);
            return;
        };
        let known = self.peers.get(&answer.from).copied();
        let refusal = if context.spec().is_paused {
            Some(Fate::Paused)
        } else {
            known.map(|known| match context.state(known) {
                ConnectionState::Connected => Fate::KnownConnected,
                ConnectionState::Connecting | ConnectionState::Closed => Fate::Crossed,
            })
        };
        if let Some(fate) = refusal {
            context.close(offering);
            context.set_fate(answer.sdp, fate);
        } else {
            self.add_peer(answer.from, offering, context);
            context.accept_answer(offering, answer.sdp);
        }
    }

    fn timer(&mut self, timer: Timer, context: &mut Context<'_>) {
        self.tracker.timer(timer, context);
    }

    fn closed(&mut self, connection: PeerConnectionId, _context: &mut Context<'_>) {
        self.peers.retain(|_, known| *known != connection);
    }
}
