//! Stores the state of one connection: its outbox, rate-limit usage and deadlines.

use std::num::{NonZeroU16, NonZeroU32};
use std::task::Waker;
use std::time::Duration;

use super::buffer_pool::BufferPool;
use super::write::CONTROL_FRAME_BYTES;
use super::{Ended, Outbox, Priority, ReadProgress};
use crate::limits::{AccountKey, ConnectionUsage};
use crate::node::ConnectionDeadlines;
use crate::protocol::ConnectionId;
use crate::timing::WrappingTime;
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
    /// Whether the tracker was notified that its output is blocked.
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

/// A time with a resolution of two milliseconds: the lowest bit is reserved for `None`. It wraps after 49 days, so it must be read more often than that.
pub(super) type WrappingMillis = WrappingTime<NonZeroU32, 1_000>;

/// A time with a resolution of a quarter of a second (the lowest bit is reserved for `None`), for deadlines that most
/// connections never reach. It wraps after 8,192 seconds, more than twice the longest of these deadlines.
pub(super) type WrappingEighths = WrappingTime<NonZeroU16, 8>;

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
                (CONTROL_FRAME_BYTES, usize::MAX),
                pool,
                websocket::write_ping,
            );
            self.wake();
            return true;
        }
        false
    }
}
