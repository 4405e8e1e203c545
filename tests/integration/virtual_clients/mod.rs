//! The virtual clients of `meet`: their models, networks and figures, and what matchmaking must reach with them.

mod aims;
mod clients;
mod figures;
mod tracker;
mod world;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use swarmhub::protocol::{Event, InfoHash};

use crate::meet::client::ClientSpec;
use crate::meet::ids::{ClientId, Socket};
use crate::meet::messages::{FromTracker, Identity, Offer, Relayed, ToTracker};
use crate::meet::models::ClientKind;
use crate::meet::relay::Fate;
use crate::meet::simulation::Simulation;
use crate::meet::wire::{Incoming, Wire};
use crate::meet::world::World;

const SWARM: InfoHash = InfoHash::new([b's'; 20]);
const SECOND: Duration = Duration::from_secs(1);

/// A tracker for tests: it relays the first offer of every announce to one client that the test names.
#[derive(Default)]
struct DirectWire {
    /// The receiver of the offers of each client. The offers of others are dropped.
    receivers: BTreeMap<ClientId, ClientId>,
    identities: BTreeMap<Socket, Identity>,
    incoming: VecDeque<(Socket, Incoming)>,
    announces: Vec<(ClientId, Event, Vec<Offer>)>,
}

impl DirectWire {
    fn relaying(receivers: &[(usize, usize)]) -> Self {
        let receivers = receivers.iter();
        Self {
            receivers: receivers
                .map(|(from, to)| (ClientId(*from), ClientId(*to)))
                .collect(),
            ..Self::default()
        }
    }

    fn push(&mut self, to: Socket, message: FromTracker) {
        self.incoming.push_back((to, Incoming::Message(message)));
    }

    fn socket_of(&self, is_meant: impl Fn(&(&Socket, &Identity)) -> bool) -> Option<Socket> {
        self.identities
            .iter()
            .find(is_meant)
            .map(|(socket, _)| *socket)
    }
}

impl Wire for DirectWire {
    fn open(&mut self, socket: Socket, identity: Identity) {
        self.identities.insert(socket, identity);
        self.incoming.push_back((socket, Incoming::Opened));
    }

    fn send(&mut self, socket: Socket, message: &ToTracker, _now: Duration) {
        let from = self.identities[&socket].peer_id;
        match message {
            ToTracker::Announce { event, offers, .. } => {
                self.announces.push((socket.client, *event, offers.clone()));
                let interval = 45 * SECOND;
                self.push(socket, FromTracker::Reply { interval });
                let receiver = self.receivers.get(&socket.client).copied();
                let to = self.socket_of(|(known, _)| Some(known.client) == receiver);
                if let (Some(to), Some(offer)) = (to, offers.first()) {
                    let relayed = Relayed {
                        from,
                        offer_id: offer.offer_id,
                        sdp: offer.sdp,
                    };
                    self.push(to, FromTracker::Offer(relayed));
                }
            }
            ToTracker::Answer { to, offer_id, sdp } => {
                let relayed = Relayed {
                    from,
                    offer_id: *offer_id,
                    sdp: *sdp,
                };
                if let Some(to) = self.socket_of(|(_, identity)| identity.peer_id == *to) {
                    self.push(to, FromTracker::Answer(relayed));
                }
            }
        }
    }

    fn close(&mut self, socket: Socket) {
        self.identities.remove(&socket);
    }

    fn receive(&mut self) -> Option<(Socket, Incoming)> {
        self.incoming.pop_front()
    }
}

/// Returns a client that every other one can reach.
fn reachable(kind: ClientKind) -> ClientSpec {
    ClientSpec {
        has_open_network: true,
        ..ClientSpec::new(kind, SWARM)
    }
}

/// Creates a simulation of clients that join at these seconds.
fn simulation(
    seed: u64,
    clients: impl IntoIterator<Item = (u32, ClientSpec)>,
    wire: DirectWire,
) -> Simulation<DirectWire> {
    let mut world = World::new("test", seed, None);
    for (second, spec) in clients {
        world.add_client(SECOND * second, spec);
    }
    Simulation::new(world, wire)
}

/// Returns what became of the relayed offers.
fn fates<W>(simulation: &Simulation<W>) -> Vec<Fate> {
    let relays = simulation.world.relays.iter();
    relays.map(|relay| relay.fate).collect()
}
