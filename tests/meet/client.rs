//! A client as a scenario describes it, and what happens to it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use swarmhub::protocol::{Event, InfoHash, PeerId};

use crate::meet::ids::{ClientId, PeerConnectionId, Socket};
use crate::meet::messages::{Identity, Offer};
use crate::meet::models::ClientKind;
use crate::meet::network::Network;

/// What a scenario says about a client.
#[derive(Debug, Clone)]
pub(crate) struct ClientSpec {
    pub(crate) kind: ClientKind,
    pub(crate) swarm: InfoHash,
    pub(crate) is_seeder: bool,
    /// Every client with an open network reaches every other one.
    pub(crate) has_open_network: bool,
    /// The LAN whose address it has; else it has an address of its own.
    pub(crate) lan: Option<u8>,
    /// The name under which it is measured. If any client of a scenario has one, those without are not measured.
    pub(crate) group: Option<String>,
    /// When the page freezes, after it joined: the browser keeps its socket, and no script runs any more.
    pub(crate) sleeps_after: Option<Duration>,
    /// When the page is closed, after it joined.
    pub(crate) leaves_after: Option<Duration>,
    /// A paused torrent: it announces, and closes every new connection.
    pub(crate) is_paused: bool,
    /// Mean time until its socket is lost.
    pub(crate) socket_lasts: Option<Duration>,
}

impl ClientSpec {
    /// Describes a leecher that stays awake to the end.
    pub(crate) fn new(kind: ClientKind, swarm: InfoHash) -> Self {
        Self {
            kind,
            swarm,
            is_seeder: false,
            has_open_network: false,
            lan: None,
            group: None,
            sleeps_after: None,
            leaves_after: None,
            is_paused: false,
            socket_lasts: None,
        }
    }

    /// Names the group under which it is measured.
    pub(crate) fn in_group(self, group: &str) -> Self {
        Self {
            group: Some(group.to_owned()),
            ..self
        }
    }
}

/// Whether a page is open and runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// It has not joined yet.
    Expected,
    Awake,
    Asleep,
    Gone,
}

/// Offers that are made for one announce; it is sent when all of them have their candidates.
#[derive(Debug)]
pub(crate) struct OfferBatch {
    pub(crate) event: Event,
    pub(crate) offers: Vec<Offer>,
    pub(crate) gathered: usize,
}

/// The state of one client.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: ClientId,
    pub(crate) spec: ClientSpec,
    pub(crate) peer_id: PeerId,
    pub(crate) network: Network,
    pub(crate) presence: Presence,
    /// The current socket; `None` until it is open, and after it was lost.
    pub(crate) socket: Option<Socket>,
    pub(crate) sockets_opened: u32,
    /// Peer connections that are not closed.
    pub(crate) connections: BTreeSet<PeerConnectionId>,
    pub(crate) batches: Vec<OfferBatch>,
    /// The connected clients, each with the number of connections to it.
    pub(crate) links: BTreeMap<ClientId, u32>,
    pub(crate) record: ClientRecord,
}

/// What is measured of one client. Times count from the start of the simulation.
#[derive(Debug, Default)]
pub(crate) struct ClientRecord {
    pub(crate) joined_at: Option<Duration>,
    pub(crate) left_at: Option<Duration>,
    /// When it was connected to so many clients for the first time; index 0 is one client.
    pub(crate) linked_at: Vec<Duration>,
    /// Time without any link, up to `alone_since`.
    pub(crate) alone: Duration,
    pub(crate) alone_since: Duration,
    pub(crate) announces: u32,
    pub(crate) offers_made: u32,
    pub(crate) offers_received_at: Vec<Duration>,
}

impl Client {
    /// Creates a client that has not joined yet.
    pub(crate) fn new(id: ClientId, spec: ClientSpec, peer_id: PeerId, network: Network) -> Self {
        Self {
            id,
            spec,
            peer_id,
            network,
            presence: Presence::Expected,
            socket: None,
            sockets_opened: 0,
            connections: BTreeSet::new(),
            batches: Vec::new(),
            links: BTreeMap::new(),
            record: ClientRecord::default(),
        }
    }

    /// Returns the sender of the messages of its sockets.
    pub(crate) fn identity(&self) -> Identity {
        Identity {
            info_hash: self.spec.swarm,
            peer_id: self.peer_id,
            address: self.network.address,
        }
    }

    /// Adds up the time without links. Must be called before and after they change, and at the end.
    pub(crate) fn count_alone(&mut self, now: Duration) {
        if self.links.is_empty() {
            self.record.alone += now.saturating_sub(self.record.alone_since);
        }
        self.record.alone_since = now;
    }

    /// Adds a connection to another client.
    pub(crate) fn add_link(&mut self, other: ClientId, now: Duration) {
        self.count_alone(now);
        *self.links.entry(other).or_default() += 1;
        if self.links.len() > self.record.linked_at.len() {
            self.record.linked_at.push(now);
        }
    }

    /// Removes a connection to another client.
    pub(crate) fn remove_link(&mut self, other: ClientId, now: Duration) {
        self.count_alone(now);
        if let Some(count) = self.links.get_mut(&other) {
            *count -= 1;
            if *count == 0 {
                self.links.remove(&other);
            }
        }
    }

    /// Returns how long it was there, until `now` at most.
    pub(crate) fn stayed(&self, now: Duration) -> Duration {
        let record = &self.record;
        record.joined_at.map_or(Duration::ZERO, |joined_at| {
            record.left_at.unwrap_or(now).saturating_sub(joined_at)
        })
    }

    /// Returns when it was connected to `count` clients for the first time, since it joined.
    pub(crate) fn time_to_links(&self, count: usize) -> Option<Duration> {
        let linked_at = self.record.linked_at.get(count.checked_sub(1)?)?;
        Some(linked_at.saturating_sub(self.record.joined_at?))
    }
}
