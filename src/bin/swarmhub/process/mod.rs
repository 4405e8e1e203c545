//! Handles the program's interface to the system: signals, the limit of open files, the state folder, and the lines
//! printed at start.

pub(crate) mod systemd;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use anyhow::{Context, bail};
use swarmhub::config::{ListenSpec, ListenTarget, ListenerRole};

/// Smallest limit of open files, without those of the workers, that leaves room for connections.
const OPEN_FILES_MIN: u64 = 64;
/// Descriptors of one worker's runtime: poller, waker, listeners.
const OPEN_FILES_PER_WORKER: u64 = 8;

/// Raises the soft limit of open files to the hard limit; returns the limit.
pub(crate) fn raise_open_files(workers: usize) -> anyhow::Result<u64> {
    let required = OPEN_FILES_MIN + OPEN_FILES_PER_WORKER * workers as u64;
    let limit = rlimit::increase_nofile_limit(u64::MAX)
        .context("the limit of open files cannot be read")?;
    if limit < required {
        bail!(
            "too few file descriptors: {limit} open files are allowed, at least {required} are needed; \
             raise the hard limit (ulimit -Hn, or LimitNOFILE= of systemd)"
        );
    }
    Ok(limit)
}

/// Returns the folder for the program's own files. Uses the first path in `STATE_DIRECTORY` (systemd.exec(5)), else the
/// state folder of the XDG Base Directory Specification 0.8, else the working directory.
pub(crate) fn state_directory(variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    let absolute = |name: &str| {
        let path = PathBuf::from(variable(name)?);
        path.is_absolute().then_some(path)
    };
    let from_systemd = variable("STATE_DIRECTORY").and_then(|folders| {
        let first = folders.to_str()?.split(':').next()?.to_owned();
        (!first.is_empty()).then(|| PathBuf::from(first))
    });
    from_systemd
        .or_else(|| Some(absolute("XDG_STATE_HOME")?.join("swarmhub")))
        .or_else(|| Some(absolute("HOME")?.join(".local/state/swarmhub")))
        .unwrap_or_default()
}

/// A signal that the program handles.
#[cfg_attr(not(unix), allow(dead_code, reason = "other systems only have Ctrl-C"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGHUP: read the settings again.
    Hangup,
    /// SIGINT, Ctrl-C: stop at once.
    Interrupt,
    /// SIGTERM: a service manager requests a graceful shutdown.
    Terminate,
}

/// Receives the signals that the program handles.
#[cfg(unix)]
pub(crate) struct Signals {
    hangup: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Installs the handlers; the signals then no longer end the process.
    pub(crate) fn new() -> anyhow::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let signal = |kind| signal(kind).context("signals cannot be received");
        // With a handler installed once, SIGXFSZ no longer ends the process. Writing beyond the file size limit
        // (RLIMIT_FSIZE) then returns an error.
        drop(signal(SignalKind::from_raw(libc::SIGXFSZ))?);
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next signal.
    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.hangup.recv() => Signal::Hangup,
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}

/// Receives Ctrl-C, the only signal on other systems.
#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self)
    }

    pub(crate) async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
        Signal::Interrupt
    }
}

/// The terminal that started the program, if any. When it is closed, SIGHUP is sent as well.
pub(crate) struct Terminal(bool);

impl Terminal {
    /// Checks whether standard input is a terminal.
    pub(crate) fn at_start() -> Self {
        Self(io::stdin().is_terminal())
    }

    /// Returns whether there was a terminal and it is closed. A closed terminal is no longer reported as one.
    pub(crate) fn is_closed(&self) -> bool {
        self.0 && !io::stdin().is_terminal()
    }
}

