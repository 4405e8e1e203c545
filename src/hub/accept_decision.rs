//! Decides what to do with a connection that was just accepted, before any of its bytes is read.
//!
//! The worker passes the peer address, or the one that a PROXY header names. It never passes the address of a trusted
//! proxy, which connects for many clients.

use std::net::IpAddr;
use std::num::NonZeroU64;

use super::{ClientInfo, Hub};
use crate::limits::HandshakeCharge;

/// What to do with a new connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcceptDecision {
    /// Serve it.
    Serve,
    /// Its address is banned. It may get a refusal where that takes no cryptography, but is not served.
    Banned,
    /// Too many connections came from its address: close it at once.
    RateLimited,
}

impl Hub {
    /// Counts a new connection from this address and decides what to do with it.
    pub fn accept_connection(&self, address: IpAddr) -> AcceptDecision {
        let node = &self.node;
        let Some(keys) = node.rate_keys(&client_at(address)) else {
            return AcceptDecision::Serve;
        };
        let now = self.time.get();
        if node.addresses.accept_connection(keys, now).is_err() {
            self.counters().refused_address_accepts_per_second.add(1);
            return AcceptDecision::RateLimited;
        }
        if node.bans.is_empty() || node.find_ban(keys, now).is_none() {
            return AcceptDecision::Serve;
        }
        // A banned address that reconnects again and again soon fails the check above.
        node.addresses.charge_failed_handshake(keys, now);
        AcceptDecision::Banned
    }

    /// Charges an address for a TLS handshake that costs a signature, before its client proves anything. Returns `None`
    /// if no limit of addresses applies.
    pub fn charge_handshake(&self, address: IpAddr) -> Option<HandshakeCharge> {
        let keys = self.node.rate_keys(&client_at(address))?;
        let now = self.time.get();
        Some(self.node.addresses.charge_failed_handshake(keys, now))
    }

    /// Refunds that charge when the client completes the handshake.
    pub fn refund_handshake(&self, charge: HandshakeCharge) {
        let now = self.time.get();
        self.node.addresses.refund_handshake(charge, now);
    }

    /// Counts a charge that is not refunded, because the client did not complete the handshake.
    pub fn count_failed_handshake(&self) {
        self.counters().charged_failed_handshake_cost.add(1);
    }

    /// Returns the address group of a client; `None` if no limit of addresses applies to it.
    #[must_use]
    pub fn address_group(&self, address: IpAddr) -> Option<NonZeroU64> {
        let keys = self.node.rate_keys(&client_at(address));
        keys.map(|keys| {
            self.node
                .addresses
                .address_group(keys.address, keys.network)
        })
    }
}

fn client_at(address: IpAddr) -> ClientInfo {
    ClientInfo {
        address: Some(address),
        ..ClientInfo::default()
    }
}
