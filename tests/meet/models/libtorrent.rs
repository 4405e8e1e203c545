//! libtorrent with WebTorrent: arvidn/libtorrent,
//! `src/{rtc_signaling,websocket_tracker_connection,tracker_manager,peer_list}.cpp`.
//!
//! Ten offers an announce, which expire after two minutes. Between two announces of its own it takes as many offers as
//! it has asked for, and ten at a time. It answers a peer that it is connected to, and closes the second connection
//! when that is open.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use swarmhub::protocol::{Event, OfferId, PeerId};

use crate::meet::ids::PeerConnectionId;
use crate::meet::messages::{Offer, Relayed};
use crate::meet::models::webtorrent::left;
use crate::meet::models::{AnnounceTimer, ClientModel, Context, ReceivedOffer, Timer};
use crate::meet::peer_connection::ConnectionState;
use crate::meet::relay::Fate;

/// Offers of an announce, and accepted offers until the next one.
const OFFERS: u32 = 10;
/// Most offers that are being answered at a time.
const ANSWERING_MAX: usize = 10;
/// `webtorrent_connection_timeout`
const OFFER_TIMEOUT: Duration = Duration::from_mins(2);
/// It announces no sooner after a reply.
const INTERVAL_MIN: Duration = Duration::from_mins(1);

/// The state of one torrent.
#[derive(Debug, Default)]
pub(crate) struct Libtorrent {
    timer: AnnounceTimer,
    interval: Duration,
    offers: BTreeMap<OfferId, PeerConnectionId>,
    /// How many offers it accepts before its next announce.
    quota: u32,
    answering: BTreeSet<PeerConnectionId>,
    /// The peer of each connection that is open or being opened.
    peers: BTreeMap<PeerConnectionId, PeerId>,
    connected: BTreeMap<PeerId, PeerConnectionId>,
}

impl Libtorrent {
    fn make_offers(&mut self, event: Event, context: &mut Context<'_>) {
        for offer in context.make_offers(OFFERS, event) {
            self.offers.insert(offer.offer_id, offer.sdp);
            context.set_timer(OFFER_TIMEOUT, Timer::OfferExpires(offer.offer_id));
        }
    }
}

impl ClientModel for Libtorrent {
    fn opened(&mut self, context: &mut Context<'_>) {
        self.make_offers(Event::Started, context);
    }

    fn offers_ready(&mut self, event: Event, offers: Vec<Offer>, context: &mut Context<'_>) {
        self.quota = OFFERS;
        let left = left(context);
        context.announce(event, left, offers);
    }

    fn replied(&mut self, interval: Duration, context: &mut Context<'_>) {
        self.interval = interval.max(INTERVAL_MIN);
        self.timer.start(self.interval, context);
    }

    fn offered(&mut self, offer: &ReceivedOffer, context: &mut Context<'_>) {
        if self.quota == 0 || self.answering.len() >= ANSWERING_MAX {
            context.set_relay_fate(offer.relay, Fate::OverQuota);
            return;
        }
        self.quota -= 1;
        let connection = context.answer(offer);
        self.answering.insert(connection);
        self.peers.insert(connection, offer.from);
    }

    fn answered(&mut self, answer: &Relayed, context: &mut Context<'_>) {
        let Some(offering) = self.offers.remove(&answer.offer_id) else {
            context.set_fate(answer.sdp, Fate::OfferExpired);
            return;
        };
        self.peers.insert(offering, answer.from);
        context.accept_answer(offering, answer.sdp);
    }

    fn timer(&mut self, timer: Timer, context: &mut Context<'_>) {
        match timer {
            Timer::Announce { start } if self.timer.is_current(start) => {
                self.timer.start(self.interval, context);
                self.make_offers(Event::Update, context);
            }
            Timer::OfferExpires(offer_id) => {
                if let Some(connection) = self.offers.remove(&offer_id) {
                    context.close(connection);
                }
            }
            Timer::Announce { .. } | Timer::PeerExpires(_) | Timer::Reconnect => {}
        }
    }

    fn connected(&mut self, connection: PeerConnectionId, context: &mut Context<'_>) {
        self.answering.remove(&connection);
        let Some(peer) = self.peers.get(&connection) else {
            return;
        };
        let known = self.connected.get(peer);
        if known.is_some_and(|known| context.state(*known) != ConnectionState::Closed) {
            context.close(connection);
        } else {
            self.connected.insert(*peer, connection);
        }
    }

    fn closed(&mut self, connection: PeerConnectionId, _: &mut Context<'_>) {
        self.answering.remove(&connection);
        self.peers.remove(&connection);
    }
}
