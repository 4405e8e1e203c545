//! Members that come and go while others announce: waves of leaving and joining, storms of connections that break and
//! come back all at once. Runs beside the load on the thread of a session.

use std::cell::{Cell, RefCell};
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

/// A wave that was made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct WaveSeen {
    /// Seconds since the load began.
    pub at_s: f64,
    /// Members that left.
    pub left: usize,
    /// Seconds until all had joined again.
    pub back_s: Option<f64>,
}

/// A storm that was made.
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

/// What goes on beside the load.
#[derive(Debug)]
pub(super) struct Churn {
    pub(super) waves: RefCell<Vec<WaveSeen>>,
    pub(super) storms: RefCell<Vec<StormSeen>>,
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
        let begin = Instant::now();
        if let Some(wave) = wave {
            self.every(
                wave.every,
                session,
                async move |churn: &Self, session: &Rc<Session>| {
                    churn.wave(session, wave, begin).await;
                },
            );
        }
        if let Some(storm) = storm {
            self.every(
                storm.every,
                session,
                async move |churn: &Self, session: &Rc<Session>| {
                    churn.storm(session, storm, begin).await;
                },
            );
        }
    }

    fn every(
        self: &Rc<Self>,
        step: Duration,
        session: &Rc<Session>,
        what: impl AsyncFn(&Self, &Rc<Session>) + 'static,
    ) {
        let (churn, session) = (Rc::clone(self), Rc::clone(session));
        let task = spawn_local(async move {
            let mut steps = interval_at(tokio::time::Instant::now() + step, step);
            steps.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            loop {
                steps.tick().await;
                if churn.is_over.get() {
                    return;
                }
                churn.busy.set(churn.busy.get() + 1);
                what(&churn, &session).await;
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

    async fn wave(&self, session: &Rc<Session>, wave: Wave, begin: Instant) {
        let at = Instant::now();
        let left =
            session.with(|exchange, now, mut wires| exchange.wave(wave.share, now, &mut wires));
        let back = until(self.patience, || session.exchange.borrow().waving() == 0).await;
        self.waves.borrow_mut().push(WaveSeen {
            at_s: (at - begin).as_secs_f64(),
            left,
            back_s: back.then(|| at.elapsed().as_secs_f64()),
        });
    }

    async fn storm(&self, session: &Rc<Session>, storm: Storm, begin: Instant) {
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
        self.storms.borrow_mut().push(StormSeen {
            at_s: (at - begin).as_secs_f64(),
            closed: gone.len(),
            reset,
            back_s: are_back.then(|| at.elapsed().as_secs_f64()),
        });
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
