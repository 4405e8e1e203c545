//! Passes messages between workers: one queue per worker, and one wake-up for a whole batch.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures::task::AtomicWaker;
use parking_lot::Mutex;

use super::Priority;
use super::worker_query::{WORKER_QUERIES_MAX, WorkerQuery};
use crate::config::Config;
use crate::node::Telemetry;
use crate::protocol::ConnectionId;
use crate::swarm::ExpiredMembership;

/// Largest frame buffer that is reused for the next batch. Each mailbox has two.
const RETAINED_BYTES_MAX: usize = 256 * 1024;

/// The messages that wait for one worker.
#[derive(Debug, Default)]
pub struct MailBatch {
    envelopes: Vec<Envelope>,
    /// The frames of all `envelopes`, concatenated.
    frames: Vec<u8>,
    /// Memberships that expired in their swarms.
    pub expired: Vec<ExpiredMembership>,
    /// Queries of other threads.
    pub(super) queries: Vec<WorkerQuery>,
}

#[derive(Debug)]
struct Envelope {
    to: ConnectionId,
    priority: Priority,
    /// The end of its frame in `frames`.
    end: usize,
}

impl MailBatch {
    fn is_empty(&self) -> bool {
        self.envelopes.is_empty() && self.expired.is_empty() && self.queries.is_empty()
    }

    /// Returns the frames, oldest first: receiver, priority when its outbox is full, and bytes.
    pub fn envelopes(&self) -> impl Iterator<Item = (ConnectionId, Priority, &[u8])> {
        let mut start = 0;
        self.envelopes.iter().map(move |envelope| {
            let frame = self.frames.get(start..envelope.end).unwrap_or_default();
            start = envelope.end;
            (envelope.to, envelope.priority, frame)
        })
    }

    /// Clears it. Keeps its buffers for reuse unless a burst has made them large.
    pub fn clear(&mut self) {
        let expired_bytes = size_of::<ExpiredMembership>() * self.expired.capacity();
        if self.frames.capacity().max(expired_bytes) > RETAINED_BYTES_MAX {
            *self = Self::default();
        }
        self.envelopes.clear();
        self.frames.clear();
        self.expired.clear();
        self.queries.clear();
    }
}

/// The queue of one worker. Bounded by `connection.inbox_bytes_max`; a message beyond that is dropped.
#[derive(Debug)]
pub struct Mailbox {
    batch: Mutex<MailBatch>,
    waker: AtomicWaker,
    bytes_max: usize,
}

impl Mailbox {
    /// Creates an empty mailbox.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self {
            batch: Mutex::default(),
            waker: AtomicWaker::new(),
            bytes_max,
        }
    }

    /// Queues the frame that `write` appends, of about `size` bytes. Returns false if there is no room.
    pub fn push(
        &self,
        to: ConnectionId,
        priority: Priority,
        size: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        self.update(|mail| {
            if mail.frames.len() + size > self.bytes_max {
                return false;
            }
            write(&mut mail.frames);
            let end = mail.frames.len();
            mail.envelopes.push(Envelope { to, priority, end });
            true
        })
    }

    /// Queues an expired membership. It is never dropped: there are at most as many as memberships.
    pub fn push_expired(&self, expired: ExpiredMembership) {
        self.update(|mail| mail.expired.push(expired));
    }

    /// Queues a query. Returns false if [`WORKER_QUERIES_MAX`] wait already.
    pub(super) fn push_query(&self, query: WorkerQuery) -> bool {
        self.update(|mail| {
            let has_room = mail.queries.len() < WORKER_QUERIES_MAX;
            if has_room {
                mail.queries.push(query);
            }
            has_room
        })
    }

    fn update<R>(&self, act: impl FnOnce(&mut MailBatch) -> R) -> R {
        let (result, is_first) = {
            let mut mail = self.batch.lock();
            let was_empty = mail.is_empty();
            (act(&mut mail), was_empty && !mail.is_empty())
        };
        if is_first {
            self.waker.wake();
        }
        result
    }

    /// Takes the whole batch, and leaves the empty buffers of `into` in its place.
    pub fn poll_take(&self, cx: &Context<'_>, into: &mut MailBatch) -> Poll<()> {
        // Register the waker before the swap, so that a later message wakes this task.
        self.waker.register(cx.waker());
        std::mem::swap(&mut *self.batch.lock(), into);
        if into.is_empty() {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }
}

/// The mailboxes of all workers, indexed by worker number.
#[derive(Debug)]
pub struct Mailboxes {
    mailboxes: Box<[Mailbox]>,
    pub(super) telemetry: Arc<Telemetry>,
}

impl Mailboxes {
    /// Creates an empty mailbox for each worker.
    #[must_use]
    pub fn new(config: &Config, workers: usize, telemetry: &Arc<Telemetry>) -> Arc<Self> {
        let bytes_max = config.connection.inbox_bytes_max;
        Arc::new(Self {
            mailboxes: (0..workers).map(|_| Mailbox::new(bytes_max)).collect(),
            telemetry: Arc::clone(telemetry),
        })
    }

    /// Returns the mailbox of a worker.
    #[must_use]
    pub fn of_worker(&self, worker: u8) -> Option<&Mailbox> {
        self.mailboxes.get(usize::from(worker))
    }

    /// Returns the number of workers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.mailboxes.len()
    }

    /// Returns whether there is no worker.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.mailboxes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    use super::*;

    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_batch_wakes_once_and_excess_messages_are_dropped() {
        let wakes = Arc::new(Wakes(AtomicUsize::new(0)));
        let handle = Waker::from(Arc::clone(&wakes));
        let (cx, mailbox, mut taken) = (
            Context::from_waker(&handle),
            Mailbox::new(2),
            MailBatch::default(),
        );
        let to = ConnectionId::new(0, 0, 0);
        assert!(mailbox.poll_take(&cx, &mut taken).is_pending());
        let pushed = [b'a', b'b', b'c']
            .map(|byte| mailbox.push(to, Priority::Droppable, 1, |frames| frames.push(byte)));
        assert_eq!(pushed, [true, true, false]);
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
        assert!(mailbox.poll_take(&cx, &mut taken).is_ready());
        let envelopes: Vec<_> = taken.envelopes().collect();
        assert_eq!(
            envelopes,
            [
                (to, Priority::Droppable, &b"a"[..]),
                (to, Priority::Droppable, b"b")
            ]
        );
        taken.clear();
        assert!(mailbox.poll_take(&cx, &mut taken).is_pending());
    }

    #[test]
    fn large_buffers_are_freed_after_a_burst() {
        let mut mail = MailBatch::default();
        for (bytes, is_kept) in [
            (RETAINED_BYTES_MAX / 2, true),
            (RETAINED_BYTES_MAX * 2, false),
        ] {
            mail.frames = Vec::with_capacity(bytes);
            mail.clear();
            assert_eq!(mail.frames.capacity() > 0, is_kept);
            mail.expired = Vec::with_capacity(bytes / size_of::<ExpiredMembership>());
            mail.clear();
            assert_eq!(mail.expired.capacity() > 0, is_kept);
        }
    }
}
