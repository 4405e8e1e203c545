//! CPU time and memory of a process, as the load report shows them. Linux only.

use std::io;
use std::ops::Sub;

use serde::Serialize;

use crate::procfs::{Process, Thread};

/// Largest error of a difference of user and system time: both are rounded down to a tick.
const TICKS_ERROR_MAX_S: f64 = 0.02;

/// CPU time since the start of a process or thread, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[expect(clippy::struct_field_names, reason = "the names end with the unit")]
pub(super) struct CpuTime {
    pub(super) run_s: f64,
    /// Time in which it was ready to run, but others had the core.
    pub(super) wait_s: f64,
    /// In clock ticks: only precise enough for their ratio, and for the time of threads that have ended.
    user_s: f64,
    system_s: f64,
}

impl CpuTime {
    /// Reads the CPU time of all threads of a process.
    pub(super) fn of_process(pid: u32) -> io::Result<Self> {
        let process = Process::with_id(pid);
        let mut cpu = Self::default();
        for thread in process.threads()? {
            // A thread may end after it was listed.
            if let Ok(of_thread) = Self::of_thread(&thread) {
                cpu.run_s += of_thread.run_s;
                cpu.wait_s += of_thread.wait_s;
            }
        }
        let times = process.cpu_time()?;
        (cpu.user_s, cpu.system_s) = (times.0.as_secs_f64(), times.1.as_secs_f64());
        if cpu.run_s <= 0.0 {
            // A kernel without scheduler statistics.
            cpu.run_s = cpu.user_s + cpu.system_s;
        }
        Ok(cpu)
    }

    /// Reads the CPU time of one thread.
    pub(super) fn of_thread(thread: &Thread) -> io::Result<Self> {
        let times = thread.run_and_wait_time()?;
        let (run_s, wait_s) = (times.0.as_secs_f64(), times.1.as_secs_f64());
        Ok(Self {
            run_s,
            wait_s,
            ..Self::default()
        })
    }

    /// Returns the share of CPU time in user mode.
    pub(super) fn user_share(&self) -> f64 {
        if self.user_s + self.system_s > 0.0 {
            self.user_s / (self.user_s + self.system_s)
        } else {
            0.0
        }
    }
}

impl Sub for CpuTime {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        let (user_s, system_s) = (
            (self.user_s - before.user_s).max(0.0),
            (self.system_s - before.system_s).max(0.0),
        );
        let run_s = (self.run_s - before.run_s).max(0.0);
        let ticks_s = user_s + system_s - TICKS_ERROR_MAX_S;
        Self {
            // The sum over threads lacks threads that ended between the readings.
            run_s: run_s.max(ticks_s),
            wait_s: (self.wait_s - before.wait_s).max(0.0),
            user_s,
            system_s,
        }
    }
}

/// Returns the name and the number of threads of a process.
pub(super) fn name_and_threads(pid: u32) -> (String, usize) {
    let process = Process::with_id(pid);
    let threads = process.threads().map_or(0, |threads| threads.len());
    (process.name().unwrap_or_default(), threads)
}

/// Returns the resident bytes of a process.
#[expect(clippy::cast_precision_loss, reason = "far less than 2^52 bytes")]
pub(super) fn resident_bytes(pid: u32) -> Option<f64> {
    Process::with_id(pid)
        .resident_bytes()
        .map(|bytes| bytes as f64)
}

/// Memory of a process, or the difference of two readings per connection.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ProcessMemory {
    /// Resident memory, shared pages counted fully.
    pub rss_bytes: f64,
    /// Resident memory, shared pages divided by their number of users.
    pub pss_bytes: f64,
    /// Memory used by this process alone.
    pub private_bytes: f64,
    /// Memory that is not backed by files.
    pub anonymous_bytes: f64,
}

impl ProcessMemory {
    #[expect(clippy::cast_precision_loss, reason = "far less than 2^52 bytes")]
    pub(super) fn of_process(pid: u32) -> io::Result<Self> {
        let totals = Process::with_id(pid).memory_totals()?;
        let bytes = |name: &str| {
            let bytes = totals.bytes(name).map(|bytes| bytes as f64);
            bytes.ok_or_else(|| io::Error::other(format!("no {name} in smaps_rollup")))
        };
        Ok(Self {
            rss_bytes: bytes("Rss")?,
            pss_bytes: bytes("Pss")?,
            private_bytes: bytes("Private_Clean")? + bytes("Private_Dirty")?,
            anonymous_bytes: bytes("Anonymous")?,
        })
    }

    /// Returns the growth since `fresh`, divided by `connections`.
    #[expect(
        clippy::cast_precision_loss,
        reason = "far fewer than 2^52 connections"
    )]
    pub(super) fn per_connection(&self, fresh: &Self, connections: usize) -> Self {
        let each = |now: f64, before: f64| (now - before) / connections as f64;
        Self {
            rss_bytes: each(self.rss_bytes, fresh.rss_bytes),
            pss_bytes: each(self.pss_bytes, fresh.pss_bytes),
            private_bytes: each(self.private_bytes, fresh.private_bytes),
            anonymous_bytes: each(self.anonymous_bytes, fresh.anonymous_bytes),
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_of_ended_threads_still_counts() {
        let before = CpuTime {
            run_s: 5.0,
            user_s: 4.0,
            system_s: 1.0,
            ..CpuTime::default()
        };
        // A thread with 3 s of CPU time has ended; the others ran for 0.5 s.
        let now = CpuTime {
            run_s: 2.5,
            user_s: 4.3,
            system_s: 1.2,
            ..CpuTime::default()
        };
        let ran = (now - before).run_s;
        assert!((0.47..=0.5).contains(&ran), "{ran}");
    }

    #[test]
    fn cpu_time_and_memory_of_this_process_are_read() {
        let pid = std::process::id();
        let cpu = CpuTime::of_process(pid).unwrap();
        assert!(cpu.run_s > 0.0 && (0.0..=1.0).contains(&cpu.user_share()));
        assert!(
            CpuTime::of_thread(&Thread::current().unwrap())
                .unwrap()
                .run_s
                <= cpu.run_s + 1.0
        );
        let memory = ProcessMemory::of_process(pid).unwrap();
        assert!(memory.pss_bytes > 0.0 && memory.rss_bytes >= memory.pss_bytes);
        assert!(name_and_threads(pid).1 >= 1);
        assert!(CpuTime::of_process(u32::MAX).is_err());
    }
}
