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

use super::checker::JoinRequest;
use super::error::LoadError;
use super::options::{Storm, Wave};
use super::session::LoadSession;

const POLL_INTERVAL: Duration = Duration::from_millis(1);
const RETRY_DELAY: Duration = Duration::from_millis(50);

/// Identifies a wave or storm of a run: number of the load's start, and number of the step in it. Both are the same on
/// all threads, even if a thread missed some steps.
pub(super) type ChurnStep = (u32, u128);

/// A wave, over all threads.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct WaveReport {
    /// Seconds since the load began.
    pub at_s: f64,
    /// Members that left.
    pub left: usize,
    /// Seconds until all had joined again.
    pub back_s: Option<f64>,
}

impl AddAssign for WaveReport {
    /// Adds the part of another thread.
    fn add_assign(&mut self, other: Self) {
        self.at_s = self.at_s.min(other.at_s);
        self.left += other.left;
        self.back_s = latest(self.back_s, other.back_s);
    }
}

/// A storm, over all threads.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StormReport {
    /// Seconds since the load began.
    pub at_s: f64,
    /// Connections that were closed.
    pub closed: usize,
    /// Closed connections that ended with RST.
    pub reset: usize,
    /// Seconds until all had connected and joined again.
    pub back_s: Option<f64>,
}

impl AddAssign for StormReport {
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
pub(super) fn merge_reports<T: AddAssign + Copy>(
    all: &mut BTreeMap<ChurnStep, T>,
    other: BTreeMap<ChurnStep, T>,
) {
    for (step, report) in other {
        all.entry(step)
            .and_modify(|known| *known += report)
            .or_insert(report);
    }
}

/// The waves and storms of one thread.
#[derive(Debug)]
pub(super) struct Churn {
    pub(super) waves: RefCell<BTreeMap<ChurnStep, WaveReport>>,
    pub(super) storms: RefCell<BTreeMap<ChurnStep, StormReport>>,
    /// Time of the first start.
    first_start: OnceCell<Instant>,
    /// Number of starts.
    starts: Cell<u32>,
    tasks: RefCell<Vec<JoinHandle<()>>>,
    /// Number of waves and storms in progress.
    steps_in_progress: Cell<usize>,
    is_stopped: Cell<bool>,
    ran_out_of_ports: Cell<bool>,
    timeout: Duration,
}

impl Churn {
    pub(super) fn new(timeout: Duration) -> Rc<Self> {
        Rc::new(Self {
            waves: RefCell::default(),
            storms: RefCell::default(),
            first_start: OnceCell::new(),
            starts: Cell::new(0),
            tasks: RefCell::default(),
            steps_in_progress: Cell::new(0),
            is_stopped: Cell::new(false),
            ran_out_of_ports: Cell::new(false),
            timeout,
        })
    }

    /// Starts periodic waves and storms.
    pub(super) fn start(
        self: &Rc<Self>,
        session: &Rc<LoadSession>,
        wave: Option<Wave>,
        storm: Option<Storm>,
    ) {
        self.is_stopped.set(false);
        self.starts.set(self.starts.get() + 1);
        self.first_start.get_or_init(Instant::now);
        if let Some(wave) = wave {
            self.spawn_periodic(
                wave.every,
                session,
                async move |churn: &Self, session: &Rc<LoadSession>, step| {
                    let report = churn.run_wave(session, wave).await;
                    churn.waves.borrow_mut().insert(step, report);
                },
            );
        }
        if let Some(storm) = storm {
            self.spawn_periodic(
                storm.every,
                session,
                async move |churn: &Self, session: &Rc<LoadSession>, step| {
                    let report = churn.run_storm(session, storm).await;
                    churn.storms.borrow_mut().insert(step, report);
                },
            );
        }
    }

