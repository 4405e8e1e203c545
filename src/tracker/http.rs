//! The rules for those who announce over HTTP: the counts are everybody's, the peers they are told of are each other.

use std::time::Duration;

use rand::Rng;

use super::{Reply, Tracker, claim};
use crate::protocol::http::{Announce, Endpoint, Failure, Reply as Told};
use crate::protocol::{Counts, Event, InfoHash, Scrape};
use crate::swarm::{HttpSaid, Joined, Owner, Swarm};

/// What comes of an announce over HTTP.
#[derive(Debug)]
pub struct HttpOutcome {
    /// What its sender is told.
    pub told: Result<Told, Failure>,
    /// Whom somebody no longer counts for: a member that has left, or one that has not become one.
    pub released: Option<Owner>,
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
    /// Serves an announce over HTTP of somebody at `from`. `room` is asked before it becomes a member: whom it is to be counted
    /// for, or why it must not.
    pub fn announce_http(
        &self,
        from: &Endpoint,
        announce: &Announce,
        (now, rng): (Duration, &mut impl Rng),
        room: impl FnOnce() -> Result<Owner, Failure>,
    ) -> HttpOutcome {
        if announce.event == Event::Stopped {
            return self.leave_http(from, announce);
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
                Ok(owner) => self.join_http(from, announce.info_hash, (said, owner), tell),
                Err(failure) => HttpOutcome::refused(failure, None),
            },
        }
    }

    fn join_http(
        &self,
        from: &Endpoint,
        info_hash: InfoHash,
        (said, owner): (HttpSaid, Owner),
        tell: impl FnOnce(&Swarm) -> Told,
    ) -> HttpOutcome {
        if !self.swarms.take_http_peer(self.rules.http_peers_max()) {
            return HttpOutcome::refused(Failure::Peers, Some(owner));
        }
        let joined = self.swarms.with_new(&info_hash, |swarm| {
            (swarm.http_join(from, said, owner), tell(swarm))
        });
        match joined {
            Some((Joined::New, told)) => HttpOutcome::told(told),
            // The same client was quicker on another connection.
            Some((Joined::Before, told)) => {
                self.swarms.give_up_http_peers(1);
                HttpOutcome {
                    told: Ok(told),
                    released: Some(owner),
                }
            }
            None => {
                self.swarms.give_up_http_peers(1);
                HttpOutcome::refused(Failure::Swarms, Some(owner))
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
