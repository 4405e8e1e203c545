//! Ends a load before its time: when a person asks for it, or when the tracker is gone. What was measured until then is reported.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// For how long a load may be without a single connection. Connections that a storm breaks come back within a second, and nobody
/// makes new ones for those that the tracker has ended.
pub const GONE_AFTER: Duration = Duration::from_secs(3);

/// What ended a load before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedEarly {
    /// All connections were lost, and none was there for [`GONE_AFTER`].
    TrackerGone,
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
            Self::TrackerGone => 4,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// What it was, in words.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::TrackerGone => format!(
                "the tracker is gone: all connections were lost, and there was none for {} s",
                GONE_AFTER.as_secs()
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

/// Watches how many connections there are.
#[derive(Debug, Default)]
pub(super) struct Presence {
    /// Since when there has been none.
    none_since: Option<Instant>,
}

impl Presence {
    /// Takes note of how many there are now; whether the tracker is gone.
    pub(super) fn is_gone(&mut self, connections: u64, now: Instant) -> bool {
        if connections > 0 {
            self.none_since = None;
            return false;
        }
        let since = *self.none_since.get_or_insert(now);
        now.saturating_duration_since(since) >= GONE_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tracker_is_gone_when_nobody_is_connected_for_some_seconds() {
        let (mut presence, begin) = (Presence::default(), Instant::now());
        let mut is_gone = |seconds, connections| {
            presence.is_gone(connections, begin + Duration::from_secs(seconds))
        };
        assert!(!is_gone(0, 5) && !is_gone(10, 0) && !is_gone(12, 0));
        // A storm: they are back.
        assert!(!is_gone(13, 1) && !is_gone(14, 0) && !is_gone(16, 0));
        assert!(is_gone(17, 0));
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
