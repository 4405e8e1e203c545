//! Reads what Linux reports under `/proc` about this process, others, their threads and the machine. Only this file
//! knows the formats (proc(5)). On other systems there is nothing to read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The length of a clock tick (`USER_HZ`) on nearly all systems.
const TICK_MILLIS: u64 = 10;

/// A process.
#[derive(Debug, Clone)]
pub(crate) struct Process(PathBuf);

impl Process {
    pub(crate) fn current() -> Self {
        Self(PathBuf::from("/proc/self"))
    }

    pub(crate) fn with_id(pid: u32) -> Self {
        Self(PathBuf::from(format!("/proc/{pid}")))
    }

    /// Returns the resident memory. Cheap; [`Self::memory_totals`] makes the kernel visit all pages.
    pub(crate) fn resident_bytes(&self) -> Option<u64> {
        Sizes::read(&self.0.join("status")).ok()?.bytes("VmRSS")
    }

    /// Reads the exact memory use.
    pub(crate) fn memory_totals(&self) -> io::Result<Sizes> {
        Sizes::read(&self.0.join("smaps_rollup"))
    }

    /// Returns the processor time of all threads so far, also of ended ones, in user and in system mode. The resolution
    /// is one hundredth of a second.
    pub(crate) fn cpu_time(&self) -> io::Result<(Duration, Duration)> {
        let stat = fs::read_to_string(self.0.join("stat"))?;
        parse_cpu_time(&stat).ok_or_else(|| io::Error::other("no processor time in stat"))
    }

    /// Returns the number of open descriptors. Linux reports it as the size of the directory since 6.2. Counting the
    /// entries would take longer with more connections.
    pub(crate) fn open_files(&self) -> Option<u64> {
        let folder = fs::metadata(self.0.join("fd")).ok()?;
        Some(folder.len()).filter(|&open| open > 0)
    }

    pub(crate) fn name(&self) -> Option<String> {
        let name = fs::read_to_string(self.0.join("comm")).ok()?;
        Some(name.trim().to_owned())
    }

    /// Returns the threads; each may end at any time.
    pub(crate) fn threads(&self) -> io::Result<Vec<Thread>> {
        let entries = fs::read_dir(self.0.join("task"))?;
        entries.map(|entry| Ok(Thread(entry?.path()))).collect()
    }

    /// Returns the control groups, one per line; empty if there are none.
    pub(crate) fn control_groups(&self) -> String {
        fs::read_to_string(self.0.join("cgroup")).unwrap_or_default()
    }
}

/// A thread.
#[derive(Debug, Clone)]
pub(crate) struct Thread(PathBuf);

impl Thread {
    pub(crate) fn current() -> Option<Self> {
        let link = fs::read_link("/proc/thread-self").ok()?;
        Some(Self(Path::new("/proc").join(link)))
    }

    /// Returns how long it has run, and how long it was ready to run while others had the core. Zero if the kernel keeps
    /// no scheduler statistics.
    pub(crate) fn run_and_wait_time(&self) -> io::Result<(Duration, Duration)> {
        let text = fs::read_to_string(self.0.join("schedstat"))?;
        let numbers = text.split_whitespace();
        let mut times = numbers.map(|number| Duration::from_nanos(number.parse().unwrap_or(0)));
        let mut next = || times.next().unwrap_or_default();
        Ok((next(), next()))
    }
}

/// A file of lines like `VmRSS:   20 kB`.
#[derive(Debug)]
pub(crate) struct Sizes(String);

impl Sizes {
    fn read(file: &Path) -> io::Result<Self> {
        fs::read_to_string(file).map(Self)
    }

    pub(crate) fn bytes(&self, name: &str) -> Option<u64> {
        let mut lines = self.0.lines();
        let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        let number = line.split_whitespace().next()?;
        number.parse::<u64>().ok()?.checked_mul(1024)
    }
}

/// Returns the memory of the machine.
pub(crate) fn total_memory_bytes() -> Option<u64> {
    Sizes::read(Path::new("/proc/meminfo"))
        .ok()?
        .bytes("MemTotal")
}

/// Parses the one line of `stat`. The name (field 2) may contain spaces and brackets; fields 14 and 15 are user and
/// system time.
fn parse_cpu_time(stat: &str) -> Option<(Duration, Duration)> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(11);
    let mut next = || -> Option<Duration> {
        let ticks: u64 = ticks.next()?.parse().ok()?;
        Some(Duration::from_millis(ticks.checked_mul(TICK_MILLIS)?))
    };
    Some((next()?, next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_found_by_their_whole_name() {
        let sizes = Sizes("A: 1 kB\nVmRSSX: 7 kB\nVmRSS:\t  20 kB\nRss:\n".to_owned());
        assert_eq!(sizes.bytes("VmRSS"), Some(20_480));
        assert_eq!(sizes.bytes("VmR"), None);
        assert_eq!(sizes.bytes("Rss"), None);
    }

    #[test]
    fn a_process_name_with_brackets_does_not_shift_fields() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20";
        let times = (Duration::from_millis(2_500), Duration::from_millis(500));
        assert_eq!(parse_cpu_time(stat), Some(times));
        assert_eq!(parse_cpu_time("nonsense"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_read() {
        let process = Process::current();
        let own = Process::with_id(std::process::id());
        assert!(process.resident_bytes().unwrap() > 1 << 20);
        assert!(process.memory_totals().unwrap().bytes("Pss").unwrap() > 0);
        assert!(process.cpu_time().is_ok() && process.name() == own.name());
        assert!(!process.threads().unwrap().is_empty());
        assert!(Thread::current().unwrap().run_and_wait_time().is_ok());
        assert!(total_memory_bytes() > process.resident_bytes());
        assert!(Process::with_id(u32::MAX).cpu_time().is_err());
    }
}
