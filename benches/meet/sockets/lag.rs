//! How late clients and sockets were, because the machine was busy.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// A larger lag than this changes the figures: it is a third of the median time to the first link.
const LAG_MAX: Duration = Duration::from_millis(500);

/// The lag of a run, in virtual time.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Lag {
    /// By how much the 99th percentile of events were late.
    events_seconds: f64,
    /// The 95th percentile of the time to open a socket.
    connect_seconds: f64,
    /// Sockets that could not be opened, or failed.
    failed_sockets: u32,
}

/// Collects the lag of a run.
#[derive(Debug, Default)]
pub(crate) struct LagRecorder {
    events: Vec<Duration>,
    connects: Vec<Duration>,
}

impl LagRecorder {
    /// Records by how much the earliest of some events was late.
    pub(crate) fn record_events(&mut self, late: Duration) {
        self.events.push(late);
    }

    /// Records how long sockets took to open.
    pub(crate) fn record_connects(&mut self, times: impl Iterator<Item = Duration>) {
        self.connects.extend(times);
    }

    /// Returns the lag of the run.
    pub(crate) fn lag(self, failed_sockets: u32) -> Lag {
        Lag {
            events_seconds: percentile(self.events, 99).as_secs_f64(),
            connect_seconds: percentile(self.connects, 95).as_secs_f64(),
            failed_sockets,
        }
    }
}

impl Lag {
    /// Returns whether the figures are worth nothing.
    fn is_too_large(self) -> bool {
        let largest = self.events_seconds.max(self.connect_seconds);
        largest > LAG_MAX.as_secs_f64() || self.failed_sockets > 0
    }
}

impl fmt::Display for Lag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "events up to {:.0} ms late, sockets open within {:.0} ms (virtual time), {} sockets failed",
            self.events_seconds * 1_000.0,
            self.connect_seconds * 1_000.0,
            self.failed_sockets
        )?;
        if self.is_too_large() {
            f.write_str(": TOO BUSY TO MEASURE, take a smaller --scale")?;
        }
        Ok(())
    }
}

fn percentile(mut times: Vec<Duration>, percent: usize) -> Duration {
    times.sort_unstable();
    let rank = (percent * times.len()).div_ceil(100).max(1) - 1;
    times.get(rank).copied().unwrap_or_default()
}
