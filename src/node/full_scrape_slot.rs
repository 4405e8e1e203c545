//! Allows one full scrape at a time in the whole process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The only slot for a full scrape.
#[derive(Debug, Default)]
pub struct FullScrapeSlot(Arc<AtomicBool>);

/// Permits one full scrape until it is dropped.
#[derive(Debug)]
pub struct FullScrapePermit(Arc<AtomicBool>);

impl FullScrapeSlot {
    /// Takes the slot if no full scrape is running.
    #[must_use]
    pub fn try_take(&self) -> Option<FullScrapePermit> {
        let taken = self
            .0
            .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed);
        taken.ok().map(|_| FullScrapePermit(Arc::clone(&self.0)))
    }
}

impl Drop for FullScrapePermit {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_full_scrape_runs_at_a_time() {
        let slot = FullScrapeSlot::default();
        let permit = slot.try_take();
        assert!(permit.is_some() && slot.try_take().is_none());
        drop(permit);
        assert!(slot.try_take().is_some());
    }
}
