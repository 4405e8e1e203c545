//! The controller's handle to all threads of a load: sends commands, waits for replies, and reads running counts.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{Sender, channel};

use super::control::Progress;
use super::driver::{self, Order, Part, Plan, Said};
use super::error::LoadError;
use super::procfs::{Cpu, this_thread};
use super::session::Gauges;
use super::stop::{Presence, Sight, Stop};

/// Interval between two progress reports.
const WATCH: Duration = Duration::from_millis(200);

#[derive(Debug)]
struct Hand {
    orders: Option<Sender<Order>>,
    said: Receiver<Result<Said, LoadError>>,
    gauges: Arc<Gauges>,
    sizes: Vec<usize>,
    /// Its directory in /proc, for CPU time.
    place: Option<PathBuf>,
    thread: Option<JoinHandle<()>>,
}

/// All threads of a load.
#[derive(Debug)]
pub(super) struct Crew {
    hands: Vec<Hand>,
    /// Number of threads that have finished the last command; their replies are awaited in order.
    answered: usize,
    clock: Instant,
    phase: (&'static str, Instant),
    told: Option<Instant>,
    stop: Stop,
    /// Detects a lost tracker; set while connections are expected.
    presence: Option<Presence>,
}

/// Running totals of all threads.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) connections: u64,
    pub(super) announces: u64,
    pub(super) scrapes: u64,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) faults: u64,
    pub(super) timed_out: u64,
}

impl Crew {
    pub(super) fn start(
        plans: Vec<Plan>,
        run_start: Instant,
        stop: &Stop,
    ) -> Result<Self, LoadError> {
        let workers: Result<Vec<Hand>, LoadError> = plans.into_iter().map(hire).collect();
        Ok(Self {
            hands: workers?,
            answered: 0,
            clock: run_start,
            phase: ("", run_start),
            told: None,
            stop: stop.clone(),
            presence: None,
        })
    }

