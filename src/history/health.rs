//! The state of the history, for the statistics.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::metrics::Counters;

/// The state of one history, shared by its store and its writer.
#[derive(Debug, Default)]
pub(super) struct HistoryHealth {
    /// Separate from the counters of the workers, as several threads write them.
    pub(super) counters: Counters,
    works: AtomicBool,
    bytes: AtomicU64,
}

impl HistoryHealth {
    pub(super) fn set_works(&self, works: bool) {
        self.works.store(works, Ordering::Relaxed);
    }

    pub(super) fn works(&self) -> bool {
        self.works.load(Ordering::Relaxed)
    }

    pub(super) fn set_bytes(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
    pub(super) fn bytes(&self) -> f64 {
        self.bytes.load(Ordering::Relaxed) as f64
    }
}
