//! Notifies systemd of the program's state: ready, reloading, stopping, alive.
//!
//! Does nothing without `NOTIFY_SOCKET` in the environment, or outside of Linux.

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::time::Duration;

    use sd_notify::NotifyState;

    /// Three times the interval between two requests for more time.
    const EXTEND_TIMEOUT: NotifyState<'_> = NotifyState::ExtendTimeoutUsec(15_000_000);

    /// Reports that connections are accepted.
    pub(crate) fn ready() {
        notify(&[NotifyState::Ready, NotifyState::Status("serving")]);
    }

    /// Reports that a reload has started; [`ready`] reports its end.
    pub(crate) fn reloading() {
        // `Type=notify-reload` requires the start time.
        match NotifyState::monotonic_usec_now() {
            Ok(now) => notify(&[NotifyState::Reloading, now]),
            Err(error) => log_failure(&error),
        }
    }

    /// Reports that the shutdown has started.
    pub(crate) fn stopping() {
        notify(&[NotifyState::Stopping, EXTEND_TIMEOUT]);
    }

    /// Reports the shutdown progress. As long as it is called, `TimeoutStopSec=` does not end the process.
    pub(crate) fn drain_status(how_far: &str) {
        notify(&[NotifyState::Status(how_far), EXTEND_TIMEOUT]);
    }

    /// Sets the line shown by `systemctl status`.
    pub(crate) fn status(text: &str) {
        notify(&[NotifyState::Status(text)]);
    }

    /// Reports that the program is alive.
    pub(crate) fn keep_alive() {
        notify(&[NotifyState::Watchdog]);
    }

    /// Returns the time within which systemd expects [`keep_alive`], if the watchdog is enabled.
    pub(crate) fn watchdog_timeout() -> Option<Duration> {
        sd_notify::watchdog_enabled().filter(|within| !within.is_zero())
    }

    fn notify(state: &[NotifyState<'_>]) {
        if let Err(error) = sd_notify::notify(state) {
            log_failure(&error);
        }
    }

    fn log_failure(error: &io::Error) {
        tracing::warn!(%error, "cannot notify systemd");
    }
}

#[cfg(not(target_os = "linux"))]
mod other_systems {
    use std::time::Duration;

    pub(crate) fn ready() {}
    pub(crate) fn reloading() {}
    pub(crate) fn stopping() {}
    pub(crate) fn drain_status(_how_far: &str) {}
    pub(crate) fn status(_text: &str) {}
    pub(crate) fn keep_alive() {}
    pub(crate) fn watchdog_timeout() -> Option<Duration> {
        None
    }
}

#[cfg(target_os = "linux")]
pub(crate) use linux::*;
#[cfg(not(target_os = "linux"))]
pub(crate) use other_systems::*;
