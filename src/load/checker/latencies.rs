//! Latency histograms in microseconds.

use hdrhistogram::Histogram;

use super::Micros;

/// The histograms of one thread.
#[derive(Debug, Clone)]
pub(in crate::load) struct Latencies {
    /// Announce to reply.
    pub(in crate::load) reply: Histogram<u64>,
    /// First announce to reply, without waves and storms.
    pub(in crate::load) join: Histogram<u64>,
    /// Offer sent to answer received.
    pub(in crate::load) answer: Histogram<u64>,
    /// Scrape to reply.
    pub(in crate::load) scrape: Histogram<u64>,
    /// Due to sent.
    pub(in crate::load) lateness: Histogram<u64>,
    /// Start of connecting to upgraded, without storms.
    pub(in crate::load) connect: Histogram<u64>,
    /// Requests that were due but not sent.
    pub(in crate::load) unsent: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        let [reply, join, answer, scrape, lateness, connect] = [(); 6].map(|()| empty_histogram());
        Self {
            reply,
            join,
            answer,
            scrape,
            lateness,
            connect,
            unsent: 0,
        }
    }
}

#[expect(
    clippy::expect_used,
    reason = "fails only for invalid bounds and precisions"
)]
fn empty_histogram() -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1, 60_000_000, 3).expect("valid bounds");
    histogram.auto(true);
    histogram
}

impl Latencies {
    /// Records a request that was due but not sent: it waited at least this long to be sent, and for its reply.
    pub(super) fn record_unsent(&mut self, waited: Micros) {
        self.unsent += 1;
        record_latency(&mut self.lateness, waited);
        record_latency(&mut self.reply, waited);
    }

    /// Adds the histograms of another thread.
    pub(in crate::load) fn merge(&mut self, other: &Self) {
        let pairs = [
            (&mut self.reply, &other.reply),
            (&mut self.join, &other.join),
            (&mut self.answer, &other.answer),
            (&mut self.scrape, &other.scrape),
            (&mut self.lateness, &other.lateness),
            (&mut self.connect, &other.connect),
        ];
        for (own, other) in pairs {
            // Cannot fail: both resize automatically.
            let _ = own.add(other);
        }
        self.unsent += other.unsent;
    }
}

/// Records one time.
pub(in crate::load) fn record_latency(histogram: &mut Histogram<u64>, micros: Micros) {
    histogram.saturating_record(micros.max(1));
}
