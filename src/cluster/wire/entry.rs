//! Defines the entries of batches. An entry is one byte for its type, its length in four bytes, and its fields.

use super::InvalidMessage;
use super::list::{HttpPeer, List, NodeRow, WireOffer, read_population};
use super::reader::{Reader, write_counted};
use crate::cluster::{Population, Slot};
use crate::protocol::{ConnectionId, InfoHash, OfferId, PeerId};

/// One message between two nodes.
#[derive(Debug, Clone, Copy)]
pub enum Entry<'a> {
    /// "I have these members of the swarm." Zero means that the sender has left it.
    Register {
        /// The swarm.
        info_hash: InfoHash,
        /// The members.
        population: Population,
        /// Grows with each entry of the sender, so that a late one is recognised.
        sequence: u64,
        /// What the owner does besides.
        flags: RegisterFlags,
    },
    /// "These other nodes have members of the swarm."
    Vector {
        /// The swarm.
        info_hash: InfoHash,
        /// Grows with each vector of the sender, so that a late one is recognised.
        version: u64,
        /// The sender does not know all nodes yet: keep rows that are not listed.
        is_provisional: bool,
        /// The other nodes.
        rows: List<'a, NodeRow>,
    },
    /// "Give each of these to a different member of yours."
    Offer {
        /// The swarm.
        info_hash: InfoHash,
        /// The offering peer.
        from: PeerId,
        /// Its connection on its node.
        connection: ConnectionId,
        /// How they are given.
        flags: OfferFlags,
        /// The offers.
        offers: List<'a, WireOffer<'a>>,
    },
    /// The answer to an offer, for the node of the offering peer.
    Answer {
        /// The swarm.
        info_hash: InfoHash,
        /// The connection of the offering peer.
        connection: ConnectionId,
        /// The offering peer.
        to: PeerId,
        /// The answering peer.
        from: PeerId,
        /// The offer that is answered.
        offer_id: OfferId,
        /// The SDP as a raw JSON string.
        sdp: &'a [u8],
    },
    /// "Register all your swarms of this slot with me again."
    Sync {
        /// The slot.
        slot: Slot,
    },
    /// "All my swarms of this slot are registered."
    SyncEnd {
        /// The slot.
        slot: Slot,
        /// Rows of the sender with a lower sequence number are outdated.
        first_sequence: u64,
        /// The number of its rows.
        count: u32,
    },
    /// What the sender believes about a slot of the receiver: its rows, and their vectors.
    Digest {
        /// The slot.
        slot: Slot,
        /// The number of rows of the sender.
        count: u32,
        /// The sum of the hashes of these rows.
        rows: u64,
        /// The sum of the hashes of the rows of others in its vectors.
        vectors: u64,
    },
    /// "A batch was lost: send me digests of all slots that I own."
    Check,
    /// "Name me peers of this swarm that announce over HTTP."
    ListHttpPeers {
        /// The swarm.
        info_hash: InfoHash,
        /// Chosen by the sender.
        request: u32,
        /// The number of wanted peers.
        wanted: u16,
    },
    /// The answer to [`Entry::ListHttpPeers`].
    HttpPeers {
        /// The swarm.
        info_hash: InfoHash,
        /// The request.
        request: u32,
        /// The peers.
        peers: List<'a, HttpPeer>,
    },
}

/// What the owner does with a registration, besides storing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RegisterFlags {
    /// It sends the vector at once.
    pub wants_vector: bool,
    /// The population has not changed: the swarm is registered again, and a [`Entry::SyncEnd`] follows.
    pub is_repeated: bool,
}

/// How offers are given to members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OfferFlags {
    /// The offering peer is a seeder.
    pub is_seeder: bool,
    /// Nobody was there to take them; they are back at the node of the offering peer.
    pub is_returned: bool,
    /// They were returned once: they are not returned again.
    pub is_final: bool,
}

impl<'a> Entry<'a> {
    const fn kind(&self) -> u8 {
        match self {
            Self::Register { .. } => 1,
            Self::Vector { .. } => 2,
            Self::Offer { .. } => 3,
            Self::Answer { .. } => 4,
            Self::Sync { .. } => 5,
            Self::SyncEnd { .. } => 6,
            Self::Digest { .. } => 7,
            Self::Check => 8,
            Self::ListHttpPeers { .. } => 9,
            Self::HttpPeers { .. } => 10,
        }
    }

