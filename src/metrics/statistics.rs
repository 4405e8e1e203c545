//! All metrics at one moment, in one struct that `/metrics`, `/stats`, history, dashboard and alerts read.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use super::counters::Snapshot;
use super::gauges::LoadGauges;
use super::histogram::Timings;
use super::series::Series;

/// All metrics at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Statistics {
    /// The time, by the system clock.
    pub at: SystemTime,
    /// Counters since the start of the process.
    pub counters: Snapshot,
    /// Gauges.
    pub gauges: LoadGauges,
    /// Histograms since the start of the process.
    pub timings: Timings,
}

impl Default for Statistics {
    fn default() -> Self {
        Self {
            at: UNIX_EPOCH,
            counters: Snapshot::default(),
            gauges: LoadGauges::default(),
            timings: Timings::default(),
        }
    }
}

impl Statistics {
    /// Returns all series, gauges first, in the order of [`Self::values`].
    pub fn series() -> impl Iterator<Item = &'static Series> {
        LoadGauges::SERIES.iter().chain(Snapshot::SERIES)
    }

    /// Returns the value of each series: gauges as they are (NaN if unknown), counters since the start of the process.
    pub fn values(&self) -> impl Iterator<Item = f64> {
        #[expect(clippy::cast_precision_loss, reason = "exact up to nine quadrillions")]
        let counters = self.counters.values().map(|value| value as f64);
        self.gauges.values().chain(counters)
    }

    /// Returns the value of the series with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        let index = Self::series().position(|series| series.name == name)?;
        self.values().nth(index)
    }

    /// Returns the time in Unix milliseconds.
    #[must_use]
    pub fn at_ms(&self) -> u64 {
        let since = self.at.duration_since(UNIX_EPOCH);
        u64::try_from(since.unwrap_or(Duration::ZERO).as_millis()).unwrap_or(u64::MAX)
    }
}

/// Publishes the latest statistics to all readers, once a second.
#[derive(Debug, Default)]
pub struct StatsChannel(watch::Sender<Arc<Statistics>>);

impl StatsChannel {
    /// Publishes new statistics.
    pub fn publish(&self, statistics: Statistics) {
        self.0.send_replace(Arc::new(statistics));
    }

    /// Returns the latest statistics.
    #[must_use]
    pub fn latest(&self) -> Arc<Statistics> {
        Arc::clone(&self.0.borrow())
    }

    /// Returns a receiver that has the latest statistics and waits for newer ones.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<Statistics>> {
        self.0.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::series::SeriesKind;
    use super::*;

    #[test]
    fn every_series_has_a_unique_name_a_help_text_and_a_value() {
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
    fn a_counter_with_a_unit_names_it_first() {
        let counters = Statistics::series().filter(|series| series.kind == SeriesKind::Counter);
        for series in counters {
            let first_word = series.name.split('_').next().unwrap_or_default();
            let named = ["bytes", "seconds", "ratio"].contains(&first_word);
            let unit = if named { first_word } else { "" };
            assert_eq!(series.unit.label(), unit, "{}", series.name);
        }
    }

    #[test]
    fn a_subscriber_gets_the_latest_statistics() {
        let channel = StatsChannel::default();
        let mut receiver = channel.subscribe();
        let mut statistics = Statistics::default();
        statistics.gauges.swarms = 1.0;
        channel.publish(statistics);
        assert!(receiver.has_changed().expect("the channel is open"));
        assert_eq!(receiver.borrow_and_update().get("swarms"), Some(1.0));
        assert_eq!(channel.latest().get("swarms"), Some(1.0));
    }
}
