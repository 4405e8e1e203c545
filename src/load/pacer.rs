//! Wakes a thread's event loop when the next request is due. The event loop's own timers have a resolution of one
//! millisecond, and a request sent a millisecond late would count as a tracker that is a millisecond slower.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Requests that are due within this time are sent together, to limit the cost of wake-ups.
const INTERVAL_MIN: Duration = Duration::from_micros(200);

/// A thread that wakes another one at a fixed interval until this handle is dropped.
#[derive(Debug)]
pub(super) struct Pacer {
    is_stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Pacer {
    /// Notifies `wake` `per_second` times a second, but not more often than every [`INTERVAL_MIN`].
    pub(super) fn start(
        begin: Instant,
        per_second: f64,
        wake: Arc<Notify>,
    ) -> std::io::Result<Self> {
        let step = Duration::from_secs_f64(1.0 / per_second.max(0.001)).max(INTERVAL_MIN);
        let is_over = Arc::new(AtomicBool::new(false));
        let thread_is_over = Arc::clone(&is_over);
        let thread = thread::Builder::new()
            .name("load-clock".to_owned())
            .spawn(move || {
                let mut next = begin;
                while !thread_is_over.load(Ordering::Acquire) {
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
            is_stopped: is_over,
            thread: Some(thread),
        })
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic of the thread has been printed.
            let _ = thread.join();
        }
    }
}
