//! Counts the open connections of all workers against the limit of file descriptors.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Descriptors of the process for other purposes, with a margin: standard streams, signals, files of the page.
const PROCESS_DESCRIPTORS: usize = 24;
/// Descriptors per worker: its poller and its waker.
const WORKER_DESCRIPTORS: usize = 4;
/// Connections of all workers that are served briefly after the limit is reached.
const BRIEF_CONNECTIONS: usize = 16;

/// The open connections of all workers. Each worker writes only its own counter.
#[derive(Debug)]
pub(crate) struct OpenConnections {
    open: Box<[AtomicUsize]>,
    max: usize,
    open_files: usize,
}

impl OpenConnections {
    /// Creates the counters for `workers` workers with `listeners` listeners, within the descriptor limit of the
    /// system.
    pub(crate) fn new(workers: usize, listeners: usize) -> Self {
        Self::within(open_files_max(), workers, listeners)
    }

    fn within(open_files: usize, workers: usize, listeners: usize) -> Self {
        let reserve = PROCESS_DESCRIPTORS
            + workers * (WORKER_DESCRIPTORS + listeners)
            + workers * Self::brief_max(workers);
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
    pub(crate) fn brief_max(workers: usize) -> usize {
        (BRIEF_CONNECTIONS / workers.max(1)).max(2)
    }

    /// Stores the number of open connections of a worker.
    pub(crate) fn set_open(&self, worker: u8, open: usize) {
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
    pub(crate) fn is_full(&self) -> bool {
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
    fn a_reserve_stays_free_for_any_number_of_workers() {
        // The limit that the program sets at startup: see `process.rs`.
        for workers in [1, 2, 8, 64, 256] {
            let open_files = 64 + 8 * workers;
            let sockets = OpenConnections::within(open_files, workers, 1);
            assert!(sockets.max >= 8, "{workers}: {}", sockets.max);
            let rest = open_files - sockets.max;
            assert!(
                rest >= PROCESS_DESCRIPTORS + workers * (5 + OpenConnections::brief_max(workers))
            );
        }
        assert_eq!(OpenConnections::within(0, 1, 1).max, 1);
        assert_eq!(
            OpenConnections::within(usize::MAX, 0, 0).own_brief_max(),
            16
        );
    }

    #[test]
    fn the_connections_of_all_workers_count_together() {
        let sockets = OpenConnections::within(100, 2, 1);
        sockets.set_open(0, sockets.max);
        assert!(!sockets.is_full());
        sockets.set_open(1, 1);
        assert!(sockets.is_full());
        sockets.set_open(0, sockets.max - 1);
        assert!(!sockets.is_full());
    }

    impl OpenConnections {
        fn own_brief_max(&self) -> usize {
            Self::brief_max(self.open.len())
        }
    }
}
