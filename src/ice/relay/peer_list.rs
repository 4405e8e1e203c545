//! The peers of one allocation: permissions and channels.

use std::time::Duration;

use super::allocation::{AllocationId, PeerName};
use super::deadline::Deadline;
use super::outcome::TurnRefusal;

/// RFC 8656, section 9.
pub(super) const PERMISSION_SECONDS: u32 = 300;
/// RFC 8656, section 12.
const CHANNEL_SECONDS: u32 = 600;
/// A browser has an allocation for each connection, which meets a few relay addresses of one other browser.
const PEERS_MAX: usize = 32;
/// Stands for no channel: channel numbers begin with 0x4000.
const NO_CHANNEL: u16 = 0;

/// The form in which a client gets data.
#[derive(Debug, Clone, Copy)]
pub(super) enum DataForm {
    /// `ChannelData` with this number.
    Channel(u16),
    /// A Data indication.
    Indication,
}

/// At most `PEERS_MAX` peers. Each port is there once, and each channel that has not expired.
#[derive(Debug, Default)]
pub(super) struct PeerList(Vec<RelayPeer>);

/// A permission and a channel. Either may have expired.
#[derive(Debug, Clone, Copy)]
struct RelayPeer {
    name: PeerName,
    permitted_until: Deadline,
    channel: u16,
    bound_until: Deadline,
}

impl RelayPeer {
    const fn new(name: PeerName) -> Self {
        Self {
            name,
            permitted_until: Deadline::PAST,
            channel: NO_CHANNEL,
            bound_until: Deadline::PAST,
        }
    }

    fn is_permitted(&self, now: Duration) -> bool {
        !self.permitted_until.has_passed(now)
    }

    fn living_channel(&self, now: Duration) -> Option<u16> {
        let is_bound = self.channel != NO_CHANNEL && !self.bound_until.has_passed(now);
        is_bound.then_some(self.channel)
    }
}

impl PeerList {
    /// Permits a peer to send to this client.
    pub(super) fn permit(&mut self, peer: PeerName, now: Duration) -> Result<(), TurnRefusal> {
        self.entry(peer, now)?.permitted_until = Deadline::after(PERMISSION_SECONDS, now);
        Ok(())
    }

    /// Binds a channel to a peer, or renews the binding, and permits the peer.
    pub(super) fn bind(
        &mut self,
        channel: u16,
        peer: PeerName,
        now: Duration,
    ) -> Result<(), TurnRefusal> {
        let contradicts = |known: &RelayPeer| {
            let bound = known.living_channel(now);
            let is_same_channel = bound == Some(channel);
            let is_same_port = bound.is_some() && known.name.port == peer.port;
            is_same_channel != is_same_port
        };
        if self.0.iter().any(contradicts) {
            return Err(TurnRefusal::BadRequest);
        }
        let known = self.entry(peer, now)?;
        known.permitted_until = Deadline::after(PERMISSION_SECONDS, now);
        known.channel = channel;
        known.bound_until = Deadline::after(CHANNEL_SECONDS, now);
        Ok(())
    }

    /// Returns the peer that a channel is bound to.
    pub(super) fn of_channel(&self, channel: u16, now: Duration) -> Option<AllocationId> {
        let mut peers = self.0.iter();
        let peer = peers.find(|peer| peer.living_channel(now) == Some(channel))?;
        Some(peer.name.id)
    }

    /// Returns the form in which this client gets packets of another allocation; `None` if it does not permit them.
    pub(super) fn form_from(&self, sender: AllocationId, now: Duration) -> Option<DataForm> {
        let peer = self.0.iter().find(|peer| peer.name.id == sender)?;
        let channel = peer.living_channel(now);
        let form = channel.map_or(DataForm::Indication, DataForm::Channel);
        peer.is_permitted(now).then_some(form)
    }

    /// Returns the entry of a peer. It is a new one if the port belonged to an allocation that has ended.
    fn entry(&mut self, peer: PeerName, now: Duration) -> Result<&mut RelayPeer, TurnRefusal> {
        let is_same_port = |known: &RelayPeer| known.name.port == peer.port;
        let place = self.0.iter().position(is_same_port);
        let place = place.unwrap_or_else(|| self.free_place(now));
        if place >= PEERS_MAX {
            return Err(TurnRefusal::TooManyPeers);
        }
        if place >= self.0.len() {
            self.0.push(RelayPeer::new(peer));
        }
        let known = self.0.get_mut(place).ok_or(TurnRefusal::TooManyPeers)?;
        if known.name.id != peer.id {
            *known = RelayPeer::new(peer);
        }
        Ok(known)
    }

    /// Returns the index of an expired entry, or one behind the last entry.
    fn free_place(&self, now: Duration) -> usize {
        let is_expired =
            |peer: &RelayPeer| !peer.is_permitted(now) && peer.living_channel(now).is_none();
        let place = self.0.iter().position(is_expired);
        place.unwrap_or(self.0.len())
    }
}
