//! What the hub keeps about one connection.

use std::task::Waker;
use std::time::Duration;

use super::node::Deadlines;
use super::spare::Spare;
use super::write::CONTROL_FRAME_BYTES;
use super::{Ended, Outbox, Worth};
use crate::limits::Usage;
use crate::protocol::ConnectionId;
use crate::tracker::Participant;
use crate::websocket;

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: ConnectionId,
    pub(super) participant: Participant,
    pub(super) outbox: Outbox,
    pub(super) usage: Usage,
    pub(super) heard_at: Duration,
    /// The heartbeat's two states: nothing asked, or a ping sent since something was heard.
    pub(super) pinged: bool,
    /// Since when output has waited without a byte being taken; `None` while nothing waits.
    pub(super) stuck_since: Option<Duration>,
    /// Why it is to close, once it is.
    pub(super) closing: Option<Ended>,
    /// Whether others have been told that its output is stuck.
    pub(super) blocked: bool,
    pub(super) waker: Option<Waker>,
    /// Whether it was woken since its last turn, so that a burst of relays wakes it once.
    pub(super) woken: bool,
}

impl Entry {
    pub(super) fn new(id: ConnectionId, now: Duration) -> Self {
        Self {
            id,
            participant: Participant::new(id),
            outbox: Outbox::default(),
            usage: Usage::default(),
            heard_at: now,
            pinged: false,
            stuck_since: None,
            closing: None,
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

    pub(super) fn close(&mut self, ended: Ended) {
        if self.closing.is_none() {
            self.closing = Some(ended);
            self.wake();
        }
    }

    /// Looks at the deadlines. True if a ping is sent.
    pub(super) fn check(&mut self, deadlines: Deadlines, now: Duration, spare: &mut Spare) -> bool {
        let silent = now.saturating_sub(self.heard_at);
        let stuck = self
            .stuck_since
            .map_or(Duration::ZERO, |since| now.saturating_sub(since));
        if stuck >= deadlines.stuck {
            self.close(Ended::Stuck);
        } else if silent >= deadlines.dead {
            self.close(Ended::Dead);
        } else if silent >= deadlines.ping && !self.pinged {
            self.pinged = true;
            // Room or not: it is small, and there is at most one in `connection.ping_after`.
            self.outbox.push(
                Worth::Kept,
                CONTROL_FRAME_BYTES,
                usize::MAX,
                spare,
                websocket::write_ping,
            );
            self.wake();
            return true;
        }
        false
    }
}