    /// Whether the load ends early.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.is_stopped()
    }

    /// Sets whether connections are expected. If so, a tracker without any connection counts as gone.
    pub(super) fn expect_connections(&mut self, are_expected: bool) {
        self.presence = are_expected.then(Presence::default);
    }

    /// Returns the time since the start of the run.
    pub(super) fn now(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Returns the instant at this time of the run.
    pub(super) fn moment(&self, since: Duration) -> Instant {
        self.clock + since
    }

    /// Returns when the last request of all threads ended.
    pub(super) fn last_done(&self) -> Instant {
        let last_of = |worker: &Hand| worker.gauges.last_done.load(Relaxed);
        let last = self.hands.iter().map(last_of).max().unwrap_or_default();
        self.moment(Duration::from_micros(last))
    }

    pub(super) fn threads(&self) -> usize {
        self.hands.len()
    }

    pub(super) fn swarm_sizes(&self) -> Vec<usize> {
        self.hands
            .iter()
            .flat_map(|worker| worker.sizes.iter().copied())
            .collect()
    }

    /// Returns the number of members of each thread.
    pub(super) fn members(&self) -> Vec<u64> {
        let members = |worker: &Hand| worker.sizes.iter().map(|&size| size as u64).sum();
        self.hands.iter().map(members).collect()
    }

    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for Hand { gauges, .. } in &self.hands {
            totals.connections += gauges.connections.load(Relaxed);
            totals.announces += gauges.announces.load(Relaxed);
            totals.scrapes += gauges.scrapes.load(Relaxed);
            totals.sent += gauges.sent.load(Relaxed);
            totals.received += gauges.received.load(Relaxed);
            totals.faults += gauges.faults.load(Relaxed);
            totals.timed_out += gauges.timed_out.load(Relaxed);
        }
        totals
    }

    /// Returns the CPU time of each thread, where the system provides it.
    pub(super) fn own_cpu(&self) -> Vec<Cpu> {
        let paths = self.hands.iter().filter_map(|worker| worker.place.as_ref());
        paths.filter_map(|path| Cpu::of_thread(path).ok()).collect()
    }

    /// Sends every thread a command, and waits until all have finished it.
    pub(super) fn order(
        &mut self,
        phase: &'static str,
        command: impl FnMut(usize) -> Order,
        on_progress: &mut dyn FnMut(&Progress),
    ) -> Result<(), LoadError> {
        self.give(command);
        while !self.wait(WATCH, phase, on_progress)? {}
        Ok(())
    }

    /// Sends every thread a command.
    pub(super) fn give(&mut self, mut command: impl FnMut(usize) -> Order) {
        self.answered = 0;
        for (number, worker) in self.hands.iter().enumerate() {
            // A thread that has ended is detected while waiting.
            let _ = worker
                .orders
                .as_ref()
                .map(|commands| commands.blocking_send(command(number)));
        }
    }

    /// Waits at most for `time`; returns whether all threads have finished their command.
    pub(super) fn wait(
        &mut self,
        time: Duration,
        phase: &'static str,
        on_progress: &mut dyn FnMut(&Progress),
    ) -> Result<bool, LoadError> {
        let end = Instant::now() + time;
        while let Some(worker) = self.hands.get(self.answered) {
            let left = end.saturating_duration_since(Instant::now());
            match worker.said.recv_timeout(left.min(WATCH)) {
                Ok(Ok(_)) => self.answered += 1,
                Ok(Err(error)) => return Err(error),
                Err(RecvTimeoutError::Timeout) => {
                    if self.told.is_none_or(|at| at.elapsed() >= WATCH) {
                        self.tell(phase, on_progress);
                    }
                    if left <= WATCH {
                        return Ok(false);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Err(ended()),
            }
        }
        self.tell(phase, on_progress);
        Ok(true)
    }

    /// Waits for `time` while the threads work, and reports progress.
    pub(super) fn pause(
        &mut self,
        time: Duration,
        phase: &'static str,
        on_progress: &mut dyn FnMut(&Progress),
    ) {
        let end = Instant::now() + time;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || self.is_stopped() {
                return;
            }
            thread::park_timeout(left.min(WATCH));
            self.tell(phase, on_progress);
        }
    }

    fn tell(&mut self, phase: &'static str, on_progress: &mut dyn FnMut(&Progress)) {
        self.told = Some(Instant::now());
        if self.phase.0 != phase {
            self.phase = (phase, Instant::now());
        }
        let totals = self.totals();
        let snapshot = Sight {
            at: Instant::now(),
            connections: totals.connections,
            received: totals.received,
            timed_out: totals.timed_out,
        };
        let presence = self.presence.as_mut();
        if let Some(why) = presence.and_then(|liveness| liveness.lost(snapshot)) {
            self.stop.stop(why);
        }
        on_progress(&Progress {
            phase,
            elapsed: self.phase.1.elapsed(),
            connections: totals.connections,
            announces: totals.announces,
            messages: totals.sent + totals.received,
            faults: totals.faults,
        });
    }

    /// Ends the threads and returns the results of each.
    pub(super) fn dismiss(mut self) -> Result<Vec<Part>, LoadError> {
        let mut parts = Vec::new();
        for worker in &mut self.hands {
            drop(worker.orders.take());
            match worker.said.recv() {
                Ok(Ok(Said::Counted(part))) => parts.push(*part),
                Ok(Err(error)) => return Err(error),
                Ok(Ok(Said::Done)) | Err(_) => return Err(ended()),
            }
        }
        Ok(parts)
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        for worker in &mut self.hands {
            drop(worker.orders.take());
        }
        for worker in &mut self.hands {
            if let Some(thread) = worker.thread.take() {
                // A thread with an unfinished command would wait for its timeouts; the program ends anyway.
                if thread.is_finished() {
                    // A panic of the thread has been printed.
                    let _ = thread.join();
                }
            }
        }
    }
}

fn ended() -> LoadError {
    LoadError::Broken("internal error: a thread of the load ended unexpectedly".to_owned())
}

fn hire(plan: Plan) -> Result<Hand, LoadError> {
    let (commands, thread_commands) = channel(1);
    // Room for all replies that a thread sends without a pending command.
    let (reply_sender, replies) = sync_channel(2);
    let (path_sender, path_receiver) = sync_channel(1);
    let (gauges, swarm_sizes) = (Arc::clone(&plan.gauges), plan.sizes.clone());
    let system = |source| LoadError::System {
        what: "cannot start a thread",
        source,
    };
    let thread = thread::Builder::new()
        .name(format!("load-{}", plan.number))
        .spawn(move || {
            // The receiver below waits for it.
            let _ = path_sender.send(this_thread());
            driver::run(plan, thread_commands, &reply_sender);
        })
        .map_err(system)?;
    let proc_path = path_receiver.recv().ok().flatten();
    Ok(Hand {
        orders: Some(commands),
        said: replies,
        gauges,
        sizes: swarm_sizes,
        place: proc_path,
        thread: Some(thread),
    })
}
