//! Membership churn during the load: in waves, members leave and join again; in storms, connections break and
//! reconnect at once. Runs beside the load on the thread of a session.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{interval_at, sleep, timeout};

use super::error::LoadError;
use super::options::{Storm, Wave};
use super::session::Session;

const LOOK_AGAIN: Duration = Duration::from_millis(1);
const RETRY: Duration = Duration::from_millis(50);

/// Identifies a wave or storm of a run: number of the load's start, and number of the step in it. Both are the same on
/// all threads, even if a thread missed some steps.
pub(super) type Turn = (u32, u128);

/// A wave, over all threads.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct WaveSeen {
    /// Seconds since the load began.
    pub at_s: f64,
    /// Members that left.
    pub left: usize,
    /// Seconds until all had joined again.
    pub back_s: Option<f64>,
}

impl AddAssign for WaveSeen {
    /// Adds the part of another thread.
    fn add_assign(&mut self, other: Self) {
        self.at_s = self.at_s.min(other.at_s);
        self.left += other.left;
        self.back_s = latest(self.back_s, other.back_s);
    }
}

/// A storm, over all threads.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StormSeen {
    /// Seconds since the load began.
    pub at_s: f64,
    /// Connections that were closed.
    pub closed: usize,
    /// Closed connections that ended with RST.
    pub reset: usize,
    /// Seconds until all had connected and joined again.
    pub back_s: Option<f64>,
}

impl AddAssign for StormSeen {
    /// Adds the part of another thread.
    fn add_assign(&mut self, other: Self) {
        self.at_s = self.at_s.min(other.at_s);
        self.closed += other.closed;
        self.reset += other.reset;
        self.back_s = latest(self.back_s, other.back_s);
    }
}

/// Returns the later of two times; `None` if one of them is missing, because not all members are back.
fn latest(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    Some(one?.max(other?))
}

/// Adds the waves or storms of another thread.
pub(super) fn add_seen<T: AddAssign + Copy>(all: &mut BTreeMap<Turn, T>, other: BTreeMap<Turn, T>) {
    for (step, report) in other {
        all.entry(step)
            .and_modify(|known| *known += report)
            .or_insert(report);
    }
}

/// The waves and storms of one thread.
#[derive(Debug)]
pub(super) struct Churn {
    pub(super) waves: RefCell<BTreeMap<Turn, WaveSeen>>,
    pub(super) storms: RefCell<BTreeMap<Turn, StormSeen>>,
    /// Time of the first start.
    began: OnceCell<Instant>,
    /// Number of starts.
    starts: Cell<u32>,
    tasks: RefCell<Vec<JoinHandle<()>>>,
    /// Number of waves and storms in progress.
    busy: Cell<usize>,
    is_over: Cell<bool>,
    has_no_port: Cell<bool>,
    patience: Duration,
}

impl Churn {
    pub(super) fn new(timeout: Duration) -> Rc<Self> {
        Rc::new(Self {
            waves: RefCell::default(),
            storms: RefCell::default(),
            began: OnceCell::new(),
            starts: Cell::new(0),
            tasks: RefCell::default(),
            busy: Cell::new(0),
            is_over: Cell::new(false),
            has_no_port: Cell::new(false),
            patience: timeout,
        })
    }

    /// Starts periodic waves and storms.
    pub(super) fn start(
        self: &Rc<Self>,
        session: &Rc<Session>,
        wave: Option<Wave>,
        storm: Option<Storm>,
    ) {
        self.is_over.set(false);
        self.starts.set(self.starts.get() + 1);
        self.began.get_or_init(Instant::now);
        if let Some(wave) = wave {
            self.every(
                wave.every,
                session,
                async move |churn: &Self, session: &Rc<Session>, step| {
                    let report = churn.wave(session, wave).await;
                    churn.waves.borrow_mut().insert(step, report);
                },
            );
        }
        if let Some(storm) = storm {
            self.every(
                storm.every,
                session,
                async move |churn: &Self, session: &Rc<Session>, step| {
                    let report = churn.storm(session, storm).await;
                    churn.storms.borrow_mut().insert(step, report);
                },
            );
        }
    }

