//! Runs a load test: starts its threads, runs its phases, and measures the server's process after each.
//!
//! The only module that combines threads, phases and the server's process. The command line calls
//! [`run_until_stopped`].

mod measure;

use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::load::checker::{Micros, RequestSettings};
use crate::load::connect::Connector;
use crate::load::driver::{WorkerCommand, WorkerPlan};
use crate::load::error::LoadError;
use crate::load::options::Options;
use crate::load::process_usage::{CpuTime, ProcessMemory, name_and_threads};
use crate::load::report::{ClosingReport, MemoryReport, Report, ServerReport, SyscallReport};
use crate::load::session::ThreadTotals;
use crate::load::stop::StopHandle;
use crate::load::summary::{CounterReading, RunResults};
use crate::load::swarm_sizes::split_among_threads;
use crate::load::syscalls;
use crate::load::worker_pool::WorkerPool;
use measure::LoadEnd;

/// Descriptors needed besides those of connections: runtimes, files of /proc.
const OTHER_DESCRIPTORS: u64 = 100;
const MEMORY_SETTLE_TIME: Duration = Duration::from_secs(2);
const SYSCALL_WINDOW: Duration = Duration::from_secs(2);
/// Time from the command until the first request of an open loop is due, so that no thread starts late.
const START_LEAD_TIME: Duration = Duration::from_millis(20);

/// Progress of a load.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LoadProgress {
    /// Name of the current phase.
    pub phase: &'static str,
    /// Time since the start of the phase.
    pub elapsed: Duration,
    /// Open connections.
    pub connections: u64,
    /// Completed announces so far.
    pub announces: u64,
    /// Messages sent and received so far.
    pub messages: u64,
    /// Faults so far.
    pub faults: u64,
}

/// Runs a complete load; calls `on_progress` several times a second.
///
/// # Errors
/// [`LoadError`] if the load could not run. Wrong messages of the tracker are not an error; the report contains them.
pub fn run(
    options: &Options,
    on_progress: &mut dyn FnMut(&LoadProgress),
) -> Result<Report, LoadError> {
    run_until_stopped(options, on_progress, &StopHandle::default())
}

/// Like [`run`], but ends early when `stop` is used, and reports the results until then.
///
/// # Errors
/// As [`run`].
pub fn run_until_stopped(
    options: &Options,
    on_progress: &mut dyn FnMut(&LoadProgress),
    stop: &StopHandle,
) -> Result<Report, LoadError> {
    raise_descriptors(options)?;
    if let Some(pid) = options.server_pid {
        observe_process(pid)?;
    }
    let mut control = Controller {
        workers: start_workers(options, stop)?,
        options,
        results: RunResults::default(),
        counts_syscalls: false,
        on_progress,
    };
    control.check_strace();
    control.run_phases()?;
    let results = control.workers.finish()?;
    control.results.ended_early = stop.reason();
    Ok(control.results.report(options, results))
}

fn raise_descriptors(options: &Options) -> Result<(), LoadError> {
    let failed = |source| LoadError::System {
        what: "the limit of open files cannot be read",
        source,
    };
    let allowed = rlimit::increase_nofile_limit(u64::MAX).map_err(failed)?;
    let needed = options.connections as u64 + OTHER_DESCRIPTORS;
    if allowed < needed {
        return Err(LoadError::Descriptors {
            connections: options.connections,
            needed,
            allowed,
        });
    }
    Ok(())
}

/// Reads CPU time and memory of a process; fails if it cannot be observed.
fn observe_process(pid: u32) -> Result<(CpuTime, ProcessMemory), LoadError> {
    if !cfg!(target_os = "linux") {
        let reason = "processes can be observed on Linux only".to_owned();
        return Err(LoadError::Pid { pid, reason });
    }
    let failed = |what: &str, error: &std::io::Error| {
        let reason = match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such process".to_owned(),
            std::io::ErrorKind::PermissionDenied => {
                format!("{what} may not be read; run as the server's user or as root")
            }
            _ => format!("{what} cannot be read: {error}"),
        };
        LoadError::Pid { pid, reason }
    };
    let cpu = CpuTime::of_process(pid).map_err(|error| failed("its CPU time", &error))?;
    let memory = ProcessMemory::of_process(pid).map_err(|error| failed("its memory", &error))?;
    Ok((cpu, memory))
}

