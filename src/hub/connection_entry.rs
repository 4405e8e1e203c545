//! Stores the state of one connection: its outbox, rate-limit usage and deadlines.

use std::num::{NonZeroU16, NonZeroU32};
use std::task::Waker;
use std::time::Duration;

use super::buffer_pool::BufferPool;
use super::node::ConnectionDeadlines;
use super::write::CONTROL_FRAME_BYTES;
use super::{Ended, Outbox, Priority, ReadProgress};
use crate::limits::{AccountKey, ConnectionUsage};
use crate::protocol::ConnectionId;
use crate::tracker::Participant;
use crate::websocket;

/// The state of one connection. Laid out by cache lines: with thousands of connections each line is a cache miss. A
/// relay and the turn that writes it need only the first line.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct ConnectionEntry {
    pub(super) id: ConnectionId,
    pub(super) outbox: Outbox,
    pub(super) waker: Option<Waker>,
    /// Since when output has waited without a byte being written; `None` while no output waits.
    pub(super) stuck_since: Option<WrappingMillis>,
    /// Why it must close; `None` while it stays open.
    pub(super) close_reason: Option<Ended>,
    /// Whether the tracker was notified that its output is stuck.
    pub(super) output_blocked: bool,
    /// Whether it was woken since its last turn. A burst of relays wakes it only once.
    pub(super) wake_pending: bool,
    /// Whether a ping was sent since the last input.
    pub(super) ping_sent: bool,
    // The second cache line: what reading a message needs.
    pub(super) usage: ConnectionUsage,
    /// The keys under which it is counted.
    pub(super) account: AccountKey,
    pub(super) last_input_at: WrappingMillis,
    /// Since when its first valid message has been awaited; `None` after it arrived.
    pub(super) first_message_awaited_since: Option<WrappingEighths>,
    /// Since when a message has been incomplete; `None` between messages.
    message_started_at: Option<WrappingEighths>,
    pub(super) participant: Participant,
}

const _: () = assert!(std::mem::offset_of!(ConnectionEntry, usage) == 64);
const _: () = assert!(size_of::<ConnectionEntry>() == 192);

/// A time with a resolution of two milliseconds, in four bytes. It wraps after 49 days, so it must be read more often
/// than that.
#[derive(Debug, Clone, Copy)]
pub(super) struct WrappingMillis(NonZeroU32);

impl WrappingMillis {
    /// Converts a time since the process started.
    pub(super) fn from_uptime(now: Duration) -> Self {
        let milliseconds = now.as_secs().wrapping_mul(1000) + u64::from(now.subsec_millis());
        // Odd, so never zero.
        let odd = u32::try_from(milliseconds & u64::from(u32::MAX)).unwrap_or(0) | 1;
        Self(NonZeroU32::new(odd).unwrap_or(NonZeroU32::MIN))
    }

    /// Returns the time since then.
    fn age(self, now: Duration) -> Duration {
        let milliseconds = Self::from_uptime(now).0.get().wrapping_sub(self.0.get());
        Duration::from_millis(u64::from(milliseconds))
    }
}

/// A time with a resolution of an eighth of a second, in two bytes, for deadlines that most connections never reach. It
/// wraps after 8,192 seconds, more than twice the longest of these deadlines.
#[derive(Debug, Clone, Copy)]
pub(super) struct WrappingEighths(NonZeroU16);

impl WrappingEighths {
    const RESOLUTION_MILLIS: u64 = 125;

    /// Converts a time since the process started.
    fn from_uptime(now: Duration) -> Self {
        let eighths = now.as_secs().wrapping_mul(8)
            + u64::from(now.subsec_millis()) / Self::RESOLUTION_MILLIS;
        // Odd, so never zero.
        let odd = u16::try_from(eighths & u64::from(u16::MAX)).unwrap_or(0) | 1;
        Self(NonZeroU16::new(odd).unwrap_or(NonZeroU16::MIN))
    }

    /// Returns the time since then, never too much: a deadline may be late, but not early.
    fn age(self, now: Duration) -> Duration {
        let eighths = Self::from_uptime(now).0.get().wrapping_sub(self.0.get());
        Duration::from_millis(u64::from(eighths.saturating_sub(2)) * Self::RESOLUTION_MILLIS)
    }
}

