//! Tells packets apart by their first bytes, and finds their ends in a stream (RFC 8656, section 12.5).

use crate::ice::message::{ALLOCATE, BINDING, CHANNEL_BIND, CREATE_PERMISSION, REFRESH, SEND};

const STUN_HEADER_BYTES: usize = 20;
/// The header of `ChannelData`: a channel number and the length of the data.
pub(super) const CHANNEL_HEADER_BYTES: usize = 4;
/// The longest packet in a stream. Browsers send at most 1,300 bytes.
pub const STREAM_PACKET_BYTES_MAX: usize = 2048;

/// What a packet is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacketKind {
    /// A STUN Binding request, for the STUN server.
    Binding,
    /// A TURN request, for `TurnRelay::respond`.
    Request,
    /// A Send indication or `ChannelData`, for `TurnRelay::forward`.
    Data,
    /// Any other packet. It is dropped.
    Unknown,
}

impl PacketKind {
    /// Looks at the first bytes only.
    #[must_use]
    pub fn of(packet: &[u8]) -> Self {
        let Some(&[high, low]) = packet.first_chunk() else {
            return Self::Unknown;
        };
        match u16::from_be_bytes([high, low]) {
            BINDING => Self::Binding,
            ALLOCATE | REFRESH | CREATE_PERMISSION | CHANNEL_BIND => Self::Request,
            SEND_INDICATION | 0x4000..=0x4fff => Self::Data,
            _ => Self::Unknown,
        }
    }
}

/// The method with the bit of indications. The types of requests are their methods.
const SEND_INDICATION: u16 = SEND | 0x010;

/// The first packet in the received bytes of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamPacket {
    /// More bytes are needed.
    Incomplete,
    /// A packet of so many bytes, and so many with its padding.
    Complete {
        /// The packet itself, as `TurnRelay` takes it.
        bytes: usize,
        /// What to remove from the stream.
        padded: usize,
    },
    /// The stream is not one of packets, or a packet is too long. It must be closed.
    Invalid,
}

impl StreamPacket {
    /// Finds the end of the first packet.
    #[must_use]
    pub fn find(stream: &[u8]) -> Self {
        let Some(&[first, _, length_high, length_low]) = stream.first_chunk() else {
            return match stream.first() {
                Some(0x50..) => Self::Invalid,
                _ => Self::Incomplete,
            };
        };
        let length = usize::from(u16::from_be_bytes([length_high, length_low]));
        let bytes = match first {
            0..0x40 if length.is_multiple_of(4) => STUN_HEADER_BYTES + length,
            0x40..0x50 => CHANNEL_HEADER_BYTES + length,
            _ => return Self::Invalid,
        };
        let padded = bytes.next_multiple_of(4);
        if padded > STREAM_PACKET_BYTES_MAX {
            return Self::Invalid;
        }
        if stream.len() < padded {
            return Self::Incomplete;
        }
        Self::Complete { bytes, padded }
    }
}
