//! What waits to be written to one connection: frames, one behind the other, in the buffer that goes to the socket.
//!
//! Bounded by `connection.output_bytes_max`. Relayed offers may fill only a part of it, as their senders have others,
//! while a lost reply or answer is missed. The connection writes from it; nothing here does.

use super::spare::Spare;

/// How much a message is missed when it is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worth {
    /// A relayed offer: the first to go.
    Offer,
    /// A reply, or a relayed answer.
    Kept,
}

/// What became of a message for the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It waits to be written.
    Queued,
    /// There was no room.
    Dropped,
}

/// The frames that wait.
#[derive(Debug, Default)]
pub struct Outbox {
    frames: Vec<u8>,
    /// Invariant: at most the length of `frames`, and less unless both are 0.
    written: usize,
}

impl Outbox {
    /// Appends what `write` appends, whole frames of at most about `size` bytes. An empty outbox takes a message of
    /// any size: its bound is the size of one message then.
    pub fn push(
        &mut self,
        worth: Worth,
        size: usize,
        bytes_max: usize,
        spare: &mut Spare,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Pushed {
        let bytes_max = match worth {
            Worth::Offer => bytes_max - bytes_max / 4,
            Worth::Kept => bytes_max,
        };
        if !self.is_empty() && self.bytes() + size > bytes_max {
            return Pushed::Dropped;
        }
        if self.frames.capacity() == 0 {
            self.frames = spare.take(size);
        } else {
            self.frames.reserve(size);
        }
        write(&mut self.frames);
        Pushed::Queued
    }

    /// Bytes waiting.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.frames.len() - self.written
    }

    /// Whether nothing waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// What waits.
    #[must_use]
    pub fn waiting(&self) -> &[u8] {
        self.frames.get(self.written..).unwrap_or_default()
    }

    /// Takes note that the first `bytes` of what waits have been written. An emptied outbox keeps no memory.
    pub fn advance(&mut self, bytes: usize, spare: &mut Spare) {
        self.written = self.frames.len().min(self.written + bytes);
        if self.written == self.frames.len() {
            spare.put(std::mem::take(self).frames);
        } else if self.written * 2 > self.frames.len() {
            // What is moved is less than what was written, so in the long run a byte is moved once at most.
            self.frames.drain(..self.written);
            self.written = 0;
        }
    }

    /// Takes out all that waits.
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

/// What waits to be written to many connections.
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

    fn push(outbox: &mut Outbox, worth: Worth, letter: u8, bytes_max: usize) -> Pushed {
        outbox.push(worth, 10, bytes_max, &mut Spare::default(), |frames| {
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
        let heard: Vec<_> = [
            (Worth::Offer, b'a'),
            (Worth::Kept, b'b'),
            (Worth::Offer, b'c'),
            (Worth::Offer, b'd'),
            (Worth::Kept, b'e'),
            (Worth::Kept, b'f'),
        ]
        .into_iter()
        .filter(|&(worth, letter)| push(&mut outbox, worth, letter, 40) == Pushed::Queued)
        .map(|(_, letter)| letter)
        .collect();
        assert_eq!(heard, *b"abce");
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
