//! Manages the connections of one worker: their outboxes, their deadlines, and the path from each request to its
//! receivers.
//!
//! Parses with `protocol`, decides with `tracker`, and queues encoded messages in outboxes. Each connection drives
//! itself and writes its own outbox. There is one hub per worker, used only on its thread; it never touches a socket.

mod buffer_pool;
mod cluster;
mod connection_details;
mod connection_entry;
#[cfg(any(test, feature = "echo"))]
mod echo;
mod ended;
mod failure_counters;
mod full_scrape;
mod inspect;
mod iteration_queue;
mod mailbox;
mod message_counters;
mod outbox;
mod refuse;
mod serve;
mod shed;
mod strikes;
mod subscriptions;
mod turn;
mod worker_query;
mod write;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use slab::Slab;
use uuid::Uuid;

use crate::limits::{
    AccountKey, CachedTime, ConnectionUsage, IntervalController, Limiter, PressureLevel,
};
use crate::metrics::{Counters, Gauge, WorkerGauges};
use crate::node::{
    ClientInfo, ConnectionPermit, HotSettings, NetworkPrefix, Node, Telemetry, WorkerAdmission,
    WorkerSettings,
};
use crate::protocol::{ConnectionId, InfoHash, PeerId};
use crate::swarm::ExpiredMembership;
use crate::tracker::Participant;
use buffer_pool::BufferPool;
use connection_details::ConnectionDetails;
use connection_entry::ConnectionEntry;
use full_scrape::FullScrapeReply;
use outbox::OutboxTotals;
use subscriptions::Subscriptions;

pub use ended::Ended;
pub use full_scrape::reads_too_slowly;
pub(crate) use iteration_queue::IterationQueue;
pub use mailbox::{MailBatch, Mailbox, Mailboxes};
pub use outbox::{Outbox, Priority, PushResult};
pub use serve::{NextAction, ServedMessage};
pub use turn::{QueuedOutput, ReadProgress, TurnEnd, TurnInput};
pub use worker_query::{WORKER_QUERIES_MAX, WorkerBusy};

/// Number of slices that the connections are divided into for deadline checks. Each call of [`Hub::check_deadlines`]
/// checks one slice.
pub const DEADLINE_SLICES: usize = 4;

/// The hub of one worker.
#[derive(Debug)]
pub struct Hub {
    node: Arc<Node>,
    /// That of the node.
    telemetry: Arc<Telemetry>,
    admission: Rc<WorkerAdmission>,
    mailboxes: Arc<Mailboxes>,
    worker: u8,
    time: CachedTime,
    /// Copied from the node, so that handling a message takes no lock.
    hot_settings: Cell<HotSettings>,
    /// `None` when `no_limits` is set.
    limiter: RefCell<Option<Limiter<CachedTime>>>,
    state: RefCell<HubState>,
    /// Separate from the state, because it is used while an entry of the state is borrowed.
    buffer_pool: RefCell<BufferPool>,
    /// The receiver of `HubState::full_scrape`; read in every turn of a connection.
    full_scrape_receiver: Cell<Option<ConnectionId>>,
}

#[derive(Debug)]
struct HubState {
    entries: Slab<ConnectionEntry>,
    /// Indexed by the slots of `entries`; may be longer.
    details: Vec<ConnectionDetails>,
    /// Serial number of the next connection. Wraps after a billion, long after the old ids are unused.
    next_serial: u32,
    rng: SmallRng,
    interval: IntervalController,
    deadline_slice: usize,
    /// The buffer of the last delivered batch, reused for the next.
    mail_buffer: MailBatch,
    /// The slot at which the next [`Hub::close_some`] starts.
    close_cursor: usize,
    /// Set when the worker stops, so that later connections are closed as well.
    close_reason: Option<Ended>,
    /// The full scrape that is being sent to one of the connections.
    full_scrape: Option<FullScrapeReply>,
    subscriptions: Subscriptions,
    /// Output seen so far in this round of [`Hub::check_deadlines`].
    output_totals: OutboxTotals,
}

