//! Joins the connections of one thread with their `checker`: passes received messages to it and sends its messages.
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

use super::checker::{Checker, Micros, Pacing, record_latency};
use super::connect::Connector;
use super::connections::{LoadConnection, LoadConnections};
use super::error::LoadError;
use super::pacer::Pacer;

/// Handshakes in progress at the same time.
const HANDSHAKES_MAX: usize = 64;
const TICK_PERIOD: Duration = Duration::from_millis(100);
const THINK_PERIOD: Duration = Duration::from_millis(1);
const DRAIN_TIME: Duration = Duration::from_millis(100);

/// Running totals of one thread, readable from other threads.
#[derive(Debug, Default)]
pub(super) struct ThreadTotals {
    pub(super) connections: AtomicU64,
    pub(super) announces: AtomicU64,
    pub(super) scrapes: AtomicU64,
    /// When the last request ended, in microseconds since the start of the run.
    pub(super) last_request_end: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) faults: AtomicU64,
    /// Requests without a reply in time.
    pub(super) timed_out: AtomicU64,
}

#[derive(Debug)]
pub(super) struct LoadSession {
    pub(super) checker: RefCell<Checker>,
    connections: LoadConnections,
    reader_tasks: RefCell<Vec<Option<AbortHandle>>>,
    connector: Connector,
    thread_totals: Arc<ThreadTotals>,
    run_start: Instant,
    settled: Notify,
    timer_tasks: RefCell<Vec<AbortHandle>>,
    pacer: RefCell<Option<(Pacer, AbortHandle)>>,
}

impl LoadSession {
    pub(super) fn new(
        checker: Checker,
        connector: Connector,
        thread_totals: Arc<ThreadTotals>,
        run_start: Instant,
        seed: u64,
    ) -> Rc<Self> {
        let members = checker.member_count();
        let session = Rc::new(Self {
            checker: RefCell::new(checker),
            connections: LoadConnections::new(members, seed),
            reader_tasks: RefCell::new(std::iter::repeat_with(|| None).take(members).collect()),
            connector,
            thread_totals,
            run_start,
            settled: Notify::new(),
            timer_tasks: RefCell::default(),
            pacer: RefCell::default(),
        });
        session.spawn_timer(TICK_PERIOD, |checker, now, mut connections| {
            checker.tick(now, &mut connections);
        });
        session
    }

    /// Sends answers when their think time is over.
    pub(super) fn spawn_think_timer(self: &Rc<Self>) {
        self.spawn_timer(THINK_PERIOD, |checker, now, mut connections| {
            checker.send_due_answers(now, &mut connections);
        });
    }

    pub(super) fn now(&self) -> Micros {
        Micros::try_from(self.run_start.elapsed().as_micros()).unwrap_or(Micros::MAX)
    }

    /// Runs `action` on the exchange, updates the totals, and notifies the waiting task.
    pub(super) fn with_checker<T>(
        &self,
        action: impl FnOnce(&mut Checker, Micros, &LoadConnections) -> T,
    ) -> T {
        let checker = &mut *self.checker.borrow_mut();
        let result = action(checker, self.now(), &self.connections);
        self.thread_totals
            .announces
            .store(checker.finished.announces, Ordering::Relaxed);
        self.thread_totals
            .scrapes
            .store(checker.finished.scrapes, Ordering::Relaxed);
        self.thread_totals
            .last_request_end
            .store(checker.finished.last, Ordering::Relaxed);
        self.thread_totals
            .sent
            .store(checker.sent_messages, Ordering::Relaxed);
        self.thread_totals
            .received
            .store(checker.received_messages, Ordering::Relaxed);
        if checker.is_settled() {
            self.settled.notify_one();
        }
        result
    }

