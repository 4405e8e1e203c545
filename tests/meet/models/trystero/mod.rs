//! A page with trystero 0.25.4: dmotz/trystero, `packages/torrent/src/index.ts` and
//! `packages/core/src/{strategy,signal-handler,offer-pool}.ts`.
//!
//! It keeps three offers, and repeats them with the same ids until they are claimed or two minutes old. It announces
//! four times within the first seconds, then at the interval of the tracker within its own bounds. Of two peers only
//! the one with the lower peer id may offer: the other direction is ignored, because the receiver nearly always has
//! offers of its own.

mod peer;

use std::collections::BTreeMap;
use std::time::Duration;

use swarmhub::protocol::{Event, Left, OfferId, PeerId};

use crate::meet::ids::PeerConnectionId;
use crate::meet::messages::{Offer, Relayed};
use crate::meet::models::{AnnounceTimer, ClientModel, Context, ReceivedOffer, Timer};
use crate::meet::relay::Fate;
use peer::{Answering, Peer};

/// Offers that it keeps.
const OFFERS: usize = 3;
/// `announceWarmupIntervalsMs`
const WARM_UP: [Duration; 3] = [
    Duration::from_millis(233),
    Duration::from_millis(533),
    Duration::from_millis(1_333),
];
/// `defaultAnnounceMs` and `offerRetentionMs`: bounds of the interval.
const INTERVAL: [Duration; 2] = [Duration::from_secs(10), Duration::from_mins(2)];
/// `offerRetentionMs`
const OFFER_RETENTION: Duration = Duration::from_mins(2);
/// `signalDedupeWindowMs`
const DEDUPE_WINDOW: Duration = Duration::from_secs(4);
/// `answeringTtlMs`
const ANSWERING_TTL: Duration = Duration::from_millis(23_333);
/// `offerTtl`: an offer of the pool that is older when it is used is made anew. In Chromium the new description lacks
/// its data section, and no receiver can use it.
const POOL_TTL: Duration = Duration::from_millis(57_333);

/// The state of one page in one room.
#[derive(Debug, Default)]
pub(crate) struct Trystero {
    timer: AnnounceTimer,
    interval: Duration,
    announces: usize,
    /// Offers that nobody has claimed, with the time of their creation: oldest first, as they are announced. The first
    /// ones go to the receivers that the tracker likes best.
    outstanding: Vec<(Offer, Duration)>,
    /// Announces that wait until offers are ready; `None` if no offers are being made.
    waiting: Option<u32>,
    peers: BTreeMap<PeerId, Peer>,
    /// When it handled an offer (true) or answer last.
    handled_at: BTreeMap<(bool, OfferId, PeerId), Duration>,
}

impl Trystero {
    /// Announces its offers, after it has made those that are missing.
    fn announce(&mut self, context: &mut Context<'_>) {
        let now = context.now();
        self.outstanding.retain(|(offer, created_at)| {
            let is_fresh = now.saturating_sub(*created_at) <= OFFER_RETENTION;
            if !is_fresh {
                context.close(offer.sdp);
            }
            is_fresh
        });
        let missing = OFFERS.saturating_sub(self.outstanding.len());
        match &mut self.waiting {
            _ if missing == 0 => self.send_offers(context),
            Some(waiting) => *waiting += 1,
            None => {
                self.waiting = Some(0);
                let missing = u32::try_from(missing).unwrap_or_default();
                context.make_offers(missing, Event::Update);
            }
        }
    }

    fn send_offers(&self, context: &mut Context<'_>) {
        let offers = self.outstanding.iter().map(|(offer, _)| *offer);
        context.announce(Event::Update, Left::Unknown, offers.collect());
    }

    /// Announces, and plans the next time.
    fn announce_and_continue(&mut self, context: &mut Context<'_>) {
        self.announce(context);
        let delay = WARM_UP.get(self.announces).copied();
        self.announces += 1;
        self.timer.start(delay.unwrap_or(self.interval), context);
    }

    /// Returns whether the same message was handled a moment ago.
    fn is_repeated(&mut self, key: (bool, OfferId, PeerId), now: Duration) -> bool {
        let before = self.handled_at.get(&key);
        let is_repeated = before.is_some_and(|before| now.saturating_sub(*before) < DEDUPE_WINDOW);
        if !is_repeated {
            self.handled_at.insert(key, now);
        }
        is_repeated
    }

