//! The errors that prevent a load from running, with texts for the user.

use std::io;
use std::path::PathBuf;

/// The reason why a load could not run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The host's name cannot be resolved.
    #[error("cannot resolve {host}: {source}")]
    UnknownHost {
        /// The name in the URL.
        host: String,
        /// The system's error.
        source: io::Error,
    },
    /// The connection is refused.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// The tracker's address.
        address: String,
        /// The system's error.
        source: io::Error,
    },
    /// The addresses of this machine have no free port left.
    #[error(
        "no free source port on this machine: an address has about 28,000, and those of closed connections stay in use \
         for up to a minute; give more addresses with --source, for example --source 127.0.0.2-127.0.0.9"
    )]
    NoFreePort,
    /// A source address does not belong to this machine, or has the wrong family.
    #[error("cannot connect from {from} to {address}: {source}")]
    Source {
        /// The source address.
        from: std::net::IpAddr,
        /// The tracker's address.
        address: String,
        /// The system's error.
        source: io::Error,
    },
    /// TLS failed.
    #[error(
        "TLS with {address} failed: {source}; to trust your own authority use --ca FILE, to trust any certificate --insecure"
    )]
    Tls {
        /// The tracker's address.
        address: String,
        /// What went wrong.
        source: io::Error,
    },
    /// The file of `--ca` cannot be used.
    #[error("--ca {}: {reason}", file.display())]
    CaFile {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The HTTP server refused the upgrade.
    #[error(
        "{url} is not a WebSocket: the server answered \"{answer}\" instead of \"101 Switching Protocols\"{reason}"
    )]
    NotUpgraded {
        /// The requested URL.
        url: String,
        /// The first line of the response.
        answer: String,
        /// The beginning of the response body, with a colon in front; empty if there is no body.
        reason: String,
    },
    /// The response is not a valid WebSocket handshake.
    #[error("{url} is not a WebSocket: {reason}")]
    BadHandshake {
        /// The requested URL.
        url: String,
        /// What is wrong with the response.
        reason: String,
    },
    /// An operation took too long.
    #[error("{what} took longer than {seconds} s")]
    Timeout {
        /// The operation.
        what: String,
        /// The time limit in seconds.
        seconds: u64,
    },
    /// The limit of open files is too low.
    #[error(
        "{connections} connections need {needed} file descriptors, and {allowed} are allowed; raise the hard limit \
         (ulimit -Hn) or give fewer --connections"
    )]
    Descriptors {
        /// Requested connections.
        connections: usize,
        /// Descriptors that they need.
        needed: u64,
        /// Descriptors that are allowed.
        allowed: u64,
    },
    /// The server process cannot be observed.
    #[error("--server-pid {pid}: {reason}")]
    Pid {
        /// The requested process.
        pid: u32,
        /// What is wrong.
        reason: String,
    },
    /// System calls cannot be counted.
    #[error("--syscalls: {0}")]
    Syscalls(String),
    /// An internal error: a thread of the load tool has ended.
    #[error("{0}")]
    Internal(String),
    /// Another system call failed.
    #[error("{what}: {source}")]
    System {
        /// The operation that failed.
        what: &'static str,
        /// The system's error.
        source: io::Error,
    },
}
