//! Controls a load: starts its threads, runs its phases, and measures the server's process between them.
//!
//! The only module that combines threads, phases and the server's process. The command line calls `run`.

mod course;

use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::load::connect::Connector;
use crate::load::crew::Crew;
use crate::load::driver::{Order, Plan};
use crate::load::error::LoadError;
use crate::load::exchange::{Micros, Settings};
use crate::load::options::Options;
use crate::load::procfs::{Cpu, Memory, describe};
use crate::load::report::{Closing, Memories, Report, ServerSeen, Syscalls};
use crate::load::session::Gauges;
use crate::load::sizes::share_out;
use crate::load::stop::Stop;
use crate::load::summary::{Found, Window};
use crate::load::syscalls;
use course::Until;

/// Descriptors needed besides those of connections: runtimes, files of /proc.
const OTHER_DESCRIPTORS: u64 = 100;
const MEMORY_SETTLES: Duration = Duration::from_secs(2);
const SYSCALL_WINDOW: Duration = Duration::from_secs(2);
/// Time from the command until the first request of an open loop is due, so that no thread starts late.
const LEAD: Duration = Duration::from_millis(20);

/// Progress of a load.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Progress {
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
pub fn run(options: &Options, on_progress: &mut dyn FnMut(&Progress)) -> Result<Report, LoadError> {
    run_until(options, on_progress, &Stop::default())
}

/// Like [`run`], but ends early when `stop` is used, and reports the results until then.
///
/// # Errors
/// As [`run`].
pub fn run_until(
    options: &Options,
    on_progress: &mut dyn FnMut(&Progress),
    stop: &Stop,
) -> Result<Report, LoadError> {
    raise_descriptors(options)?;
    if let Some(pid) = options.server_pid {
        look_at(pid)?;
    }
    let mut control = Control {
        crew: start(options, stop)?,
        options,
        found: Found::default(),
        counts_syscalls: false,
        watch: on_progress,
    };
    control.try_syscalls();
    control.go()?;
    let results = control.crew.dismiss()?;
    control.found.ended_early = stop.why();
    Ok(control.found.report(options, results))
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
fn look_at(pid: u32) -> Result<(Cpu, Memory), LoadError> {
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
    let cpu = Cpu::of_process(pid).map_err(|error| failed("its CPU time", &error))?;
    let memory = Memory::of_process(pid).map_err(|error| failed("its memory", &error))?;
    Ok((cpu, memory))
}

/// Resolves the tracker, divides the members among threads, and starts the threads.
fn start(options: &Options, stop: &Stop) -> Result<Crew, LoadError> {
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
    for (number, sizes) in share_out(sizes, options.threads).into_iter().enumerate() {
        let swarms = sizes.len() as u64;
        plans.push(Plan {
            number,
            sizes,
            first_swarm,
            settings: settings(options),
            seed: options.seed,
            wave: options.wave,
            storm: options.storm,
            connector: connector.clone(),
            gauges: std::sync::Arc::new(Gauges::default()),
            clock: run_start,
            stop: stop.clone(),
        });
        first_swarm += swarms;
    }
    Crew::start(plans, run_start, stop)
}

fn settings(options: &Options) -> Settings {
    Settings {
        offers: options.offers,
        offer_bytes: options.offer_bytes,
        answer_bytes: options.answer_bytes,
        answers: options.answers,
        think: (micros(options.think.least), micros(options.think.most)),
        seeders: options.seeders,
        scrapes: options.scrapes,
        timeout: micros(options.timeout),
    }
}

fn micros(time: Duration) -> Micros {
    Micros::try_from(time.as_micros()).unwrap_or(Micros::MAX)
}

struct Control<'a> {
    crew: Crew,
    options: &'a Options,
    found: Found,
    /// Whether system calls are requested and can be counted.
    counts_syscalls: bool,
    watch: &'a mut dyn FnMut(&Progress),
}

