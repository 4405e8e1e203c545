//! Queues what waits to be sent to one node.
//!
//! The directory's entries are never dropped: [`Outbox::has_control_space`] tells their source to wait, and a source sends
//! the latest state of a swarm however often it changed. Offers, answers and peer lists have a bound in bytes. When it is
//! reached, the oldest offers are dropped first, since clients soon discard unanswered ones, and answers last.

use std::collections::VecDeque;
use std::time::Duration;

use super::replay_window::batch_number;
use super::wire::{BATCH_HEADER_BYTES, Class, Entry, MESSAGE_BYTES_MAX};

/// Bytes at which a batch is full.
const BATCH_BYTES: usize = 24 * 1024;

/// How long an entry waits for others before its batch leaves.
pub const FLUSH_AFTER: Duration = Duration::from_millis(2);

/// Most queued bytes of offers, answers and lists for one node.
pub(super) const SIGNALLING_BYTES_MAX: usize = 1 << 20;

/// Queued bytes of the directory for one node, at which its sources wait.
pub(super) const CONTROL_BYTES_MAX: usize = 256 * 1024;

/// Room for a signature.
const SIGNATURE_SPACE: usize = 64;

/// Most bytes of one entry.
pub(super) const ENTRY_BYTES_MAX: usize = MESSAGE_BYTES_MAX - BATCH_HEADER_BYTES - SIGNATURE_SPACE;

/// What is dropped when there is no space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Priority {
    /// Dropped last.
    Answer,
    /// Dropped first.
    Offer,
}

/// The entries that were dropped to make space.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Dropped {
    pub(super) offers: u64,
    pub(super) answers: u64,
}

/// The output queue of one node.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    control: Queue,
    answers: Queue,
    offers: Queue,
    /// The number of the last batch, by class.
    sent: [u64; 2],
    /// That of control batches when the last heartbeat was written.
    control_sent_before: u64,
}

impl Outbox {
    /// Numbers batches from 1 again, in a new generation.
    pub(super) const fn restart(&mut self, generation: u32) {
        self.control_sent_before = batch_number(generation, 0);
        self.sent = [self.control_sent_before; 2];
    }

    /// Returns whether sources of control entries may add more.
    pub(super) const fn has_control_space(&self) -> bool {
        self.control.bytes < CONTROL_BYTES_MAX
    }

    /// Returns whether more than half of the space for offers and answers is in use.
    pub(super) const fn is_half_full(&self) -> bool {
        self.answers.bytes + self.offers.bytes > SIGNALLING_BYTES_MAX / 2
    }

    /// Returns the used part of the space for offers and answers, in percent.
    pub(super) fn percent(&self) -> u32 {
        let used = self.answers.bytes + self.offers.bytes;
        u32::try_from(used * 100 / SIGNALLING_BYTES_MAX).unwrap_or(100)
    }

    pub(super) fn push_control(&mut self, entry: &Entry<'_>, now: Duration) {
        self.control.push(entry, now);
    }

    /// Queues an entry, and returns what was dropped for it, or that it was dropped itself.
    pub(super) fn push(&mut self, entry: &Entry<'_>, priority: Priority, now: Duration) -> Dropped {
        let mut dropped = Dropped::default();
        let queue = match priority {
            Priority::Answer => &mut self.answers,
            Priority::Offer => &mut self.offers,
        };
        queue.push(entry, now);
        while self.answers.bytes + self.offers.bytes > SIGNALLING_BYTES_MAX {
            if let Some(chunk) = self.offers.pop() {
                dropped.offers += chunk.entries;
            } else if let Some(chunk) = self.answers.pop() {
                dropped.answers += chunk.entries;
            } else {
                break;
            }
        }
        dropped
    }

    /// Returns when the next batch leaves; `None` if nothing is queued.
    pub(super) fn due_at(&self) -> Option<Duration> {
        let queues = [&self.control, &self.answers, &self.offers];
        queues.into_iter().filter_map(Queue::due_at).min()
    }

    /// Removes the entries of the next batch that leaves now. Returns its class, its number and the entries.
    pub(super) fn take(&mut self, now: Duration) -> Option<(Class, u64, Vec<u8>)> {
        let is_due = |queue: &Queue| queue.due_at().is_some_and(|due| due <= now);
        let [control, signalling] = &mut self.sent;
        let (class, sent, chunk) = if is_due(&self.control) {
            (Class::Control, control, self.control.pop()?)
        } else if is_due(&self.answers) {
            (Class::Signalling, signalling, self.answers.pop()?)
        } else if is_due(&self.offers) {
            (Class::Signalling, signalling, self.offers.pop()?)
        } else {
            return None;
        };
        *sent += 1;
        Some((class, *sent, chunk.bytes))
    }

    /// Returns the number of the last control batch before the previous call. Called for each heartbeat.
    pub(super) const fn control_sent_before(&mut self) -> u64 {
        let before = self.control_sent_before;
        let [control, _] = self.sent;
        self.control_sent_before = control;
        before
    }
}

