//! Stores the latest census and requests a new one when it is too old.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::Census;

/// The shortest time between two counts.
pub const CENSUS_INTERVAL_MIN: Duration = Duration::from_secs(1);
/// The counting thread spends at most one part in this many of its time on counts, so a million members are counted
/// less often.
const TIME_SHARE_DIVISOR: u32 = 10;
/// The longest wait for a count: more than a count of a million members takes on a busy machine.
const CENSUS_TIMEOUT: Duration = Duration::from_secs(5);

impl Census {
    /// Returns how long it is valid before members are counted again: [`CENSUS_INTERVAL_MIN`], or longer if counting takes
    /// long.
    #[must_use]
    pub fn valid_for(&self) -> Duration {
        CENSUS_INTERVAL_MIN.max(self.took * TIME_SHARE_DIVISOR)
    }
}

/// The latest census, and the signal that requests a newer one.
#[derive(Debug, Default)]
pub struct CensusCache {
    latest: watch::Sender<Option<Arc<Census>>>,
    request: Notify,
}

impl CensusCache {
    /// Returns a census that is not much older than [`Census::valid_for`]. If no count ends in time, returns the last one,
    /// or `None`.
    pub async fn fresh(&self) -> Option<Arc<Census>> {
        let mut updates = self.latest.subscribe();
        let latest = updates.borrow_and_update().clone();
        let is_fresh = |census: &Arc<Census>| census.counted_at.elapsed() < census.valid_for();
        if latest.as_ref().is_some_and(is_fresh) {
            return latest;
        }
        self.request.notify_one();
        match timeout(CENSUS_TIMEOUT, updates.changed()).await {
            Ok(Ok(())) => updates.borrow().clone(),
            _ => latest,
        }
    }

    /// Returns the latest census of any age.
    #[must_use]
    pub fn latest(&self) -> Option<Arc<Census>> {
        self.latest.borrow().clone()
    }

    /// Waits for a request.
    pub async fn wait_for_request(&self) {
        self.request.notified().await;
    }

    /// Stores a newer census and wakes those that wait for it.
    pub fn store(&self, census: Census) {
        self.latest.send_replace(Some(Arc::new(census)));
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, advance};

    use super::super::CensusCounter;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_census_is_counted_on_request_and_cached() {
        let cache = Arc::new(CensusCache::default());
        let counter = Arc::clone(&cache);
        let counts = tokio::spawn(async move {
            for _ in 0..2 {
                counter.wait_for_request().await;
                counter.store(CensusCounter::new(0).finish());
            }
        });
        let first = cache.fresh().await.expect("counted");
        let again = cache.fresh().await.expect("the same");
        assert!(Arc::ptr_eq(&first, &again) && !counts.is_finished());
        advance(CENSUS_INTERVAL_MIN).await;
        let newer = cache.fresh().await.expect("counted");
        assert!(!Arc::ptr_eq(&first, &newer));
        counts.await.expect("no panic");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_times_out() {
        let began = Instant::now();
        assert_eq!(CensusCache::default().fresh().await, None);
        assert_eq!(began.elapsed(), CENSUS_TIMEOUT);
    }
}
