//! Times at which something expires, in four bytes: every allocation, permission and channel has one.

use std::time::Duration;

/// A whole second after the start of the process. It passes at most one second late, and never early.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(u32);

impl Deadline {
    /// A time that has always passed.
    pub(super) const PAST: Self = Self(0);

    /// Returns the time some seconds from now.
    pub(super) fn after(seconds: u32, now: Duration) -> Self {
        Self(whole_seconds(now).saturating_add(seconds).saturating_add(1))
    }

    pub(super) fn has_passed(self, now: Duration) -> bool {
        whole_seconds(now) >= self.0
    }

    /// Returns the whole seconds until then.
    pub(super) fn seconds_left(self, now: Duration) -> u32 {
        let left = self.0.saturating_sub(whole_seconds(now));
        left.saturating_sub(1)
    }
}

fn whole_seconds(now: Duration) -> u32 {
    u32::try_from(now.as_secs()).unwrap_or(u32::MAX)
}
