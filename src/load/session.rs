//! The connections of one thread and the exchange on them, joined: what comes in goes to the exchange, what it says goes
//! out. Opens and closes connections, keeps the exchange's time, and waits until all that is under way is over.

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

/// Handshakes at the same time.
const OPENING_MAX: usize = 64;
const TICK: Duration = Duration::from_millis(100);
const THINK_STEP: Duration = Duration::from_millis(1);
const LISTEN_ON: Duration = Duration::from_millis(100);

/// Running totals of one thread, for others to read.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    pub(super) connections: AtomicU64,
    pub(super) announces: AtomicU64,
    pub(super) scrapes: AtomicU64,
    /// When the last request ended, in microseconds of the run.
    pub(super) last_done: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) faults: AtomicU64,
    /// Requests that got no reply in time.
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
        exchange: Exchange,
        connector: Connector,
        gauges: Arc<Gauges>,
        clock: Instant,
        seed: u64,
        thinks: bool,
    ) -> Rc<Self> {
        let members = exchange.member_count();
        let session = Rc::new(Self {
            exchange: RefCell::new(exchange),
            wires: Wires::new(members, seed),
            tasks: RefCell::new(std::iter::repeat_with(|| None).take(members).collect()),
            connector,
            gauges,
            clock,
            changed: Notify::new(),
            keeping_time: RefCell::default(),
            ticking: RefCell::default(),
        });
        session.every(TICK, |exchange, now, mut wires| {
            exchange.tick(now, &mut wires);
        });
        if thinks {
            session.every(THINK_STEP, |exchange, now, mut wires| {
                exchange.think(now, &mut wires);
            });
        }
        session
    }

    pub(super) fn now(&self) -> Micros {
        Micros::try_from(self.clock.elapsed().as_micros()).unwrap_or(Micros::MAX)
    }

    /// Does something with the exchange, and tells those who wait.
    pub(super) fn with<T>(&self, what: impl FnOnce(&mut Exchange, Micros, &Wires) -> T) -> T {
        let exchange = &mut *self.exchange.borrow_mut();
        let done = what(exchange, self.now(), &self.wires);
        self.gauges
            .announces
            .store(exchange.done.announces, Ordering::Relaxed);
        self.gauges
            .scrapes
            .store(exchange.done.scrapes, Ordering::Relaxed);
        self.gauges
            .last_done
            .store(exchange.done.last, Ordering::Relaxed);
        self.gauges
            .sent
            .store(exchange.sent_messages, Ordering::Relaxed);
        self.gauges
            .received
            .store(exchange.received_messages, Ordering::Relaxed);
        if exchange.is_settled() {
            self.changed.notify_one();
        }
        done
    }

    fn every(
        self: &Rc<Self>,
        step: Duration,
        what: impl Fn(&mut Exchange, Micros, &Wires) + 'static,
    ) {
        let session = Rc::downgrade(self);
        let task = spawn_local(async move {
            let mut steps = interval(step);
            steps.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            loop {
                steps.tick().await;
                let Some(session) = session.upgrade() else {
                    return;
                };
                session.with(&what);
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
            // Those that a storm makes come back say so in its own line.
            self.with(|exchange, now, _| record(&mut exchange.latencies.connect, now - begin));
            Ok(())
        });
        opening.buffer_unordered(OPENING_MAX).try_collect().await
    }

    /// Opens the connection of a member.
    pub(super) async fn open(self: &Rc<Self>, member: usize) -> Result<(), LoadError> {
        let wire = Wire::new(self.connector.open().await?);
        self.wires.put(member, Rc::clone(&wire));
        self.gauges.connections.fetch_add(1, Ordering::Relaxed);
        self.with(|exchange, _, _| exchange.opened(member));
        let reading = spawn_local(Rc::clone(self).read(member, wire));
        if let Some(place) = self.tasks.borrow_mut().get_mut(member) {
            *place = Some(reading.abort_handle());
        }
        Ok(())
    }

    async fn read(self: Rc<Self>, member: usize, wire: Rc<Wire>) {
        let take_in = |text: &str| {
            self.with(|exchange, now, mut wires| exchange.receive(member, text, now, &mut wires));
        };
        let ended = self.wires.read(&wire, take_in).await;
        if self.wires.take(member, &wire) {
            self.gauges.connections.fetch_sub(1, Ordering::Relaxed);
            self.with(|exchange, now, _| {
                exchange.tally.connections_ended += 1;
                exchange.errors.add(&ended);
                exchange.closed(member, now);
            });
        }
    }

    /// Ends the connection of a member.
    pub(super) fn end(&self, member: usize, is_reset: bool) {
        if self.wires.end(member, is_reset) {
            self.gauges.connections.fetch_sub(1, Ordering::Relaxed);
            self.with(|exchange, now, _| exchange.closed(member, now));
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

    /// Begins to make requests.
    pub(super) fn drive(self: &Rc<Self>, drive: Drive) -> Result<(), LoadError> {
        if let Drive::Open {
            begin, per_second, ..
        } = drive
        {
            self.keep_pace(begin, per_second)?;
        }
        self.with(|exchange, now, mut wires| {
            exchange.drive = drive;
            exchange.go_on(now, &mut wires);
        });
        Ok(())
    }

    fn keep_pace(self: &Rc<Self>, begin: Micros, per_second: f64) -> Result<(), LoadError> {
        let wake = Arc::new(Notify::new());
        let clock = Clock::start(
            self.clock + Duration::from_micros(begin),
            per_second,
            Arc::clone(&wake),
        )
        .map_err(|source| LoadError::System {
            what: "no thread",
            source,
        })?;
        let session = Rc::downgrade(self);
        let task = spawn_local(async move {
            loop {
                wake.notified().await;
                let Some(session) = session.upgrade() else {
                    return;
                };
                session.with(|exchange, now, mut wires| exchange.go_on(now, &mut wires));
            }
        });
        self.stop_pace();
        *self.ticking.borrow_mut() = Some((clock, task.abort_handle()));
        Ok(())
    }

    fn stop_pace(&self) {
        if let Some((_, task)) = self.ticking.borrow_mut().take() {
            task.abort();
        }
    }

    /// Waits until everything is over: that has begun if `stops`, else that was asked for. What does not move for
    /// `patience` is not waited for.
    pub(super) async fn finish(&self, stops: bool, patience: Duration) {
        if stops {
            self.with(|exchange, now, _| exchange.stop(now));
        }
        let (mut seen, mut moved) = (0, Instant::now());
        while !self.is_over() {
            // A timeout is as good as a change: both are looked at again.
            let _ = timeout(TICK, self.changed.notified()).await;
            let exchange = self.exchange.borrow();
            let now = exchange.received_messages + exchange.sent_messages;
            if now != seen {
                (seen, moved) = (now, Instant::now());
            } else if moved.elapsed() > patience {
                break;
            }
        }
        self.stop_pace();
        self.with(|exchange, now, _| exchange.stop(now));
    }

    /// Listens to what nobody waits for, such as a second copy.
    pub(super) async fn listen_on(&self) {
        sleep(LISTEN_ON).await;
    }

    fn is_over(&self) -> bool {
        let exchange = self.exchange.borrow();
        let has_begun_all = match exchange.drive {
            Drive::Idle => true,
            Drive::Join { next, .. } => next >= exchange.member_count(),
            Drive::Closed { to_begin, .. } => to_begin == 0,
            Drive::Open { end, .. } => self.now() >= end && exchange.is_on_time(),
        };
        has_begun_all && exchange.is_settled()
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
