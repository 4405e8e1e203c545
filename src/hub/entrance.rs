//! Where each connection came in, for the counts by address family and by listener.
//!
//! Apart from the entries, because it is looked at only when a connection comes and when it goes.

use std::net::IpAddr;

use super::Visitor;
use crate::insight::{Level, Levels};
use crate::protocol::ConnectionId;

/// Where a connection came in.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Entrance {
    family: Family,
    listener: u16,
}

#[derive(Debug, Clone, Copy, Default)]
enum Family {
    Ipv4,
    Ipv6,
    #[default]
    Unix,
}

impl Entrance {
    pub(super) fn of(visitor: &Visitor) -> Self {
        Self {
            family: match visitor.address {
                Some(IpAddr::V4(_)) => Family::Ipv4,
                Some(IpAddr::V6(_)) => Family::Ipv6,
                None => Family::Unix,
            },
            listener: visitor.listener,
        }
    }

    /// Under what it is counted.
    pub(super) fn levels(self, levels: &Levels) -> impl Iterator<Item = &Level> {
        let family = match self.family {
            Family::Ipv4 => &levels.ipv4,
            Family::Ipv6 => &levels.ipv6,
            Family::Unix => &levels.unix,
        };
        let listener = levels.listeners.get(usize::from(self.listener));
        [Some(family), listener].into_iter().flatten()
    }
}

/// Those of all connections of a hub, by their slots.
#[derive(Debug, Default)]
pub(super) struct Entrances(Vec<Entrance>);

impl Entrances {
    pub(super) fn note(&mut self, id: ConnectionId, entrance: Entrance) {
        if self.0.len() <= id.slot() {
            self.0.resize(id.slot() + 1, Entrance::default());
        }
        if let Some(place) = self.0.get_mut(id.slot()) {
            *place = entrance;
        }
    }

    pub(super) fn of(&self, id: ConnectionId) -> Entrance {
        self.0.get(id.slot()).copied().unwrap_or_default()
    }

    /// Frees what no slot below this number needs.
    pub(super) fn shrink_to(&mut self, slots: usize) {
        self.0.truncate(slots);
        self.0.shrink_to_fit();
    }
}
