//! Measures the processor time of futures.

use std::pin::pin;
use std::time::Duration;

/// Returns the processor time of this thread. Unlike elapsed time it excludes waiting on a busy machine.
#[cfg(target_os = "linux")]
fn thread_cpu_time() -> Duration {
    use nix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// Returns the elapsed time, on systems without a thread clock.
#[cfg(not(target_os = "linux"))]
fn thread_cpu_time() -> Duration {
    use std::sync::LazyLock;
    use std::time::Instant;
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

/// Returns the output of a future and the processor time of its polls.
pub(super) async fn measure_cpu_time<F: Future>(future: F) -> (F::Output, Duration) {
    let mut future = pin!(future);
    let mut cpu_time = Duration::ZERO;
    let output = std::future::poll_fn(|cx| {
        let began = thread_cpu_time();
        let result = future.as_mut().poll(cx);
        cpu_time += thread_cpu_time().saturating_sub(began);
        result
    });
    (output.await, cpu_time)
}
