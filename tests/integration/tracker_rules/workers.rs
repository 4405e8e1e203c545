//! Several worker threads on one swarm table: in any order, no member is lost and none is left over.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use swarmhub::limits::QuotaUsage;
use swarmhub::protocol::http::{Endpoint, parse_announce};
use swarmhub::protocol::{ConnectionId, parse};
use swarmhub::swarm::{ExpiredMembership, Lifetimes, SwarmTotals};
use swarmhub::tracker::{HttpReservation, Participant, Rules, Tracker};

use super::{BOUNDS, RULES, announce, answer, offers, with_fields};

const WORKERS: u8 = 4;
const OPERATIONS: usize = 4_000;
const CONNECTIONS: usize = 6;

struct SharedTable {
    tracker: Tracker,
    seconds: AtomicU64,
    /// Number of counted HTTP memberships.
    http_peers: AtomicUsize,
    /// The share of all connections.
    share: Arc<QuotaUsage>,
    /// For each worker, expired memberships of which it is not notified yet.
    expiry_queues: [Mutex<Vec<ExpiredMembership>>; WORKERS as usize],
}

impl SharedTable {
    fn now(&self) -> Duration {
        Duration::from_secs(self.seconds.load(Ordering::Relaxed))
    }

    fn sweep(&self) {
        let swept = super::sweep(&self.tracker, self.now());
        self.http_peers
            .fetch_sub(swept.http_owners.len(), Ordering::Relaxed);
        for expired in swept.expired {
            let owner = usize::from(expired.member.connection.worker());
            self.expiry_queues[owner].lock().push(expired);
        }
    }

    fn process_expiries(&self, worker: u8, connections: &mut [(ConnectionId, Participant)]) {
        let notes = std::mem::take(&mut *self.expiry_queues[usize::from(worker)].lock());
        for ExpiredMembership { info_hash, member } in notes {
            let owner = connections
                .iter_mut()
                .find(|(id, _)| *id == member.connection);
            if let Some((_, participant)) = owner {
                self.tracker
                    .remove_ended_membership(participant, info_hash, member.peer_id);
            }
        }
    }

    /// Announces over HTTP from few addresses, so that workers often update the same peer at once.
    fn announce_http(&self, swarm: char, peer: char, more: &str, rng: &mut SmallRng) {
        let name = |name: char| name.to_string().repeat(20);
        let query = format!(
            "info_hash={}&peer_id={}&port=1{more}",
            name(swarm),
            name(peer)
        );
        let announce = parse_announce(query.as_bytes()).expect("an announce");
        let from = Endpoint::V4([192, 0, 2, u8::try_from(peer).expect("ASCII"), 0, 1]);
        let room = || {
            self.http_peers.fetch_add(1, Ordering::Relaxed);
            Ok(HttpReservation {
                owner: NonZeroU64::new(1),
                quota_usage: None,
            })
        };
        let outcome = self
            .tracker
            .announce_http(&from, &announce, (self.now(), rng), room);
        outcome.reply.expect("served");
        let released = usize::from(outcome.released_owner.is_some());
        self.http_peers.fetch_sub(released, Ordering::Relaxed);
    }

    /// Runs random operations as one worker and returns its open connections.
    fn work(&self, worker: u8) -> Vec<(ConnectionId, Participant)> {
        let mut rng = SmallRng::seed_from_u64(u64::from(worker));
        let mut connections: Vec<(ConnectionId, Participant)> = Vec::new();
        for serial in 0..OPERATIONS {
            if connections.len() < CONNECTIONS {
                let serial = u32::try_from(serial).expect("few operations");
                let id = ConnectionId::new(worker, 0, serial);
                let share = Some(Arc::clone(&self.share));
                connections.push((id, Participant::with_quota_usage(id, share)));
            }
            let place = rng.random_range(0..connections.len());
            let mut read_choice = |names: &str| {
                let place = rng.random_range(0..names.len());
                names.chars().nth(place).expect("within the names")
            };
            let (swarm, peer) = (read_choice("hij"), read_choice("abcde"));
            let message = match read_choice("aaaaaaaoooosqxtwnhhhl") {
                'a' => with_fields(announce(swarm, peer), &offers("123")),
                'o' => answer(swarm, peer, read_choice("abcde"), read_choice("123")),
                's' => with_fields(announce(swarm, peer), &json!({"event": "stopped"})),
                'q' => with_fields(announce(swarm, peer), &json!({"event": "completed"})),
                'x' => {
                    let (_, participant) = connections.swap_remove(place);
                    self.tracker.leave_all(&participant);
                    continue;
                }
                'h' => {
                    self.announce_http(swarm, peer, "&left=0", &mut rng);
                    continue;
                }
                'l' => {
                    self.announce_http(swarm, peer, "&event=stopped", &mut rng);
                    continue;
                }
                't' => {
                    self.seconds.fetch_add(7, Ordering::Relaxed);
                    continue;
                }
                'w' => {
                    self.sweep();
                    continue;
                }
                _ => {
                    self.process_expiries(worker, &mut connections);
                    continue;
                }
            };
            let message = message.to_string();
            let request = parse(&message, &BOUNDS).expect("a message that is served");
            let (_, participant) = &mut connections[place];
            self.tracker
                .handle(participant, request, self.now(), &mut rng);
        }
        connections
    }
}

#[test]
fn workers_sharing_the_table_stay_consistent() {
    let ttl = Lifetimes {
        membership: Duration::from_secs(30),
        pending_offer: Duration::from_secs(10),
        http_membership: Duration::from_secs(30),
    };
    let shared = SharedTable {
        tracker: Tracker::new(Rules { ttl, ..RULES }),
        seconds: AtomicU64::new(0),
        http_peers: AtomicUsize::new(0),
        share: Arc::default(),
        expiry_queues: [const { Mutex::new(Vec::new()) }; WORKERS as usize],
    };
    let mut workers: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..WORKERS)
            .map(|worker| {
                scope.spawn({
                    let shared = &shared;
                    move || shared.work(worker)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .collect()
    });
    let swarms = shared.tracker.swarms();
    assert_eq!(swarms.recount(), Some(swarms.totals()));

    for (worker, connections) in (0..WORKERS).zip(&mut workers) {
        shared.process_expiries(worker, connections);
    }
    let connections = workers.iter().flatten();
    let connection_memberships: usize = connections
        .map(|(_, participant)| participant.memberships().count())
        .sum();
    let totals = swarms.totals();
    let http_peers = || shared.http_peers.load(Ordering::Relaxed);
    assert_eq!(totals.http_peers, http_peers());
    assert_eq!(
        totals.seeders + totals.leechers,
        connection_memberships + totals.http_peers
    );
    assert_eq!(shared.share.memberships(), connection_memberships);
    for (_, participant) in workers.iter().flatten() {
        shared.tracker.leave_all(participant);
    }
    shared.seconds.fetch_add(60, Ordering::Relaxed);
    shared.sweep();
    assert_eq!(http_peers(), 0);
    assert_eq!(
        (swarms.totals(), swarms.recount()),
        (SwarmTotals::default(), Some(SwarmTotals::default()))
    );
    drop(workers);
    assert_eq!(shared.share.memberships(), 0);
}
