//! The rules for those who announce over HTTP: the counts are everybody's, the peers they are told of are each other.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;

use super::{Reply, Tracker, claim};
use crate::limits::Share;
use crate::protocol::http::{Announce, Endpoint, Failure, Reply as Told};
use crate::protocol::{Counts, Event, InfoHash, Scrape};
use crate::swarm::{Full, HttpSaid, Joined, Owner, Swarm};

/// What comes of an announce over HTTP.
#[derive(Debug)]
pub struct HttpOutcome {
    /// What its sender is told.
    pub told: Result<Told, Failure>,
    /// Whom somebody no longer counts for: a member that has left, or one that has not become one.
    pub released: Option<Owner>,
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
        }
    }

    fn refused(failure: Failure, released: Option<Owner>) -> Self {
        Self {
            told: Err(failure),
            released,
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
        let said = HttpSaid {
            peer_id: announce.peer_id,
            claim: claim(announce.event, announce.left),
            completed: announce.event == Event::Completed,
            at: u32::try_from(now.as_secs()).unwrap_or(u32::MAX),
        };
        let mut tell = |swarm: &Swarm| Told {
            counts: swarm.counts(),
            peers: swarm.http_peers(from, announce.wanted, rng),
        };
        let refreshed = self.swarms.with(&announce.info_hash, |swarm| {
            swarm.http_refresh(from, said).then(|| tell(swarm))
        });
        match refreshed.flatten() {
            Some(told) => HttpOutcome::told(told),
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
        tell: impl FnOnce(&Swarm) -> Told,
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
        let joined = self.swarms.with_new(&info_hash, may_begin, |swarm| {
            (swarm.http_join(from, said, owner), tell(swarm))
        });
        match joined {
            Ok((Joined::New, told)) => HttpOutcome::told(told),
            // The same client was quicker on another connection.
            Ok((Joined::Before, told)) => {
                self.swarms.give_up_http_peers(1);
                HttpOutcome {
                    told: Ok(told),
                    released: Some(owner),
                }
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
            let released = swarm.http_leave(from, announce.peer_id);
            (released, swarm.counts())
        });
        let (released, counts) = left.unwrap_or_default();
        self.swarms
            .give_up_http_peers(usize::from(released.is_some()));
        HttpOutcome {
            told: Ok(Told {
                counts,
                ..Told::default()
            }),
            released,
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
