//! A swarm of honest pages and an attacker in virtual time, on the tracker's core. Honest pages behave like webtorrent:
//! five offers an announce, at the interval that the tracker asks for; they answer each offer of a peer that they do not
//! know.

mod exchange;
mod resident;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use swarmhub::limits::QuotaUsage;
use swarmhub::protocol::{ConnectionId, OfferId, PeerId, Sdp};
use swarmhub::swarm::{Matchmaking, ReceiverQuota};
use swarmhub::tracker::{Participant, Rules, Tracker};

use super::super::RULES;
use exchange::any_sdp;
use resident::Client;
pub(super) use resident::{Conduct, Resident};

/// The limits of offers to one member that a server has by default.
const RECEIVER_QUOTA: ReceiverQuota = ReceiverQuota::new(10, 30).with_reserved_percent(25);

/// A swarm and its clients.
pub(super) struct Town {
    tracker: Tracker,
    rng: SmallRng,
    now: Duration,
    sdp: Sdp<'static>,
    clients: Vec<Client>,
    by_connection: BTreeMap<ConnectionId, usize>,
    by_peer: BTreeMap<PeerId, usize>,
    usages: BTreeMap<u64, Arc<QuotaUsage>>,
    due: BinaryHeap<Reverse<(Duration, Due)>>,
    offers: u64,
    /// Offers of honest clients that honest ones and attackers received.
    spent: [u32; 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Join(usize),
    Announce(usize),
    Answer {
        from: usize,
        to: PeerId,
        offer_id: OfferId,
    },
    Leave(usize),
}

impl Town {
    /// Creates an empty swarm.
    pub(super) fn new(matchmaking: Matchmaking, seed: u64) -> Self {
        let rules = Rules {
            matchmaking,
            receiver_quota: RECEIVER_QUOTA,
            ..RULES
        };
        Self {
            tracker: Tracker::new(rules),
            rng: SmallRng::seed_from_u64(seed),
            now: Duration::from_secs(1_000),
            sdp: any_sdp(),
            clients: Vec::new(),
            by_connection: BTreeMap::new(),
            by_peer: BTreeMap::new(),
            usages: BTreeMap::new(),
            due: BinaryHeap::new(),
            offers: 0,
            spent: [0; 2],
        }
    }

    /// Adds a client that joins after a time. Returns its number.
    pub(super) fn add(&mut self, after: Duration, what: Resident) -> usize {
        let number = self.clients.len();
        let slot = u32::try_from(number).expect("few clients");
        let connection = ConnectionId::new(0, slot, slot * ConnectionId::SERIAL_STEP);
        let usage = self.usages.entry(what.address).or_insert_with(|| {
            let group = NonZeroU64::new(what.address).expect("addresses begin with 1");
            Arc::new(QuotaUsage::default().with_group(group))
        });
        let mut peer_id = *b"-WW0300-000000000000";
        peer_id[8..].copy_from_slice(format!("{number:012}").as_bytes());
        let peer_id = PeerId::new(peer_id);
        self.by_connection.insert(connection, number);
        self.by_peer.insert(peer_id, number);
        self.clients.push(Client {
            what,
            peer_id,
            participant: Participant::with_quota_usage(connection, Some(Arc::clone(usage))),
            joined_at: self.now + after,
            is_open: false,
            known: BTreeSet::new(),
            linked_at: None,
        });
        self.plan(self.now + after, Due::Join(number));
        number
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(Reverse((at, due))) = self.due.peek().copied()
            && at <= end
        {
            self.due.pop();
            self.now = at;
            self.act(due);
        }
        self.now = end;
    }

    /// Returns after how long each of these clients had its first connection to an honest one.
    pub(super) fn waits(&self, numbers: &[usize]) -> Vec<f64> {
        let times = numbers.iter().map(|number| {
            let client = &self.clients[*number];
            let linked_at = client.linked_at.unwrap_or(self.now);
            linked_at.saturating_sub(client.joined_at).as_secs_f64()
        });
        let mut times: Vec<_> = times.collect();
        times.sort_by(f64::total_cmp);
        times
    }

    /// Returns to how many honest clients these are connected, all together.
    pub(super) fn links(&self, numbers: &[usize]) -> usize {
        let links = numbers.iter().map(|number| {
            let known = self.clients[*number].known.iter();
            known.filter(|peer| self.is_honest(**peer)).count()
        });
        links.sum()
    }

    /// Begins to count the offers of honest clients anew.
    pub(super) fn forget_spent(&mut self) {
        self.spent = [0; 2];
    }

    /// Returns the share of the offers of honest clients that attackers received.
    pub(super) fn attackers_share(&self) -> f64 {
        let [on_honest, on_attackers] = self.spent.map(f64::from);
        on_attackers / (on_honest + on_attackers)
    }

    fn is_honest(&self, peer_id: PeerId) -> bool {
        self.clients[self.by_peer[&peer_id]].what.conduct == Conduct::Honest
    }

    fn plan(&mut self, at: Duration, due: Due) {
        self.due.push(Reverse((at, due)));
    }

    fn act(&mut self, due: Due) {
        match due {
            Due::Join(number) => {
                let client = &mut self.clients[number];
                client.is_open = true;
                if let Some(at) = self.now.checked_add(client.what.stays) {
                    self.plan(at, Due::Leave(number));
                }
                self.announce(number);
            }
            Due::Announce(number) => self.announce(number),
            Due::Answer { from, to, offer_id } => self.answer(from, to, offer_id),
            Due::Leave(number) => {
                let client = &mut self.clients[number];
                client.is_open = false;
                self.tracker.leave_all(&client.participant);
            }
        }
    }
}
