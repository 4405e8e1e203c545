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
use swarmhub::limits::Share;
use swarmhub::protocol::http::{Endpoint, read_announce};
use swarmhub::protocol::{ConnectionId, parse};
use swarmhub::swarm::{Expired, Totals, Ttl};
use swarmhub::tracker::{HttpRoom, Participant, Rules, Tracker};

use super::{BOUNDS, RULES, announce, answer, offers, with};

const WORKERS: u8 = 4;
const OPERATIONS: usize = 4_000;
const CONNECTIONS: usize = 6;

struct Shared {
    tracker: Tracker,
    seconds: AtomicU64,
    /// Number of counted HTTP memberships.
    http_peers: AtomicUsize,
    /// The share of all connections.
    share: Arc<Share>,
    /// For each worker, expired memberships of which it is not notified yet.
    notes: [Mutex<Vec<Expired>>; WORKERS as usize],
}

impl Shared {
    fn now(&self) -> Duration {
        Duration::from_secs(self.seconds.load(Ordering::Relaxed))
    }

    fn sweep(&self) {
        let swept = super::sweep(&self.tracker, self.now());
        self.http_peers
            .fetch_sub(swept.http.len(), Ordering::Relaxed);
        for expired in swept.expired {
            let owner = usize::from(expired.member.connection.worker());
            self.notes[owner].lock().push(expired);
        }
    }

    fn read_notes(&self, worker: u8, connections: &mut [(ConnectionId, Participant)]) {
        let notes = std::mem::take(&mut *self.notes[usize::from(worker)].lock());
        for Expired { info_hash, member } in notes {
            let owner = connections
                .iter_mut()
                .find(|(id, _)| *id == member.connection);
            if let Some((_, participant)) = owner {
                self.tracker.forget(participant, info_hash, member.peer_id);
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
        let announce = read_announce(query.as_bytes()).expect("an announce");
        let from = Endpoint::V4([192, 0, 2, u8::try_from(peer).expect("ASCII"), 0, 1]);
        let room = || {
            self.http_peers.fetch_add(1, Ordering::Relaxed);
            Ok(HttpRoom {
                owner: NonZeroU64::new(1),
                share: None,
            })
        };
        let outcome = self
            .tracker
            .announce_http(&from, &announce, (self.now(), rng), room);
        outcome.told.expect("served");
        let released = usize::from(outcome.released.is_some());
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
                connections.push((id, Participant::of_address(id, share)));
            }
            let place = rng.random_range(0..connections.len());
            let mut one_of = |names: &str| {
                let place = rng.random_range(0..names.len());
                names.chars().nth(place).expect("within the names")
            };
            let (swarm, peer) = (one_of("hij"), one_of("abcde"));
            let message = match one_of("aaaaaaaoooosqxtwnhhhl") {
                'a' => with(announce(swarm, peer), &offers("123")),
                'o' => answer(swarm, peer, one_of("abcde"), one_of("123")),
                's' => with(announce(swarm, peer), &json!({"event": "stopped"})),
                'q' => with(announce(swarm, peer), &json!({"event": "completed"})),
                'x' => {
                    let (_, participant) = connections.swap_remove(place);
                    self.tracker.close(&participant);
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
                    self.read_notes(worker, &mut connections);
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
fn workers_that_share_the_table_agree_in_the_end_and_leave_nothing_behind() {
    let ttl = Ttl {
        membership: Duration::from_secs(30),
        pending_offer: Duration::from_secs(10),
        http_membership: Duration::from_secs(30),
    };
    let shared = Shared {
        tracker: Tracker::new(Rules { ttl, ..RULES }),
        seconds: AtomicU64::new(0),
        http_peers: AtomicUsize::new(0),
        share: Arc::default(),
        notes: [const { Mutex::new(Vec::new()) }; WORKERS as usize],
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
        shared.read_notes(worker, connections);
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
        shared.tracker.close(participant);
    }
    shared.seconds.fetch_add(60, Ordering::Relaxed);
    shared.sweep();
    assert_eq!(http_peers(), 0);
    assert_eq!(
        (swarms.totals(), swarms.recount()),
        (Totals::default(), Some(Totals::default()))
    );
    drop(workers);
    assert_eq!(shared.share.memberships(), 0);
}
