//! The tracking rules, tested one by one on the core: real messages in, outcomes out, no sockets.
//!
//! Swarms, peers and offers have one-character names; the id is the character repeated 20 times.

mod answers;
mod http_members;
mod info_hash_lists;
mod joining;
mod lifetimes;
mod matchmaking_abuse;
mod members;
mod offers;
mod other_nodes;
mod roles;
mod scrapes;
mod workers;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use serde_json::{Value, json};
use swarmhub::limits::{QuotaUsage, SwarmQuota};
use swarmhub::protocol::{
    ConnectionId, RequestBounds, parse, write_relayed_answer, write_relayed_offer,
};
use swarmhub::swarm::{
    ExpiredMembership, Lifetimes, Matchmaking, ReceiverQuota, SwarmTotals, SweepResult,
};
use swarmhub::tracker::{AnswerFate, LimitHits, Participant, RelayKind, Reply, Rules, Tracker};

const BOUNDS: RequestBounds = RequestBounds {
    sdp_bytes_max: 1_000,
    json_depth_max: 32,
    offers_max: 20,
    scrape_hashes_max: 255,
};
const RULES: Rules = Rules {
    matchmaking: Matchmaking::Introductions,
    nearest: false,
    memberships_max: 2_000,
    peer_ids_per_swarm_max: 4,
    pending_offers_max: 256,
    full_scrape: false,
    swarms_max: usize::MAX,
    http_peers_max: usize::MAX,
    address_http_peers_per_swarm_max: usize::MAX,
    address_swarm_quota: SwarmQuota::UNLIMITED,
    receiver_quota: ReceiverQuota::UNLIMITED,
    ttl: Lifetimes {
        membership: Duration::from_mins(6),
        pending_offer: Duration::from_mins(2),
        http_membership: Duration::from_mins(30),
    },
};

/// The same with receivers chosen at random.
const RANDOM: Rules = Rules {
    matchmaking: Matchmaking::Random,
    ..RULES
};

struct World {
    tracker: Tracker,
    now: Cell<Duration>,
    rng: RefCell<SmallRng>,
    connections: Cell<u32>,
}

struct Connection<'w> {
    world: &'w World,
    id: ConnectionId,
    participant: Participant,
}

/// The outcome of a message.
#[derive(Debug)]
struct Outcome {
    reply: Option<Reply>,
    relays: Vec<Relayed>,
    answer: Option<AnswerFate>,
    limit_hits: LimitHits,
}

#[derive(Debug, PartialEq, Eq)]
struct Relayed {
    to: ConnectionId,
    kind: RelayKind,
    /// The message as the receiver parses it.
    message: Value,
}

fn id(name: char) -> [u8; 20] {
    [u8::try_from(name).expect("one byte"); 20]
}

fn text(name: char) -> String {
    name.to_string().repeat(20)
}

fn with_fields(mut message: Value, more: &Value) -> Value {
    let fields = message.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    message
}

fn announce(swarm: char, peer: char) -> Value {
    json!({"action": "announce", "info_hash": text(swarm), "peer_id": text(peer)})
}

/// Returns an `offers` field with one offer per character.
fn offers(names: &str) -> Value {
    let offer = |name| json!({"offer_id": text(name), "offer": {"type": "offer", "sdp": format!("of {name}")}});
    json!({"offers": names.chars().map(offer).collect::<Vec<_>>()})
}

fn answer(swarm: char, peer: char, to: char, offer: char) -> Value {
    let more = json!({"to_peer_id": text(to), "offer_id": text(offer), "answer": {"type": "answer", "sdp": "yes"}});
    with_fields(announce(swarm, peer), &more)
}

impl World {
    fn new(rules: Rules) -> Self {
        Self {
            tracker: Tracker::new(rules),
            now: Cell::new(Duration::from_secs(1_000)),
            rng: RefCell::new(SmallRng::seed_from_u64(7)),
            connections: Cell::new(0),
        }
    }

