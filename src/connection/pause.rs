//! Pauses in reading from a client that is over its limits.

use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::context::WorkerContext;

/// A pause in reading: the time, then the wait in the resume queue.
pub(super) struct Pause {
    pub(super) end: Instant,
    resumed: Pin<Box<dyn Future<Output = ()>>>,
}

impl Pause {
    pub(super) fn new(time: Duration, context: &Rc<WorkerContext>) -> Self {
        let (end, context) = (Instant::now() + time, Rc::clone(context));
        let over = async move {
            sleep_until(end).await;
            context.resume_queue.wait().await;
        };
        Self {
            end,
            resumed: Box::pin(over),
        }
    }
}

/// Returns whether reading is paused. Ends a pause that is over; else its end wakes the task.
pub(super) fn is_paused(pause: &mut Option<Box<Pause>>, cx: &mut Context<'_>) -> bool {
    let paused = pause
        .as_mut()
        .is_some_and(|pause| pause.resumed.as_mut().poll(cx).is_pending());
    if !paused {
        *pause = None;
    }
    paused
}
