//! Begins and ends the turns of connections: what one may read, what it is charged, and when it writes.
//!
//! A turn with one message looks its connection up three times: at both ends, and when it is served. The hub's state is
//! not borrowed in between.

use std::io;
use std::task::{Poll, Waker};
use std::time::Duration;

use super::connection_entry::ConnectionEntry;
use super::{Ended, Hub, NextAction};
use crate::protocol::ConnectionId;

/// The output that waits for a connection. Only its own messages and its own writes change it within a turn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueuedOutput {
    /// Its bytes.
    pub bytes: usize,
    /// Whether more may be read. Reading stops while output piles up, so that a client that reads no replies causes no
    /// more.
    pub may_read: bool,
}

/// The position of a connection's reader after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadProgress {
    /// Between two messages, or reading is paused.
    BetweenMessages,
    /// Inside a message or frame that began in this turn.
    Started,
    /// Inside one that began before this turn.
    Continued,
}

/// What a connection read in a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TurnInput {
    /// Bytes read.
    pub bytes: usize,
    /// Bytes to charge: those read, and an extra charge for fragments.
    pub bytes_charged: usize,
    /// Where the reader is now.
    pub progress: ReadProgress,
}

/// What a connection does after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TurnEnd {
    /// How long reading must pause.
    pub pause: Option<Duration>,
    /// Whether writing failed. The output is dropped.
    pub write_failed: bool,
    /// Whether it has another turn at once, because there is more to read or to write.
    pub runs_again: bool,
}

impl Hub {
    /// Begins a turn of a connection and stores the waker for new output.
    ///
    /// # Errors
    ///
    /// Why the connection must close.
    pub fn begin_turn(&self, id: ConnectionId, waker: &Waker) -> Result<QueuedOutput, Ended> {
        let begun = self.with_entry(id, |entry| {
            entry.wake_pending = false;
            if !entry
                .waker
                .as_ref()
                .is_some_and(|known| known.will_wake(waker))
            {
                entry.waker = Some(waker.clone());
            }
            match entry.close_reason {
                Some(ended) => Err(ended),
                None => Ok(self.queued_output(entry)),
            }
        });
        begun.unwrap_or(Err(Ended::Lost))
    }

    pub(super) fn queued_output(&self, entry: &ConnectionEntry) -> QueuedOutput {
        let bytes = entry.outbox.bytes();
        QueuedOutput {
            bytes,
            may_read: bytes <= self.hot_settings.get().output_bytes_max / 2,
        }
    }

    /// Ends a turn: charges what was read, if anything was, then writes the outbox. `write` writes as many bytes as it
    /// can; it returns pending when it can write no more. It must not call the hub.
    pub fn end_turn(
        &self,
        id: ConnectionId,
        input: Option<TurnInput>,
        write: impl FnMut(&[u8]) -> Poll<io::Result<usize>>,
    ) -> TurnEnd {
        let ended = self.with_entry(id, |entry| {
            let pause = input.and_then(|input| self.charge_input(entry, input));
            let could_read = self.queued_output(entry).may_read;
            let written = self.write_output(entry, write);
            TurnEnd {
                pause,
                write_failed: written.is_err(),
                // Reading was suspended because of the output that has now left; after a failure, it goes on to the end.
                runs_again: written.is_err() || (!could_read && self.queued_output(entry).may_read),
            }
        });
        let mut ended = ended.unwrap_or(TurnEnd {
            pause: None,
            write_failed: true,
            runs_again: true,
        });
        // Other connections have their turn before the rest is written.
        ended.runs_again |= !ended.write_failed && self.continue_full_scrape(id);
        ended
    }

    /// Ends a turn of a connection that closes: charges what was read.
    pub fn end_last_turn(&self, id: ConnectionId, input: TurnInput) {
        self.with_entry(id, |entry| self.charge_input(entry, input));
    }

    /// Charges what a turn read and stores the position of the reader. Returns how long reading must pause.
    fn charge_input(&self, entry: &mut ConnectionEntry, input: TurnInput) -> Option<Duration> {
        let now = self.time.get();
        self.counters().bytes_received.add(input.bytes as u64);
        let progress = if self.queued_output(entry).may_read {
            input.progress
        } else {
            // The server stopped reading, so the client is not late with the rest of the message.
            ReadProgress::BetweenMessages
        };
        entry.set_read_progress(progress, now);
        let bytes = u32::try_from(input.bytes_charged).unwrap_or(u32::MAX);
        let limiter = self.limiter.borrow();
        let limiter = limiter.as_ref().filter(|_| bytes > 0)?;
        let pause = limiter.charge_bytes(&mut entry.usage, bytes, now)?;
        self.count_pause(pause);
        Some(pause.time)
    }

    /// Charges a new connection for `bytes` that arrived together with its handshake. Returns how long reading must
    /// pause for them, or because it continues the usage of an ended connection of its address.
    pub fn begin_read(&self, id: ConnectionId, bytes: usize) -> Option<Duration> {
        let pause = self.with_entry(id, |entry| {
            let carried = match self.charge(entry, 0) {
                NextAction::Pause(time) => Some(time),
                NextAction::Read | NextAction::Close(_) => None,
            };
            // The first turn checks whether they start a message.
            let input = TurnInput {
                bytes,
                bytes_charged: bytes,
                progress: ReadProgress::BetweenMessages,
            };
            carried.max(self.charge_input(entry, input))
        });
        pause.flatten()
    }

    /// Stores how many bytes of an unfinished message a connection holds.
    pub fn set_unfinished_bytes(&self, id: ConnectionId, bytes: usize) {
        let state = &mut *self.state.borrow_mut();
        let is_known = |entry: &ConnectionEntry| entry.id == id;
        if state.entries.get(id.slot()).is_some_and(is_known)
            && let Some(arrived) = state.details.get_mut(id.slot())
        {
            arrived.set_unfinished_bytes(bytes);
        }
    }
}
