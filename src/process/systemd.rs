//! Notifies systemd of the program's state: ready, reloading, stopping, alive.
//!
//! Does nothing without `NOTIFY_SOCKET` in the environment, or outside of Linux.

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::time::Duration;

    use sd_notify::NotifyState;

    /// Three times the interval between two requests for more time.
    const MORE_TIME: NotifyState<'_> = NotifyState::ExtendTimeoutUsec(15_000_000);

    /// Reports that connections are accepted.
    pub(crate) fn ready() {
        tell(&[NotifyState::Ready, NotifyState::Status("serving")]);
    }

    /// Reports that a reload has started; [`ready`] reports its end.
    pub(crate) fn reloading() {
        // `Type=notify-reload` requires the start time.
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(error) => note(&error),
        }
    }

    /// Reports that the shutdown has started.
    pub(crate) fn stopping() {
        tell(&[NotifyState::Stopping, MORE_TIME]);
    }

    /// Reports the shutdown progress. As long as it is called, `TimeoutStopSec=` does not end the process.
    pub(crate) fn leaving(how_far: &str) {
        tell(&[NotifyState::Status(how_far), MORE_TIME]);
    }

    /// Sets the line shown by `systemctl status`.
    pub(crate) fn status(text: &str) {
        tell(&[NotifyState::Status(text)]);
    }

    /// Reports that the program is alive.
    pub(crate) fn alive() {
        tell(&[NotifyState::Watchdog]);
    }

    /// Returns the time within which systemd expects [`alive`], if the watchdog is enabled.
    pub(crate) fn watchdog() -> Option<Duration> {
        sd_notify::watchdog_enabled().filter(|within| !within.is_zero())
    }

    fn tell(state: &[NotifyState<'_>]) {
        if let Err(error) = sd_notify::notify(state) {
            note(&error);
        }
    }

    fn note(error: &io::Error) {
        tracing::warn!(%error, "cannot notify systemd");
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::time::Duration;

    pub(crate) fn ready() {}
    pub(crate) fn reloading() {}
    pub(crate) fn stopping() {}
    pub(crate) fn leaving(_how_far: &str) {}
    pub(crate) fn status(_text: &str) {}
    pub(crate) fn alive() {}
    pub(crate) fn watchdog() -> Option<Duration> {
        None
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::*;
#[cfg(target_os = "linux")]
pub(crate) use linux::*;
