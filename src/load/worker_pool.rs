//! The controller's handle to all threads of a load: sends commands, waits for replies, and reads running counts.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{Sender, channel};

use super::controller::LoadProgress;
use super::driver::{self, WorkerCommand, WorkerPlan, WorkerReply, WorkerResults};
use super::error::LoadError;
use super::process_usage::CpuTime;
use super::session::ThreadTotals;
use super::stop::{StopHandle, TrackerLiveness, TrackerSnapshot};
use crate::procfs;

/// Interval between two progress reports.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

#[derive(Debug)]
struct WorkerHandle {
    commands: Option<Sender<WorkerCommand>>,
    replies: Receiver<Result<WorkerReply, LoadError>>,
    thread_totals: Arc<ThreadTotals>,
    swarm_sizes: Vec<usize>,
    /// For its CPU time.
    usage: Option<procfs::Thread>,
    thread: Option<JoinHandle<()>>,
}

/// All threads of a load.
#[derive(Debug)]
pub(super) struct WorkerPool {
    workers: Vec<WorkerHandle>,
    /// Number of threads that have finished the last command; their replies are awaited in order.
    finished: usize,
    run_start: Instant,
    phase: (&'static str, Instant),
    reported_at: Option<Instant>,
    stop: StopHandle,
    /// Detects a lost tracker; set while connections are expected.
    liveness: Option<TrackerLiveness>,
}

/// Running totals of all threads.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LoadTotals {
    pub(super) connections: u64,
    pub(super) announces: u64,
    pub(super) scrapes: u64,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) faults: u64,
    pub(super) timed_out: u64,
}

impl WorkerPool {
    pub(super) fn start(
        plans: Vec<WorkerPlan>,
        run_start: Instant,
        stop: &StopHandle,
    ) -> Result<Self, LoadError> {
        let workers: Result<Vec<WorkerHandle>, LoadError> =
            plans.into_iter().map(spawn_worker).collect();
        Ok(Self {
            workers: workers?,
            finished: 0,
            run_start,
            phase: ("", run_start),
            reported_at: None,
            stop: stop.clone(),
            liveness: None,
        })
    }

