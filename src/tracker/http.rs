//! The rules for those who announce over HTTP: the counts are everybody's, the peers they are told of are each other.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;

use super::{Reply, Tracker, claim};
use crate::limits::Share;
use crate::protocol::http::{Announce, Endpoint, Failure, Reply as Told};
use crate::protocol::{Counts, Event, InfoHash, Scrape};
use crate::swarm::{Full, Group, HttpJoined, HttpRefreshed, HttpSaid, Owner, Swarm};

/// What comes of an announce over HTTP.
#[derive(Debug)]
pub struct HttpOutcome {
    /// What its sender is told.
    pub told: Result<Told, Failure>,
    /// Whom somebody no longer counts for: a member that has left, or one that has not become one.
    pub released: Option<Owner>,
    /// Whether it was for a membership that was begun with another key, so that nothing has changed.
    pub has_other_key: bool,
}

/// Room for one more member: whom it counts for, and the share of the swarm table in which it does; `None` for one that is
/// not limited.
#[derive(Debug, Default)]
pub struct HttpRoom {
    /// What the swarm keeps of it.
    pub owner: Owner,
    /// It is counted in there.
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
    /// Serves an announce over HTTP of somebody at `from`. `room` is asked before it becomes a member: it
    /// counts it, or says why it must not be one.
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
        // Two of three intervals: who began it has missed its turn, and whoever announces is mostly the same client under a new key.
        let stale_before = now.saturating_sub(self.rules.http_membership_ttl() * 2 / 3);
        let said = HttpSaid {
            peer_id: announce.peer_id,
            key: announce.key,
            claim: claim(announce.event, announce.left),
            completed: announce.event == Event::Completed,
            at: seconds(now),
            stale_before: seconds(stale_before),
        };
        let who = (announce.peer_id, announce.key);
        let mut tell = |swarm: &mut Swarm| Told {
            counts: swarm.counts(),
            peers: swarm.http_peers(from, who, announce.wanted, rng),
        };
        let refreshed = self.swarms.with(&announce.info_hash, |swarm| {
            let refreshed = swarm.http_refresh(from, said);
            (refreshed != HttpRefreshed::NoMember).then(|| (refreshed, tell(swarm)))
        });
        match refreshed.flatten() {
            Some((refreshed, told)) => HttpOutcome {
                has_other_key: refreshed == HttpRefreshed::OtherKey,
                ..HttpOutcome::told(told)
            },
            None => match room() {
                Ok(room) => self.join_http(from, announce.info_hash, (said, room), tell),
                Err(failure) => HttpOutcome::refused(failure, None),
            },
        }
    }

    fn join_http(
        &self,
        from: &Endpoint,
        info_hash: InfoHash,
        (said, room): (HttpSaid, HttpRoom),
        tell: impl FnOnce(&mut Swarm) -> Told,
    ) -> HttpOutcome {
        let owner = room.owner;
        if !self.swarms.take_http_peer(self.rules.http_peers_max()) {
            return HttpOutcome::refused(Failure::Peers, Some(owner));
        }
        let may_begin = |free| {
            let portion = self.rules.address_swarms();
            let share = room.share.as_deref();
            share.is_none_or(|share| share.may_begin_counted(free, portion))
        };
        let group = room.share.as_deref().and_then(Share::group);
        let most = self.rules.address_http_peers_per_swarm_max();
        let whose = (owner, group.map(|group| (Group::of_address(group), most)));
        let joined = self.swarms.with_new(&info_hash, may_begin, |swarm| {
            match swarm.http_join(from, said, whose) {
                HttpJoined::Full => (HttpJoined::Full, Told::default()),
                joined => (joined, tell(swarm)),
            }
        });
        match joined {
            Ok((HttpJoined::New, told)) => HttpOutcome::told(told),
            // The same client was quicker on another connection.
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
            // The last one takes the swarm along, with the downloads that it had.
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
    /// It asks for everything, which is not allowed.
    pub fn scrape_http(&self, scrape: Scrape) -> Result<Vec<(InfoHash, Counts)>, Failure> {
        match self.scrape(scrape) {
            Reply::Scrape(files) => Ok(files),
            _ => Err(Failure::FullScrape),
        }
    }
}
