//! A WebTorrent tracker with in-page file sharing, in one binary and on one port.
//!
//! To embed the server, see [`Server::builder`].

pub mod config;
mod connection;
#[cfg(feature = "echo")]
pub mod echo;
mod http;
pub mod hub;
pub mod insight;
pub mod limits;
pub mod load;
mod memory;
#[doc(hidden)]
pub mod net;
mod notify;
pub mod protocol;
mod server;
pub mod swarm;
pub mod tracker;
pub mod websocket;
mod worker;

pub use net::tls::{AcmeCacheError, CertificateError, CertificateInfo, Certificates, TlsError};
pub use server::{
    ConfigChanges, DrainProgress, LivenessCheck, Server, ServerBuilder, ServerError, ServerHandle,
    ServerPhase,
};
