//! Ends a load early: on request, or when the tracker is gone. The results until then are reported.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// How long a load may be without any connection. After a storm, connections are back within a second; connections that
/// the tracker closed are not replaced.
pub const GONE_AFTER: Duration = Duration::from_secs(3);

/// Number of successive timeouts, without any received message, after which a tracker counts as silent: its machine or
/// the network is lost. Fewer may be single faults of a tracker with little load.
pub(super) const SILENT_TIMEOUTS_MIN: u64 = 3;

/// The reason why a load ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedEarly {
    /// There was no connection for [`GONE_AFTER`].
    TrackerGone,
    /// Nothing was received for at least [`GONE_AFTER`], and three requests timed out.
    TrackerSilent,
    /// SIGINT, Ctrl-C.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl EndedEarly {
    /// Returns the program's exit code; for signals 128 plus their number, as shells do.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::TrackerGone | Self::TrackerSilent => 4,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// Whether the tracker was lost.
    #[must_use]
    pub const fn is_tracker_lost(self) -> bool {
        matches!(self, Self::TrackerGone | Self::TrackerSilent)
    }

    /// Describes the reason for the user.
    #[must_use]
    pub fn describe(self) -> String {
        match self {
            Self::TrackerGone => format!(
                "the tracker is gone: no connection for {} s",
                GONE_AFTER.as_secs()
            ),
            Self::TrackerSilent => format!(
                "the tracker is silent: {SILENT_TIMEOUTS_MIN} requests in a row timed out, and nothing was received"
            ),
            Self::Interrupted => "interrupted (SIGINT)".to_owned(),
            Self::Terminated => "interrupted (SIGTERM)".to_owned(),
        }
    }
}

/// Ends a load from outside. Clones end the same load.
#[derive(Debug, Clone, Default)]
pub struct StopHandle {
    token: CancellationToken,
    reason: Arc<Mutex<Option<EndedEarly>>>,
}

impl StopHandle {
    /// Ends the load. The first reason counts.
    pub fn stop(&self, why: EndedEarly) {
        self.reason.lock().get_or_insert(why);
        self.token.cancel();
    }

    /// Whether the load ends early.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Returns the reason why the load ended early, if it did.
    #[must_use]
    pub fn reason(&self) -> Option<EndedEarly> {
        *self.reason.lock()
    }

    /// Waits until the load is stopped.
    pub(super) async fn stopped(&self) {
        self.token.cancelled().await;
    }
}

/// Running totals at one moment, to detect a lost tracker.
#[derive(Debug, Clone, Copy)]
pub(super) struct TrackerSnapshot {
    pub(super) at: Instant,
    pub(super) connections: u64,
    /// Messages received.
    pub(super) received: u64,
    /// Requests without a reply in time.
    pub(super) timed_out: u64,
}

/// Detects a tracker that is gone or silent.
#[derive(Debug, Default)]
pub(super) struct TrackerLiveness {
    /// Since when there is no connection.
    disconnected_since: Option<Instant>,
    /// The first snapshot with the current number of received messages.
    last_received: Option<TrackerSnapshot>,
}

impl TrackerLiveness {
    /// Records a snapshot; returns the reason to end the load if the tracker is lost.
    pub(super) fn check(&mut self, now: TrackerSnapshot) -> Option<EndedEarly> {
        let last = self.update_last_received(now);
        let is_long = |since: Instant| now.at.saturating_duration_since(since) >= GONE_AFTER;
        if now.connections == 0 {
            let since = *self.disconnected_since.get_or_insert(now.at);
            return is_long(since).then_some(EndedEarly::TrackerGone);
        }
        self.disconnected_since = None;
        let timed_out = now.timed_out.saturating_sub(last.timed_out);
        let is_silent = timed_out >= SILENT_TIMEOUTS_MIN && is_long(last.at);
        is_silent.then_some(EndedEarly::TrackerSilent)
    }

    fn update_last_received(&mut self, now: TrackerSnapshot) -> TrackerSnapshot {
        let last = *self.last_received.get_or_insert(now);
        if last.received == now.received {
            return last;
        }
        *self.last_received.insert(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tracker_without_connections_for_seconds_is_gone() {
        let (mut presence, begin) = (TrackerLiveness::default(), Instant::now());
        let mut lost = |seconds, connections| {
            let at = begin + Duration::from_secs(seconds);
            let (received, timed_out) = (10, 0);
            presence.check(TrackerSnapshot {
                at,
                connections,
                received,
                timed_out,
            })
        };
        for (seconds, connections) in [(0, 5), (10, 0), (12, 0), (13, 1), (14, 0), (16, 0)] {
            // A storm in between: the connections are back.
            assert_eq!(lost(seconds, connections), None, "after {seconds} s");
        }
        assert_eq!(lost(17, 0), Some(EndedEarly::TrackerGone));
    }

    #[test]
    fn timeouts_without_any_message_mean_a_silent_tracker() {
        let (mut presence, begin) = (TrackerLiveness::default(), Instant::now());
        let mut lost = |seconds, received, timed_out| {
            let at = begin + Duration::from_secs(seconds);
            presence.check(TrackerSnapshot {
                at,
                connections: 5,
                received,
                timed_out,
            })
        };
        // Some timeouts of a working tracker, and a long time without requests.
        for (seconds, received, timed_out) in [
            (0, 10, 0),
            (1, 11, 90),
            (2, 12, 91),
            (60, 12, 93),
            (61, 13, 94),
        ] {
            assert_eq!(
                lost(seconds, received, timed_out),
                None,
                "after {seconds} s"
            );
        }
        assert_eq!(lost(63, 13, 97), None);
        assert_eq!(lost(64, 13, 97), Some(EndedEarly::TrackerSilent));
    }

    #[test]
    fn the_first_stop_reason_counts() {
        let stop = StopHandle::default();
        assert_eq!((stop.is_stopped(), stop.reason()), (false, None));
        stop.stop(EndedEarly::TrackerGone);
        stop.stop(EndedEarly::Interrupted);
        assert_eq!(
            (stop.is_stopped(), stop.reason()),
            (true, Some(EndedEarly::TrackerGone))
        );
    }
}