/// Resolves the tracker, divides the members among threads, and starts the threads.
fn start_workers(options: &Options, stop: &StopHandle) -> Result<WorkerPool, LoadError> {
    let system = |source| LoadError::System {
        what: "cannot start the runtime",
        source,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(system)?;
    let connector = runtime.block_on(Connector::new(options))?;
    let sizes = options.swarm_size.sizes(
        options.connections,
        &mut SmallRng::seed_from_u64(options.seed),
    );
    let run_start = Instant::now();
    let mut first_swarm = 0;
    let mut plans = Vec::new();
    for (number, sizes) in split_among_threads(sizes, options.threads)
        .into_iter()
        .enumerate()
    {
        let swarms = sizes.len() as u64;
        plans.push(WorkerPlan {
            number,
            sizes,
            first_swarm,
            settings: request_settings(options),
            seed: options.seed,
            wave: options.wave,
            storm: options.storm,
            connector: connector.clone(),
            thread_totals: std::sync::Arc::new(ThreadTotals::default()),
            run_start,
            stop: stop.clone(),
        });
        first_swarm += swarms;
    }
    WorkerPool::start(plans, run_start, stop)
}

fn request_settings(options: &Options) -> RequestSettings {
    RequestSettings {
        offers: options.offers,
        offer_bytes: options.offer_bytes,
        answer_bytes: options.answer_bytes,
        answers: options.answers,
        think: (micros(options.think.min), micros(options.think.max)),
        seeders: options.seeders,
        scrapes: options.scrapes,
        timeout: micros(options.timeout),
    }
}

fn micros(time: Duration) -> Micros {
    Micros::try_from(time.as_micros()).unwrap_or(Micros::MAX)
}

struct Controller<'a> {
    workers: WorkerPool,
    options: &'a Options,
    results: RunResults,
    /// Whether system calls are requested and can be counted.
    counts_syscalls: bool,
    on_progress: &'a mut dyn FnMut(&LoadProgress),
}

