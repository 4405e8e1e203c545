//! Manages the connections of one worker: their outboxes, their deadlines, and the path from each request to its
//! receivers.
//!
//! Parses with `protocol`, decides with `tracker`, and queues encoded messages in outboxes. Each connection drives
//! itself and writes its own outbox. There is one hub per worker, used only on its thread; it never touches a socket.

mod accepts;
mod arrivals;
mod arrived;
mod ask;
#[cfg(any(test, feature = "echo"))]
mod echo;
mod ended;
mod entry;
mod full_scrape;
mod http;
mod inspect;
mod iteration_queue;
mod keys;
mod mailbox;
mod node;
mod offenders;
mod outbox;
mod serve;
mod shed;
mod spare;
mod strikes;
mod visitor;
mod watch;
mod write;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use slab::Slab;
use uuid::Uuid;

use crate::insight::{Counters, Level, Levels};
use crate::limits::{CachedTime, Limiter, Pace, Step, Usage};
use crate::protocol::{ConnectionId, InfoHash, PeerId};
use crate::swarm::Swept;
use crate::tracker::Participant;
use arrived::Arrived;
use entry::Entry;
use full_scrape::Telling;
use node::{Settings, Tuned};
use outbox::Outboxes;
use spare::Spare;

pub use accepts::Accepted;
pub use arrivals::Guest;
pub use arrived::{Family, Network};
pub use ask::{Busy, QUESTIONS_MAX};
pub use ended::Ended;
pub use full_scrape::{FullScrape, ScrapePrefix, takes_too_slowly};
pub use inspect::{Seen, Unbannable};
pub(crate) use iteration_queue::IterationQueue;
pub use mailbox::{Mail, Mailbox};
pub use node::{Guarded, Node};
pub use offenders::{OFFENDERS_MAX, Offender};
pub use outbox::{Outbox, Pushed, Worth};
pub use serve::{Next, Progress};
pub use visitor::Visitor;
pub use watch::{INTRODUCTIONS_MAX, Introduction, WATCHED_MAX, Watched};

/// Number of slices that the connections are divided into for deadline checks. Each call of [`Hub::check_deadlines`]
/// checks one slice.
pub const DEADLINE_SLICES: usize = 4;

/// The hub of one worker.
#[derive(Debug)]
pub struct Hub {
    node: Arc<Node>,
    worker: u8,
    time: CachedTime,
    /// Copied from the node, so that handling a message takes no lock.
    tuned: Cell<Tuned>,
    /// `None` when `no_limits` is set.
    limiter: RefCell<Option<Limiter<CachedTime>>>,
    state: RefCell<State>,
    /// Separate from the state, because it is used while an entry of the state is borrowed.
    spare: RefCell<Spare>,
    /// The receiver of `State::telling`; read in every turn of a connection.
    telling_to: Cell<Option<ConnectionId>>,
}

#[derive(Debug)]
struct State {
    entries: Slab<Entry>,
    /// Indexed by the slots of `entries`; may be longer.
    arrived: Vec<Arrived>,
    /// Serial number of the next connection. Wraps after four billion, long after the old ids are unused.
    serial: u32,
    rng: SmallRng,
    pace: Pace,
    slice: usize,
    /// The buffer of the last delivered batch, reused for the next.
    mail: Mail,
    /// The slot at which the next [`Hub::close_some`] starts.
    leaving: usize,
    /// Set when the worker stops, so that later connections are closed as well.
    closing: Option<Ended>,
    /// The full scrape that is being sent to one of the connections.
    telling: Option<Telling>,
    /// Output seen so far in this round of [`Hub::check_deadlines`].
    outboxes: Outboxes,
}

impl Hub {
    /// Creates the hub of worker number `worker`. `seed` seeds its random choices.
    #[must_use]
    pub fn new(node: Arc<Node>, worker: u8, seed: u64) -> Rc<Self> {
        let settings = *node.settings.lock();
        let state = State {
            entries: Slab::new(),
            arrived: Vec::new(),
            serial: 0,
            rng: SmallRng::seed_from_u64(seed),
            pace: settings.pace,
            slice: 0,
            leaving: 0,
            mail: Mail::default(),
            closing: None,
            telling: None,
            outboxes: Outboxes::default(),
        };
        let time = CachedTime::default();
        Rc::new(Self {
            tuned: Cell::new(settings.tuned),
            limiter: RefCell::new(limiter(&settings, &time)),
            node,
            worker,
            time,
            state: RefCell::new(state),
            spare: RefCell::default(),
            telling_to: Cell::default(),
        })
    }

