//! Peer connections: how an offer and its answer become a connection of two clients, and how it ends.
//!
//! Each side has a peer connection of its own. A side is connected when ICE has succeeded for it; the two clients have
//! a link when both sides are.

use std::time::Duration;

use swarmhub::protocol::{OfferId, PeerId};

use crate::meet::client::Presence;
use crate::meet::ids::{ClientId, PeerConnectionId, RelayId};
use crate::meet::network;
use crate::meet::relay::Fate;
use crate::meet::world::{Event, World};

/// ICE that does not succeed fails after this time.
pub(crate) const ICE_TIMEOUT: Duration = Duration::from_secs(15);

/// One side of a connection.
#[derive(Debug)]
pub(crate) struct PeerConnection {
    pub(crate) owner: ClientId,
    pub(crate) role: ConnectionRole,
    pub(crate) state: ConnectionState,
    /// The other side, once the offering one has received the answer.
    other: Option<PeerConnectionId>,
    is_linked: bool,
}

/// Which side it is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ConnectionRole {
    Offering {
        /// The number of the batch of its client.
        batch: usize,
        /// The description is unusable: every receiver fails to read it.
        is_broken: bool,
    },
    Answering {
        relay: RelayId,
        offer_id: OfferId,
        to: PeerId,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectionState {
    Connecting,
    Connected,
    Closed,
}

/// What happens to a peer connection.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ConnectionEvent {
    /// All candidates are known: the description can be sent.
    Gathered,
    /// ICE has succeeded, as the offering side sees it.
    IceDone,
    /// ICE has succeeded, as the answering side sees it.
    IceConfirmed,
    /// It fails if it is not connected by now.
    Deadline,
    /// The other side has closed the connection, or the network has ended it.
    Lost,
}

impl World {
    /// Creates a peer connection that begins to gather candidates.
    pub(crate) fn open_connection(
        &mut self,
        owner: ClientId,
        role: ConnectionRole,
    ) -> PeerConnectionId {
        let id = PeerConnectionId(self.connections.len());
        self.connections.push(PeerConnection {
            owner,
            role,
            state: ConnectionState::Connecting,
            other: None,
            is_linked: false,
        });
        let client = &mut self.clients[owner.0];
        client.connections.insert(id);
        let gathering = client.network.gathering_time(&mut self.random);
        self.after(gathering, Event::Connection(id, ConnectionEvent::Gathered));
        id
    }

    /// Returns a peer connection.
    pub(crate) fn connection(&self, id: PeerConnectionId) -> &PeerConnection {
        &self.connections[id.0]
    }

    /// Lets a peer connection fail if it is not connected after this time.
    pub(crate) fn set_deadline(&mut self, id: PeerConnectionId, timeout: Duration) {
        self.after(timeout, Event::Connection(id, ConnectionEvent::Deadline));
    }

    /// Starts ICE: the offering side has received the answer.
    pub(crate) fn start_ice(&mut self, offering: PeerConnectionId, answering: PeerConnectionId) {
        self.connections[offering.0].other = Some(answering);
        self.connections[answering.0].other = Some(offering);
        self.set_deadline(offering, ICE_TIMEOUT);
        let [one, other] = [offering, answering].map(|id| self.owner(id));
        let may_connect = ![one, other]
            .iter()
            .any(|client| client.spec.kind.is_hostile());
        let peer_ids = [one.peer_id.as_bytes(), other.peer_id.as_bytes()];
        let reaches = one.network.reaches(&other.network, peer_ids, self.seed);
        if !may_connect || !reaches || network::attempt_fails(&mut self.random) {
            self.set_fate(answering, Fate::IceFailed);
        } else {
            let duration = network::ice_duration(&mut self.random);
            self.after(
                duration,
                Event::Connection(offering, ConnectionEvent::IceDone),
            );
        }
    }

