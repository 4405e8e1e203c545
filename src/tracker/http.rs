//! Applies the rules of tracking to announces over HTTP: the counts include all members, the listed peers are HTTP
//! members only.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;

use super::{Reply, Tracker, claim};
use crate::limits::Share;
use crate::protocol::http::{Announce, Endpoint, Failure, Reply as Told};
use crate::protocol::{Counts, Event, InfoHash, Scrape};
use crate::swarm::{Full, Group, HttpJoined, HttpRefreshed, HttpSaid, Owner, Swarm};

/// The result of an announce over HTTP.
#[derive(Debug)]
pub struct HttpOutcome {
    /// The reply to its sender.
    pub told: Result<Told, Failure>,
    /// The owner of a member that has left, or of one that did not join: the member no longer counts for it.
    pub released: Option<Owner>,
    /// Whether the membership was created with another key, so nothing has changed.
    pub has_other_key: bool,
}

/// A reservation for one more member: the owner it counts for, and the quota it counts in. The quota is `None` for an
/// address that is not limited.
#[derive(Debug, Default)]
pub struct HttpRoom {
    /// Stored with the member in the swarm.
    pub owner: Owner,
    /// The quota that already counts this member.
    pub share: Option<Arc<Share>>,
}

impl HttpOutcome {
    fn told(told: Told) -> Self {
        Self {
            told: Ok(told),
            released: None,
            has_other_key: false,
        }
    }

    fn refused(failure: Failure, released: Option<Owner>) -> Self {
        Self {
            told: Err(failure),
            released,
            has_other_key: false,
        }
    }
}

impl Tracker {
    /// Serves an announce over HTTP from the client at `from`. `room` is called before a new member is added: it counts
    /// the member, or returns why it is refused.
    pub fn announce_http(
        &self,
        from: &Endpoint,
        announce: &Announce,
        (now, rng): (Duration, &mut impl Rng),
        room: impl FnOnce() -> Result<HttpRoom, Failure>,
    ) -> HttpOutcome {
        if announce.event == Event::Stopped {
            return self.leave_http(from, announce);
        }
        if !self.access.allows(&announce.info_hash) {
            let left = self.leave_http(from, announce);
            return HttpOutcome::refused(Failure::NotAllowed, left.released);
        }
        let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        // Two of three intervals: the creator has missed its turn, and the sender is most likely the same client with a
        // new key.
        let stale_before = now.saturating_sub(self.rules.http_membership_ttl() * 2 / 3);
        let update = HttpSaid {
            peer_id: announce.peer_id,
            key: announce.key,
            claim: claim(announce.event, announce.left),
            completed: announce.event == Event::Completed,
            at: seconds(now),
            stale_before: seconds(stale_before),
        };
        let client = (announce.peer_id, announce.key);
        let mut make_reply = |swarm: &mut Swarm| Told {
            counts: swarm.counts(),
            peers: swarm.http_peers(from, client, announce.wanted, rng),
        };
        let refreshed = self.swarms.with(&announce.info_hash, |swarm| {
            let refreshed = swarm.http_refresh(from, update);
            (refreshed != HttpRefreshed::NoMember).then(|| (refreshed, make_reply(swarm)))
        });
        match refreshed.flatten() {
            Some((refreshed, told)) => HttpOutcome {
                has_other_key: refreshed == HttpRefreshed::OtherKey,
                ..HttpOutcome::told(told)
            },
            None => match room() {
                Ok(room) => self.join_http(from, announce.info_hash, (update, room), make_reply),
                Err(failure) => HttpOutcome::refused(failure, None),
            },
        }
    }

    fn join_http(
        &self,
        from: &Endpoint,
        info_hash: InfoHash,
        (update, room): (HttpSaid, HttpRoom),
        make_reply: impl FnOnce(&mut Swarm) -> Told,
    ) -> HttpOutcome {
        let owner = room.owner;
        if !self.swarms.take_http_peer(self.rules.http_peers_max()) {
            return HttpOutcome::refused(Failure::Peers, Some(owner));
        }
        let may_create = |free| {
            let swarm_quota = self.rules.address_swarms();
            let quota_usage = room.share.as_deref();
            quota_usage.is_none_or(|quota_usage| quota_usage.may_begin_counted(free, swarm_quota))
        };
        let group = room.share.as_deref().and_then(Share::group);
        let members_max = self.rules.address_http_peers_per_swarm_max();
        let owner_and_limit = (
            owner,
            group.map(|group| (Group::of_address(group), members_max)),
        );
        let joined = self.swarms.with_new(&info_hash, may_create, |swarm| {
            match swarm.http_join(from, update, owner_and_limit) {
                HttpJoined::Full => (HttpJoined::Full, Told::default()),
                joined => (joined, make_reply(swarm)),
            }
        });
        match joined {
            Ok((HttpJoined::New, told)) => HttpOutcome::told(told),
            // The same client joined first on another connection.
            Ok((HttpJoined::Before, told)) => {
                self.swarms.give_up_http_peers(1);
                HttpOutcome {
                    released: Some(owner),
                    ..HttpOutcome::told(told)
                }
            }
            Ok((HttpJoined::Full, _)) => {
                self.swarms.give_up_http_peers(1);
                HttpOutcome::refused(Failure::AddressSwarmPeers, Some(owner))
            }
            Err(full) => {
                self.swarms.give_up_http_peers(1);
                let failure = match full {
                    Full::Table => Failure::Swarms,
                    Full::Sender => Failure::AddressSwarms,
                };
                HttpOutcome::refused(failure, Some(owner))
            }
        }
    }

    fn leave_http(&self, from: &Endpoint, announce: &Announce) -> HttpOutcome {
        let left = self.swarms.with(&announce.info_hash, |swarm| {
            let has_other_key = swarm.http_has_other_key(from, announce.key);
            let released = swarm.http_leave(from, announce.peer_id, announce.key);
            // When the last member leaves, the swarm and its download count are removed.
            let counts = (!swarm.is_empty()).then(|| swarm.counts());
            (released, counts.unwrap_or_default(), has_other_key)
        });
        let (released, counts, has_other_key) = left.unwrap_or_default();
        self.swarms
            .give_up_http_peers(usize::from(released.is_some()));
        HttpOutcome {
            told: Ok(Told {
                counts,
                ..Told::default()
            }),
            released,
            has_other_key,
        }
    }

    /// Serves a scrape over HTTP.
    ///
    /// # Errors
    ///
    /// The scrape asks for all swarms, which is not allowed.
    pub fn scrape_http(&self, scrape: Scrape) -> Result<Vec<(InfoHash, Counts)>, Failure> {
        match self.scrape(scrape) {
            Reply::Scrape(files) => Ok(files),
            _ => Err(Failure::FullScrape),
        }
    }
}