    fn every(
        self: &Rc<Self>,
        period: Duration,
        session: &Rc<Session>,
        action: impl AsyncFn(&Self, &Rc<Session>, Turn) + 'static,
    ) {
        let (churn, session) = (Rc::clone(self), Rc::clone(session));
        let (start, begin) = (self.starts.get(), tokio::time::Instant::now());
        let task = spawn_local(async move {
            let mut steps = interval_at(begin + period, period);
            steps.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            loop {
                // `due` is the scheduled time: missed steps count too.
                let due = steps.tick().await;
                if churn.is_over.get() {
                    return;
                }
                churn.busy.set(churn.busy.get() + 1);
                let number = (due - begin).as_nanos() / period.as_nanos().max(1);
                action(&churn, &session, (start, number)).await;
                churn.busy.set(churn.busy.get() - 1);
            }
        });
        self.tasks.borrow_mut().push(task);
    }

    /// Starts no more waves and storms.
    pub(super) fn stop(&self) {
        self.is_over.set(true);
    }

    /// Starts no more waves and storms, and waits for those in progress. Fails if members could not reconnect because
    /// this machine had no free port, which is not the tracker's fault.
    pub(super) async fn finish(&self) -> Result<(), LoadError> {
        self.stop();
        let wait = async {
            while self.busy.get() > 0 {
                sleep(LOOK_AGAIN).await;
            }
        };
        // Waves and storms that take too long report it themselves.
        let _ = timeout(self.patience * 2, wait).await;
        for task in self.tasks.borrow_mut().drain(..) {
            task.abort();
        }
        if self.has_no_port.get() {
            return Err(LoadError::Ports);
        }
        Ok(())
    }

    /// Converts an instant to seconds since the load started.
    fn seconds_at(&self, at: Instant) -> f64 {
        let began = *self.began.get_or_init(|| at);
        at.saturating_duration_since(began).as_secs_f64()
    }

    async fn wave(&self, session: &Rc<Session>, wave: Wave) -> WaveSeen {
        let at = Instant::now();
        let left = session
            .with(|checker, now, mut connections| checker.wave(wave.share, now, &mut connections));
        let are_back = until(self.patience, || session.exchange.borrow().waving() == 0).await;
        WaveSeen {
            at_s: self.seconds_at(at),
            left,
            back_s: are_back.then(|| at.elapsed().as_secs_f64()),
        }
    }

    async fn storm(&self, session: &Rc<Session>, storm: Storm) -> StormSeen {
        let at = Instant::now();
        let chosen = session.exchange.borrow_mut().choose(storm.share);
        let mut reset = 0;
        for &member in &chosen {
            let is_reset = session.exchange.borrow_mut().chance(storm.reset_share);
            reset += usize::from(is_reset);
            session.end(member, is_reset);
        }
        // Lets the aborted tasks drop their connections before new ones are opened.
        tokio::task::yield_now().await;
        let reconnects = chosen.iter().map(|&member| self.come_back(session, member));
        futures::future::join_all(reconnects).await;
        let have_joined = || {
            chosen
                .iter()
                .all(|&member| session.exchange.borrow().has_joined(member))
        };
        let are_back = until(self.patience, have_joined).await;
        StormSeen {
            at_s: self.seconds_at(at),
            closed: chosen.len(),
            reset,
            back_s: are_back.then(|| at.elapsed().as_secs_f64()),
        }
    }

    async fn come_back(&self, session: &Rc<Session>, member: usize) {
        let begin = Instant::now();
        while let Err(error) = session.open(member).await {
            session
                .exchange
                .borrow_mut()
                .errors
                .add(&format!("reconnecting: {error}"));
            if begin.elapsed() > self.patience {
                let has_no_port = matches!(error, LoadError::Ports);
                self.has_no_port.set(self.has_no_port.get() || has_no_port);
                return;
            }
            sleep(RETRY).await;
        }
        session.with(|checker, now, mut connections| {
            checker.join(member, 0, false, now, &mut connections);
        });
    }
}

/// Waits for a condition; returns false if it is not met in time.
async fn until(timeout: Duration, condition: impl Fn() -> bool) -> bool {
    let begin = Instant::now();
    while !condition() {
        if begin.elapsed() > timeout {
            return false;
        }
        sleep(LOOK_AGAIN).await;
    }
    true
}