    /// Appends the entry to the body of a batch.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(self.kind());
        let length_at = out.len();
        out.extend([0; 4]);
        self.write_fields(out);
        let length = u32::try_from(out.len() - length_at - 4).unwrap_or(u32::MAX);
        if let Some(place) = out.get_mut(length_at..length_at + 4) {
            place.copy_from_slice(&length.to_le_bytes());
        }
    }

    fn write_fields(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Register {
                info_hash,
                population,
                sequence,
                flags,
            } => {
                out.extend(info_hash.as_bytes());
                out.extend(population.to_bytes());
                out.extend(sequence.to_le_bytes());
                out.push(u8::from(flags.wants_vector) | u8::from(flags.is_repeated) << 1);
            }
            Self::Vector {
                info_hash,
                version,
                is_provisional,
                rows,
            } => {
                out.extend(info_hash.as_bytes());
                out.extend(version.to_le_bytes());
                out.push(u8::from(is_provisional));
                rows.write(out);
            }
            Self::Offer { .. } | Self::Answer { .. } => self.write_signalling(out),
            Self::Sync { slot } => out.extend(slot.0.to_le_bytes()),
            Self::SyncEnd {
                slot,
                first_sequence,
                count,
            } => {
                out.extend(slot.0.to_le_bytes());
                out.extend(first_sequence.to_le_bytes());
                out.extend(count.to_le_bytes());
            }
            Self::Digest {
                slot,
                count,
                rows,
                vectors,
            } => {
                out.extend(slot.0.to_le_bytes());
                out.extend(count.to_le_bytes());
                out.extend(rows.to_le_bytes());
                out.extend(vectors.to_le_bytes());
            }
            Self::Check => {}
            Self::ListHttpPeers {
                info_hash,
                request,
                wanted,
            } => {
                out.extend(info_hash.as_bytes());
                out.extend(request.to_le_bytes());
                out.extend(wanted.to_le_bytes());
            }
            Self::HttpPeers {
                info_hash,
                request,
                peers,
            } => {
                out.extend(info_hash.as_bytes());
                out.extend(request.to_le_bytes());
                peers.write(out);
            }
        }
    }

    fn write_signalling(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Offer {
                info_hash,
                from,
                connection,
                flags,
                offers,
            } => {
                out.extend(info_hash.as_bytes());
                out.extend(from.as_bytes());
                out.extend(connection.to_bits().to_le_bytes());
                let returned = u8::from(flags.is_returned) << 1;
                out.push(u8::from(flags.is_seeder) | returned | u8::from(flags.is_final) << 2);
                offers.write(out);
            }
            Self::Answer {
                info_hash,
                connection,
                to,
                from,
                offer_id,
                sdp,
            } => {
                out.extend(info_hash.as_bytes());
                out.extend(connection.to_bits().to_le_bytes());
                out.extend(to.as_bytes());
                out.extend(from.as_bytes());
                out.extend(offer_id.as_bytes());
                write_counted(sdp, out);
            }
            _ => {}
        }
    }

    /// Reads the next entry. `Ok(None)` if it was of an unknown type.
    ///
    /// # Errors
    ///
    /// Its length or its fields are wrong. If only the fields are wrong, the reader is behind it.
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Option<Self>, InvalidMessage> {
        let kind = reader.u8().ok_or(InvalidMessage::Malformed)?;
        let Some(fields) = reader.counted() else {
            reader.0 = &[];
            return Err(InvalidMessage::Malformed);
        };
        let fields = &mut Reader(fields);
        let entry = match kind {
            1..=2 => Self::read_directory(kind, fields),
            3..=4 => Self::read_signalling(kind, fields),
            5..=8 => Self::read_sync(kind, fields),
            9..=10 => Self::read_http(kind, fields),
            _ => return Ok(None),
        };
        entry.map(Some).ok_or(InvalidMessage::Malformed)
    }

    fn read_directory(kind: u8, fields: &mut Reader<'a>) -> Option<Self> {
        let info_hash = fields.info_hash()?;
        if kind == 1 {
            let (population, sequence) = (read_population(fields)?, fields.u64()?);
            let bits = fields.u8()?;
            let flags = RegisterFlags {
                wants_vector: bits & 1 != 0,
                is_repeated: bits & 2 != 0,
            };
            return Some(Self::Register {
                info_hash,
                population,
                sequence,
                flags,
            });
        }
        Some(Self::Vector {
            info_hash,
            version: fields.u64()?,
            is_provisional: fields.u8()? & 1 != 0,
            rows: List::read(fields)?,
        })
    }

    fn read_signalling(kind: u8, fields: &mut Reader<'a>) -> Option<Self> {
        let info_hash = fields.info_hash()?;
        if kind == 3 {
            let from = PeerId::new(fields.array()?);
            let connection = ConnectionId::from_bits(fields.u64()?);
            let bits = fields.u8()?;
            let flags = OfferFlags {
                is_seeder: bits & 1 != 0,
                is_returned: bits & 2 != 0,
                is_final: bits & 4 != 0,
            };
            return Some(Self::Offer {
                info_hash,
                from,
                connection,
                flags,
                offers: List::read(fields)?,
            });
        }
        Some(Self::Answer {
            info_hash,
            connection: ConnectionId::from_bits(fields.u64()?),
            to: PeerId::new(fields.array()?),
            from: PeerId::new(fields.array()?),
            offer_id: OfferId::new(fields.array()?),
            sdp: fields.counted()?,
        })
    }

    fn read_sync(kind: u8, fields: &mut Reader<'a>) -> Option<Self> {
        if kind == 8 {
            return Some(Self::Check);
        }
        let slot = Slot(fields.u16()?);
        Some(match kind {
            5 => Self::Sync { slot },
            6 => Self::SyncEnd {
                slot,
                first_sequence: fields.u64()?,
                count: fields.u32()?,
            },
            _ => Self::Digest {
                slot,
                count: fields.u32()?,
                rows: fields.u64()?,
                vectors: fields.u64()?,
            },
        })
    }

    fn read_http(kind: u8, fields: &mut Reader<'a>) -> Option<Self> {
        let (info_hash, request) = (fields.info_hash()?, fields.u32()?);
        if kind == 9 {
            let wanted = fields.u16()?;
            return Some(Self::ListHttpPeers {
                info_hash,
                request,
                wanted,
            });
        }
        Some(Self::HttpPeers {
            info_hash,
            request,
            peers: List::read(fields)?,
        })
    }
}
