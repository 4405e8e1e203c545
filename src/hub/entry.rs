//! What the hub keeps about one connection.

use std::task::Waker;
use std::time::Duration;

use uuid::Uuid;

use super::node::Deadlines;
use super::{Ended, Outbox};
use crate::limits::{CachedTime, ConnectionLimits};
use crate::protocol::ConnectionId;
use crate::tracker::Participant;

/// What the hub wants of a connection besides writing its outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Send a ping.
    Ping,
    /// Close.
    Close(Ended),
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: ConnectionId,
    /// Names the connection in logs.
    pub(super) uuid: Uuid,
    pub(super) participant: Participant,
    pub(super) outbox: Outbox,
    pub(super) limits: Option<ConnectionLimits<CachedTime>>,
    pub(super) heard_at: Duration,
    /// The heartbeat's two states: nothing asked, or a ping sent since something was heard.
    pub(super) pinged: bool,
    /// Since when output has waited without a byte being taken; `None` while nothing waits.
    pub(super) stuck_since: Option<Duration>,
    pub(super) bytes_out: u64,
    pub(super) order: Option<Order>,
    /// Whether others have been told that its output is stuck.
    pub(super) blocked: bool,
    pub(super) waker: Option<Waker>,
    /// Whether it was woken since its last turn, so that a burst of relays wakes it once.
    pub(super) woken: bool,
}

impl Entry {
    pub(super) fn new(
        id: ConnectionId,
        uuid: Uuid,
        limits: Option<ConnectionLimits<CachedTime>>,
        now: Duration,
    ) -> Self {
        Self {
            id,
            uuid,
            participant: Participant::new(id),
            outbox: Outbox::default(),
            limits,
            heard_at: now,
            pinged: false,
            stuck_since: None,
            bytes_out: 0,
            order: None,
            blocked: false,
            waker: None,
            woken: false,
        }
    }

    pub(super) fn heard(&mut self, now: Duration) {
        self.heard_at = now;
        self.pinged = false;
    }

    pub(super) fn wake(&mut self) {
        if !self.woken
            && let Some(waker) = &self.waker
        {
            self.woken = true;
            waker.wake_by_ref();
        }
    }

    pub(super) fn give(&mut self, order: Order) {
        if !matches!(self.order, Some(Order::Close(_))) {
            self.order = Some(order);
            self.wake();
        }
    }

    /// Looks at the deadlines. True if a ping is to be sent.
    pub(super) fn check(&mut self, deadlines: Deadlines, now: Duration) -> bool {
        let silent = now.saturating_sub(self.heard_at);
        let stuck = self
            .stuck_since
            .map_or(Duration::ZERO, |since| now.saturating_sub(since));
        if stuck >= deadlines.stuck {
            self.give(Order::Close(Ended::Stuck));
        } else if silent >= deadlines.dead {
            self.give(Order::Close(Ended::Dead));
        } else if silent >= deadlines.ping && !self.pinged {
            self.pinged = true;
            self.give(Order::Ping);
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_takes_no_close_back() {
        let mut entry = Entry::new(
            ConnectionId::new(0, 0, 0),
            Uuid::nil(),
            None,
            Duration::ZERO,
        );
        entry.give(Order::Ping);
        entry.give(Order::Close(Ended::Stopping));
        entry.give(Order::Ping);
        assert_eq!(entry.order, Some(Order::Close(Ended::Stopping)));
    }
}
