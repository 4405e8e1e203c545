//! CPU time from /proc, and what happened between two readings of it.

use std::io;
use std::time::{Duration, Instant};

use crate::server::Server;

/// CPU time of a process since its start, over all its threads.
#[derive(Clone, Copy)]
struct Cpu {
    ran: Duration,
    /// Ready to run, but the core was taken by others.
    waited: Duration,
    /// In clock ticks, so only their ratio is worth something.
    user: f64,
    system: f64,
}

impl Cpu {
    fn of(pid: &str) -> io::Result<Self> {
        let (mut ran, mut waited) = (Duration::ZERO, Duration::ZERO);
        for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
            let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
            let mut numbers = text
                .split_whitespace()
                .filter_map(|number| number.parse().ok());
            ran += Duration::from_nanos(numbers.next().unwrap_or(0));
            waited += Duration::from_nanos(numbers.next().unwrap_or(0));
        }
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name, field 2, may hold blanks; fields 14 and 15 are user and system time.
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let mut ticks = rest
            .split_whitespace()
            .skip(11)
            .filter_map(|number| number.parse().ok());
        let (user, system) = (ticks.next().unwrap_or(0.0), ticks.next().unwrap_or(0.0));
        if ran.is_zero() {
            // A kernel without scheduler statistics: ticks are a hundredth of a second nearly everywhere.
            ran = Duration::from_secs_f64((user + system) / 100.0);
        }
        Ok(Self {
            ran,
            waited,
            user,
            system,
        })
    }
}

/// The beginning of a measured time.
pub struct Begun {
    at: Instant,
    units: usize,
    server: Cpu,
    own: Cpu,
}

/// What happened in a measured time.
pub struct Window {
    elapsed: f64,
    units: f64,
    cpu: f64,
    user_share: f64,
    server_waited: f64,
    own_cpu: f64,
    own_waited: f64,
}

impl Window {
    /// `units` is a count of whatever is measured, so far.
    pub fn begin(server: &Server, units: usize) -> io::Result<Begun> {
        Ok(Begun {
            at: Instant::now(),
            units,
            server: Cpu::of(&server.pid())?,
            own: Cpu::of("self")?,
        })
    }

    /// Units per second.
    pub fn rate(&self) -> f64 {
        self.units / self.elapsed
    }

    /// Microseconds of the server's CPU time per unit.
    pub fn micros(&self) -> f64 {
        self.cpu * 1e6 / self.units
    }

    /// The part of them spent in the program itself.
    pub fn user_micros(&self) -> f64 {
        self.micros() * self.user_share
    }

    /// The part of them spent in the kernel.
    pub fn system_micros(&self) -> f64 {
        self.micros() * (1.0 - self.user_share)
    }

    /// Share of the time in which the load generator had, or wanted, its core.
    pub fn own_busy(&self) -> f64 {
        (self.own_cpu + self.own_waited) / self.elapsed
    }

    /// Share of the time in which the server ran.
    pub fn server_busy(&self) -> f64 {
        self.cpu / self.elapsed
    }

    /// Share of the time in which other programs kept the server, or the load generator, from running.
    pub fn disturbed(&self) -> f64 {
        self.server_waited.max(self.own_waited) / self.elapsed
    }
}

impl Begun {
    pub fn end(self, server: &Server, units: usize) -> io::Result<Window> {
        let elapsed = self.at.elapsed().as_secs_f64();
        let (now, own) = (Cpu::of(&server.pid())?, Cpu::of("self")?);
        let (user, system) = (now.user - self.server.user, now.system - self.server.system);
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 units")]
        let units = (units - self.units) as f64;
        Ok(Window {
            elapsed,
            units,
            cpu: now.ran.saturating_sub(self.server.ran).as_secs_f64(),
            user_share: if user + system > 0.0 {
                user / (user + system)
            } else {
                0.0
            },
            server_waited: now.waited.saturating_sub(self.server.waited).as_secs_f64(),
            own_cpu: own.ran.saturating_sub(self.own.ran).as_secs_f64(),
            own_waited: own.waited.saturating_sub(self.own.waited).as_secs_f64(),
        })
    }
}