    fn spawn_periodic(
        self: &Rc<Self>,
        period: Duration,
        session: &Rc<LoadSession>,
        action: impl AsyncFn(&Self, &Rc<LoadSession>, ChurnStep) + 'static,
    ) {
        let (churn, session) = (Rc::clone(self), Rc::clone(session));
        let (start, begin) = (self.starts.get(), tokio::time::Instant::now());
        let task = spawn_local(async move {
            let mut steps = interval_at(begin + period, period);
            steps.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            loop {
                // `due` is the scheduled time: missed steps count too.
                let due = steps.tick().await;
                if churn.is_stopped.get() {
                    return;
                }
                churn
                    .steps_in_progress
                    .set(churn.steps_in_progress.get() + 1);
                let number = (due - begin).as_nanos() / period.as_nanos().max(1);
                action(&churn, &session, (start, number)).await;
                churn
                    .steps_in_progress
                    .set(churn.steps_in_progress.get() - 1);
            }
        });
        self.tasks.borrow_mut().push(task);
    }

    /// Starts no more waves and storms.
    pub(super) fn stop(&self) {
        self.is_stopped.set(true);
    }

    /// Starts no more waves and storms, and waits for those in progress. Fails if members could not reconnect because
    /// this machine had no free port, which is not the tracker's fault.
    pub(super) async fn finish(&self) -> Result<(), LoadError> {
        self.stop();
        let wait = async {
            while self.steps_in_progress.get() > 0 {
                sleep(POLL_INTERVAL).await;
            }
        };
        // Waves and storms that take too long report it themselves.
        let _ = timeout(self.timeout * 2, wait).await;
        for task in self.tasks.borrow_mut().drain(..) {
            task.abort();
        }
        if self.ran_out_of_ports.get() {
            return Err(LoadError::NoFreePort);
        }
        Ok(())
    }

    /// Converts an instant to seconds since the load started.
    fn seconds_since_start(&self, at: Instant) -> f64 {
        let began = *self.first_start.get_or_init(|| at);
        at.saturating_duration_since(began).as_secs_f64()
    }

    async fn run_wave(&self, session: &Rc<LoadSession>, wave: Wave) -> WaveReport {
        let at = Instant::now();
        let left = session.with_checker(|checker, now, mut connections| {
            checker.start_wave(wave.share, now, &mut connections)
        });
        let are_back = wait_until(self.timeout, || {
            session.checker.borrow().members_in_wave() == 0
        })
        .await;
        WaveReport {
            at_s: self.seconds_since_start(at),
            left,
            back_s: are_back.then(|| at.elapsed().as_secs_f64()),
        }
    }

    async fn run_storm(&self, session: &Rc<LoadSession>, storm: Storm) -> StormReport {
        let at = Instant::now();
        let chosen = session.checker.borrow_mut().choose_members(storm.share);
        let mut reset = 0;
        for &member in &chosen {
            let is_reset = session.checker.borrow_mut().random_bool(storm.reset_share);
            reset += usize::from(is_reset);
            session.close_member(member, is_reset);
        }
        // Lets the aborted tasks drop their connections before new ones are opened.
        tokio::task::yield_now().await;
        let reconnects = chosen.iter().map(|&member| self.reconnect(session, member));
        futures::future::join_all(reconnects).await;
        let have_joined = || {
            chosen
                .iter()
                .all(|&member| session.checker.borrow().has_joined(member))
        };
        let are_back = wait_until(self.timeout, have_joined).await;
        StormReport {
            at_s: self.seconds_since_start(at),
            closed: chosen.len(),
            reset,
            back_s: are_back.then(|| at.elapsed().as_secs_f64()),
        }
    }

    async fn reconnect(&self, session: &Rc<LoadSession>, member: usize) {
        let begin = Instant::now();
        while let Err(error) = session.open(member).await {
            session
                .checker
                .borrow_mut()
                .errors
                .add(&format!("reconnecting: {error}"));
            if begin.elapsed() > self.timeout {
                let ran_out_of_ports = matches!(error, LoadError::NoFreePort);
                self.ran_out_of_ports
                    .set(self.ran_out_of_ports.get() || ran_out_of_ports);
                return;
            }
            sleep(RETRY_DELAY).await;
        }
        session.with_checker(|checker, now, mut connections| {
            checker.join(
                JoinRequest {
                    member,
                    offers: 0,
                    is_counted: false,
                },
                now,
                &mut connections,
            );
        });
    }
}

/// Waits for a condition; returns false if it is not met in time.
async fn wait_until(timeout: Duration, condition: impl Fn() -> bool) -> bool {
    let begin = Instant::now();
    while !condition() {
        if begin.elapsed() > timeout {
            return false;
        }
        sleep(POLL_INTERVAL).await;
    }
    true
}
