//! Applies the rules of tracking to announces over HTTP: the counts include all members, the listed peers are HTTP
//! members only.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use rand::seq::SliceRandom;

use super::{Reply, Tracker, claimed_role};
use crate::cluster::wire::{HttpPeer, WireItem};
use crate::limits::QuotaUsage;
use crate::protocol::http::{Endpoint, HttpAnnounce, HttpAnnounceReply, HttpFailure};
use crate::protocol::{Counts, Event, InfoHash, PeerId, Scrape};
use crate::swarm::{
    AddressGroup, CreateSwarmError, HttpJoinResult, HttpMemberUpdate, HttpOwner, HttpRefreshResult,
    Swarm,
};

/// The result of an announce over HTTP.
#[derive(Debug)]
pub struct HttpOutcome {
    /// The reply to its sender.
    pub reply: Result<HttpAnnounceReply, HttpFailure>,
    /// The owner of a member that has left, or of one that did not join: the member no longer counts for it.
    pub released_owner: Option<HttpOwner>,
    /// Whether the membership was created with another key, so nothing has changed.
    pub key_mismatch: bool,
}

/// A reservation for one more member: the owner it counts for, and the quota it counts in. The quota is `None` for an
/// address that is not limited.
#[derive(Debug, Default)]
pub struct HttpReservation {
    /// Stored with the member in the swarm.
    pub owner: HttpOwner,
    /// The quota that already counts this member.
    pub quota_usage: Option<Arc<QuotaUsage>>,
}

impl HttpOutcome {
    fn success(reply: HttpAnnounceReply) -> Self {
        Self {
            reply: Ok(reply),
            released_owner: None,
            key_mismatch: false,
        }
    }

    fn failure(failure: HttpFailure, released_owner: Option<HttpOwner>) -> Self {
        Self {
            reply: Err(failure),
            released_owner,
            key_mismatch: false,
        }
    }
}

impl Tracker {
    /// Serves an announce over HTTP from the client at `from`. `room` is called before a new member is added: it counts
    /// the member, or returns why it is refused.
    pub fn announce_http(
        &self,
        from: &Endpoint,
        announce: &HttpAnnounce,
        (now, rng): (Duration, &mut impl Rng),
        room: impl FnOnce() -> Result<HttpReservation, HttpFailure>,
    ) -> HttpOutcome {
        if announce.event == Event::Stopped {
            return self.leave_http(from, announce);
        }
        if !self.info_hash_filter.allows(&announce.info_hash) {
            let left = self.leave_http(from, announce);
            return HttpOutcome::failure(HttpFailure::NotAllowed, left.released_owner);
        }
        let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        // Two of three intervals: the creator has missed its turn, and the sender is most likely the same client with a
        // new key.
        let stale_before_second = now.saturating_sub(self.rules.http_membership_ttl() * 2 / 3);
        let update = HttpMemberUpdate {
            peer_id: announce.peer_id,
            key: announce.key,
            claimed_role: claimed_role(announce.event, announce.left),
            completed: announce.event == Event::Completed,
            announced_second: seconds(now),
            stale_before_second: seconds(stale_before_second),
        };
        let client = (announce.peer_id, announce.key);
        let mut make_reply = |swarm: &mut Swarm| HttpAnnounceReply {
            counts: swarm.counts(),
            peers: swarm.http_peers(from, client, announce.numwant, rng),
        };
        let refreshed = self.swarms.with_swarm(&announce.info_hash, |swarm| {
            let refreshed = swarm.http_refresh(from, update);
            (refreshed != HttpRefreshResult::NotMember).then(|| (refreshed, make_reply(swarm)))
        });
        match refreshed.flatten() {
            Some((refreshed, reply)) => HttpOutcome {
                key_mismatch: refreshed == HttpRefreshResult::WrongKey,
                ..HttpOutcome::success(reply)
            },
            None => match room() {
                Ok(room) => self.join_http(from, announce.info_hash, (update, room), make_reply),
                Err(failure) => HttpOutcome::failure(failure, None),
            },
        }
    }

