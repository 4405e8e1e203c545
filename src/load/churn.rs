//! Members that come and go while others announce: waves of leaving and joining, storms of connections that break and
//! come back all at once. Runs beside the load on the thread of a session.

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

/// Which wave or storm of a run it was: in the how-manieth start of the load, and its how-manieth step there. The same on
/// all threads, whichever a thread was too late for.
pub(super) type Turn = (u32, u128);

/// A wave that was made, on all threads together.
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
    /// Adds the part that another thread had in it.
    fn add_assign(&mut self, other: Self) {
        self.at_s = self.at_s.min(other.at_s);
        self.left += other.left;
        self.back_s = latest(self.back_s, other.back_s);
    }
}

/// A storm that was made, on all threads together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StormSeen {
    /// Seconds since the load began.
    pub at_s: f64,
    /// Connections that ended.
    pub closed: usize,
    /// Those of them that ended by RST.
    pub reset: usize,
    /// Seconds until all had connected and joined again.
    pub back_s: Option<f64>,
}

impl AddAssign for StormSeen {
    /// Adds the part that another thread had in it.
    fn add_assign(&mut self, other: Self) {
        self.at_s = self.at_s.min(other.at_s);
        self.closed += other.closed;
        self.reset += other.reset;
        self.back_s = latest(self.back_s, other.back_s);
    }
}

/// Everybody is back when the last one is; never if somebody is not.
fn latest(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    Some(one?.max(other?))
}

/// Adds what another thread saw.
pub(super) fn add_seen<T: AddAssign + Copy>(all: &mut BTreeMap<Turn, T>, other: BTreeMap<Turn, T>) {
    for (turn, seen) in other {
        all.entry(turn)
            .and_modify(|known| *known += seen)
            .or_insert(seen);
    }
}

/// What goes on beside the load.
#[derive(Debug)]
pub(super) struct Churn {
    pub(super) waves: RefCell<BTreeMap<Turn, WaveSeen>>,
    pub(super) storms: RefCell<BTreeMap<Turn, StormSeen>>,
    /// When it was started first.
    began: OnceCell<Instant>,
    /// How often it was started.
    starts: Cell<u32>,
    tasks: RefCell<Vec<JoinHandle<()>>>,
    /// How many waves and storms are under way.
    busy: Cell<usize>,
    is_over: Cell<bool>,
    has_no_port: Cell<bool>,
    patience: Duration,
}

impl Churn {
    pub(super) fn new(patience: Duration) -> Rc<Self> {
        Rc::new(Self {
            waves: RefCell::default(),
            storms: RefCell::default(),
            began: OnceCell::new(),
            starts: Cell::new(0),
            tasks: RefCell::default(),
            busy: Cell::new(0),
            is_over: Cell::new(false),
            has_no_port: Cell::new(false),
            patience,
        })
    }

    /// Begins to make waves and storms.
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
                async move |churn: &Self, session: &Rc<Session>, turn| {
                    let seen = churn.wave(session, wave).await;
                    churn.waves.borrow_mut().insert(turn, seen);
                },
            );
        }
        if let Some(storm) = storm {
            self.every(
                storm.every,
                session,
                async move |churn: &Self, session: &Rc<Session>, turn| {
                    let seen = churn.storm(session, storm).await;
                    churn.storms.borrow_mut().insert(turn, seen);
                },
            );
        }
    }

    fn every(
        self: &Rc<Self>,
        step: Duration,
        session: &Rc<Session>,
        what: impl AsyncFn(&Self, &Rc<Session>, Turn) + 'static,
    ) {
        let (churn, session) = (Rc::clone(self), Rc::clone(session));
        let (start, begin) = (self.starts.get(), tokio::time::Instant::now());
        let task = spawn_local(async move {
            let mut steps = interval_at(begin + step, step);
            steps.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            loop {
                // When it was due: steps that were missed count.
                let due = steps.tick().await;
                if churn.is_over.get() {
                    return;
                }
                churn.busy.set(churn.busy.get() + 1);
                let number = (due - begin).as_nanos() / step.as_nanos().max(1);
                what(&churn, &session, (start, number)).await;
                churn.busy.set(churn.busy.get() - 1);
            }
        });
        self.tasks.borrow_mut().push(task);
    }

    /// Begins none any more.
    pub(super) fn stop(&self) {
        self.is_over.set(true);
    }

    /// Begins none any more, and waits for those under way. Fails if members could not come back for want of ports of this
    /// machine, which is nothing that the tracker could be blamed for.
    pub(super) async fn finish(&self) -> Result<(), LoadError> {
        self.stop();
        let wait = async {
            while self.busy.get() > 0 {
                sleep(LOOK_AGAIN).await;
            }
        };
        // Those that take too long say so themselves.
        let _ = timeout(self.patience * 2, wait).await;
        for task in self.tasks.borrow_mut().drain(..) {
            task.abort();
        }
        if self.has_no_port.get() {
            return Err(LoadError::Ports);
        }
        Ok(())
    }

    /// When something began, in seconds since the load began.
    fn seconds_at(&self, at: Instant) -> f64 {
        let began = *self.began.get_or_init(|| at);
        at.saturating_duration_since(began).as_secs_f64()
    }

    async fn wave(&self, session: &Rc<Session>, wave: Wave) -> WaveSeen {
        let at = Instant::now();
        let left =
            session.with(|exchange, now, mut wires| exchange.wave(wave.share, now, &mut wires));
        let back = until(self.patience, || session.exchange.borrow().waving() == 0).await;
        WaveSeen {
            at_s: self.seconds_at(at),
            left,
            back_s: back.then(|| at.elapsed().as_secs_f64()),
        }
    }

    async fn storm(&self, session: &Rc<Session>, storm: Storm) -> StormSeen {
        let at = Instant::now();
        let gone = session.exchange.borrow_mut().choose(storm.share);
        let mut reset = 0;
        for &member in &gone {
            let is_reset = session.exchange.borrow_mut().chance(storm.reset_share);
            reset += usize::from(is_reset);
            session.end(member, is_reset);
        }
        // The connections are dropped with their tasks, before new ones are opened.
        tokio::task::yield_now().await;
        let back = gone.iter().map(|&member| self.come_back(session, member));
        futures::future::join_all(back).await;
        let are_back = || {
            gone.iter()
                .all(|&member| session.exchange.borrow().has_joined(member))
        };
        let are_back = until(self.patience, are_back).await;
        StormSeen {
            at_s: self.seconds_at(at),
            closed: gone.len(),
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
                let is_own = matches!(error, LoadError::Ports);
                self.has_no_port.set(self.has_no_port.get() || is_own);
                return;
            }
            sleep(RETRY).await;
        }
        session.with(|exchange, now, mut wires| exchange.join(member, 0, false, now, &mut wires));
    }
}

/// Waits for a condition; false if it does not come in time.
async fn until(patience: Duration, condition: impl Fn() -> bool) -> bool {
    let begin = Instant::now();
    while !condition() {
        if begin.elapsed() > patience {
            return false;
        }
        sleep(LOOK_AGAIN).await;
    }
    true
}
