//! Describes how a client reached this server.

use std::net::IpAddr;

use crate::ice::ProxyKind;
use crate::node::ClientAddress;

/// How a client reached this server, for the handler of `/ice`.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct IceClient {
    /// The client, if a proxy names it.
    pub(in crate::http) address: ClientAddress,
    /// The address of this machine at which the connection was accepted.
    pub(in crate::http) local: Option<IpAddr>,
    /// What passed the request on.
    pub(in crate::http) proxy: ProxyKind,
    /// Whether this server decrypted the connection.
    pub(in crate::http) is_tls: bool,
}
