//! Ends a load before its time: when a person asks for it, or when the tracker is gone. What was measured until then is reported.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// For how long a load may be without a single connection. Connections that a storm breaks come back within a second, and nobody
/// makes new ones for those that the tracker has ended.
pub const GONE_AFTER: Duration = Duration::from_secs(3);

/// After so many requests in a row that timed out while nothing at all came, a tracker is taken for one that says nothing any more:
/// its machine, or the way there, is gone. Fewer may be faults of a tracker that has little to do.
pub(super) const SILENT_AFTER: u64 = 3;

/// What ended a load before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedEarly {
    /// All connections were lost, and none was there for [`GONE_AFTER`].
    TrackerGone,
    /// Nothing came for [`GONE_AFTER`] and longer, and three requests timed out.
    TrackerSilent,
    /// SIGINT, Ctrl-C.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl EndedEarly {
    /// What the program exits with: of signals 128 and their number, as shells say it.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::TrackerGone | Self::TrackerSilent => 4,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// Whether it was the tracker that went.
    #[must_use]
    pub const fn is_tracker_lost(self) -> bool {
        matches!(self, Self::TrackerGone | Self::TrackerSilent)
    }

    /// What it was, in words.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::TrackerGone => format!(
                "the tracker is gone: all connections were lost, and there was none for {} s",
                GONE_AFTER.as_secs()
            ),
            Self::TrackerSilent => format!(
                "the tracker is silent: {SILENT_AFTER} requests in a row timed out, and nothing else came either"
            ),
            Self::Interrupted => "interrupted (SIGINT)".to_owned(),
            Self::Terminated => "interrupted (SIGTERM)".to_owned(),
        }
    }
}

/// Ends a load from outside. Clones end the same one.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    token: CancellationToken,
    why: Arc<Mutex<Option<EndedEarly>>>,
}

impl Stop {
    /// Ends the load; what was said first counts.
    pub fn stop(&self, why: EndedEarly) {
        self.why.lock().get_or_insert(why);
        self.token.cancel();
    }

    /// Whether it is to end.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Why it ended before its time, if it did.
    #[must_use]
    pub fn why(&self) -> Option<EndedEarly> {
        *self.why.lock()
    }

    /// Waits until it is to end.
    pub(super) async fn stopped(&self) {
        self.token.cancelled().await;
    }
}

/// What there is of the tracker at one moment, in running totals.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight {
    pub(super) at: Instant,
    pub(super) connections: u64,
    /// Messages received.
    pub(super) received: u64,
    /// Requests that got no reply in time.
    pub(super) timed_out: u64,
}

/// Watches whether the tracker is there.
#[derive(Debug, Default)]
pub(super) struct Presence {
    /// Since when there has been no connection.
    none_since: Option<Instant>,
    /// The first look at which as much had been received as now.
    heard: Option<Sight>,
}

impl Presence {
    /// Takes note of what is there now; why the load is to end, if the tracker is not there any more.
    pub(super) fn lost(&mut self, now: Sight) -> Option<EndedEarly> {
        let last = self.last_heard(now);
        let is_long = |since: Instant| now.at.saturating_duration_since(since) >= GONE_AFTER;
        if now.connections == 0 {
            let since = *self.none_since.get_or_insert(now.at);
            return is_long(since).then_some(EndedEarly::TrackerGone);
        }
        self.none_since = None;
        let timed_out = now.timed_out.saturating_sub(last.timed_out);
        let is_silent = timed_out >= SILENT_AFTER && is_long(last.at);
        is_silent.then_some(EndedEarly::TrackerSilent)
    }

    fn last_heard(&mut self, now: Sight) -> Sight {
        let last = *self.heard.get_or_insert(now);
        if last.received == now.received {
            return last;
        }
        *self.heard.insert(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tracker_is_gone_when_nobody_is_connected_for_some_seconds() {
        let (mut presence, begin) = (Presence::default(), Instant::now());
        let mut lost = |seconds, connections| {
            let at = begin + Duration::from_secs(seconds);
            let (received, timed_out) = (10, 0);
            presence.lost(Sight {
                at,
                connections,
                received,
                timed_out,
            })
        };
        for (seconds, connections) in [(0, 5), (10, 0), (12, 0), (13, 1), (14, 0), (16, 0)] {
            // A storm in between: they are back.
            assert_eq!(lost(seconds, connections), None, "after {seconds} s");
        }
        assert_eq!(lost(17, 0), Some(EndedEarly::TrackerGone));
    }

    #[test]
    fn a_tracker_is_silent_when_requests_time_out_and_nothing_comes() {
        let (mut presence, begin) = (Presence::default(), Instant::now());
        let mut lost = |seconds, received, timed_out| {
            let at = begin + Duration::from_secs(seconds);
            presence.lost(Sight {
                at,
                connections: 5,
                received,
                timed_out,
            })
        };
        // Some that get no reply from a tracker that is there, and a long time in which nobody asks.
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
    fn what_ended_a_load_first_is_what_it_says() {
        let stop = Stop::default();
        assert_eq!((stop.is_stopped(), stop.why()), (false, None));
        stop.stop(EndedEarly::TrackerGone);
        stop.stop(EndedEarly::Interrupted);
        assert_eq!(
            (stop.is_stopped(), stop.why()),
            (true, Some(EndedEarly::TrackerGone))
        );
    }
}
