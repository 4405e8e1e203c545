//! Runs a simulation: lets each event happen, and passes what a client notices to its model.
//!
//! It does not know how messages reach the tracker: a [`Wire`] does. In virtual time it runs as fast as it can; with a
//! tracker behind sockets its owner calls [`Simulation::advance_to`] as time passes.

use std::time::Duration;

use crate::meet::client::Presence;
use crate::meet::ids::{ClientId, PeerConnectionId, Socket};
use crate::meet::messages::{FromTracker, Relayed, ToTracker};
use crate::meet::models::{ClientModel, Context, ReceivedOffer};
use crate::meet::peer_connection::{ConnectionEvent, ConnectionRole, ConnectionState, ICE_TIMEOUT};
use crate::meet::relay::Fate;
use crate::meet::wire::{Incoming, Wire};
use crate::meet::world::{Event, World};

/// When a tracker notices that a client has vanished without closing its socket: `connection.dead_after`.
const DEAD_AFTER: Duration = Duration::from_mins(2);
/// Share of lost sockets whose loss the tracker notices at once.
const NOTICED_LOSSES: f64 = 0.5;
const TICK: Duration = Duration::from_secs(1);

/// A simulation of clients and their tracker.
pub(crate) struct Simulation<W> {
    pub(crate) world: World,
    pub(crate) wire: W,
    models: Vec<Box<dyn ClientModel>>,
    next_tick: Duration,
}

impl<W: Wire> Simulation<W> {
    /// Creates a simulation of the clients of a world.
    pub(crate) fn new(world: World, wire: W) -> Self {
        let models = world.clients.iter().map(|client| client.spec.kind.model());
        Self {
            models: models.collect(),
            world,
            wire,
            next_tick: TICK,
        }
    }

