//! The tracker's core in virtual time: requests go straight to [`Tracker::handle`], and relays straight to their
//! receivers. Rules, interval and expiry are those of a server with default settings and one worker.

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::SmallRng;
use swarmhub::config::Config;
use swarmhub::limits::{IntervalController, QuotaUsage};
use swarmhub::protocol::{ConnectionId, Request, Sdp};
use swarmhub::swarm::{Pace, SweepResult};
use swarmhub::tracker::{Outcome, Participant, RelayKind, Reply, Tracker};

use crate::meet::ids::{ClientId, Socket};
use crate::meet::matchmaking::{Matchmaking, rules};
use crate::meet::messages::{FromTracker, Identity, Relayed, ToTracker};
use crate::meet::random::Random;
use crate::meet::requests::{any_sdp, request, sdp_of};
use crate::meet::wire::{Incoming, Wire};

/// A tracker, and the sockets that are open to it.
pub(crate) struct CoreWire {
    tracker: Tracker,
    rng: SmallRng,
    interval: IntervalController,
    sdp: Sdp<'static>,
    pub(crate) connections: BTreeMap<ConnectionId, Connection>,
    usages: BTreeMap<Ipv4Addr, Arc<QuotaUsage>>,
    incoming: VecDeque<(Socket, Incoming)>,
}

/// An open socket.
pub(crate) struct Connection {
    pub(crate) participant: Participant,
    socket: Socket,
    identity: Identity,
}

/// How often the whole table is searched for expired members. A worker takes as long for one search.
const SWEEP_SECONDS: u64 = 30;

impl CoreWire {
    /// Creates a tracker without swarms.
    pub(crate) fn new(matchmaking: Matchmaking, seed: u64) -> Self {
        let settings = Config::default().tracker;
        Self {
            tracker: Tracker::new(rules(matchmaking)),
            rng: Random::new("tracker", seed).into_rng(),
            interval: IntervalController::new(
                (settings.interval_min, settings.interval_max),
                settings.interval_lonely,
                settings.busy_announces_per_second,
            ),
            sdp: any_sdp(),
            connections: BTreeMap::new(),
            usages: BTreeMap::new(),
            incoming: VecDeque::new(),
        }
    }

    /// Lets the tracker decide about a message. `None` if its socket has closed.
    fn decide(
        &mut self,
        socket: Socket,
        message: &ToTracker,
        now: Duration,
    ) -> Option<Outcome<'static>> {
        let connection = self.connections.get_mut(&connection_id(socket))?;
        let request = request(connection.identity, message, self.sdp);
        if matches!(request, Request::Announce(_)) {
            self.interval.count_announce();
        }
        let participant = &mut connection.participant;
        Some(
            self.tracker
                .handle(participant, request, now, &mut self.rng),
        )
    }

    /// Returns the interval in a reply, as the hub does.
    fn interval_for(&self, pace: Pace) -> u32 {
        match pace {
            Pace::Lonely(before) => self.interval.lonely_interval(before),
            Pace::Brisk => self.interval.brisk_interval(),
            Pace::Usual => self.interval.interval(),
            Pace::Sated => self.interval.sated_interval(),
        }
    }

    /// Ends memberships whose clients have not announced for too long, as sleeping ones.
    fn sweep(&mut self, now: Duration) {
        let mut swept = SweepResult::default();
        for shard in 0..self.tracker.swarms().shard_count() {
            while self.tracker.sweep_slice(shard, now, &mut swept).is_some() {}
        }
        for expired in swept.expired {
            let member = expired.member;
            if let Some(connection) = self.connections.get_mut(&member.connection) {
                let participant = &mut connection.participant;
                self.tracker.remove_ended_membership(
                    participant,
                    expired.info_hash,
                    member.peer_id,
                );
            }
        }
    }
}

impl Wire for CoreWire {
    fn open(&mut self, socket: Socket, identity: Identity) {
        let id = connection_id(socket);
        let usage = self.usages.entry(identity.address).or_insert_with(|| {
            let group = NonZeroU64::new(u32::from(identity.address).into());
            let group = group.expect("the address of a client is not 0.0.0.0");
            Arc::new(QuotaUsage::default().with_group(group))
        });
        let connection = Connection {
            socket,
            identity,
            participant: Participant::with_quota_usage(id, Some(Arc::clone(usage))),
        };
        self.connections.insert(id, connection);
        self.incoming.push_back((socket, Incoming::Opened));
    }

    fn send(&mut self, socket: Socket, message: &ToTracker, now: Duration) {
        let Some(outcome) = self.decide(socket, message, now) else {
            return;
        };
        let reply = outcome.reply.map(|reply| match reply {
            Reply::Announce(_, _, pace) => FromTracker::Reply {
                interval: Duration::from_secs(self.interval_for(pace).into()),
            },
            Reply::Scrape(_) | Reply::Failure(_) => FromTracker::Failure,
        });
        if let Some(reply) = reply {
            let incoming = Incoming::Message(reply);
            self.incoming.push_back((socket, incoming));
        }
        for relay in &outcome.relays {
            let sdp = sdp_of(message, relay.offer_id);
            let receiver = self.connections.get(&relay.to.connection);
            let (Some(sdp), Some(receiver)) = (sdp, receiver) else {
                continue;
            };
            let relayed = Relayed {
                from: relay.from,
                offer_id: relay.offer_id,
                sdp,
            };
            let message = match relay.kind {
                RelayKind::Offer => FromTracker::Offer(relayed),
                RelayKind::Answer => FromTracker::Answer(relayed),
            };
            let incoming = Incoming::Message(message);
            self.incoming.push_back((receiver.socket, incoming));
        }
    }

    fn close(&mut self, socket: Socket) {
        if let Some(connection) = self.connections.remove(&connection_id(socket)) {
            self.tracker.leave_all(&connection.participant);
        }
    }

    fn tick(&mut self, now: Duration) {
        self.interval.update_load(Duration::from_secs(1));
        if now.as_secs().is_multiple_of(SWEEP_SECONDS) {
            self.sweep(now);
        }
    }

    fn receive(&mut self) -> Option<(Socket, Incoming)> {
        self.incoming.pop_front()
    }
}

/// Returns the id of a socket's connection, as a hub with one slot for each client gives it.
fn connection_id(socket: Socket) -> ConnectionId {
    let Socket {
        client: ClientId(slot),
        serial,
    } = socket;
    let slot = u32::try_from(slot).expect("fewer clients than slots");
    ConnectionId::new(0, slot, serial * ConnectionId::SERIAL_STEP)
}
