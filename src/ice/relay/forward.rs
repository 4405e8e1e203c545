//! Relays packets: from a Send indication or `ChannelData` of one client to the form that the other one expects.
//!
//! Nothing is allocated for a packet. Between two channels only the number changes, in place; otherwise the packet is
//! written into a buffer that is used again.

use std::time::Duration;

use super::TurnRelay;
use super::allocation::{Allocation, AllocationId};
use super::five_tuple::{ClientTransport, FiveTuple};
use super::framing::CHANNEL_HEADER_BYTES;
use super::outcome::RelayDrop;
use super::packet_in::PacketIn;
use super::peer_list::DataForm;
use super::usage::Owner;
use crate::ice::message::{Class, DATA, DATA_INDICATION, MessageWriter, XOR_PEER_ADDRESS};

/// A packet for another client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayedPacket<'a> {
    /// The client that gets it.
    pub to: &'a FiveTuple,
    /// The packet, without padding.
    pub bytes: &'a [u8],
    /// Zero bytes to be sent after it. Only streams have any.
    pub padding: usize,
}

/// Where a packet goes, and in which form.
struct Route {
    receiver: AllocationId,
    form: DataForm,
    /// For whom the packet counts.
    owner: Owner,
    /// The relay port of the sender.
    from_port: u16,
}

impl TurnRelay {
    /// Relays a packet of a client. What is returned borrows from `packet` or from `buffer`, which is overwritten.
    ///
    /// # Errors
    ///
    /// The packet is dropped: it is malformed, not permitted, or over a limit.
    pub fn forward<'a>(
        &'a mut self,
        client: &FiveTuple,
        packet: &'a mut [u8],
        buffer: &'a mut Vec<u8>,
        now: Duration,
    ) -> Result<RelayedPacket<'a>, RelayDrop> {
        let bytes_received = packet.len();
        let packet_in = PacketIn::read(packet, self.relay_ip)?;
        let route = self.find_route(client, &packet_in, now)?;
        self.usage
            .charge(route.owner, bytes_received, &self.policy, now)?;
        let bytes = match (packet_in, route.form) {
            (PacketIn::Channel { length, .. }, DataForm::Channel(channel)) => {
                let bytes = packet.get_mut(..CHANNEL_HEADER_BYTES + length);
                let bytes = bytes.ok_or(RelayDrop::Malformed)?;
                for (place, byte) in bytes.iter_mut().zip(channel.to_be_bytes()) {
                    *place = byte;
                }
                &*bytes
            }
            (PacketIn::Send { data, .. }, DataForm::Channel(channel)) => {
                write_channel_data(buffer, channel, data);
                buffer
            }
            (PacketIn::Send { data, .. }, DataForm::Indication) => {
                self.write_indication(buffer, route.from_port, data);
                buffer
            }
            (PacketIn::Channel { length, .. }, DataForm::Indication) => {
                let data = packet.get(CHANNEL_HEADER_BYTES..CHANNEL_HEADER_BYTES + length);
                let data = data.ok_or(RelayDrop::Malformed)?;
                self.write_indication(buffer, route.from_port, data);
                buffer
            }
        };
        let receiver = self.table.get(route.receiver).ok_or(RelayDrop::NoPeer)?;
        let to = &receiver.client;
        let padding = match to.transport {
            ClientTransport::Udp => 0,
            ClientTransport::Stream(_) => bytes.len().next_multiple_of(4) - bytes.len(),
        };
        Ok(RelayedPacket { to, bytes, padding })
    }

    /// Returns the route of a packet that both sides permit.
    fn find_route(
        &mut self,
        client: &FiveTuple,
        packet: &PacketIn<'_>,
        now: Duration,
    ) -> Result<Route, RelayDrop> {
        let sender = self.table.find_alive(client, now);
        let sender = sender.ok_or(RelayDrop::NoAllocation)?;
        let (sender_name, owner) = (sender.name, sender.owner);
        let peer = match *packet {
            PacketIn::Channel { channel, .. } => {
                let peer = sender.peers.of_channel(channel, now);
                let peer = self.table.get(peer.ok_or(RelayDrop::NoChannel)?);
                peer.filter(|peer| peer.is_alive(now))
            }
            PacketIn::Send { .. } if !sender.may_send(now) => return Err(RelayDrop::NotPermitted),
            PacketIn::Send { peer, .. } => self.table.with_port(peer, now),
        };
        let peer: &Allocation = peer.ok_or(RelayDrop::NoPeer)?;
        let peer_name = peer.name;
        let form = peer.peers.form_from(sender_name.id, now);
        if let PacketIn::Send { .. } = packet
            && let Some(sender) = self.table.get_mut(sender_name.id)
        {
            // Without a free place only the answers are dropped.
            let _ = sender.peers.permit(peer_name, now);
        }
        Ok(Route {
            receiver: peer_name.id,
            form: form.ok_or(RelayDrop::NotPermittedByPeer)?,
            owner,
            from_port: sender_name.port,
        })
    }

    fn write_indication(&mut self, buffer: &mut Vec<u8>, from_port: u16, data: &[u8]) {
        self.indications = self.indications.wrapping_add(1);
        let mut transaction_id = [0; 12];
        for (place, byte) in transaction_id
            .iter_mut()
            .zip(self.indications.to_be_bytes())
        {
            *place = byte;
        }
        let mut writer =
            MessageWriter::begin(buffer, DATA_INDICATION, Class::Indication, transaction_id);
        writer.xor_address(XOR_PEER_ADDRESS, self.relay_address(from_port));
        writer.attribute(DATA, data);
        writer.finish(false);
    }
}

fn write_channel_data(buffer: &mut Vec<u8>, channel: u16, data: &[u8]) {
    let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
    buffer.clear();
    buffer.extend_from_slice(&channel.to_be_bytes());
    buffer.extend_from_slice(&length.to_be_bytes());
    buffer.extend_from_slice(data);
}
