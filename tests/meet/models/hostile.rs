//! Clients that waste the offers of others: liars, which answer every offer and never connect, and mute ones, which
//! never answer.
//!
//! To the tracker both look like webtorrent in a page: ids and announces are the same.

use std::time::Duration;

use swarmhub::protocol::{Event, Left};

use crate::meet::messages::{Offer, Relayed};
use crate::meet::models::reference_client::ReferenceClient;
use crate::meet::models::{ClientModel, Context, ReceivedOffer, Timer};
use crate::meet::relay::Fate;

/// The state of one hostile client.
#[derive(Debug)]
pub(crate) struct Hostile {
    tracker: ReferenceClient,
    answers: bool,
}

impl Hostile {
    /// Creates a client that answers every offer.
    pub(crate) fn liar() -> Self {
        Self {
            tracker: ReferenceClient::default(),
            answers: true,
        }
    }

    /// Creates a client that never answers.
    pub(crate) fn mute() -> Self {
        Self {
            answers: false,
            ..Self::liar()
        }
    }
}

impl ClientModel for Hostile {
    fn opened(&mut self, context: &mut Context<'_>) {
        self.tracker.opened(context);
    }

    fn offers_ready(&mut self, event: Event, offers: Vec<Offer>, context: &mut Context<'_>) {
        context.announce(event, Left::Something, offers);
    }

    fn replied(&mut self, interval: Duration, context: &mut Context<'_>) {
        self.tracker.replied(interval, context);
    }

    fn offered(&mut self, offer: &ReceivedOffer, context: &mut Context<'_>) {
        if self.answers {
            context.answer(offer);
        } else {
            context.set_relay_fate(offer.relay, Fate::NeverAnswers);
        }
    }

    fn answered(&mut self, answer: &Relayed, context: &mut Context<'_>) {
        match self.tracker.take_offer(answer.offer_id) {
            // The other side waits for ICE, in vain.
            Some(offering) => context.accept_answer(offering, answer.sdp),
            None => context.set_fate(answer.sdp, Fate::OfferExpired),
        }
    }

    fn timer(&mut self, timer: Timer, context: &mut Context<'_>) {
        self.tracker.timer(timer, context);
    }
}
