//! Gives views and counts access to single members of a swarm: WebSocket members first, then HTTP members.

use super::{Role, Swarm};
use crate::protocol::http::Endpoint;
use crate::protocol::{ConnectionId, PeerId};

/// A member as shown in a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// Its announced `peer_id`.
    pub peer_id: PeerId,
    /// Seeder or leecher.
    pub role: Role,
    /// How it announces.
    pub way: Way,
}

/// How a member announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Over this WebSocket.
    WebSocket(ConnectionId),
    /// Over HTTP.
    Http {
        /// The endpoint where it accepts connections.
        at: Endpoint,
        /// Time of its last announce, in seconds since the process started.
        heard: u32,
    },
}

impl Swarm {
    /// Returns the number of all members.
    #[must_use]
    pub fn len(&self) -> usize {
        let http = self.http.as_ref().map_or(0, |http| http.len());
        self.members.len() + http
    }

    /// Returns the member at one of [`Self::len`] positions. WebSocket members come before HTTP members; in each kind
    /// leechers come before seeders. A position is valid until a member joins, leaves or changes its role.
    #[must_use]
    pub fn shown_at(&self, position: usize) -> Option<Shown> {
        if let Some((member, role)) = self.members.role_at(position) {
            return Some(Shown {
                peer_id: member.peer_id,
                role,
                way: Way::WebSocket(member.connection),
            });
        }
        let position = position.checked_sub(self.members.len())?;
        self.http.as_ref()?.shown_at(position)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::swarm::{Claim, Group, HttpSaid, Member};

    #[test]
    fn every_member_has_one_place_however_it_announces() {
        let mut swarm = Swarm::default();
        assert_eq!((swarm.len(), swarm.shown_at(0)), (0, None));
        let claims = [Claim::Seeder, Claim::Leecher, Claim::Seeder];
        let mut expected = Vec::new();
        for (number, claim) in (0..).zip(claims) {
            let member = Member {
                connection: ConnectionId::new(0, number, 0),
                peer_id: PeerId::new([1; 20]),
            };
            let group = Group::of_connection(member.connection);
            swarm.join((member, group), claim, false, Duration::ZERO);
            expected.push((Way::WebSocket(member.connection), claim));
        }
        for address in ["192.0.2.1", "2001:db8::1"] {
            for (port, claim) in (1..).zip(claims) {
                let update = HttpSaid {
                    peer_id: PeerId::new([2; 20]),
                    key: None,
                    claim,
                    completed: false,
                    at: port.into(),
                    stale_before: 0,
                };
                let port = std::num::NonZeroU16::new(port).expect("not 0");
                let at = Endpoint::new(address.parse().expect("an address"), port);
                swarm.http_join(&at, update, (None, None));
                let heard = update.at;
                expected.push((Way::Http { at, heard }, claim));
            }
        }
        assert_eq!(swarm.len(), 9);
        let shown: Vec<_> = (0..9)
            .filter_map(|position| swarm.shown_at(position))
            .collect();
        assert_eq!(swarm.shown_at(9), None);
        for (way, claim) in expected {
            let has_transport = |shown: &&Shown| shown.way == way;
            let mut found = shown.iter().filter(has_transport);
            let one = found.next().expect("it is shown");
            assert_eq!(found.next(), None, "{way:?} is shown twice");
            let id = if matches!(way, Way::Http { .. }) {
                2
            } else {
                1
            };
            assert_eq!(one.peer_id, PeerId::new([id; 20]));
            assert_eq!(one.role == Role::Seeder, claim == Claim::Seeder, "{way:?}");
        }
    }
}
