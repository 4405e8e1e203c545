//! Where the census is asked for, and where it is put: counted only when somebody wants it, and not too often.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::Census;

/// How often members are counted at most.
pub const CENSUS_EVERY: Duration = Duration::from_secs(1);
/// Of its time, the thread that counts spends at most one part in so many on it: a million members are counted less often.
const SHARE_OF_TIME: u32 = 10;
/// How long somebody waits for a count: longer than one of a million members takes on a busy machine.
const WAIT_MAX: Duration = Duration::from_secs(5);

impl Census {
    /// For how long it is good before members are counted again: [`CENSUS_EVERY`], or longer where counting takes long.
    #[must_use]
    pub fn lasts(&self) -> Duration {
        CENSUS_EVERY.max(self.took * SHARE_OF_TIME)
    }
}

/// The latest census, and who wants a newer one.
#[derive(Debug, Default)]
pub struct Desk {
    latest: watch::Sender<Option<Arc<Census>>>,
    asked: Notify,
}

impl Desk {
    /// A census that is not older than [`Census::lasts`], or a little; `None` if there was never one in time.
    pub async fn ask(&self) -> Option<Arc<Census>> {
        let mut news = self.latest.subscribe();
        let latest = news.borrow_and_update().clone();
        let is_fresh = |census: &Arc<Census>| census.counted.elapsed() < census.lasts();
        if latest.as_ref().is_some_and(is_fresh) {
            return latest;
        }
        self.asked.notify_one();
        match timeout(WAIT_MAX, news.changed()).await {
            Ok(Ok(())) => news.borrow().clone(),
            _ => latest,
        }
    }

    /// The latest, however old.
    #[must_use]
    pub fn latest(&self) -> Option<Arc<Census>> {
        self.latest.borrow().clone()
    }

    /// Waits until somebody has asked.
    pub async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Puts down a newer one.
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
        let desk = Arc::new(Desk::default());
        let counter = Arc::clone(&desk);
        let counts = tokio::spawn(async move {
            for _ in 0..2 {
                counter.asked().await;
                counter.put(Tally::new(0).census());
            }
        });
        let first = desk.ask().await.expect("counted");
        let again = desk.ask().await.expect("the same");
        assert!(Arc::ptr_eq(&first, &again) && !counts.is_finished());
        advance(CENSUS_EVERY).await;
        let newer = desk.ask().await.expect("counted");
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
