//! Reads packets to be relayed: `ChannelData` (RFC 8656, section 12.4) and Send indications (section 11).

use std::net::Ipv4Addr;

use super::outcome::RelayDrop;
use super::respond::KNOWN;
use crate::ice::message::{Class, DATA, Message, SEND, XOR_PEER_ADDRESS};

/// A received packet.
pub(super) enum PacketIn<'a> {
    /// `ChannelData` with so many bytes of data.
    Channel { channel: u16, length: usize },
    /// The data of a Send indication.
    Send { data: &'a [u8], peer: u16 },
}

impl<'a> PacketIn<'a> {
    /// Reads a packet of a client.
    pub(super) fn read(packet: &'a [u8], relay_ip: Ipv4Addr) -> Result<Self, RelayDrop> {
        let (&[high, low, length_high, length_low], data) =
            packet.split_first_chunk().ok_or(RelayDrop::Malformed)?;
        if matches!(high, 0x40..=0x4f) {
            let length = usize::from(u16::from_be_bytes([length_high, length_low]));
            // A datagram may have padding, too.
            if length > data.len() {
                return Err(RelayDrop::Malformed);
            }
            let channel = u16::from_be_bytes([high, low]);
            return Ok(Self::Channel { channel, length });
        }
        let message = Message::parse(packet).ok_or(RelayDrop::Malformed)?;
        let is_send = message.class == Class::Indication && message.method == SEND;
        if !is_send || message.unknown_signed_attributes(&KNOWN).next().is_some() {
            return Err(RelayDrop::Malformed);
        }
        let (Some(peer), Some(data)) = (message.find(XOR_PEER_ADDRESS), message.find(DATA)) else {
            return Err(RelayDrop::Malformed);
        };
        let peer = message.unmask(peer).ok_or(RelayDrop::Malformed)?;
        if peer.ip() != relay_ip {
            return Err(RelayDrop::NoPeer);
        }
        let peer = peer.port();
        Ok(Self::Send { data, peer })
    }
}