impl Control<'_> {
    fn go(&mut self) -> Result<(), LoadError> {
        self.found.swarm_sizes = self.crew.swarm_sizes();
        self.found.threads = self.crew.threads();
        self.order("warming up", Order::Warm)?;
        let fresh = self.memory("warming up")?;
        let connections = self.options.connections;
        self.found.open = self.phase("connecting", Order::Open, connections)?;
        let open = self.memory("connecting")?;
        self.crew.expect_connections(true);
        self.found.join = self.phase("joining", Order::Join, connections)?;
        let joined = self.memory("joining")?;
        let mut loaded = None;
        if self.options.has_load() && !self.crew.is_stopped() {
            self.load()?;
            loaded = self.memory("measuring memory")?;
        }
        self.see_server()?;
        self.crew.expect_connections(false);
        let closed = self.close()?;
        if let (Some(fresh), Some(open), Some(joined), Some(closed)) = (fresh, open, joined, closed)
        {
            self.found.memory = Some(Memories {
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

    fn order(&mut self, phase: &'static str, command: Order) -> Result<(), LoadError> {
        self.crew.order(phase, |_| command, self.watch)
    }

    /// Runs a command for all members, and measures the server before and after.
    fn phase(
        &mut self,
        name: &'static str,
        command: Order,
        units: usize,
    ) -> Result<Option<Window>, LoadError> {
        if self.crew.is_stopped() {
            return Ok(None);
        }
        let before = self.window()?;
        self.order(name, command)?;
        // A phase that ended early has no valid duration.
        let after = self.window()?;
        Ok((!self.crew.is_stopped()).then(|| before.until(&after, units as u64)))
    }

    /// Reads all running totals.
    fn window(&self) -> Result<Window, LoadError> {
        let cpu = match self.options.server_pid.map(look_at_cpu) {
            // The process may have ended with the tracker; then it cannot be measured any more.
            Some(Err(_)) if self.crew.totals().connections == 0 || self.crew.is_stopped() => None,
            cpu => cpu.transpose()?,
        };
        Ok(Window::now(cpu, self.crew.totals(), self.crew.own_cpu()))
    }

    /// Returns the server's memory, once it is stable.
    fn memory(&mut self, phase: &'static str) -> Result<Option<Memory>, LoadError> {
        let Some(pid) = self.options.server_pid.filter(|_| !self.crew.is_stopped()) else {
            return Ok(None);
        };
        let begin = Instant::now();
        let mut before = look_at(pid)?.1;
        while begin.elapsed() < MEMORY_SETTLES {
            self.crew
                .pause(Duration::from_millis(100), phase, self.watch);
            let now = look_at(pid)?.1;
            if now == before {
                break;
            }
            before = now;
        }
        Ok(Some(before))
    }

    fn see_server(&mut self) -> Result<(), LoadError> {
        let Some(pid) = self.options.server_pid.filter(|_| !self.crew.is_stopped()) else {
            return Ok(());
        };
        let (name, threads) = describe(pid);
        let mut syscalls = None;
        if self.counts_syscalls {
            match self.syscalls(pid) {
                Err(LoadError::Syscalls(reason)) => self.not_counted(&reason),
                counted => syscalls = Some(counted?),
            }
        }
        self.found.server = Some(ServerSeen {
            pid,
            name,
            threads,
            syscalls,
        });
        Ok(())
    }

    /// Checks at the start whether system calls can be counted. If not, everything else is still measured.
    fn try_syscalls(&mut self) {
        let Some(pid) = self.options.server_pid else {
            return;
        };
        if !self.options.syscalls || !self.options.has_load() {
            return;
        }
        match syscalls::Count::start(pid) {
            Ok(count) => {
                // An idle server makes no system calls to count.
                let _ = count.stop();
                self.counts_syscalls = true;
            }
            Err(LoadError::Syscalls(reason)) => self.not_counted(&reason),
            Err(other) => self.not_counted(&other.to_string()),
        }
    }

    fn not_counted(&mut self, reason: &str) {
        let remark = format!("system calls were not counted: {reason}");
        self.found.remarks.push(remark);
    }

    fn syscalls(&mut self, pid: u32) -> Result<Syscalls, LoadError> {
        let begin = self.crew.now() + LEAD;
        // Only the system calls of this load are measured.
        self.drive(
            begin,
            Until::Time(begin + SYSCALL_WINDOW * 2),
            (Duration::ZERO, Duration::ZERO),
        )?;
        let counted = self.count_syscalls(pid);
        // Stops the load even if the counting failed.
        self.order("counting system calls", Order::Finish { stops: true })?;
        counted
    }

    fn count_syscalls(&mut self, pid: u32) -> Result<Syscalls, LoadError> {
        let count = syscalls::Count::start(pid)?;
        let before = self.window()?;
        self.crew
            .pause(SYSCALL_WINDOW, "counting system calls", self.watch);
        let window = before.until(&self.window()?, 0);
        let calls = count.stop()?;
        Ok(window.syscalls(calls))
    }

    fn close(&mut self) -> Result<Option<Memory>, LoadError> {
        let connections = usize::try_from(self.crew.totals().connections).unwrap_or(0);
        let before = self.window()?;
        let begin = Instant::now();
        self.order("closing", Order::Close)?;
        let elapsed_s = begin.elapsed().as_secs_f64();
        let mut closing = Closing {
            connections,
            elapsed_s,
            server: None,
        };
        let mut memory = None;
        if let Some(pid) = self.options.server_pid.filter(|_| !self.crew.is_stopped()) {
            self.crew.pause(MEMORY_SETTLES, "closing", self.watch);
            closing.server = before.until(&self.window()?, connections as u64).cpu_used();
            memory = Some(look_at(pid)?.1);
        }
        self.found.close = Some(closing);
        Ok(memory)
    }
}

fn look_at_cpu(pid: u32) -> Result<Cpu, LoadError> {
    let process_ended = |_| LoadError::Pid {
        pid,
        reason: "the process has ended".to_owned(),
    };
    Cpu::of_process(pid).map_err(process_ended)
}