impl ConnectionEntry {
    pub(super) fn new(
        participant: Participant,
        id: ConnectionId,
        account: AccountKey,
        now: Duration,
    ) -> Self {
        Self {
            id,
            participant,
            outbox: Outbox::default(),
            usage: ConnectionUsage::default(),
            account,
            last_input_at: WrappingMillis::from_uptime(now),
            first_message_awaited_since: Some(WrappingEighths::from_uptime(now)),
            message_started_at: None,
            ping_sent: false,
            stuck_since: None,
            close_reason: None,
            output_blocked: false,
            waker: None,
            wake_pending: false,
        }
    }

    pub(super) fn record_input(&mut self, now: Duration) {
        self.last_input_at = WrappingMillis::from_uptime(now);
        self.ping_sent = false;
    }

    /// Stores where a turn left the reader.
    pub(super) fn set_read_progress(&mut self, progress: ReadProgress, now: Duration) {
        self.message_started_at = match (progress, self.message_started_at) {
            (ReadProgress::BetweenMessages, _) => None,
            (ReadProgress::Continued, Some(since)) => Some(since),
            (ReadProgress::Continued | ReadProgress::Started, _) => {
                Some(WrappingEighths::from_uptime(now))
            }
        };
    }

    pub(super) fn wake(&mut self) {
        if !self.wake_pending
            && let Some(waker) = &self.waker
        {
            self.wake_pending = true;
            waker.wake_by_ref();
        }
    }

    pub(super) fn close(&mut self, ended: Ended) {
        if self.close_reason.is_none() {
            self.close_reason = Some(ended);
            self.wake();
        }
    }

    /// Returns how long nothing was received.
    pub(super) fn silence(&self, now: Duration) -> Duration {
        self.last_input_at.age(now)
    }

    /// Checks the deadlines. Returns true if a ping is sent.
    pub(super) fn check_deadlines(
        &mut self,
        deadlines: ConnectionDeadlines,
        now: Duration,
        pool: &mut BufferPool,
    ) -> bool {
        let silence = self.last_input_at.age(now);
        let stuck = self
            .stuck_since
            .map_or(Duration::ZERO, |since| since.age(now));
        let is_over =
            |since: Option<WrappingEighths>, max| since.is_some_and(|since| since.age(now) >= max);
        if stuck >= deadlines.stuck_after {
            self.close(Ended::Stuck);
        } else if is_over(
            self.first_message_awaited_since,
            deadlines.first_message_timeout,
        ) {
            self.close(Ended::FirstMessageTimeout);
        } else if is_over(self.message_started_at, deadlines.message_timeout) {
            self.close(Ended::MessageTimeout);
        } else if silence >= deadlines.dead_after {
            self.close(Ended::Dead);
        } else if silence >= deadlines.ping_after && !self.ping_sent {
            self.ping_sent = true;
            // Pushed without a bound: a ping is small, and there is at most one per `connection.ping_after`.
            self.outbox.push(
                Priority::Required,
                CONTROL_FRAME_BYTES,
                usize::MAX,
                pool,
                websocket::write_ping,
            );
            self.wake();
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coarse_ages_are_at_most_half_a_second_too_short() {
        for start in [0, 1, 124, 125, 8_191_990, 8_192_000, 987_654_321] {
            let start = Duration::from_millis(start);
            for later in [0, 1, 125, 249, 250, 20_000, 60_001, 3_600_000, 8_000_000] {
                let later = Duration::from_millis(later);
                let age = WrappingEighths::from_uptime(start).age(start + later);
                assert!(age <= later, "{start:?} {later:?} {age:?}");
                let late = later.saturating_sub(age);
                assert!(
                    late <= Duration::from_millis(500),
                    "{start:?} {later:?} {age:?}"
                );
            }
        }
    }

    #[test]
    fn ages_in_milliseconds_survive_a_wrap() {
        let round = Duration::from_millis(1 << 32);
        for start in [
            Duration::ZERO,
            Duration::from_millis((1 << 32) - 1_000),
            3 * round,
        ] {
            for later in [0, 1, 1_500, 7_200_000] {
                let later = Duration::from_millis(later);
                let age = WrappingMillis::from_uptime(start).age(start + later);
                let error = age.abs_diff(later);
                assert!(
                    error <= Duration::from_millis(1),
                    "{start:?} {later:?} {age:?}"
                );
            }
        }
    }
}