impl Hub {
    /// Creates the hub of worker number `worker`. `seed` seeds its random choices.
    #[must_use]
    pub fn new(node: Arc<Node>, mailboxes: Arc<Mailboxes>, worker: u8, seed: u64) -> Rc<Self> {
        let settings = node.settings().worker;
        let state = HubState {
            entries: Slab::new(),
            details: Vec::new(),
            next_serial: 0,
            rng: SmallRng::seed_from_u64(seed),
            interval: settings.interval,
            deadline_slice: 0,
            close_cursor: 0,
            mail_buffer: MailBatch::default(),
            close_reason: None,
            full_scrape: None,
            subscriptions: Subscriptions::default(),
            output_totals: OutboxTotals::default(),
        };
        let time = CachedTime::default();
        Rc::new(Self {
            hot_settings: Cell::new(settings.hot),
            limiter: RefCell::new(new_limiter(&settings, &time)),
            telemetry: Arc::clone(node.telemetry()),
            admission: Rc::new(WorkerAdmission::new(node.admission(), worker, &time)),
            mailboxes,
            node,
            worker,
            time,
            state: RefCell::new(state),
            buffer_pool: RefCell::default(),
            full_scrape_receiver: Cell::default(),
        })
    }

    /// Copies the current settings of the node. They apply to open and to new connections.
    pub fn update_settings(&self) {
        let settings = self.node.settings().worker;
        let limiter = new_limiter(&settings, &self.time);
        let state = &mut *self.state.borrow_mut();
        let old = self.limiter.replace(limiter);
        for (_, entry) in &mut state.entries {
            match (&old, &*self.limiter.borrow()) {
                (Some(old), Some(new)) => old.convert_usage(&mut entry.usage, new),
                _ => entry.usage = ConnectionUsage::default(),
            }
        }
        state.interval.update_settings(settings.interval);
        self.hot_settings.set(settings.hot);
    }

    /// Returns the state that all workers share.
    #[must_use]
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Returns the admission of this worker's connections.
    #[must_use]
    pub fn admission(&self) -> &Rc<WorkerAdmission> {
        &self.admission
    }

