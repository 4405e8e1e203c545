//! Gives views and counts access to single members of a swarm: WebSocket members first, then HTTP members.

use std::time::Duration;

use super::matchmaking::MatchClock;
use super::{Role, Swarm};
use crate::protocol::http::Endpoint;
use crate::protocol::{ConnectionId, PeerId};

/// A member as shown in a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberView {
    /// Its announced `peer_id`.
    pub peer_id: PeerId,
    /// Seeder or leecher.
    pub role: Role,
    /// How it announces.
    pub transport: MemberTransport,
}

/// How a member announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberTransport {
    /// Over this WebSocket.
    WebSocket(ConnectionId),
    /// Over HTTP.
    Http {
        /// The endpoint where it accepts connections.
        endpoint: Endpoint,
        /// Time of its last announce, in seconds since the process started.
        last_announce_second: u32,
    },
}

/// What is known of the introductions of one member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberIntroductions {
    /// Members with which it had an answered introduction, as far as they are remembered: half of them are forgotten
    /// every ten minutes.
    pub answered: u8,
    /// Introductions that may still be answered.
    pub under_way: u8,
    /// Offers in a row that it left unanswered, up to 15.
    pub missed: u8,
    /// Whether it had any introduction.
    pub was_introduced: bool,
    /// Whether it never had an answered introduction.
    pub is_alone: bool,
}

impl Swarm {
    /// Returns what is known of the introductions of the member at one of [`Self::len`] positions; `None` for one that
    /// announces over HTTP. `now` is the time since the process started.
    pub fn introductions_at(
        &mut self,
        position: usize,
        now: Duration,
    ) -> Option<MemberIntroductions> {
        let clock = MatchClock::new(now, self.members.patience);
        self.members.settle_at(position, clock);
        let record = self.members.record_at(position)?;
        Some(MemberIntroductions {
            answered: record.answered(),
            under_way: record.under_way(),
            missed: record.missed(),
            was_introduced: record.was_introduced(),
            is_alone: record.is_alone(),
        })
    }

    /// Returns the number of all members.
    #[must_use]
    pub fn len(&self) -> usize {
        let http = self.http.as_ref().map_or(0, |http| http.len());
        self.members.len() + http
    }

    /// Returns the member at one of [`Self::len`] positions. WebSocket members come before HTTP members; in each kind
    /// leechers come before seeders. A position is valid until a member joins, leaves or changes its role.
    #[must_use]
    pub fn view_at(&self, position: usize) -> Option<MemberView> {
        if let Some((member, role)) = self.members.member_at(position) {
            return Some(MemberView {
                peer_id: member.peer_id,
                role,
                transport: MemberTransport::WebSocket(member.connection),
            });
        }
        let position = position.checked_sub(self.members.len())?;
        self.http.as_ref()?.view_at(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::swarm::{AddressGroup, ClaimedRole, HttpMemberUpdate, Member};

    #[test]
    fn every_member_has_exactly_one_position() {
        let mut swarm = Swarm::default();
        assert_eq!((swarm.len(), swarm.view_at(0)), (0, None));
        let claims = [
            ClaimedRole::Seeder,
            ClaimedRole::Leecher,
            ClaimedRole::Seeder,
        ];
        let mut expected = Vec::new();
        for (number, claim) in (0..).zip(claims) {
            let member = Member {
                connection: ConnectionId::new(0, number, 0),
                peer_id: PeerId::new([1; 20]),
            };
            let group = AddressGroup::of_connection(member.connection);
            swarm.join((member, group, None), claim, false, Duration::ZERO);
            expected.push((MemberTransport::WebSocket(member.connection), claim));
        }
        for address in ["192.0.2.1", "2001:db8::1"] {
            for (port, claim) in (1..).zip(claims) {
                let update = HttpMemberUpdate {
                    peer_id: PeerId::new([2; 20]),
                    key: None,
                    claimed_role: claim,
                    completed: false,
                    announced_second: port.into(),
                    stale_before_second: 0,
                };
                let port = std::num::NonZeroU16::new(port).expect("not 0");
                let at = Endpoint::new(address.parse().expect("an address"), port);
                swarm.http_join(&at, update, (None, None));
                let heard = update.announced_second;
                expected.push((
                    MemberTransport::Http {
                        endpoint: at,
                        last_announce_second: heard,
                    },
                    claim,
                ));
            }
        }
        assert_eq!(swarm.len(), 9);
        let shown: Vec<_> = (0..9)
            .filter_map(|position| swarm.view_at(position))
            .collect();
        assert_eq!(swarm.view_at(9), None);
        for (way, claim) in expected {
            let has_transport = |shown: &&MemberView| shown.transport == way;
            let mut found = shown.iter().filter(has_transport);
            let one = found.next().expect("it is shown");
            assert_eq!(found.next(), None, "{way:?} is shown twice");
            let id = if matches!(way, MemberTransport::Http { .. }) {
                2
            } else {
                1
            };
            assert_eq!(one.peer_id, PeerId::new([id; 20]));
            assert_eq!(
                one.role == Role::Seeder,
                claim == ClaimedRole::Seeder,
                "{way:?}"
            );
        }
    }
}
