//! What the system knows of a process: CPU time and memory, from /proc. Elsewhere than on Linux nothing is known.

use std::fs;
use std::io;
use std::ops::Sub;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// Nearly everywhere.
const TICKS_PER_S: f64 = 100.0;
/// User and system time are each cut to ticks, at both ends of a difference.
const TICKS_OFF_MAX: f64 = 2.0;

/// CPU time since the start of a process or thread, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Cpu {
    pub(super) ran: f64,
    /// Ready to run, but the core was taken by others.
    pub(super) waited: f64,
    /// In clock ticks: too coarse but for their ratio, and for what threads took with them that have ended.
    user: f64,
    system: f64,
}

impl Cpu {
    /// Of all threads of a process.
    pub(super) fn of_process(pid: u32) -> io::Result<Self> {
        let mut cpu = Self::default();
        for task in fs::read_dir(format!("/proc/{pid}/task"))? {
            // A thread may end between being listed and being read.
            if let Ok((ran, waited)) = schedstat(&task?.path()) {
                cpu.ran += ran;
                cpu.waited += waited;
            }
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name, field 2, may hold blanks; fields 14 and 15 are user and system time.
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let mut ticks = rest
            .split_whitespace()
            .skip(11)
            .filter_map(|number| number.parse().ok());
        (cpu.user, cpu.system) = (ticks.next().unwrap_or(0.0), ticks.next().unwrap_or(0.0));
        if cpu.ran <= 0.0 {
            // A kernel without scheduler statistics.
            cpu.ran = (cpu.user + cpu.system) / TICKS_PER_S;
        }
        Ok(cpu)
    }

    /// Of one thread of this process.
    pub(super) fn of_thread(thread: &Path) -> io::Result<Self> {
        let (ran, waited) = schedstat(thread)?;
        Ok(Self {
            ran,
            waited,
            ..Self::default()
        })
    }

    /// Share of the time spent in the program itself, not in the kernel.
    pub(super) fn user_share(&self) -> f64 {
        if self.user + self.system > 0.0 {
            self.user / (self.user + self.system)
        } else {
            0.0
        }
    }
}

impl Sub for Cpu {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        let (user, system) = (
            (self.user - before.user).max(0.0),
            (self.system - before.system).max(0.0),
        );
        let ran = (self.ran - before.ran).max(0.0);
        let ticks_s = (user + system - TICKS_OFF_MAX) / TICKS_PER_S;
        Self {
            // The sum over threads lacks those that ended in between.
            ran: ran.max(ticks_s),
            waited: (self.waited - before.waited).max(0.0),
            user,
            system,
        }
    }
}

/// Seconds run and seconds waited.
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

/// Where the calling thread is found in /proc.
pub(super) fn this_thread() -> Option<PathBuf> {
    fs::read_link("/proc/thread-self")
        .ok()
        .map(|link| Path::new("/proc").join(link))
}

/// Name and number of threads of a process.
pub(super) fn describe(pid: u32) -> (String, usize) {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let threads = fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    (name.trim().to_owned(), threads)
}

/// Bytes in main memory, read cheaply: the exact figures make the system walk all pages.
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

/// Memory of a process, or the difference of two readings for each connection.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Memory {
    /// In main memory, whoever shares it.
    pub rss_bytes: f64,
    /// In main memory, shared pages divided by their users.
    pub pss_bytes: f64,
    /// Used by this process alone.
    pub private_bytes: f64,
    /// Not from files.
    pub anonymous_bytes: f64,
}

impl Memory {
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

    /// What each of `connections` costs over `fresh`.
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
    fn what_threads_ran_is_not_forgotten_when_they_end() {
        let before = Cpu {
            ran: 5.0,
            user: 400.0,
            system: 100.0,
            ..Cpu::default()
        };
        // A thread that had run for 3 s has ended; the others ran for 0.5 s.
        let now = Cpu {
            ran: 2.5,
            user: 430.0,
            system: 120.0,
            ..Cpu::default()
        };
        let ran = (now - before).ran;
        assert!((0.47..=0.5).contains(&ran), "{ran}");
    }

    #[test]
    fn this_process_uses_time_and_memory() {
        let pid = std::process::id();
        let cpu = Cpu::of_process(pid).unwrap();
        assert!(cpu.ran > 0.0 && (0.0..=1.0).contains(&cpu.user_share()));
        assert!(Cpu::of_thread(&this_thread().unwrap()).unwrap().ran <= cpu.ran + 1.0);
        let memory = Memory::of_process(pid).unwrap();
        assert!(memory.pss_bytes > 0.0 && memory.rss_bytes >= memory.pss_bytes);
        assert!(describe(pid).1 >= 1);
        assert!(Cpu::of_process(u32::MAX).is_err());
    }
}