    /// Returns the counters of this worker.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        self.telemetry.worker_counters(self.worker)
    }

    /// Returns the gauges of this worker.
    #[must_use]
    pub fn gauges(&self) -> &WorkerGauges {
        self.telemetry.worker_gauges(self.worker)
    }

    /// Returns the time that was set last.
    #[must_use]
    pub fn time(&self) -> Duration {
        self.time.get()
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

    /// Registers a new connection, which takes over the count of its permit until [`Self::close_connection`]. Returns
    /// `None` if there is no slot for its id ([`ConnectionId::SLOTS_MAX`]).
    pub fn open_connection(
        &self,
        client: &ClientInfo,
        permit: ConnectionPermit,
    ) -> Option<ConnectionId> {
        let state = &mut *self.state.borrow_mut();
        let vacant = state.entries.vacant_entry();
        let slot = u32::try_from(vacant.key())
            .ok()
            .filter(|&slot| (slot as usize) < ConnectionId::SLOTS_MAX)?;
        let id = ConnectionId::new(self.worker, slot, state.next_serial)
            .with_family(NetworkPrefix::of_address(client.address.ip()).family());
        state.next_serial = state.next_serial.wrapping_add(ConnectionId::SERIAL_STEP);
        let (account, quota_usage) = self
            .admission
            .register_websocket(permit, client.origin.as_deref());
        // A trusted proxy has no site of its own.
        let site = self.node.sites().open(client.address.own_ip());
        let participant = Participant::with_quota_usage(id, quota_usage).with_site(site);
        let mut entry = ConnectionEntry::new(participant, id, account, self.time.get());
        entry.close_reason = state.close_reason;
        entry.usage = self.take_carried_usage(account);
        let slot = vacant.key();
        vacant.insert(entry);
        if state.details.len() <= slot {
            state.details.resize(slot + 1, ConnectionDetails::default());
        }
        if let Some(details) = state.details.get_mut(slot) {
            *details = ConnectionDetails::new(client, self.time.get());
            details.gauges(self.gauges()).for_each(Gauge::inc);
        }
        self.counters().connections_opened.add(1);
        Some(id)
    }

    /// Returns the name of a connection in logs: the node's own bits and the connection's.
    #[must_use]
    pub fn connection_name(&self, id: ConnectionId) -> Uuid {
        let (node, low) = self.node.id.as_u64_pair();
        uuid::Builder::from_custom_bytes(
            (u128::from(node) << 64 | u128::from(low ^ id.to_bits())).to_be_bytes(),
        )
        .into_uuid()
    }

    /// Removes a connection and its memberships.
    pub fn close_connection(&self, id: ConnectionId) {
        let entry = {
            let state = &mut *self.state.borrow_mut();
            let known = state
                .entries
                .get(id.slot())
                .is_some_and(|entry| entry.id == id);
            known.then(|| {
                self.cancel_full_scrape(&mut state.full_scrape, id);
                self.unsubscribe(&mut state.subscriptions, id);
                let details = state.details.get(id.slot()).copied();
                (state.entries.remove(id.slot()), details)
            })
        };
        if let Some((entry, details)) = entry {
            self.node.tracker().leave_all(&entry.participant);
            self.store_carried_usage(&entry);
            self.admission.release_connection(entry.account);
            if let Some(site) = entry.participant.site() {
                self.node.sites().close(site);
            }
            self.count_closed(entry.close_reason);
            let details = details.unwrap_or_default();
            details.gauges(self.gauges()).for_each(Gauge::dec);
        }
    }

    /// Stores why a connection ends. [`Self::close_connection`] counts the reason.
    pub fn set_end_reason(&self, id: ConnectionId, ended: Ended) {
        self.with_entry(id, |entry| entry.close_reason = Some(ended));
    }

    fn count_closed(&self, ended: Option<Ended>) {
        let counters = self.counters();
        counters.connections_closed.add(1);
        let by_reason = ended.map_or(&counters.connections_dropped, |ended| {
            ended.counter(counters)
        });
        by_reason.add(1);
    }

    /// Checks the deadlines of one slice of the connections, and sends changed counts to its subscribers. Each connection is
    /// checked every [`DEADLINE_SLICES`]
    /// calls.
    pub fn check_deadlines(&self) {
        let now = self.time.get();
        let state = &mut *self.state.borrow_mut();
        state.deadline_slice = (state.deadline_slice + 1) % DEADLINE_SLICES;
        self.send_changed_counts(state, state.deadline_slice);
        let pool = &mut self.buffer_pool.borrow_mut();
        self.check_full_scrape_speed(state);
        let deadlines = self.hot_settings.get().deadlines;
        for slot in (state.deadline_slice..state.entries.capacity()).step_by(DEADLINE_SLICES) {
            let Some(entry) = state.entries.get_mut(slot) else {
                continue;
            };
            state.output_totals.add(&entry.outbox);
            if entry.check_deadlines(deadlines, now, pool) {
                self.counters().pings_sent.add(1);
            }
        }
        if state.deadline_slice == 0 {
            let OutboxTotals {
                bytes,
                largest_bytes: fullest,
            } = std::mem::take(&mut state.output_totals);
            self.gauges().outbox_bytes.set(bytes as u64);
            self.gauges().largest_outbox_bytes.set(fullest as u64);
        }
    }

    /// Frees the memory that the hub kept for closed connections.
    pub fn release_memory(&self) {
        let state = &mut *self.state.borrow_mut();
        state.entries.shrink_to_fit();
        state.details.truncate(state.entries.capacity());
        state.details.shrink_to_fit();
        state.subscriptions.shrink();
        *self.buffer_pool.borrow_mut() = BufferPool::default();
        state.mail_buffer = MailBatch::default();
    }

    /// Counts an announce over HTTP for the announce interval.
    pub fn count_http_announce(&self) {
        self.state.borrow_mut().interval.count_announce();
    }

    /// Updates the announce interval from the load during `elapsed`.
    pub fn observe_load(&self, elapsed: Duration) {
        let interval = &mut self.state.borrow_mut().interval;
        interval.update_load(elapsed);
        interval
            .set_memory_short(self.node.admission().pressure().level() >= PressureLevel::Refuse);
        self.gauges()
            .announce_interval
            .set(u64::from(interval.interval()));
    }

    /// Removes expired memberships from their connections, also from those of other workers.
    pub fn remove_expired(&self, memberships: Vec<ExpiredMembership>) {
        for expired in memberships {
            self.counters().memberships_expired.add(1);
            let owner = expired.member.connection;
            if owner.worker() == self.worker {
                self.remove_membership(owner, expired.info_hash, expired.member.peer_id);
            } else if let Some(mailbox) = self.mailboxes.of_worker(owner.worker()) {
                mailbox.push_expired(expired);
            }
        }
    }

    fn remove_membership(&self, id: ConnectionId, info_hash: InfoHash, peer_id: PeerId) {
        self.with_entry(id, |entry| {
            self.node
                .tracker()
                .remove_ended_membership(&mut entry.participant, info_hash, peer_id);
        });
    }

    /// Delivers the messages, expiries and queries that other workers put into the mailbox.
    pub fn poll_mail(&self, cx: &Context<'_>) -> Poll<()> {
        let Some(mailbox) = self.mailboxes.of_worker(self.worker) else {
            return Poll::Pending;
        };
        let mut mail = std::mem::take(&mut self.state.borrow_mut().mail_buffer);
        let poll = mailbox.poll_take(cx, &mut mail);
        for (to, priority, frame) in mail.envelopes() {
            self.deliver(to, priority, frame);
        }
        for expired in &mail.expired {
            self.remove_membership(
                expired.member.connection,
                expired.info_hash,
                expired.member.peer_id,
            );
        }
        for query in mail.queries.drain(..) {
            query.run(self);
        }
        mail.clear();
        self.state.borrow_mut().mail_buffer = mail;
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
            let slot = state.close_cursor % slots;
            state.close_cursor = slot + 1;
            if let Some(entry) = state.entries.get_mut(slot)
                && entry.close_reason.is_none()
            {
                entry.close(ended);
                left -= 1;
            }
        }
    }

    /// Asks all connections to close, later ones included.
    pub fn close_all(&self, ended: Ended) {
        let state = &mut *self.state.borrow_mut();
        state.close_reason = Some(ended);
        for (_, entry) in &mut state.entries {
            entry.close(ended);
        }
    }

    /// Returns the rate-limit usage of a new connection: none, or what an ended connection of its address had used.
    fn take_carried_usage(&self, account: AccountKey) -> ConnectionUsage {
        let limiter = self.limiter.borrow();
        let (Some(limiter), Some(key)) = (&*limiter, account.address()) else {
            return ConnectionUsage::default();
        };
        let carried = self.admission.take_carried_usage(key);
        carried.map_or_else(ConnectionUsage::default, |carried| {
            limiter.restore_usage(&carried, self.time.get())
        })
    }

    /// Stores the rate-limit usage of an ended connection for the next one of its address.
    fn store_carried_usage(&self, entry: &ConnectionEntry) {
        let limiter = self.limiter.borrow();
        if let (Some(limiter), Some(key)) = (&*limiter, entry.account.address())
            && let Some(usage) = limiter.carried_usage(&entry.usage, self.time.get())
        {
            self.admission.store_carried_usage(key, &usage);
        }
    }

    fn with_entry<R>(
        &self,
        id: ConnectionId,
        act: impl FnOnce(&mut ConnectionEntry) -> R,
    ) -> Option<R> {
        entry_mut(&mut self.state.borrow_mut().entries, id).map(act)
    }
}

fn entry_mut(
    entries: &mut Slab<ConnectionEntry>,
    id: ConnectionId,
) -> Option<&mut ConnectionEntry> {
    entries.get_mut(id.slot()).filter(|entry| entry.id == id)
}

fn new_limiter(settings: &WorkerSettings, time: &CachedTime) -> Option<Limiter<CachedTime>> {
    let policy = settings.connection_policy.as_ref();
    policy.map(|policy| Limiter::new(policy, time))
}