    fn spawn_timer(
        self: &Rc<Self>,
        period: Duration,
        action: impl Fn(&mut Checker, Micros, &LoadConnections) + 'static,
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
                session.with_checker(&action);
                let tally = session.checker.borrow().tally;
                let (faults, timed_out) = (tally.faults(), tally.requests_lost());
                session
                    .thread_totals
                    .timed_out
                    .store(timed_out, Ordering::Relaxed);
                session
                    .thread_totals
                    .faults
                    .store(faults.iter().map(|fault| fault.0).sum(), Ordering::Relaxed);
            }
        });
        self.timer_tasks.borrow_mut().push(task.abort_handle());
    }

    /// Opens the connections of all members.
    pub(super) async fn open_all(self: &Rc<Self>) -> Result<(), LoadError> {
        let members = self.checker.borrow().member_count();
        let opening = futures::stream::iter(0..members).map(async |member| {
            let begin = self.now();
            self.open(member).await?;
            // Reconnects of storms are reported with their storm instead.
            self.with_checker(|checker, now, _| {
                record_latency(&mut checker.latencies.connect, now - begin);
            });
            Ok(())
        });
        opening.buffer_unordered(HANDSHAKES_MAX).try_collect().await
    }

    /// Opens the connection of a member.
    pub(super) async fn open(self: &Rc<Self>, member: usize) -> Result<(), LoadError> {
        let connection = LoadConnection::new(self.connector.open().await?);
        self.connections.insert(member, Rc::clone(&connection));
        self.thread_totals
            .connections
            .fetch_add(1, Ordering::Relaxed);
        self.with_checker(|checker, _, _| checker.connection_opened(member));
        let reading = spawn_local(Rc::clone(self).read(member, connection));
        if let Some(slot) = self.reader_tasks.borrow_mut().get_mut(member) {
            *slot = Some(reading.abort_handle());
        }
        Ok(())
    }

    async fn read(self: Rc<Self>, member: usize, connection: Rc<LoadConnection>) {
        let on_text = |text: &str| {
            self.with_checker(|checker, now, mut connections| {
                checker.receive(member, text, now, &mut connections);
            });
        };
        let end_reason = self.connections.read(&connection, on_text).await;
        if self.connections.remove(member, &connection) {
            self.thread_totals
                .connections
                .fetch_sub(1, Ordering::Relaxed);
            self.with_checker(|checker, now, _| {
                checker.tally.connections_ended += 1;
                checker.errors.add(&end_reason);
                checker.connection_closed(member, now);
            });
        }
    }

    /// Closes the connection of a member, with RST if `is_reset`.
    pub(super) fn close_member(&self, member: usize, is_reset: bool) {
        if self.connections.close(member, is_reset) {
            self.thread_totals
                .connections
                .fetch_sub(1, Ordering::Relaxed);
            self.with_checker(|checker, now, _| checker.connection_closed(member, now));
        }
        let task = self
            .reader_tasks
            .borrow_mut()
            .get_mut(member)
            .and_then(Option::take);
        if let Some(task) = task {
            task.abort();
        }
    }

    /// Starts sending requests.
    pub(super) fn start_load(self: &Rc<Self>, drive: Pacing) -> Result<(), LoadError> {
        if let Pacing::Open {
            begin, per_second, ..
        } = drive
        {
            self.start_pacer(begin, per_second)?;
        }
        self.with_checker(|checker, now, mut connections| {
            checker.pacing = drive;
            checker.start_due_requests(now, &mut connections);
        });
        Ok(())
    }

    fn start_pacer(self: &Rc<Self>, begin: Micros, per_second: f64) -> Result<(), LoadError> {
        let wake = Arc::new(Notify::new());
        let pacer = Pacer::start(
            self.run_start + Duration::from_micros(begin),
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
                session.with_checker(|checker, now, mut connections| {
                    checker.start_due_requests(now, &mut connections);
                });
            }
        });
        self.stop_pacer();
        *self.pacer.borrow_mut() = Some((pacer, task.abort_handle()));
        Ok(())
    }

    fn stop_pacer(&self) {
        if let Some((_, task)) = self.pacer.borrow_mut().take() {
            task.abort();
        }
    }

    /// Waits until all requested work is over, or with `only_started` only the requests that have started. Gives up
    /// after `idle_timeout` without any message.
    pub(super) async fn finish(&self, only_started: bool, idle_timeout: Duration) {
        if only_started {
            self.with_checker(|checker, now, _| checker.stop(now));
        }
        let (mut messages, mut changed_at) = (0, Instant::now());
        while !self.is_finished() {
            // After a timeout as after a change, the state is checked again.
            let _ = timeout(TICK_PERIOD, self.settled.notified()).await;
            let checker = self.checker.borrow();
            let now = checker.received_messages + checker.sent_messages;
            if now != messages {
                (messages, changed_at) = (now, Instant::now());
            } else if changed_at.elapsed() > idle_timeout {
                break;
            }
        }
        self.stop_pacer();
        self.with_checker(|checker, now, _| checker.stop(now));
    }

    /// Reads on for a short time, to detect unexpected messages such as duplicates.
    pub(super) async fn drain_late_messages(&self) {
        sleep(DRAIN_TIME).await;
    }

    fn is_finished(&self) -> bool {
        let checker = self.checker.borrow();
        let has_started_all = match checker.pacing {
            Pacing::Idle => true,
            Pacing::Join { next, .. } => next >= checker.member_count(),
            Pacing::Closed { to_begin, .. } => to_begin == 0,
            Pacing::Open { end, .. } => self.now() >= end && checker.has_started_all(),
        };
        has_started_all && checker.is_settled()
    }

    /// Closes all connections.
    pub(super) fn close_all(&self) {
        let members = self.checker.borrow().member_count();
        for member in 0..members {
            self.close_member(member, false);
        }
    }
}

impl Drop for LoadSession {
    fn drop(&mut self) {
        self.stop_pacer();
        for task in self.timer_tasks.borrow_mut().drain(..) {
            task.abort();
        }
    }
}
