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
pub(super) struct Handshakes {
    max: usize,
    /// How long a handshake cannot be displaced.
    grace: Duration,
    queue: RefCell<Queue>,
    ended: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    /// Ended handshakes leave an empty slot until it is the first.
    places: VecDeque<Option<UnderWay>>,
    /// Number of the first slot.
    first: u64,
    /// Slots that are not empty.
    under_way: usize,
}

#[derive(Debug)]
struct UnderWay {
    began: Instant,
    task: AbortHandle,
}

impl Handshakes {
    pub(super) fn new(max: usize, grace: Duration) -> Rc<Self> {
        Rc::new(Self {
            max,
            grace,
            queue: RefCell::default(),
            ended: Notify::new(),
        })
    }

    /// Waits for a free slot; returns true if an old handshake was ended for it.
    pub(super) async fn room(&self) -> bool {
        loop {
            let ended = self.ended.notified();
            let Some(safe_until) = self.full_until() else {
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
    fn full_until(&self) -> Option<Instant> {
        let queue = self.queue.borrow();
        let oldest = queue.places.front()?.as_ref()?;
        (queue.under_way >= self.max).then(|| oldest.began + self.grace)
    }

    /// Starts a handshake as the task that `start` spawns. It ends when the [`Handshake`] passed to `start` is dropped.
    pub(super) fn begin(self: &Rc<Self>, start: impl FnOnce(Handshake) -> AbortHandle) {
        let number = self.queue.borrow().next();
        let handshake = Handshake {
            of: Rc::clone(self),
            number,
        };
        // The task runs later, so its slot exists before it ends.
        let task = start(handshake);
        let started = Instant::now();
        let queue = &mut *self.queue.borrow_mut();
        queue.places.push_back(Some(UnderWay {
            began: started,
            task,
        }));
        queue.under_way += 1;
    }
}

impl Queue {
    fn next(&self) -> u64 {
        self.first + self.places.len() as u64
    }

    fn end_oldest(&mut self) {
        if let Some(oldest) = self.remove(self.first) {
            oldest.task.abort();
        }
    }

    fn remove(&mut self, number: u64) -> Option<UnderWay> {
        let slot = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let removed = self.places.get_mut(slot)?.take()?;
        self.under_way -= 1;
        while let Some(None) = self.places.front() {
            self.places.pop_front();
            self.first += 1;
        }
        Some(removed)
    }
}

/// One handshake, which ends when dropped.
#[derive(Debug)]
pub(super) struct Handshake {
    of: Rc<Handshakes>,
    number: u64,
}

impl Drop for Handshake {
    fn drop(&mut self) {
        if self.of.queue.borrow_mut().remove(self.number).is_some() {
            self.of.ended.notify_waiters();
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
    fn begin(handshakes: &Rc<Handshakes>) -> (oneshot::Sender<()>, JoinHandle<()>) {
        let (end, ended) = oneshot::channel();
        let mut task = None;
        handshakes.begin(|handshake| {
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

    async fn room_at_once(handshakes: &Handshakes) -> Option<bool> {
        timeout(Duration::ZERO, handshakes.room()).await.ok()
    }

    #[tokio::test(flavor = "local", start_paused = true)]
    async fn young_ones_make_others_wait_until_one_ends() {
        let handshakes = Handshakes::new(2, GRACE);
        let first = begin(&handshakes);
        let second = begin(&handshakes);
        assert_eq!(room_at_once(&handshakes).await, None);
        second.0.send(()).expect("it waits");
        assert!(!handshakes.room().await);
        assert!(!first.1.is_finished());
        let third = begin(&handshakes);
        assert_eq!(room_at_once(&handshakes).await, None);
        drop((first, third));
    }

    #[tokio::test(flavor = "local", start_paused = true)]
    async fn the_oldest_gives_way_when_it_has_had_its_time() {
        let handshakes = Handshakes::new(2, GRACE);
        let (_end, oldest) = begin(&handshakes);
        tokio::time::advance(GRACE / 2).await;
        let (_end, younger) = begin(&handshakes);
        let since = Instant::now();
        assert!(handshakes.room().await);
        assert!(since.elapsed() <= GRACE / 2 + Duration::from_millis(2));
        assert!(oldest.await.expect_err("ended").is_cancelled());
        assert!(!younger.is_finished());
        // Its end is counted once.
        let third = begin(&handshakes);
        assert_eq!(room_at_once(&handshakes).await, None);
        drop(third);
    }

    #[tokio::test(flavor = "local", start_paused = true)]
    async fn nothing_is_kept_of_those_that_have_ended() {
        let handshakes = Handshakes::new(1000, GRACE);
        let mut running: Vec<_> = (0..1000).map(|_| begin(&handshakes)).collect();
        // Ends them from the middle outwards.
        while !running.is_empty() {
            let (end, task) = running.swap_remove(running.len() / 2);
            end.send(()).expect("it waits");
            task.await.expect("no panic");
        }
        let queue = handshakes.queue.borrow();
        assert_eq!(
            (queue.places.len(), queue.under_way, queue.first),
            (0, 0, 1000)
        );
    }
}
