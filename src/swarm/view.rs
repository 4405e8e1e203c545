//! The members of a swarm one by one, as views and counts show them: those over WebSockets first, then those over HTTP.

use super::{Role, Swarm};
use crate::protocol::http::Endpoint;
use crate::protocol::{ConnectionId, PeerId};

/// A member as a view shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// The id that it announces.
    pub peer_id: PeerId,
    /// Whether it has everything.
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
        /// Where it takes connections.
        at: Endpoint,
        /// Second of its last announce, since the process started.
        heard: u32,
    },
}

impl Swarm {
    /// How many members there are, however they announce.
    #[must_use]
    pub fn len(&self) -> usize {
        let http = self.http.as_ref().map_or(0, |http| http.len());
        self.members.len() + http
    }

    /// The member at one of [`Self::len`] places. Of each kind leechers stand before seeders, and who announces over HTTP comes
    /// behind the others. A place is good until somebody joins, leaves or changes its role.
    #[must_use]
    pub fn shown_at(&self, place: usize) -> Option<Shown> {
        if let Some((member, role)) = self.members.role_at(place) {
            return Some(Shown {
                peer_id: member.peer_id,
                role,
                way: Way::WebSocket(member.connection),
            });
        }
        let place = place.checked_sub(self.members.len())?;
        self.http.as_ref()?.shown_at(place)
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
                let said = HttpSaid {
                    peer_id: PeerId::new([2; 20]),
                    key: None,
                    claim,
                    completed: false,
                    at: port.into(),
                    stale_before: 0,
                };
                let port = std::num::NonZeroU16::new(port).expect("not 0");
                let at = Endpoint::new(address.parse().expect("an address"), port);
                swarm.http_join(&at, said, (None, None));
                let heard = said.at;
                expected.push((Way::Http { at, heard }, claim));
            }
        }
        assert_eq!(swarm.len(), 9);
        let shown: Vec<_> = (0..9).filter_map(|place| swarm.shown_at(place)).collect();
        assert_eq!(swarm.shown_at(9), None);
        for (way, claim) in expected {
            let of_way = |shown: &&Shown| shown.way == way;
            let mut found = shown.iter().filter(of_way);
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
