//! What systemd is told about the program, if it listens: ready, reloading, stopping, alive.
//!
//! Without `NOTIFY_SOCKET` in the environment, and outside of Linux, nothing of it happens.

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::time::Duration;

    use sd_notify::NotifyState;

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

    /// The program is about to end, which may take this long: `TimeoutStopSec=` need not be changed for it.
    pub(crate) fn stopping(at_most: Duration) {
        let at_most = u32::try_from(at_most.as_micros()).unwrap_or(u32::MAX);
        tell(&[
            NotifyState::Stopping,
            NotifyState::ExtendTimeoutUsec(at_most),
        ]);
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
    pub(crate) fn stopping(_at_most: Duration) {}
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
