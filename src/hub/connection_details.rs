//! Stores operator-facing details of each connection: open time, listener, network prefix and unfinished bytes.
//!
//! Sixteen bytes for each connection, stored apart from its entry, so that handling a message does not load them.

use std::time::Duration;

use crate::metrics::{Gauge, WorkerGauges};
use crate::node::{ClientInfo, NetworkPrefix};
use crate::protocol::AddressFamily;

/// The details of one connection.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ConnectionDetails {
    /// When it opened, in seconds since the process started.
    opened_at_second: u32,
    /// The number of the listener.
    listener: u16,
    /// Bytes received of an unfinished message, in [`UNFINISHED_UNIT_BYTES`]s.
    unfinished_units: u16,
    pub(super) network: NetworkPrefix,
}

const _: () = assert!(size_of::<ConnectionDetails>() == 16);

/// Unit in bytes for unfinished messages, so that the longest (`connection.message_bytes_max`) fits into two bytes.
const UNFINISHED_UNIT_BYTES: usize = 256;

impl ConnectionDetails {
    pub(super) fn new(client: &ClientInfo, now: Duration) -> Self {
        Self {
            listener: client.listener,
            opened_at_second: u32::try_from(now.as_secs()).unwrap_or(u32::MAX),
            unfinished_units: 0,
            network: NetworkPrefix::of_address(client.address.ip()),
        }
    }

    /// Sets how many bytes of an unfinished message are stored.
    pub(super) fn set_unfinished_bytes(&mut self, bytes: usize) {
        self.unfinished_units =
            u16::try_from(bytes.div_ceil(UNFINISHED_UNIT_BYTES)).unwrap_or(u16::MAX);
    }

    /// Returns those bytes, rounded up to [`UNFINISHED_UNIT_BYTES`].
    pub(super) fn unfinished_bytes(self) -> usize {
        usize::from(self.unfinished_units) * UNFINISHED_UNIT_BYTES
    }

    /// Returns the gauges that count it: those of its address family, its listener and loopback.
    pub(super) fn gauges(self, levels: &WorkerGauges) -> impl Iterator<Item = &Gauge> {
        let family = match self.network.family() {
            AddressFamily::Ipv4 => &levels.ipv4,
            AddressFamily::Ipv6 => &levels.ipv6,
            AddressFamily::Unix => &levels.unix,
        };
        let listener = levels.listeners.get(usize::from(self.listener));
        let loopback = self.network.is_loopback().then_some(&levels.loopback);
        [Some(family), listener, loopback].into_iter().flatten()
    }

    /// Returns how long it has been open, to the second.
    pub(super) fn age(self, now: Duration) -> Duration {
        now.saturating_sub(Duration::from_secs(u64::from(self.opened_at_second)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_of_a_connection_counts_whole_seconds() {
        let details = ConnectionDetails::new(&ClientInfo::default(), Duration::from_millis(1900));
        assert_eq!(details.age(Duration::from_secs(5)), Duration::from_secs(4));
    }
}
