//! Queues the output of one connection: frames, concatenated in the buffer that is written to the socket.
//!
//! Bounded by `connection.output_bytes_max`. Relayed offers may fill only a part of it, because their senders have
//! others. A lost reply or answer is not replaced. The connection writes the outbox to its socket; this module does no
//! I/O.

use super::spare::Spare;

/// The priority of a message when an outbox is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worth {
    /// A relayed offer: dropped first.
    Offer,
    /// A reply, or a relayed answer.
    Kept,
}

/// The result of pushing a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
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
    /// Appends the frames that `write` appends, of at most about `size` bytes. An empty outbox takes a message of any
    /// size: its bound is then the size of one message.
    pub fn push(
        &mut self,
        priority: Worth,
        size: usize,
        bytes_max: usize,
        pool: &mut Spare,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Pushed {
        let bytes_max = match priority {
            Worth::Offer => bytes_max - bytes_max / 4,
            Worth::Kept => bytes_max,
        };
        if !self.is_empty() && self.bytes() + size > bytes_max {
            return Pushed::Dropped;
        }
        if self.frames.capacity() == 0 {
            self.frames = pool.take(size);
        } else {
            self.frames.reserve(size);
        }
        write(&mut self.frames);
        Pushed::Queued
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
    pub fn waiting(&self) -> &[u8] {
        self.frames.get(self.written..).unwrap_or_default()
    }

    /// Removes the first `bytes` queued bytes after they were written. An emptied outbox returns its buffer to the
    /// pool.
    pub fn advance(&mut self, bytes: usize, pool: &mut Spare) {
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
pub(super) struct Outboxes {
    pub(super) bytes: usize,
    pub(super) fullest: usize,
}

impl Outboxes {
    pub(super) fn see(&mut self, outbox: &Outbox) {
        self.bytes += outbox.bytes();
        self.fullest = self.fullest.max(outbox.bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(outbox: &mut Outbox, priority: Worth, letter: u8, bytes_max: usize) -> Pushed {
        outbox.push(priority, 10, bytes_max, &mut Spare::default(), |frames| {
            frames.extend([letter; 10]);
        })
    }

    #[test]
    fn messages_come_out_in_order_however_they_are_taken() {
        for step in 1..40 {
            let (mut outbox, mut out) = (Outbox::default(), Vec::new());
            for letter in *b"abc" {
                assert_eq!(push(&mut outbox, Worth::Kept, letter, 100), Pushed::Queued);
            }
            while !outbox.is_empty() {
                let taken = step.min(outbox.bytes());
                out.extend_from_slice(&outbox.waiting()[..taken]);
                outbox.advance(taken, &mut Spare::default());
                if out.len() == step && step < 30 {
                    push(&mut outbox, Worth::Offer, b'd', 100);
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
            (Worth::Offer, b'a'),
            (Worth::Kept, b'b'),
            (Worth::Offer, b'c'),
            (Worth::Offer, b'd'),
            (Worth::Kept, b'e'),
            (Worth::Kept, b'f'),
        ]
        .into_iter()
        .filter(|&(priority, letter)| push(&mut outbox, priority, letter, 40) == Pushed::Queued)
        .map(|(_, letter)| letter)
        .collect();
        assert_eq!(queued, *b"abce");
        assert_eq!(outbox.bytes(), 40);
        outbox.advance(20, &mut Spare::default());
        assert_eq!(push(&mut outbox, Worth::Offer, b'g', 40), Pushed::Queued);
        assert_eq!(outbox.take(), *b"cccccccccceeeeeeeeeegggggggggg");
        assert!(outbox.is_empty());
    }

    #[test]
    fn an_empty_outbox_takes_any_message() {
        let mut outbox = Outbox::default();
        assert_eq!(push(&mut outbox, Worth::Offer, b'a', 5), Pushed::Queued);
        assert_eq!(push(&mut outbox, Worth::Kept, b'b', 5), Pushed::Dropped);
    }
}
