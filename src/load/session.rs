//! Joins the connections of one thread with their `exchange`: passes received messages to it and sends its messages.
//! Opens and closes connections, runs the timers, and waits until all requests in flight are over.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{interval, sleep, timeout};

use super::clock::Clock;
use super::connect::Connector;
use super::error::LoadError;
use super::exchange::{Drive, Exchange, Micros, record};
use super::wires::{Wire, Wires};

/// Handshakes in progress at the same time.
const OPENING_MAX: usize = 64;
const TICK: Duration = Duration::from_millis(100);
const THINK_STEP: Duration = Duration::from_millis(1);
const LISTEN_ON: Duration = Duration::from_millis(100);

/// Running totals of one thread, readable from other threads.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    pub(super) connections: AtomicU64,
    pub(super) announces: AtomicU64,
    pub(super) scrapes: AtomicU64,
    /// When the last request ended, in microseconds since the start of the run.
    pub(super) last_done: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) faults: AtomicU64,
    /// Requests without a reply in time.
    pub(super) timed_out: AtomicU64,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) exchange: RefCell<Exchange>,
    wires: Wires,
    tasks: RefCell<Vec<Option<AbortHandle>>>,
    connector: Connector,
    gauges: Arc<Gauges>,
    clock: Instant,
    changed: Notify,
    keeping_time: RefCell<Vec<AbortHandle>>,
    ticking: RefCell<Option<(Clock, AbortHandle)>>,
}

impl Session {
    pub(super) fn new(
        checker: Exchange,
        connector: Connector,
        gauges: Arc<Gauges>,
        run_start: Instant,
        seed: u64,
        has_think_time: bool,
    ) -> Rc<Self> {
        let members = checker.member_count();
        let session = Rc::new(Self {
            exchange: RefCell::new(checker),
            wires: Wires::new(members, seed),
            tasks: RefCell::new(std::iter::repeat_with(|| None).take(members).collect()),
            connector,
            gauges,
            clock: run_start,
            changed: Notify::new(),
            keeping_time: RefCell::default(),
            ticking: RefCell::default(),
        });
        session.every(TICK, |checker, now, mut connections| {
            checker.tick(now, &mut connections);
        });
        if has_think_time {
            session.every(THINK_STEP, |checker, now, mut connections| {
                checker.think(now, &mut connections);
            });
        }
        session
    }

    pub(super) fn now(&self) -> Micros {
        Micros::try_from(self.clock.elapsed().as_micros()).unwrap_or(Micros::MAX)
    }

    /// Runs `action` on the exchange, updates the totals, and notifies the waiting task.
    pub(super) fn with<T>(&self, action: impl FnOnce(&mut Exchange, Micros, &Wires) -> T) -> T {
        let checker = &mut *self.exchange.borrow_mut();
        let result = action(checker, self.now(), &self.wires);
        self.gauges
            .announces
            .store(checker.done.announces, Ordering::Relaxed);
        self.gauges
            .scrapes
            .store(checker.done.scrapes, Ordering::Relaxed);
        self.gauges
            .last_done
            .store(checker.done.last, Ordering::Relaxed);
        self.gauges
            .sent
            .store(checker.sent_messages, Ordering::Relaxed);
        self.gauges
            .received
            .store(checker.received_messages, Ordering::Relaxed);
        if checker.is_settled() {
            self.changed.notify_one();
        }
        result
    }

    fn every(
        self: &Rc<Self>,
        period: Duration,
        action: impl Fn(&mut Exchange, Micros, &Wires) + 'static,
    ) {
        let session = Rc::downgrade(self);
        let task = spawn_local(async move {
            let mut steps = interval(period);
            steps.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            loop {
                steps.tick().await;
                let Some(session) = session.upgrade() else {
                    return;
                };
                session.with(&action);
                let tally = session.exchange.borrow().tally;
                let (faults, timed_out) = (tally.faults(), tally.requests_lost());
                session.gauges.timed_out.store(timed_out, Ordering::Relaxed);
                session
                    .gauges
                    .faults
                    .store(faults.iter().map(|fault| fault.0).sum(), Ordering::Relaxed);
            }
        });
        self.keeping_time.borrow_mut().push(task.abort_handle());
    }

    /// Opens the connections of all members.
    pub(super) async fn open_all(self: &Rc<Self>) -> Result<(), LoadError> {
        let members = self.exchange.borrow().member_count();
        let opening = futures::stream::iter(0..members).map(async |member| {
            let begin = self.now();
            self.open(member).await?;
            // Reconnects of storms are reported with their storm instead.
            self.with(|checker, now, _| record(&mut checker.latencies.connect, now - begin));
            Ok(())
        });
        opening.buffer_unordered(OPENING_MAX).try_collect().await
    }

