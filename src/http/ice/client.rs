//! Describes how a client reached this server.

use std::net::IpAddr;

use crate::node::ClientAddress;

/// How a client reached this server, for the handler of `/ice`.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct IceClient {
    /// The client, if a proxy names it.
    pub(in crate::http) address: ClientAddress,
    /// The address of this machine at which the connection was accepted.
    pub(in crate::http) local: Option<IpAddr>,
    /// Whether a proxy passed the request on.
    pub(in crate::http) is_forwarded: bool,
}
