//! What systemd is told about the program, if it listens: ready, reloading, stopping, alive.
//!
//! Without `NOTIFY_SOCKET` in the environment, and outside of Linux, nothing of it happens.

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::time::Duration;

    use sd_notify::NotifyState;

    /// Three times as long as it takes until it is asked for again.
    const MORE_TIME: NotifyState<'_> = NotifyState::ExtendTimeoutUsec(15_000_000);

    /// Connections are accepted.
    pub(crate) fn ready() {
        tell(&[NotifyState::Ready, NotifyState::Status("serving")]);
    }

    /// The settings are read again; [`ready`] says when that is done.
    pub(crate) fn reloading() {
        // Type=notify-reload wants to know since when.
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(error) => note(&error),
        }
    }

    /// The program is about to end.
    pub(crate) fn stopping() {
        tell(&[NotifyState::Stopping, MORE_TIME]);
    }

    /// It is still about to, and how far it is. As long as that is said, `TimeoutStopSec=` is not the end of it.
    pub(crate) fn leaving(how_far: &str) {
        tell(&[NotifyState::Status(how_far), MORE_TIME]);
    }

    /// One line that `systemctl status` shows.
    pub(crate) fn status(text: &str) {
        tell(&[NotifyState::Status(text)]);
    }

    /// It is alive.
    pub(crate) fn alive() {
        tell(&[NotifyState::Watchdog]);
    }

    /// How long systemd waits for [`alive`], if it does.
    pub(crate) fn watchdog() -> Option<Duration> {
        sd_notify::watchdog_enabled().filter(|within| !within.is_zero())
    }

    fn tell(state: &[NotifyState<'_>]) {
        if let Err(error) = sd_notify::notify(state) {
            note(&error);
        }
    }

    fn note(error: &io::Error) {
        tracing::warn!(%error, "systemd cannot be told");
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
