//! Defines the heartbeat, which each node sends to all others once a second.

use super::batch::{Kind, MessageSecret, read_frame, write_frame};
use super::list::{List, WireItem};
use super::reader::Reader;
use super::{InvalidMessage, NODES_MAX};
use crate::cluster::{LinkEpoch, NodeId};

/// Flag of a node that takes no new connections.
const DRAINING: u8 = 1;
/// Flag of a node that stops now.
const LEAVING: u8 = 2;

/// The content of a heartbeat.
#[derive(Debug, Clone, Copy)]
pub struct HeartbeatMessage<'a> {
    /// The sender.
    pub node: NodeId,
    /// Grows with each heartbeat of the sender.
    pub number: u64,
    /// The sender takes no new connections. It stays a full member, but owns no slots if others can.
    pub is_draining: bool,
    /// The sender stops now.
    pub is_leaving: bool,
    /// Its totals, for the other nodes' operators.
    pub totals: NodeTotals,
    /// The nodes that it knows.
    pub links: List<'a, LinkReport>,
}

/// Totals of a node, for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NodeTotals {
    /// Seconds since its start.
    pub uptime_seconds: u32,
    /// Open WebSockets.
    pub connections: u32,
    /// Swarms with members of its own.
    pub swarms: u32,
    /// Seeders of its own.
    pub seeders: u32,
    /// Leechers of its own.
    pub leechers: u32,
    /// Announces in the last second.
    pub announces_per_second: u32,
    /// How full its fullest outbox is, in percent.
    pub outbox_percent: u32,
}

/// What a node says about one that it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkReport {
    /// The other node.
    pub node: NodeId,
    /// The epoch for batches from there.
    pub epoch: LinkEpoch,
    /// The epoch of the batches that it sends there; zero if it sends none.
    pub sends_under: LinkEpoch,
    /// The number of the last control batch that it had sent there before its previous heartbeat. If it is higher than the
    /// count of those that have arrived, some were lost.
    pub control_sent: u64,
}

impl WireItem<'_> for LinkReport {
    const COUNT_MAX: usize = NODES_MAX;

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            node: NodeId::new(reader.u64()?),
            epoch: LinkEpoch::new(reader.u32()?),
            sends_under: LinkEpoch::new(reader.u32()?),
            control_sent: reader.u64()?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.node.to_bits().to_le_bytes());
        out.extend(self.epoch.get().to_le_bytes());
        out.extend(self.sends_under.get().to_le_bytes());
        out.extend(self.control_sent.to_le_bytes());
    }
}

impl<'a> HeartbeatMessage<'a> {
    /// Writes the heartbeat.
    #[must_use]
    pub fn write(&self, secret: Option<&MessageSecret>) -> Vec<u8> {
        let capacity = 64 + 24 * self.links.len();
        write_frame(Kind::HeartbeatMessage, secret, capacity, |out| {
            out.extend(self.node.to_bits().to_le_bytes());
            out.extend(self.number.to_le_bytes());
            let draining = if self.is_draining { DRAINING } else { 0 };
            out.push(draining | if self.is_leaving { LEAVING } else { 0 });
            for number in self.totals.to_numbers() {
                out.extend(number.to_le_bytes());
            }
            self.links.write(out);
        })
    }

    /// Reads a heartbeat. Bytes after the known fields are ignored.
    ///
    /// # Errors
    ///
    /// [`InvalidMessage`] if it is refused.
    pub fn read(bytes: &'a [u8], secret: Option<&MessageSecret>) -> Result<Self, InvalidMessage> {
        let (kind, mut reader) = read_frame(bytes, secret)?;
        if kind != Kind::HeartbeatMessage {
            return Err(InvalidMessage::Malformed);
        }
        Self::read_fields(&mut reader).ok_or(InvalidMessage::Malformed)
    }

    fn read_fields(reader: &mut Reader<'a>) -> Option<Self> {
        let (node, number) = (NodeId::new(reader.u64()?), reader.u64()?);
        let flags = reader.u8()?;
        Some(Self {
            node,
            number,
            is_draining: flags & DRAINING != 0,
            is_leaving: flags & LEAVING != 0,
            totals: NodeTotals::read(reader)?,
            links: List::read(reader)?,
        })
    }
}

impl NodeTotals {
    const fn to_numbers(self) -> [u32; 7] {
        [
            self.uptime_seconds,
            self.connections,
            self.swarms,
            self.seeders,
            self.leechers,
            self.announces_per_second,
            self.outbox_percent,
        ]
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            uptime_seconds: reader.u32()?,
            connections: reader.u32()?,
            swarms: reader.u32()?,
            seeders: reader.u32()?,
            leechers: reader.u32()?,
            announces_per_second: reader.u32()?,
            outbox_percent: reader.u32()?,
        })
    }
}
