//! Defines the lists in entries: they are checked when they are parsed, and read again item by item, without allocation.

use super::reader::{Reader, write_counted};
use crate::cluster::{NodeId, Population};
use crate::protocol::http::Endpoint;
use crate::protocol::{OfferId, PeerId};

/// An item of a list, with its layout.
pub trait WireItem<'a>: Copy {
    /// Most items of one list.
    const COUNT_MAX: usize;

    /// Reads one item; `None` if the bytes are none.
    fn read(reader: &mut Reader<'a>) -> Option<Self>;

    /// Appends the item.
    fn write(&self, out: &mut Vec<u8>);
}

/// A list of items: either received bytes, or items to write.
#[derive(Debug, Clone, Copy)]
pub enum List<'a, T> {
    /// Checked bytes with this number of items.
    Received(usize, &'a [u8]),
    /// Items.
    Items(&'a [T]),
}

impl<'a, T: WireItem<'a>> List<'a, T> {
    /// Returns the number of items.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Received(count, _) => *count,
            Self::Items(items) => items.len(),
        }
    }

    /// Returns whether it has no items.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the items.
    pub fn iter(&self) -> impl Iterator<Item = T> + use<'a, T> {
        let (bytes, items) = match *self {
            Self::Received(_, bytes) => (bytes, [].as_slice()),
            Self::Items(items) => ([].as_slice(), items),
        };
        let mut reader = Reader(bytes);
        let received = std::iter::from_fn(move || T::read(&mut reader));
        received.chain(items.iter().copied())
    }

    pub(super) fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let count = usize::from(reader.u16()?);
        if count > T::COUNT_MAX {
            return None;
        }
        let start = reader.0;
        for _ in 0..count {
            T::read(reader)?;
        }
        let length = start.len() - reader.0.len();
        Some(Self::Received(count, start.get(..length)?))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let count = self.len().min(T::COUNT_MAX);
        out.extend(u16::try_from(count).unwrap_or(u16::MAX).to_le_bytes());
        for item in self.iter().take(count) {
            item.write(out);
        }
    }
}

/// A row of a vector: a node and its members of the swarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeRow {
    /// The node.
    pub node: NodeId,
    /// Its members.
    pub population: Population,
}

impl WireItem<'_> for NodeRow {
    const COUNT_MAX: usize = super::NODES_MAX;

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            node: NodeId::new(reader.u64()?),
            population: read_population(reader)?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.node.to_bits().to_le_bytes());
        out.extend(self.population.to_bytes());
    }
}

pub(super) fn read_population(reader: &mut Reader<'_>) -> Option<Population> {
    Some(Population {
        seeders: reader.u32()?,
        leechers: reader.u32()?,
        http_seeders: reader.u32()?,
        http_leechers: reader.u32()?,
    })
}

/// One offer of an announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireOffer<'a> {
    /// Its identifier.
    pub offer_id: OfferId,
    /// The SDP as a raw JSON string. The caller checks it before it sends it to a client.
    pub sdp: &'a [u8],
}

impl<'a> WireItem<'a> for WireOffer<'a> {
    const COUNT_MAX: usize = super::OFFERS_PER_ENTRY_MAX;

    fn read(reader: &mut Reader<'a>) -> Option<Self> {
        Some(Self {
            offer_id: OfferId::new(reader.array()?),
            sdp: reader.counted()?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.offer_id.as_bytes());
        write_counted(self.sdp, out);
    }
}

/// A peer that announces over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpPeer {
    /// Where it accepts connections.
    pub endpoint: Endpoint,
    /// Its `peer_id`.
    pub peer_id: PeerId,
}

impl WireItem<'_> for HttpPeer {
    const COUNT_MAX: usize = super::HTTP_PEERS_PER_ENTRY_MAX;

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let endpoint = match reader.u8()? {
            4 => Endpoint::V4(reader.array()?),
            6 => Endpoint::V6(reader.array()?),
            _ => return None,
        };
        Some(Self {
            endpoint,
            peer_id: PeerId::new(reader.array()?),
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self.endpoint {
            Endpoint::V4(bytes) => {
                out.push(4);
                out.extend(bytes);
            }
            Endpoint::V6(bytes) => {
                out.push(6);
                out.extend(bytes);
            }
        }
        out.extend(self.peer_id.as_bytes());
    }
}
