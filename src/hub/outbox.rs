//! What waits to be written to one connection.
//!
//! Bounded by `connection.output_bytes_max`. When it is full, relayed offers are dropped first: their senders have
//! others, while a lost reply or answer is missed. The connection takes from it; nothing here writes.

use std::collections::VecDeque;

/// How much a message is missed when it is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worth {
    /// A relayed offer: the first to go.
    Offer,
    /// A reply, or a relayed answer.
    Kept,
}

/// What became of a message for the outbox, and of others because of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pushed {
    /// Offers dropped, the message itself included if it is one.
    pub offers_dropped: u32,
    /// Whether the message itself was dropped although it is more than an offer.
    pub dropped: bool,
}

/// The queue of encoded messages.
#[derive(Debug, Default)]
pub struct Outbox {
    queue: VecDeque<(Worth, String)>,
    /// Invariant: the sum of the lengths in `queue`.
    bytes: usize,
}

impl Outbox {
    /// Appends a message. An empty outbox takes a message of any size: its bound is the size of one message then.
    pub fn push(&mut self, worth: Worth, message: String, bytes_max: usize) -> Pushed {
        let mut pushed = Pushed::default();
        if !self.has_room(message.len(), bytes_max) {
            if worth == Worth::Offer {
                return Pushed {
                    offers_dropped: 1,
                    dropped: false,
                };
            }
            pushed.offers_dropped = self.drop_offers(message.len(), bytes_max);
            if !self.has_room(message.len(), bytes_max) {
                return Pushed {
                    dropped: true,
                    ..pushed
                };
            }
        }
        self.bytes += message.len();
        self.queue.push_back((worth, message));
        pushed
    }

    fn has_room(&self, more: usize, bytes_max: usize) -> bool {
        self.queue.is_empty() || self.bytes + more <= bytes_max
    }

    /// Drops offers, the oldest first, until `more` bytes have room. Returns how many.
    fn drop_offers(&mut self, more: usize, bytes_max: usize) -> u32 {
        let mut dropped = 0;
        let bytes = &mut self.bytes;
        self.queue.retain(|(worth, message)| {
            let keep = *worth == Worth::Kept || *bytes + more <= bytes_max;
            if !keep {
                *bytes -= message.len();
                dropped += 1;
            }
            keep
        });
        dropped
    }

    /// Takes the oldest message. An emptied outbox keeps no memory.
    pub fn pop(&mut self) -> Option<String> {
        let (_, message) = self.queue.pop_front()?;
        self.bytes -= message.len();
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
        Some(message)
    }

    /// Bytes waiting.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(letter: char) -> String {
        letter.to_string().repeat(10)
    }

    #[test]
    fn messages_come_out_in_order() {
        let mut outbox = Outbox::default();
        outbox.push(Worth::Offer, message('a'), 30);
        outbox.push(Worth::Kept, message('b'), 30);
        assert_eq!(outbox.bytes(), 20);
        assert_eq!(
            (outbox.pop(), outbox.pop(), outbox.pop()),
            (Some(message('a')), Some(message('b')), None)
        );
        assert_eq!(outbox.bytes(), 0);
    }

    #[test]
    fn a_full_outbox_drops_offers_first() {
        let mut outbox = Outbox::default();
        for (worth, letter) in [(Worth::Offer, 'a'), (Worth::Kept, 'b'), (Worth::Offer, 'c')] {
            assert_eq!(outbox.push(worth, message(letter), 30), Pushed::default());
        }
        assert_eq!(
            outbox.push(Worth::Offer, message('d'), 30),
            Pushed {
                offers_dropped: 1,
                dropped: false
            }
        );
        assert_eq!(
            outbox.push(Worth::Kept, message('e'), 30),
            Pushed {
                offers_dropped: 1,
                dropped: false
            }
        );
        assert_eq!(
            outbox.push(Worth::Kept, message('f'), 30),
            Pushed {
                offers_dropped: 1,
                dropped: false
            }
        );
        assert_eq!(
            outbox.push(Worth::Kept, message('g'), 30),
            Pushed {
                offers_dropped: 0,
                dropped: true
            }
        );
        let left: Vec<_> = std::iter::from_fn(|| outbox.pop()).collect();
        assert_eq!(left, [message('b'), message('e'), message('f')]);
    }

    #[test]
    fn an_empty_outbox_takes_any_message() {
        let mut outbox = Outbox::default();
        assert_eq!(outbox.push(Worth::Kept, message('a'), 5), Pushed::default());
        assert_eq!(
            outbox.push(Worth::Kept, message('b'), 5),
            Pushed {
                offers_dropped: 0,
                dropped: true
            }
        );
    }
}