/// Prints the addresses of page and tracker, for people and scripts, and last the address of the dashboard.
pub(crate) fn print_addresses<'a>(
    listening: impl Iterator<Item = &'a ListenSpec>,
) -> io::Result<()> {
    let mut stdout = io::stdout();
    let listening: Vec<_> = listening.collect();
    let mut text: String = listening.iter().copied().map(service_lines).collect();
    text.extend(listening.into_iter().find_map(dashboard_line));
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Returns one line for each service of a listener.
fn service_lines(listen: &ListenSpec) -> String {
    let secure = if listen.tls { "s" } else { "" };
    let note = if listen.proxy {
        "  (PROXY protocol)"
    } else {
        ""
    };
    let served = [
        (listen.role.has_pages(), "page     ", "http"),
        (listen.role.has_tracker(), "tracker  ", "ws"),
        (listen.role == ListenerRole::Metrics, "metrics  ", "http"),
    ];
    let line = |(_, label, scheme)| match &listen.target {
        ListenTarget::Tcp(address) => {
            format!(
                "{label}{scheme}{secure}://{}/{note}\n",
                display_address(*address)
            )
        }
        ListenTarget::Unix(_) | ListenTarget::Systemd(_) => {
            format!("{label}{}{note}\n", listen.target)
        }
    };
    let served = served.into_iter().filter(|(is_served, _, _)| *is_served);
    served.map(line).collect()
}

/// Returns the line for the dashboard, if it can be opened directly.
fn dashboard_line(listen: &ListenSpec) -> Option<String> {
    let ListenTarget::Tcp(address) = &listen.target else {
        return None;
    };
    let secure = if listen.tls { "s" } else { "" };
    let place = display_address(*address);
    let is_open = listen.role.has_pages() && !listen.proxy;
    is_open.then(|| format!("watch    http{secure}://{place}/dashboard\n"))
}

/// Returns the address to open on this machine.
fn display_address(address: SocketAddr) -> String {
    match address.ip() {
        ip if ip.is_unspecified() => format!("localhost:{}", address.port()),
        IpAddr::V4(_) | IpAddr::V6(_) => address.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_directory_follows_systemd_and_xdg() {
        let folder = |variables: &[(&str, &str)]| {
            let variables: std::collections::HashMap<_, _> = variables.iter().copied().collect();
            let folder = state_directory(|name| variables.get(name).map(OsString::from));
            folder.to_str().unwrap().to_owned()
        };
        let home = ("HOME", "/home/a");
        let xdg = ("XDG_STATE_HOME", "/state");
        let systemd = ("STATE_DIRECTORY", "/var/lib/swarmhub:/var/lib/other");
        assert_eq!(folder(&[home, xdg, systemd]), "/var/lib/swarmhub");
        assert_eq!(folder(&[home, xdg]), "/state/swarmhub");
        assert_eq!(folder(&[home]), "/home/a/.local/state/swarmhub");
        // The specification requires that relative paths are ignored.
        let relative = ("XDG_STATE_HOME", "state");
        assert_eq!(folder(&[home, relative]), "/home/a/.local/state/swarmhub");
        assert_eq!(folder(&[("STATE_DIRECTORY", "")]), "");
    }

    #[test]
    fn an_unspecified_address_is_shown_as_localhost() {
        assert_eq!(
            display_address("[::]:8000".parse().unwrap()),
            "localhost:8000"
        );
        assert_eq!(
            display_address("0.0.0.0:80".parse().unwrap()),
            "localhost:80"
        );
        assert_eq!(display_address("[::1]:8000".parse().unwrap()), "[::1]:8000");
        assert_eq!(
            display_address("127.0.0.1:8000".parse().unwrap()),
            "127.0.0.1:8000"
        );
    }

    #[test]
    fn each_listener_prints_its_services() {
        let printed = |listen: &str| service_lines(&listen.parse().unwrap());
        assert_eq!(
            printed("127.0.0.1:80"),
            "page     http://127.0.0.1:80/\ntracker  ws://127.0.0.1:80/\n"
        );
        assert_eq!(
            printed("tls+tracker+[::1]:443"),
            "tracker  wss://[::1]:443/\n"
        );
        assert_eq!(
            printed("proxy+pages+127.0.0.1:80"),
            "page     http://127.0.0.1:80/  (PROXY protocol)\n"
        );
        assert_eq!(
            printed("tracker+unix:/run/hub.sock"),
            "tracker  unix:/run/hub.sock\n"
        );
        let dashboard_line = |listen: &str| dashboard_line(&listen.parse().unwrap());
        assert_eq!(
            dashboard_line("tls+0.0.0.0:443").unwrap(),
            "watch    https://localhost:443/dashboard\n"
        );
        for hidden in [
            "tracker+127.0.0.1:80",
            "proxy+127.0.0.1:80",
            "unix:/run/hub.sock",
        ] {
            assert_eq!(dashboard_line(hidden), None, "{hidden}");
        }
    }
}
