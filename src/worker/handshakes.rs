//! The connections of one worker that have not sent a whole request yet: how many there may be, and which one gives way.
//!
//! When there are too many, accepting waits until one ends, and a handshake that has had a second is ended for the next
//! one. Ending the oldest at once would end honest ones in a storm of reconnects, where many more come within one round
//! trip than there is room for; only waiting would let a few hundred silent connections a second keep everybody out.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::{AbortHandle, yield_now};
use tokio::time::{Instant, sleep_until};

/// Handshakes under way, the oldest first.
#[derive(Debug)]
pub(super) struct Handshakes {
    max: usize,
    /// How long one is safe from newer ones.
    grace: Duration,
    queue: RefCell<Queue>,
    ended: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    /// Those that have ended leave their place empty until it is the first.
    places: VecDeque<Option<UnderWay>>,
    /// The number of the first place.
    first: u64,
    /// Places that are not empty.
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

    /// Waits until there is room for one more; true if an old one was ended for it.
    pub(super) async fn room(&self) -> bool {
        loop {
            let ended = self.ended.notified();
            let Some(safe_until) = self.full_until() else {
                return false;
            };
            if Instant::now() >= safe_until {
                self.queue.borrow_mut().end_oldest();
                // Its descriptor is closed when the runtime comes by there.
                yield_now().await;
                return true;
            }
            tokio::select! {
                () = ended => {}
                () = sleep_until(safe_until) => {}
            }
        }
    }

    /// Until when the oldest is safe, if there is no room.
    fn full_until(&self) -> Option<Instant> {
        let queue = self.queue.borrow();
        let oldest = queue.places.front()?.as_ref()?;
        (queue.under_way >= self.max).then(|| oldest.began + self.grace)
    }

    /// Begins one, which `start` makes a task of. It ends when what `start` is given is dropped.
    pub(super) fn begin(self: &Rc<Self>, start: impl FnOnce(Handshake) -> AbortHandle) {
        let number = self.queue.borrow().next();
        let handshake = Handshake {
            of: Rc::clone(self),
            number,
        };
        // The task runs later, so its place is there when it ends.
        let task = start(handshake);
        let began = Instant::now();
        let queue = &mut *self.queue.borrow_mut();
        queue.places.push_back(Some(UnderWay { began, task }));
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
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let removed = self.places.get_mut(place)?.take()?;
        self.under_way -= 1;
        while let Some(None) = self.places.front() {
            self.places.pop_front();
            self.first += 1;
        }
        Some(removed)
    }
}

/// One handshake; over when dropped.
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

    /// A handshake that lasts until it is told to end, or is ended.
    fn begin(handshakes: &Rc<Handshakes>) -> (oneshot::Sender<()>, JoinHandle<()>) {
        let (end, told) = oneshot::channel();
        let mut task = None;
        handshakes.begin(|handshake| {
            let spawned = spawn_local(async move {
                let _handshake = handshake;
                let _ = told.await;
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
        // Its end was counted once.
        let third = begin(&handshakes);
        assert_eq!(room_at_once(&handshakes).await, None);
        drop(third);
    }

    #[tokio::test(flavor = "local", start_paused = true)]
    async fn nothing_is_kept_of_those_that_have_ended() {
        let handshakes = Handshakes::new(1000, GRACE);
        let mut begun: Vec<_> = (0..1000).map(|_| begin(&handshakes)).collect();
        // From the middle outwards.
        while !begun.is_empty() {
            let (end, task) = begun.swap_remove(begun.len() / 2);
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
