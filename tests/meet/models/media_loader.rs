//! p2p-media-loader: Novage/p2p-media-loader 2, `packages/p2p-media-loader-core/src/p2p/tracker-client.ts`.
//!
//! The announces are those of the reference client. Every connection to a peer may try, and the first connected one ends
//! the others. So crossing offers do no harm.

use std::collections::BTreeMap;
use std::time::Duration;

use swarmhub::protocol::{Event, Left, PeerId};

use crate::meet::ids::PeerConnectionId;
use crate::meet::messages::{Offer, Relayed};
use crate::meet::models::reference_client::ReferenceClient;
use crate::meet::models::{ClientModel, Context, ReceivedOffer, Timer};
use crate::meet::peer_connection::ConnectionState;
use crate::meet::relay::Fate;

/// The state of one page with one stream.
#[derive(Debug, Default)]
pub(crate) struct MediaLoader {
    tracker: ReferenceClient,
    connected: BTreeMap<PeerId, PeerConnectionId>,
    /// Attempts to connect to peers that are not connected.
    attempts: BTreeMap<PeerId, Vec<PeerConnectionId>>,
}

impl MediaLoader {
    fn add_attempt(&mut self, peer: PeerId, connection: PeerConnectionId) {
        self.attempts.entry(peer).or_default().push(connection);
    }
}

impl ClientModel for MediaLoader {
    fn opened(&mut self, context: &mut Context<'_>) {
        self.tracker.opened(context);
    }

    fn socket_lost(&mut self, context: &mut Context<'_>) {
        self.tracker.socket_lost(context);
    }

    fn offers_ready(&mut self, event: Event, offers: Vec<Offer>, context: &mut Context<'_>) {
        // A stream has no end, so nothing is left or complete.
        context.announce(event, Left::Unknown, offers);
    }

    fn replied(&mut self, interval: Duration, context: &mut Context<'_>) {
        self.tracker.replied(interval, context);
    }

    fn offered(&mut self, offer: &ReceivedOffer, context: &mut Context<'_>) {
        if self.connected.contains_key(&offer.from) {
            context.set_relay_fate(offer.relay, Fate::KnownConnected);
        } else {
            let connection = context.answer(offer);
            self.add_attempt(offer.from, connection);
        }
    }

    fn answered(&mut self, answer: &Relayed, context: &mut Context<'_>) {
        let Some(offering) = self.tracker.take_offer(answer.offer_id) else {
            context.set_fate(answer.sdp, Fate::OfferExpired);
            return;
        };
        if self.connected.contains_key(&answer.from) {
            context.close(offering);
            context.set_fate(answer.sdp, Fate::KnownConnected);
        } else {
            self.add_attempt(answer.from, offering);
            context.accept_answer(offering, answer.sdp);
        }
    }

    fn timer(&mut self, timer: Timer, context: &mut Context<'_>) {
        self.tracker.timer(timer, context);
    }

    fn connected(&mut self, connection: PeerConnectionId, context: &mut Context<'_>) {
        let is_attempt = |(_, tried): &(&PeerId, &Vec<_>)| tried.contains(&connection);
        let Some(peer) = self.attempts.iter().find(is_attempt).map(|(peer, _)| *peer) else {
            return;
        };
        self.connected.insert(peer, connection);
        for other in self.attempts.remove(&peer).unwrap_or_default() {
            if other != connection && context.state(other) != ConnectionState::Closed {
                context.close(other);
            }
        }
    }

    fn closed(&mut self, connection: PeerConnectionId, _context: &mut Context<'_>) {
        self.connected.retain(|_, known| *known != connection);
        for tried in self.attempts.values_mut() {
            tried.retain(|known| *known != connection);
        }
        self.attempts.retain(|_, tried| !tried.is_empty());
    }
}
