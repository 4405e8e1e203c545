//! What the program has to do with the system around it: signals, open files, and the lines it prints at start.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, bail};
use swarmhub::config::{Listen, Target};

/// Fewer open files than these, and those of each worker, leave no room for connections.
const OPEN_FILES_MIN: u64 = 64;
/// The runtime of a worker: its poller, its waker, its listeners.
const OPEN_FILES_OF_WORKER: u64 = 8;

/// Raises the soft limit of open files to the hard one; returns the limit.
pub(crate) fn raise_open_files(workers: usize) -> anyhow::Result<u64> {
    let least = OPEN_FILES_MIN + OPEN_FILES_OF_WORKER * workers as u64;
    let limit = rlimit::increase_nofile_limit(u64::MAX)
        .context("the limit of open files cannot be read")?;
    if limit < least {
        bail!(
            "too few file descriptors: {limit} open files are allowed, at least {least} are needed; \
             raise the hard limit (ulimit -Hn, or LimitNOFILE= of systemd)"
        );
    }
    Ok(limit)
}

/// Completes with the first signal to stop; the second ends the program at once.
pub(crate) fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut signals = Signals::new().context("signals cannot be received")?;
    Ok(async move {
        signals.next().await;
        tokio::spawn(async move {
            signals.next().await;
            tracing::warn!("second signal: ending at once");
            std::process::exit(1);
        });
    })
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}

/// Prints where the page and the tracker are, for people and for scripts.
pub(crate) fn print_addresses<'a>(listening: impl Iterator<Item = &'a Listen>) -> io::Result<()> {
    let mut stdout = io::stdout();
    let text: String = listening.map(lines).collect();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// One line for each thing that is served in a place.
fn lines(listen: &Listen) -> String {
    let secure = if listen.tls { "s" } else { "" };
    let note = if listen.proxy {
        "  (PROXY protocol)"
    } else {
        ""
    };
    let served = [
        (listen.role.has_pages(), "page     ", "http"),
        (listen.role.has_tracker(), "tracker  ", "ws"),
    ];
    let line = |(_, what, scheme)| match &listen.target {
        Target::Tcp(address) => {
            format!("{what}{scheme}{secure}://{}/{note}\n", place(*address))
        }
        Target::Unix(_) | Target::Systemd(_) => format!("{what}{}{note}\n", listen.target),
    };
    let served = served.into_iter().filter(|(is_served, _, _)| *is_served);
    served.map(line).collect()
}

/// The address as one opens it on this machine.
fn place(address: SocketAddr) -> String {
    match address.ip() {
        ip if ip.is_unspecified() => format!("localhost:{}", address.port()),
        IpAddr::V4(_) | IpAddr::V6(_) => address.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_takes_everything_is_opened_as_localhost() {
        assert_eq!(place("[::]:8000".parse().unwrap()), "localhost:8000");
        assert_eq!(place("0.0.0.0:80".parse().unwrap()), "localhost:80");
        assert_eq!(place("[::1]:8000".parse().unwrap()), "[::1]:8000");
        assert_eq!(place("127.0.0.1:8000".parse().unwrap()), "127.0.0.1:8000");
    }

    #[test]
    fn each_place_says_what_is_served_there() {
        let said = |listen: &str| lines(&listen.parse().unwrap());
        assert_eq!(
            said("127.0.0.1:80"),
            "page     http://127.0.0.1:80/\ntracker  ws://127.0.0.1:80/\n"
        );
        assert_eq!(said("tls+tracker+[::1]:443"), "tracker  wss://[::1]:443/\n");
        assert_eq!(
            said("proxy+pages+127.0.0.1:80"),
            "page     http://127.0.0.1:80/  (PROXY protocol)\n"
        );
        assert_eq!(
            said("tracker+unix:/run/hub.sock"),
            "tracker  unix:/run/hub.sock\n"
        );
    }
}
