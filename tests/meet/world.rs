//! The state of a simulation besides the models of the clients: clients, peer connections, relays and future events.

use std::time::Duration;

use swarmhub::protocol::PeerId;

use crate::meet::client::{Client, ClientSpec, Presence};
use crate::meet::event_queue::EventQueue;
use crate::meet::ids::{ClientId, PeerConnectionId, RelayId, Socket};
use crate::meet::messages::{FromTracker, ToTracker};
use crate::meet::models::Timer;
use crate::meet::network::{Network, lan_address, own_address};
use crate::meet::peer_connection::{ConnectionEvent, PeerConnection};
use crate::meet::random::Random;
use crate::meet::relay::Fate;

/// What happens in a simulation.
#[derive(Debug)]
pub(crate) enum Event {
    /// A page is opened.
    Join(ClientId),
    /// A page is closed.
    Leave(ClientId),
    /// A page freezes.
    FallAsleep(ClientId),
    /// The tracker accepts the WebSocket of a client.
    Connect(Socket),
    /// The client loses its socket.
    LoseSocket(Socket),
    /// The tracker notices that a socket has closed.
    Disconnect(Socket),
    /// A message arrives at the tracker.
    Send(Socket, ToTracker),
    /// A message arrives at a client.
    Receive(Socket, FromTracker),
    /// A timer of a model ends.
    Timer(ClientId, Timer),
    Connection(PeerConnectionId, ConnectionEvent),
}

/// An offer that a client received.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OfferRelay {
    pub(crate) from: ClientId,
    pub(crate) fate: Fate,
}

/// The state of a simulation.
pub(crate) struct World {
    /// The time since its start.
    pub(crate) now: Duration,
    pub(crate) random: Random,
    /// Decides which pairs reach each other.
    pub(crate) seed: u64,
    /// Mean time until a link breaks; `None` if links last.
    pub(crate) links_last: Option<Duration>,
    pub(crate) clients: Vec<Client>,
    pub(crate) connections: Vec<PeerConnection>,
    pub(crate) relays: Vec<OfferRelay>,
    /// When two clients got a link.
    pub(crate) meetings: Vec<(Duration, ClientId, ClientId)>,
    /// How often the tracker refused a request.
    pub(crate) failures: u32,
    pub(crate) events: EventQueue<Event>,
}

/// Round trips until a WebSocket is open: TCP, TLS 1.3, and the upgrade.
const OPENING_ROUND_TRIPS: u32 = 3;

impl World {
    /// Creates a world without clients. `purpose` is the name of the scenario.
    pub(crate) fn new(purpose: &str, seed: u64, links_last: Option<Duration>) -> Self {
        Self {
            now: Duration::ZERO,
            random: Random::new(purpose, seed),
            seed,
            links_last,
            clients: Vec::new(),
            connections: Vec::new(),
            relays: Vec::new(),
            meetings: Vec::new(),
            failures: 0,
            events: EventQueue::default(),
        }
    }

    /// Adds a client that joins at this time.
    pub(crate) fn add_client(&mut self, at: Duration, spec: ClientSpec) -> ClientId {
        let id = ClientId(self.clients.len());
        let address = spec.lan.map_or_else(|| own_address(id.0), lan_address);
        let peer_id = PeerId::new(self.random.identifier(spec.kind.peer_id_prefix()));
        let network = Network::new(address, spec.has_open_network, &mut self.random);
        self.clients.push(Client::new(id, spec, peer_id, network));
        self.events.add(at, Event::Join(id));
        id
    }

    /// Adds an event that happens after this time.
    pub(crate) fn after(&mut self, delay: Duration, event: Event) {
        self.events.add(self.now + delay, event);
    }

    /// Returns the client of a peer connection.
    pub(crate) fn owner(&self, id: PeerConnectionId) -> &Client {
        &self.clients[self.connection(id).owner.0]
    }

    /// A page is opened: it connects, and its end is planned.
    pub(crate) fn join(&mut self, id: ClientId) {
        let now = self.now;
        let client = &mut self.clients[id.0];
        client.presence = Presence::Awake;
        client.record.joined_at = Some(now);
        client.record.alone_since = now;
        let (sleeps_after, leaves_after) = (client.spec.sleeps_after, client.spec.leaves_after);
        if let Some(delay) = sleeps_after {
            self.after(delay, Event::FallAsleep(id));
        }
        if let Some(delay) = leaves_after {
            self.after(delay, Event::Leave(id));
        }
        self.open_socket(id);
    }

    /// Opens a new WebSocket.
    pub(crate) fn open_socket(&mut self, id: ClientId) {
        let client = &mut self.clients[id.0];
        client.sockets_opened += 1;
        let socket = Socket {
            client: id,
            serial: client.sockets_opened,
        };
        client.socket = Some(socket);
        let delay = client.network.latency * 2 * OPENING_ROUND_TRIPS;
        self.after(delay, Event::Connect(socket));
    }

    /// A page is closed: its connections end, and its socket closes with a close frame.
    pub(crate) fn leave(&mut self, id: ClientId) {
        let now = self.now;
        let client = &mut self.clients[id.0];
        if client.presence == Presence::Gone {
            return;
        }
        client.presence = Presence::Gone;
        client.record.left_at = Some(now);
        client.count_alone(now);
        let latency = client.network.latency;
        if let Some(socket) = client.socket.take() {
            self.after(latency, Event::Disconnect(socket));
        }
        for connection in self.clients[id.0].connections.clone() {
            self.close(connection);
        }
    }

    /// A page freezes. Its links are of no use any more, but nobody notices.
    pub(crate) fn fall_asleep(&mut self, id: ClientId) {
        let client = &mut self.clients[id.0];
        if client.presence == Presence::Awake {
            client.presence = Presence::Asleep;
            for connection in client.connections.clone() {
                self.unlink(connection);
            }
        }
    }

    /// Sends a message from a client to the tracker, if it has a socket.
    pub(crate) fn send(&mut self, id: ClientId, message: ToTracker) {
        let client = &self.clients[id.0];
        let latency = client.network.latency;
        if let Some(socket) = client.socket {
            self.after(latency, Event::Send(socket, message));
        }
    }

    /// Records an offer that has arrived.
    pub(crate) fn record_relay(&mut self, from: ClientId, to: ClientId, fate: Fate) -> RelayId {
        let now = self.now;
        self.clients[to.0].record.offers_received_at.push(now);
        self.relays.push(OfferRelay { from, fate });
        RelayId(self.relays.len() - 1)
    }

    /// Records what became of an offer, unless that is known already.
    pub(crate) fn set_relay_fate(&mut self, relay: RelayId, fate: Fate) {
        let known = &mut self.relays[relay.0].fate;
        if known.is_open() {
            *known = fate;
        }
    }
}
