//! Limits the connections of one worker that have not sent a whole request yet, and selects the one to end.
//!
//! At the limit, accepting waits until a handshake ends. A handshake older than one second is ended for the next
//! connection. Ending the oldest at once would end honest clients in a reconnect storm, where more connections arrive
//! within one round trip than there are slots. Only waiting would let a few hundred silent connections a second block
//! all others.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::{AbortHandle, yield_now};
use tokio::time::{Instant, sleep_until};

/// The handshakes in progress, oldest first.
#[derive(Debug)]
pub(super) struct HandshakeSlots {
    max: usize,
    /// How long a handshake cannot be displaced.
    grace: Duration,
    queue: RefCell<HandshakeQueue>,
    ended: Notify,
}

#[derive(Debug, Default)]
struct HandshakeQueue {
    /// Ended handshakes leave an empty slot until it is the first.
    slots: VecDeque<Option<ActiveHandshake>>,
    /// Number of the first slot.
    first_number: u64,
    /// Slots that are not empty.
    active: usize,
}

#[derive(Debug)]
struct ActiveHandshake {
    started: Instant,
    task: AbortHandle,
}

impl HandshakeSlots {
    pub(super) fn new(max: usize, grace: Duration) -> Rc<Self> {
        Rc::new(Self {
            max,
            grace,
            queue: RefCell::default(),
            ended: Notify::new(),
        })
    }

    /// Waits for a free slot; returns true if an old handshake was ended for it.
    pub(super) async fn wait_for_slot(&self) -> bool {
        loop {
            let ended = self.ended.notified();
            let Some(safe_until) = self.blocked_until() else {
                return false;
            };
            if Instant::now() >= safe_until {
                self.queue.borrow_mut().end_oldest();
                // Its descriptor is closed when the runtime polls the aborted task.
                yield_now().await;
                return true;
            }
            tokio::select! {
                () = ended => {}
                () = sleep_until(safe_until) => {}
            }
        }
    }

    /// Returns the end of the oldest handshake's grace period if there is no free slot.
    fn blocked_until(&self) -> Option<Instant> {
        let queue = self.queue.borrow();
        let oldest = queue.slots.front()?.as_ref()?;
        (queue.active >= self.max).then(|| oldest.started + self.grace)
    }

    /// Starts a handshake as the task that `start` spawns. It ends when the [`HandshakeGuard`] passed to `start` is dropped.
    pub(super) fn start(self: &Rc<Self>, start: impl FnOnce(HandshakeGuard) -> AbortHandle) {
        let number = self.queue.borrow().next_number();
        let handshake = HandshakeGuard {
            slots: Rc::clone(self),
            number,
        };
        // The task runs later, so its slot exists before it ends.
        let task = start(handshake);
        let started = Instant::now();
        let queue = &mut *self.queue.borrow_mut();
        queue
            .slots
            .push_back(Some(ActiveHandshake { started, task }));
        queue.active += 1;
    }
}

impl HandshakeQueue {
    fn next_number(&self) -> u64 {
        self.first_number + self.slots.len() as u64
    }

    fn end_oldest(&mut self) {
        if let Some(oldest) = self.remove(self.first_number) {
            oldest.task.abort();
        }
    }

    fn remove(&mut self, number: u64) -> Option<ActiveHandshake> {
        let slot = usize::try_from(number.checked_sub(self.first_number)?).ok()?;
        let removed = self.slots.get_mut(slot)?.take()?;
        self.active -= 1;
        while let Some(None) = self.slots.front() {
            self.slots.pop_front();
            self.first_number += 1;
        }
        Some(removed)
    }
}

/// One handshake, which ends when dropped.
#[derive(Debug)]
pub(super) struct HandshakeGuard {
    slots: Rc<HandshakeSlots>,
    number: u64,
}

impl Drop for HandshakeGuard {
    fn drop(&mut self) {
        if self.slots.queue.borrow_mut().remove(self.number).is_some() {
            self.slots.ended.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;
    use tokio::task::{JoinHandle, spawn_local};
    use tokio::time::timeout;

    use super::*;

    const GRACE: Duration = Duration::from_secs(1);

    /// Starts a handshake that lasts until it is signalled or aborted.
    fn start_handshake(slots: &Rc<HandshakeSlots>) -> (oneshot::Sender<()>, JoinHandle<()>) {
        let (end, ended) = oneshot::channel();
        let mut task = None;
        slots.start(|handshake| {
            let spawned = spawn_local(async move {
                let _handshake = handshake;
                let _ = ended.await;
            });
            let abort = spawned.abort_handle();
            task = Some(spawned);
            abort
        });
        (end, task.expect("begun"))
    }

    async fn try_wait_for_slot(slots: &HandshakeSlots) -> Option<bool> {
        timeout(Duration::ZERO, slots.wait_for_slot()).await.ok()
    }

    #[tokio::test(flavor = "local", start_paused = true)]
    async fn new_connections_wait_while_all_handshakes_are_young() {
        let slots = HandshakeSlots::new(2, GRACE);
        let first = start_handshake(&slots);
        let second = start_handshake(&slots);
        assert_eq!(try_wait_for_slot(&slots).await, None);
        second.0.send(()).expect("it waits");
        assert!(!slots.wait_for_slot().await);
        assert!(!first.1.is_finished());
        let third = start_handshake(&slots);
        assert_eq!(try_wait_for_slot(&slots).await, None);
        drop((first, third));
    }

    #[tokio::test(flavor = "local", start_paused = true)]
    async fn the_oldest_handshake_is_ended_after_its_grace_period() {
        let slots = HandshakeSlots::new(2, GRACE);
        let (_end, oldest) = start_handshake(&slots);
        tokio::time::advance(GRACE / 2).await;
        let (_end, younger) = start_handshake(&slots);
        let since = Instant::now();
        assert!(slots.wait_for_slot().await);
        assert!(since.elapsed() <= GRACE / 2 + Duration::from_millis(2));
        assert!(oldest.await.expect_err("ended").is_cancelled());
        assert!(!younger.is_finished());
        // Its end is counted once.
        let third = start_handshake(&slots);
        assert_eq!(try_wait_for_slot(&slots).await, None);
        drop(third);
    }

    #[tokio::test(flavor = "local", start_paused = true)]
    async fn ended_handshakes_leave_no_slots() {
        let slots = HandshakeSlots::new(1000, GRACE);
        let mut running: Vec<_> = (0..1000).map(|_| start_handshake(&slots)).collect();
        // Ends them from the middle outwards.
        while !running.is_empty() {
            let (end, task) = running.swap_remove(running.len() / 2);
            end.send(()).expect("it waits");
            task.await.expect("no panic");
        }
        let queue = slots.queue.borrow();
        assert_eq!(
            (queue.slots.len(), queue.active, queue.first_number),
            (0, 0, 1000)
        );
    }
}