    /// Lets everything happen until `end`, as far as the tracker's messages are known by now. Returns the time of the
    /// earliest event that has happened.
    pub(crate) fn advance_to(&mut self, end: Duration) -> Option<Duration> {
        let mut first = None;
        while let Some(at) = self.world.events.next_at().filter(|at| *at <= end) {
            while self.next_tick <= at {
                self.wire.tick(self.next_tick);
                self.next_tick += TICK;
            }
            if let Some((at, event)) = self.world.events.pop_until(end) {
                first.get_or_insert(at);
                self.world.now = at;
                self.handle(event);
            }
            self.take_incoming();
        }
        self.world.now = end;
        self.take_incoming();
        first
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Join(client) => self.world.join(client),
            Event::Leave(client) => self.world.leave(client),
            Event::FallAsleep(client) => self.world.fall_asleep(client),
            Event::Connect(socket) => {
                let client = &self.world.clients[socket.client.0];
                if client.socket == Some(socket) {
                    self.wire.open(socket, client.identity());
                }
            }
            Event::LoseSocket(socket) => self.lose_socket(socket),
            Event::Disconnect(socket) => self.wire.close(socket),
            Event::Send(socket, message) => {
                self.wire.send(socket, &message, self.world.now);
            }
            Event::Receive(socket, message) => self.receive(socket, message),
            Event::Timer(client, timer) => {
                self.with_model(client, |model, context| model.timer(timer, context));
            }
            Event::Connection(id, event) => self.handle_connection(id, event),
        }
    }

    /// Calls the model of a client, if its page is awake.
    fn with_model(
        &mut self,
        client: ClientId,
        call: impl FnOnce(&mut dyn ClientModel, &mut Context<'_>),
    ) {
        if self.world.clients[client.0].presence == Presence::Awake {
            let model = &mut *self.models[client.0];
            call(model, &mut Context::new(&mut self.world, client));
        }
    }

    fn take_incoming(&mut self) {
        while let Some((socket, incoming)) = self.wire.receive() {
            match incoming {
                Incoming::Opened => self.opened(socket),
                Incoming::Message(message) => {
                    let latency = self.world.clients[socket.client.0].network.latency;
                    self.world.after(latency, Event::Receive(socket, message));
                }
            }
        }
    }

    fn opened(&mut self, socket: Socket) {
        let client = &self.world.clients[socket.client.0];
        if client.socket != Some(socket) {
            return;
        }
        if let Some(mean) = client.spec.socket_lasts {
            let lasts = self.world.random.exponential(mean);
            self.world.after(lasts, Event::LoseSocket(socket));
        }
        self.with_model(socket.client, |model, context| model.opened(context));
    }

    fn lose_socket(&mut self, socket: Socket) {
        let client = &mut self.world.clients[socket.client.0];
        if client.presence != Presence::Awake || client.socket != Some(socket) {
            return;
        }
        client.socket = None;
        let latency = client.network.latency;
        let is_noticed = self.world.random.chance(NOTICED_LOSSES);
        let delay = if is_noticed { latency } else { DEAD_AFTER };
        self.world.after(delay, Event::Disconnect(socket));
        self.with_model(socket.client, |model, context| model.socket_lost(context));
    }

    fn receive(&mut self, socket: Socket, message: FromTracker) {
        let client = &self.world.clients[socket.client.0];
        if client.presence == Presence::Gone {
            return;
        }
        let is_lost = client.socket != Some(socket);
        let is_asleep = client.presence == Presence::Asleep;
        if let FromTracker::Offer(offer) = message {
            let fate = match (is_lost, is_asleep) {
                (true, _) => Fate::SocketLost,
                (false, true) => Fate::Asleep,
                (false, false) => Fate::Unfinished,
            };
            self.receive_offer(socket.client, &offer, fate);
        } else if !is_lost {
            match message {
                FromTracker::Reply { interval } => {
                    self.with_model(socket.client, |model, context| {
                        model.replied(interval, context);
                    });
                }
                FromTracker::Answer(answer) => {
                    self.with_model(socket.client, |model, context| {
                        model.answered(&answer, context);
                    });
                }
                FromTracker::Failure => self.world.failures += 1,
                FromTracker::Offer(_) => {}
            }
        }
    }

    fn receive_offer(&mut self, client: ClientId, offer: &Relayed, fate: Fate) {
        let described = self.world.connection(offer.sdp);
        let is_broken = matches!(
            described.role,
            ConnectionRole::Offering {
                is_broken: true,
                ..
            }
        );
        let relay = self.world.record_relay(described.owner, client, fate);
        let received = ReceivedOffer {
            from: offer.from,
            offer_id: offer.offer_id,
            relay,
            is_broken,
        };
        if fate == Fate::Unfinished {
            self.with_model(client, |model, context| model.offered(&received, context));
        }
    }

    fn handle_connection(&mut self, id: PeerConnectionId, event: ConnectionEvent) {
        let connection = self.world.connection(id);
        let (owner, state) = (connection.owner, connection.state);
        match event {
            ConnectionEvent::Gathered => self.gathered(id),
            ConnectionEvent::IceDone => {
                if self.world.finish_ice(id) {
                    self.with_model(owner, |model, context| model.connected(id, context));
                }
            }
            ConnectionEvent::IceConfirmed => {
                if self.world.connect(id) {
                    self.with_model(owner, |model, context| model.connected(id, context));
                }
            }
            ConnectionEvent::Deadline if state != ConnectionState::Connecting => {}
            ConnectionEvent::Deadline | ConnectionEvent::Lost => {
                if self.world.close(id) {
                    self.with_model(owner, |model, context| model.closed(id, context));
                }
            }
        }
    }

    /// All candidates of a connection are known: its description is sent.
    fn gathered(&mut self, id: PeerConnectionId) {
        let connection = self.world.connection(id);
        let (owner, role) = (connection.owner, connection.role);
        let is_awake = self.world.clients[owner.0].presence == Presence::Awake;
        if connection.state == ConnectionState::Closed || !is_awake {
            return;
        }
        match role {
            ConnectionRole::Offering { batch, .. } => {
                let batch = &mut self.world.clients[owner.0].batches[batch];
                batch.gathered += 1;
                if batch.gathered == batch.offers.len() {
                    let (event, offers) = (batch.event, std::mem::take(&mut batch.offers));
                    self.with_model(owner, |model, context| {
                        model.offers_ready(event, offers, context);
                    });
                }
            }
            ConnectionRole::Answering {
                relay,
                offer_id,
                to,
            } => {
                self.world.set_relay_fate(relay, Fate::Answered);
                let sdp = id;
                self.world
                    .send(owner, ToTracker::Answer { to, offer_id, sdp });
                // ICE begins on this side at once.
                self.world.set_deadline(id, ICE_TIMEOUT);
            }
        }
    }
}
