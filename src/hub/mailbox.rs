//! How workers hand each other messages: one queue per worker, and one wake-up for all that has gathered in it.

use std::task::{Context, Poll};

use futures::task::AtomicWaker;
use parking_lot::Mutex;

use super::Worth;
use crate::protocol::ConnectionId;
use crate::swarm::Expired;

/// Something for a connection of another worker.
#[derive(Debug)]
pub enum Mail {
    /// An encoded message to be sent.
    Message {
        /// Who gets it.
        to: ConnectionId,
        /// What it is worth when its outbox is full.
        worth: Worth,
        /// The message.
        text: String,
    },
    /// A membership has expired in the swarm.
    Expired(Expired),
}

/// The queue of one worker. Bounded by `connection.inbox_bytes_max`; a message beyond that is dropped.
#[derive(Debug)]
pub struct Mailbox {
    queue: Mutex<Queue>,
    waker: AtomicWaker,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Queue {
    mail: Vec<Mail>,
    /// Invariant: the sum of the lengths of the messages in `mail`.
    bytes: usize,
}

impl Mailbox {
    /// An empty one.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self {
            queue: Mutex::default(),
            waker: AtomicWaker::new(),
            bytes_max,
        }
    }

    /// Puts something in; false if it was dropped. Notes of expired memberships are never dropped: there are no more
    /// of them than memberships.
    pub fn push(&self, mail: Mail) -> bool {
        let was_empty = {
            let mut queue = self.queue.lock();
            if let Mail::Message { text, .. } = &mail {
                if queue.bytes + text.len() > self.bytes_max {
                    return false;
                }
                queue.bytes += text.len();
            }
            queue.mail.push(mail);
            queue.mail.len() == 1
        };
        if was_empty {
            self.waker.wake();
        }
        true
    }

    /// Takes all there is, in order, leaving the (empty) room of `into` behind for what comes next.
    pub fn poll_take(&self, cx: &Context<'_>, into: &mut Vec<Mail>) -> Poll<()> {
        // First the waker, then the look: what is put in between wakes.
        self.waker.register(cx.waker());
        {
            let mut queue = self.queue.lock();
            std::mem::swap(&mut queue.mail, into);
            queue.bytes = 0;
        }
        if into.is_empty() {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    use super::*;

    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn mail(text: &str) -> Mail {
        Mail::Message {
            to: ConnectionId::new(0, 0, 0),
            worth: Worth::Offer,
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_full_queue_wakes_once_and_drops_what_is_too_much() {
        let wakes = Arc::new(Wakes(AtomicUsize::new(0)));
        let handle = Waker::from(Arc::clone(&wakes));
        let (cx, mailbox, mut taken) = (Context::from_waker(&handle), Mailbox::new(2), Vec::new());
        assert!(mailbox.poll_take(&cx, &mut taken).is_pending());
        assert_eq!(
            [
                mailbox.push(mail("a")),
                mailbox.push(mail("b")),
                mailbox.push(mail("c"))
            ],
            [true, true, false]
        );
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
        assert!(mailbox.poll_take(&cx, &mut taken).is_ready());
        assert_eq!(taken.len(), 2);
    }
}
