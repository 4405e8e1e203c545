//! Runs operations on a tracker with its connections and on the naive model, and compares the results.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::num::NonZeroU64;
use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use swarmhub::limits::QuotaUsage;
use swarmhub::protocol::{ConnectionId, InfoHash, OfferId, PeerId};
use swarmhub::swarm::{ExpiredMembership, HttpOwner, Role, SwarmTotals, SweepResult};
use swarmhub::tracker::{Participant, Tracker};

use super::http::{AnnounceParams, http_members};
use super::messages::IdEncoding;
use super::naive::Naive;
use super::operation::{CONNECTIONS_MAX, Operation, Setup};

/// The complete state is compared after this many operations; in between only the outcome of the operation.
const CHECK_EVERY: usize = 16;

/// A difference between tracker and model.
#[derive(Debug)]
pub(crate) struct Mismatch {
    /// The index of the operation after which it was detected.
    pub(crate) operation: usize,
    pub(crate) why: String,
}

/// Runs the operations on a new tracker, then closes all connections.
pub(crate) fn run(setup: Setup, operations: &[Operation], seed: u64) -> Result<(), Mismatch> {
    let mut world = World::new(setup, seed);
    for (at, operation) in operations.iter().enumerate() {
        let mut result = world.step(operation);
        if at % CHECK_EVERY == 0 {
            result = result.and_then(|()| world.check_everything());
        }
        result.map_err(|why| Mismatch { operation: at, why })?;
    }
    let at = operations.len();
    world
        .finish()
        .map_err(|why| Mismatch { operation: at, why })
}

pub(super) struct World {
    pub(super) tracker: Tracker,
    pub(super) naive: Naive,
    pub(super) open: Vec<OpenConnection>,
    /// Expired memberships of which their owners are not notified yet.
    unnotified: Vec<ExpiredMembership>,
    /// How many HTTP memberships are counted for each owner.
    pub(super) http_owners: BTreeMap<HttpOwner, u32>,
    /// The shares of two addresses in one network.
    shares: [Arc<QuotaUsage>; 2],
    network: Arc<QuotaUsage>,
    pub(super) rng: SmallRng,
    connections: u32,
    sdps: u32,
    pub(super) last_answer: Option<(ConnectionId, InfoHash, PeerId, OfferId)>,
}

pub(super) struct OpenConnection {
    pub(super) id: ConnectionId,
    pub(super) participant: Participant,
}

/// Returns the number of a connection's address; the last address has no limits.
pub(super) fn address(id: ConnectionId) -> usize {
    id.slot() % 3
}

/// Returns the group of a connection for choosing receivers: its address, or itself if it has none.
pub(super) fn receiver_group(id: ConnectionId) -> u64 {
    match address(id) {
        2 => id.to_bits(),
        number => u64::try_from(number).unwrap_or(0),
    }
}

