//! How a server leaves: quiet, closing, ending. Each phase has its time and is over early when nobody is left.
//!
//! It only sets the pace: workers refuse, close and drop when they are told.

use std::io;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::ServerError;
use super::handle::{Control, Phase, Progress, Wanted};
use crate::worker::Orders;

/// What has not ended this long after a stop is dropped: time for a close to go to the other side of the world and back.
const STOP_WITHIN: Duration = Duration::from_secs(1);
/// A worker that has dropped everything and still runs after this is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(5);
/// How often a phase looks whether somebody is left.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How often it is logged how many are left.
const LOG_EVERY: Duration = Duration::from_secs(5);

/// The ends of the workers.
#[derive(Debug)]
pub(super) struct Ends {
    told: mpsc::Receiver<(usize, io::Result<()>)>,
    running: usize,
    failed: Option<ServerError>,
}

impl Ends {
    /// Of this many workers.
    pub(super) fn new(told: mpsc::Receiver<(usize, io::Result<()>)>, workers: usize) -> Self {
        Self {
            told,
            running: workers,
            failed: None,
        }
    }

    /// Completes when another one has ended; never if none is left.
    pub(super) async fn next(&mut self) {
        match self.told.recv().await {
            Some((number, ended)) => {
                self.running = self.running.saturating_sub(1);
                if let Err(reason) = ended {
                    self.failed
                        .get_or_insert(ServerError::Worker { number, reason });
                }
            }
            None => std::future::pending().await,
        }
    }

    async fn all(&mut self) {
        while self.running > 0 {
            self.next().await;
        }
    }

    /// How it ended: well, or why not.
    pub(super) fn into_result(self) -> Result<(), ServerError> {
        match self.failed {
            Some(error) => Err(error),
            None if self.running > 0 => Err(ServerError::Stuck {
                workers: self.running,
            }),
            None => Ok(()),
        }
    }
}

/// Goes through the phases that are wanted until all workers have ended, or are known to be stuck.
pub(super) async fn leave(control: &Control, orders: &Orders, ends: &mut Ends) {
    let drain = control.in_force.borrow().config.drain.clone();
    let began = Instant::now();
    let is_stop = || *control.wanted.borrow() == Wanted::Stop;
    let at_most = if is_stop() {
        STOP_WITHIN.min(drain.timeout)
    } else {
        drain.quiet + drain.spread + drain.timeout
    };
    tracing::info!(
        connections = control.node.connections(),
        at_most_seconds = at_most.as_secs_f64(),
        "{}",
        if is_stop() { "stopping" } else { "draining" }
    );
    control.site.turn_away(drain.quiet);
    if !is_stop() {
        phase(control, ends, Phase::Quiet, drain.quiet).await;
    }
    orders.leave.cancel();
    if !is_stop() {
        phase(control, ends, Phase::Closing, drain.spread).await;
    }
    orders.hurry.cancel();
    phase(control, ends, Phase::Ending, drain.timeout).await;
    orders.give_up.cancel();
    // Whoever is not stuck ends now.
    let _ = timeout(STUCK_AFTER, ends.all()).await;
    tracing::info!(seconds = began.elapsed().as_secs_f64(), "stopped");
}

/// One phase, which lasts for `time` at most: until nobody is left for it, or a stop is wanted.
async fn phase(control: &Control, ends: &mut Ends, phase: Phase, time: Duration) {
    let (end, mut stopped_end) = (Instant::now() + time, None);
    let mut logged: Option<Instant> = None;
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let connections = control.node.connections();
        let is_stop = *control.wanted.borrow() == Wanted::Stop;
        let is_over = match phase {
            Phase::Ending => ends.running == 0,
            _ => is_stop || connections == 0 || ends.failed.is_some(),
        };
        if is_stop {
            stopped_end.get_or_insert(Instant::now() + STOP_WITHIN);
        }
        let end = stopped_end.map_or(end, |stopped| stopped.min(end));
        if is_over || Instant::now() >= end {
            return;
        }
        if logged.is_none_or(|at| at.elapsed() >= LOG_EVERY) {
            logged = Some(Instant::now());
            tracing::info!(phase = phase.label(), connections, "leaving");
            control
                .progress
                .send_replace(Progress { phase, connections });
        }
        tokio::select! {
            _ = looks.tick() => {}
            () = ends.next() => {}
        }
    }
}
