//! Turns of what is asked of one worker often, so that what is asked seldom does not wait for all of it.
//!
//! A worker polls its tasks in the order in which they were woken, and looks at its sockets in between. Whatever takes a turn here
//! waits for such a look first, a few at a time: what has come for others meanwhile is served before the next few.

use tokio::sync::Semaphore;
use tokio::task::yield_now;

/// The turns of one kind of work of one worker, those that came first before others.
#[derive(Debug)]
pub(crate) struct Turns(Semaphore);

impl Turns {
    /// So many between two looks at the sockets.
    pub(crate) fn new(between_looks: usize) -> Self {
        Self(Semaphore::new(between_looks))
    }

    /// Completes when it is the turn of whoever waits.
    pub(crate) async fn next(&self) {
        // It is never closed.
        let _turn = self.0.acquire().await;
        // Goes on after the next look at the sockets.
        yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use tokio::task::{spawn_local, yield_now};

    use super::*;

    #[tokio::test(flavor = "local")]
    async fn a_few_have_their_turn_between_two_looks_and_nobody_waits_for_later_ones() {
        const FEW: usize = 3;
        let turns = Rc::new(Turns::new(FEW));
        let had = Rc::<RefCell<Vec<usize>>>::default();
        for number in 0..30 {
            let (turns, had) = (Rc::clone(&turns), Rc::clone(&had));
            spawn_local(async move {
                turns.next().await;
                had.borrow_mut().push(number);
            });
        }
        let (mut looks, mut before) = (0, 0);
        while before < 30 {
            assert!(looks < 100);
            yield_now().await;
            let now = had.borrow().len();
            assert!(now - before <= FEW);
            (looks, before) = (looks + 1, now);
        }
        assert!((10..=12).contains(&looks), "{looks}");
        for (at, number) in had.borrow().iter().enumerate() {
            assert_eq!(at / FEW, number / FEW);
        }
    }
}