    /// Returns why an offer is ignored.
    fn refusal(&mut self, offer: &ReceivedOffer, context: &Context<'_>) -> Option<Fate> {
        if self.is_repeated((true, offer.offer_id, offer.from), context.now()) {
            return Some(Fate::Repeated);
        }
        let peer = self.peers.entry(offer.from).or_default();
        if peer.connected.is_some() {
            Some(Fate::KnownConnected)
        } else if peer.answering.is_some() {
            Some(Fate::KnownAttempt)
        } else if !self.outstanding.is_empty() && context.peer_id() < offer.from {
            Some(Fate::WrongDirection)
        } else if offer.is_broken {
            peer.answering = Some(Answering::BrokenOffer);
            Some(Fate::BrokenOffer)
        } else {
            None
        }
    }
}

impl ClientModel for Trystero {
    fn opened(&mut self, context: &mut Context<'_>) {
        self.interval = INTERVAL[0];
        self.announce_and_continue(context);
    }

    fn offers_ready(&mut self, _: Event, offers: Vec<Offer>, context: &mut Context<'_>) {
        for offer in offers {
            if context.age() > POOL_TTL {
                context.break_offer(offer.sdp);
            }
            self.outstanding.push((offer, context.now()));
        }
        self.send_offers(context);
        for _ in 0..self.waiting.take().unwrap_or_default() {
            self.announce(context);
        }
    }

    fn replied(&mut self, interval: Duration, _: &mut Context<'_>) {
        let [low, high] = INTERVAL;
        self.interval = interval.clamp(low, high);
    }

    fn offered(&mut self, offer: &ReceivedOffer, context: &mut Context<'_>) {
        if let Some(fate) = self.refusal(offer, context) {
            context.set_relay_fate(offer.relay, fate);
            if fate == Fate::BrokenOffer {
                context.set_timer(ANSWERING_TTL, Timer::PeerExpires(offer.from));
            }
            return;
        }
        let connection = context.answer(offer);
        context.set_deadline(connection, ANSWERING_TTL);
        let peer = self.peers.entry(offer.from).or_default();
        peer.answering = Some(Answering::Connection(connection));
    }

    fn answered(&mut self, answer: &Relayed, context: &mut Context<'_>) {
        let is_repeated = self.is_repeated((false, answer.offer_id, answer.from), context.now());
        let is_meant = |(offer, _): &(Offer, _)| offer.offer_id == answer.offer_id;
        let claimed = self.outstanding.iter().position(is_meant);
        let Some(index) = claimed.filter(|_| !is_repeated) else {
            context.set_fate(answer.sdp, Fate::OfferExpired);
            return;
        };
        let (Offer { sdp: offering, .. }, _) = self.outstanding.remove(index);
        let peer = self.peers.entry(answer.from).or_default();
        if peer.connected.is_some() {
            context.close(offering);
            context.set_fate(answer.sdp, Fate::KnownConnected);
        } else {
            peer.offering.push(offering);
            context.accept_answer(offering, answer.sdp);
        }
    }

    fn timer(&mut self, timer: Timer, context: &mut Context<'_>) {
        match timer {
            Timer::Announce { start } if self.timer.is_current(start) => {
                self.announce_and_continue(context);
            }
            Timer::PeerExpires(peer) => {
                let peer = self.peers.entry(peer).or_default();
                if peer.answering == Some(Answering::BrokenOffer) {
                    peer.answering = None;
                }
            }
            Timer::Announce { .. } | Timer::OfferExpires(_) | Timer::Reconnect => {}
        }
    }

    fn connected(&mut self, connection: PeerConnectionId, context: &mut Context<'_>) {
        let mut peers = self.peers.values_mut();
        let Some(peer) = peers.find(|peer| peer.has_attempt(connection)) else {
            return;
        };
        peer.answering = None;
        peer.offering.retain(|offering| *offering != connection);
        if peer.connected.is_some() {
            context.close(connection);
        } else {
            peer.connected = Some(connection);
        }
    }

    fn closed(&mut self, connection: PeerConnectionId, _: &mut Context<'_>) {
        for peer in self.peers.values_mut() {
            peer.forget(connection);
        }
    }
}
