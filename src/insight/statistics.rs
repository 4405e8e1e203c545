//! All numbers at one moment, in one struct that everybody reads: `/metrics`, `/stats`, history, dashboard, alerts.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use super::counters::Snapshot;
use super::gauges::Gauges;
use super::series::Series;
use super::spread::Timings;

/// All numbers at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Statistics {
    /// When, by the clock of the machine.
    pub at: SystemTime,
    /// What was counted since the start.
    pub counters: Snapshot,
    /// What goes up and down.
    pub gauges: Gauges,
    /// How long things took since the start.
    pub timings: Timings,
}

impl Default for Statistics {
    fn default() -> Self {
        Self {
            at: UNIX_EPOCH,
            counters: Snapshot::default(),
            gauges: Gauges::default(),
            timings: Timings::default(),
        }
    }
}

impl Statistics {
    /// All series, gauges first, in the order of [`Self::values`].
    pub fn series() -> impl Iterator<Item = &'static Series> {
        Gauges::SERIES.iter().chain(Snapshot::SERIES)
    }

    /// The value of each series: a gauge as it is (NaN if unknown), a counter since the start of the process.
    pub fn values(&self) -> impl Iterator<Item = f64> {
        #[expect(clippy::cast_precision_loss, reason = "exact up to nine quadrillions")]
        let counters = self.counters.values().map(|value| value as f64);
        self.gauges.values().chain(counters)
    }

    /// The value of the series with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        let place = Self::series().position(|series| series.name == name)?;
        self.values().nth(place)
    }

    /// Milliseconds from 1970 to when it was.
    #[must_use]
    pub fn at_ms(&self) -> u64 {
        let since = self.at.duration_since(UNIX_EPOCH);
        u64::try_from(since.unwrap_or(Duration::ZERO).as_millis()).unwrap_or(u64::MAX)
    }
}

/// Where the latest statistics are put up every second, for whoever reads them.
#[derive(Debug, Default)]
pub struct Board(watch::Sender<Arc<Statistics>>);

impl Board {
    /// Puts up newer ones.
    pub fn put(&self, statistics: Statistics) {
        self.0.send_replace(Arc::new(statistics));
    }

    /// The latest.
    #[must_use]
    pub fn latest(&self) -> Arc<Statistics> {
        Arc::clone(&self.0.borrow())
    }

    /// The latest, and a way to wait for newer ones.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<Arc<Statistics>> {
        self.0.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_series_has_one_name_a_sentence_and_its_value() {
        let mut statistics = Statistics::default();
        statistics.gauges.swarms = 3.0;
        statistics.counters.announces = 7;
        let names: HashSet<_> = Statistics::series().map(|series| series.name).collect();
        assert_eq!(names.len(), Statistics::series().count());
        assert_eq!(names.len(), statistics.values().count());
        assert_eq!(statistics.get("swarms"), Some(3.0));
        assert_eq!(statistics.get("announces"), Some(7.0));
        assert_eq!(statistics.get("nothing"), None);
        for series in Statistics::series() {
            let doc = series.doc.trim();
            assert!(
                doc.ends_with('.') && doc.len() > 5,
                "{}: {doc}",
                series.name
            );
        }
    }

    #[test]
    fn who_follows_gets_the_latest() {
        let board = Board::default();
        let mut follower = board.follow();
        let mut statistics = Statistics::default();
        statistics.gauges.swarms = 1.0;
        board.put(statistics);
        assert!(follower.has_changed().expect("the board is there"));
        assert_eq!(follower.borrow_and_update().get("swarms"), Some(1.0));
        assert_eq!(board.latest().get("swarms"), Some(1.0));
    }
}
