//! Stores the state of one connection: its outbox, rate-limit usage and deadlines.

use std::num::{NonZeroU16, NonZeroU32};
use std::task::Waker;
use std::time::Duration;

use super::node::Deadlines;
use super::spare::Spare;
use super::write::CONTROL_FRAME_BYTES;
use super::{Ended, Outbox, Progress, Worth};
use crate::limits::{Usage, Visit};
use crate::protocol::ConnectionId;
use crate::tracker::Participant;
use crate::websocket;

/// The state of one connection. Laid out by cache lines: with thousands of connections each line is a cache miss. A
/// relay and the turn that writes it need only the first line.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Entry {
    pub(super) id: ConnectionId,
    pub(super) outbox: Outbox,
    pub(super) waker: Option<Waker>,
    /// Since when output has waited without a byte being written; `None` while no output waits.
    pub(super) stuck_since: Option<Moment>,
    /// Why it must close; `None` while it stays open.
    pub(super) closing: Option<Ended>,
    /// Whether the tracker was notified that its output is stuck.
    pub(super) blocked: bool,
    /// Whether it was woken since its last turn. A burst of relays wakes it only once.
    pub(super) woken: bool,
    /// Whether a ping was sent since the last input.
    pub(super) pinged: bool,
    // The second cache line: what reading a message needs.
    pub(super) usage: Usage,
    /// The keys under which it is counted.
    pub(super) visit: Visit,
    pub(super) heard_at: Moment,
    /// Since when its first valid message has been awaited; `None` after it arrived.
    pub(super) awaited_since: Option<Tick>,
    /// Since when a message has been incomplete; `None` between messages.
    begun_at: Option<Tick>,
    pub(super) participant: Participant,
}

const _: () = assert!(std::mem::offset_of!(Entry, usage) == 64);
const _: () = assert!(size_of::<Entry>() == 192);

/// A time with a resolution of two milliseconds, in four bytes. It wraps after 49 days, so it must be read more often
/// than that.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment(NonZeroU32);

impl Moment {
    /// Converts a time since the process started.
    pub(super) fn of(now: Duration) -> Self {
        let milliseconds = now.as_secs().wrapping_mul(1000) + u64::from(now.subsec_millis());
        // Odd, so never zero.
        let odd = u32::try_from(milliseconds & u64::from(u32::MAX)).unwrap_or(0) | 1;
        Self(NonZeroU32::new(odd).unwrap_or(NonZeroU32::MIN))
    }

    /// Returns the time since then.
    fn age(self, now: Duration) -> Duration {
        let milliseconds = Self::of(now).0.get().wrapping_sub(self.0.get());
        Duration::from_millis(u64::from(milliseconds))
    }
}

/// A time with a resolution of an eighth of a second, in two bytes, for deadlines that most connections never reach. It
/// wraps after 8,192 seconds, more than twice the longest of these deadlines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tick(NonZeroU16);

impl Tick {
    const MILLISECONDS: u64 = 125;

    /// Converts a time since the process started.
    fn of(now: Duration) -> Self {
        let eighths =
            now.as_secs().wrapping_mul(8) + u64::from(now.subsec_millis()) / Self::MILLISECONDS;
        // Odd, so never zero.
        let odd = u16::try_from(eighths & u64::from(u16::MAX)).unwrap_or(0) | 1;
        Self(NonZeroU16::new(odd).unwrap_or(NonZeroU16::MIN))
    }

    /// Returns the time since then, never too much: a deadline may be late, but not early.
    fn age(self, now: Duration) -> Duration {
        let eighths = Self::of(now).0.get().wrapping_sub(self.0.get());
        Duration::from_millis(u64::from(eighths.saturating_sub(2)) * Self::MILLISECONDS)
    }
}

impl Entry {
    pub(super) fn new(
        participant: Participant,
        id: ConnectionId,
        account: Visit,
        now: Duration,
    ) -> Self {
        Self {
            id,
            participant,
            outbox: Outbox::default(),
            usage: Usage::default(),
            visit: account,
            heard_at: Moment::of(now),
            awaited_since: Some(Tick::of(now)),
            begun_at: None,
            pinged: false,
            stuck_since: None,
            closing: None,
            blocked: false,
            waker: None,
            woken: false,
        }
    }

    pub(super) fn heard(&mut self, now: Duration) {
        self.heard_at = Moment::of(now);
        self.pinged = false;
    }

    /// Stores where a turn left the reader.
    pub(super) fn read_up_to(&mut self, progress: Progress, now: Duration) {
        self.begun_at = match (progress, self.begun_at) {
            (Progress::Rest, _) => None,
            (Progress::GoesOn, Some(since)) => Some(since),
            (Progress::GoesOn | Progress::Begun, _) => Some(Tick::of(now)),
        };
    }

    pub(super) fn wake(&mut self) {
        if !self.woken
            && let Some(waker) = &self.waker
        {
            self.woken = true;
            waker.wake_by_ref();
        }
    }

    pub(super) fn close(&mut self, ended: Ended) {
        if self.closing.is_none() {
            self.closing = Some(ended);
            self.wake();
        }
    }

    /// Returns how long nothing was received.
    pub(super) fn silent(&self, now: Duration) -> Duration {
        self.heard_at.age(now)
    }

    /// Checks the deadlines. Returns true if a ping is sent.
    pub(super) fn check(&mut self, deadlines: Deadlines, now: Duration, pool: &mut Spare) -> bool {
        let silence = self.heard_at.age(now);
        let stuck = self
            .stuck_since
            .map_or(Duration::ZERO, |since| since.age(now));
        let is_over = |since: Option<Tick>, max| since.is_some_and(|since| since.age(now) >= max);
        if stuck >= deadlines.stuck {
            self.close(Ended::Stuck);
        } else if is_over(self.awaited_since, deadlines.first_message) {
            self.close(Ended::FirstMessageTimeout);
        } else if is_over(self.begun_at, deadlines.message) {
            self.close(Ended::MessageTimeout);
        } else if silence >= deadlines.dead {
            self.close(Ended::Dead);
        } else if silence >= deadlines.ping && !self.pinged {
            self.pinged = true;
            // Pushed without a bound: a ping is small, and there is at most one per `connection.ping_after`.
            self.outbox.push(
                Worth::Kept,
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
    fn a_tick_is_never_older_than_it_is_and_hardly_younger() {
        for start in [0, 1, 124, 125, 8_191_990, 8_192_000, 987_654_321] {
            let start = Duration::from_millis(start);
            for later in [0, 1, 125, 249, 250, 20_000, 60_001, 3_600_000, 8_000_000] {
                let later = Duration::from_millis(later);
                let age = Tick::of(start).age(start + later);
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
    fn an_age_is_right_also_where_the_milliseconds_come_round() {
        let round = Duration::from_millis(1 << 32);
        for start in [
            Duration::ZERO,
            Duration::from_millis((1 << 32) - 1_000),
            3 * round,
        ] {
            for later in [0, 1, 1_500, 7_200_000] {
                let later = Duration::from_millis(later);
                let age = Moment::of(start).age(start + later);
                let error = age.abs_diff(later);
                assert!(
                    error <= Duration::from_millis(1),
                    "{start:?} {later:?} {age:?}"
                );
            }
        }
    }
}
