//! Decides what to do with a connection that was just accepted, before any of its bytes is read.
//!
//! The worker passes the peer address, or the one that a PROXY header names. It never passes the address of a trusted
//! proxy, which connects for many clients.

use std::net::IpAddr;
use std::num::NonZeroU64;

use super::{Hub, Visitor};
use crate::limits::HandshakeCharge;

/// What to do with a new connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// Serve it.
    Serve,
    /// Its address is banned. It may get a refusal where that takes no cryptography, but is not served.
    Banned,
    /// Too many connections came from its address: close it at once.
    TooMany,
}

impl Hub {
    /// Counts a new connection from this address and decides what to do with it.
    pub fn accept(&self, address: IpAddr) -> Accepted {
        let node = &self.node;
        let Some(keys) = node.whence(&of(address)) else {
            return Accepted::Serve;
        };
        let now = self.time.get();
        if node.addresses.accept(keys, now).is_err() {
            self.counters().refused_address_accepts_per_second.add(1);
            return Accepted::TooMany;
        }
        if node.bans.is_empty() || node.banned(keys, now).is_none() {
            return Accepted::Serve;
        }
        // A banned address that reconnects again and again soon fails the check above.
        node.addresses.charge_failed_handshake(keys, now);
        Accepted::Banned
    }

    /// Charges an address for a TLS handshake that costs a signature, before its client proves anything. Returns `None`
    /// if no limit of addresses applies.
    pub fn charge_handshake(&self, address: IpAddr) -> Option<HandshakeCharge> {
        let keys = self.node.whence(&of(address))?;
        let now = self.time.get();
        Some(self.node.addresses.charge_failed_handshake(keys, now))
    }

    /// Refunds that charge when the client completes the handshake.
    pub fn give_back_handshake(&self, charge: HandshakeCharge) {
        let now = self.time.get();
        self.node.addresses.give_back_handshake(charge, now);
    }

    /// Counts a charge that is not refunded, because the client did not complete the handshake.
    pub fn note_failed_handshake(&self) {
        self.counters().charged_failed_handshake_cost.add(1);
    }

    /// Returns the address group of a client; `None` if no limit of addresses applies to it.
    #[must_use]
    pub fn address_group(&self, address: IpAddr) -> Option<NonZeroU64> {
        let keys = self.node.whence(&of(address));
        keys.map(|keys| self.node.addresses.group(keys.own, keys.wider))
    }
}

fn of(address: IpAddr) -> Visitor {
    Visitor {
        address: Some(address),
        ..Visitor::default()
    }
}
