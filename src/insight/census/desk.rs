//! Stores the latest census and requests a new one when it is too old.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::Census;

/// The shortest time between two counts.
pub const CENSUS_EVERY: Duration = Duration::from_secs(1);
/// The counting thread spends at most one part in this many of its time on counts, so a million members are counted
/// less often.
const SHARE_OF_TIME: u32 = 10;
/// The longest wait for a count: more than a count of a million members takes on a busy machine.
const WAIT_MAX: Duration = Duration::from_secs(5);

impl Census {
    /// Returns how long it is valid before members are counted again: [`CENSUS_EVERY`], or longer if counting takes
    /// long.
    #[must_use]
    pub fn lasts(&self) -> Duration {
        CENSUS_EVERY.max(self.took * SHARE_OF_TIME)
    }
}

/// The latest census, and the signal that requests a newer one.
#[derive(Debug, Default)]
pub struct Desk {
    latest: watch::Sender<Option<Arc<Census>>>,
    asked: Notify,
}

impl Desk {
    /// Returns a census that is not much older than [`Census::lasts`]. If no count ends in time, returns the last one,
    /// or `None`.
    pub async fn ask(&self) -> Option<Arc<Census>> {
        let mut updates = self.latest.subscribe();
        let latest = updates.borrow_and_update().clone();
        let is_fresh = |census: &Arc<Census>| census.counted.elapsed() < census.lasts();
        if latest.as_ref().is_some_and(is_fresh) {
            return latest;
        }
        self.asked.notify_one();
        match timeout(WAIT_MAX, updates.changed()).await {
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
    pub async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Stores a newer census and wakes those that wait for it.
    pub fn put(&self, census: Census) {
        self.latest.send_replace(Some(Arc::new(census)));
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, advance};

    use super::super::Tally;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_counted_when_somebody_asks_and_then_lasts_for_a_while() {
        let cache = Arc::new(Desk::default());
        let counter = Arc::clone(&cache);
        let counts = tokio::spawn(async move {
            for _ in 0..2 {
                counter.asked().await;
                counter.put(Tally::new(0).census());
            }
        });
        let first = cache.ask().await.expect("counted");
        let again = cache.ask().await.expect("the same");
        assert!(Arc::ptr_eq(&first, &again) && !counts.is_finished());
        advance(CENSUS_EVERY).await;
        let newer = cache.ask().await.expect("counted");
        assert!(!Arc::ptr_eq(&first, &newer));
        counts.await.expect("no panic");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever() {
        let began = Instant::now();
        assert_eq!(Desk::default().ask().await, None);
        assert_eq!(began.elapsed(), WAIT_MAX);
    }
}
