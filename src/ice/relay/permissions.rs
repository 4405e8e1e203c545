//! `CreatePermission` and `ChannelBind`: whom an allocation may reach, and how (RFC 8656, sections 10 and 12).

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::TurnRelay;
use super::allocation::{AllocationId, PeerName};
use super::outcome::TurnRefusal;
use super::respond::Granted;
use crate::ice::message::{CHANNEL_NUMBER, Message, XOR_PEER_ADDRESS};

impl TurnRelay {
    /// Permits the peers of a request, none if one is malformed. Peers that are not allocations of this server get a
    /// success too: a browser asks for each candidate of the other side, and an error may make it give up the relay.
    pub(super) fn create_permission(
        &mut self,
        request: &Message<'_>,
        own: AllocationId,
        now: Duration,
    ) -> Result<Granted, TurnRefusal> {
        let attributes = || request.signed_attributes();
        let values = || attributes().filter(|&(kind, _)| kind == XOR_PEER_ADDRESS);
        if values().next().is_none() {
            return Err(TurnRefusal::BadRequest);
        }
        for (_, value) in values() {
            read_peer(request, value)?;
        }
        for (_, value) in values() {
            let peer = read_peer(request, value)?;
            if peer.ip() != IpAddr::V4(self.relay_ip) {
                continue;
            }
            let name = self.peer_name(peer, now);
            let allocation = self.table.get_mut(own);
            let allocation = allocation.ok_or(TurnRefusal::AllocationMismatch)?;
            allocation.permit_sending(now);
            if let Some(name) = name {
                allocation.peers.permit(name, now)?;
            }
        }
        Ok(Granted::Permission)
    }

    pub(super) fn bind_channel(
        &mut self,
        request: &Message<'_>,
        own: AllocationId,
        now: Duration,
    ) -> Result<Granted, TurnRefusal> {
        let (Some(number), Some(peer)) =
            (request.find(CHANNEL_NUMBER), request.find(XOR_PEER_ADDRESS))
        else {
            return Err(TurnRefusal::BadRequest);
        };
        let &[high, low, _, _] = number else {
            return Err(TurnRefusal::BadRequest);
        };
        let channel = u16::from_be_bytes([high, low]);
        if !(0x4000..=0x4fff).contains(&channel) {
            return Err(TurnRefusal::BadRequest);
        }
        let peer = read_peer(request, peer)?;
        let name = self.peer_name(peer, now);
        let name = name.ok_or(TurnRefusal::ForbiddenPeer)?;
        let own = self.table.get_mut(own);
        let own = own.ok_or(TurnRefusal::AllocationMismatch)?;
        own.peers.bind(channel, name, now)?;
        own.permit_sending(now);
        Ok(Granted::Channel)
    }

    /// Returns the living allocation with a relay address.
    pub(super) fn peer_name(&self, address: SocketAddr, now: Duration) -> Option<PeerName> {
        if address.ip() != IpAddr::V4(self.relay_ip) {
            return None;
        }
        let peer = self.table.with_port(address.port(), now)?;
        Some(peer.name)
    }
}

/// Reads an IPv4 address.
fn read_peer(request: &Message<'_>, value: &[u8]) -> Result<SocketAddr, TurnRefusal> {
    let peer = request.unmask(value).ok_or(TurnRefusal::BadRequest)?;
    if peer.is_ipv4() {
        Ok(peer)
    } else {
        Err(TurnRefusal::PeerFamily)
    }
}