    fn join_http(
        &self,
        from: &Endpoint,
        info_hash: InfoHash,
        (update, room): (HttpMemberUpdate, HttpReservation),
        make_reply: impl FnOnce(&mut Swarm) -> HttpAnnounceReply,
    ) -> HttpOutcome {
        let owner = room.owner;
        if !self.swarms.reserve_http_peer(self.rules.http_peers_max()) {
            return HttpOutcome::failure(HttpFailure::PeersMax, Some(owner));
        }
        let may_create = |free| {
            let swarm_quota = self.rules.address_swarm_quota();
            let quota_usage = room.quota_usage.as_deref();
            quota_usage
                .is_none_or(|quota_usage| quota_usage.allows_counted_swarm(free, swarm_quota))
        };
        let group = room.quota_usage.as_deref().and_then(QuotaUsage::group);
        let members_max = self.rules.address_http_peers_per_swarm_max();
        let owner_and_limit = (
            owner,
            group.map(|group| (AddressGroup::of_address(group), members_max)),
        );
        let joined = self.swarms.with_or_create(&info_hash, may_create, |swarm| {
            match swarm.http_join(from, update, owner_and_limit) {
                HttpJoinResult::GroupFull => {
                    (HttpJoinResult::GroupFull, HttpAnnounceReply::default())
                }
                joined => (joined, make_reply(swarm)),
            }
        });
        match joined {
            Ok((HttpJoinResult::New, reply)) => HttpOutcome::success(reply),
            // The same client joined first on another connection.
            Ok((HttpJoinResult::Existing, reply)) => {
                self.swarms.release_http_peers(1);
                HttpOutcome {
                    released_owner: Some(owner),
                    ..HttpOutcome::success(reply)
                }
            }
            Ok((HttpJoinResult::GroupFull, _)) => {
                self.swarms.release_http_peers(1);
                HttpOutcome::failure(HttpFailure::AddressSwarmPeersMax, Some(owner))
            }
            Err(full) => {
                self.swarms.release_http_peers(1);
                let failure = match full {
                    CreateSwarmError::TableFull => HttpFailure::SwarmsMax,
                    CreateSwarmError::SenderQuota => HttpFailure::AddressSwarmsMax,
                };
                HttpOutcome::failure(failure, Some(owner))
            }
        }
    }

    fn leave_http(&self, from: &Endpoint, announce: &HttpAnnounce) -> HttpOutcome {
        let left = self.swarms.with_swarm(&announce.info_hash, |swarm| {
            let key_mismatch = swarm.http_has_other_key(from, announce.key);
            let released = swarm.http_leave(from, announce.peer_id, announce.key);
            // When the last member leaves, the swarm and its download count are removed.
            let counts = (!swarm.is_empty()).then(|| swarm.counts());
            (released, counts.unwrap_or_default(), key_mismatch)
        });
        let (released, counts, key_mismatch) = left.unwrap_or_default();
        self.swarms
            .release_http_peers(usize::from(released.is_some()));
        HttpOutcome {
            reply: Ok(HttpAnnounceReply {
                counts,
                ..HttpAnnounceReply::default()
            }),
            released_owner: released,
            key_mismatch,
        }
    }

    /// Returns up to `wanted` members that announce over HTTP, for a client of another node.
    #[must_use]
    pub fn list_http_peers(
        &self,
        info_hash: &InfoHash,
        wanted: usize,
        rng: &mut impl Rng,
    ) -> Vec<HttpPeer> {
        if !self.allows(info_hash) {
            return Vec::new();
        }
        // Nobody is left out: no client has port 0.
        let (from, client) = (Endpoint::V4([0; 6]), (PeerId::new([0; 20]), None));
        let peers = self.swarms.with_swarm(info_hash, |swarm| {
            swarm.http_peers(&from, client, wanted, rng)
        });
        let peers = peers.unwrap_or_default();
        let v4 = peers.v4.into_iter().map(|(at, peer_id)| HttpPeer {
            endpoint: Endpoint::V4(at),
            peer_id,
        });
        let v6 = peers.v6.into_iter().map(|(at, peer_id)| HttpPeer {
            endpoint: Endpoint::V6(at),
            peer_id,
        });
        let mut peers: Vec<_> = v4.chain(v6).collect();
        // Of a client with both addresses either may be taken.
        peers.shuffle(rng);
        peers.truncate(wanted.min(HttpPeer::COUNT_MAX));
        peers
    }

    /// Serves a scrape over HTTP.
    ///
    /// # Errors
    ///
    /// The scrape asks for all swarms, which is not allowed.
    pub fn scrape_http(&self, scrape: Scrape) -> Result<Vec<(InfoHash, Counts)>, HttpFailure> {
        match self.scrape(scrape) {
            Reply::Scrape(files) => Ok(files),
            _ => Err(HttpFailure::FullScrape),
        }
    }
}
