//! The naive model of the tracking rules: plain lists with linear search.
//!
//! It computes everything that the rules determine. The random choice among eligible members is passed in afterwards,
//! and the model checks whether it was allowed.

use std::collections::BTreeMap;
use std::time::Duration;

use swarmhub::protocol::{ConnectionId, Counts, InfoHash, OfferId, PeerId};
use swarmhub::tracker::Rules;

use super::http::{HttpMember, paired_counts};
use super::introductions::Introduction;

/// How many members with one `peer_id` may send a connection the same `offer_id`.
const COPIES_MAX: usize = 4;

/// A member within a swarm.
pub(super) type Member = (ConnectionId, PeerId);

/// The expected state of the tracker.
pub(super) struct Naive {
    pub(super) rules: Rules,
    pub(super) now: Duration,
    pub(super) swarms: BTreeMap<InfoHash, Swarm>,
    /// In the order of relaying.
    pub(super) pending: Vec<ModelOffer>,
    /// All introductions of present members, in order.
    pub(super) introductions: Vec<Introduction>,
    /// When an offer was withheld because of too many copies.
    pub(super) withheld_at: Option<Duration>,
    pub(super) connections: BTreeMap<ConnectionId, Connection>,
}

#[derive(Default)]
pub(super) struct Swarm {
    pub(super) members: Vec<ModelMember>,
    pub(super) http: Vec<HttpMember>,
    pub(super) downloaded: u32,
}

pub(super) struct ModelMember {
    pub(super) member: Member,
    pub(super) is_seeder: bool,
    last_announce: Duration,
    completed: bool,
}

/// A relayed offer without an answer.
#[derive(Clone, Copy)]
pub(super) struct ModelOffer {
    pub(super) info_hash: InfoHash,
    pub(super) from: Member,
    pub(super) to: Member,
    pub(super) offer_id: OfferId,
    pub(super) relayed_at: Duration,
}

#[derive(Default)]
pub(super) struct Connection {
    blocked: bool,
    /// Its memberships, oldest first, including expired ones of which it was not notified yet.
    pub(super) memberships: Vec<(InfoHash, PeerId)>,
}

/// The fields of an announce except its offers.
#[derive(Clone, Copy)]
pub(super) struct AnnounceFields {
    pub(super) info_hash: InfoHash,
    pub(super) peer_id: PeerId,
    pub(super) stopped: bool,
    pub(super) completed: bool,
    /// Whether data is missing, if `left` is usable.
    pub(super) left: Option<bool>,
}

/// The members that may receive offers: all of `first` before any of `second`.
#[derive(Default)]
pub(super) struct Eligible {
    pub(super) first: Vec<Member>,
    pub(super) second: Vec<Member>,
}

impl Swarm {
    pub(super) fn counts(&self) -> Counts {
        let (twice_seeders, twice_leechers) = paired_counts(&self.http);
        let seeders = self.members.iter().filter(|state| state.is_seeder).count()
            + self.http.iter().filter(|member| member.is_seeder).count()
            - twice_seeders;
        let twice = twice_seeders + twice_leechers;
        let members = self.members.len() + self.http.len() - twice;
        let number = |count| u32::try_from(count).unwrap_or(u32::MAX);
        Counts {
            complete: number(seeders),
            incomplete: number(members - seeders),
            downloaded: self.downloaded,
        }
    }

    fn find(&mut self, member: Member) -> Option<&mut ModelMember> {
        self.members.iter_mut().find(|state| state.member == member)
    }
}

