//! Queues the output of one connection: frames, concatenated in the buffer that is written to the socket.
//!
//! Bounded by `connection.output_bytes_max`. Relayed offers may fill only a part of it, because their senders have
//! others. A lost reply or answer is not replaced. The connection writes the outbox to its socket; this module does no
//! I/O.

use super::buffer_pool::BufferPool;

/// Up to which level an outbox takes a message. Queued frames are never removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// A relayed offer: dropped if the outbox is more than three quarters full.
    Droppable,
    /// A reply, or a relayed answer: dropped only if it does not fit.
    Required,
}

/// The result of pushing a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushResult {
    /// It is queued.
    Queued,
    /// It is dropped: the outbox has no room.
    Dropped,
}

/// The output queue of one connection.
#[derive(Debug, Default)]
pub struct Outbox {
    frames: Vec<u8>,
    /// Bytes of `frames` already written. Invariant: at most the length of `frames`, and less unless both are 0.
    written: usize,
}

impl Outbox {
    /// Appends the frames that `write` appends, of at most about `size` bytes, if at most `bytes_max` are then queued. An
    /// empty outbox takes a message of any size: its bound is then the size of one message.
    pub fn push(
        &mut self,
        priority: Priority,
        (size, bytes_max): (usize, usize),
        pool: &mut BufferPool,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> PushResult {
        let bytes_max = match priority {
            Priority::Droppable => bytes_max - bytes_max / 4,
            Priority::Required => bytes_max,
        };
        if !self.is_empty() && self.bytes() + size > bytes_max {
            return PushResult::Dropped;
        }
        if self.frames.capacity() == 0 {
            self.frames = pool.take(size);
        } else {
            self.frames.reserve(size);
        }
        write(&mut self.frames);
        PushResult::Queued
    }

    /// Returns the number of queued bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.frames.len() - self.written
    }

    /// Returns whether no bytes are queued.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Returns the queued bytes.
    #[must_use]
    pub fn queued(&self) -> &[u8] {
        self.frames.get(self.written..).unwrap_or_default()
    }

    /// Removes the first `bytes` queued bytes after they were written. An emptied outbox returns its buffer to the
    /// pool.
    pub fn advance(&mut self, bytes: usize, pool: &mut BufferPool) {
        self.written = self.frames.len().min(self.written + bytes);
        if self.written == self.frames.len() {
            pool.put(std::mem::take(self).frames);
        } else if self.written * 2 > self.frames.len() {
            // This moves fewer bytes than were written, so on average a byte is moved at most once.
            self.frames.drain(..self.written);
            self.written = 0;
        }
    }

    /// Takes all queued bytes.
    #[must_use]
    pub fn take(&mut self) -> Vec<u8> {
        let Self {
            mut frames,
            written,
        } = std::mem::take(self);
        frames.drain(..written);
        frames
    }
}

/// The output of many connections in sum.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct OutboxTotals {
    pub(super) bytes: usize,
    pub(super) largest_bytes: usize,
}

impl OutboxTotals {
    pub(super) fn add(&mut self, outbox: &Outbox) {
        self.bytes += outbox.bytes();
        self.largest_bytes = self.largest_bytes.max(outbox.bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(outbox: &mut Outbox, priority: Priority, byte: u8, bytes_max: usize) -> PushResult {
        outbox.push(
            priority,
            (10, bytes_max),
            &mut BufferPool::default(),
            |frames| {
                frames.extend([byte; 10]);
            },
        )
    }

    #[test]
    fn messages_are_written_in_order_in_chunks_of_any_size() {
        for step in 1..40 {
            let (mut outbox, mut out) = (Outbox::default(), Vec::new());
            for byte in *b"abc" {
                assert_eq!(
                    push(&mut outbox, Priority::Required, byte, 100),
                    PushResult::Queued
                );
            }
            while !outbox.is_empty() {
                let taken = step.min(outbox.bytes());
                out.extend_from_slice(&outbox.queued()[..taken]);
                outbox.advance(taken, &mut BufferPool::default());
                if out.len() == step && step < 30 {
                    push(&mut outbox, Priority::Droppable, b'd', 100);
                }
            }
            let expected: &[u8] = if step < 30 {
                b"aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd"
            } else {
                b"aaaaaaaaaabbbbbbbbbbcccccccccc"
            };
            assert_eq!(out, expected, "{step} bytes at a time");
            assert_eq!((outbox.bytes(), outbox.frames.capacity()), (0, 0));
        }
    }

    #[test]
    fn a_full_outbox_drops_offers_first() {
        let mut outbox = Outbox::default();
        let queued: Vec<_> = [
            (Priority::Droppable, b'a'),
            (Priority::Required, b'b'),
            (Priority::Droppable, b'c'),
            (Priority::Droppable, b'd'),
            (Priority::Required, b'e'),
            (Priority::Required, b'f'),
        ]
        .into_iter()
        .filter(|&(priority, byte)| push(&mut outbox, priority, byte, 40) == PushResult::Queued)
        .map(|(_, byte)| byte)
        .collect();
        assert_eq!(queued, *b"abce");
        assert_eq!(outbox.bytes(), 40);
        outbox.advance(20, &mut BufferPool::default());
        assert_eq!(
            push(&mut outbox, Priority::Droppable, b'g', 40),
            PushResult::Queued
        );
        assert_eq!(outbox.take(), *b"cccccccccceeeeeeeeeegggggggggg");
        assert!(outbox.is_empty());
    }

    #[test]
    fn an_empty_outbox_takes_any_message() {
        let mut outbox = Outbox::default();
        assert_eq!(
            push(&mut outbox, Priority::Droppable, b'a', 5),
            PushResult::Queued
        );
        assert_eq!(
            push(&mut outbox, Priority::Required, b'b', 5),
            PushResult::Dropped
        );
    }
}
