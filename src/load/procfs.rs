//! Reads CPU time and memory of a process from /proc. Works on Linux only.

use std::fs;
use std::io;
use std::ops::Sub;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// Clock ticks a second (`USER_HZ`) on nearly all systems.
const TICKS_PER_S: f64 = 100.0;
/// Largest error of a difference in ticks: user and system time are both rounded down.
const TICKS_ERROR_MAX: f64 = 2.0;

/// CPU time since the start of a process or thread, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct CpuTime {
    pub(super) run_s: f64,
    /// Time in which it was ready to run, but others had the core.
    pub(super) wait_s: f64,
    /// In clock ticks: only precise enough for their ratio, and for the time of threads that have ended.
    user_ticks: f64,
    system_ticks: f64,
}

impl CpuTime {
    /// Reads the CPU time of all threads of a process.
    pub(super) fn of_process(pid: u32) -> io::Result<Self> {
        let mut cpu = Self::default();
        for task in fs::read_dir(format!("/proc/{pid}/task"))? {
            // A thread may end after it was listed.
            if let Ok((run_s, wait_s)) = schedstat(&task?.path()) {
                cpu.run_s += run_s;
                cpu.wait_s += wait_s;
            }
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name, field 2, may contain spaces; fields 14 and 15 are user and system time.
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let mut ticks = rest
            .split_whitespace()
            .skip(11)
            .filter_map(|number| number.parse().ok());
        (cpu.user_ticks, cpu.system_ticks) =
            (ticks.next().unwrap_or(0.0), ticks.next().unwrap_or(0.0));
        if cpu.run_s <= 0.0 {
            // A kernel without scheduler statistics.
            cpu.run_s = (cpu.user_ticks + cpu.system_ticks) / TICKS_PER_S;
        }
        Ok(cpu)
    }

    /// Reads the CPU time of one thread of this process.
    pub(super) fn of_thread(thread: &Path) -> io::Result<Self> {
        let (run_s, wait_s) = schedstat(thread)?;
        Ok(Self {
            run_s,
            wait_s,
            ..Self::default()
        })
    }

    /// Returns the share of CPU time in user mode.
    pub(super) fn user_share(&self) -> f64 {
        if self.user_ticks + self.system_ticks > 0.0 {
            self.user_ticks / (self.user_ticks + self.system_ticks)
        } else {
            0.0
        }
    }
}

impl Sub for CpuTime {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        let (user_ticks, system_ticks) = (
            (self.user_ticks - before.user_ticks).max(0.0),
            (self.system_ticks - before.system_ticks).max(0.0),
        );
        let run_s = (self.run_s - before.run_s).max(0.0);
        let ticks_s = (user_ticks + system_ticks - TICKS_ERROR_MAX) / TICKS_PER_S;
        Self {
            // The sum over threads lacks threads that ended between the readings.
            run_s: run_s.max(ticks_s),
            wait_s: (self.wait_s - before.wait_s).max(0.0),
            user_ticks,
            system_ticks,
        }
    }
}

/// Returns the seconds that a task ran and waited.
fn schedstat(task: &Path) -> io::Result<(f64, f64)> {
    let text = fs::read_to_string(task.join("schedstat"))?;
    let mut nanos = text
        .split_whitespace()
        .filter_map(|number| number.parse::<f64>().ok());
    Ok((
        nanos.next().unwrap_or(0.0) / 1e9,
        nanos.next().unwrap_or(0.0) / 1e9,
    ))
}

/// Returns the directory of the calling thread in /proc.
pub(super) fn current_thread_path() -> Option<PathBuf> {
    fs::read_link("/proc/thread-self")
        .ok()
        .map(|link| Path::new("/proc").join(link))
}

/// Returns the name and the number of threads of a process.
pub(super) fn name_and_threads(pid: u32) -> (String, usize) {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let threads = fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    (name.trim().to_owned(), threads)
}

/// Returns the resident bytes of a process. Cheap, as the exact figures make the kernel walk all pages.
pub(super) fn resident_bytes(pid: u32) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim()
        .strip_suffix(" kB")?
        .trim()
        .parse::<f64>()
        .ok()
        .map(|kibibytes| kibibytes * 1024.0)
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
    pub(super) fn of_process(pid: u32) -> io::Result<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let bytes = |name: &str| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            let kibibytes =
                line.and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
            kibibytes
                .map(|number| number * 1024.0)
                .ok_or_else(|| io::Error::other(format!("no {name} in smaps_rollup")))
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
            user_ticks: 400.0,
            system_ticks: 100.0,
            ..CpuTime::default()
        };
        // A thread with 3 s of CPU time has ended; the others ran for 0.5 s.
        let now = CpuTime {
            run_s: 2.5,
            user_ticks: 430.0,
            system_ticks: 120.0,
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
            CpuTime::of_thread(&current_thread_path().unwrap())
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