impl Controller<'_> {
    fn run_phases(&mut self) -> Result<(), LoadError> {
        self.results.swarm_sizes = self.workers.swarm_sizes();
        self.results.threads = self.workers.thread_count();
        self.run_command("warming up", WorkerCommand::WarmUp)?;
        let fresh = self.stable_memory("warming up")?;
        let connections = self.options.connections;
        self.results.open = self.run_phase("connecting", WorkerCommand::Open, connections)?;
        let open = self.stable_memory("connecting")?;
        self.workers.expect_connections(true);
        self.results.join = self.run_phase("joining", WorkerCommand::Join, connections)?;
        let joined = self.stable_memory("joining")?;
        let mut loaded = None;
        if self.options.has_load() && !self.workers.is_stopped() {
            self.run_load()?;
            loaded = self.stable_memory("measuring memory")?;
        }
        self.observe_server()?;
        self.workers.expect_connections(false);
        let closed = self.close_connections()?;
        if let (Some(fresh), Some(open), Some(joined), Some(closed)) = (fresh, open, joined, closed)
        {
            self.results.memory = Some(MemoryReport {
                fresh,
                open,
                joined,
                loaded,
                closed,
                per_open_connection: open.per_connection(&fresh, connections),
                per_joined_connection: joined.per_connection(&fresh, connections),
                per_loaded_connection: loaded
                    .map(|loaded| loaded.per_connection(&fresh, connections)),
            });
        }
        Ok(())
    }

    fn run_command(
        &mut self,
        phase: &'static str,
        command: WorkerCommand,
    ) -> Result<(), LoadError> {
        self.workers
            .run_command(phase, |_| command, self.on_progress)
    }

    /// Runs a command for all members, and measures the server before and after.
    fn run_phase(
        &mut self,
        name: &'static str,
        command: WorkerCommand,
        units: usize,
    ) -> Result<Option<CounterReading>, LoadError> {
        if self.workers.is_stopped() {
            return Ok(None);
        }
        let before = self.read_counters()?;
        self.run_command(name, command)?;
        // A phase that ended early has no valid duration.
        let after = self.read_counters()?;
        Ok((!self.workers.is_stopped()).then(|| before.until(&after, units as u64)))
    }

    /// Reads all running totals.
    fn read_counters(&self) -> Result<CounterReading, LoadError> {
        let cpu = match self.options.server_pid.map(process_cpu) {
            // The process may have ended with the tracker; then it cannot be measured any more.
            Some(Err(_)) if self.workers.totals().connections == 0 || self.workers.is_stopped() => {
                None
            }
            cpu => cpu.transpose()?,
        };
        Ok(CounterReading::now(
            cpu,
            self.workers.totals(),
            self.workers.cpu_per_thread(),
        ))
    }

    /// Returns the server's memory, once it is stable.
    fn stable_memory(&mut self, phase: &'static str) -> Result<Option<ProcessMemory>, LoadError> {
        let Some(pid) = self
            .options
            .server_pid
            .filter(|_| !self.workers.is_stopped())
        else {
            return Ok(None);
        };
        let begin = Instant::now();
        let mut before = observe_process(pid)?.1;
        while begin.elapsed() < MEMORY_SETTLE_TIME {
            self.workers
                .pause(Duration::from_millis(100), phase, self.on_progress);
            let now = observe_process(pid)?.1;
            if now == before {
                break;
            }
            before = now;
        }
        Ok(Some(before))
    }

    fn observe_server(&mut self) -> Result<(), LoadError> {
        let Some(pid) = self
            .options
            .server_pid
            .filter(|_| !self.workers.is_stopped())
        else {
            return Ok(());
        };
        let (name, threads) = name_and_threads(pid);
        let mut syscalls = None;
        if self.counts_syscalls {
            match self.measure_syscalls(pid) {
                Err(LoadError::Syscalls(reason)) => self.remark_uncounted_syscalls(&reason),
                counted => syscalls = Some(counted?),
            }
        }
        self.results.server = Some(ServerReport {
            pid,
            name,
            threads,
            syscalls,
        });
        Ok(())
    }

    /// Checks at the start whether system calls can be counted. If not, everything else is still measured.
    fn check_strace(&mut self) {
        let Some(pid) = self.options.server_pid else {
            return;
        };
        if !self.options.syscalls || !self.options.has_load() {
            return;
        }
        match syscalls::SyscallCounter::attach(pid) {
            Ok(count) => {
                // An idle server makes no system calls to count.
                let _ = count.stop();
                self.counts_syscalls = true;
            }
            Err(LoadError::Syscalls(reason)) => self.remark_uncounted_syscalls(&reason),
            Err(other) => self.remark_uncounted_syscalls(&other.to_string()),
        }
    }

    fn remark_uncounted_syscalls(&mut self, reason: &str) {
        let remark = format!("system calls were not counted: {reason}");
        self.results.remarks.push(remark);
    }

    fn measure_syscalls(&mut self, pid: u32) -> Result<SyscallReport, LoadError> {
        let begin = self.workers.elapsed() + START_LEAD_TIME;
        // Only the system calls of this load are measured.
        self.start_load(
            begin,
            LoadEnd::Time(begin + SYSCALL_WINDOW * 2),
            (Duration::ZERO, Duration::ZERO),
        )?;
        let counted = self.count_syscalls(pid);
        // Stops the load even if the counting failed.
        self.run_command(
            "counting system calls",
            WorkerCommand::Finish { only_started: true },
        )?;
        counted
    }

    fn count_syscalls(&mut self, pid: u32) -> Result<SyscallReport, LoadError> {
        let count = syscalls::SyscallCounter::attach(pid)?;
        let before = self.read_counters()?;
        self.workers
            .pause(SYSCALL_WINDOW, "counting system calls", self.on_progress);
        let window = before.until(&self.read_counters()?, 0);
        let calls = count.stop()?;
        Ok(window.syscalls(calls))
    }

    fn close_connections(&mut self) -> Result<Option<ProcessMemory>, LoadError> {
        let connections = usize::try_from(self.workers.totals().connections).unwrap_or(0);
        let before = self.read_counters()?;
        let begin = Instant::now();
        self.run_command("closing", WorkerCommand::Close)?;
        let elapsed_s = begin.elapsed().as_secs_f64();
        let mut closing = ClosingReport {
            connections,
            elapsed_s,
            server: None,
        };
        let mut memory = None;
        if let Some(pid) = self
            .options
            .server_pid
            .filter(|_| !self.workers.is_stopped())
        {
            self.workers
                .pause(MEMORY_SETTLE_TIME, "closing", self.on_progress);
            closing.server = before
                .until(&self.read_counters()?, connections as u64)
                .cpu_used();
            memory = Some(observe_process(pid)?.1);
        }
        self.results.close = Some(closing);
        Ok(memory)
    }
}

fn process_cpu(pid: u32) -> Result<CpuTime, LoadError> {
    let process_ended = |_| LoadError::Pid {
        pid,
        reason: "the process has ended".to_owned(),
    };
    CpuTime::of_process(pid).map_err(process_ended)
}
