//! Holds this node's part of a cluster: the core behind its lock, and what waits for the task that drives it.
//!
//! Workers ask the core who else has members, and queue offers and answers in it. They never change a population: they
//! note which swarms have changed, and the task reads those swarms again. So the last count that the core gets is always the
//! latest one, whichever worker was faster, and no lock is taken while another is held.

mod questions;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::cluster::{Cluster, HELD_BYTES_MAX, HeldAnnounce, Others};
use crate::protocol::{Answer, ConnectionId, InfoHash};
use crate::swarm::PopulationObserver;
use crate::tracker::RemoteOffers;
use questions::{OpenQuestions, WatchedSwarm};

pub use questions::{AnsweredQuestion, FoundMembers, Question, Requester, add_found};

/// This node's part of a cluster.
#[derive(Debug)]
pub struct NodeCluster {
    core: Mutex<CoreWithTimer>,
    queue: Mutex<ClusterQueue>,
    /// The bytes of `queue.held`.
    held_bytes: AtomicUsize,
    /// The swarms without members here that have subscribers.
    watched: Mutex<HashMap<InfoHash, WatchedSwarm>>,
    wake: Notify,
    started_at: Instant,
}

#[derive(Debug)]
struct CoreWithTimer {
    cluster: Cluster,
    /// When the task looks at the core again without a wake-up.
    waits_until: Duration,
    questions: OpenQuestions,
}

/// What waits for the task.
#[derive(Debug, Default)]
pub struct ClusterQueue {
    /// The swarms that have changed since the task took the queue, each once. It needs no bound of its own: the task does
    /// less for a change than the worker that made it.
    pub changed: HashSet<InfoHash>,
    /// Announces whose swarms are not registered yet, at most [`HELD_BYTES_MAX`].
    pub held: Vec<HeldAnnounce>,
    /// Questions about swarms. They are asked after the changes, so that a swarm that has just got its first member is
    /// registered with it.
    pub questions: Vec<Question>,
}

impl NodeCluster {
    /// Creates the part of a node. `started_at` is the zero of all its times.
    #[must_use]
    pub fn new(cluster: Cluster, started_at: Instant) -> Self {
        Self {
            core: Mutex::new(CoreWithTimer {
                cluster,
                waits_until: Duration::ZERO,
                questions: OpenQuestions::default(),
            }),
            queue: Mutex::default(),
            held_bytes: AtomicUsize::new(0),
            watched: Mutex::default(),
            wake: Notify::new(),
            started_at,
        }
    }

    /// Returns whether other nodes can be reached.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.core.lock().cluster.is_connected()
    }

    /// Calls `act` with the core and the time. Wakes the task if it has to look at the core earlier then.
    pub fn with_core<R>(&self, act: impl FnOnce(&mut Cluster, Duration) -> R) -> R {
        self.with_both(|core, _, now| act(core, now))
    }

    fn with_both<R>(&self, act: impl FnOnce(&mut Cluster, &mut OpenQuestions, Duration) -> R) -> R {
        let (result, is_earlier) = {
            let core = &mut *self.core.lock();
            let now = self.started_at.elapsed();
            let result = act(&mut core.cluster, &mut core.questions, now);
            let next = core.cluster.next_timeout();
            let is_earlier = next < core.waits_until;
            core.waits_until = core.waits_until.min(next);
            (result, is_earlier)
        };
        if is_earlier {
            self.wake.notify_one();
        }
        result
    }

    /// Returns the members of a swarm on other nodes. While too many announces wait to be held, no further one is.
    #[must_use]
    pub fn others(&self, info_hash: &InfoHash) -> Others {
        let mut others = self.core.lock().cluster.others(info_hash);
        if others.is_awaited && self.held_bytes.load(Ordering::Relaxed) >= HELD_BYTES_MAX {
            others.is_awaited = false;
        }
        others
    }

    /// Queues the offers of an announce for other nodes, or until their members are known.
    pub fn send(&self, offers: RemoteOffers<'_>) {
        match offers {
            RemoteOffers::Send(origin, shares) => self.with_core(|core, now| {
                for (node, offers) in &shares {
                    // A node that has just left gets none.
                    core.send_offers(*node, &origin, offers, now);
                }
            }),
            RemoteOffers::Hold(announce) => {
                let bytes = announce.bytes();
                self.held_bytes.fetch_add(bytes, Ordering::Relaxed);
                self.queue.lock().held.push(announce);
                self.wake.notify_one();
            }
        }
    }

    /// Passes on the answer of a connection to an offer from another node. Returns false if it was given no such offer.
    #[must_use]
    pub fn answer(&self, connection: ConnectionId, answer: &Answer<'_>) -> bool {
        let offer = (answer.info_hash, answer.to_peer_id, answer.offer_id);
        let sdp = answer.sdp.as_json().as_bytes();
        self.with_core(|core, now| core.answer(connection, offer, sdp, now))
    }

    /// Takes what waits for the task.
    #[must_use]
    pub fn take_queue(&self) -> ClusterQueue {
        let queue = std::mem::take(&mut *self.queue.lock());
        let bytes: usize = queue.held.iter().map(HeldAnnounce::bytes).sum();
        self.held_bytes.fetch_sub(bytes, Ordering::Relaxed);
        queue
    }

    /// Returns when the core has something to do next. Only the task calls it, before it waits.
    #[must_use]
    pub fn begin_wait(&self) -> Instant {
        let core = &mut *self.core.lock();
        core.waits_until = core.cluster.next_timeout();
        self.started_at + core.waits_until
    }

    /// Completes when something waits for the task, or when it must look at the core earlier.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }
}

impl PopulationObserver for NodeCluster {
    fn population_changed(&self, info_hash: &InfoHash) {
        let is_first = {
            let changed = &mut self.queue.lock().changed;
            let is_first = changed.is_empty();
            changed.insert(*info_hash);
            is_first
        };
        if is_first {
            self.wake.notify_one();
        }
    }
}
