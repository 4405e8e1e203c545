//! Counts the open connections of all workers against the limit of file descriptors.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Descriptors of the process for other purposes, with a margin: standard streams, signals, files of the page.
const OF_PROCESS: usize = 24;
/// Descriptors per worker: its poller and its waker.
const OF_WORKER: usize = 4;
/// Connections of all workers that are served briefly after the limit is reached.
const HURRIED: usize = 16;

/// The open connections of all workers. Each worker writes only its own counter.
#[derive(Debug)]
pub(crate) struct Sockets {
    open: Box<[AtomicUsize]>,
    max: usize,
    open_files: usize,
}

impl Sockets {
    /// Creates the counters for `workers` workers with `listeners` listeners, within the descriptor limit of the
    /// system.
    pub(crate) fn new(workers: usize, listeners: usize) -> Self {
        Self::within(open_files_max(), workers, listeners)
    }

    fn within(open_files: usize, workers: usize, listeners: usize) -> Self {
        let reserve =
            OF_PROCESS + workers * (OF_WORKER + listeners) + workers * Self::hurried_max(workers);
        Self {
            open: (0..workers).map(|_| AtomicUsize::new(0)).collect(),
            max: open_files.saturating_sub(reserve).max(1),
            open_files,
        }
    }

    /// Returns the maximum number of connections without the reserve.
    pub(crate) fn max(&self) -> usize {
        self.max
    }

    /// Returns the descriptor limit of the system; `None` where there is none.
    pub(crate) fn open_files_max(&self) -> Option<usize> {
        (self.open_files < usize::MAX).then_some(self.open_files)
    }

    /// Returns how many connections of the reserve one worker serves briefly at the same time.
    pub(crate) fn hurried_max(workers: usize) -> usize {
        (HURRIED / workers.max(1)).max(2)
    }

    /// Stores the number of open connections of a worker.
    pub(crate) fn tell(&self, worker: u8, open: usize) {
        if let Some(own) = self.open.get(usize::from(worker)) {
            own.store(open, Ordering::Relaxed);
        }
    }

    /// Returns the number of open connections of all workers, of any protocol.
    pub(crate) fn open(&self) -> usize {
        self.open
            .iter()
            .map(|own| own.load(Ordering::Relaxed))
            .sum()
    }

    /// Returns whether only the reserve is left.
    pub(crate) fn are_full(&self) -> bool {
        self.open() > self.max
    }
}

#[cfg(unix)]
fn open_files_max() -> usize {
    let soft = rlimit::Resource::NOFILE.get_soft();
    soft.map_or(usize::MAX, |soft| {
        usize::try_from(soft).unwrap_or(usize::MAX)
    })
}

/// Sockets do not count as files on this system.
#[cfg(not(unix))]
fn open_files_max() -> usize {
    usize::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_stays_free_whatever_the_number_of_workers() {
        // The limit that the program sets at startup: see `process.rs`.
        for workers in [1, 2, 8, 64, 256] {
            let open_files = 64 + 8 * workers;
            let sockets = Sockets::within(open_files, workers, 1);
            assert!(sockets.max >= 8, "{workers}: {}", sockets.max);
            let rest = open_files - sockets.max;
            assert!(rest >= OF_PROCESS + workers * (5 + Sockets::hurried_max(workers)));
        }
        assert_eq!(Sockets::within(0, 1, 1).max, 1);
        assert_eq!(Sockets::within(usize::MAX, 0, 0).hurried(), 16);
    }

    #[test]
    fn the_connections_of_all_workers_count_together() {
        let sockets = Sockets::within(100, 2, 1);
        sockets.tell(0, sockets.max);
        assert!(!sockets.are_full());
        sockets.tell(1, 1);
        assert!(sockets.are_full());
        sockets.tell(0, sockets.max - 1);
        assert!(!sockets.are_full());
    }

    impl Sockets {
        fn hurried(&self) -> usize {
            Self::hurried_max(self.open.len())
        }
    }
}
