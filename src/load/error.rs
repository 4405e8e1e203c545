//! Why a load could not be run, in words for the person who asked for it.

use std::io;
use std::path::PathBuf;

/// Why a load could not be run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The host's name leads nowhere.
    #[error("{host} cannot be found: {source}")]
    Host {
        /// The name in the URL.
        host: String,
        /// What the system says.
        source: io::Error,
    },
    /// Nobody takes the connection.
    #[error("no connection to {address}: {source}")]
    Connect {
        /// Where to.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// The addresses of this machine have no free port left.
    #[error(
        "no free port to connect from on this machine: an address has about 28,000, and those of ended connections are \
         taken for up to a minute; give more addresses with --source, for example --source 127.0.0.2-127.0.0.9"
    )]
    Ports,
    /// An address to connect from is none of this machine, or of the wrong family.
    #[error("cannot connect from {from} to {address}: {source}")]
    Source {
        /// From where.
        from: std::net::IpAddr,
        /// Where to.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// TLS failed.
    #[error(
        "no TLS with {address}: {source}; --ca FILE trusts an authority of your own, --insecure trusts anybody"
    )]
    Tls {
        /// With whom.
        address: String,
        /// What went wrong.
        source: io::Error,
    },
    /// The file of `--ca` is no good.
    #[error("--ca {}: {reason}", file.display())]
    Authority {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is an HTTP server that does not upgrade.
    #[error(
        "{url} is no WebSocket: the server answered \"{answer}\" instead of \"101 Switching Protocols\"{reason}"
    )]
    NotUpgraded {
        /// The address asked for.
        url: String,
        /// The first line of the answer.
        answer: String,
        /// The beginning of what it says after its head, with a colon in front; empty if it says nothing.
        reason: String,
    },
    /// What came is no answer to the request for a WebSocket.
    #[error("{url} is no WebSocket: {reason}")]
    NoHandshake {
        /// The address asked for.
        url: String,
        /// What came instead.
        reason: String,
    },
    /// Something takes too long.
    #[error("{what} took longer than {seconds} s")]
    Late {
        /// What takes long.
        what: String,
        /// How long is too long.
        seconds: u64,
    },
    /// The limit of open files is too low.
    #[error(
        "{connections} connections need {needed} file descriptors, and {allowed} are allowed; raise the hard limit \
         (ulimit -Hn) or give fewer --connections"
    )]
    Descriptors {
        /// Connections wanted.
        connections: usize,
        /// What they need.
        needed: u64,
        /// What there is.
        allowed: u64,
    },
    /// The server process cannot be observed.
    #[error("--server-pid {pid}: {reason}")]
    Pid {
        /// The process asked for.
        pid: u32,
        /// What is wrong.
        reason: String,
    },
    /// System calls cannot be counted.
    #[error("--syscalls: {0}")]
    Syscalls(String),
    /// The load tool itself is broken: one of its threads has ended.
    #[error("{0}")]
    Broken(String),
    /// The system refused something else.
    #[error("{what}: {source}")]
    System {
        /// What was to be done.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
}