impl Naive {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            now: Duration::ZERO,
            swarms: BTreeMap::new(),
            pending: Vec::new(),
            introductions: Vec::new(),
            withheld_at: None,
            connections: BTreeMap::new(),
        }
    }

    pub(super) fn counts(&self, info_hash: InfoHash) -> Counts {
        self.swarms
            .get(&info_hash)
            .map_or_else(Counts::default, Swarm::counts)
    }

    fn is_member(&self, info_hash: InfoHash, member: Member) -> bool {
        let swarm = self.swarms.get(&info_hash);
        swarm.is_some_and(|swarm| swarm.members.iter().any(|state| state.member == member))
    }

    /// Whether `lifetime` is exceeded, by a clock in whole seconds.
    fn exceeds(&self, since: Duration, lifetime: Duration) -> bool {
        self.now.as_secs() > since.as_secs() + lifetime.as_secs()
    }

    /// Whether an offer has expired, by a clock in milliseconds.
    fn has_expired(&self, offer: &ModelOffer) -> bool {
        let lifetime = self.rules.ttl.pending_offer;
        self.now.as_millis() > offer.relayed_at.as_millis() + lifetime.as_millis()
    }

    /// Applies an announce; returns false if it is refused.
    pub(super) fn announce(&mut self, connection: ConnectionId, said: AnnounceFields) -> bool {
        let member = (connection, said.peer_id);
        if said.stopped {
            self.leave(said.info_hash, member);
            self.remove_membership(connection, said.info_hash, said.peer_id);
            return true;
        }
        let memberships = &self.connection_mut(connection).memberships;
        let is_recorded = memberships.contains(&(said.info_hash, said.peer_id));
        if !is_recorded && memberships.len() >= self.rules.memberships_max {
            return false;
        }
        if !self.is_member(said.info_hash, member) {
            self.join(said.info_hash, member);
        }
        let now = self.now;
        let swarm = self.swarms.entry(said.info_hash).or_default();
        if let Some(state) = swarm.find(member) {
            state.last_announce = now;
            // Without `left` the role is unchanged.
            if said.completed {
                state.is_seeder = true;
            } else if let Some(missing) = said.left {
                state.is_seeder = !missing;
            }
            let first_time = said.completed && !state.completed;
            state.completed |= said.completed;
            swarm.downloaded += u32::from(first_time);
        }
        true
    }

    fn join(&mut self, info_hash: InfoHash, member: Member) {
        let (connection, peer_id) = member;
        let state = ModelMember {
            member,
            is_seeder: false,
            last_announce: self.now,
            completed: false,
        };
        let swarm = self.swarms.entry(info_hash).or_default();
        swarm.members.push(state);
        self.remove_membership(connection, info_hash, peer_id);
        let recorded = &mut self.connection_mut(connection).memberships;
        let is_in_swarm = |(hash, _): &&(InfoHash, PeerId)| *hash == info_hash;
        let own: Vec<_> = recorded.iter().filter(is_in_swarm).copied().collect();
        recorded.push((info_hash, peer_id));
        if own.len() >= self.rules.peer_ids_per_swarm_max
            && let Some((_, oldest)) = own.first()
        {
            self.leave(info_hash, (connection, *oldest));
            self.remove_membership(connection, info_hash, *oldest);
        }
    }

    fn leave(&mut self, info_hash: InfoHash, member: Member) {
        if let Some(swarm) = self.swarms.get_mut(&info_hash) {
            swarm.members.retain(|state| state.member != member);
        }
        self.pending
            .retain(|offer| (offer.info_hash, offer.from) != (info_hash, member));
        self.introductions.retain(|known| {
            known.info_hash != info_hash || (known.from != member && known.to != member)
        });
        self.remove_empty();
    }

    pub(super) fn remove_empty(&mut self) {
        self.swarms
            .retain(|_, swarm| !swarm.members.is_empty() || !swarm.http.is_empty());
    }

    fn connection_mut(&mut self, connection: ConnectionId) -> &mut Connection {
        self.connections.entry(connection).or_default()
    }

    fn remove_membership(
        &mut self,
        connection: ConnectionId,
        info_hash: InfoHash,
        peer_id: PeerId,
    ) {
        if let Some(connection) = self.connections.get_mut(&connection) {
            connection
                .memberships
                .retain(|known| *known != (info_hash, peer_id));
        }
    }

    /// Returns the members that may receive the offers of a member.
    pub(super) fn eligible(&self, info_hash: InfoHash, sender: Member) -> Eligible {
        let mut eligible = Eligible::default();
        let Some(swarm) = self.swarms.get(&info_hash) else {
            return eligible;
        };
        let sender_seeds = swarm
            .members
            .iter()
            .any(|state| state.member == sender && state.is_seeder);
        for state in &swarm.members {
            let (connection, peer_id) = state.member;
            let blocked = self
                .connections
                .get(&connection)
                .is_some_and(|connection| connection.blocked);
            if blocked || connection == sender.0 || peer_id == sender.1 {
                continue;
            }
            if sender_seeds && state.is_seeder {
                eligible.second.push(state.member);
            } else {
                eligible.first.push(state.member);
            }
        }
        eligible
    }

    /// Whether the maximum number of members with this `peer_id` have already sent an offer with this id to the
    /// connection of `to`.
    pub(super) fn has_too_many_copies(
        &self,
        info_hash: InfoHash,
        from: Member,
        to: Member,
        offer_id: OfferId,
    ) -> bool {
        let is_copy = |offer: &&ModelOffer| {
            (offer.info_hash, offer.offer_id, offer.from.1, offer.to.0)
                == (info_hash, offer_id, from.1, to.0)
        };
        let copies: Vec<_> = self.pending.iter().filter(is_copy).collect();
        copies.len() >= COPIES_MAX && copies.iter().all(|offer| offer.from != from)
    }

    /// Records that an offer was relayed to a member.
    pub(super) fn record_offer(
        &mut self,
        info_hash: InfoHash,
        from: Member,
        to: Member,
        offer_id: OfferId,
    ) {
        self.pending.retain(|offer| {
            (offer.info_hash, offer.from, offer.offer_id, offer.to.0)
                != (info_hash, from, offer_id, to.0)
        });
        let is_own = |offer: &ModelOffer| (offer.info_hash, offer.from) == (info_hash, from);
        let own = self.pending.iter().filter(|offer| is_own(offer)).count();
        if own >= self.rules.pending_offers_max
            && let Some(oldest) = self.pending.iter().position(is_own)
        {
            self.pending.remove(oldest);
        }
        let given = self.now;
        self.pending.push(ModelOffer {
            info_hash,
            from,
            to,
            offer_id,
            relayed_at: given,
        });
    }

    /// Removes and returns the offers that an answer is for.
    pub(super) fn answer(
        &mut self,
        connection: ConnectionId,
        info_hash: InfoHash,
        to_peer_id: PeerId,
        offer_id: OfferId,
    ) -> Vec<ModelOffer> {
        let is_meant = |offer: &ModelOffer| {
            (offer.info_hash, offer.offer_id, offer.from.1, offer.to.0)
                == (info_hash, offer_id, to_peer_id, connection)
                && !self.has_expired(offer)
        };
        let (answered, waiting): (Vec<_>, _) =
            self.pending.iter().partition(|offer| is_meant(offer));
        self.pending = waiting;
        let now = self.now;
        for offer in &answered {
            let swarm = self.swarms.get_mut(&info_hash);
            if let Some(state) = swarm.and_then(|swarm| swarm.find(offer.to)) {
                state.last_announce = now;
            }
            self.answer_introduction(info_hash, offer.from, offer.to);
        }
        answered
    }

    pub(super) fn set_blocked(&mut self, connection: ConnectionId, blocked: bool) {
        self.connection_mut(connection).blocked = blocked;
    }

    pub(super) fn close(&mut self, connection: ConnectionId) {
        let closed = self.connections.remove(&connection).unwrap_or_default();
        for (info_hash, peer_id) in closed.memberships {
            self.leave(info_hash, (connection, peer_id));
        }
    }

    /// Removes expired entries. The memberships of connections are unchanged until [`Self::notify_expired`].
    pub(super) fn sweep(&mut self) -> Vec<(InfoHash, Member)> {
        let mut expired = Vec::new();
        for (info_hash, swarm) in &self.swarms {
            for state in &swarm.members {
                if self.exceeds(state.last_announce, self.rules.ttl.membership) {
                    expired.push((*info_hash, state.member));
                }
            }
        }
        for (info_hash, member) in &expired {
            self.leave(*info_hash, *member);
        }
        let (now, ttl) = (self.now.as_secs(), self.rules.ttl.http_membership.as_secs());
        for swarm in self.swarms.values_mut() {
            swarm
                .http
                .retain(|member| now <= member.last_announce.as_secs() + ttl);
        }
        self.remove_empty();
        let pending = std::mem::take(&mut self.pending);
        self.pending = pending
            .into_iter()
            .filter(|offer| !self.has_expired(offer))
            .collect();
        expired
    }

    /// Notifies a connection of an expired membership; it may have joined again meanwhile.
    pub(super) fn notify_expired(&mut self, info_hash: InfoHash, (connection, peer_id): Member) {
        if !self.is_member(info_hash, (connection, peer_id)) {
            self.remove_membership(connection, info_hash, peer_id);
        }
    }
}
