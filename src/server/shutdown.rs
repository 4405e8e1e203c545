//! Shuts the server down in three phases: quiet, closing, ending. Each phase has a time limit and ends early when no
//! connection is left.
//!
//! This module only signals the workers; they refuse, close and drop connections.

use std::io;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::ServerError;
use super::handle::{DrainProgress, RequestedState, ServerPhase, ServerState};
use crate::worker::WorkerControl;

/// Connections still open this long after a stop are dropped: the round-trip time of a close across the world.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);
/// A worker that is still running this long after dropping all connections is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(5);
/// How often a phase checks for open connections.
const CHECK_EVERY: Duration = Duration::from_millis(20);
/// How often the number of open connections is logged.
const LOG_EVERY: Duration = Duration::from_secs(5);

/// Collects the results of the workers as they end.
#[derive(Debug)]
pub(super) struct WorkerExits {
    exits: mpsc::Receiver<(usize, io::Result<()>)>,
    running: usize,
    failed: Option<ServerError>,
}

impl WorkerExits {
    /// Creates the collector for this many workers.
    pub(super) fn new(exits: mpsc::Receiver<(usize, io::Result<()>)>, workers: usize) -> Self {
        Self {
            exits,
            running: workers,
            failed: None,
        }
    }

    /// Completes when another worker has ended; never completes if none is left.
    pub(super) async fn next(&mut self) {
        match self.exits.recv().await {
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

    async fn wait_all(&mut self) {
        while self.running > 0 {
            self.next().await;
        }
    }

    /// Returns the overall result: the first error, or `Stuck` if workers are still running.
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

/// Runs the requested phases until all workers have ended or are considered stuck.
pub(super) async fn shut_down(
    state: &ServerState,
    control: &WorkerControl,
    ends: &mut WorkerExits,
) {
    let drain = state.node.settings().drain.clone();
    let start = Instant::now();
    let is_stop = || *state.requested.borrow() == RequestedState::Stop;
    let at_most = if is_stop() {
        STOP_TIMEOUT.min(drain.timeout)
    } else {
        drain.quiet + drain.spread + drain.timeout
    };
    tracing::info!(
        connections = state.node.connections(),
        at_most_seconds = at_most.as_secs_f64(),
        "{}",
        if is_stop() { "stopping" } else { "draining" }
    );
    state.app_state.start_draining(drain.quiet);
    if !is_stop() {
        run_phase(state, ends, ServerPhase::Quiet, drain.quiet).await;
    }
    control.drain.cancel();
    if !is_stop() {
        run_phase(state, ends, ServerPhase::Closing, drain.spread).await;
    }
    control.close_all.cancel();
    run_phase(state, ends, ServerPhase::Ending, drain.timeout).await;
    control.abort.cancel();
    // Workers that are not stuck end now.
    let _ = timeout(STUCK_AFTER, ends.wait_all()).await;
    tracing::info!(seconds = start.elapsed().as_secs_f64(), "stopped");
}

/// Runs one phase for at most `time`: until no connection is left or a stop is requested.
async fn run_phase(
    state: &ServerState,
    ends: &mut WorkerExits,
    phase: ServerPhase,
    time: Duration,
) {
    let (end, mut stop_end) = (Instant::now() + time, None);
    let mut logged_at: Option<Instant> = None;
    let mut checks = interval(CHECK_EVERY);
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let connections = state.node.connections();
        let is_stop = *state.requested.borrow() == RequestedState::Stop;
        let is_over = match phase {
            ServerPhase::Ending => ends.running == 0,
            _ => is_stop || connections == 0 || ends.failed.is_some(),
        };
        if is_stop {
            stop_end.get_or_insert(Instant::now() + STOP_TIMEOUT);
        }
        let end = stop_end.map_or(end, |stop| stop.min(end));
        if is_over || Instant::now() >= end {
            return;
        }
        if logged_at.is_none_or(|at| at.elapsed() >= LOG_EVERY) {
            logged_at = Some(Instant::now());
            tracing::info!(phase = phase.label(), connections, "shutting down");
            state
                .progress
                .send_replace(DrainProgress { phase, connections });
        }
        tokio::select! {
            _ = checks.tick() => {}
            () = ends.next() => {}
        }
    }
}
