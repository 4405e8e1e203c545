//! Defines the identifiers of a cluster: nodes, links between them, and slots of the directory.

use std::fmt;

use super::siphash::HashKey;
use crate::protocol::InfoHash;

/// The identifier of one node: 64 random bits per process start, so a restarted node is a new one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u64);

impl NodeId {
    /// Wraps the 64 bits.
    #[must_use]
    pub const fn new(bits: u64) -> Self {
        Self(bits)
    }

    /// Returns the 64 bits.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }
}

/// Sixteen hexadecimal digits.
impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The number that a node gives to another one each time it gets to know it. It is never reused in a process.
///
/// The node publishes it in its heartbeats, and the other one writes it into its batches. A batch with an older epoch is
/// stale. A new epoch tells the other one that the node has forgotten it. Inside of a node, the epoch also names the
/// other one in stored rows: the rows of a forgotten node are invalid at once, without a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkEpoch(u32);

impl LinkEpoch {
    /// Names this node in its own directory.
    pub(super) const SELF: Self = Self(0);

    /// Wraps the number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// A part of the directory. Each slot has one owner among the nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub(super) u16);

/// Assigns each swarm to a slot, in the same way on all nodes.
#[derive(Debug, Clone, Copy)]
pub struct Slots {
    count: u16,
    key: HashKey,
}

impl Slots {
    /// The number of slots in a cluster. Only tests use fewer.
    pub const COUNT: u16 = 4096;

    /// Creates the assignment. The key is secret, because clients choose info-hashes.
    #[must_use]
    pub const fn new(count: u16, key: HashKey) -> Self {
        Self { count, key }
    }

    /// Returns the slot of a swarm.
    #[must_use]
    pub fn of(&self, info_hash: &InfoHash) -> Slot {
        let slot = self.key.hash(info_hash.as_bytes()) % u64::from(self.count.max(1));
        // Below `count`, so it always fits.
        Slot(u16::try_from(slot).unwrap_or_default())
    }

    /// Returns all slots.
    pub fn all(&self) -> impl Iterator<Item = Slot> + use<> {
        (0..self.count).map(Slot)
    }

    pub(super) const fn count(&self) -> u16 {
        self.count
    }

    pub(super) const fn key(&self) -> &HashKey {
        &self.key
    }
}
