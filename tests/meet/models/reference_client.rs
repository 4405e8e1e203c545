//! The tracker client of webtorrent and p2p-media-loader: webtorrent/bittorrent-tracker 11,
//! `lib/client/websocket-tracker.js`.
//!
//! It makes five offers, announces when all have their candidates, and gives each up after 50 s. Each reply starts the
//! timer of the next announce anew. When the socket is lost, unanswered offers end, and it waits for minutes.

use std::collections::BTreeMap;
use std::time::Duration;

use swarmhub::protocol::{Event, OfferId};

use crate::meet::ids::PeerConnectionId;
use crate::meet::models::{AnnounceTimer, Context, Timer};

/// `announce` limits the number to this.
const OFFERS: u32 = 5;
/// `DEFAULT_ANNOUNCE_INTERVAL`: until the first reply.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);
/// `OFFER_TIMEOUT`
const OFFER_TIMEOUT: Duration = Duration::from_secs(50);
/// `RECONNECT_MINIMUM`
const RECONNECT_MIN: Duration = Duration::from_secs(10);
/// `RECONNECT_VARIANCE`: up to so much more.
const RECONNECT_VARIANCE: Duration = Duration::from_mins(5);

/// The state of the tracker client.
#[derive(Debug, Default)]
pub(crate) struct ReferenceClient {
    offers: BTreeMap<OfferId, PeerConnectionId>,
    timer: AnnounceTimer,
    interval: Duration,
    has_started: bool,
}

impl ReferenceClient {
    /// Announces on a new socket. Returns whether it is the first one.
    pub(crate) fn opened(&mut self, context: &mut Context<'_>) -> bool {
        if self.has_started {
            self.make_offers(Event::Update, context);
            return false;
        }
        self.has_started = true;
        self.make_offers(Event::Started, context);
        self.replied(DEFAULT_INTERVAL, context);
        true
    }

    /// Ends unanswered offers and plans a new socket.
    pub(crate) fn socket_lost(&mut self, context: &mut Context<'_>) {
        self.timer.stop();
        for connection in std::mem::take(&mut self.offers).into_values() {
            context.close(connection);
        }
        let variance = context.random().between(Duration::ZERO, RECONNECT_VARIANCE);
        context.set_timer(RECONNECT_MIN + variance, Timer::Reconnect);
    }

    /// Starts the timer of announces anew.
    pub(crate) fn replied(&mut self, interval: Duration, context: &mut Context<'_>) {
        self.interval = interval;
        self.timer.start(interval, context);
    }

    /// Handles its timers.
    pub(crate) fn timer(&mut self, timer: Timer, context: &mut Context<'_>) {
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
            Timer::Reconnect => context.reconnect(),
            Timer::Announce { .. } | Timer::PeerExpires(_) => {}
        }
    }

    /// Returns the connection of an answered offer, which is open no longer. `None` if the offer has expired.
    pub(crate) fn take_offer(&mut self, offer_id: OfferId) -> Option<PeerConnectionId> {
        self.offers.remove(&offer_id)
    }

    fn make_offers(&mut self, event: Event, context: &mut Context<'_>) {
        for offer in context.make_offers(OFFERS, event) {
            self.offers.insert(offer.offer_id, offer.sdp);
            context.set_timer(OFFER_TIMEOUT, Timer::OfferExpires(offer.offer_id));
        }
    }
}