    /// Whether the load ends early.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.is_stopped()
    }

    /// Sets whether connections are expected. If so, a tracker without any connection counts as gone.
    pub(super) fn expect_connections(&mut self, are_expected: bool) {
        self.liveness = are_expected.then(TrackerLiveness::default);
    }

    /// Returns the time since the start of the run.
    pub(super) fn elapsed(&self) -> Duration {
        self.run_start.elapsed()
    }

    /// Returns the instant at this time of the run.
    pub(super) fn instant_at(&self, since: Duration) -> Instant {
        self.run_start + since
    }

    /// Returns when the last request of all threads ended.
    pub(super) fn last_request_end(&self) -> Instant {
        let last_of = |worker: &WorkerHandle| worker.thread_totals.last_request_end.load(Relaxed);
        let last = self.workers.iter().map(last_of).max().unwrap_or_default();
        self.instant_at(Duration::from_micros(last))
    }

    pub(super) fn thread_count(&self) -> usize {
        self.workers.len()
    }

    pub(super) fn swarm_sizes(&self) -> Vec<usize> {
        self.workers
            .iter()
            .flat_map(|worker| worker.swarm_sizes.iter().copied())
            .collect()
    }

    /// Returns the number of members of each thread.
    pub(super) fn members_per_thread(&self) -> Vec<u64> {
        let members =
            |worker: &WorkerHandle| worker.swarm_sizes.iter().map(|&size| size as u64).sum();
        self.workers.iter().map(members).collect()
    }

    pub(super) fn totals(&self) -> LoadTotals {
        let mut totals = LoadTotals::default();
        for WorkerHandle { thread_totals, .. } in &self.workers {
            totals.connections += thread_totals.connections.load(Relaxed);
            totals.announces += thread_totals.announces.load(Relaxed);
            totals.scrapes += thread_totals.scrapes.load(Relaxed);
            totals.sent += thread_totals.sent.load(Relaxed);
            totals.received += thread_totals.received.load(Relaxed);
            totals.faults += thread_totals.faults.load(Relaxed);
            totals.timed_out += thread_totals.timed_out.load(Relaxed);
        }
        totals
    }

    /// Returns the CPU time of each thread, where the system provides it.
    pub(super) fn cpu_per_thread(&self) -> Vec<CpuTime> {
        let threads = self
            .workers
            .iter()
            .filter_map(|worker| worker.usage.as_ref());
        threads
            .filter_map(|thread| CpuTime::of_thread(thread).ok())
            .collect()
    }

    /// Sends every thread a command, and waits until all have finished it.
    pub(super) fn run_command(
        &mut self,
        phase: &'static str,
        command: impl FnMut(usize) -> WorkerCommand,
        on_progress: &mut dyn FnMut(&LoadProgress),
    ) -> Result<(), LoadError> {
        self.send_command(command);
        while !self.wait_until_finished(PROGRESS_INTERVAL, phase, on_progress)? {}
        Ok(())
    }

    /// Sends every thread a command.
    pub(super) fn send_command(&mut self, mut command: impl FnMut(usize) -> WorkerCommand) {
        self.finished = 0;
        for (number, worker) in self.workers.iter().enumerate() {
            // A thread that has ended is detected while waiting.
            let _ = worker
                .commands
                .as_ref()
                .map(|commands| commands.blocking_send(command(number)));
        }
    }

    /// Waits at most for `time`; returns whether all threads have finished their command.
    pub(super) fn wait_until_finished(
        &mut self,
        time: Duration,
        phase: &'static str,
        on_progress: &mut dyn FnMut(&LoadProgress),
    ) -> Result<bool, LoadError> {
        let end = Instant::now() + time;
        while let Some(worker) = self.workers.get(self.finished) {
            let left = end.saturating_duration_since(Instant::now());
            match worker.replies.recv_timeout(left.min(PROGRESS_INTERVAL)) {
                Ok(Ok(_)) => self.finished += 1,
                Ok(Err(error)) => return Err(error),
                Err(RecvTimeoutError::Timeout) => {
                    if self
                        .reported_at
                        .is_none_or(|at| at.elapsed() >= PROGRESS_INTERVAL)
                    {
                        self.report_progress(phase, on_progress);
                    }
                    if left <= PROGRESS_INTERVAL {
                        return Ok(false);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Err(thread_ended()),
            }
        }
        self.report_progress(phase, on_progress);
        Ok(true)
    }

    /// Waits for `time` while the threads work, and reports progress.
    pub(super) fn pause(
        &mut self,
        time: Duration,
        phase: &'static str,
        on_progress: &mut dyn FnMut(&LoadProgress),
    ) {
        let end = Instant::now() + time;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || self.is_stopped() {
                return;
            }
            thread::park_timeout(left.min(PROGRESS_INTERVAL));
            self.report_progress(phase, on_progress);
        }
    }

    fn report_progress(&mut self, phase: &'static str, on_progress: &mut dyn FnMut(&LoadProgress)) {
        self.reported_at = Some(Instant::now());
        if self.phase.0 != phase {
            self.phase = (phase, Instant::now());
        }
        let totals = self.totals();
        let snapshot = TrackerSnapshot {
            at: Instant::now(),
            connections: totals.connections,
            received: totals.received,
            timed_out: totals.timed_out,
        };
        let presence = self.liveness.as_mut();
        if let Some(why) = presence.and_then(|liveness| liveness.check(snapshot)) {
            self.stop.stop(why);
        }
        on_progress(&LoadProgress {
            phase,
            elapsed: self.phase.1.elapsed(),
            connections: totals.connections,
            announces: totals.announces,
            messages: totals.sent + totals.received,
            faults: totals.faults,
        });
    }

    /// Ends the threads and returns the results of each.
    pub(super) fn finish(mut self) -> Result<Vec<WorkerResults>, LoadError> {
        let mut parts = Vec::new();
        for worker in &mut self.workers {
            drop(worker.commands.take());
            match worker.replies.recv() {
                Ok(Ok(WorkerReply::Results(part))) => parts.push(*part),
                Ok(Err(error)) => return Err(error),
                Ok(Ok(WorkerReply::CommandDone)) | Err(_) => return Err(thread_ended()),
            }
        }
        Ok(parts)
    }
}

impl Drop for WorkerPool {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            drop(worker.commands.take());
        }
        for worker in &mut self.workers {
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

fn thread_ended() -> LoadError {
    LoadError::Internal("internal error: a thread of the load ended unexpectedly".to_owned())
}

fn spawn_worker(plan: WorkerPlan) -> Result<WorkerHandle, LoadError> {
    let (commands, thread_commands) = channel(1);
    // Room for all replies that a thread sends without a pending command.
    let (reply_sender, replies) = sync_channel(2);
    let (usage_sender, usage_receiver) = sync_channel(1);
    let (thread_totals, swarm_sizes) = (Arc::clone(&plan.thread_totals), plan.sizes.clone());
    let system = |source| LoadError::System {
        what: "cannot start a thread",
        source,
    };
    let thread = thread::Builder::new()
        .name(format!("load-{}", plan.number))
        .spawn(move || {
            // The receiver below waits for it.
            let _ = usage_sender.send(procfs::Thread::current());
            driver::run(plan, thread_commands, &reply_sender);
        })
        .map_err(system)?;
    let usage = usage_receiver.recv().ok().flatten();
    Ok(WorkerHandle {
        commands: Some(commands),
        replies,
        thread_totals,
        swarm_sizes,
        usage,
        thread: Some(thread),
    })
}