    /// ICE has succeeded for the offering side. Returns whether it is connected now.
    pub(crate) fn finish_ice(&mut self, offering: PeerConnectionId) -> bool {
        let both = [Some(offering), self.connection(offering).other];
        let is_ready = |id: PeerConnectionId| {
            self.connection(id).state != ConnectionState::Closed
                && self.owner(id).presence == Presence::Awake
        };
        let [Some(_), Some(answering)] = both.map(|id| id.filter(|id| is_ready(*id))) else {
            self.set_fate(offering, Fate::ClosedDuringIce);
            return false;
        };
        let delay = network::peer_latency(&mut self.random);
        let confirmed = Event::Connection(answering, ConnectionEvent::IceConfirmed);
        self.after(delay, confirmed);
        self.connect(offering)
    }

    /// Connects one side, unless either has closed. Returns whether it is connected now.
    pub(crate) fn connect(&mut self, id: PeerConnectionId) -> bool {
        let Some(other) = self.connection(id).other else {
            return false;
        };
        let states = [id, other].map(|id| self.connection(id).state);
        if states.contains(&ConnectionState::Closed) {
            self.set_fate(id, Fate::DoubleConnection);
            return false;
        }
        self.connections[id.0].state = ConnectionState::Connected;
        if states[1] == ConnectionState::Connected {
            self.link(id, other);
        }
        true
    }

    /// Closes a peer connection, without notice to the model of its client. The other side notices soon. Returns
    /// whether it was open.
    pub(crate) fn close(&mut self, id: PeerConnectionId) -> bool {
        let state = self.connection(id).state;
        if state == ConnectionState::Closed {
            return false;
        }
        self.unlink(id);
        let connection = &mut self.connections[id.0];
        connection.state = ConnectionState::Closed;
        let other = connection.other;
        self.clients[connection.owner.0].connections.remove(&id);
        if let Some(other) = other.filter(|_| state == ConnectionState::Connected) {
            let delay = network::peer_latency(&mut self.random);
            self.after(delay, Event::Connection(other, ConnectionEvent::Lost));
        }
        true
    }

    /// Counts the link of two connected sides.
    fn link(&mut self, id: PeerConnectionId, other: PeerConnectionId) {
        self.set_fate(id, Fate::Met);
        let now = self.now;
        let [one, two] = [id, other].map(|id| self.connection(id).owner);
        self.connections[id.0].is_linked = true;
        self.connections[other.0].is_linked = true;
        self.clients[one.0].add_link(two, now);
        self.clients[two.0].add_link(one, now);
        self.meetings.push((now, one, two));
        if let Some(mean) = self.links_last {
            let lasts = self.random.exponential(mean);
            for side in [id, other] {
                self.after(lasts, Event::Connection(side, ConnectionEvent::Lost));
            }
        }
    }

    /// Counts the link no longer: one side has closed, or is of no use any more.
    pub(crate) fn unlink(&mut self, id: PeerConnectionId) {
        let connection = &mut self.connections[id.0];
        let Some(other) = connection.other.filter(|_| connection.is_linked) else {
            return;
        };
        connection.is_linked = false;
        self.connections[other.0].is_linked = false;
        let now = self.now;
        let [one, two] = [id, other].map(|id| self.connection(id).owner);
        self.clients[one.0].remove_link(two, now);
        self.clients[two.0].remove_link(one, now);
    }

    /// Records what became of the offer that led to a peer connection of either side.
    pub(crate) fn set_fate(&mut self, id: PeerConnectionId, fate: Fate) {
        let connection = self.connection(id);
        let sides = [Some(id), connection.other].into_iter().flatten();
        let relay_of = |side: PeerConnectionId| match self.connection(side).role {
            ConnectionRole::Answering { relay, .. } => Some(relay),
            ConnectionRole::Offering { .. } => None,
        };
        let relay = sides.into_iter().find_map(relay_of);
        if let Some(relay) = relay {
            self.set_relay_fate(relay, fate);
        }
    }
}
