//! Wakes a thread's event loop when the next request is due. The event loop's own timers know milliseconds only, and a
//! request that is sent a millisecond late would be counted as a tracker that is a millisecond slow.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Requests that are due within this time are sent together, so that waking costs little.
const STEP_MIN: Duration = Duration::from_micros(200);

/// A thread that wakes another in even steps, until it is dropped.
#[derive(Debug)]
pub(super) struct Clock {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Clock {
    /// Wakes `wake` `per_second` times a second, or as often as makes sense.
    pub(super) fn start(
        begin: Instant,
        per_second: f64,
        wake: Arc<Notify>,
    ) -> std::io::Result<Self> {
        let step = Duration::from_secs_f64(1.0 / per_second.max(0.001)).max(STEP_MIN);
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_over);
        let thread = thread::Builder::new()
            .name("load-clock".to_owned())
            .spawn(move || {
                let mut next = begin;
                while !seen.load(Ordering::Acquire) {
                    let now = Instant::now();
                    if now < next {
                        thread::park_timeout(next - now);
                        continue;
                    }
                    wake.notify_one();
                    while next <= now {
                        next += step;
                    }
                }
            })?;
        Ok(Self {
            is_over,
            thread: Some(thread),
        })
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic there would have been printed.
            let _ = thread.join();
        }
    }
}
