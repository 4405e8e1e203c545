//! How history does, for the statistics.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::insight::Counters;

/// Shared by all who have to do with one history.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// Its own, as several threads count.
    pub(super) counters: Counters,
    works: AtomicBool,
    bytes: AtomicU64,
}

impl Health {
    pub(super) fn set_works(&self, works: bool) {
        self.works.store(works, Ordering::Relaxed);
    }

    pub(super) fn works(&self) -> bool {
        self.works.load(Ordering::Relaxed)
    }

    pub(super) fn set_bytes(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    #[expect(clippy::cast_precision_loss, reason = "exact up to nine quadrillions")]
    pub(super) fn bytes(&self) -> f64 {
        self.bytes.load(Ordering::Relaxed) as f64
    }
}
