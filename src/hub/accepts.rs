//! What is done with a connection that has just been accepted, before a byte of it is read.
//!
//! The worker asks with the address at the other end, or with the one that a PROXY header names: never for a trusted proxy,
//! which stands for others.

use std::net::IpAddr;
use std::num::NonZeroU64;

use super::{Hub, Visitor};
use crate::limits::HandshakeCharge;

/// What is done with a new connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// It is served.
    Serve,
    /// Its address is banned: it may hear so where that takes no cryptography, but not stay.
    Banned,
    /// Too many came from its address: it is closed at once.
    TooMany,
}

impl Hub {
    /// Takes note of a new connection from this address.
    pub fn accept(&self, address: IpAddr) -> Accepted {
        let node = &self.node;
        let Some(whence) = node.whence(&of(address)) else {
            return Accepted::Serve;
        };
        let now = self.time.get();
        if node.addresses.accept(whence, now).is_err() {
            self.counters().refused_address_accepts_per_second.add(1);
            return Accepted::TooMany;
        }
        if node.bans.is_empty() || node.banned(whence, now).is_none() {
            return Accepted::Serve;
        }
        // Who is banned and comes again and again is soon not even accepted.
        node.addresses.charge_failed_handshake(whence, now);
        Accepted::Banned
    }

    /// Charges an address for a TLS handshake that has cost a signature, before its client has done anything for it. `None` if no
    /// limit of addresses applies.
    pub fn charge_handshake(&self, address: IpAddr) -> Option<HandshakeCharge> {
        let whence = self.node.whence(&of(address))?;
        let now = self.time.get();
        Some(self.node.addresses.charge_failed_handshake(whence, now))
    }

    /// Takes that back when the client has done its part.
    pub fn give_back_handshake(&self, charge: HandshakeCharge) {
        let now = self.time.get();
        self.node.addresses.give_back_handshake(charge, now);
    }

    /// Counts a charge that stays, as the client has not.
    pub fn note_failed_handshake(&self) {
        self.counters().charged_failed_handshake_cost.add(1);
    }

    /// The address group of a client; `None` if no limit of addresses applies to it.
    #[must_use]
    pub fn address_group(&self, address: IpAddr) -> Option<NonZeroU64> {
        let whence = self.node.whence(&of(address));
        whence.map(|whence| self.node.addresses.group(whence.own, whence.wider))
    }
}

fn of(address: IpAddr) -> Visitor {
    Visitor {
        address: Some(address),
        ..Visitor::default()
    }
}