/// Returns `Err` with the text if the condition does not hold.
pub(super) fn ensure(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

pub(super) fn ensure_eq<T: PartialEq + Debug>(
    what: &str,
    actual: &T,
    expected: &T,
) -> Result<(), String> {
    ensure(actual == expected, || {
        format!("{what}: {actual:?}, expected {expected:?}")
    })
}

impl World {
    fn new(setup: Setup, seed: u64) -> Self {
        let (Setup(rules), network) = (setup, Arc::new(QuotaUsage::default()));
        let mut world = Self {
            tracker: Tracker::new(rules),
            naive: Naive::new(rules),
            open: Vec::new(),
            unnotified: Vec::new(),
            http_owners: BTreeMap::new(),
            shares: [7, 8].map(|group| {
                let group = NonZeroU64::new(group).expect("not 0");
                Arc::new(QuotaUsage::within(Some(Arc::clone(&network))).with_group(group))
            }),
            network,
            rng: SmallRng::seed_from_u64(seed),
            connections: 0,
            sdps: 0,
            last_answer: None,
        };
        for _ in 0..4 {
            world.open();
        }
        world
    }

    fn step(&mut self, operation: &Operation) -> Result<(), String> {
        match operation {
            Operation::Open => self.open(),
            Operation::Announce {
                from,
                info_hash,
                peer_id,
                event,
                left,
                numwant,
                offers,
                escaped,
            } => {
                let spelling = IdEncoding { escaped: *escaped };
                let fields = (*event, *left, *numwant);
                return self.announce(*from, (*info_hash, *peer_id), fields, (offers, spelling));
            }
            Operation::AnnounceHttp {
                from,
                info_hash,
                peer_id,
                event,
                left,
                wanted,
                key,
            } => {
                let fields = AnnounceParams {
                    event: *event,
                    left: left.0,
                    wanted: usize::from(*wanted),
                    key: *key,
                };
                return self.announce_http(*from, *info_hash, *peer_id, &fields);
            }
            Operation::Answer { from, kind } => return self.answer(*from, *kind),
            Operation::Scrape { from, hashes } => return self.scrape(*from, hashes.as_deref()),
            Operation::SetBlocked { from, blocked } => {
                if let Some(place) = self.connection_index(*from)
                    && let Some(open) = self.open.get_mut(place)
                {
                    self.tracker.set_blocked(&mut open.participant, *blocked);
                    self.naive.set_blocked(open.id, *blocked);
                }
            }
            Operation::Close { from } => {
                if let Some(place) = self.connection_index(*from) {
                    let open = self.open.swap_remove(place);
                    self.tracker.leave_all(&open.participant);
                    self.naive.close(open.id);
                }
            }
            Operation::Wait(time) => self.naive.now += *time,
            Operation::Sweep { notify } => {
                self.sweep()?;
                if *notify {
                    self.notify_expired();
                }
            }
            Operation::NotifyExpired => self.notify_expired(),
        }
        Ok(())
    }

    fn open(&mut self) {
        if self.open.len() < CONNECTIONS_MAX {
            // Slots are reused as in production; the serial number distinguishes their connections.
            let slot = u32::try_from(self.open.len()).unwrap_or(0);
            let id = ConnectionId::new(0, slot, self.connections);
            self.connections += 1;
            self.naive.set_blocked(id, false);
            let share = self.shares.get(address(id));
            self.open.push(OpenConnection {
                id,
                participant: Participant::with_quota_usage(id, share.cloned()),
            });
        }
    }

    pub(super) fn connection_index(&self, number: u8) -> Option<usize> {
        usize::from(number).checked_rem(self.open.len())
    }

    pub(super) fn sdp(&mut self) -> String {
        self.sdps += 1;
        format!(r#""v=0\r\n{}""#, self.sdps)
    }

    fn sweep(&mut self) -> Result<(), String> {
        let now = self.naive.now;
        let mut swept = SweepResult::default();
        for part in 0..self.tracker.swarms().shard_count() {
            while self.tracker.sweep_slice(part, now, &mut swept).is_some() {}
        }
        let SweepResult {
            expired,
            http_owners: http,
        } = swept;
        for owner in http {
            self.release(owner);
        }
        let key = |expired: &ExpiredMembership| {
            let member = expired.member;
            (expired.info_hash, (member.connection, member.peer_id))
        };
        let mut ended: Vec<_> = expired.iter().map(key).collect();
        let mut expected = self.naive.sweep();
        ended.sort_unstable();
        expected.sort_unstable();
        self.unnotified.extend(expired);
        ensure_eq("expired", &ended, &expected)
    }

    fn notify_expired(&mut self) {
        for expired in self.unnotified.drain(..) {
            let (info_hash, member) = (expired.info_hash, expired.member);
            let owner = self
                .open
                .iter_mut()
                .find(|open| open.id == member.connection);
            if let Some(owner) = owner {
                self.tracker.remove_ended_membership(
                    &mut owner.participant,
                    info_hash,
                    member.peer_id,
                );
                self.naive
                    .notify_expired(info_hash, (member.connection, member.peer_id));
            }
        }
    }

    /// Checks the invariants of the complete state: counters equal a recount and the model; every swarm has exactly the
    /// members, roles, counts and pending offers of the model; no swarm is empty; memberships of each connection agree.
    fn check_everything(&self) -> Result<(), String> {
        let swarms = self.tracker.swarms();
        ensure_eq("recount", &swarms.recount(), &Some(swarms.totals()))?;
        let (mut found, mut result) = (BTreeMap::new(), Ok(()));
        swarms.for_each(|info_hash, swarm| {
            let counts = swarm.counts();
            let members: BTreeMap<_, _> = swarm
                .members()
                .map(|(member, role)| ((member.connection, member.peer_id), role == Role::Seeder))
                .collect();
            let http = http_members(swarm);
            let (twice_seeders, twice_leechers) = swarm.http_dual_stack_clients();
            let all = members.len() + http.len() - twice_seeders - twice_leechers;
            if all == 0 || (counts.complete + counts.incomplete) as usize != all {
                result = Err(format!("{counts:?} of {all} members"));
            }
            found.insert(
                *info_hash,
                (members, http, counts, swarm.pending_offers_count()),
            );
        });
        result?;
        let expected = self.naive.swarms.iter().map(|(info_hash, swarm)| {
            let members = swarm.members.iter();
            let pending = self.naive.pending.iter();
            let pending = pending
                .filter(|offer| offer.info_hash == *info_hash)
                .count();
            let members = members
                .map(|state| (state.member, state.is_seeder))
                .collect();
            let http = swarm
                .http
                .iter()
                .map(|member| (member.endpoint, member.is_seeder));
            (
                *info_hash,
                (members, http.collect(), swarm.counts(), pending),
            )
        });
        ensure_eq("swarms", &found, &expected.collect())?;
        self.check_owners()?;
        for open in &self.open {
            let known = self.naive.connections.get(&open.id);
            let expected = known
                .map(|known| known.memberships.as_slice())
                .unwrap_or_default();
            let actual: Vec<_> = open.participant.memberships().collect();
            ensure_eq("memberships", &actual.as_slice(), &expected)?;
        }
        self.check_shares()
    }

    /// Checks that the counts of each address and of their network equal the memberships of their connections.
    fn check_shares(&self) -> Result<(), String> {
        let mut all = 0;
        for (number, share) in (0..).zip(&self.shares) {
            let own = self.open.iter().filter(|open| address(open.id) == number);
            let held = own.map(|open| open.participant.memberships().count()).sum();
            ensure_eq("share", &share.memberships(), &held)?;
            all += held;
        }
        ensure_eq("share of the network", &self.network.memberships(), &all)
    }

    /// Closes all connections and expires HTTP members: nothing must be left.
    fn finish(mut self) -> Result<(), String> {
        self.check_everything()?;
        for open in self.open.drain(..) {
            self.tracker.leave_all(&open.participant);
            self.naive.close(open.id);
        }
        self.check_everything()?;
        self.naive.now += self.naive.rules.ttl.http_membership * 2;
        self.sweep()?;
        self.check_everything()?;
        ensure_eq(
            "totals in the end",
            &self.tracker.swarms().totals(),
            &SwarmTotals::default(),
        )
    }
}