    /// Opens the connection of a member.
    pub(super) async fn open(self: &Rc<Self>, member: usize) -> Result<(), LoadError> {
        let connection = Wire::new(self.connector.open().await?);
        self.wires.put(member, Rc::clone(&connection));
        self.gauges.connections.fetch_add(1, Ordering::Relaxed);
        self.with(|checker, _, _| checker.opened(member));
        let reading = spawn_local(Rc::clone(self).read(member, connection));
        if let Some(slot) = self.tasks.borrow_mut().get_mut(member) {
            *slot = Some(reading.abort_handle());
        }
        Ok(())
    }

    async fn read(self: Rc<Self>, member: usize, connection: Rc<Wire>) {
        let on_text = |text: &str| {
            self.with(|checker, now, mut connections| {
                checker.receive(member, text, now, &mut connections);
            });
        };
        let end_reason = self.wires.read(&connection, on_text).await;
        if self.wires.take(member, &connection) {
            self.gauges.connections.fetch_sub(1, Ordering::Relaxed);
            self.with(|checker, now, _| {
                checker.tally.connections_ended += 1;
                checker.errors.add(&end_reason);
                checker.closed(member, now);
            });
        }
    }

    /// Closes the connection of a member, with RST if `is_reset`.
    pub(super) fn end(&self, member: usize, is_reset: bool) {
        if self.wires.end(member, is_reset) {
            self.gauges.connections.fetch_sub(1, Ordering::Relaxed);
            self.with(|checker, now, _| checker.closed(member, now));
        }
        let task = self
            .tasks
            .borrow_mut()
            .get_mut(member)
            .and_then(Option::take);
        if let Some(task) = task {
            task.abort();
        }
    }

    /// Starts sending requests.
    pub(super) fn drive(self: &Rc<Self>, drive: Drive) -> Result<(), LoadError> {
        if let Drive::Open {
            begin, per_second, ..
        } = drive
        {
            self.keep_pace(begin, per_second)?;
        }
        self.with(|checker, now, mut connections| {
            checker.drive = drive;
            checker.go_on(now, &mut connections);
        });
        Ok(())
    }

    fn keep_pace(self: &Rc<Self>, begin: Micros, per_second: f64) -> Result<(), LoadError> {
        let wake = Arc::new(Notify::new());
        let pacer = Clock::start(
            self.clock + Duration::from_micros(begin),
            per_second,
            Arc::clone(&wake),
        )
        .map_err(|source| LoadError::System {
            what: "cannot start a thread",
            source,
        })?;
        let session = Rc::downgrade(self);
        let task = spawn_local(async move {
            loop {
                wake.notified().await;
                let Some(session) = session.upgrade() else {
                    return;
                };
                session.with(|checker, now, mut connections| checker.go_on(now, &mut connections));
            }
        });
        self.stop_pace();
        *self.ticking.borrow_mut() = Some((pacer, task.abort_handle()));
        Ok(())
    }

    fn stop_pace(&self) {
        if let Some((_, task)) = self.ticking.borrow_mut().take() {
            task.abort();
        }
    }

    /// Waits until all requested work is over, or with `only_started` only the requests that have started. Gives up
    /// after `idle_timeout` without any message.
    pub(super) async fn finish(&self, only_started: bool, idle_timeout: Duration) {
        if only_started {
            self.with(|checker, now, _| checker.stop(now));
        }
        let (mut messages, mut changed_at) = (0, Instant::now());
        while !self.is_over() {
            // After a timeout as after a change, the state is checked again.
            let _ = timeout(TICK, self.changed.notified()).await;
            let checker = self.exchange.borrow();
            let now = checker.received_messages + checker.sent_messages;
            if now != messages {
                (messages, changed_at) = (now, Instant::now());
            } else if changed_at.elapsed() > idle_timeout {
                break;
            }
        }
        self.stop_pace();
        self.with(|checker, now, _| checker.stop(now));
    }

    /// Reads on for a short time, to detect unexpected messages such as duplicates.
    pub(super) async fn listen_on(&self) {
        sleep(LISTEN_ON).await;
    }

    fn is_over(&self) -> bool {
        let checker = self.exchange.borrow();
        let has_started_all = match checker.drive {
            Drive::Idle => true,
            Drive::Join { next, .. } => next >= checker.member_count(),
            Drive::Closed { to_begin, .. } => to_begin == 0,
            Drive::Open { end, .. } => self.now() >= end && checker.is_on_time(),
        };
        has_started_all && checker.is_settled()
    }

    /// Closes all connections.
    pub(super) fn close(&self) {
        let members = self.exchange.borrow().member_count();
        for member in 0..members {
            self.end(member, false);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.stop_pace();
        for task in self.keeping_time.borrow_mut().drain(..) {
            task.abort();
        }
    }
}
