//! Limits how many tasks of one kind a worker resumes per event loop iteration.
//!
//! A worker polls woken tasks in FIFO order and polls its sockets in between. Without this limit, a message that
//! arrives for an idle connection waits until every busy connection was polled once. Used by HTTP requests and by
//! connections over their rate limits.

use tokio::sync::Semaphore;
use tokio::task::yield_now;

/// A FIFO queue of tasks; each event loop iteration resumes a fixed number of them.
///
/// Its length is bounded by the number of connections: each waits at most once.
#[derive(Debug)]
pub(crate) struct IterationQueue(Semaphore);

impl IterationQueue {
    /// Creates a queue that resumes `per_iteration` tasks per iteration.
    pub(crate) fn new(per_iteration: usize) -> Self {
        Self(Semaphore::new(per_iteration))
    }

    /// Waits for the caller's place in the queue, then for the next iteration.
    ///
    /// The future occupies a place until it completes or is dropped: poll it whenever its task wakes, or drop it. If
    /// something else wakes the task during the last iteration, it completes early.
    pub(crate) async fn wait(&self) {
        // The semaphore is never closed.
        let _permit = self.0.acquire().await;
        // The runtime resumes yielded tasks after it has polled the sockets.
        yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use tokio::task::spawn_local;

    use super::*;

    #[tokio::test(flavor = "local")]
    async fn tasks_resume_in_order_a_few_per_iteration() {
        const PER_ITERATION: usize = 3;
        const TASKS: usize = 30;
        let queue = Rc::new(IterationQueue::new(PER_ITERATION));
        let resumed = Rc::<RefCell<Vec<usize>>>::default();
        for number in 0..TASKS {
            let (queue, resumed) = (Rc::clone(&queue), Rc::clone(&resumed));
            spawn_local(async move {
                queue.wait().await;
                resumed.borrow_mut().push(number);
            });
        }
        let (mut iterations, mut before) = (0, 0);
        while before < TASKS {
            assert!(iterations < 100);
            yield_now().await;
            let now = resumed.borrow().len();
            assert!(now - before <= PER_ITERATION);
            (iterations, before) = (iterations + 1, now);
        }
        assert!((10..=12).contains(&iterations), "{iterations}");
        for (position, number) in resumed.borrow().iter().enumerate() {
            assert_eq!(position / PER_ITERATION, number / PER_ITERATION);
        }
    }
}