    fn connect(&self) -> Connection<'_> {
        let number = self.connections.get();
        self.connections.set(number + 1);
        let id = ConnectionId::new(0, number, number);
        Connection {
            world: self,
            id,
            participant: Participant::new(id),
        }
    }

    /// Opens a connection of the address with this share.
    fn connect_with_share(&self, share: &Arc<QuotaUsage>) -> Connection<'_> {
        let mut connection = self.connect();
        connection.participant =
            Participant::with_quota_usage(connection.id, Some(Arc::clone(share)));
        connection
    }

    /// Opens connections that have announced these peers.
    fn join<const N: usize>(&self, swarm: char, peers: [char; N]) -> [Connection<'_>; N] {
        peers.map(|peer| {
            let mut connection = self.connect();
            connection.send(&announce(swarm, peer));
            connection
        })
    }

    fn wait(&self, seconds: u64) {
        self.now.set(self.now.get() + Duration::from_secs(seconds));
    }

    fn sweep(&self) -> Vec<ExpiredMembership> {
        sweep(&self.tracker, self.now.get()).expired
    }

    fn totals(&self) -> (usize, usize, usize) {
        let totals = self.tracker.swarms().totals();
        assert_eq!(self.tracker.swarms().recount(), Some(totals));
        let SwarmTotals {
            swarms,
            seeders,
            leechers,
            http_peers: _,
        } = totals;
        (swarms, seeders, leechers)
    }

    /// Returns seeders, leechers and downloads of a swarm.
    fn scrape(&self, swarm: char) -> (u32, u32, u32) {
        let message = json!({"action": "scrape", "info_hash": text(swarm)});
        let Some(Reply::Scrape(files)) = self.connect().send(&message).reply else {
            panic!("no scrape reply");
        };
        let (_, counts) = files[0];
        (counts.complete, counts.incomplete, counts.downloaded)
    }
}

/// Sweeps the whole table, slice by slice.
fn sweep(tracker: &Tracker, now: Duration) -> SweepResult {
    let mut swept = SweepResult::default();
    for part in 0..tracker.swarms().shard_count() {
        while tracker.sweep_slice(part, now, &mut swept).is_some() {}
    }
    swept
}

impl Connection<'_> {
    fn send(&mut self, message: &Value) -> Outcome {
        let message = message.to_string();
        let request = parse(&message, &BOUNDS).expect("a message that is served");
        let rng = &mut *self.world.rng.borrow_mut();
        let tracker = &self.world.tracker;
        let outcome = tracker.handle(&mut self.participant, request, self.world.now.get(), rng);
        let relays = outcome.relays.iter().map(|relay| {
            let write = match relay.kind {
                RelayKind::Offer => write_relayed_offer,
                RelayKind::Answer => write_relayed_answer,
            };
            let mut message = Vec::new();
            write(
                &mut message,
                &relay.info_hash,
                &relay.from,
                &relay.offer_id,
                relay.sdp,
            );
            Relayed {
                to: relay.to.connection,
                kind: relay.kind,
                message: serde_json::from_slice(&message).expect("JSON"),
            }
        });
        Outcome {
            relays: relays.collect(),
            reply: outcome.reply,
            answer: outcome.answer_fate,
            limit_hits: outcome.limit_hits,
        }
    }

    /// Announces and returns seeders and leechers of the reply.
    fn counts(&mut self, message: &Value) -> (u32, u32) {
        match self.send(message).reply {
            Some(Reply::Announce(_, counts, _)) => (counts.complete, counts.incomplete),
            other => panic!("{other:?}"),
        }
    }

    fn close(self) {
        self.world.tracker.leave_all(&self.participant);
    }
}

impl Outcome {
    fn receivers(&self) -> BTreeSet<ConnectionId> {
        let receivers: BTreeSet<_> = self.relays.iter().map(|relay| relay.to).collect();
        assert_eq!(
            receivers.len(),
            self.relays.len(),
            "no receiver gets two offers"
        );
        receivers
    }

    fn is_dropped(&self) -> bool {
        self.relays.is_empty() && self.reply.is_none() && self.answer == Some(AnswerFate::Unmatched)
    }
}

fn ids_of<const N: usize>(connections: [&Connection<'_>; N]) -> BTreeSet<ConnectionId> {
    connections.iter().map(|connection| connection.id).collect()
}