    /// Copies the current settings of the node. They apply to open and to new connections.
    pub fn retune(&self) {
        let settings = *self.node.settings.lock();
        let limiter = limiter(&settings, &self.time);
        let state = &mut *self.state.borrow_mut();
        let old = self.limiter.replace(limiter);
        for (_, entry) in &mut state.entries {
            match (&old, &*self.limiter.borrow()) {
                (Some(old), Some(new)) => old.carry_over(&mut entry.usage, new),
                _ => entry.usage = Usage::default(),
            }
        }
        state.pace.retune(settings.pace);
        self.tuned.set(settings.tuned);
    }

    /// Returns the state that all workers share.
    #[must_use]
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Returns the counters of this worker.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        static FALLBACK: std::sync::LazyLock<Counters> =
            std::sync::LazyLock::new(Counters::default);
        self.node
            .counters
            .get(usize::from(self.worker))
            .unwrap_or(&FALLBACK)
    }

    /// Returns the gauges of this worker.
    #[must_use]
    pub fn levels(&self) -> &Levels {
        static FALLBACK: std::sync::LazyLock<Levels> = std::sync::LazyLock::new(Levels::default);
        self.node
            .levels()
            .get(usize::from(self.worker))
            .unwrap_or(&FALLBACK)
    }

    /// Sets the time, measured from the start of the process.
    pub fn advance_to(&self, now: Duration) {
        self.time.advance_to(now);
    }

    /// Returns the number of open connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.state.borrow().entries.len()
    }

    /// Registers a new connection. Returns `None` if there is no slot for its id ([`ConnectionId::SLOTS_MAX`]).
    pub fn open(&self, client: &Visitor) -> Option<ConnectionId> {
        let state = &mut *self.state.borrow_mut();
        let vacant = state.entries.vacant_entry();
        let slot = u32::try_from(vacant.key())
            .ok()
            .filter(|&slot| (slot as usize) < ConnectionId::SLOTS_MAX)?;
        let id = ConnectionId::new(self.worker, slot, state.serial)
            .with_family(Network::of(client.address).family());
        state.serial = state.serial.wrapping_add(ConnectionId::SERIAL_STEP);
        let (account, quota_usage) = self.arrive(client);
        let participant = Participant::of_address(id, quota_usage);
        let mut entry = Entry::new(participant, id, account, self.time.get());
        entry.closing = state.closing;
        entry.usage = self.take_spent(account);
        let slot = vacant.key();
        vacant.insert(entry);
        if state.arrived.len() <= slot {
            state.arrived.resize(slot + 1, Arrived::default());
        }
        if let Some(details) = state.arrived.get_mut(slot) {
            *details = Arrived::new(client, self.time.get());
            details.levels(self.levels()).for_each(Level::rise);
        }
        self.counters().connections_opened.add(1);
        Some(id)
    }

    /// Returns the name of a connection in logs: the node's own bits and the connection's.
    #[must_use]
    pub fn name(&self, id: ConnectionId) -> Uuid {
        let (node, low) = self.node.id.as_u64_pair();
        uuid::Builder::from_custom_bytes(
            (u128::from(node) << 64 | u128::from(low ^ id.to_bits())).to_be_bytes(),
        )
        .into_uuid()
    }

    /// Removes a connection and its memberships.
    pub fn close(&self, id: ConnectionId) {
        let entry = {
            let state = &mut *self.state.borrow_mut();
            let known = state
                .entries
                .get(id.slot())
                .is_some_and(|entry| entry.id == id);
            known.then(|| {
                self.stop_telling_all(&mut state.telling, id);
                let details = state.arrived.get(id.slot()).copied();
                (state.entries.remove(id.slot()), details)
            })
        };
        if let Some((entry, details)) = entry {
            self.node.tracker.close(&entry.participant);
            self.keep_spent(&entry);
            self.node.leave(entry.visit);
            self.count_closed(entry.closing);
            let details = details.unwrap_or_default();
            details.levels(self.levels()).for_each(Level::fall);
        }
    }

    /// Stores why a connection ends. Its [`close`](Self::close) counts the reason.
    pub fn note_end(&self, id: ConnectionId, ended: Ended) {
        self.with(id, |entry| entry.closing = Some(ended));
    }

    fn count_closed(&self, ended: Option<Ended>) {
        let counters = self.counters();
        counters.connections_closed.add(1);
        let by_reason = ended.map_or(&counters.connections_dropped, |ended| {
            ended.counter(counters)
        });
        by_reason.add(1);
    }

    /// Begins a turn of a connection and stores the waker for new output. Returns `Some` if the connection must close.
    pub fn begin_turn(&self, id: ConnectionId, waker: &Waker) -> Option<Ended> {
        self.with(id, |entry| {
            entry.woken = false;
            if !entry
                .waker
                .as_ref()
                .is_some_and(|known| known.will_wake(waker))
            {
                entry.waker = Some(waker.clone());
            }
            entry.closing
        })
        .flatten()
    }

    /// Checks the deadlines of one slice of the connections. Each connection is checked every [`DEADLINE_SLICES`]
    /// calls.
    pub fn check_deadlines(&self) {
        let now = self.time.get();
        let (state, pool) = (&mut *self.state.borrow_mut(), &mut self.spare.borrow_mut());
        state.slice = (state.slice + 1) % DEADLINE_SLICES;
        self.check_telling(state);
        let deadlines = self.tuned.get().deadlines;
        for slot in (state.slice..state.entries.capacity()).step_by(DEADLINE_SLICES) {
            let Some(entry) = state.entries.get_mut(slot) else {
                continue;
            };
            state.outboxes.see(&entry.outbox);
            if entry.check(deadlines, now, pool) {
                self.counters().pings_sent.add(1);
            }
        }
        if state.slice == 0 {
            let Outboxes { bytes, fullest } = std::mem::take(&mut state.outboxes);
            self.levels().outbox.set(bytes as u64);
            self.levels().outbox_fullest.set(fullest as u64);
        }
    }

    /// Frees the memory that the hub kept for closed connections.
    pub fn give_room_back(&self) {
        let state = &mut *self.state.borrow_mut();
        state.entries.shrink_to_fit();
        state.arrived.truncate(state.entries.capacity());
        state.arrived.shrink_to_fit();
        *self.spare.borrow_mut() = Spare::default();
        state.mail = Mail::default();
    }

    /// Updates the announce interval from the load during `elapsed`.
    pub fn observe_load(&self, elapsed: Duration) {
        let pace = &mut self.state.borrow_mut().pace;
        pace.observe(elapsed);
        pace.set_short_of_memory(self.node.pressure.step() >= Step::Refuse);
        self.levels().interval.set(u64::from(pace.interval()));
    }

    /// Removes expired memberships from a slice of one shard of the swarm table. Returns `None` at the end of the
    /// shard.
    pub fn sweep_slice(&self, shard: usize) -> Option<()> {
        let mut swept = Swept::default();
        let more = self
            .node
            .tracker
            .sweep_slice(shard, self.time.get(), &mut swept);
        self.counters()
            .http_peers_expired
            .add(swept.http.len() as u64);
        for owner in swept.http {
            self.node.release_http(owner);
        }
        for expired in swept.expired {
            self.counters().memberships_expired.add(1);
            let owner = expired.member.connection;
            if owner.worker() == self.worker {
                self.forget(owner, expired.info_hash, expired.member.peer_id);
            } else if let Some(mailbox) = self.node.mailboxes.get(usize::from(owner.worker())) {
                mailbox.push_expired(expired);
            }
        }
        more
    }

    fn forget(&self, id: ConnectionId, info_hash: InfoHash, peer_id: PeerId) {
        self.with(id, |entry| {
            self.node
                .tracker
                .forget(&mut entry.participant, info_hash, peer_id);
        });
    }

    /// Delivers the messages, expiries and queries that other workers put into the mailbox.
    pub fn poll_mail(&self, cx: &Context<'_>) -> Poll<()> {
        let Some(mailbox) = self.node.mailboxes.get(usize::from(self.worker)) else {
            return Poll::Pending;
        };
        let mut mail = std::mem::take(&mut self.state.borrow_mut().mail);
        let poll = mailbox.poll_take(cx, &mut mail);
        for (to, priority, frame) in mail.letters() {
            self.deliver(to, priority, frame);
        }
        for expired in &mail.expired {
            self.forget(
                expired.member.connection,
                expired.info_hash,
                expired.member.peer_id,
            );
        }
        for question in mail.questions.drain(..) {
            question.answer(self);
        }
        mail.clear();
        self.state.borrow_mut().mail = mail;
        poll
    }

    /// Asks `count` connections to close, other ones in each call.
    pub fn close_some(&self, count: usize, ended: Ended) {
        let state = &mut *self.state.borrow_mut();
        let slots = state.entries.capacity();
        let mut left = count;
        for _ in 0..slots {
            if left == 0 {
                break;
            }
            let slot = state.leaving % slots;
            state.leaving = slot + 1;
            if let Some(entry) = state.entries.get_mut(slot)
                && entry.closing.is_none()
            {
                entry.close(ended);
                left -= 1;
            }
        }
    }

    /// Asks all connections to close, later ones included.
    pub fn close_all(&self, ended: Ended) {
        let state = &mut *self.state.borrow_mut();
        state.closing = Some(ended);
        for (_, entry) in &mut state.entries {
            entry.close(ended);
        }
    }

    fn with<R>(&self, id: ConnectionId, act: impl FnOnce(&mut Entry) -> R) -> Option<R> {
        let mut state = self.state.borrow_mut();
        state
            .entries
            .get_mut(id.slot())
            .filter(|entry| entry.id == id)
            .map(act)
    }
}

fn limiter(settings: &Settings, time: &CachedTime) -> Option<Limiter<CachedTime>> {
    let policy = settings.policy.as_ref();
    policy.map(|policy| Limiter::new(policy, time))
}
