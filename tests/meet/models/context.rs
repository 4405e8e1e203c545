//! What a model can do: send messages, open and close peer connections, set timers.

use std::time::Duration;

use swarmhub::protocol::{Event, Left, OfferId, PeerId};

use crate::meet::client::{ClientSpec, OfferBatch};
use crate::meet::ids::{ClientId, PeerConnectionId, RelayId};
use crate::meet::messages::{Offer, ToTracker};
use crate::meet::models::{ReceivedOffer, Timer};
use crate::meet::peer_connection::{ConnectionRole, ConnectionState};
use crate::meet::random::Random;
use crate::meet::relay::Fate;
use crate::meet::world::{Event as WorldEvent, World};

/// The world as one client sees it.
pub(crate) struct Context<'w> {
    world: &'w mut World,
    id: ClientId,
}

impl<'w> Context<'w> {
    /// Creates the context of a client.
    pub(crate) fn new(world: &'w mut World, id: ClientId) -> Self {
        Self { world, id }
    }

    /// Returns the time since the start of the simulation.
    pub(crate) fn now(&self) -> Duration {
        self.world.now
    }

    /// Returns the time since the client joined.
    pub(crate) fn age(&self) -> Duration {
        self.world.clients[self.id.0].stayed(self.world.now)
    }

    /// Returns what the scenario says about the client.
    pub(crate) fn spec(&self) -> &ClientSpec {
        &self.world.clients[self.id.0].spec
    }

    /// Returns its own peer id.
    pub(crate) fn peer_id(&self) -> PeerId {
        self.world.clients[self.id.0].peer_id
    }

    /// Returns the source of random numbers.
    pub(crate) fn random(&mut self) -> &mut Random {
        &mut self.world.random
    }

    /// Sets a timer.
    pub(crate) fn set_timer(&mut self, delay: Duration, timer: Timer) {
        self.world.after(delay, WorldEvent::Timer(self.id, timer));
    }

    /// Opens a new socket in place of a lost one.
    pub(crate) fn reconnect(&mut self) {
        self.world.open_socket(self.id);
    }

    /// Begins to make offers for an announce with this event. They come back when all have their candidates.
    pub(crate) fn make_offers(&mut self, count: u32, event: Event) -> Vec<Offer> {
        let batch = self.world.clients[self.id.0].batches.len();
        let offers: Vec<Offer> = (0..count)
            .map(|_| {
                let offer_id = OfferId::new(self.world.random.identifier(""));
                let role = ConnectionRole::Offering {
                    batch,
                    is_broken: false,
                };
                let sdp = self.world.open_connection(self.id, role);
                Offer { offer_id, sdp }
            })
            .collect();
        let client = &mut self.world.clients[self.id.0];
        client.record.offers_made += count;
        client.batches.push(OfferBatch {
            event,
            offers: offers.clone(),
            gathered: 0,
        });
        offers
    }

    /// Makes the description of an offer unusable.
    pub(crate) fn break_offer(&mut self, connection: PeerConnectionId) {
        if let ConnectionRole::Offering { is_broken, .. } =
            &mut self.world.connections[connection.0].role
        {
            *is_broken = true;
        }
    }

    /// Announces.
    pub(crate) fn announce(&mut self, event: Event, left: Left, offers: Vec<Offer>) {
        self.world.clients[self.id.0].record.announces += 1;
        let message = ToTracker::Announce {
            event,
            left,
            offers,
        };
        self.world.send(self.id, message);
    }

    /// Answers an offer as soon as the candidates are known.
    pub(crate) fn answer(&mut self, offer: &ReceivedOffer) -> PeerConnectionId {
        let role = ConnectionRole::Answering {
            relay: offer.relay,
            offer_id: offer.offer_id,
            to: offer.from,
        };
        self.world.open_connection(self.id, role)
    }

    /// Accepts the answer to an offer: ICE begins.
    pub(crate) fn accept_answer(
        &mut self,
        offering: PeerConnectionId,
        answering: PeerConnectionId,
    ) {
        self.world.start_ice(offering, answering);
    }

    /// Lets a peer connection fail if it is not connected after this time.
    pub(crate) fn set_deadline(&mut self, connection: PeerConnectionId, timeout: Duration) {
        self.world.set_deadline(connection, timeout);
    }

    /// Closes a peer connection.
    pub(crate) fn close(&mut self, connection: PeerConnectionId) {
        self.world.close(connection);
    }

    /// Returns the state of a peer connection.
    pub(crate) fn state(&self, connection: PeerConnectionId) -> ConnectionState {
        self.world.connection(connection).state
    }

    /// Returns how a known peer is recorded as the fate of one more offer from it.
    pub(crate) fn fate_of_known(&self, connection: PeerConnectionId) -> Fate {
        if self.state(connection) == ConnectionState::Connected {
            Fate::KnownConnected
        } else {
            Fate::KnownAttempt
        }
    }

    /// Records what became of a received offer.
    pub(crate) fn set_relay_fate(&mut self, relay: RelayId, fate: Fate) {
        self.world.set_relay_fate(relay, fate);
    }

    /// Records what became of the offer that a peer connection answers.
    pub(crate) fn set_fate(&mut self, answering: PeerConnectionId, fate: Fate) {
        self.world.set_fate(answering, fate);
    }
}