/// Entries in order, in chunks that become batches.
#[derive(Debug, Default)]
struct Queue {
    chunks: VecDeque<Chunk>,
    bytes: usize,
}

#[derive(Debug)]
struct Chunk {
    bytes: Vec<u8>,
    entries: u64,
    since: Duration,
}

impl Queue {
    fn push(&mut self, entry: &Entry<'_>, now: Duration) {
        let is_full = |chunk: &Chunk| chunk.bytes.len() >= BATCH_BYTES;
        if self.chunks.back().is_none_or(is_full) {
            self.chunks.push_back(Chunk {
                bytes: Vec::new(),
                entries: 0,
                since: now,
            });
        }
        let Some(chunk) = self.chunks.back_mut() else {
            return;
        };
        let before = chunk.bytes.len();
        entry.write(&mut chunk.bytes);
        chunk.entries += 1;
        self.bytes += chunk.bytes.len() - before;
    }

    fn pop(&mut self) -> Option<Chunk> {
        let chunk = self.chunks.pop_front()?;
        self.bytes -= chunk.bytes.len();
        Some(chunk)
    }

    fn due_at(&self) -> Option<Duration> {
        let first = self.chunks.front()?;
        if first.bytes.len() >= BATCH_BYTES {
            return Some(first.since);
        }
        Some(first.since + FLUSH_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Slot;
    use crate::protocol::{ConnectionId, InfoHash, OfferId, PeerId};

    const NOW: Duration = Duration::from_secs(1);

    fn answer(sdp: &[u8]) -> Entry<'_> {
        Entry::Answer {
            info_hash: InfoHash::new([1; 20]),
            connection: ConnectionId::from_bits(1),
            to: PeerId::new([1; 20]),
            from: PeerId::new([2; 20]),
            offer_id: OfferId::new([3; 20]),
            sdp,
        }
    }

    #[test]
    fn offers_are_dropped_before_answers_and_the_directory_never() {
        let (mut outbox, sdp) = (Outbox::default(), vec![b'x'; 10_000]);
        outbox.push_control(&Entry::Sync { slot: Slot(1) }, NOW);
        let mut dropped = Dropped::default();
        let mut push = |priority| {
            let lost = outbox.push(&answer(&sdp), priority, NOW);
            dropped.offers += lost.offers;
            dropped.answers += lost.answers;
            (outbox.is_half_full(), dropped)
        };
        let (halves, _): (Vec<_>, Vec<_>) = (0..50).map(|_| push(Priority::Answer)).unzip();
        assert_eq!((halves[0], halves[49]), (false, false));
        let all: Vec<_> = (0..60).map(|_| push(Priority::Offer)).collect();
        assert!(all[59].0 && all[59].1.offers > 0 && all[59].1.answers == 0);
        let all: Vec<_> = (0..60).map(|_| push(Priority::Answer)).collect();
        assert!(all[59].1.offers == 60 && all[59].1.answers > 0);
        assert!(outbox.answers.bytes + outbox.offers.bytes <= SIGNALLING_BYTES_MAX);
        assert!(outbox.percent() > 90 && outbox.control.bytes > 0);
    }

    #[test]
    fn sources_of_the_directory_wait_for_space() {
        let mut outbox = Outbox::default();
        while outbox.has_control_space() {
            outbox.push_control(&answer(&[b'x'; 1000]), NOW);
        }
        assert!(outbox.control.bytes < CONTROL_BYTES_MAX + 2000);
        outbox.take(NOW).expect("a full batch");
        assert!(outbox.has_control_space());
    }

    #[test]
    fn a_batch_leaves_when_it_is_full_or_two_milliseconds_old() {
        let mut outbox = Outbox::default();
        outbox.restart(5);
        outbox.push(&answer(b"x"), Priority::Answer, NOW);
        outbox.push_control(&Entry::Check, NOW + FLUSH_AFTER / 2);
        assert_eq!(outbox.due_at(), Some(NOW + FLUSH_AFTER));
        assert!(outbox.take(NOW).is_none());
        let (class, number, _) = outbox.take(NOW + FLUSH_AFTER).expect("a batch");
        assert_eq!((class, number), (Class::Signalling, batch_number(5, 1)));
        assert!(outbox.take(NOW + FLUSH_AFTER).is_none());

        outbox.push(&answer(&vec![b'x'; BATCH_BYTES]), Priority::Answer, NOW);
        outbox.push(&answer(b"x"), Priority::Answer, NOW);
        assert_eq!(outbox.due_at(), Some(NOW));
        let (_, number, full) = outbox.take(NOW).expect("a full batch");
        assert_eq!(number, batch_number(5, 2));
        assert!(full.len() > BATCH_BYTES && outbox.take(NOW).is_none());
        assert!(full.len() + BATCH_HEADER_BYTES < MESSAGE_BYTES_MAX);
    }
}
