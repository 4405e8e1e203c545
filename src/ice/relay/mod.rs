//! A closed TURN relay (RFC 8656): an allocation reaches only other allocations of this server.
//!
//! It has no sockets for peers: relay addresses are names of allocations, so nothing is ever sent but to clients that
//! authenticated. Traffic without credentials leaves no state. The relay reads no clock and sends nothing: the thread that
//! owns the sockets passes in packets and times, sends the results, and counts the outcomes.
//!
//! Stricter than the RFC: a permission is for an address *and port*, because all relay addresses share one IP address.
//! Firefox asks for a permission once per IP address, and then sends to each port of it. So a client that may send to the
//! relay's address also permits the answers of exactly those peers that it sends to.

mod accounts;
mod allocate;
mod allocation;
mod authentication;
mod deadline;
mod five_tuple;
mod forward;
mod framing;
mod nonce;
mod outcome;
mod packet_in;
mod peer_list;
mod permissions;
mod policy;
mod respond;
mod table;
mod usage;

use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::credentials::Credentials;
use allocation::AllocationId;
use nonce::NonceKey;
use table::AllocationTable;
use usage::Usage;

pub use five_tuple::{ClientTransport, FiveTuple};
pub use forward::RelayedPacket;
pub use framing::{PacketKind, STREAM_PACKET_BYTES_MAX, StreamPacket};
pub use outcome::{Ignored, RelayDrop, TurnOutcome, TurnRefusal};
pub use policy::{ByteRate, RelayPolicy};
pub use respond::RequestContext;

/// All allocations of the process. One thread owns it.
pub struct TurnRelay {
    /// The IP address of all relay addresses. It may be invented: no packet is sent to it.
    relay_ip: Ipv4Addr,
    policy: RelayPolicy,
    credentials: Credentials,
    nonce_key: NonceKey,
    /// Every allocation is also counted in `usage`.
    table: AllocationTable,
    usage: Usage,
    /// The last transaction ID of a Data indication. Nothing answers these, so distinct numbers are enough.
    indications: u64,
}

impl TurnRelay {
    /// Creates a relay without allocations. `nonce_secret` is random and new for each process.
    #[must_use]
    pub fn new(
        relay_ip: Ipv4Addr,
        policy: RelayPolicy,
        credentials: Credentials,
        nonce_secret: &[u8; 32],
    ) -> Self {
        Self {
            relay_ip,
            policy,
            credentials,
            nonce_key: NonceKey::new(nonce_secret),
            table: AllocationTable::default(),
            usage: Usage::default(),
            indications: 0,
        }
    }

    /// Replaces the limits. Allocations beyond a smaller limit stay until they end.
    pub fn update_policy(&mut self, policy: RelayPolicy) {
        self.policy = policy;
    }

    /// Returns whether a client has an allocation. Its address is then not forged.
    #[must_use]
    pub fn has_allocation(&self, client: &FiveTuple, now: Duration) -> bool {
        self.table.find_alive(client, now).is_some()
    }

    /// Ends the allocation of a client whose stream has closed.
    pub fn end_client(&mut self, client: &FiveTuple, now: Duration) {
        if let Some(id) = self.table.find(client) {
            self.end(id, now);
        }
    }

    /// Looks at the next `slots_max` places of the tables, and ends what has expired there. Called once a second.
    /// Returns the number of ended allocations.
    pub fn expire(&mut self, slots_max: usize, now: Duration, unix_now: u64) -> usize {
        self.usage.begin_day(unix_now);
        self.usage.forget_idle(slots_max, now);
        let mut slots_left = slots_max;
        let mut ended = 0;
        while let Some(id) = self.table.next_expired(&mut slots_left, now) {
            self.end(id, now);
            ended += 1;
        }
        ended
    }

    /// Returns the number of allocations, with expired ones that are still stored.
    #[must_use]
    pub fn allocations(&self) -> usize {
        self.table.len()
    }

    /// Returns the number of allocations of each stored user.
    pub fn allocations_by_user(&self) -> impl Iterator<Item = u32> {
        self.usage.allocations_by_user()
    }

    /// Returns the bytes relayed since midnight UTC, or since the start.
    #[must_use]
    pub fn bytes_today(&self) -> u64 {
        self.usage.bytes_today()
    }

    /// Removes an allocation. What others permitted it or bound to it has no effect any more.
    fn end(&mut self, id: AllocationId, now: Duration) {
        if let Some(allocation) = self.table.remove(id) {
            self.usage.release(allocation.owner, now);
        }
    }
}

impl fmt::Debug for TurnRelay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TurnRelay")
            .field("allocations", &self.allocations())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
